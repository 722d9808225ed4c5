"""The PDF report, set by Typst from the same outline as the HTML."""

import tempfile
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import typst

from assay.errors import AssayError
from assay.evidence import Report
from assay.report import layers as maps
from assay.report.html import clear_ramp, ramp
from assay.report.layers import Pixels
from assay.report.outline import Outline, outline

SIDE = 1000
"""Longest side, in pixels, of a picture in the document: 260 dots an inch where two stand side by side."""

SMALL_SIDE = 560
"""The same where three stand abreast."""

OPACITY = 0.75


def render_pdf(report: Report, folder: Path) -> bytes:
    """The report as an A4 document. ``folder`` is that of :func:`assay.report.render_html`.

    The same report and folder give the same bytes: no font but those within Typst is used, and the time in it is that
    of the report. Raises AssayError where Typst fails.
    """
    laid = outline(report)
    with tempfile.TemporaryDirectory(prefix="assay-pdf-") as temporary:
        root = Path(temporary)
        template = resources.files("assay.report") / "templates" / "report.typ"
        (root / "report.typ").write_bytes(template.read_bytes())
        base = maps.picture(folder)
        figures = _figures(report, laid, folder, base, root)
        data: dict[str, Any] = msgspec.to_builtins(laid)
        data |= {"figures": figures, "picture": base is not None}
        (root / "report.json").write_bytes(msgspec.json.encode(data))
        try:
            document: bytes = typst.compile(
                root / "report.typ", root=root, ignore_system_fonts=True, timestamp=_moment(report.examined_at)
            )
        except typst.TypstError as error:
            raise AssayError(f"The PDF report cannot be set: {error}") from error
    return document


def _figures(report: Report, laid: Outline, folder: Path, base: Pixels | None, root: Path) -> dict[str, dict[str, Any]]:
    """Write the picture, and each map laid over it, small unless it is the most telling one of a finding that judges;
    returns what the template asks of them by the map's key.
    """
    width, height = maps.upright_size(report.subject)
    if base is None:
        factor = min(1.0, SIDE / max(width, height))
        base = np.full((max(1, round(height * factor)), max(1, round(width * factor)), 3), 136, np.uint8)
    large, small = _fit(base, SIDE), _fit(base, SMALL_SIDE)
    _write(root / "picture.jpg", large)
    telling = {e.telling for s in laid.sections if not s.lenses for e in s.entries}
    figures = {}
    for layer in maps.layers(report, folder, SIDE):
        ground = large if layer.key in telling else small
        opacity = OPACITY if layer.heat else 1.0
        _write(root / f"{layer.key}.jpg", maps.blend(ground, layer, (width, height), opacity))
        figures[layer.key] = {"file": f"{layer.key}.jpg", "unknown": layer.unknown is not None}
        if layer.heat:
            figures[layer.key]["ramp"] = list(zip(ramp(), clear_ramp(layer.record), strict=True))
    return figures


def _fit(pixels: Pixels, side: int) -> Pixels:
    factor = side / max(pixels.shape[:2])
    if factor >= 1:
        return pixels
    shape = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _write(path: Path, pixels: Pixels) -> None:
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def _moment(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
