"""Pixel AUC of a heat map against a mask.

The protocol: the heat map is laid over the stored picture, each pixel taking the value of the cell that its centre
falls in (nearest, nothing is smoothed). Pixels without a value, be they NaN or outside the map, take the median of the
others, so that saying nothing is worth chance. All pixels count, those at the mask's border and at the picture's too.
The map is never turned upside down, and no threshold is chosen. The AUC is that of one picture, ties counted half;
sets are told by the mean and the median over their pictures.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def on_pixels(
    heat: Floats, cell: float, origin: tuple[float, float], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Lay ``heat``, (rows, columns) of cells, over a picture of ``shape`` (H, W); NaN where the map does not reach.

    Cell (r, c) covers the square of ``cell`` pixels whose upper left corner is ``origin`` (x, y) + (c, r) * ``cell``.
    """
    rows = _cells(shape[0], cell, origin[1])
    columns = _cells(shape[1], cell, origin[0])
    inside = ((rows >= 0) & (rows < heat.shape[0]))[:, None] & ((columns >= 0) & (columns < heat.shape[1]))[None, :]
    out = np.full(shape, np.nan, np.float32)
    if heat.size:
        laid = heat[np.clip(rows, 0, heat.shape[0] - 1)[:, None], np.clip(columns, 0, heat.shape[1] - 1)[None, :]]
        out[inside] = laid[inside]
    return out


def _cells(length: int, cell: float, start: float) -> npt.NDArray[np.intp]:
    return np.asarray(np.floor((np.arange(length) + 0.5 - start) / cell), np.intp)


def pixel_auc(heat: Floats, mask: Mask) -> float | None:
    """Chance that an altered pixel of (H, W) ``heat`` is hotter than one that was not, ties counted half.

    None where the mask is all one thing, or the map has no value at all.
    """
    altered = int(np.count_nonzero(mask))
    if altered in {0, mask.size}:
        return None
    values = np.asarray(heat, np.float64).ravel()
    known = ~np.isnan(values)
    if not known.any():
        return None
    values = np.where(known, values, np.median(values[known]))
    # Most maps have far fewer values than pixels: rank the values, not the pixels.
    levels, which = np.unique(values, return_inverse=True)
    truth = mask.ravel()
    positive = np.bincount(which[truth], minlength=len(levels)).astype(np.float64)
    negative = np.bincount(which[~truth], minlength=len(levels)).astype(np.float64)
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))


__all__ = ["on_pixels", "pixel_auc"]
