"""The figures that stand on the methods' cards: src/assay/forensics/data/error_rates.json."""

from pathlib import Path

import msgspec

from assay.evidence import ErrorRate
from bench.examine import camera, local, samples
from bench.examine.figures import Figure
from bench.examine.tally import AUC_ALL, CLAIMS

PATH = Path("src/assay/forensics/data/error_rates.json")

NO_ALARM = {"authentic", "resave", "resize"}
"""Kinds of sample of which a claim is a false alarm."""

SHOWN = 0.6
"""A map's AUC on a kind of sample stands on the card from here on: below, the method does not look at that trace."""


def error_rates(figures: list[Figure]) -> dict[str, list[ErrorRate]]:
    """What of all figures a card shows, by method: false alarms everywhere, and AUC and detections where it sees."""
    out: dict[str, list[ErrorRate]] = {}
    for f in figures:
        if f.method != camera.WHOLE and (what := _what(f)):
            rate = ErrorRate(what=what, value=f.value, n=f.n, on=_on(f), version=f.version)
            out.setdefault(f.method, []).append(rate)
    return out


def _what(f: Figure) -> str | None:
    if f.part == camera.PART and f.what == CLAIMS:
        return "false alarms, moderate or stronger"
    if f.part == samples.PART and f.what == CLAIMS:
        if f.on in NO_ALARM:
            return "false alarms, moderate or stronger"
        return "found, moderate or stronger" if f.value else None
    if f.what == AUC_ALL and (f.part == local.PART or (f.part == samples.PART and f.value >= SHOWN)):
        return f"mean pixel AUC of the map {f.map}"
    return None


def _on(f: Figure) -> str:
    return f"made samples, {f.on}: {samples.SAYS[f.on]}" if f.part == samples.PART else f.on


def write(figures: list[Figure], root: Path) -> None:
    """Write the file that :func:`assay.forensics.figures.measured` reads."""
    encoded = msgspec.json.encode(error_rates(figures))
    (root / PATH).write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")


__all__ = ["error_rates", "write"]
