"""From a log likelihood ratio for each block and frequency to a map, and to the parts that differ from the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter

from assay.evidence import Strength
from assay.forensics.compression._blocks import Floats
from assay.forensics.regions import Blob, blobs

_SAYS_SOMETHING = 0.1
_ALPHAS = np.array([0.001, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.999])


@dataclass(frozen=True)
class Part:
    """A connected part that speaks against the rest. ``coefficients`` are those that say anything, ``mean`` their
    mean log likelihood ratio in nats, ``share`` the part of them that the other hypothesis explains (maximum
    likelihood), ``strength`` what it comes to.
    """

    blob: Blob
    coefficients: int
    mean: float
    share: float
    strength: Strength


@dataclass(frozen=True)
class Contrast:
    """``heat`` (block rows, block columns): nats for the other hypothesis in 3 x 3 blocks, NaN where there is nothing
    to go by. ``bulk_mean`` is the mean log likelihood ratio of a coefficient outside ``parts``, ``bulk_odd`` the share
    of blocks there that speak for the other hypothesis.
    """

    heat: Floats
    parts: tuple[Part, ...]
    bulk_mean: float
    bulk_odd: float

    @property
    def separates(self) -> bool:
        """Whether the bulk of the picture is clear enough for a part to stand out from it.

        Measured on whole camera pictures saved again: where the two hypotheses are close, the map falls into large
        patches either way, and none of them means anything.
        """
        return self.bulk_mean <= -0.15 and self.bulk_odd <= 0.25

    @property
    def strength(self) -> Strength:
        """That of the strongest part, ``none`` where the bulk is not clear."""
        if not self.separates or not self.parts:
            return Strength.NONE
        return max((part.strength for part in self.parts), key=lambda s: s.rank)


def _share(odd: Floats) -> float:
    """Maximum-likelihood weight of the other hypothesis, from ln P(other) - ln P(bulk) of each coefficient."""
    if not odd.size:
        return 0.0
    likelihood = [float(np.log(a * np.exp(odd) + 1 - a).sum()) for a in _ALPHAS]
    return float(_ALPHAS[int(np.argmax(likelihood))])


def _strength(part: tuple[int, float, float], bulk_odd: float, least_mean: float) -> Strength:
    """Set on 72 camera pictures saved again, whole, at 80, 92 and 95: none of their parts reaches ``moderate``.

    ``part``: coefficients, mean, share.
    """
    coefficients, mean, share = part
    if coefficients < 300 or share < 0.85 or mean < max(0.25, least_mean):
        return Strength.NONE
    if coefficients < 600:
        return Strength.WEAK
    if coefficients < 1500 or share < 0.9 or bulk_odd > 0.15:
        return Strength.MODERATE
    return Strength.STRONG if coefficients >= 3000 and mean >= 0.5 else Strength.MODERATELY_STRONG


def contrast(scores: Sequence[Floats], *, odd_is_positive: bool, least_ratio: float) -> Contrast:
    """Weigh scores, one (block rows, block columns) array a frequency, of ln P(once) - ln P(twice).

    ``odd_is_positive``: the bulk was quantised twice, so what was quantised once stands out; else the reverse.
    ``least_ratio``: in the first case, what the mean score of a part must reach, in mean scores of the bulk.
    """
    odd = np.stack(scores) * np.float32(1 if odd_is_positive else -1)
    telling = np.abs(odd) > _SAYS_SOMETHING
    total, count = odd.sum(axis=0), telling.sum(axis=0).astype(np.float32)
    near = median_filter(uniform_filter(total, 3) * 9, 3)
    heat = np.where(uniform_filter(count, 3) * 9 > 3.5, near, np.nan).astype(np.float32)
    found, labels = blobs(np.nan_to_num(heat, nan=-1.0) > 0, heat, min_cells=24, open_=1)
    # A part larger than half of what can be judged is no part but the picture.
    found = [blob for blob in found if count[labels == blob.label].sum() <= count.sum() / 2]
    outside = ~np.isin(labels, [blob.label for blob in found]) & (count > 0)
    bulk_mean = float(total[outside].sum() / max(float(count[outside].sum()), 1.0))
    bulk_odd = float((total[outside] > 0).mean()) if outside.any() else 1.0
    least_mean = least_ratio * abs(bulk_mean) if odd_is_positive else 0.0
    parts = []
    for blob in found:
        size, mean, share = _weigh(odd, telling, labels, blob)
        strength = _strength((size, mean, share), bulk_odd, least_mean)
        parts.append(Part(blob, size, mean, share, strength))
    parts = [part for part in parts if part.strength is not Strength.NONE]
    parts.sort(key=lambda part: (-part.strength.rank, -part.coefficients))
    return Contrast(heat, tuple(parts), bulk_mean, bulk_odd)


def _weigh(
    odd: Floats, telling: npt.NDArray[np.bool_], labels: npt.NDArray[np.int32], blob: Blob
) -> tuple[int, float, float]:
    """Telling coefficients in a blob, the mean of their log likelihood ratios, the share the other one explains."""
    column, row, columns, rows = blob.box
    box = (slice(None), slice(row, row + rows), slice(column, column + columns))
    inside = odd[box][telling[box] & (labels[box[1:]] == blob.label)]
    return int(inside.size), float(inside.mean()) if inside.size else 0.0, _share(inside)
