"""Maps written to a folder, each as soon as its method hands it over, so that none has to stay in memory."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from assay.analysis import Array
from assay.evidence import Map, MapKind

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T", np.uint8, np.float32)
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class FolderMaps:
    """Writes every map into ``folder`` as ``<method>-<name>.png``, 8 bits.

    In a heat map 0 stands for ``low`` and 255 for ``high``; where it has a NaN, which means "cannot tell", it also
    has an alpha channel that is 0 there. A map longer than ``max_side`` cells is reduced by area averaging, and the
    record's ``shape`` and ``cell`` say so.
    """

    folder: Path
    max_side: int | None = None
    wanted: bool = True

    def keep(self, method: str, record: Map, array: Array) -> Map:
        """Write ``array``, (rows, columns) or (rows, columns, 3), and return the record of what was written."""
        if not array.size:
            return record
        factor = max(array.shape[:2]) / self.max_side if self.max_side else 1.0
        shape = array.shape[:2]
        if factor > 1:
            shape = (max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor)))
        pixels = _heat(array, record, shape) if record.kind is MapKind.HEAT else _view(array, shape)
        file = f"{_safe(method)}-{_safe(record.name)}.png"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / file).write_bytes(png(pixels))
        return msgspec.structs.replace(
            record, file=file, shape=(*shape, *record.shape[2:]), cell=record.cell * max(1.0, factor)
        )


def png(pixels: Pixels) -> bytes:
    """PNG of grey, BGR or BGRA pixels."""
    return cv2.imencode(".png", pixels, _FAST)[1].tobytes()


def _heat(array: Array, record: Map, shape: tuple[int, int]) -> Pixels:
    """Grey levels, with alpha where there are NaNs."""
    values = np.asarray(array, np.float32)
    known = ~np.isnan(values)
    span = record.high - record.low
    levels = np.clip((values - record.low) / span if span > 0 else np.zeros_like(values), 0, 1)
    if known.all():
        return _bytes(_reduce(levels, shape) * 255)
    share = _reduce(known.astype(np.float32), shape)
    total = _reduce(np.where(known, levels, np.float32(0)), shape)
    grey = _bytes(np.where(share > 0, total / np.maximum(share, np.float32(1e-6)), 0) * 255)
    seen = (share >= 0.5).astype(np.uint8) * 255
    return np.dstack([grey, grey, grey, seen])


def _view(array: Array, shape: tuple[int, int]) -> Pixels:
    pixels = np.ascontiguousarray(array, np.uint8)
    return _reduce(pixels[..., ::-1] if pixels.ndim == 3 else pixels, shape)


def _reduce(array: npt.NDArray[T], shape: tuple[int, int]) -> npt.NDArray[T]:
    if array.shape[:2] == shape:
        return array
    reduced = cv2.resize(np.ascontiguousarray(array), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, array.dtype)


def _bytes(levels: npt.NDArray[np.float32]) -> Pixels:
    return np.rint(levels).astype(np.uint8)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "_", name)
