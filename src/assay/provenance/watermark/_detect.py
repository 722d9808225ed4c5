"""Look for a mark, and say how sure it is."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.provenance.watermark._codec import CODED_BITS, PAYLOAD_BITS, decode, encode, payload_of
from assay.provenance.watermark._embed import WORK_SIDE
from assay.provenance.watermark._mask import luma
from assay.provenance.watermark._pattern import Pattern, pattern
from assay.provenance.watermark._read import Reading, probe, read
from assay.provenance.watermark._search import MOST, Lattice, search
from assay.provenance.watermark._whiten import Residual, whiten

Bytes = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]

_LEAST_SIDE = 48
_CLEAR = 9.0
"""Deviations of chance: a lattice as clear as this is read before others are looked at."""
_PROBED, _PILOT = 3.8, 4.8
"""Deviations of chance that the pilot must reach, at its best shift, at first sight and when straightened."""
_READ = 12
"""Lattices that are read to the end at most."""
_AS_MADE = tuple(
    np.array(m, np.float64) for m in ([[1, 0], [0, 1]], [[-1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1], [1, 0]])
)
"""Upright, mirrored and on either side, at the size made: most pictures are only cut and saved again, and these need no
search. Half turns come with them."""
_ACCEPTED = -7.0
"""A word is believed where its bound on the false alarm, base 10, is no higher."""


@dataclass(frozen=True)
class Mark:
    """A mark that was found.

    ``payload`` is 0 to 2**64 - 1. ``confidence`` is the normalised correlation of the chips read with those of the word
    they were read as, 0 to 1. ``log10_false_alarm`` is an upper bound, base 10, on the chance that a picture without a
    mark gives any word that agrees so well, all candidates counted. ``scale`` (x, y), ``rotation`` in degrees,
    anticlockwise, and ``mirrored`` tell what became of the pattern: a pattern made at 1536 pixels or less has scale 1.
    A mirrored picture was mirrored left to right, then turned.
    """

    payload: int
    confidence: float
    log10_false_alarm: float
    scale: tuple[float, float]
    rotation: float
    mirrored: bool

    def pixel_scale(self, width: int, height: int) -> tuple[float, float]:
        """Pixels of the picture over pixels of an original of that size, along x and y: on large pictures the pattern
        is made at a size of its own.
        """
        larger = max(1.0, max(width, height) / WORK_SIDE)
        return self.scale[0] / larger, self.scale[1] / larger


def detect(rgb: Bytes, *, key: bytes = b"") -> Mark | None:
    """Return the mark in (H, W, 3) uint8 RGB made with the same ``key``, or None.

    The answer is the same for the same bytes. Looking costs most where there is nothing: a few hundred candidates at
    most, whatever the picture.

    A found word is believed for two reasons. Its CRC-32 agrees; and so do the chips. Chips are scrambled by signs that
    know nothing of the picture, so that for any one word the sum of the chips' values, each with the sign that the word
    gives it, passes lambda times their norm with a chance of exp(-lambda**2 / 2) at most (Hoeffding 1963,
    doi:10.1080/01621459.1963.10500830). There are 2**64 words and at most 512 readings of a picture: that gives the
    bound, which leans on neither the CRC nor an idea of what pictures look like.
    """
    height, width = rgb.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return None
    reduced = max(1.0, max(height, width) / WORK_SIDE)
    if reduced > 1:
        size = max(1, round(width / reduced)), max(1, round(height / reduced))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    if min(rgb.shape[:2]) < _LEAST_SIDE:
        return None
    residual = whiten(luma(rgb))
    if not residual.field.any():
        return None
    shape = pattern(key)
    lattices = search(residual, shape.pilots)
    if lattices and lattices[0].score > _CLEAR:
        mark = _judge(read(residual, lattices[0].matrix, shape), shape, reduced)
        if mark is not None:
            return mark
    for matrix in _promising(residual, lattices, shape):
        mark = _judge(read(residual, matrix, shape), shape, reduced)
        if mark is not None:
            return mark
    return None


def _promising(residual: Residual, lattices: list[Lattice], shape: Pattern) -> list[Doubles]:
    """The matrices of the lattices at which the pilot is seen at all, those first where it is seen best."""
    matrices = [*_AS_MADE, *(lattice.matrix for lattice in lattices)]
    values = [probe(residual, matrix, shape) for matrix in matrices]
    order = np.argsort(-np.array(values), kind="stable")[:_READ]
    return [matrices[n] for n in order.tolist() if values[n] >= _PROBED]


def _judge(reading: Reading, shape: Pattern, reduced: float) -> Mark | None:
    chips = reading.soft * shape.signs
    norm, total = float(np.linalg.norm(chips)), float(np.abs(chips).sum())
    if reading.pilot < _PILOT or not norm:
        return None
    for bits in decode(np.bincount(shape.order, chips, CODED_BITS).astype(np.float64)):
        payload = payload_of(bits)
        if payload is None:
            continue
        agreed = float((1.0 - 2.0 * encode(payload)[shape.order]) @ chips)
        chance = log10_false_alarm(agreed / norm)
        if chance <= _ACCEPTED:
            return Mark(payload, agreed / total, chance, *_pose(reading.matrix, reduced))
    return None


def log10_false_alarm(deviations: float) -> float:
    """Return the bound on the chance of a word that agrees by ``deviations`` times the chips' norm, base 10."""
    readings = 2 * MOST
    return float(np.log10(readings) + PAYLOAD_BITS * np.log10(2) - max(deviations, 0) ** 2 / 2 / np.log(10))


def _pose(matrix: Doubles, reduced: float) -> tuple[tuple[float, float], float, bool]:
    """What took the pattern to the picture, from the (2, 2) matrix that takes pixels to points of the tile."""
    forward = np.linalg.inv(matrix) * reduced
    mirrored = bool(np.linalg.det(forward) < 0)
    across = forward[:, 0] * (-1 if mirrored else 1)
    # Rows count downwards, so that a turn to the left has a negative y.
    turn = float(np.degrees(np.arctan2(-across[1], across[0])))
    return (float(np.hypot(*forward[:, 0])), float(np.hypot(*forward[:, 1]))), turn, mirrored
