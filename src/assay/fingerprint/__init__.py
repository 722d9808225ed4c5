"""A perceptual fingerprint for soft bindings: finds the manifest of a picture that lost it, and tells whether a
manifest that a watermark led to is of this picture at all.

The fingerprint, ``assay.structure.1``, holds for each of 64 x 64 cells of the upright picture whether it is lighter or
darker than what is around it, or too faint to say: 1,031 bytes. To compare it, the picture in hand is laid over it in
some 500 ways (size, place, quarter turns, mirrored, turned by up to 6.6 degrees, stretched by up to 13 %), and the best
is judged. What that gives on which pictures stands in ``docs/figures/fingerprint.md``.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from assay.fingerprint._align import Query, Target, align, straightened, telling
from assay.fingerprint._guesses import SMALLEST_SHARE, Guess, Hint, hinted
from assay.fingerprint._map import SIDE, Print, pack, take, unpack
from assay.fingerprint._search import search
from assay.fingerprint._where import Box, agreement, differing, lay

ALGORITHM = "assay.structure.1"
"""The name under which a soft binding records this fingerprint."""

SAME, OTHER = 5.5, 4.0
"""A score from the first on says the same picture, below the second another one; between them nothing is said."""
TELLING = 8.5
"""A print that scores less against itself has too little structure, or too much that repeats: that a picture does not
fit it says nothing.
"""
MIN_VOTES = 150
"""Cells with structure that a print, and the picture in hand, must have to be compared at all."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a picture is to a recorded fingerprint.

    ``same`` is None where that cannot be told, and ``says`` why. ``score`` is at least ``SAME`` for the same picture.
    ``region`` is the part of the original that the picture shows, (x, y, width, height) as shares of it, and ``placed``
    where the whole picture lies, turned back by :func:`untwisted`, which may reach beyond the original; ``covers``
    the share of the picture in hand that the original takes up, below 1 where something was put around it. ``turn`` is
    in degrees anticlockwise, ``scale`` pixels of the picture over pixels of the original along the two sides of the
    original. ``differing`` are places of the original that the picture shows otherwise, and ``agreement`` is
    (64, 64) float32 over the original: 1 the same, 0 unlike, NaN unknown.
    """

    same: bool | None
    score: float
    says: str
    region: Box = (0.0, 0.0, 1.0, 1.0)
    placed: Box = (0.0, 0.0, 1.0, 1.0)
    covers: float = 1.0
    mirrored: bool = False
    turn: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    differing: tuple[Box, ...] = ()
    agreement: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.full((SIDE, SIDE), np.nan, np.float32), repr=False
    )


def compute(rgb: npt.NDArray[np.uint8]) -> bytes:
    """The fingerprint of an upright picture, (H, W, 3) uint8: 1,031 bytes."""
    return pack(take(rgb))


def flat(fingerprint: bytes) -> bool:
    """Whether a fingerprint says too little to tell another picture by. Raises ProvenanceError where it is none."""
    return telling(unpack(fingerprint)) < TELLING


def compare(fingerprint: bytes, rgb: npt.NDArray[np.uint8], *, hint: Hint | None = None) -> Comparison:
    """Lay an upright picture, (H, W, 3) uint8, over a recorded fingerprint. Takes about 0.1 s where it is the same
    picture and 0.5 s where not. ``hint`` is a watermark read from the picture: it says how the picture was turned and
    scaled since.

    Raises ProvenanceError (``unsupported``) where the fingerprint is not of this algorithm.
    """
    return compare_print(unpack(fingerprint), Query(rgb), hint=hint)


def compare_print(found: Print, query: Query, *, hint: Hint | None = None) -> Comparison:
    """:func:`compare` for what has been taken apart already."""
    if found.votes < MIN_VOTES:
        return Comparison(None, 0.0, "The recorded picture is too flat to be compared.")
    if int(np.count_nonzero(query.signs(Guess(1.0, 1.0)))) < MIN_VOTES:
        return Comparison(None, 0.0, "The picture is too flat to be compared.")
    share = _shown(found, query, hint)
    if share is not None and share < SMALLEST_SHARE:
        return Comparison(None, 0.0, f"The picture shows less than {SMALLEST_SHARE:.0%} of the original: too little.")
    fit = align(query, Target(found), first=() if hint is None else hinted((query.width, query.height), found, hint))
    if fit.score < SAME:
        if telling(found) < TELLING:
            return Comparison(
                None, round(fit.score, 2), "The recorded picture has too little structure to be compared."
            )
        if fit.score < OTHER:
            return Comparison(False, round(fit.score, 2), "This is another picture.")
        return Comparison(None, round(fit.score, 2), "It cannot be told whether this is the same picture.")
    here = lay(found, query, fit)
    local = agreement(found, query, here)
    guess = here.guess
    width, height = (query.height, query.width) if guess.quarter % 2 else (query.width, query.height)
    turn = (guess.quarter * 90 + guess.angle + 180) % 360 - 180
    return Comparison(
        True, round(fit.score, 2), "This is the same picture.", here.seen(), here.placed(), round(here.covers(), 3),
        guess.mirrored, round(turn, 1), (width / guess.x / found.width, height / guess.y / found.height),
        differing(local), local,
    )  # fmt: skip


def untwisted(rgb: npt.NDArray[np.uint8], comparison: Comparison) -> npt.NDArray[np.uint8]:
    """The picture, (H, W, 3) uint8, mirrored and turned back to how the original stands, its corners cut or mirrored
    where it was turned by a small angle: what lies at ``comparison.placed``.
    """
    quarter = round(comparison.turn / 90)
    image = rgb[:, ::-1] if comparison.mirrored else rgb
    return straightened(np.ascontiguousarray(np.rot90(image, -quarter)), comparison.turn - 90 * quarter)


def _shown(found: Print, query: Query, hint: Hint | None) -> float | None:
    """The share of the original's area that the picture can show at most, by the scale of its watermark."""
    if hint is None:
        return None
    across, down = hint.pixel_scale(found.width, found.height)
    area = across * down * found.width * found.height
    return query.width * query.height / area if math.isfinite(area) and area > 0 else None


__all__ = [
    "ALGORITHM", "MIN_VOTES", "OTHER", "SAME", "Comparison", "Print", "Query", "compare", "compare_print", "compute",
    "flat", "search", "take", "telling", "unpack",
]  # fmt: skip
