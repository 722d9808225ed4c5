"""The step of a first quantisation, from the histogram of coefficients that were quantised, or blurred, again.

The model of Bianchi and Piva (2012), https://doi.org/10.1109/TIFS.2012.2187516. A coefficient u of density p0 is
quantised with the step q1, picks up an error e, and is quantised with q2: x = [([u / q1] q1 + e) / q2]. On the same
grid e is the rounding of the first decompression. On a shifted grid e is mostly the second quantisation, and x is
the coefficient itself, counted in whole numbers: q2 = 1. A part alpha of the blocks never saw q1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

from assay.forensics.compression._blocks import DC, Doubles, Frequency, luma_table

LARGEST_STEP = 48
ALPHAS: Doubles = np.array(
    [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99]
)
_ROUNDING = (0.3, 0.5, 0.8, 1.2)
# Whatever the model leaves out may cost a coefficient no more than a factor of 50.
_FLOOR = 0.02
# 72 camera pictures reach 0.0005 nats a coefficient, a twentieth of a picture compressed before 0.0023.
_LEAST_GAIN, _LEAST_SHARE = 60.0, 0.0015


class Spread:
    """The distribution of a coefficient before any quantisation, as its cumulative histogram.

    Smoothed with a kernel that widens where values are few, and made even for AC: the noise of a rough density looks
    like the period of a step.
    """

    _reach, _fine = 1100, 4
    _widths = (0.75, 1.5, 3.0, 6.0, 12.0)
    _enough = 40

    def __init__(self, values: npt.NDArray[np.floating], *, even: bool) -> None:
        cells = 2 * self._reach * self._fine
        at = np.rint((values.ravel() + self._reach) * self._fine).astype(np.int64)
        counts = np.bincount(np.clip(at, 0, cells), minlength=cells + 1).astype(np.float64)
        if even:
            counts += counts[::-1]
        density = gaussian_filter1d(counts, self._widths[-1] * self._fine)
        for width in reversed(self._widths[:-1]):
            finer = gaussian_filter1d(counts, width * self._fine)
            # About as many values as the kernel gathers.
            gathered = finer * 2.5 * width * self._fine
            weight = np.clip(gathered / self._enough - 1, 0, 1)
            density = weight * finer + (1 - weight) * density
        self._cumulative = np.cumsum(density) / max(density.sum(), 1e-9)
        self._grid = (np.arange(cells + 1) + 0.5) / self._fine - self._reach

    def between(self, low: Doubles, high: Doubles) -> Doubles:
        """Probability of falling between two values, elementwise."""
        return np.asarray(np.interp(high, self._grid, self._cumulative) - np.interp(low, self._grid, self._cumulative))


@dataclass(frozen=True)
class Histogram:
    """Counts of the values x of one frequency, the density they had before, and with it P(x | quantised ``once``,
    with q2). ``nonzero`` counts those not 0.
    """

    frequency: Frequency
    q2: int
    x: Doubles
    counts: Doubles
    spread: Spread
    once: Doubles

    @property
    def nonzero(self) -> int:
        """How many coefficients say anything."""
        return int(self.counts[self.x != 0].sum())


@dataclass(frozen=True)
class Step:
    """The estimate for one frequency. ``gain`` is the log likelihood, in nats, by which the mixture beats a single
    quantisation, ``share`` the same for each coefficient that is not 0; ``alpha`` the part quantised once.
    """

    frequency: Frequency
    q1: int
    q2: int
    alpha: float
    gain: float
    share: float
    sigma: float


def histogram(
    values: npt.NDArray[np.integer], before: npt.NDArray[np.floating], frequency: Frequency, q2: int
) -> Histogram:
    """Gather one frequency: its values x, and unquantised ones, of a shifted grid, in ``before``."""
    whole = values.astype(np.int64).ravel()
    reach = max(1, min(int(np.abs(whole).max(initial=0)), (1024 if frequency == DC else 240) // q2))
    counts = np.bincount(whole[np.abs(whole) <= reach] + reach, minlength=2 * reach + 1).astype(np.float64)
    spread = Spread(before, even=frequency != DC)
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    once = spread.between(q2 * (x - 0.5), q2 * (x + 0.5)) + 1e-9
    return Histogram(frequency, q2, x, counts, spread, once)


def _twice(data: Histogram, q1: int, sigma: float) -> Doubles:
    """P(x | quantised with q1, moved by an error of standard deviation ``sigma``, quantised with q2)."""
    x, q2 = data.x, data.q2
    nearest = np.rint(q2 * x / q1)
    reach = int(np.ceil((q2 / 2 + 4 * sigma) / q1)) + 1
    total = np.zeros_like(x)
    for offset in range(-reach, reach + 1):
        level = (nearest + offset) * q1
        inside = ndtr((q2 * (x + 0.5) - level) / sigma) - ndtr((q2 * (x - 0.5) - level) / sigma)
        total += data.spread.between(level - q1 / 2, level + q1 / 2) * inside
    return (1 - _FLOOR) * (total + 1e-9) + _FLOOR * data.once


def gains(data: Histogram, q1: int, sigma: float) -> Doubles:
    """Nats by which a mixture with q1 beats a single quantisation, for each of ``ALPHAS``.

    Likelihoods are conditional on the period that a coefficient falls into: only its place within the period tells
    of q1, while the coarse shape of the histogram tells how well the shifted grid stands for it. The period round
    zero is left out for AC, because there the scene decides.
    """
    width = max(q1, 3 * data.q2)
    group = np.rint(data.q2 * data.x / width).astype(np.int64)
    kept = (group != 0) | (data.frequency == DC)
    if not kept.any():
        return np.zeros(len(ALPHAS))
    start = np.flatnonzero(np.diff(group[kept], prepend=group[kept][0] - 1))
    size = np.diff(np.append(start, int(kept.sum())))
    once, twice = data.once[kept], _twice(data, q1, sigma)[kept]

    def log_within(p: Doubles) -> Doubles:
        return np.asarray(np.log(p) - np.repeat(np.log(np.add.reduceat(p, start, axis=-1)), size, axis=-1))

    mixed = ALPHAS[:, None] * once + (1 - ALPHAS[:, None]) * twice
    return np.asarray((log_within(mixed) - log_within(once)) @ data.counts[kept])


def step(data: Histogram, q1: int, sigma: float) -> Step:
    """The best alpha for one q1."""
    each = gains(data, q1, sigma)
    best = int(np.argmax(each))
    gain = float(each[best])
    return Step(data.frequency, q1, data.q2, float(ALPHAS[best]), gain, gain / max(data.nonzero, 1), sigma)


def explore(data: Sequence[Histogram]) -> Doubles:
    """:func:`gains` of every frequency for every step of 1 to 48: (frequencies, 48, alphas)."""
    none = np.zeros(len(ALPHAS))
    return np.array(
        [[none if q1 == one.q2 else gains(one, q1, 0.5) for q1 in range(1, LARGEST_STEP + 1)] for one in data]
    )


def estimate(data: Sequence[Histogram], explored: Doubles) -> tuple[Step, ...]:
    """The first steps that explain the frequencies best, each for itself, with one error of rounding for all."""
    found = [int(np.argmax(each.max(axis=1))) + 1 for each in explored]
    refined = [[step(d, q1, sigma) for d, q1 in zip(data, found, strict=True)] for sigma in _ROUNDING]
    return tuple(max(refined, key=lambda steps: sum(s.gain for s in steps)))


def estimate_standard(data: Sequence[Histogram], explored: Doubles) -> tuple[Step, ...]:
    """The steps of the IJG's luma table, at the quality that explains all frequencies best with one alpha.

    Together they show a first compression of a twentieth of the picture, which no frequency shows alone. Empty
    where nothing does. Of 72 camera pictures none passes.
    """
    best: tuple[float, int, int] = (0.0, 0, 0)
    for quality in range(25, 100):
        table = luma_table(quality)
        at = [(i, int(table[d.frequency])) for i, d in enumerate(data)]
        at = [(i, q1) for i, q1 in at if q1 <= LARGEST_STEP and q1 != data[i].q2]
        if len(at) < 8:
            continue
        each = np.array([explored[i, q1 - 1] for i, q1 in at])
        alpha = int(np.argmax(each.sum(axis=0)))
        if float((each[:, alpha] > 0).mean()) >= 0.9 and 0.05 <= ALPHAS[alpha] <= 0.97:
            best = max(best, (float(each.sum(axis=0)[alpha]), quality, alpha))
    gain, quality, alpha = best
    if gain < _LEAST_GAIN or gain < _LEAST_SHARE * sum(d.nonzero for d in data):
        return ()
    table = luma_table(quality)
    result = []
    for d, each in zip(data, explored, strict=True):
        q1 = int(table[d.frequency])
        if q1 != d.q2 and q1 <= LARGEST_STEP:
            one = float(each[q1 - 1, alpha])
            result.append(Step(d.frequency, q1, d.q2, float(ALPHAS[alpha]), one, one / max(d.nonzero, 1), 0.5))
    return tuple(result)


def evidence(data: Histogram, known: Step, *, whole_period: bool) -> Doubles:
    """The log likelihood ratio, ln P(x | once) - ln P(x | twice), of each x of the histogram.

    An AC coefficient of 0 says no more than that the block is flat: it counts 0, and with ``whole_period`` so does
    all of the period round it.
    """
    ratio = np.log(data.once) - np.log(_twice(data, known.q1, known.sigma))
    if data.frequency != DC:
        ratio[np.abs(data.q2 * data.x) < (known.q1 / 2 if whole_period else 0.5)] = 0
    return np.asarray(ratio)


def score(values: npt.NDArray[np.integer], data: Histogram, table: Doubles) -> npt.NDArray[np.float32]:
    """The evidence of each block: ``table``, one number an x of the histogram, looked up; 0 beyond its reach."""
    reach = int(data.x[-1])
    padded = np.concatenate([[0], table, [0]]).astype(np.float32)
    return padded[np.clip(values.astype(np.int32), -reach - 1, reach + 1) + reach + 1]
