"""The words that every form of a report shares, and the way it writes a number or a stranger's text."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from assay.evidence import Conclusion, Direction, Finding, Reason, Report, Strength

UNCALIBRATED = "uncalibrated"
NOT_PROOF = "That is not proof that the picture is genuine."
NOT_JUDGED_EVER = (
    "Nor does this report judge whether the scene is real, where and when it was taken, or what its caption claims."
)
NO_SIGN_IS_NOT_PROOF = "A picture without a sign of alteration is not thereby genuine."

SCALE_MEANS = (
    "Support for alteration says how much likelier the observed trace is if the picture was altered than if it was "
    "not; support against says the reverse. Neither says how likely alteration is. The figures hold only for a method "
    "that is calibrated."
)

SCALE: Mapping[Strength, str] = {
    Strength.NONE: "As likely either way.",
    Strength.WEAK: "2 to 10 times likelier.",
    Strength.MODERATE: "10 to 100 times likelier.",
    Strength.MODERATELY_STRONG: "100 to 1,000 times likelier.",
    Strength.STRONG: "1,000 to 10,000 times likelier.",
    Strength.VERY_STRONG: "More than 10,000 times likelier.",
}
"""The scale of the ENFSI guideline for evaluative reporting (2015), its two topmost steps taken together."""

REASONS: Mapping[Reason, str] = {
    Reason.NOT_APPLICABLE: "does not apply",
    Reason.TOO_SMALL: "too small",
    Reason.TOO_LARGE: "too large",
    Reason.TOO_COMPRESSED: "too compressed",
    Reason.TOO_FLAT: "too flat",
    Reason.NO_REFERENCE: "no reference",
    Reason.MODEL_ABSENT: "model absent",
    Reason.TIME_BUDGET: "out of time",
    Reason.NOT_ASKED: "not asked for",
    Reason.FAILED: "failed",
}

LENSES = "lenses"
"""The group of the methods that only show."""

GROUPS: Mapping[str, str] = {
    "provenance": "Content Credentials",
    "register": "Registers",
    "structure": "Structure of the file",
    "compression": "Traces of compression",
    "noise": "Noise",
    "sensor": "Sensor",
    "cloning": "Copied parts",
    "resampling": "Resampling",
    "scene": "The scene",
    "learned": "Trained detectors",
    "video": "Video",
    LENSES: "Lenses",
}
"""Headings of the groups, in the order in which a report shows them. A group that is not here comes after them."""

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        UNCALIBRATED,
        "The word of strength rests on thresholds set so that false alarms are rare, not on a measured likelihood "
        "ratio. Do not turn it into a percentage.",
    ),
    ("log10 LR", "The base-10 logarithm of a calibrated likelihood ratio: 2 means 100 times likelier if altered."),
    (
        "log10 NFA",
        "The base-10 logarithm of the number of false alarms: how many regions like this one chance alone would give "
        "in a picture of this size. −3 means one in a thousand pictures.",
    ),
    (
        "heat map",
        "One number for each small square of the picture. Brighter is more suspicious, clear is not, and hatched means "
        "that the method cannot tell.",
    ),
    (
        "lens",
        "A way of showing the picture that makes traces visible. It judges nothing; what it shows needs a trained eye.",
    ),
    (
        "alteration",
        "Any change after the camera or the program that made the picture. Cropping, sharpening or re-saving are "
        "alterations too, and are seldom meant to deceive.",
    ),
)


def judging(report: Report) -> list[Finding]:
    """The findings of methods that judge: all but those of lenses."""
    lenses = {m.id for m in report.methods if m.group == LENSES}
    return [f for f in report.findings if f.method not in lenses]


def headline(report: Report) -> str:
    """The verdict in a few words."""
    strength = report.conclusion.strength
    if strength is Strength.NONE:
        return "No sign of alteration was found" if judging(report) else "No method judged this picture"
    if strength is Strength.WEAK:
        return "Weak signs of alteration only"
    return f"{strength.words.capitalize()} support for alteration"


def left_out(report: Report) -> list[str]:
    """What the request itself kept from being looked at, in sentences."""
    titles = {m.id: plain(m.title) for m in report.methods}
    only, skip = (report.environment.options.get(name) or () for name in ("only", "skip"))
    sentences = []
    if only:
        names = ", ".join(titles.get(i, i) for i in only)
        sentences.append(f"Only this was asked for: {names}. No other method was run.")
    if skip:
        sentences.append(f"Left out on request: {', '.join(titles.get(i, i) for i in skip)}.")
    lenses = {m.id for m in report.methods if m.group == LENSES}
    unasked = [a for a in report.abstentions if a.reason is Reason.NOT_ASKED and a.method in titles]
    unseen = [titles[a.method] for a in unasked if a.method in lenses]
    if unseen:
        sentences.append(f"Not drawn, as no picture of it was asked for: {', '.join(unseen)}.")
    sentences += [f"{titles[a.method]}: {plain(a.says)}" for a in unasked if a.method not in lenses]
    return sentences


def verdict(conclusion: Conclusion) -> str:
    """The conclusion's own words; where nothing speaks for alteration, never without saying what that is not."""
    says = plain(conclusion.says)
    if conclusion.strength is Strength.NONE and "not proof" not in says:
        says = f"{says} {NOT_PROOF}"
    return says


def support(direction: Direction, strength: Strength) -> str:
    """What a finding comes to: ``moderate support for alteration``."""
    if direction is Direction.NEUTRAL or strength is Strength.NONE:
        return "says nothing either way"
    return f"{strength.words} support {direction.value} alteration"


def calibration(finding: Finding) -> str:
    """``uncalibrated``, or the likelihood ratio."""
    return UNCALIBRATED if finding.llr is None else f"log10 LR {number(finding.llr)}"


def group_title(group: str) -> str:
    """Heading of a group of methods."""
    return GROUPS.get(group, group.replace("_", " ").capitalize())


def plain(text: str) -> str:
    """A stranger's text made safe to look at: what a reader cannot see (control characters, marks that reverse the
    direction of writing, undecodable bytes) is written as an escape, so that a name cannot pass for another.
    """
    return "".join(_visible(c) for c in text)


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return char.encode("unicode_escape").decode("ascii")
    return char


def number(value: float) -> str:
    """A number as a person writes it: four significant figures, thousands apart."""
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−") if abs(value) >= 10_000 else str(value).replace("-", "−")
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
    if value == int(value) and abs(value) < 1e15:
        return number(int(value))
    return f"{value:.4g}".replace("-", "−")


def size(count: int) -> str:
    """A number of bytes."""
    value, units = float(count), ["bytes", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{count} bytes" if units[0] == "bytes" else f"{value:.3g} {units[0]}"


def scalar(value: Any) -> str:
    """A plain JSON value that is neither list nor object."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else plain(str(value))


def label(key: str) -> str:
    """A key of ``details`` as a heading: ``block_count`` becomes ``block count``."""
    return plain(key).replace("_", " ").strip() or "–"
