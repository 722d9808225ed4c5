"""The HTML report: one file that holds everything, asks no network and runs no script but its own."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jinja2
import msgspec
from markupsafe import Markup

from assay.evidence import Map, Report
from assay.report import layers as maps
from assay.report.exhibit import find_picture
from assay.report.layers import Box, Layer, Pixels
from assay.report.outline import Outline, outline

MAX_SIDE = 1600
"""Longest side, in pixels, of a map in the page."""

BUDGET = 7_500_000
"""Bytes that all maps together may take, before Base64."""

LOSSLESS_CELLS = 400_000
"""Up to so many cells a map is tried without loss; beyond, the trial would take too long."""


@dataclass(frozen=True)
class _Placed:
    """A layer as the template needs it."""

    key: str
    box: Box
    crisp: bool
    loose: bool
    uri: str
    unknown: str


def render_html(report: Report, folder: Path) -> str:
    """The report as one self-contained page. ``folder`` holds the picture (:func:`assay.report.save_picture`) and the
    maps (:class:`assay.report.FolderMaps`); what is not there is left out of the page.
    """
    laid = outline(report)
    budget = BUDGET // max(1, sum(len(f.maps) for f in report.findings))
    placed: list[_Placed] = []
    notes: dict[str, Any] = {}
    for layer in maps.layers(report, folder, MAX_SIDE):
        unknown = "" if layer.unknown is None else _uri(_encode(".png", layer.unknown.astype("u1") * 255, []), "png")
        placed.append(_Placed(layer.key, layer.box, layer.crisp, layer.loose, _pack(layer, budget), unknown))
        notes[layer.key] = {
            "unknown": bool(unknown), "loose": layer.loose, "ramp": clear_ramp(layer.record) if layer.heat else [],
        }  # fmt: skip
    _annotate(notes, laid)
    css, js = (resource(name) for name in ("report.css", "report.js"))
    return environment().get_template("report.html.j2").render(
        o=laid, layers=placed, picture=_picture(folder), first=_first(laid, notes), ramp=ramp(),
        policy=policy(css, js), css=Markup(css), js=Markup(js), maps=_script(notes),  # noqa: S704 (our own files)
    )  # fmt: skip


def policy(css: str, js: str = "") -> str:
    """The Content-Security-Policy that lets this style sheet and this script run and forbids all else, the network
    included.
    """
    script = f"; script-src '{_digest(js)}'" if js else ""
    return f"default-src 'none'; img-src data:; style-src '{_digest(css)}'{script}; base-uri 'none'; form-action 'none'"


@cache
def environment() -> jinja2.Environment:
    """The templates; every value is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("assay.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


_STOPS = tuple(range(0, 256, 15))


def ramp() -> list[str]:
    """Colours of the heat maps' scale at 18 even steps from low to high, as ``#rrggbb``."""
    return [f"#{r:02x}{g:02x}{b:02x}" for b, g, r in maps.COLOURS[list(_STOPS)].tolist()]


def clear_ramp(record: Map) -> list[float]:
    """Opacity, 0 to 1, of a heat map at the steps of :func:`ramp`."""
    levels = maps.opacities(record)
    return [round(float(levels[i]) / 255, 3) for i in _STOPS]


def resource(name: str) -> str:
    """A style sheet or script of the package."""
    return (resources.files("assay.report") / "templates" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _script(value: Any) -> Markup:
    """JSON that is safe inside a script element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _annotate(notes: dict[str, Any], laid: Outline) -> None:
    for section in laid.sections:
        for entry in section.entries:
            for m in entry.maps:
                if m.key in notes:
                    notes[m.key] |= {
                        "finding": entry.id, "title": entry.card.title, "name": m.name, "meaning": m.meaning,
                        "ignore": entry.card.ignore, "heat": m.heat, "low": m.low, "high": m.high,
                    }  # fmt: skip


def _first(laid: Outline, notes: Mapping[str, Any]) -> str:
    """The map shown when the page opens: that of the strongest finding for alteration, else none."""
    entries = [e for s in laid.sections for e in s.entries if e.direction == "for" and e.telling in notes]
    return max(entries, key=lambda e: e.rank).telling if entries else ""


def _picture(folder: Path) -> str:
    path = find_picture(folder)
    if path is None:
        return ""
    return _uri(path.read_bytes(), "png" if path.suffix == ".png" else "jpeg")


def _pack(layer: Layer, budget: int) -> str:
    """The layer as a data URI: without loss where it is small, else as JPEG (or WebP, for its alpha), made coarser
    until it fits in ``budget`` bytes.
    """
    pixels = layer.pixels
    if pixels.shape[0] * pixels.shape[1] <= LOSSLESS_CELLS:
        data = _encode(".png", pixels, [])
        if len(data) <= budget:
            return _uri(data, "png")
    kind, flag = ("webp", cv2.IMWRITE_WEBP_QUALITY) if layer.heat else ("jpeg", cv2.IMWRITE_JPEG_QUALITY)
    for quality, scale in ((88, 1.0), (80, 1.0), (72, 0.8), (65, 0.6), (60, 0.4), (50, 0.25)):
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        data = _encode(f".{kind}", small, [flag, quality])
        if len(data) <= budget:
            break
    return _uri(data, kind)


def _encode(extension: str, pixels: Any, options: list[int]) -> bytes:
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


__all__ = ["BUDGET", "MAX_SIDE", "Pixels", "environment", "policy", "ramp", "render_html"]
