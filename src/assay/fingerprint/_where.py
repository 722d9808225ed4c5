"""Where two pictures that are the same differ: laid over each other to a quarter of a cell, the votes counted place by
place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from assay.fingerprint._align import Fit, Query
from assay.fingerprint._guesses import Guess
from assay.fingerprint._map import FAINT, SHARE, SIDE, Floats, Print, band

_PARTS = 4
_FULL = SIDE * _PARTS
REACH = 2.0
"""Standard deviation, in cells, of the window in which votes are counted."""
_THIN = 0.15
"""Below this density of votes a place says nothing."""
LOW = 0.3
"""Agreement below which a place differs."""
_CELLS = 14
"""Fewer such cells together are put down to chance."""
MOST = 8
_MARGIN = 3
"""Cells along an edge of the picture that is none of the original: the band there knows nothing of what was beyond."""
_WEAK = 0.25
"""Grey levels from which a sign of the picture in hand is believed where the print has one. A tone curve weakens what
is light or dark; what was painted over is weaker still.
"""
_STRONG = 2.2
"""Times the level from which signs count: from there on the picture has something that the print has not."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Lay:
    """A guess laid at (``top``, ``left``) quarter cells of the original's map."""

    guess: Guess
    top: int
    left: int

    def seen(self) -> Box:
        """Which part of the original the picture shows: (x, y, width, height) as shares of it."""
        left, top = self.left / _FULL, self.top / _FULL
        right, bottom = min(1.0, left + self.guess.x), min(1.0, top + self.guess.y)
        left, top = max(0.0, left), max(0.0, top)
        return left, top, max(0.0, right - left), max(0.0, bottom - top)

    def placed(self) -> Box:
        """Where the whole picture lies over the original: (x, y, width, height) as shares of it."""
        return self.left / _FULL, self.top / _FULL, self.guess.x, self.guess.y

    def covers(self) -> float:
        """The share of the picture in hand that the original takes up: the rest was put around it."""
        _, _, width, height = self.seen()
        return min(1.0, width * height / (self.guess.x * self.guess.y))


def lay(found: Print, query: Query, fit: Fit) -> Lay:
    """Move a fit in small steps while the votes agree better."""
    best = Lay(fit.guess, fit.top * _PARTS, fit.left * _PARTS)
    height = _height(found, query, best)
    for step in (2, 1, 1):
        for _ in range(6):
            moved = max(((_height(found, query, n), i, n) for i, n in enumerate(_near(best, step))))
            if moved[0] <= height + 1e-5:
                break
            height, _, best = moved
    return best


def _near(here: Lay, step: int) -> Iterator[Lay]:
    g = here.guess
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        yield replace(here, top=here.top + down * step, left=here.left + right * step)
    # A change of size leaves the middle where it is.
    delta = 2 * step / _FULL
    for x, y in ((delta, 0), (-delta, 0), (0, delta), (0, -delta)):
        guess = replace(g, x=g.x + x, y=g.y + y)
        yield Lay(guess, here.top - round(np.sign(y)) * step, here.left - round(np.sign(x)) * step)
    for turn in (-0.3, 0.3):
        yield replace(here, guess=replace(g, angle=round(g.angle + turn * step, 2)))


def _cells(query: Query, here: Lay) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The picture on the original's 64 x 64 cells, mirrored at its edges, and which cells it reaches."""
    g = here.guess
    image, inside = query.base(g.mirrored, g.quarter, g.angle)
    size = (max(1, round(_FULL * g.x)), max(1, round(_FULL * g.y)))
    fine = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    rows, columns = np.arange(_FULL) - here.top, np.arange(_FULL) - here.left
    near = fine[_mirror(rows, size[1])][:, _mirror(columns, size[0])]
    cells = near.reshape(SIDE, _PARTS, SIDE, _PARTS).mean(axis=(1, 3))
    reach = np.outer(_reach(rows, size[1]), _reach(columns, size[0]))
    if inside is not None:
        whole = cv2.resize(inside.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        whole = cv2.erode(whole, np.ones((2 * _MARGIN * _PARTS + 1,) * 2, np.uint8), borderValue=255)
        turned = whole[_mirror(rows, size[1])][:, _mirror(columns, size[0])]
        reach &= turned.reshape(SIDE, _PARTS, SIDE, _PARTS).min(axis=(1, 3)) > 250
    return np.asarray(cells, np.float32), reach


def _mirror(index: npt.NDArray[np.int_], length: int) -> npt.NDArray[np.int_]:
    if length == 1:
        return np.zeros_like(index)
    index = np.abs(index) % (2 * length - 2)
    return np.minimum(index, 2 * length - 2 - index)


def _reach(index: npt.NDArray[np.int_], length: int) -> npt.NDArray[np.bool_]:
    """Cells of one axis that lie within the picture, less a margin where it ends short of the original."""
    first, last = int(index[0]), int(index[-1]) + 1 - length
    ours: npt.NDArray[np.bool_] = ((index >= 0) & (index < length)).reshape(SIDE, _PARTS).mean(axis=1) > 0.5
    cells = np.arange(SIDE) * _PARTS + _PARTS // 2
    if first < -_PARTS:
        ours &= cells >= -first + _MARGIN * _PARTS
    if last > _PARTS:
        ours &= cells < _FULL - last - _MARGIN * _PARTS
    return ours


def _signs(cells: Floats, reach: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    found = band(cells)
    inside = found[reach]
    return found, max(FAINT, SHARE * float(np.sqrt(np.mean(np.square(inside)))) if inside.size else FAINT)


def _height(found: Print, query: Query, here: Lay) -> float:
    """How well the picture's band goes with the print's signs. Values rather than signs, which only jump."""
    cells, reach = _cells(query, here)
    values, level = _signs(cells, reach)
    voting = (found.signs != 0) & reach
    own = np.clip(values[voting], -4 * level, 4 * level)
    along = float((own * found.signs[voting]).sum())
    # A mean, as a sum would grow with the overlap and draw the edges outwards.
    return along / max(float(np.sqrt(np.square(own).sum() * own.size)), 1e-6)


def agreement(found: Print, query: Query, here: Lay) -> Floats:
    """(64, 64) float32 over the original: 1 where all votes agree, 0 as by chance, -1 where all disagree; NaN where the
    picture does not reach, or where neither has structure.
    """
    cells, reach = _cells(query, here)
    values, level = _signs(cells, reach)
    there = found.signs != 0
    own = np.sign(values) * (np.abs(values) >= np.where(there, _WEAK, _STRONG * level))
    # A place where only one of the two has structure counts as a vote that is neither for nor against: what was
    # painted over is flat.
    votes = (there | (own != 0)) & reach
    for_, all_, room = (
        np.asarray(cv2.GaussianBlur(a.astype(np.float32), (0, 0), REACH, borderType=cv2.BORDER_CONSTANT), np.float32)
        for a in (own * found.signs * reach, votes, reach)
    )
    local = for_ / np.maximum(all_, 1e-6)
    local[~reach | (all_ < _THIN * np.maximum(room, 0.3))] = np.nan
    return np.asarray(local, np.float32)


def differing(local: Floats) -> tuple[Box, ...]:
    """Places that differ, largest first: (x, y, width, height) as shares of the original."""
    low = (np.nan_to_num(local, nan=1.0) < LOW).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(low, connectivity=8)
    large = [s for s in stats[1:count] if s[cv2.CC_STAT_AREA] >= _CELLS]
    large.sort(key=lambda s: -int(s[cv2.CC_STAT_AREA]))
    return tuple((float(s[0]) / SIDE, float(s[1]) / SIDE, float(s[2]) / SIDE, float(s[3]) / SIDE) for s in large[:MOST])


__all__ = ["LOW", "Box", "Lay", "agreement", "differing", "lay"]
