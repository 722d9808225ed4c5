"""JPEG ghosts: parts of a picture that were once compressed at a quality the rest never saw, or the other way round.

H. Farid, "Exposing Digital Forgeries From JPEG Ghosts", IEEE TIFS 4(1), 2009, doi 10.1109/TIFS.2008.2012215.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp

from assay.analysis import Analysis, Maps, abstain, heat, view
from assay.evidence import Abstention, Direction, Finding, Map, Method, Reason, Region, Strength
from assay.forensics.compression._dct_zeros import grid_votes, tally, zero_scores
from assay.forensics.compression._grids import global_grids, patches
from assay.forensics.compression._requantise import losses
from assay.forensics.compression.tables import fit
from assay.forensics.figures import measured
from assay.forensics.regions import blobs, region
from assay.media import Media

METHOD = Method(
    id="jpeg_ghosts",
    version="1",
    title="JPEG ghosts",
    group="compression",
    looks_at=(
        "The picture is compressed again at many qualities. What was once compressed at one of them hardly changes "
        "there, however it was saved later: a dip, or ghost. A part that has a ghost where the rest has none, or none "
        "where the rest has one, has another history."
    ),
    fooled_by=(
        "It misses parts on another grid than those tried, parts whose earlier quality was as high as the last one, "
        "encoders whose tables differ from the standard ones, and pictures that were scaled or filtered in between. "
        "Flat and overexposed areas have no dip of their own and can look like a part without a ghost."
    ),
    ignore=(
        "Scattered cells and thin outlines mean nothing, and neither do the panels at low qualities, where smooth "
        "areas are always dark."
    ),
    source="Farid: Exposing Digital Forgeries From JPEG Ghosts, IEEE TIFS 4(1), 2009, doi 10.1109/TIFS.2008.2012215",
    error_rates=measured("jpeg_ghosts"),
)

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_SMALLEST = 128
_CELL = 16
_QUALITIES = range(26, 99)
# A dip at q is measured against the qualities q - _APART and q + _APART.
_APART = 4
# Above 90 a step of quality halves the tables, and every curve bends.
_CANDIDATES = range(_QUALITIES.start + _APART, 91)
# A ghost near the last quality cannot be told from that quality's own dip.
_CLEAR_OF_LAST = 7
# Squared grey levels: added so that near-empty cells have no dip, and needed beside a dip for a cell to count.
_FLOOR, _ENERGY = 0.1, 1.0
# Natural logarithm of how far the loss falls: a cell with a ghost falls further than _DEEP, one without less.
_DEEP, _GHOST, _DEEPEST = 0.3, 0.25, 0.6
_PANELS = range(30, 99, 5)
# The bars of a claim, each beside the worst of 72 camera originals and 28 pictures saved twice whole: the odd part's
# share of the picture, its share of all odd cells, Kolmogorov and Smirnov's distance of its losses from the rest's, and
# the share of cells that neither dip nor do not.
_SHARE, _WHOLE, _APART_BY, _UNCLEAR = 0.02, 0.7, 0.9, 0.25
_SHARE_SURE, _WHOLE_SURE, _APART_BY_SURE, _UNCLEAR_SURE = 0.03, 0.85, 0.95, 0.15


@dataclass(frozen=True)
class Ghost:
    """The quality at which most cells dip, on the grid that begins at ``origin`` (x, y).

    ``share`` of all cells dip deepest there. ``normal`` is Farid's loss at that quality, scaled cell by cell to 0 to 1
    over all qualities; ``known`` the cells whose loss is large enough to show a dip, ``dipped`` those that do;
    ``unclear`` is the share of the known cells whose dip is neither deep nor absent.
    """

    origin: tuple[int, int]
    quality: int
    share: float
    normal: Floats
    known: Mask
    dipped: Mask
    unclear: float

    @property
    def bulk_dips(self) -> bool:
        """Whether the ghost is the picture's, so that parts without it stand out: few cells show none."""
        return float(np.mean(self.known & ~self.dipped)) < 0.5

    @property
    def odd(self) -> Mask:
        """The cells that stand out."""
        return self.known & (~self.dipped if self.bulk_dips else self.dipped)

    @property
    def heat(self) -> Floats:
        """How far a cell stands out, 0 to 1."""
        return self.normal if self.bulk_dips else (1 - self.normal).astype(np.float32)


def curves(luma: Floats, origin: tuple[int, int] = (0, 0)) -> Floats:
    """Loss of every cell at every quality of 26 to 98, averaged over 3x3 cells: (rows, columns, qualities) float32."""
    loss = losses(luma, _QUALITIES, origin)
    for i in range(loss.shape[2]):
        loss[..., i] = cv2.blur(np.ascontiguousarray(loss[..., i]), (3, 3), borderType=cv2.BORDER_REFLECT)
    return loss


def normalised(loss: Floats, index: int) -> Floats:
    """Farid's difference at one quality, scaled to 0 to 1 over all qualities of the cell."""
    low, high = loss.min(axis=2), loss.max(axis=2)
    return np.asarray((loss[..., index] - low) / np.maximum(high - low, 1e-6), np.float32)


def find(loss: Floats, last: int | None, origin: tuple[int, int] = (0, 0)) -> Ghost | None:
    """The ghost of most cells; None where none dips. ``last`` is the quality of the file itself, if it is a JPEG."""
    best = np.full(loss.shape[:2], _DEEP, np.float32)
    where = np.full(loss.shape[:2], -1, np.int16)
    tried = [q for q in _CANDIDATES if last is None or q <= last - _CLEAR_OF_LAST]
    for q in tried:
        fall, known = _fall(loss, q)
        deeper = known & (fall > best)
        best[deeper] = fall[deeper]
        where[deeper] = q
    counts = np.bincount(where[where >= 0], minlength=_QUALITIES.stop)
    if not counts.any():
        return None
    # Neighbouring qualities share most steps, so a ghost spreads over a few.
    near = np.convolve(counts, np.ones(3), "same")
    peak = max(tried, key=lambda q: float(near[q]))
    # At qualities that halve the steps of the true one, more cells may lose enough to count, but none falls as far.
    fall, known = _fall(loss, peak)
    struck = known & (fall >= _GHOST)
    quality = max(tried, key=lambda q: float(_fall(loss, q)[0][struck].mean()) if struck.any() else counts[q])
    fall, known = _fall(loss, quality)
    return Ghost(
        origin=origin,
        quality=quality,
        share=float(near[peak] / where.size),
        normal=normalised(loss, quality - _QUALITIES.start),
        known=known,
        dipped=known & (fall >= _GHOST),
        unclear=float(np.mean((fall > 0.1) & (fall < 0.4), where=known)) if known.any() else 1.0,
    )


def _fall(loss: Floats, quality: int) -> tuple[Floats, Mask]:
    """How far each cell's loss falls at a quality, as a natural logarithm, and where enough is lost to tell."""
    at = quality - _QUALITIES.start
    beside = (loss[..., at - _APART] + loss[..., at + _APART]) / 2
    return np.log((beside + _FLOOR) / (loss[..., at] + _FLOOR)), beside >= _ENERGY


@dataclass(frozen=True)
class _Part:
    """The largest connected odd part: its box, its share of the picture and of all odd cells, and its distance."""

    box: Region
    share: float
    whole: float
    distance: float


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Look for the strongest ghost on the picture's grids, and for the part that has it, or lacks it."""
    if min(media.width, media.height) < _SMALLEST:
        return abstain(METHOD, Reason.TOO_SMALL, f"A side of {min(media.width, media.height)} pixels is too short.")
    luma = media.luma
    last = fit(media.jpeg.table_of(0), luma=True).quality if media.jpeg is not None else None
    best: tuple[Ghost, _Part | None, Strength] | None = None
    shown = None
    for origin in _origins(luma):
        loss = curves(luma, origin)
        if float(np.mean(loss.max(axis=2) >= _ENERGY)) < 0.02:
            return abstain(METHOD, Reason.TOO_FLAT, "Hardly any cell has enough detail to lose when compressed anew.")
        shown = loss if shown is None else shown
        ghost = find(loss, last, origin)
        if ghost is None:
            continue
        part = _part(ghost, media)
        strength = _strength(ghost, part)
        if best is None or (strength.rank, ghost.share) > (best[2].rank, best[0].share):
            best, shown = (ghost, part, strength), loss
    kept = _maps(maps, best[0] if best else None, shown)
    if best is None:
        return Finding(method=METHOD.id, says="No part of the picture has a JPEG ghost.", maps=kept)
    ghost, part, strength = best
    claimed = strength is not Strength.NONE and part is not None
    return Finding(
        method=METHOD.id,
        says=_sentence(ghost, part if claimed else None),
        direction=Direction.FOR if claimed else Direction.NEUTRAL,
        strength=strength,
        regions=(part.box,) if claimed and part is not None else (),
        maps=kept,
        details={
            "quality": ghost.quality,
            "origin": list(ghost.origin),
            "share": round(ghost.share, 4),
            "bulk_dips": ghost.bulk_dips,
            "unclear": round(ghost.unclear, 3),
            "part": None if part is None else {
                "share": round(part.share, 4), "whole": round(part.whole, 3), "distance": round(part.distance, 3),
            },
            "last_quality": last,
        },
    )  # fmt: skip


def _origins(luma: Floats) -> list[tuple[int, int]]:
    """Where grids to try begin: the corner, the picture's main grid, and the clearest foreign one.

    The paper tries all 64; their votes (``jpeg_grid``) find the few that matter at a fraction of the cost.
    """
    votes = grid_votes(zero_scores(luma))
    grids = global_grids(votes)
    main = grids[0].code if grids else -1
    foreign = [p for p in patches(tally(votes), set(range(64)) - {main}, votes.size) if p.density >= 0.2]
    wanted = [(0, 0)] + [(g.x, g.y) for g in grids[:1]] + [p.origin for p in foreign[:1]]
    return list(dict.fromkeys(wanted))


def _part(ghost: Ghost, media: Media) -> _Part | None:
    odd = ghost.odd
    # A part with a ghost has holes wherever too little is lost to tell; one without has none.
    opened, joined = (1, 0) if ghost.bulk_dips else (0, 3)
    found, labels = blobs(odd, ghost.heat, min_cells=6, open_=opened, join=joined)
    if not found:
        return None
    inside = labels == found[0].label
    words = "does not show the ghost that the rest shows" if ghost.bulk_dips else "shows a ghost that the rest lacks"
    box = region(
        found[0], f"This part {words} at quality {ghost.quality}.", width=media.width, height=media.height, cell=_CELL,
        origin=ghost.origin,
    )  # fmt: skip
    if box is None or inside.all():
        return None
    distance = float(ks_2samp(ghost.heat[inside], ghost.heat[~inside], method="asymp").statistic)
    return _Part(box, found[0].cells / odd.size, found[0].cells / float(np.count_nonzero(odd)), distance)


def _strength(ghost: Ghost, part: _Part | None) -> Strength:
    if part is None or part.share < _SHARE or part.whole < _WHOLE:
        return Strength.NONE
    if part.distance < _APART_BY or ghost.unclear > _UNCLEAR:
        return Strength.NONE
    sure = part.share >= _SHARE_SURE and part.whole >= _WHOLE_SURE
    sure &= part.distance >= _APART_BY_SURE and ghost.unclear <= _UNCLEAR_SURE
    return Strength.MODERATE if sure else Strength.WEAK


def _sentence(ghost: Ghost, part: _Part | None) -> str:
    grid = "" if ghost.origin == (0, 0) else f" on a grid beginning at {ghost.origin}"
    if part is None:
        return (
            f"{ghost.share:.1%} of the cells have a JPEG ghost at quality {ghost.quality}{grid}, and no compact part "
            "stands out from the rest."
        )
    who = "the picture, but not" if ghost.bulk_dips else "only"
    return (
        f"A JPEG ghost at quality {ghost.quality}{grid} shows in {who} a part of {part.share:.1%} of it "
        f"(Kolmogorov-Smirnov distance {part.distance:.2f})."
    )


def _maps(maps: Maps, ghost: Ghost | None, loss: Floats | None) -> tuple[Map, ...]:
    if loss is None:
        return ()
    array = np.full(loss.shape[:2], np.nan, np.float32) if ghost is None else ghost.heat
    says = "How far a cell stands out at the quality of the ghost: "
    says += "loss when compressed anew at it, scaled to 0 to 1 over all qualities"
    says += "." if ghost is None or ghost.bulk_dips else ", taken from 1."
    origin = (0, 0) if ghost is None else ghost.origin
    kept = [heat(maps, METHOD.id, "ghost", array, says, low=0, high=1, cell=_CELL, origin=origin)]
    if maps.wanted:
        text = (
            "The whole picture once for each quality, left to right and down: dark where compressing it anew at that "
            "quality changes little. A part that is dark where the rest is light, or the reverse, is a ghost."
        )
        kept.append(view(maps, METHOD.id, "panels", _panels(loss), text))
    return tuple(kept)


def _panels(loss: Floats) -> npt.NDArray[np.uint8]:
    """Farid's figure: the normalised difference at qualities 30, 35 ... 95, four in a row, each labelled."""
    rows, columns = loss.shape[:2]
    zoom = min(8.0, 280 / columns)
    width, height = max(48, round(columns * zoom)), max(1, round(rows * zoom))
    tiles = []
    for quality in _PANELS:
        small = (255 * np.clip(normalised(loss, quality - _QUALITIES.start), 0, 1)).astype(np.uint8)
        tile = np.full((height + 20, width + 4), 32, np.uint8)
        tile[20:, :width] = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
        cv2.putText(tile, f"{quality}", (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 230, 1, cv2.LINE_AA)
        tiles.append(tile)
    blank = np.full_like(tiles[0], 32)
    tiles += [blank] * (-len(tiles) % 4)
    return np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)])


ANALYSIS = Analysis(METHOD, examine)
