"""What the file says of itself, read by rules: editors, generators, contradictions, and what has been removed."""

from assay.analysis import Analysis, Maps
from assay.evidence import Direction, Finding, Method
from assay.forensics.figures import measured
from assay.forensics.structure.facts import Facts
from assay.forensics.structure.rules import Rule, rules
from assay.media import Media

METHOD = Method(
    id="metadata",
    version="1",
    title="Metadata",
    group="structure",
    looks_at=(
        "What the file says of itself in EXIF, XMP, IPTC, Photoshop's blocks, PNG text and comments: names of editors "
        "and generators, dates, sizes, places and camera facts that contradict one another, and what is missing."
    ),
    fooled_by=(
        "Metadata can be forged, copied from another picture or removed with free tools in seconds, and most networks "
        "remove it. An editor's name says that a file was saved there, not what was changed."
    ),
    ignore="Rules marked as information say where a file has been; they weigh nothing.",
    source=(
        "CIPA DC-008 (Exif 2.32); ISO 16684-1 (XMP); IPTC Photo Metadata Standard 2025.1 and IIM 4.2; "
        "Adobe, Photoshop File Formats; SWGDE, Best Practices for Image Authentication."
    ),
    error_rates=measured("metadata"),
)


def examine(media: Media, maps: Maps) -> Finding:  # noqa: ARG001
    """Ask every rule. The finding's direction and strength are those of the strongest rule that fired.

    ``details``: ``rules_checked`` and ``fired``, a list of objects with ``id``, ``title``, ``severity``,
    ``direction``, ``strength``, ``value`` (what made it fire) and ``reason``, strongest first.
    """
    return judge(Facts.of(media))


def judge(facts: Facts) -> Finding:
    """The finding from facts alone."""
    fired = [(rule, value) for rule in rules() if (value := rule.fires(facts)) is not None]
    # Sorting is stable: of equal rules the one that stands first in the file is cited.
    fired.sort(key=lambda pair: (-pair[0].strength.rank, pair[0].direction is not Direction.FOR))
    details = {
        "rules_checked": len(rules()),
        "fired": [
            {
                "id": rule.id, "title": rule.title, "severity": rule.severity, "direction": rule.direction.value,
                "strength": rule.strength.value, "value": value, "reason": rule.reason,
            }
            for rule, value in fired
        ],
    }  # fmt: skip
    if not fired:
        says = f"None of the {len(rules())} rules on metadata fired."
        return Finding(method=METHOD.id, says=says, details=details)
    first, value = fired[0]
    return Finding(
        method=METHOD.id, says=_sentence(first, value, len(fired)), direction=first.direction,
        strength=first.strength, details=details,
    )  # fmt: skip


def _sentence(rule: Rule, value: str, fired: int) -> str:
    if rule.direction is Direction.NEUTRAL and fired > 1:
        # None of several remarks that weigh nothing deserves to lead.
        return (
            f"Nothing in the metadata speaks for or against alteration; {fired} of {len(rules())} rules note something."
        )
    cited = f' ("{value}")' if value != "absent" else ""
    many = f"; {fired} of {len(rules())} rules on metadata fired" if fired > 1 else ""
    kind = {Direction.FOR: "for alteration", Direction.AGAINST: "against alteration"}.get(rule.direction, "")
    weight = f", {rule.strength.words} {kind}" if kind else ", which speaks neither for nor against alteration"
    return f"{rule.title}{cited}{weight}{many}."


ANALYSIS = Analysis(METHOD, examine)
