"""Lay a picture over a print: which part of the original it shows, and how well the two agree.

For each way in which the picture may have been scaled, turned, mirrored or stretched, the sum over all shifts comes
from one product of Fourier transforms. What is maximised is the statistic of a sign test: votes for less votes
against, over the root of all votes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from assay.fingerprint._guesses import Guess, guesses
from assay.fingerprint._map import SIDE, Floats, Print, Signs, light, signs

BASE = 256
"""Longer side, in pixels, to which the picture in hand is averaged down once."""
_OVERLAP = 0.55
MIN_VOTES = 60
_PEAK = 5
_PROMISING = 1.6
"""A score from which a guess is refined."""
_BEST = 2
"""Guesses of each stage that are followed up."""
_ENOUGH = 6.5
"""A score that ends the search."""


@dataclass(frozen=True)
class Fit:
    """A guess laid at (``top``, ``left``) cells of the original's map. ``z`` is the sign test's statistic, over
    ``votes`` cells of which ``agree`` agree.
    """

    guess: Guess
    top: int
    left: int
    z: float
    votes: int
    agree: int

    @property
    def score(self) -> float:
        """``z`` times the share by which votes for outweigh votes against: what is decided by."""
        return self.z * (2 * self.agree - self.votes) / max(self.votes, 1)


class Query:
    """The picture in hand, ready to be laid over prints; what it takes is worked out once, for all of them."""

    def __init__(self, rgb: npt.NDArray[np.uint8]) -> None:
        self.height, self.width = rgb.shape[:2]
        self._light = light(rgb, BASE)
        self._turned: dict[tuple[bool, int, float], tuple[Floats, npt.NDArray[np.bool_] | None]] = {}
        self._spectra: dict[tuple[Guess, tuple[int, int]], npt.NDArray[np.complex64]] = {}

    def base(self, mirrored: bool, quarter: int, angle: float) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """The picture turned back, and where there is any."""
        key = (mirrored, quarter, angle)
        if key not in self._turned:
            image = self._light[:, ::-1] if mirrored else self._light
            image = np.ascontiguousarray(np.rot90(image, -quarter))
            inside = None
            if angle:
                inside = straightened(np.full(image.shape, 255, np.uint8), angle, cv2.BORDER_CONSTANT) > 250
                image = straightened(image, angle)
            self._turned[key] = (np.asarray(image, np.float32), inside)
        return self._turned[key]

    def signs(self, guess: Guess) -> Signs:
        """The picture's map on the cells of the original."""
        image, inside = self.base(guess.mirrored, guess.quarter, guess.angle)
        size = (max(1, round(SIDE * guess.x)), max(1, round(SIDE * guess.y)))
        cells = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
        return signs(cells, None if inside is None else self.inside(guess))

    def inside(self, guess: Guess) -> npt.NDArray[np.bool_]:
        """Which cells of :meth:`signs` the picture covers: all but the corners of one that was turned."""
        size = (max(1, round(SIDE * guess.x)), max(1, round(SIDE * guess.y)))
        _, inside = self.base(guess.mirrored, guess.quarter, guess.angle)
        if inside is None:
            return np.ones(size[::-1], bool)
        return np.asarray(cv2.resize(inside.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 250)

    def spectrum(self, guess: Guess, shape: tuple[int, int]) -> npt.NDArray[np.complex64]:
        """Conjugate transform of the map, kept for the next print of the same shape."""
        key = (guess, shape)
        if key not in self._spectra:
            self._spectra[key] = np.conj(fft.rfft2(self.signs(guess).astype(np.float32), shape))
        return self._spectra[key]

    def forget(self) -> None:
        """Drop the kept transforms."""
        self._spectra.clear()


P = TypeVar("P", npt.NDArray[np.uint8], Floats)


def straightened(image: P, angle: float, border: int = cv2.BORDER_REFLECT_101) -> P:
    """An image turned clockwise by ``angle`` degrees about its middle, of the same size."""
    if not angle:
        return image
    rows, columns = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -angle, 1.0)
    turned: P = cv2.warpAffine(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=border)  # type: ignore[assignment]
    return turned


class Target:
    """A print, ready to be searched."""

    def __init__(self, found: Print) -> None:
        self.found = found
        self._spectra: dict[tuple[int, int], tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]]] = {}

    def spectra(self, shape: tuple[int, int]) -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]]:
        """Transforms of the signs and of where there are any."""
        if shape not in self._spectra:
            signs_ = self.found.signs.astype(np.float32)
            self._spectra[shape] = (fft.rfft2(signs_, shape), fft.rfft2(np.abs(signs_), shape))
        return self._spectra[shape]


@lru_cache(maxsize=4096)
def _shape(guess: Guess) -> tuple[int, int]:
    return tuple(int(fft.next_fast_len(SIDE + max(1, round(SIDE * s)), real=True)) for s in (guess.y, guess.x))  # type: ignore[return-value]


@lru_cache(maxsize=512)
def _room(rows: int, columns: int, shape: tuple[int, int]) -> Floats:
    """Cells that overlap at each shift, as the transform lays them out."""

    def line(length: int, size: int) -> Floats:
        shift = np.arange(size)
        shift = np.where(shift < SIDE, shift, shift - size)
        room = np.clip(np.minimum(SIDE, shift + length) - np.maximum(0, shift), 0, None)
        return np.asarray(room, np.float32)

    room = np.asarray(np.outer(line(rows, shape[0]), line(columns, shape[1])), np.float32)
    # A narrow strip of overlap proves nothing: most of the one has to lie on the other.
    room[room < _OVERLAP * min(rows * columns, SIDE * SIDE)] = 0
    return room


@lru_cache(maxsize=512)
def _weights(rows: int, columns: int, shape: tuple[int, int]) -> Floats:
    """What a sum at each shift counts for: one over the root of the overlap, 0 where that is too small."""
    room = _room(rows, columns, shape)
    return np.asarray((room > 0) / np.sqrt(np.maximum(room, 200.0)), np.float32)


def rough(query: Query, target: Target, guess: Guess) -> float:
    """The best statistic over all shifts by one transform, with the votes estimated from the overlap."""
    shape = _shape(guess)
    sums = fft.irfft2(target.spectra(shape)[0] * query.spectrum(guess, shape), shape, overwrite_x=True)
    sums *= _weights(max(1, round(SIDE * guess.y)), max(1, round(SIDE * guess.x)), shape)
    return float(sums.max())


def exact(query: Query, target: Target, guess: Guess) -> Fit:
    """The best shift with the votes counted."""
    return _exact(query.signs(guess), target, guess)


def telling(found: Print) -> float:
    """The score of a print against itself: what a comparison can come to at most. Little where there is little
    structure, and where it repeats.
    """
    return _exact(found.signs, Target(found), Guess(1.0, 1.0)).score if found.votes >= MIN_VOTES else 0.0


def _exact(own: Signs, target: Target, guess: Guess) -> Fit:
    shape = _shape(guess)
    values = own.astype(np.float32)
    first, second = target.spectra(shape)
    sums = fft.irfft2(first * np.conj(fft.rfft2(values, shape)), shape)
    votes = fft.irfft2(second * np.conj(fft.rfft2(np.abs(values), shape)), shape)
    room = _room(own.shape[0], own.shape[1], shape)
    z = np.where((votes >= MIN_VOTES) & (room > 0), sums / np.sqrt(np.maximum(votes, MIN_VOTES)), -np.inf)
    row, column = divmod(int(np.argmax(z)), shape[1])
    height = float(z[row, column]) / _spread(sums, votes, row, column)
    n, total = max(0, round(float(votes[row, column]))), round(float(sums[row, column]))
    top, left = row - shape[0] * (row >= SIDE), column - shape[1] * (column >= SIDE)
    return Fit(guess, top, left, height, n, (n + total) // 2)


def _spread(sums: Floats, votes: Floats, row: int, column: int) -> float:
    """How much wider than independent votes the sums scatter, away from the peak: neighbouring cells go together, and
    in a picture of stripes all of them do.
    """

    def around(values: Floats) -> float:
        rows = np.arange(row - _PEAK, row + _PEAK + 1) % values.shape[0]
        columns = np.arange(column - _PEAK, column + _PEAK + 1) % values.shape[1]
        return float(values[np.ix_(rows, columns)].sum())

    squares = np.square(sums)
    rest = float(squares.sum()) - around(squares)
    return float(np.sqrt(max(1.0, rest / max(float(votes.sum()) - around(votes), 1.0))))


def align(query: Query, target: Target, first: Iterable[Guess] = ()) -> Fit:
    """The best fit of all ways tried, those of ``first`` first. Of the others, the search ends after the first stage
    in which there is a good one.
    """
    best: Fit | None = None
    early = list(first)
    for stage in range(-bool(early), 3):
        tried = early if stage < 0 else guesses((query.width, query.height), target.found, stage=stage)
        ranked = sorted(((rough(query, target, g), -i, g) for i, g in enumerate(tried)), reverse=True)
        for guess in _apart((g for _, _, g in ranked), _BEST):
            fit = exact(query, target, guess)
            if fit.score >= _PROMISING:
                fit = refine(query, target, fit)
            if best is None or fit.score > best.score:
                best = fit
        if best is not None and best.score >= _ENOUGH:
            break
    if best is None:
        raise RuntimeError("nothing was tried")
    return best


def _apart(ranked: Iterable[Guess], count: int) -> list[Guess]:
    kept: list[Guess] = []
    for guess in ranked:
        near = (
            k
            for k in kept
            if (k.mirrored, k.quarter, k.angle) == (guess.mirrored, guess.quarter, guess.angle)
            and abs(np.log(k.x / guess.x)) < 0.06
            and abs(np.log(k.y / guess.y)) < 0.06
        )
        if next(near, None) is None:
            kept.append(guess)
        if len(kept) == count:
            break
    return kept


def refine(query: Query, target: Target, fit: Fit) -> Fit:
    """Small steps in size, stretch and angle while they help, the place never far from where it was."""
    here, height = fit, _near(query, target, fit.guess, fit)
    for step in (0.02, 0.01, 0.005):
        for _ in range(4):
            tried = ((_near(query, target, g, here), -i, g) for i, g in enumerate(_steps(here.guess, step)))
            best, _, guess = max(tried)
            if best <= height + 0.05:
                break
            down, right = (round(SIDE * (a - b) / 2) for a, b in ((here.guess.y, guess.y), (here.guess.x, guess.x)))
            here, height = replace(here, guess=guess, top=here.top + down, left=here.left + right), best
    return exact(query, target, here.guess) if here.guess != fit.guess else fit


def _steps(g: Guess, step: float) -> Iterator[Guess]:
    more, less = 1 + step, 1 / (1 + step)
    for x, y in ((more, more), (less, less), (more, 1), (less, 1), (1, more), (1, less)):
        yield replace(g, x=g.x * x, y=g.y * y)
    for turn in (60 * step, -60 * step):
        yield replace(g, angle=round(g.angle + turn, 2))


def _near(query: Query, target: Target, guess: Guess, fit: Fit) -> float:
    """The sign test's statistic at the best place within a cell of where ``fit`` has its middle."""
    own, there = query.signs(guess), target.found.signs
    rows, columns = own.shape
    top = fit.top + round(SIDE * (fit.guess.y - guess.y) / 2)
    left = fit.left + round(SIDE * (fit.guess.x - guess.x) / 2)
    best = -np.inf
    for y in (top - 1, top, top + 1):
        for x in (left - 1, left, left + 1):
            under = there[max(0, y) : max(0, y + rows), max(0, x) : max(0, x + columns)]
            over = own[max(0, -y) : max(0, -y) + under.shape[0], max(0, -x) : max(0, -x) + under.shape[1]]
            both = over * under
            votes = int(np.count_nonzero(both))
            if votes >= MIN_VOTES:
                best = max(best, float(both.sum(dtype=np.int64)) / votes**0.5)
    return best
