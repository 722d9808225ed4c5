"""Rules on metadata, as data: a rule is a title, a weight, a reason, and conditions of a dozen kinds.

The rules themselves are in ``assay/forensics/data/metadata_rules.toml``. A condition names its fields as
``section:name``, with ``*`` as a wildcard in the name: ``exif:Make``, ``xmp:crs:*``; ``@software`` stands for a group
of fields declared at the head of the file.
"""

import re
from functools import cache
from importlib import resources
from typing import cast

import msgspec

from assay.evidence import Direction, Strength
from assay.forensics.structure.facts import Facts, date, shown

# Characters that one condition searches: of one value, and in all. Patterns run at a few MB a second at worst.
_LONGEST = 100_000
_MOST = 1_000_000
# Severity as a person reads it, by rank of the strength.
SEVERITIES = ("information", "low", "medium", "high", "high", "high")


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=str.lower):
    """Something that holds of facts or not. ``fields`` are alternatives unless a kind says otherwise."""

    fields: tuple[str, ...]

    def holds(self, facts: Facts) -> str | None:
        """What made it hold, as text; None where it does not hold."""
        raise NotImplementedError


class Matches(Condition, frozen=True):
    """A value contains the regular expression, whatever the case."""

    pattern: str

    def holds(self, facts: Facts) -> str | None:
        left = _MOST
        for field in self.fields:
            for name, value in facts.get(field):
                text = str(value)[: min(_LONGEST, left)]
                left -= len(text)
                found = _compiled(self.pattern).search(text)
                if found:
                    whole = str(value)
                    return f"{name}: {whole if len(whole) <= 200 else found[0]}"
        return None


class Unlike(Condition, frozen=True):
    """A value is there that does not contain the regular expression."""

    pattern: str

    def holds(self, facts: Facts) -> str | None:
        for field in self.fields:
            for name, value in facts.get(field):
                if not _compiled(self.pattern).search(str(value)[:_LONGEST]):
                    return f"{name}: {value}"
        return None


class Present(Condition, frozen=True):
    """A field has a value."""

    def holds(self, facts: Facts) -> str | None:
        return next((f"{name}: {value}" for field in self.fields for name, value in facts.get(field)), None)


class Absent(Condition, frozen=True):
    """None of the fields has a value."""

    def holds(self, facts: Facts) -> str | None:
        return None if any(True for field in self.fields for _ in facts.get(field)) else "absent"


class Among(Condition, frozen=True):
    """A value is one of ``values``."""

    values: tuple[str | int, ...]

    def holds(self, facts: Facts) -> str | None:
        wanted = {str(value).casefold() for value in self.values}
        for field in self.fields:
            for name, value in facts.get(field):
                if str(value).strip().casefold() in wanted:
                    return f"{name}: {value}"
        return None


class Within(Condition, frozen=True):
    """A number lies from ``low`` to ``high``."""

    low: float
    high: float

    def holds(self, facts: Facts) -> str | None:
        return next((f"{n}: {v:g}" for n, v in facts.numbers(self.fields) if self.low <= v <= self.high), None)


class Outside(Condition, frozen=True):
    """A number lies below ``low`` or above ``high``."""

    low: float
    high: float

    def holds(self, facts: Facts) -> str | None:
        return next((f"{n}: {v:g}" for n, v in facts.numbers(self.fields) if not self.low <= v <= self.high), None)


class Undated(Condition, frozen=True):
    """A value is there that is no date."""

    def holds(self, facts: Facts) -> str | None:
        values = (item for field in self.fields for item in facts.get(field))
        return next((f"{name}: {value}" for name, value in values if date(str(value)) is None), None)


class Year(Condition, frozen=True):
    """A date lies before the year ``low`` or after the year ``high``."""

    low: int
    high: int

    def holds(self, facts: Facts) -> str | None:
        return next((f"{n}: {d}" for n, d in facts.dates(self.fields) if not self.low <= d.year <= self.high), None)


class Later(Condition, frozen=True):
    """A date of ``fields`` is later than one of ``than`` by more than ``seconds``."""

    than: tuple[str, ...]
    seconds: float

    def holds(self, facts: Facts) -> str | None:
        for name, moment in facts.dates(self.fields):
            for other, reference in facts.dates(self.than):
                if (moment - reference).total_seconds() > self.seconds:
                    return f"{name}: {moment}, {other}: {reference}"
        return None


class Apart(Condition, frozen=True):
    """A date of ``fields`` and one of ``than`` lie more than ``seconds`` apart, whichever is first."""

    than: tuple[str, ...]
    seconds: float

    def holds(self, facts: Facts) -> str | None:
        forward = Later(fields=self.fields, than=self.than, seconds=self.seconds)
        return forward.holds(facts) or Later(fields=self.than, than=self.fields, seconds=self.seconds).holds(facts)


class Resized(Condition, frozen=True):
    """``fields`` (width, height) differ from ``than``, as they are and turned, by more than ``tolerance`` pixels."""

    than: tuple[str, str]
    tolerance: float = 0

    def holds(self, facts: Facts) -> str | None:
        sides = _sides(facts, self.fields, self.than)
        if sides is None:
            return None
        (a, b), (w, h) = sides
        near = min(max(abs(a - w), abs(b - h)), max(abs(a - h), abs(b - w)))
        return f"{a:g} x {b:g} against {w:g} x {h:g}" if near > self.tolerance else None


class Turned(Condition, frozen=True):
    """``fields`` (width, height) are those of ``than`` with width and height swapped."""

    than: tuple[str, str]

    def holds(self, facts: Facts) -> str | None:
        sides = _sides(facts, self.fields, self.than)
        if sides is None:
            return None
        (a, b), (w, h) = sides
        return f"{a:g} x {b:g} against {w:g} x {h:g}" if (a, b) == (h, w) and a != b else None


class Aspect(Condition, frozen=True):
    """The ratio of the sides ``fields`` is off that of ``than``, as it is and turned, by more than ``tolerance``."""

    than: tuple[str, str]
    tolerance: float

    def holds(self, facts: Facts) -> str | None:
        sides = _sides(facts, self.fields, self.than)
        if sides is None:
            return None
        (a, b), (w, h) = sides
        off = min(abs(a * h / (b * w) - 1), abs(a * w / (b * h) - 1))
        return f"{a:g} x {b:g} against {w:g} x {h:g}" if off > self.tolerance else None


class Differs(Condition, frozen=True):
    """A text of ``fields`` and one of ``than`` are unlike: neither holds the other, whatever case and spaces."""

    than: tuple[str, ...]

    def holds(self, facts: Facts) -> str | None:
        for name, value in (item for field in self.fields for item in facts.get(field)):
            for other, reference in (item for field in self.than for item in facts.get(field)):
                a, b = (re.sub(r"\W+", "", str(v)).casefold() for v in (value, reference))
                if a and b and a not in b and b not in a:
                    return f"{name}: {value}, {other}: {reference}"
        return None


def _sides(
    facts: Facts, fields: tuple[str, ...], than: tuple[str, ...]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Two sizes, None where one is not fully known."""
    values = [next((v for _, v in facts.numbers((field,)) if v > 0), None) for field in (*fields[:2], *than[:2])]
    if None in values:
        return None
    a, b, w, h = cast("list[float]", values)
    return (a, b), (w, h)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


AnyCondition = (
    Matches | Unlike | Present | Absent | Among | Within | Outside | Undated | Year | Later | Apart | Resized | Turned
    | Aspect | Differs
)  # fmt: skip


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fires when all of ``when`` hold and none of ``unless``. What made the first of ``when`` hold is its value.

    ``reason`` says why it matters and what innocent thing it may mean. ``group`` is the heading it stands under.
    """

    id: str
    group: str
    title: str
    reason: str
    when: tuple[AnyCondition, ...]
    unless: tuple[AnyCondition, ...] = ()
    direction: Direction = Direction.NEUTRAL
    strength: Strength = Strength.NONE

    @property
    def severity(self) -> str:
        """``information``, ``low``, ``medium`` or ``high``."""
        return SEVERITIES[self.strength.rank]

    def fires(self, facts: Facts) -> str | None:
        """The value that made it fire, fit to print; None where it does not."""
        values = [condition.holds(facts) for condition in self.when]
        if None in values or any(condition.holds(facts) is not None for condition in self.unless):
            return None
        return shown(values[0])


class _Book(msgspec.Struct, forbid_unknown_fields=True):
    groups: dict[str, tuple[str, ...]]
    rule: tuple[Rule, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    file = resources.files("assay.forensics") / "data" / "metadata_rules.toml"
    book = msgspec.toml.decode(file.read_bytes(), type=_Book)
    groups = {f"@{name}": fields for name, fields in book.groups.items()}

    def spread(conditions: tuple[AnyCondition, ...]) -> tuple[AnyCondition, ...]:
        return tuple(
            msgspec.structs.replace(c, fields=tuple(f for name in c.fields for f in groups.get(name, (name,))))
            for c in conditions
        )

    return tuple(msgspec.structs.replace(r, when=spread(r.when), unless=spread(r.unless)) for r in book.rule)


__all__ = ["Condition", "Rule", "rules"]
