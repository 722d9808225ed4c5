"""The thumbnail within the file against the picture: registered, compared, and mapped.

Cameras make the thumbnail together with the picture; simple editors change the one and leave the other. The idea and
the camera's side of it: E. Kee, H. Farid, "Digital Image Authentication from Thumbnails", SPIE Media Forensics and
Security 7541, 2010, doi:10.1117/12.839046.
"""

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Abstention, Analysis, Finding, Maps, abstain, heat
from assay.errors import AssayError
from assay.evidence import Direction, Map, Method, Reason, Region, Strength
from assay.forensics.figures import measured
from assay.forensics.regions import blobs
from assay.forensics.structure._difference import Difference, compare
from assay.forensics.structure._register import LONG_SIDE, Alignment, Rgb, align, correlation, trim_bars
from assay.media import Embedded, Limits, Media

METHOD = Method(
    id="thumbnail",
    version="1",
    title="Thumbnail against picture",
    group="structure",
    looks_at="The small picture that cameras put into the file beside the large one. An editor that forgets it leaves "
    "a view of the scene before the change.",
    fooled_by="Most large editors make the thumbnail anew, which then agrees with the altered picture. A change "
    "smaller than about a fifteenth of the picture's side is below what a thumbnail shows. Tone and colour "
    "corrections are allowed for and not reported.",
    ignore="Faint lines along sharp edges, and patches of strong colour: cameras render thumbnails more simply.",
    source="Kee, Farid 2010, doi:10.1117/12.839046; registration after Evangelidis, Psarakis 2008",
    error_rates=measured("thumbnail"),
)

LIMITS = Limits(max_bytes=8_000_000, max_pixels=9_000_000)
SMALLEST = 40
"""Pixels of the shorter side of a thumbnail below which nothing is judged."""
SAME = 0.5
"""Score from which both show one scene. On camera originals the least was 0.92; of pairs that do not belong
together the greatest was 0.45 (docs/methods/thumbnail.md).
"""
RATIO, LEVEL, LEVEL_CLEAR = 4.0, 14.0, 20.0
"""A part differs when it leaves the usual by RATIO, and by these many grey levels: perhaps, clearly."""
ALIKE, ALIKE_CLEAR = 0.6, 0.5
"""Correlation of detail at which a part that differs in tone still shows the same thing."""
CROPPED = 0.93
"""Share of the thumbnail within the picture, below which the picture lacks something that the thumbnail shows."""
_MIRRORS = {2, 4, 5, 7}
_MOST = 3
_MEANING = (
    "Grey levels by which thumbnail and picture differ beyond what blur, tone and half a pixel of misplacement "
    "explain; 0 is agreement."
)


@dataclass(frozen=True)
class Verdict:
    """What one thumbnail says, with what its map and regions are made from."""

    says: str
    direction: Direction
    strength: Strength
    details: dict[str, Any]
    regions: tuple[Region, ...] = ()
    difference: Difference | None = None
    matrix: npt.NDArray[np.float64] | None = None

    @property
    def weight(self) -> int:
        """For choosing among several thumbnails: the strongest claim of alteration first."""
        return self.strength.rank if self.direction is Direction.FOR else -self.strength.rank


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Compare every thumbnail of the file with the picture and report the one that says most."""
    found = [e for e in media.container.embedded if _counts(media, e)]
    if not found:
        return abstain(METHOD, Reason.NO_REFERENCE, "The file holds no thumbnail of the picture.")
    thumbnails = [(e, rgb) for e in found[:_MOST] if (rgb := decode(e)) is not None]
    if not thumbnails:
        return abstain(METHOD, Reason.NO_REFERENCE, "The file's thumbnail cannot be decoded.")
    large = [(e, rgb) for e, rgb in thumbnails if min(rgb.shape[:2]) >= SMALLEST]
    if not large or min(media.width, media.height) < 2 * SMALLEST:
        return abstain(METHOD, Reason.TOO_SMALL, f"Thumbnail or picture has under {SMALLEST} pixels a side to compare.")
    picture = _reduced(media.rgb, 2 * LONG_SIDE)
    textured = [(e, rgb) for e, rgb in large if _textured(rgb)]
    if not textured or not _textured(picture):
        return abstain(METHOD, Reason.TOO_FLAT, "Thumbnail or picture is nearly of one tone: nothing to match.")
    verdicts = [judge(picture, rgb, e, (media.width, media.height)) for e, rgb in textured]
    best = max(verdicts, key=lambda verdict: verdict.weight)
    kept = (_map(maps, best, media.width, media.height),) if best.difference is not None else ()
    return Finding(
        method=METHOD.id, says=best.says, direction=best.direction, strength=best.strength, regions=best.regions,
        maps=kept, details={**best.details, "thumbnails": len(textured)},
    )  # fmt: skip


def decode(embedded: Embedded) -> Rgb | None:
    """(rows, columns, 3) of an embedded picture, None where it cannot be read."""
    raw = re.fullmatch(r"JFIF.* RGB, (\d+) x (\d+)", embedded.note)
    if raw is not None:
        width, height = int(raw[1]), int(raw[2])
        if len(embedded.data) < 3 * width * height:
            return None
        return np.frombuffer(embedded.data, np.uint8, 3 * width * height).reshape(height, width, 3)
    try:
        return Media.open(embedded.data, limits=LIMITS).rgb
    except AssayError:
        return None


@dataclass(frozen=True)
class _Pair:
    """A thumbnail laid over a picture of ``width`` x ``height``. ``thumbnail`` is trimmed and turned; ``matrix`` takes
    its pixels to those of the whole picture.
    """

    name: str
    thumbnail: Rgb
    alignment: Alignment
    matrix: npt.NDArray[np.float64]
    width: int
    height: int

    def box(self, left: float, top: float, columns: float, rows: float) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) in the picture of a box of thumbnail pixels."""
        corners = np.array([[left, top, 1], [left + columns, top + rows, 1]]) - np.array([0.5, 0.5, 0])
        ends = self.matrix @ corners.T
        x0, x1 = sorted(round(float(v)) for v in ends[0])
        y0, y1 = sorted(round(float(v)) for v in ends[1])
        return x0, y0, x1, y1


def judge(picture: Rgb, thumbnail: Rgb, embedded: Embedded, size: tuple[int, int]) -> Verdict:
    """Compare one thumbnail. ``picture`` may be reduced; ``size`` is (width, height) of the whole."""
    left, top, right, bottom = trim_bars(thumbnail, picture.shape[1] / picture.shape[0])
    content = _reduced(np.ascontiguousarray(thumbnail[top:bottom, left:right]), LONG_SIDE)
    alignment, turned = align(picture, content)
    grow = np.array([[size[0] / picture.shape[1]], [size[1] / picture.shape[0]]])
    matrix = alignment.matrix * grow
    matrix[:, 2] += ((grow - 1) / 2).ravel()
    name = f"{thumbnail.shape[1]} x {thumbnail.shape[0]} {embedded.kind}"
    pair = _Pair(name, turned, alignment, matrix, *size)
    details: dict[str, Any] = {
        "kind": embedded.kind, "note": embedded.note, "offset": embedded.offset,
        "thumbnail": [int(thumbnail.shape[1]), int(thumbnail.shape[0])],
        "bars": [left, top, int(thumbnail.shape[1]) - right, int(thumbnail.shape[0]) - bottom],
        "turn": alignment.turn, "score": round(alignment.score, 4), "correlation": round(alignment.correlation, 4),
        "overlap": round(alignment.overlap, 4), "shown": round(alignment.shown, 4),
    }  # fmt: skip
    if alignment.score < SAME:
        return Verdict(
            f"The {name} shows another picture, or another part of it: no turn, scale or crop lays the one over the "
            f"other (score {alignment.score:.2f}; {SAME} and more is the same scene).",
            Direction.FOR, Strength.MODERATELY_STRONG, details,
        )  # fmt: skip
    difference = compare(picture, turned, alignment)
    peak = float(np.nanmax(difference.level)) if np.isfinite(difference.level).any() else 0.0
    details |= {"agreement": round(difference.agreement, 4), "largest_difference": round(peak, 1)}
    regions, clear, toned = _regions(pair, difference)
    details |= {"places": len(regions), "clear_places": clear, "toned_places": toned}
    claims = _claims(pair, regions, clear, details)
    said = [sentence for sentence, _ in claims]
    strength = max((strength for _, strength in claims), key=lambda s: s.rank, default=Strength.NONE)
    direction = Direction.FOR
    if strength is Strength.NONE:
        within = f"(score {alignment.score:.2f}), within {peak:.0f} grey levels"
        said.insert(0, f"The {name} shows what the picture shows {within}.")
        direction, strength = Direction.AGAINST, Strength.WEAK
        if toned:
            direction, strength = Direction.NEUTRAL, Strength.NONE
            places = "1 place" if toned == 1 else f"{toned} places"
            said.append(f"It differs in tone or colour, not in what it shows, in {places}.")
    return Verdict(" ".join(said), direction, strength, details, regions, difference, matrix)


def _claims(
    pair: _Pair, regions: tuple[Region, ...], clear: int, details: dict[str, Any]
) -> list[tuple[str, Strength]]:
    """What sets thumbnail and picture apart, a sentence each, and how strongly it speaks for alteration."""
    claims = []
    alignment = pair.alignment
    if regions:
        places = "1 place" if len(regions) == 1 else f"{len(regions)} places"
        sentence = (
            f"The {pair.name} shows something else than the picture in {places}, by up to "
            f"{details['largest_difference']:.0f} grey levels: the picture was {'' if clear else 'perhaps '}altered "
            "after the thumbnail was made."
        )
        claims.append((sentence, Strength.MODERATE if clear else Strength.WEAK))
    if alignment.overlap < CROPPED and _lost_detail(pair):
        rows, columns = pair.thumbnail.shape[:2]
        x0, y0, x1, y1 = pair.box(0, 0, columns, rows)
        w, h = x1 - x0, y1 - y0
        details["frame"] = [x0, y0, w, h]
        # A camera may show the whole sensor in the thumbnail and keep the middle: digital zoom, another format.
        centred = abs(x0 + x1 - pair.width) < 0.06 * w and abs(y0 + y1 - pair.height) < 0.06 * h
        sentence = (
            f"The {pair.name} shows more than the picture, which holds {100 * alignment.overlap:.0f} % of it: the "
            f"picture was cropped from about {w} x {h} pixels."
        )
        claims.append((sentence, Strength.WEAK if centred else Strength.MODERATE))
    if alignment.turn in _MIRRORS:
        claims.append((f"The {pair.name} is the picture's mirror image: one of them was flipped.", Strength.WEAK))
    elif alignment.turn != 1:
        turned = "The picture was turned after the thumbnail was made, or the thumbnail is stored otherwise."
        claims.append((turned, Strength.NONE))
    return claims


def _regions(pair: _Pair, difference: Difference) -> tuple[tuple[Region, ...], int, int]:
    """Parts that show something else, how many of them clearly, and how many differ in tone only."""
    with np.errstate(invalid="ignore"):
        mask = (difference.ratio >= RATIO) & (difference.level >= 6)
    # About 5 x 5 pixels of a 160 x 120 thumbnail.
    found, labels = blobs(mask, difference.level, min_cells=max(15, round(0.0012 * mask.size)))
    inside = np.isfinite(difference.level)
    target, shown = _detail(pair.thumbnail), _detail(difference.shown)
    regions, clear, toned = [], 0, 0
    for blob in found:
        if blob.peak < LEVEL:
            continue
        part = cv2.dilate((labels == blob.label).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        alike = correlation(target, shown, part & inside, least=9)
        if alike >= ALIKE:
            toned += blob.peak >= LEVEL_CLEAR
            continue
        x0, y0, x1, y1 = pair.box(*blob.box)
        x0, x1, y0, y1 = max(x0, 0), min(x1, pair.width), max(y0, 0), min(y1, pair.height)
        if x1 <= x0 or y1 <= y0:
            continue
        says = f"The thumbnail shows something else: {blob.peak:.0f} grey levels apart, detail correlates {alike:.2f}."
        regions.append(Region(x=x0, y=y0, width=x1 - x0, height=y1 - y0, says=says))
        clear += blob.peak >= LEVEL_CLEAR and alike < ALIKE_CLEAR
    return tuple(regions[:8]), clear, toned


def _map(maps: Maps, verdict: Verdict, width: int, height: int) -> Map:
    """The difference in the picture's own frame."""
    assert verdict.difference is not None
    assert verdict.matrix is not None
    cell = max(1.0, max(width, height) / LONG_SIDE)
    rows, columns = max(1, round(height / cell)), max(1, round(width / cell))
    # Thumbnail to map cells: pixel centres of the picture, then of the cells.
    place = verdict.matrix / cell
    place[:, 2] += 0.5 / cell - 0.5
    level = verdict.difference.level
    seen = np.isfinite(level)
    drawn = cv2.warpAffine(np.nan_to_num(level), place, (columns, rows), flags=cv2.INTER_LINEAR)
    known = cv2.warpAffine(seen.astype(np.float32), place, (columns, rows), flags=cv2.INTER_LINEAR) > 0.99
    array = np.where(known, drawn, np.nan).astype(np.float32)
    return heat(maps, METHOD.id, "difference", array, _MEANING, low=0, high=40, cell=cell)


def _lost_detail(pair: _Pair) -> bool:
    """Does the thumbnail show something outside the picture, rather than a bar?"""
    rows, columns = pair.thumbnail.shape[:2]
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    u, v = (pair.matrix[i, 0] * x + pair.matrix[i, 1] * y + pair.matrix[i, 2] for i in (0, 1))
    # Two pixels of the thumbnail beyond the edge, where a bar's blur has ended.
    margin = 2 * float(np.linalg.norm(pair.matrix[0, :2]))
    outside = (u < -margin) | (v < -margin) | (u > pair.width + margin) | (v > pair.height + margin)
    grey = cv2.cvtColor(pair.thumbnail, cv2.COLOR_RGB2GRAY)
    return bool(outside.sum() >= 64) and float(grey[outside].std()) > 6


def _counts(media: Media, embedded: Embedded) -> bool:
    """Is it a small view of this picture? Previews within Content Credentials are of other pictures."""
    if embedded.kind == "thumbnail":
        return True
    holder = next((p for p in media.container.parts if p.offset <= embedded.offset < p.offset + p.length), None)
    return embedded.kind == "preview" and holder is not None and holder.note in {"Exif", "Photoshop"}


def _reduced(rgb: Rgb, side: int) -> Rgb:
    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    rows, columns = (max(1, round(n * scale)) for n in rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _textured(rgb: Rgb) -> bool:
    return float(_detail(_reduced(rgb, LONG_SIDE)).std()) > 1.5


def _detail(rgb: Rgb) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(grey, (0, 0), 0.8)
    return np.asarray(fine - cv2.GaussianBlur(grey, (0, 0), 6.0), dtype=np.float32)


ANALYSIS = Analysis(METHOD, examine)
