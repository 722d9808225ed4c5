"""Findings into a conclusion, in words.

Until methods are calibrated there is no likelihood ratio to multiply, so nothing is summed: the conclusion is as
strong as the strongest finding, says which findings share a kind of trace and so do not add up, and names what could
not be judged. The scale of words is that of the ENFSI guideline for evaluative reporting (2015).
"""

from collections.abc import Iterable, Mapping

from assay.evidence import (
    Abstention,
    Conclusion,
    Direction,
    Finding,
    Method,
    Reason,
    Statement,
    Strength,
)

CLAIM = Strength.MODERATE
"""A finding for alteration counts as a claim from this strength on."""


def claims(conclusion: Conclusion) -> bool:
    """Whether something speaks for alteration with moderate strength or more."""
    return conclusion.strength.rank >= CLAIM.rank


def weigh(findings: Iterable[Finding], abstentions: Iterable[Abstention], methods: Mapping[str, Method]) -> Conclusion:
    """Draw the conclusion from all outcomes of one examination. ``methods`` maps ids to cards, for their titles."""
    findings = tuple(findings)
    for_ = _statements(findings, Direction.FOR)
    against = _statements(findings, Direction.AGAINST)
    not_judged = tuple(
        Statement(method=a.method, strength=Strength.NONE, says=a.says)
        for a in abstentions
        if a.reason is not Reason.NOT_ASKED
    )
    judging = [f for f in findings if f.direction is not Direction.NEUTRAL]
    calibrated = bool(judging) and all(f.llr is not None for f in judging)
    strength = for_[0].strength if for_ else Strength.NONE
    sentences = [
        _verdict(for_, strength, methods),
        *_shared_trace(for_, methods),
        *_opposed(for_, against),
        *_unjudged(not_judged),
    ]
    if not calibrated:
        sentences.append("Uncalibrated: the words rest on measured false alarms, not on a likelihood ratio.")
    return Conclusion(
        says=" ".join(sentences), strength=strength, calibrated=calibrated, for_=for_, against=against,
        not_judged=not_judged,
    )  # fmt: skip


def _statements(findings: tuple[Finding, ...], direction: Direction) -> tuple[Statement, ...]:
    """Those of one direction that say anything, strongest first, else in their order."""
    chosen = [f for f in findings if f.direction is direction and f.strength is not Strength.NONE]
    chosen.sort(key=lambda f: -f.strength.rank)
    return tuple(Statement(method=f.method, strength=f.strength, says=f.says) for f in chosen)


def _title(method: str, methods: Mapping[str, Method]) -> str:
    return methods[method].title if method in methods else method


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _verdict(for_: tuple[Statement, ...], strength: Strength, methods: Mapping[str, Method]) -> str:
    if not for_:
        return "Nothing that was examined speaks for alteration; that is not proof that the picture is genuine."
    strongest = [_title(s.method, methods) for s in for_ if s.strength is strength]
    if strength.rank < CLAIM.rank:
        return (
            f"Only weak signs of alteration ({_listed(strongest)}): innocent handling, such as re-saving, "
            "explains them as well."
        )
    article = "" if strength is Strength.NONE else f"{strength.words} "
    rest = len(for_) - len(strongest)
    more = f", and {rest} weaker {'sign' if rest == 1 else 'signs'}" if rest else ""
    return f"There is {article}support for alteration from {_listed(strongest)}{more}."


def _shared_trace(for_: tuple[Statement, ...], methods: Mapping[str, Method]) -> list[str]:
    groups = [methods[s.method].group for s in for_ if s.method in methods and s.strength.rank >= CLAIM.rank]
    shared = sorted({g for g in groups if groups.count(g) > 1})
    return [f"Findings that look at the same kind of trace ({_listed(shared)}) do not add up."] if shared else []


def _opposed(for_: tuple[Statement, ...], against: tuple[Statement, ...]) -> list[str]:
    if not against:
        return []
    count = f"{len(against)} {'finding speaks' if len(against) == 1 else 'findings speak'}"
    return [f"{count} against it{', so the evidence is divided' if for_ else ''}."]


def _unjudged(not_judged: tuple[Statement, ...]) -> list[str]:
    if not not_judged:
        return []
    count = len(not_judged)
    return [f"{count} {'method' if count == 1 else 'methods'} could not judge this picture."]
