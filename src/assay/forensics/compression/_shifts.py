"""On which of 63 shifted grids the DCT coefficients of a decoded JPEG still keep the period of an earlier one.

After T. Bianchi, A. Piva, Detection of Nonaligned Double JPEG Compression Based on Integer Periodicity Maps, IEEE
TIFS 7(2), 2012, https://doi.org/10.1109/TIFS.2011.2170836, widened from the DC coefficient to several frequencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.forensics.compression._blocks import BASIS, DC, Doubles, Floats, Frequency, luma_table
from assay.forensics.compression._primary import LARGEST_STEP
from assay.media import Plane

_REACH = 256
_SMALLEST_STEP = 3
_UNCLEAR = [0, 4, 32]
"""The grid itself, and the two shifts by half a block along one axis, whose leak nothing can be held against."""


@dataclass(frozen=True)
class Shift:
    """The grid that starts at row ``dy``, column ``dx``, with the step found for each frequency of ``steps``.

    ``z_table`` is the summed periodicity at the best IJG ``quality``, ``z_free`` that at any steps, both in standard
    deviations of what other shifts show; the second is summed over maxima, so that chance alone gives 15.
    """

    dy: int
    dx: int
    steps: dict[Frequency, int]
    quality: int
    z_table: float
    z_free: float


def counts(samples: Floats, frequency: Frequency) -> Doubles:
    """(64, 513) histograms of one DCT coefficient, rounded, -256 to 256, on all 64 grids, shift = 8 * dy + dx."""
    rows, columns = samples.shape[0] // 8 - 1, samples.shape[1] // 8 - 1
    vertical, horizontal = (BASIS[f].astype(np.float32) for f in frequency)
    everywhere = cv2.sepFilter2D(samples - np.float32(128), cv2.CV_32F, horizontal, vertical, anchor=(0, 0))
    found = np.zeros((64, 2 * _REACH + 1))
    for shift in range(64):
        dy, dx = divmod(shift, 8)
        values = np.rint(everywhere[dy : dy + 8 * rows : 8, dx : dx + 8 * columns : 8]).astype(np.int32)
        values = values[np.abs(values) <= _REACH] + _REACH
        found[shift] = np.bincount(values.ravel(), minlength=2 * _REACH + 1)
    return found


def periodicity(histograms: Doubles, frequency: Frequency) -> Doubles:
    """How many standard deviations each shift stands out at each step: (64, 49), 0 for steps below 3.

    The stored grid leaks into its neighbours the same way left and right, up and down; what a shift shares with its
    mirror images is therefore taken off; from the one in the middle, its own mirror image, the most of any other.
    """
    x = np.arange(-_REACH, _REACH + 1)
    raw = np.zeros((64, LARGEST_STEP + 1))
    for period in range(_SMALLEST_STEP, LARGEST_STEP + 1):
        # The peak of AC coefficients at 0 is in phase with every period.
        kept = (np.abs(x) > period / 2) | (frequency == DC)
        inside = histograms[:, kept]
        raw[:, period] = (inside @ np.cos(2 * np.pi * x[kept] / period)) * np.sqrt(
            2 / np.maximum(inside.sum(axis=1), 1)
        )
    shifts = np.arange(64)
    inner = (shifts % 8 > 0) & (shifts // 8 > 0)
    middle = np.median(raw[inner], axis=0)
    spread = 1.4826 * np.median(np.abs(raw[inner] - middle), axis=0) + 0.7
    z = (raw - middle) / spread
    clean = z.copy()
    for shift in range(64):
        dy, dx = divmod(shift, 8)
        mirrors = {8 * v + h for v in (dy, -dy % 8) for h in (dx, -dx % 8)} - {shift}
        others = sorted(mirrors) or [s for s in range(64) if inner[s] and s != shift]
        clean[shift] -= np.maximum(0, z[others].max(axis=0))
    clean[_UNCLEAR] = -9
    clean[:, :_SMALLEST_STEP] = 0
    return clean


def find(samples: Floats, frequencies: Sequence[Frequency]) -> Shift:
    """The shift that stands out most, by the IJG's tables or, where those fit badly, by any steps."""
    z = {f: periodicity(counts(samples, f), f) for f in frequencies}
    free = np.sum([z[f][:, _SMALLEST_STEP:].max(axis=1) for f in frequencies], axis=0)
    by_table = np.full((100, 64), -9.0)
    for quality in range(25, 97):
        steps = {f: int(luma_table(quality)[f]) for f in frequencies}
        usable = [f for f, q in steps.items() if _SMALLEST_STEP <= q <= LARGEST_STEP]
        if len(usable) >= 3:
            by_table[quality] = np.sum([z[f][:, steps[f]] for f in usable], axis=0) / np.sqrt(len(usable))
    best = by_table.max(axis=0)
    shift = int(np.argmax(best)) if best.max() >= 4 else int(np.argmax(free))
    quality = int(np.argmax(by_table[:, shift]))
    chosen = {}
    for f in frequencies:
        own, tabled = int(np.argmax(z[f][shift])), int(luma_table(quality)[f])
        fits = best[shift] >= 4 and tabled <= LARGEST_STEP and z[f][shift, own] - z[f][shift, tabled] < 4
        step = tabled if fits else own if z[f][shift, own] >= 3 else 0
        if step >= _SMALLEST_STEP:
            chosen[f] = step
    return Shift(shift // 8, shift % 8, chosen, quality, float(best[shift]), float(free[shift]))


def noise(plane: Plane, dy: int, dx: int, frequency: Frequency) -> float:
    """Standard deviation that quantising the stored grid leaves in a coefficient of a shifted one.

    A coefficient that became 0 lost what a Laplacian with that share of zeros holds there; any other lost what is
    even over a step.
    """
    table = plane.table.astype(np.float64)
    zeros = np.clip((plane.blocks == 0).mean(axis=(0, 1)), 1e-4, 1 - 1e-4)
    scale = -table / (2 * np.log(1 - zeros))
    t = table / 2 / scale
    within = 2 * scale**2 - np.exp(-t) * scale**2 * (t * t + 2 * t + 2)
    even = table**2 / 12
    variance = np.minimum(within, even * zeros) + (1 - zeros) * even

    def weights(shift: int, k: int) -> npt.NDArray[np.float64]:
        before = BASIS[k][: 8 - shift] @ BASIS[:, shift:].T
        after = BASIS[k][8 - shift :] @ BASIS[:, :shift].T
        return np.asarray(before**2 + after**2)

    v, h = frequency
    return float(np.sqrt(weights(dy, v) @ variance @ weights(dx, h) + 1 / 12))
