"""A report laid out for reading, in plain text: what the HTML and the PDF say, and in which order.

Nothing here is markup. Strings of the examined file have been through :func:`assay.report.words.plain`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from assay.evidence import Abstention, Finding, Method, Reason, Region, Report, Statement, Strength
from assay.report import words
from assay.report.layers import key_of, telling, turn, upright_size
from assay.report.tables import Table, pairs, tables
from assay.report.words import label, number, plain


@dataclass(frozen=True)
class Card:
    """The card of a method."""

    id: str
    title: str
    looks_at: str
    fooled_by: str
    ignore: str
    source: str
    version: str
    licence: str
    rates: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """A region in pixels of the upright picture; ``place`` names it in those of the stored one."""

    number: int
    says: str
    place: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class MapNote:
    """What stands beside a map."""

    key: str
    name: str
    meaning: str
    heat: bool
    low: str
    high: str


@dataclass(frozen=True)
class Entry:
    """A finding. ``telling`` is the key of its most telling map, empty when it has none."""

    id: str
    says: str
    direction: str
    rank: int
    support: str
    calibration: str
    regions: tuple[Marked, ...]
    maps: tuple[MapNote, ...]
    telling: str
    tables: tuple[Table, ...]
    card: Card


@dataclass(frozen=True)
class Section:
    """The findings of one group."""

    title: str
    lenses: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Line:
    """A statement or an abstention. ``word`` is its strength or its reason."""

    id: str
    title: str
    word: str
    rank: int
    says: str


@dataclass(frozen=True)
class Outline:
    """All of a report, in reading order."""

    name: str
    headline: str
    verdict: str
    rank: int
    calibration: str
    facts: tuple[tuple[str, str], ...]
    digests: tuple[tuple[str, str], ...]
    for_: tuple[Line, ...]
    against: tuple[Line, ...]
    sections: tuple[Section, ...]
    gaps: tuple[Line, ...]
    no_gaps: str
    left_out: tuple[str, ...]
    how: tuple[Table, ...]
    examined_at: str
    assay: str
    width: int
    height: int
    scale_means: str
    scale: tuple[tuple[str, str], ...]
    glossary: tuple[tuple[str, str], ...]


def outline(report: Report) -> Outline:
    """Lay out a report."""
    cards = {m.id: _card(m) for m in report.methods}
    width, height = upright_size(report.subject)
    environment = report.environment
    return Outline(
        name=plain(PurePath(report.subject.path).name or report.subject.path),
        headline=words.headline(report),
        verdict=words.verdict(report.conclusion),
        rank=report.conclusion.strength.rank,
        calibration="calibrated" if report.conclusion.calibrated else words.UNCALIBRATED,
        facts=tuple(_facts(report)),
        digests=(
            ("SHA-256 of the file", report.digests.sha256),
            ("SHA-256 of the samples", report.digests.pixels_sha256),
        ),
        for_=tuple(_statement(s, cards) for s in report.conclusion.for_),
        against=tuple(_statement(s, cards) for s in report.conclusion.against),
        sections=tuple(_sections(report, cards)),
        gaps=tuple(_gap(a, cards) for a in report.abstentions if a.reason is not Reason.NOT_ASKED),
        no_gaps="Every method that was run could judge." if words.judging(report) else "No method that judges was run.",
        left_out=(*words.left_out(report), words.NOT_JUDGED_EVER),
        how=(
            pairs("Options", dict(sorted(environment.options.items()))),
            pairs("Libraries", {"python": environment.python, **dict(sorted(environment.libraries.items()))}),
            pairs("Seconds taken", dict(sorted(report.seconds.items()))),
        ),
        examined_at=when(report.examined_at),
        assay=plain(environment.assay),
        width=width,
        height=height,
        scale_means=words.SCALE_MEANS,
        scale=tuple((s.words, words.SCALE[s]) for s in Strength),
        glossary=words.GLOSSARY,
    )


def when(iso: str) -> str:
    """A moment as a person reads it, in UTC; as it stands where it is no ISO 8601 time."""
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return plain(iso)


def _facts(report: Report) -> list[tuple[str, str]]:
    subject = report.subject
    kind = " ".join(filter(None, (subject.format.upper(), plain(subject.mode))))
    facts = [
        ("Format", kind),
        ("Size", f"{subject.width} × {subject.height} pixels, {words.size(subject.bytes)}"),
        ("Examined", f"{when(report.examined_at)} with Assay {plain(report.environment.assay)}"),
        ("Path", plain(subject.path)),
    ]
    if subject.orientation != 1:
        facts.insert(2, ("Orientation", f"{subject.orientation} in EXIF; shown upright, positions are as stored"))
    if subject.frames > 1:
        facts.insert(2, ("Frames", f"{subject.frames}; the first was examined"))
    return facts


def _card(method: Method) -> Card:
    rates = tuple(
        f"{plain(r.what)}: {number(r.value)} on {number(r.n)} × {plain(r.on)} (version {plain(r.version)})"
        for r in method.error_rates
    )
    return Card(
        id=method.id, title=plain(method.title), looks_at=plain(method.looks_at), fooled_by=plain(method.fooled_by),
        ignore=plain(method.ignore), source=plain(method.source), version=plain(method.version),
        licence=plain(method.licence), rates=rates,
    )  # fmt: skip


def _unknown_card(method: str) -> Card:
    return Card(method, method, "", "", "", "", "", "", ())


def _statement(statement: Statement, cards: dict[str, Card]) -> Line:
    return Line(
        id=statement.method, title=cards.get(statement.method, _unknown_card(statement.method)).title,
        word=statement.strength.words, rank=statement.strength.rank, says=plain(statement.says),
    )  # fmt: skip


def _gap(abstention: Abstention, cards: dict[str, Card]) -> Line:
    return Line(
        id=abstention.method, title=cards.get(abstention.method, _unknown_card(abstention.method)).title,
        word=words.REASONS[abstention.reason], rank=0, says=plain(abstention.says),
    )  # fmt: skip


def _sections(report: Report, cards: dict[str, Card]) -> list[Section]:
    groups = {m.id: m.group for m in report.methods}
    by_group: dict[str, list[Entry]] = {}
    for index, finding in enumerate(report.findings):
        group = groups.get(finding.method, "other")
        by_group.setdefault(group, []).append(_entry(index, finding, report, cards))
    rank = {group: i for i, group in enumerate(words.GROUPS)}
    ordered = sorted(by_group, key=lambda g: (g == words.LENSES, rank.get(g, len(rank))))
    return [Section(words.group_title(g), g == words.LENSES, tuple(by_group[g])) for g in ordered]


def _entry(index: int, finding: Finding, report: Report, cards: dict[str, Card]) -> Entry:
    best = telling(finding)
    return Entry(
        id=finding.method,
        says=plain(finding.says),
        direction=finding.direction.value if finding.strength is not Strength.NONE else "neutral",
        rank=finding.strength.rank,
        support=words.support(finding.direction, finding.strength),
        calibration=words.calibration(finding),
        regions=tuple(_marked(i, r, report) for i, r in enumerate(finding.regions, 1)),
        maps=tuple(
            MapNote(
                key_of(index, j), label(m.name), plain(m.meaning), m.kind.value == "heat", number(m.low), number(m.high)
            )
            for j, m in enumerate(finding.maps)
            if m.file
        ),
        telling="" if best is None else key_of(index, best),
        tables=tuple(tables(finding.details)),
        card=cards.get(finding.method, _unknown_card(finding.method)),
    )


def _marked(index: int, region: Region, report: Report) -> Marked:
    x, y, w, h = turn((region.x, region.y, region.width, region.height), report.subject)
    nfa = "" if region.log10_nfa is None else f", log10 NFA {number(region.log10_nfa)}"
    place = f"{region.width} × {region.height} at {region.x}, {region.y}{nfa}"
    return Marked(index, plain(region.says), place, x, y, w, h)
