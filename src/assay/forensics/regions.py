"""From a map to the boxes worth naming: threshold, clean, join, measure."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from assay.evidence import Region


@dataclass(frozen=True)
class Blob:
    """A connected set of cells. ``box``: (column, row, columns, rows) in cells, ``cells`` how many belong to
    it, ``mean`` and ``peak`` of the map over them, ``label`` their number in the label image.
    """

    box: tuple[int, int, int, int]
    cells: int
    mean: float
    peak: float
    label: int


def blobs(
    mask: npt.NDArray[np.bool_],
    values: npt.NDArray[np.floating] | None = None,
    *,
    min_cells: int = 4,
    join: int = 0,
    open_: int = 0,
) -> tuple[list[Blob], npt.NDArray[np.int32]]:
    """The 8-connected sets of a mask (rows, columns), the largest first, and their label image (0: none).

    ``open_`` cells of erosion and dilation drop specks and bridges first; ``join`` makes one of sets up to
    that many cells apart. Sets of fewer than ``min_cells`` cells of the mask are dropped. ``values``, of the
    mask's shape, give ``mean`` and ``peak``; NaN cells are left out of both.
    """
    kept = mask.astype(np.uint8)
    if open_:
        kept = cv2.morphologyEx(kept, cv2.MORPH_OPEN, _disc(open_)).astype(np.uint8)
    closed = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, _disc((join + 1) // 2)) if join else kept
    parts = cv2.connectedComponents(closed, connectivity=8)[1]
    labels = np.where(kept > 0, parts, 0).astype(np.int32)
    cells = np.bincount(labels.ravel())
    cells[cells < max(1, min_cells)] = 0
    labels[cells[labels] == 0] = 0
    found = []
    for index, where in enumerate(find_objects(labels)):
        if where is None:
            continue
        label = index + 1
        mean = peak = 1.0
        if values is not None:
            inside = values[where][labels[where] == label]
            inside = inside[np.isfinite(inside)]
            mean, peak = (float(inside.mean()), float(inside.max())) if inside.size else (0.0, 0.0)
        rows, columns = where
        box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        found.append(Blob(box=box, cells=int(cells[label]), mean=mean, peak=peak, label=label))
    found.sort(key=lambda blob: (-blob.cells, blob.box))
    return found, labels


def regions(
    heat: npt.NDArray[np.floating],
    threshold: float,
    says: str | Callable[[Blob], str],
    *,
    width: int,
    height: int,
    cell: float = 8,
    origin: tuple[float, float] = (0, 0),
    min_cells: int = 4,
    join: int = 0,
    open_: int = 0,
    most: int = 8,
) -> tuple[Region, ...]:
    """Boxes, in stored-picture pixels, round the connected parts of a heat map that reach ``threshold``.

    ``heat`` (rows, columns) with NaN where the method cannot tell; ``cell`` and ``origin`` as in ``Map``;
    ``width`` and ``height`` of the picture bound the boxes. ``says`` is the sentence, or makes it from the
    blob. The ``most`` largest are given, the largest first.
    """
    with np.errstate(invalid="ignore"):
        mask = np.nan_to_num(heat, nan=-np.inf) >= threshold
    found, _ = blobs(mask, heat, min_cells=min_cells, join=join, open_=open_)
    boxes = []
    for blob in found[:most]:
        text = says(blob) if callable(says) else says
        box = region(blob, text, width=width, height=height, cell=cell, origin=origin)
        if box is not None:
            boxes.append(box)
    return tuple(boxes)


def region(
    blob: Blob, says: str, *, width: int, height: int, cell: float = 8, origin: tuple[float, float] = (0, 0)
) -> Region | None:
    """The box of a blob in pixels, cut to the picture; None where nothing of it lies inside."""
    column, row, columns, rows = blob.box
    left, right = (round(min(max(origin[0] + c * cell, 0), width)) for c in (column, column + columns))
    top, bottom = (round(min(max(origin[1] + r * cell, 0), height)) for r in (row, row + rows))
    if right <= left or bottom <= top:
        return None
    return Region(x=left, y=top, width=right - left, height=bottom - top, says=says)


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


__all__ = ["Blob", "blobs", "region", "regions"]
