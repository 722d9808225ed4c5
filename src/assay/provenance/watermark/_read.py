"""Read the chips of a lattice: fold the residual onto one tile, find the shift by the pilot, straighten, demodulate."""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft

from assay.provenance.watermark._pattern import PERIOD, Integers, Pattern
from assay.provenance.watermark._whiten import Residual

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

_CELLS = 2 * PERIOD
"""Cells a side of the folded tile: half a point each, which costs the finest line 2 % of its amplitude."""
_BLOCK = 200
"""Pixels: about the side of the parts that are folded one by one, to see how the pattern drifts between them."""
_MOST = 6
_STRAIGHT = 0.5
"""Points that the tile may drift from one end of the picture to the other before it is worth folding once more."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What one lattice gives. ``soft`` is (624,): the chips, each weighed by how much its frequency seems to carry."""

    matrix: Doubles
    pilot: float
    """The pilot's correlation, in deviations of chance."""
    soft: Doubles


def read(residual: Residual, lattice: Doubles, pattern: Pattern) -> Reading:
    """Read the chips where ``lattice`` (2, 2) takes pixels to points of the tile."""
    matrix = lattice
    slopes = pattern.pilots.astype(np.float64) / PERIOD
    for again in (True, True, False):
        lines, centres = _lines(residual.field, matrix)
        seen = _take(lines, pattern.pilots)
        # -M turns the tile by half a turn, which changes every line into its conjugate.
        spots = [(_shift((z * np.conj(pattern.phases)).sum(axis=0), pattern.pilots), z) for z in (seen, np.conj(seen))]
        (_, shift), chosen = max(spots, key=lambda spot: spot[0][0])
        if chosen is not seen:
            matrix, lines = -matrix, np.conj(lines)
        given = np.ascontiguousarray(chosen * np.conj(pattern.phases))
        drift = np.zeros((3, 2))
        drift[2] = shift
        value = _align(given, slopes, centres, drift)
        if not again or np.abs(drift[:2]).max() * max(residual.field.shape) < _STRAIGHT:
            break
        matrix = matrix + drift[:2].T
    pilot = value / np.sqrt(0.5 * np.sum(np.abs(given) ** 2) + 1e-12)
    carried = _take(lines, pattern.carriers) * _turn(pattern.carriers, centres, drift)
    each = carried.sum(axis=0)
    return Reading(matrix + drift[:2].T, float(pilot), _soft(each, residual, matrix, pattern.carriers))


def probe(residual: Residual, lattice: Doubles, pattern: Pattern) -> float:
    """The pilot's correlation with the whole picture, at its best shift, in deviations of chance: quick and rough."""
    lines, _ = _lines(residual.field, lattice, 1)
    seen = _take(lines, pattern.pilots).sum(axis=0)
    value = max(_shift(z * np.conj(pattern.phases), pattern.pilots)[0] for z in (seen, np.conj(seen)))
    return value / float(np.sqrt(0.5 * len(pattern.pilots) * np.sum(np.square(residual.field, dtype=np.float64))))


def _lines(field: Floats, matrix: Doubles, most: int = _MOST) -> tuple[Complexes, Doubles]:
    """The tile's lines as seen in each block, (B, 71, 140) by row and column of frequency, and (B, 2) block centres."""
    rows, columns = (min(max(1, round(n / _BLOCK)), most) for n in field.shape)
    grid = np.zeros((rows * columns, _CELLS, _CELLS), np.float32)
    _fold(field, matrix / PERIOD, rows, columns, grid)
    # SciPy's transform rather than a product: BLAS would wake its threads for such small matrices.
    lines = fft.rfft2(grid, axes=(2, 1), workers=1)
    y = (np.arange(rows) + 0.5) * field.shape[0] / rows
    x = (np.arange(columns) + 0.5) * field.shape[1] / columns
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return lines, centres


def _take(lines: Complexes, frequencies: Integers) -> Complexes:
    return lines[:, frequencies[:, 1], frequencies[:, 0] % _CELLS].astype(np.complex128)


def _shift(lines: Complexes, frequencies: Integers) -> tuple[float, Doubles]:
    """The pilot's best shift, in points along x and y, and the correlation there."""
    # Half of a spectrum is enough, since the surface is real; no pilot line lies on the axis between the halves.
    spectrum = np.zeros((_CELLS, _CELLS // 2 + 1), np.complex64)
    spectrum[frequencies[:, 0] % _CELLS, frequencies[:, 1]] = np.conj(lines)
    surface = fft.irfft2(spectrum, s=(_CELLS, _CELLS), workers=1)
    j, i = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return float(surface[j, i]) * _CELLS**2 / 2, np.array([j, i], np.float64) * PERIOD / _CELLS


def _turn(frequencies: Integers, centres: Doubles, drift: Doubles) -> Complexes:
    """What undoes the shift of each line in each block: (B, n)."""
    moved = centres @ drift[:2] + drift[2]
    return np.asarray(np.exp(-2j * np.pi * (moved @ frequencies.T) / PERIOD))


def _soft(each: Complexes, residual: Residual, matrix: Doubles, carriers: Integers) -> Doubles:
    chips = np.stack([each.real, each.imag], axis=1).reshape(-1)
    # By rings: what is above the noise is signal. The noise is known, since the residual was made white.
    noise = float(np.sum(np.square(residual.field, dtype=np.float64))) / 2
    where = np.abs(carriers @ matrix) / PERIOD
    seen = np.repeat((where < 0.5).all(axis=1), 2)
    weights = np.zeros(len(chips))
    rings = np.array_split(np.arange(len(chips)), 8)
    for ring in rings:
        inside = ring[seen[ring]]
        if len(inside) > 8:
            excess = np.mean(chips[inside] ** 2) / noise - 1
            weights[inside] = np.sqrt(max(float(excess), 0.05))
    return np.asarray(chips * weights / np.sqrt(noise))


@numba.njit("void(float32[:, ::1], float64[:, ::1], int64, int64, float32[:, :, ::1])", cache=True, nogil=True)
def _fold(field: Floats, turns: Doubles, rows: int, columns: int, out: Floats) -> None:
    """Add each pixel to its cell of its block's tile. ``turns`` is (2, 2): tiles that a step along x, along y moves."""
    height, width = field.shape
    cells = out.shape[1]
    for y in range(height):
        block = (y * rows // height) * columns
        for c in range(columns):
            for x in range(c * width // columns, (c + 1) * width // columns):
                u = turns[0, 0] * (x + 0.5) + turns[0, 1] * (y + 0.5)
                v = turns[1, 0] * (x + 0.5) + turns[1, 1] * (y + 0.5)
                i = int((v - np.floor(v)) * cells)
                j = int((u - np.floor(u)) * cells)
                out[block + c, min(i, cells - 1), min(j, cells - 1)] += field[y, x]


@numba.njit("float64(complex128[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])", cache=True, nogil=True)
def _coherent(given: Complexes, lines: Doubles, centres: Doubles, drift: Doubles) -> float:
    total = 0.0
    for b in range(given.shape[0]):
        x, y = centres[b]
        u = x * drift[0, 0] + y * drift[1, 0] + drift[2, 0]
        v = x * drift[0, 1] + y * drift[1, 1] + drift[2, 1]
        for n in range(given.shape[1]):
            turn = 2 * np.pi * (lines[n, 0] * u + lines[n, 1] * v)
            total += given[b, n].real * np.cos(turn) + given[b, n].imag * np.sin(turn)
    return total


@numba.njit("float64(complex128[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])", cache=True, nogil=True)
def _align(given: Complexes, lines: Doubles, centres: Doubles, drift: Doubles) -> float:
    """Move ``drift`` (rows: per pixel along x, along y, and at the origin) uphill, in place; return the correlation."""
    best = _coherent(given, lines, centres, drift)
    trial = drift.copy()
    middle = np.array([centres[:, 0].mean(), centres[:, 1].mean()])
    reach = max(centres[:, 0].max() - middle[0], centres[:, 1].max() - middle[1], 1.0)
    step = 1.0
    for _ in range(60):
        moved = False
        for n in range(12):
            trial[:] = drift
            by = step if n % 2 else -step
            which, axis = n // 4, (n // 2) % 2
            if which == 2:
                trial[2, axis] += by
            else:
                # Turn about the middle, not about the corner: else every change of slope would be a shift too.
                trial[which, axis] += by / reach
                trial[2, axis] -= by / reach * middle[which]
            score = _coherent(given, lines, centres, trial)
            if score > best:
                best = score
                drift[:] = trial
                moved = True
        if not moved:
            step *= 0.5
            if step < 0.02:
                break
    return best
