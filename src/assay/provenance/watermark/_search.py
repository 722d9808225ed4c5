"""Find the pattern's lattice: which stretch, angle and mirroring puts the pilot's lines on peaks of the spectrum?

A picture scaled, turned or mirrored by A has its spectrum changed by A's inverse transpose, whatever its shift. So the
search sums the power at the 32 places where the pilot's lines would be, for every scale and angle, and for every
pair of scales along x and y.
"""

from dataclasses import dataclass

import cv2
import numba
import numpy as np
import numpy.typing as npt

from assay.provenance.watermark._pattern import PERIOD, Integers
from assay.provenance.watermark._whiten import Residual

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SMALLEST, LARGEST = 0.28, 3.2
"""Scales looked at: size of the pattern in the picture over its size as made."""
_ASPECT = 1.6
_FINE, _COARSE = 0.9, 1.8
"""Bins that the outermost pilot line moves from one hypothesis to the next."""
_SIDE = 1024
"""Bins: larger spectra are searched in the coarser steps."""
_LEAST = 2.0
"""Deviations of chance below which no candidate is worth keeping."""
MOST = 256
"""Lattices that are handed on at most, whatever the picture."""
_PIXELS = 48e6
"""Pixels that may be folded to look at candidates; it bounds their number in large pictures."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """``matrix`` is (2, 2), from pixels to points of the tile, (x, y) order; ``score`` in deviations of chance."""

    matrix: Doubles
    score: float


def search(residual: Residual, pilots: Integers) -> list[Lattice]:
    """Return at most 256 lattices, fewer for larger pictures, the likeliest first."""
    lines = pilots.astype(np.float64) / PERIOD
    side = max(residual.shape)
    bins = _FINE if side <= _SIDE else _COARSE
    power = _smoothed(residual.power, bins)
    step = bins / (float(np.hypot(*lines.T).max()) * side)
    sizes = np.arange(1 / LARGEST, 1 / SMALLEST, step)
    # The longer the lines reach, the finer the angles must be.
    angles = np.ceil(np.pi * sizes / step).astype(np.int64)
    width = residual.shape[1]
    most = int(np.clip(_PIXELS / residual.field.size, 32, MOST))
    found: list[tuple[float, Doubles]] = []
    for flip in (1.0, -1.0):
        best = _turned(power, width, lines * np.array([flip, 1.0]), sizes, angles)
        for score, i, j in _peaks(best, most // 2):
            turn = np.pi * j / angles[i]
            c, s = np.cos(turn), np.sin(turn)
            # Lines go to size * R(turn) * flip * k, and they go with the matrix's transpose.
            forward: Doubles = float(sizes[i]) * np.array([[c * flip, -s], [s * flip, c]], np.float64)
            found.append((score, forward.T.copy()))
        for swap in (False, True):
            given = np.ascontiguousarray(lines[:, ::-1] if swap else lines) * np.array([flip, 1.0])
            best = _stretched(power, width, given, sizes, _ASPECT)
            for score, i, j in _peaks(best, most // 2):
                forward = np.diag([sizes[j] * flip, sizes[i]])
                found.append((score, (forward @ np.array([[0.0, 1.0], [1.0, 0.0]]) if swap else forward).T))
    return _refined(residual, lines, found, most)


def _smoothed(power: Floats, bins: float) -> Floats:
    """The spectrum to look in: smoothed a little, so that a line between two hypotheses is not lost."""
    kernel = np.array([0.25, 1.0, 0.25] if bins == _FINE else [0.5, 1.0, 1.0, 1.0, 0.5], np.float32)
    kernel /= np.sqrt(np.square(kernel).sum())
    padded = np.concatenate([power[-2:], power, power[:2]])
    return np.ascontiguousarray(cv2.sepFilter2D(padded - 1, -1, kernel, kernel)[2:-2] + 1)


def _peaks(best: Floats, most: int) -> list[tuple[float, int, int]]:
    """The highest points that no neighbour tops, at most so many: score, row, column."""
    tops = np.flatnonzero((best >= cv2.dilate(best, np.ones((5, 5), np.uint8))) & (best > _LEAST))
    values = best.reshape(-1)[tops]
    tops = tops[np.argsort(-values, kind="stable")[:most]]
    return [(float(best.reshape(-1)[t]), int(t // best.shape[1]), int(t % best.shape[1])) for t in tops]


def _refined(residual: Residual, lines: Doubles, found: list[tuple[float, Doubles]], most: int) -> list[Lattice]:
    found = sorted(found, key=lambda pair: -pair[0])[: most + most // 2]
    near = 1.0 / max(residual.shape) / float(np.hypot(*lines.T).max())
    out: list[Lattice] = []
    inverses = np.empty((len(found), 2, 2))
    for _, matrix in found:
        better = matrix.copy()
        score = _climb(residual.power, residual.shape[1], lines, better, 0.7 * near)
        # Neighbours climb to one and the same peak, of which one copy is enough. A half turn changes nothing in the
        # spectrum, so -M is no other lattice than M.
        apart = inverses[: len(out)] @ better
        same, opposite = (np.abs(apart + sign * np.eye(2)).max(axis=(1, 2), initial=0) for sign in (-1, 1))
        if ((same < near) | (opposite < near)).any():
            continue
        inverses[len(out)] = np.linalg.inv(better)
        out.append(Lattice(better, score))
    return sorted(out, key=lambda lattice: -lattice.score)[:most]


@numba.njit("float64(float32[:, ::1], int64, float64[:, ::1], float64[:, ::1])", cache=True, nogil=True)
def _sum(power: Floats, width: int, lines: Doubles, forward: Doubles) -> float:
    """The excess at the nearest bins to the lines' places, in deviations of chance; 0 where it begins badly."""
    rows = power.shape[0]
    total = 0.0
    count = 0
    for n in range(lines.shape[0]):
        x = forward[0, 0] * lines[n, 0] + forward[0, 1] * lines[n, 1]
        y = forward[1, 0] * lines[n, 0] + forward[1, 1] * lines[n, 1]
        if x < 0.0:
            x, y = -x, -y
        # A picture has no frequencies beyond half a cycle a pixel.
        if x < 0.5 and -0.5 < y < 0.5:
            i = int(np.floor(y * rows + 0.5))
            if i < 0:
                i += rows
            total += power[i, int(x * width + 0.5)] - 1.0
            count += 1
        if n == 11 and total < 1.0:
            return 0.0
    return float(total / np.sqrt(count)) if count >= 16 else 0.0


@numba.njit(
    "float32[:, ::1](float32[:, ::1], int64, float64[:, ::1], float64[::1], int64[::1])", cache=True, nogil=True
)
def _turned(power: Floats, width: int, lines: Doubles, sizes: Doubles, angles: Integers) -> Floats:
    """The sums for every size (rows) and angle (columns: as many of half a turn as the row has)."""
    out = np.zeros((len(sizes), angles.max()), np.float32)
    forward = np.empty((2, 2))
    for i in range(len(sizes)):
        for j in range(angles[i]):
            turn = np.pi * j / angles[i]
            forward[0, 0] = forward[1, 1] = sizes[i] * np.cos(turn)
            forward[1, 0] = sizes[i] * np.sin(turn)
            forward[0, 1] = -forward[1, 0]
            out[i, j] = _sum(power, width, lines, forward)
    return out


@numba.njit("float32[:, ::1](float32[:, ::1], int64, float64[:, ::1], float64[::1], float64)", cache=True, nogil=True)
def _stretched(power: Floats, width: int, lines: Doubles, sizes: Doubles, apart: float) -> Floats:
    """The sums for every size along y (rows) and x (columns) that are no further apart than ``apart`` times."""
    out = np.zeros((len(sizes), len(sizes)), np.float32)
    forward = np.zeros((2, 2))
    for i in range(len(sizes)):
        for j in range(len(sizes)):
            if sizes[i] <= apart * sizes[j] and sizes[j] <= apart * sizes[i]:
                forward[0, 0], forward[1, 1] = sizes[j], sizes[i]
                out[i, j] = _sum(power, width, lines, forward)
    return out


@numba.njit("float64(float32[:, ::1], int64, float64[:, ::1], float64[:, ::1])", cache=True, nogil=True)
def _between(power: Floats, width: int, lines: Doubles, matrix: Doubles) -> float:
    """The same sum, interpolated between bins."""
    rows, columns = power.shape
    total = 0.0
    count = 0
    for n in range(lines.shape[0]):
        x = matrix[0, 0] * lines[n, 0] + matrix[1, 0] * lines[n, 1]
        y = matrix[0, 1] * lines[n, 0] + matrix[1, 1] * lines[n, 1]
        if x < 0.0:
            x, y = -x, -y
        if x >= 0.5 or y >= 0.5 or y <= -0.5:
            continue
        u, v = x * width, y * rows
        i, j = int(np.floor(v)), int(u)
        fy, fx = v - i, u - j
        k = min(j + 1, columns - 1)
        top = power[i % rows, j] * (1 - fx) + power[i % rows, k] * fx
        low = power[(i + 1) % rows, j] * (1 - fx) + power[(i + 1) % rows, k] * fx
        total += top * (1 - fy) + low * fy - 1.0
        count += 1
    return float(total / np.sqrt(count)) if count >= 16 else 0.0


@numba.njit("float64(float32[:, ::1], int64, float64[:, ::1], float64[:, ::1], float64)", cache=True, nogil=True)
def _climb(power: Floats, width: int, lines: Doubles, matrix: Doubles, step: float) -> float:
    """Move ``matrix`` uphill, in place, by steps that shrink; return the score at the top."""
    best = _between(power, width, lines, matrix)
    trial = matrix.copy()
    for _ in range(40):
        moved = False
        for n in range(8):
            trial[:] = matrix
            trial[n // 4, (n // 2) % 2] += step if n % 2 else -step
            score = _between(power, width, lines, trial)
            if score > best:
                best = score
                matrix[:] = trial
                moved = True
        if not moved:
            step *= 0.5
            if step < 2e-6:
                break
    return best
