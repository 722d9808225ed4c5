"""A recovery as a page: the picture laid over the frame of what was signed."""

import base64
from dataclasses import dataclass
from pathlib import PurePath

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

import assay
from assay.fingerprint import Comparison
from assay.provenance.codes import CONTENT
from assay.provenance.model import Kind, Manifest
from assay.provenance.recovery.records import Recovery, Verdict
from assay.report.html import environment, policy, resource
from assay.report.recovery import (
    COARSE,
    FOUND_BY,
    NOT_SAID,
    SHORT,
    day,
    facts,
    headline,
    kind_of,
    said,
    said_heading,
    unknown,
)  # fmt: skip
from assay.report.words import plain


@dataclass(frozen=True)
class Box:
    """A rectangle of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """The picture over its original. Lengths are in pixels of the original; ``view`` is all that is shown."""

    view: Box
    original: Box
    picture: Box
    seen: Box
    uri: str
    map: str
    places: tuple[Box, ...]
    whole: bool
    untwisted: bool


def render_recovery(
    answer: Recovery, picture: npt.NDArray[np.uint8] | None = None, comparison: Comparison | None = None
) -> str:
    """The record as one self-contained page, without a script. ``picture`` is (H, W, 3) uint8 in sRGB, turned back as
    the ``comparison`` says where there is one that says the same picture.
    """
    css = resource("report.css") + resource("recovery.css")
    drawing = None
    if picture is not None and comparison is not None and comparison.same:
        drawing = _drawing(picture, comparison)
    best = answer.candidates[0] if answer.candidates else None
    verification = answer.verification
    marks = {Kind.SUCCESS: "✓", Kind.INFORMATION: "·", Kind.FAILURE: "✗"}
    checks = [(marks[kind], kind.value, text, code) for kind, text, code in _checks(answer)]
    found = [(key[:1].upper() + key[1:], plain(value)) for key, value in facts(answer)]
    return environment().get_template("recovery.html.j2").render(
        name=plain(PurePath(answer.path).name or answer.path), headline=headline(answer),
        alarm=not answer.verdict.confirmed and answer.verdict is not Verdict.NOT_FOUND,
        confirmed=answer.verdict.confirmed and not unknown(answer), says=plain(answer.says),
        warnings=[plain(w) for w in answer.warnings],
        file=f"{kind_of(answer)}, {answer.width} × {answer.height} pixels", sha256=answer.sha256, facts=found,
        changes=[plain(c).replace(" %", "\u00a0%") for c in answer.changes], said=[plain(s) for s in said(answer)],
        said_heading=said_heading(answer), drawing=drawing,
        alone=_uri(".jpg", picture) if picture is not None and drawing is None else "",
        history=[_entry(m) for m in (verification.manifests if verification else ())[:40]],
        candidates=[
            (plain(c.manifest_id), SHORT[c.verdict], FOUND_BY[c.found_by], plain(c.signer or "–"), plain(c.says))
            for c in answer.candidates
        ],
        reasons=checks,
        likeness=best.likeness if best else None, assay=assay.__version__, not_said=NOT_SAID, coarse=COARSE,
        policy=policy(css), css=Markup(css),  # noqa: S704 (our own files)
    )  # fmt: skip


def _checks(answer: Recovery) -> list[tuple[Kind, str, str]]:
    """All that was checked: what led here, the comparison, the signature."""
    found: list[tuple[Kind, str, str]] = []
    best = answer.candidates[0] if answer.candidates else None
    if best is None or answer.verification is None:
        return found
    found.append(
        (Kind.SUCCESS, f"The {FOUND_BY[best.found_by]} led to the manifest.", f"assay.found_by.{best.found_by.value}")
    )
    if best.likeness is not None:
        kind = {True: Kind.SUCCESS, None: Kind.INFORMATION, False: Kind.FAILURE}[best.likeness.same]
        text = f"The fingerprint in the manifest was compared with the picture. {best.likeness.says}"
        found.append((kind, plain(text), "assay.structure.1"))
    if best.sound:
        text = "The signature holds over all that the manifest says."
        found.append((Kind.SUCCESS, text, "claimSignature.validated"))
    for r in answer.verification.reasons:
        says = "The bytes of the file are not those that were signed." if r.code in CONTENT else r.says
        found.append((r.kind, plain(says), plain(r.code)))
    return found


def _entry(manifest: Manifest) -> tuple[int, str, str, str]:
    """Depth, title, state in words, and who and when."""
    signer = manifest.signer
    who = plain(signer.organisation or signer.name) if signer else "nobody named"
    when = manifest.signed_at or manifest.claimed_at
    title = plain(manifest.title) or "a file without a title"
    words = (
        "signed; the bytes are others now" if manifest.depth == 0 and _only_content(manifest) else manifest.state.words
    )
    return min(manifest.depth, 6), title, words, f"signed by {who}{f', {plain(day(when))}' if when else ''}"


def _only_content(manifest: Manifest) -> bool:
    failing = {r.code for r in manifest.reasons if r.kind is Kind.FAILURE}
    return any(code.endswith("Hash.mismatch") for code in failing)


def _drawing(picture: npt.NDArray[np.uint8], c: Comparison) -> Drawing:
    rows, columns = picture.shape[:2]
    # Across, the original is as many units as make the picture's pixels square along its width.
    width = columns / c.placed[2]
    height = rows / c.placed[3]
    unit = 1000 / max(width, height)

    def box(values: tuple[float, float, float, float]) -> Box:
        x, y, w, h = values
        return Box(*(round(v, 1) for v in (x * width * unit, y * height * unit, w * width * unit, h * height * unit)))

    original, placed = box((0, 0, 1, 1)), box(c.placed)
    left, top = min(0.0, placed.x), min(0.0, placed.y)
    right = max(original.width, placed.x + placed.width)
    bottom = max(original.height, placed.y + placed.height)
    pad = 14.0
    view = Box(left - pad, top - pad, right - left + 2 * pad, bottom - top + 2 * pad)
    return Drawing(
        view, original, placed, box(c.region), _uri(".jpg", picture), _uri(".png", heat(c.agreement)),
        tuple(box(b) for b in c.differing), c.region[2] > 0.97 and c.region[3] > 0.97,
        c.mirrored or abs(c.turn) >= 1,
    )  # fmt: skip


def heat(agreement: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(256, 256, 4) RGB and opacity of a map of agreement: clear where all agrees, red where nothing does."""
    known = ~np.isnan(agreement)
    off = np.clip(0.75 - np.where(known, agreement, 1.0), 0, 1)
    big = cv2.resize(off.astype(np.float32), (256, 256), interpolation=cv2.INTER_LINEAR)
    out = np.zeros((256, 256, 4), np.uint8)
    out[..., 0], out[..., 1], out[..., 2] = 226, 52, 20
    out[..., 3] = np.clip(big * 160, 0, 120).astype(np.uint8)
    return out


def _uri(extension: str, pixels: npt.NDArray[np.uint8]) -> str:
    order = [2, 1, 0, 3][: pixels.shape[2]]
    options = [cv2.IMWRITE_JPEG_QUALITY, 86] if extension == ".jpg" else []
    data = cv2.imencode(extension, np.ascontiguousarray(pixels[..., order]), options)[1].tobytes()
    kind = {".jpg": "jpeg", ".png": "png"}[extension]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


__all__ = ["heat", "render_recovery"]
