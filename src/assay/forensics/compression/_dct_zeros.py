"""DCT zeros of the 8x8 block at every pixel, and the votes they cast: the kernels beneath ``jpeg_grid``.

Plain loops over rows in single precision, written so that the compiler turns the inner ones into vector code; they
release the interpreter's lock, so bands of rows run on several cores.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import cos, pi, sqrt

import numba
import numpy as np
import numpy.typing as npt

NO_VOTE = 255
_BAND = 256
# Halves of the orthonormal 8-point DCT-II: _A multiplies (x[i] + x[7-i]), _B multiplies (x[i] - x[7-i]).
_W = [0.5 * cos(k * pi / 16) for k in range(8)]
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(w) for w in _W[1:])
_C0 = np.float32(sqrt(0.125))
_HALF = np.float32(0.5)


@numba.njit("void(float32[:, ::1], uint8[:, :])", cache=True, nogil=True)
def _scores(luma: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
    """``out[y, x]``: 1 + zeros among the 63 AC coefficients of the block with corner (x, y), 0 where it is constant
    along rows or along columns. ``luma`` has 7 rows and 7 columns more than ``out``.
    """
    height, width = luma.shape
    n = width - 7
    ring = np.empty((8, 8, n), np.float32)
    flat_x = np.empty((8, n), np.float32)
    flat_y = np.zeros((8, n), np.float32)
    step = np.zeros(width, np.float32)
    count = np.empty(n, np.float32)
    change_x = np.empty(n, np.float32)
    change_y = np.empty(n, np.float32)
    for y in range(height):
        row = luma[y]
        slot = y & 7
        r0, r1, r2, r3 = ring[slot, 0], ring[slot, 1], ring[slot, 2], ring[slot, 3]
        r4, r5, r6, r7 = ring[slot, 4], ring[slot, 5], ring[slot, 6], ring[slot, 7]
        for x in range(n):
            s0, d0 = row[x] + row[x + 7], row[x] - row[x + 7]
            s1, d1 = row[x + 1] + row[x + 6], row[x + 1] - row[x + 6]
            s2, d2 = row[x + 2] + row[x + 5], row[x + 2] - row[x + 5]
            s3, d3 = row[x + 3] + row[x + 4], row[x + 3] - row[x + 4]
            p0, m0, p1, m1 = s0 + s3, s0 - s3, s1 + s2, s1 - s2
            r0[x] = _C0 * (p0 + p1)
            r4[x] = _C0 * (p0 - p1)
            r2[x] = _C2 * m0 + _C6 * m1
            r6[x] = _C6 * m0 - _C2 * m1
            r1[x] = _C1 * d0 + _C3 * d1 + _C5 * d2 + _C7 * d3
            r3[x] = _C3 * d0 - _C7 * d1 - _C1 * d2 - _C5 * d3
            r5[x] = _C5 * d0 - _C1 * d1 + _C7 * d2 + _C3 * d3
            r7[x] = _C7 * d0 - _C5 * d1 + _C3 * d2 - _C1 * d3
        for x in range(width - 1):
            step[x] = abs(row[x + 1] - row[x])
        fx = flat_x[slot]
        for x in range(n):
            fx[x] = step[x] + step[x + 1] + step[x + 2] + step[x + 3] + step[x + 4] + step[x + 5] + step[x + 6]
        if y > 0:
            above = luma[y - 1]
            for x in range(width):
                step[x] = abs(row[x] - above[x])
            fy = flat_y[slot]
            for x in range(n):
                fy[x] = (
                    step[x] + step[x + 1] + step[x + 2] + step[x + 3]
                    + step[x + 4] + step[x + 5] + step[x + 6] + step[x + 7]
                )  # fmt: skip
        if y < 7:
            continue
        for x in range(n):
            count[x] = np.float32(0)
            change_x[x] = flat_x[0, x]
            change_y[x] = np.float32(0)
        for k in range(1, 8):
            fx = flat_x[k]
            for x in range(n):
                change_x[x] += fx[x]
        for k in range(8):
            # the step from the row above the block is no part of the block
            if k != ((y - 7) & 7):
                fy = flat_y[k]
                for x in range(n):
                    change_y[x] += fy[x]
        top = y - 7
        for u in range(8):
            a0, a1 = ring[top & 7, u], ring[(top + 1) & 7, u]
            a2, a3 = ring[(top + 2) & 7, u], ring[(top + 3) & 7, u]
            a4, a5 = ring[(top + 4) & 7, u], ring[(top + 5) & 7, u]
            a6, a7 = ring[(top + 6) & 7, u], ring[(top + 7) & 7, u]
            dc = np.float32(1.0 if u > 0 else 0.0)
            for x in range(n):
                s0, d0 = a0[x] + a7[x], a0[x] - a7[x]
                s1, d1 = a1[x] + a6[x], a1[x] - a6[x]
                s2, d2 = a2[x] + a5[x], a2[x] - a5[x]
                s3, d3 = a3[x] + a4[x], a3[x] - a4[x]
                p0, m0, p1, m1 = s0 + s3, s0 - s3, s1 + s2, s1 - s2
                zeros = dc if abs(_C0 * (p0 + p1)) < _HALF else np.float32(0)
                zeros += np.float32(1) if abs(_C0 * (p0 - p1)) < _HALF else np.float32(0)
                zeros += np.float32(1) if abs(_C2 * m0 + _C6 * m1) < _HALF else np.float32(0)
                zeros += np.float32(1) if abs(_C6 * m0 - _C2 * m1) < _HALF else np.float32(0)
                odd = _C1 * d0 + _C3 * d1 + _C5 * d2 + _C7 * d3
                zeros += np.float32(1) if abs(odd) < _HALF else np.float32(0)
                odd = _C3 * d0 - _C7 * d1 - _C1 * d2 - _C5 * d3
                zeros += np.float32(1) if abs(odd) < _HALF else np.float32(0)
                odd = _C5 * d0 - _C1 * d1 + _C7 * d2 + _C3 * d3
                zeros += np.float32(1) if abs(odd) < _HALF else np.float32(0)
                odd = _C7 * d0 - _C5 * d1 + _C3 * d2 - _C1 * d3
                zeros += np.float32(1) if abs(odd) < _HALF else np.float32(0)
                count[x] += zeros
        line = out[top]
        for x in range(n):
            alive = change_x[x] > 0 and change_y[x] > 0
            line[x] = np.uint8(count[x] + np.float32(1)) if alive else np.uint8(0)


@numba.njit("void(uint8[:, :], uint8[:, :])", cache=True, nogil=True)
def _votes(scores: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """``out[y]`` is the vote of pixel row y + 7 of ``scores``, whose first row must be a multiple of 8 of the picture:
    8 * (row of the origin) + (column of the origin) of the one best block over the pixel, NO_VOTE in a tie.
    """
    rows, n = scores.shape
    best = np.empty((8, n), np.float32)
    place = np.empty((8, n), np.float32)
    tied = np.empty((8, n), np.float32)
    top = np.empty(n, np.float32)
    where = np.empty(n, np.float32)
    draw = np.empty(n, np.float32)
    line = np.empty(n, np.float32)
    one, nought = np.float32(1), np.float32(0)
    for y in range(rows):
        source = scores[y]
        for x in range(n):
            line[x] = source[x]
        slot = y & 7
        b, p, t = best[slot], place[slot], tied[slot]
        for x in range(n - 7):
            m, a, d = line[x], nought, nought
            for k in range(1, 8):
                s = line[x + k]
                d = one if s == m else (nought if s > m else d)
                a = np.float32(k) if s > m else a
                m = max(s, m)
            b[x], p[x], t[x] = m, a, d
        if y < 7:
            continue
        for x in range(n - 7):
            top[x] = nought
            where[x] = nought
            draw[x] = one
        for k in range(8):
            b, p, t = best[k], place[k], tied[k]
            eight = np.float32(8 * k)
            for x in range(n - 7):
                s, m = b[x], top[x]
                draw[x] = one if s == m else (t[x] if s > m else draw[x])
                where[x] = p[x] + eight if s > m else where[x]
                top[x] = max(s, m)
        target = out[y - 7]
        for x in range(n - 7):
            code = int(where[x])
            vote = (code & 56) | ((x + code) & 7)
            target[x + 7] = NO_VOTE if draw[x] > nought else vote


@numba.njit("void(uint8[:, :], uint8[:, :, ::1])", cache=True, nogil=True)
def _tally(votes: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Count the votes of every whole cell of 8x8 pixels: ``out[origin, row, column]``."""
    for y in range(out.shape[1] * 8):
        for x in range(out.shape[2] * 8):
            vote = votes[y, x]
            if vote < 64:
                out[vote, y >> 3, x >> 3] += 1


def in_bands(rows: int, work: Callable[[int, int], None], band: int = _BAND) -> None:
    """Run ``work(first, last)`` over bands of ``band`` rows, on the cores there are."""
    starts = range(0, rows, band)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda start: work(start, min(start + band, rows)), starts))


def zero_scores(luma: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Score of the 8x8 block at every position of ``luma`` (rows, columns), values 0 to 255, both sides at least 8.

    Returns (rows - 7, columns - 7) uint8: 1 + the number of AC coefficients of the block's DCT with magnitude
    under 0.5, or 0 where the block is constant along its rows or its columns and says nothing of a grid.
    """
    luma = np.ascontiguousarray(luma, dtype=np.float32)
    out = np.empty((luma.shape[0] - 7, luma.shape[1] - 7), np.uint8)
    in_bands(out.shape[0], lambda a, b: _scores(luma[a : b + 7], out[a:b]))
    return out


def grid_votes(scores: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Vote of every pixel from ``zero_scores``: (rows, columns) of the picture, uint8.

    A vote is 8 * (origin's row) + (origin's column), each 0 to 7, of the one block with most zeros among the 64 that
    cover the pixel; 255 in a tie, and within 7 pixels of the border, where not all 64 exist.
    """
    rows, columns = scores.shape
    out = np.full((rows + 7, columns + 7), NO_VOTE, np.uint8)
    if rows > 7 and columns > 7:
        in_bands(rows - 7, lambda a, b: _votes(scores[a : b + 7], out[a + 7 : b + 7]))
    return out


def tally(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Votes in every whole 8x8 cell: (64, rows // 8, columns // 8) uint8, first axis the origin."""
    out = np.zeros((64, votes.shape[0] // 8, votes.shape[1] // 8), np.uint8)
    in_bands(out.shape[1], lambda a, b: _tally_band(votes, out, a, b))
    return out


def _tally_band(votes: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8], first: int, last: int) -> None:
    part = np.zeros((64, last - first, out.shape[2]), np.uint8)
    _tally(votes[8 * first : 8 * last], part)
    out[:, first:last] = part
