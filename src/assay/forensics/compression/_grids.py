"""Statistics of the votes for JPEG grids: which grid the whole picture shows, where it shows another, where none.

T. Nikoukhah, J. Anger, M. Colom, J.-M. Morel, R. Grompone von Gioi, "ZERO: a Local JPEG Grid Origin Detector Based on
the Number of DCT Zeros and its Applications in Image Forensics", IPOL 11 (2021), doi 10.5201/ipol.2021.390.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log, log10

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, gammaln

from assay.forensics.compression._dct_zeros import NO_VOTE, grid_votes, tally, zero_scores

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# Blocks a side of the window over which the living coefficients are averaged.
_WINDOW = 7
_REACH = np.ones((8, 8), np.uint8)
JPEG_SIDE = 65500
"""The longest side that a JPEG can have in cv2."""


@dataclass(frozen=True)
class Grid:
    """A grid with its origin (``x``, ``y``), 0 to 7 each, the pixels that vote for it and its log10 NFA."""

    x: int
    y: int
    votes: int
    log10_nfa: float

    @property
    def code(self) -> int:
        """The vote: 8y + x."""
        return 8 * self.y + self.x


@dataclass(frozen=True)
class Patch:
    """A box in pixels (``x``, ``y``, ``width``, ``height``) in which pixels vote for the grid of ``origin`` (x, y)."""

    x: int
    y: int
    width: int
    height: int
    origin: tuple[int, int]
    votes: int
    log10_nfa: float

    @property
    def density(self) -> float:
        """Share of the box's pixels that vote for the grid."""
        return self.votes / (self.width * self.height)


def log10_tail(n: int, k: int, p: float) -> float:
    """log10 of P(Binomial(n, p) >= k), without underflow."""
    if k <= 0:
        return 0.0
    if k > n:
        return -np.inf
    if k <= n * p:
        return log10(max(float(bdtrc(k - 1, n, p)), 1e-300))
    first = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + k * log(p) + (n - k) * log(1 - p)
    # Above the mean each term is smaller than the last by a falling ratio: sum until it no longer matters.
    term = total = 1.0
    for i in range(k, n):
        term *= (n - i) / (i + 1) * p / (1 - p)
        total += term
        if term < 1e-12 * total:
            break
    return float(min(0.0, (first + log(total)) / log(10)))


def global_grids(votes: Bytes) -> tuple[Grid, ...]:
    """All grids meaningful over the whole picture (NFA < 1), most votes first; ``votes`` as of ``grid_votes``.

    NFA = 64 P(Binomial(n/64, 1/64) >= k/64): votes of pixels under one block hang together, so one in 64 counts.
    """
    counts = np.bincount(votes.ravel(), minlength=256)[:64]
    found = []
    for code in np.argsort(-counts, kind="stable"):
        k = int(counts[code])
        nfa = log10(64) + log10_tail(votes.size // 64, k // 64, 1 / 64)
        if nfa >= 0:
            break
        found.append(Grid(int(code) % 8, int(code) // 8, k, nfa))
    return tuple(found)


def log10_tests(pixels: int) -> float:
    """log10 of the number of tests of the local search: 64 XY sqrt(XY), grids times possible boxes."""
    return log10(64) + 1.5 * log10(pixels)


def patches(cells: Bytes, grids: Iterable[int], pixels: int) -> list[Patch]:
    """Meaningful regions (NFA < 1) that vote for one of ``grids`` (codes 8y + x), best first.

    ``cells`` (64, rows, columns) counts the votes in each 8x8 cell, as ``tally`` does. Regions grow over touching
    cells, so over gaps of 8 to 15 pixels, where the paper grows over 12. For ``pixels`` = XY and a bounding box of B
    pixels with k votes, NFA = 64 XY sqrt(XY) P(Binomial(B/64, 1/64) >= k/64).
    """
    tests = log10_tests(pixels)
    least = 64 * ceil(tests / log10(64))
    found = []
    for code in grids:
        layer = cells[code]
        if int(layer.sum(dtype=np.int64)) < least:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((layer > 0).astype(np.uint8), connectivity=8)
        votes = np.bincount(labels.ravel(), weights=layer.ravel(), minlength=count)
        votes[0] = 0
        for label in np.flatnonzero(votes >= least):
            x, y, w, h = (int(v) for v in stats[label, :4])
            nfa = tests + log10_tail(w * h, int(votes[label]) // 64, 1 / 64)
            if nfa < 0:
                origin = (int(code) % 8, int(code) // 8)
                found.append(Patch(8 * x, 8 * y, 8 * w, 8 * h, origin, int(votes[label]), nfa))
    return sorted(found, key=lambda patch: patch.log10_nfa)


def fresh_votes(luma: Floats, votes: Bytes, main: int) -> Bytes:
    """Votes in each 8x8 cell for the grid of a new compression at quality 99, where a pixel did not vote ``main``.

    ``luma`` (rows, columns) 0 to 255, no side over ``JPEG_SIDE``; returns (rows // 8, columns // 8) uint8. What takes
    on a new grid so easily, yet shows none of the old, was not there when the old was made.
    """
    grey = np.clip(np.rint(luma), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 99])[1]
    again = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
    fresh = grid_votes(zero_scores(again))
    fresh[(votes == main) | (fresh != 0)] = NO_VOTE
    return np.asarray(tally(fresh)[0])


def without(scores: Bytes, marked: Bytes) -> Bytes:
    """``scores`` with 0 for every block that holds a pixel of ``marked`` (rows, columns of the picture; 0 or 1)."""
    touched = cv2.dilate(marked, _REACH, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.where(touched[: scores.shape[0], : scores.shape[1]] > 0, 0, scores).astype(np.uint8)


def survivors(scores: Bytes, main: int | None) -> tuple[Floats, Floats]:
    """How many coefficients the blocks of a grid leave alive, over those that blocks placed anywhere leave.

    ``scores`` as of ``zero_scores``; ``main`` the grid's code 8y + x, or None for the grid that leaves fewest at each
    place. Returns two (rows, columns) float32 maps over the blocks of the main grid: the ratio, about 1 where the grid
    left no trace and near 0 where it emptied the blocks; and the living coefficients of a block placed anywhere. Both
    are over windows of 7x7 blocks. The measure is our own: the paper counts votes, which a second, finer compression on
    the same grid leaves as they are.
    """
    y, x = divmod(main or 0, 8)
    alive = np.where(scores > 0, 64 - scores, 0)[y:, x:]
    # To whole blocks, by repeating the border.
    rows, columns = -(-alive.shape[0] // 8), -(-alive.shape[1] // 8)
    alive = np.pad(alive, ((0, 8 * rows - alive.shape[0]), (0, 8 * columns - alive.shape[1])), mode="edge")
    blocks = alive.reshape(rows, 8, columns, 8)
    around = _smooth(blocks.mean(axis=(1, 3), dtype=np.float32))
    kept = _smooth(blocks[:, 0, :, 0])
    if main is None:
        for code in range(1, 64):
            kept = np.minimum(kept, _smooth(blocks[:, code // 8, :, code % 8]))
    return (kept / np.maximum(around, 1e-3)).astype(np.float32), around


def _smooth(blocks: npt.NDArray[np.generic]) -> Floats:
    window = (_WINDOW, _WINDOW)
    return np.asarray(cv2.blur(blocks.astype(np.float32), window, borderType=cv2.BORDER_REFLECT), np.float32)
