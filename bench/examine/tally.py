"""Runs methods over pictures and counts: claims, abstentions and the pixel AUC of every heat map."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import mean, median

import numpy as np

from assay.analysis import Analysis, MemoryMaps
from assay.evidence import Abstention, Direction, Finding, MapKind, Outcome, Reason, Strength
from assay.media import Media
from assay.weigh import CLAIM
from bench.examine.auc import Mask, on_pixels, pixel_auc
from bench.examine.figures import Figure

CLAIMS = "claims of alteration, moderate or stronger"
WEAK = "claims of alteration, weak"
ABSTAINED = "abstained"
AUC_MEAN = "pixel AUC, mean"
AUC_MEDIAN = "pixel AUC, median"
AUC_ALL = "pixel AUC, mean, no map as 0.5"


@dataclass(frozen=True)
class Case:
    """A picture of the set ``on``: its bytes, the mask of what was altered where there is one, and its name."""

    on: str
    data: bytes
    mask: Mask | None
    name: str


@dataclass
class Tally:
    """What one method did on one set."""

    n: int = 0
    claims: int = 0
    weak: int = 0
    abstained: int = 0
    masked: int = 0
    aucs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.n += 1
        if isinstance(outcome, Abstention):
            self.abstained += 1
        elif outcome.direction is Direction.FOR:
            self.claims += outcome.strength.rank >= CLAIM.rank
            self.weak += outcome.strength is Strength.WEAK

    def figures(self, part: str, analysis: Analysis, on: str) -> list[Figure]:
        """The counts as shares, and the AUC of each map."""
        card = analysis.card

        def figure(what: str, value: float, n: int, map_: str = "") -> Figure:
            return Figure(part=part, method=card.id, version=card.version, what=what, value=value, n=n, on=on, map=map_)

        shares = {ABSTAINED: self.abstained, CLAIMS: self.claims, WEAK: self.weak}
        out = [figure(what, count / self.n, self.n) for what, count in shares.items()]
        for name, values in sorted(self.aucs.items()):
            out += [
                figure(AUC_MEAN, mean(values), len(values), name),
                figure(AUC_MEDIAN, median(values), len(values), name),
                figure(AUC_ALL, (sum(values) + 0.5 * (self.masked - len(values))) / self.masked, self.masked, name),
            ]
        return out


def tally(part: str, analyses: Iterable[Analysis], cases: Iterable[Case], total: int) -> list[Figure]:
    """Run every judging method on every picture, lenses left out. Failures are told on standard error as they come."""
    analyses = tuple(a for a in analyses if not a.needs_maps)
    counts: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for done, case in enumerate(cases, 1):
        print(f"\r{part}: {done} of {total}", end="", file=sys.stderr, flush=True)
        media = Media.open(case.data, name=case.name)
        for analysis in analyses:
            count = counts[analysis.id, case.on]
            maps = MemoryMaps()
            outcome = attempt(analysis, media, maps)
            count.add(outcome)
            if case.mask is not None:
                count.masked += 1
                for name, value in aucs(outcome, maps, case.mask).items():
                    count.aucs[name].append(value)
    print(file=sys.stderr)
    by_id = {a.id: a for a in analyses}
    return [f for (id_, on), count in counts.items() for f in count.figures(part, by_id[id_], on)]


def attempt(analysis: Analysis, media: Media, maps: MemoryMaps) -> Outcome:
    """Run a method; its fault is told and counted as an abstention."""
    try:
        return analysis.run(media, maps)
    except Exception as error:
        print(f"\n{media.name}: {analysis.id} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return Abstention(method=analysis.id, reason=Reason.FAILED, says=str(error))


def aucs(outcome: Outcome, maps: MemoryMaps, mask: Mask) -> dict[str, float]:
    """The pixel AUC of each heat map that a finding names."""
    found: dict[str, float] = {}
    if not isinstance(outcome, Finding):
        return found
    for record in outcome.maps:
        array = maps.arrays.get((outcome.method, record.name))
        if record.kind is not MapKind.HEAT or array is None:
            continue
        heat = on_pixels(np.asarray(array, np.float32), record.cell, record.origin, (mask.shape[0], mask.shape[1]))
        value = pixel_auc(heat, mask)
        if value is not None:
            found[record.name] = value
    return found


__all__ = ["ABSTAINED", "AUC_ALL", "AUC_MEAN", "AUC_MEDIAN", "CLAIMS", "WEAK", "Case", "Tally", "aucs", "tally"]
