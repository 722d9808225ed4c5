"""What the methods that look at 8 x 8 blocks share: frequencies, tables, DCT on a shifted grid, sizes of samples."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from assay.forensics.compression.tables import BASES, scaled
from assay.media import Plane

Frequency = tuple[int, int]
"""(vertical, horizontal), each 0 to 7."""
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

DC: Frequency = (0, 0)
BASIS: Doubles = dct(np.eye(8), axis=0, norm="ortho")
"""(frequency, sample): the orthonormal DCT-II of 8 samples."""


def zigzag(count: int = 64) -> tuple[Frequency, ...]:
    """The first ``count`` frequencies in zigzag order, DC first."""
    order = sorted(
        ((v, h) for v in range(8) for h in range(8)),
        key=lambda f: (f[0] + f[1], f[0] if (f[0] + f[1]) % 2 else f[1]),
    )
    return tuple(order[:count])


def luma_table(quality: int) -> npt.NDArray[np.int64]:
    """(8, 8) Annex K luma table, [v, h], as the IJG's encoder scales it at ``quality`` 1 to 100."""
    return scaled(BASES[0][2], quality).astype(np.int64)


def nearest_quality(steps: Mapping[Frequency, float]) -> tuple[int, float]:
    """The IJG quality whose luma table lies nearest to some steps, and the mean absolute difference to it in steps.

    Raises ValueError for no steps.
    """
    if not steps:
        raise ValueError("no steps to compare with")
    at = tuple(np.array(list(steps)).T)
    known = np.array(list(steps.values()), dtype=np.float64)
    # Near 100 many qualities share steps: of equals the middle one is taken.
    away = [float(np.abs(luma_table(q)[at] - known).mean()) for q in range(1, 101)]
    equal = np.flatnonzero(np.isclose(away, min(away)))
    return int(equal[len(equal) // 2]) + 1, min(away)


def grid_dct(
    samples: npt.NDArray[np.floating], dy: int, dx: int, frequencies: Sequence[Frequency]
) -> npt.NDArray[np.float32]:
    """Chosen DCT coefficients of the whole 8 x 8 blocks whose grid starts at row ``dy``, column ``dx``.

    ``samples`` (rows, columns), 128 for mid grey; gives (block rows, block columns, frequencies) float32.
    """
    rows, columns = max(0, (samples.shape[0] - dy) // 8), max(0, (samples.shape[1] - dx) // 8)
    result = np.empty((rows, columns, len(frequencies)), dtype=np.float32)
    vertical, horizontal = sorted({f[0] for f in frequencies}), sorted({f[1] for f in frequencies})
    left, right = BASIS[vertical].astype(np.float32), BASIS[horizontal].astype(np.float32)
    # In bands, so that the copies stay small beside the picture.
    for top in range(0, rows, 64):
        count = min(64, rows - top)
        band = samples[dy + 8 * top : dy + 8 * (top + count), dx : dx + 8 * columns].astype(np.float32) - 128.0
        along = band.reshape(count, 8, columns, 8) @ right.T
        both = np.tensordot(along, left, axes=(1, 1))
        for index, (v, h) in enumerate(frequencies):
            result[top : top + count, :, index] = both[:, :, horizontal.index(h), vertical.index(v)]
    return result


def decoded(plane: Plane) -> Floats:
    """The samples of a plane, neither rounded nor clipped, whole blocks: as ``Plane.samples``, but in bands so that
    no second copy of the picture is ever held. (8 * block rows, 8 * block columns) float32.
    """
    rows, columns = plane.blocks.shape[:2]
    out = np.empty((rows * 8, columns * 8), dtype=np.float32)
    inverse = BASIS.astype(np.float32)
    table = plane.table.astype(np.float32)
    for top in range(0, rows, 32):
        band = plane.blocks[top : top + 32].astype(np.float32) * table
        spatial = inverse.T @ band @ inverse
        count = len(band)
        out[top * 8 : (top + count) * 8] = spatial.transpose(0, 2, 1, 3).reshape(count * 8, columns * 8) + 128.0
    return out


def cut_off(rgb: npt.NDArray[np.uint8], margin: int = 4) -> npt.NDArray[np.bool_]:
    """Pixels, (H, W), of which a channel lies within ``margin`` of black or white: there a decoder cut values off,
    which breaks every model of rounding.
    """
    return np.asarray(((rgb <= margin) | (rgb >= 255 - margin)).any(axis=2))


def marked_blocks(
    pixels: npt.NDArray[np.bool_], shape: tuple[int, int], dy: int = 0, dx: int = 0, most: int = 4
) -> npt.NDArray[np.bool_]:
    """Blocks of which more than ``most`` pixels are marked, on the grid that starts at row ``dy``, column ``dx`` of
    ``shape`` whole blocks, as :func:`grid_dct` counts them. What lies outside ``pixels`` is not marked.
    """
    rows, columns = max(0, shape[0] - (dy > 0)), max(0, shape[1] - (dx > 0))
    padded = np.zeros((rows * 8, columns * 8), bool)
    inside = pixels[dy : dy + rows * 8, dx : dx + columns * 8]
    padded[: inside.shape[0], : inside.shape[1]] = inside
    counts = padded.reshape(rows, 8, columns, 8).sum(axis=(1, 3), dtype=np.uint8)
    return np.asarray(counts > most)
