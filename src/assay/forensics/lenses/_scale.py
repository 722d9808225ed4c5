"""How lenses bring numbers to the 0 to 255 of a view, a band of rows at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def bands(height: int, rows: int = 1024, margin: int = 0) -> Iterator[tuple[slice, slice, slice]]:
    """Cut ``height`` rows into bands, so that float copies of a large picture stay small.

    Yields (the band, the band with up to ``margin`` rows around it, where the band lies within the latter).
    """
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        top, bottom = max(0, start - margin), min(height, stop + margin)
        yield slice(start, stop), slice(top, bottom), slice(start - top, stop - top)


def strips(height: int, count: int = 12, rows: int = 96) -> list[slice]:
    """Up to ``count`` strips of rows, evenly spread: enough to set a scale by without a pass over everything."""
    if height <= count * rows:
        return [slice(0, height)]
    return [slice(start, start + rows) for start in np.linspace(0, height - rows, count).astype(int).tolist()]


def thinned(array: npt.NDArray[np.generic], most: int = 500_000) -> npt.NDArray[np.generic]:
    """Every k-th row and column of ``array``, with the smallest k that leaves at most ``most`` pixels."""
    step = int(np.ceil(np.sqrt(max(1.0, array.shape[0] * array.shape[1] / most))))
    return array[::step, ::step]


def spread(array: Floats, low: float, high: float) -> Gray:
    """``low`` becomes 0 and ``high`` 255, what lies beyond is cut off; ``array`` is not changed."""
    scaled = np.subtract(array, low, dtype=np.float32)
    scaled *= 255.0 / (high - low)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def counts(values: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.int64]:
    """How often each level occurs in an integer array: 256 or 65536 counts."""
    levels = 256 if values.dtype == np.uint8 else 65536
    total = np.zeros(levels, dtype=np.int64)
    for band, _, _ in bands(values.shape[0], 256):
        total += np.bincount(values[band].ravel(), minlength=levels)
    return total


def level_below(histogram: npt.NDArray[np.int64], share: float) -> int:
    """The lowest level at or below which at least ``share`` of the counted values lie."""
    running = np.cumsum(histogram)
    return int(np.searchsorted(running, share * running[-1]))


__all__ = ["Floats", "Gray", "bands", "counts", "level_below", "spread", "strips", "thinned"]
