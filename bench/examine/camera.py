"""Camera originals: nothing was altered, so every claim of alteration is a false alarm."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from assay.analysis import Analysis
from assay.errors import MediaError
from assay.evidence import Direction, Outcome, Reason
from assay.examine import examine
from assay.forensics import ANALYSES
from assay.weigh import CLAIM, claims
from bench.examine.figures import Figure
from bench.examine.tally import ABSTAINED, CLAIMS, Tally

PART = "camera"
ON = "camera originals"
WHOLE = "examine"
"""Stands for all methods together."""

SUFFIXES = {".jpg", ".jpeg"}


def measure(analyses: Iterable[Analysis], data: Path) -> list[Figure]:
    """Examine every file under ``camera`` in ``data`` and count what is claimed of it.

    The figures of all methods together are given only when all of them ran.
    """
    judging = [a for a in analyses if not a.needs_maps]
    only = [a.id for a in judging]
    paths = sorted(p for p in (data / "camera").iterdir() if p.suffix.lower() in SUFFIXES)
    counts: dict[str, Tally] = defaultdict(Tally)
    false_alarms = unread = failed = 0
    for done, path in enumerate(paths, 1):
        print(f"\r{PART}: {done} of {len(paths)}", end="", file=sys.stderr, flush=True)
        try:
            report = examine(path, only=only)
        except MediaError as error:
            print(f"\n{path.name}: {error}", file=sys.stderr)
            unread += 1
            continue
        false_alarms += claims(report.conclusion)
        outcomes: list[Outcome] = [*report.findings, *report.abstentions]
        for outcome in outcomes:
            counts[outcome.method].add(outcome)
        for finding in report.findings:
            if finding.direction is Direction.FOR and finding.strength.rank >= CLAIM.rank:
                print(f"\n{path.name}: {finding.method} ({finding.strength}): {finding.says}", file=sys.stderr)
        for abstention in report.abstentions:
            if abstention.reason in {Reason.FAILED, Reason.TIME_BUDGET}:
                print(f"\n{path.name}: {abstention.method}: {abstention.says}", file=sys.stderr)
                failed += 1
    print(file=sys.stderr)
    figures = [f for a in judging for f in counts[a.id].figures(PART, a, ON)] if counts else []
    n = len(paths) - unread
    if n and {a.id for a in ANALYSES if not a.needs_maps} == set(only):
        for what, value in ((CLAIMS, false_alarms / n), (ABSTAINED, unread / len(paths))):
            figures.append(Figure(part=PART, method=WHOLE, version="", what=what, value=value, n=n, on=ON))
    if failed:
        print(f"{failed} runs of a method failed or found no time", file=sys.stderr)
    return figures


__all__ = ["ON", "PART", "WHOLE", "measure"]
