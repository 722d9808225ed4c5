"""Maps made ready for a reader: read back from their folder, turned upright, coloured, and placed over the picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from assay.evidence import Finding, Map, MapKind, Report, Subject
from assay.media.pixels import orient
from assay.report.exhibit import find_picture

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x, y, width, height."""

COLOURS: Pixels = np.asarray(
    cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0], np.uint8
)
"""(256, 3) BGR from low to high: inferno, which is perceptually uniform and holds up for colour-blind eyes."""

CRISP_CELL = 4
"""From this many pixels a cell on, cells are drawn as squares rather than blurred into each other."""


@dataclass(frozen=True)
class Layer:
    """A map as it lies over the upright picture. ``box`` is in pixels of the upright picture at full size; ``pixels``
    is (rows, columns, 3) BGR of a view or (rows, columns, 4) BGRA of a heat map; ``unknown``, (rows, columns) bool,
    marks the cells that say "cannot tell", None where there are none. A ``loose`` one, such as a sheet of panels, does
    not lie over the picture: ``box`` then fits it into the picture's frame, on black, as it was made.
    """

    key: str
    method: str
    record: Map
    box: Box
    pixels: Pixels
    unknown: npt.NDArray[np.bool_] | None
    loose: bool = False

    @property
    def heat(self) -> bool:
        """Whether it is a heat map."""
        return self.record.kind is MapKind.HEAT

    @property
    def crisp(self) -> bool:
        """Whether its cells are large enough to be drawn as squares."""
        return self.record.cell >= CRISP_CELL


def key_of(finding: int, number: int) -> str:
    """Name of a map within one report."""
    return f"map-{finding}-{number}"


def opacities(record: Map) -> Pixels:
    """How opaque each of the 256 levels of a heat map is: (256,) from 0 to 255.

    Where a map says little the picture shows through. In a map with a zero inside its range, such as one of log
    likelihood ratios, zero and less say nothing.
    """
    zero = -record.low / (record.high - record.low) if record.low < 0 < record.high else 0.0
    above = np.clip((np.arange(256) / 255 - zero) / (1 - zero), 0, 1)
    return np.rint(np.clip(above / 0.7, 0, 1) ** 1.5 * 255).astype(np.uint8)


def layers(report: Report, folder: Path, max_side: int) -> Iterator[Layer]:
    """All maps whose files are in ``folder``, in the order of the findings, none with a side over ``max_side``."""
    for i, finding in enumerate(report.findings):
        for j, record in enumerate(finding.maps):
            stored = _read(record, folder, max_side)
            if stored is None:
                continue
            key, loose = key_of(i, j), _loose(record, report.subject)
            if not loose:
                stored = np.ascontiguousarray(orient(stored, report.subject.orientation))
            box = _fitted(stored.shape, report.subject) if loose else _placed(record, report.subject)
            yield Layer(key, finding.method, record, box, *_coloured(stored, record), loose)


def telling(finding: Finding) -> int | None:
    """Index of the map that tells most of a finding: its first heat map, else its first view."""
    heats = [i for i, m in enumerate(finding.maps) if m.file and m.kind is MapKind.HEAT]
    shown = heats or [i for i, m in enumerate(finding.maps) if m.file]
    return shown[0] if shown else None


def picture(folder: Path) -> Pixels | None:
    """The display picture of the exhibit, (rows, columns, 3) BGR, upright; None where there is none."""
    path = find_picture(folder)
    return None if path is None else _decoded(path, cv2.IMREAD_COLOR)


def upright_size(subject: Subject) -> tuple[int, int]:
    """Width and height of the picture once turned."""
    turned = subject.orientation in {5, 6, 7, 8}
    return (subject.height, subject.width) if turned else (subject.width, subject.height)


def turn(box: Box, subject: Subject) -> Box:
    """A box of the stored picture as it lies in the upright one (EXIF orientation 1 to 8)."""
    x, y, w, h = box
    right, bottom = subject.width - x - w, subject.height - y - h
    match subject.orientation:
        case 2:
            return right, y, w, h
        case 3:
            return right, bottom, w, h
        case 4:
            return x, bottom, w, h
        case 5:
            return y, x, h, w
        case 6:
            return bottom, x, h, w
        case 7:
            return bottom, right, h, w
        case 8:
            return y, right, h, w
        case _:
            return box


def blend(base: Pixels, layer: Layer, full: tuple[int, int], opacity: float) -> Pixels:
    """``base``, (rows, columns, 3), with a layer laid over it; ``full`` is the upright picture's (width, height).
    Unknown cells are hatched, in the same opacity.
    """
    rows, columns = base.shape[:2]
    sx, sy = columns / full[0], rows / full[1]
    x, y, w, h = layer.box
    left, top = round(x * sx), round(y * sy)
    wide, high = max(1, round((x + w) * sx) - left), max(1, round((y + h) * sy) - top)
    over = _resized(layer.pixels, wide, high, crisp=layer.crisp)
    share = np.full((high, wide, 1), opacity, np.float32)
    colour = over[..., :3]
    if layer.unknown is not None:
        unknown = _resized(layer.unknown.astype(np.uint8), wide, high, crisp=True)[..., None] > 0
        colour = np.where(unknown, _hatch(high, wide), colour)
        over[..., 3:][unknown] = 255
    if layer.heat:
        share *= over[..., 3:].astype(np.float32) / 255
    inside = np.s_[max(0, -top) : max(0, rows - top), max(0, -left) : max(0, columns - left)]
    target = np.s_[max(0, top) : max(0, top + high), max(0, left) : max(0, left + wide)]
    result = base.astype(np.float32) * (1 - opacity if layer.loose else 1)
    result[target] += (colour[inside] - result[target]) * share[inside]
    return np.asarray(np.rint(result), np.uint8)


def _resized(pixels: Pixels, wide: int, high: int, *, crisp: bool) -> Pixels:
    # Where cells are smaller than pixels their average is shown, not a sample that may miss what matters.
    shrinks = wide < pixels.shape[1] or high < pixels.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST if crisp else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (wide, high), interpolation=how), np.uint8)


def _hatch(rows: int, columns: int) -> Pixels:
    """Diagonal stripes: (rows, columns, 3)."""
    y, x = np.mgrid[0:rows, 0:columns]
    return np.where(((x + y) % 12 < 4)[..., None], np.uint8(170), np.uint8(215)).repeat(3, axis=2)


def _placed(record: Map, subject: Subject) -> Box:
    rows, columns = record.shape[:2]
    return turn((*record.origin, columns * record.cell, rows * record.cell), subject)


def _loose(record: Map, subject: Subject) -> bool:
    """Whether a view is far from covering the picture, which leaves room for windows that stop short of the edges."""
    covered = (record.shape[1] * record.cell / subject.width, record.shape[0] * record.cell / subject.height)
    return record.kind is MapKind.VIEW and (min(covered) < 0.75 or max(covered) > 1.25 + 16 / subject.width)


def _fitted(shape: tuple[int, ...], subject: Subject) -> Box:
    """The largest box of the proportions of ``shape`` in the middle of the upright picture."""
    width, height = upright_size(subject)
    scale = min(width / shape[1], height / shape[0])
    w, h = shape[1] * scale, shape[0] * scale
    return (width - w) / 2, (height - h) / 2, w, h


def _read(record: Map, folder: Path, max_side: int) -> Pixels | None:
    if not record.file:
        return None
    pixels = _decoded(folder / Path(record.file).name, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return None
    factor = max_side / max(pixels.shape[:2])
    if factor < 1:
        side = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
        pixels = np.asarray(cv2.resize(pixels, side, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def _coloured(pixels: Pixels, record: Map) -> tuple[Pixels, npt.NDArray[np.bool_] | None]:
    """Grey levels of a heat map into colours, and where they are unknown; a view as it is."""
    if record.kind is MapKind.VIEW:
        return (pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, axis=2)), None
    levels = pixels if pixels.ndim == 2 else pixels[..., 0]
    opacity = opacities(record)[levels]
    unknown = pixels[..., 3] < 128 if pixels.ndim == 3 and pixels.shape[2] == 4 else None
    if unknown is not None:
        opacity[unknown] = 0
    return np.dstack([COLOURS[levels], opacity]), unknown


def _decoded(path: Path, flags: int) -> Pixels | None:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    pixels = cv2.imdecode(data, flags) if data.size else None
    return None if pixels is None else np.asarray(pixels, np.uint8)
