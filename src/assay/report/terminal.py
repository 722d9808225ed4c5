"""What a person sees in the terminal. Words carry everything; colour only helps."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.evidence import Abstention, Direction, Failure, Finding, Method, Reason, Report, Strength
from assay.report import words
from assay.report.words import number, plain

WIDE = 96
"""Columns from which methods stand in a table rather than one below the other."""

_STYLES = {Direction.FOR: "yellow", Direction.AGAINST: "cyan", Direction.NEUTRAL: "dim"}


def render_table(results: Sequence[Report | Failure], console: Console) -> None:
    """Print the verdict: in full for one picture, a row each for several."""
    if len(results) == 1:
        only = results[0]
        _failure(only, console) if isinstance(only, Failure) else _one(only, console)
    elif results:
        _many(results, console)


def render_cards(cards: Sequence[Method], console: Console, *, brief: bool) -> None:
    """Print the cards of methods: a line each when ``brief``, else all that they say."""
    if brief:
        table = _grid("Method", "Group", "What it is")
        for card in cards:
            table.add_row(Text(card.id, "bold"), Text(card.group), Text(plain(card.title)))
        console.print(table)
        return
    for card in cards:
        console.print(Text(f"{plain(card.title)} ({card.id}, version {card.version})", "bold"))
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        rates = [f"{r.what}: {number(r.value)} on {number(r.n)} × {r.on}" for r in card.error_rates]
        for name, value in (
            ("looks at", card.looks_at),
            ("fooled by", card.fooled_by),
            ("ignore", card.ignore),
            ("error rates", "\n".join(rates) or "none measured"),
            ("source", card.source),
            ("licence", card.licence),
        ):
            table.add_row(name, Text("\n".join(plain(line) for line in value.splitlines())))
        console.print(Padding(table, (0, 0, 1, 2), expand=False))


def _one(report: Report, console: Console) -> None:
    subject, conclusion = report.subject, report.conclusion
    cards = {m.id: m for m in report.methods}
    facts = f"{subject.format.upper()}, {subject.width} × {subject.height}, {words.size(subject.bytes)}"
    console.print(Text.assemble((plain(subject.path), "bold"), "  ", (facts, "dim")), overflow="fold")
    console.print(Text(f"sha256:{subject.sha256}", "dim"), overflow="fold")
    console.print()
    calibrated = "" if conclusion.calibrated else f"  ({words.UNCALIBRATED})"
    style = _STYLES[Direction.NEUTRAL if conclusion.strength is Strength.NONE else Direction.FOR]
    console.print(Text.assemble((words.headline(report), f"bold {style}".replace("dim", "").strip()), calibrated))
    console.print(Text(words.verdict(conclusion)))
    judging = words.judging(report)
    if judging:
        console.print()
        _judging(_ranked(judging), cards, console)
    _unjudged(report.abstentions, cards, console)
    lenses = [f for f in report.findings if f not in judging]
    if lenses:
        names = ", ".join(_title(f.method, cards) for f in lenses)
        console.print(Text.assemble(("\nDrawn to look at, judging nothing: ", "bold"), names))
    for sentence in words.left_out(report):
        console.print(Text(f"\n{sentence}", "dim"))


def _ranked(findings: Iterable[Finding]) -> list[Finding]:
    """For alteration first, then against, then those that say nothing either way; each strongest first."""
    order = {Direction.FOR: 0, Direction.AGAINST: 1, Direction.NEUTRAL: 2}
    return sorted(findings, key=lambda f: (order[_direction(f)], -f.strength.rank))


def _direction(finding: Finding) -> Direction:
    return Direction.NEUTRAL if finding.strength is Strength.NONE else finding.direction


def _judging(findings: list[Finding], cards: dict[str, Method], console: Console) -> None:
    if console.width >= WIDE:
        table = _grid("Method", "Evidence", "What it says")
        for finding in findings:
            style = _STYLES[_direction(finding)]
            evidence = Text.assemble((_evidence(finding, console), style), "\n", (words.calibration(finding), "dim"))
            table.add_row(Text(_title(finding.method, cards), "bold"), evidence, Text(plain(finding.says)))
        console.print(table)
        return
    for finding in findings:
        evidence = Text(f"{_evidence(finding, console)}, {words.calibration(finding)}", _STYLES[_direction(finding)])
        console.print(Text(_title(finding.method, cards), "bold"))
        console.print(_indented(evidence))
        console.print(_indented(Text(plain(finding.says))))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _evidence(finding: Finding, console: Console) -> str:
    direction = _direction(finding)
    if direction is Direction.NEUTRAL:
        return "neutral"
    full, empty = ("#", "-") if console.options.ascii_only else ("■", "□")
    steps = finding.strength.rank + 1
    return f"{full * steps}{empty * (len(Strength) - steps)} {finding.strength.words}, {direction.value}"


def _unjudged(abstentions: Iterable[Abstention], cards: dict[str, Method], console: Console) -> None:
    shown = [a for a in abstentions if a.reason is not Reason.NOT_ASKED]
    if not shown:
        return
    console.print(Text(f"\nCould not judge ({len(shown)})", "bold"))
    for abstention in shown:
        reason = words.REASONS[abstention.reason]
        line = Text.assemble(_title(abstention.method, cards), (f"  {reason}: ", "dim"), plain(abstention.says))
        console.print(_indented(line))


def _many(results: Sequence[Report | Failure], console: Console) -> None:
    wide = console.width >= WIDE
    table = _grid("Picture", *(("Format", "Size") if wide else ()), "Verdict", "Strongest finding")
    for result in results:
        name = Text(plain(PurePath(result.subject.path).name or result.subject.path), "bold", overflow="fold")
        if isinstance(result, Failure):
            blank = ("", "") if wide else ()
            table.add_row(name, *blank, Text("not examined", "red"), Text(f"{result.reason}: {_why(result)}"))
            continue
        conclusion, subject = result.conclusion, result.subject
        facts = (subject.format.upper(), f"{subject.width}×{subject.height}") if wide else ()
        style = "" if conclusion.strength is Strength.NONE else _STYLES[Direction.FOR]
        verdict = Text(words.headline(result), style)
        if not conclusion.calibrated:
            verdict.append(f" ({words.UNCALIBRATED})", "dim")
        cards = {m.id: m for m in result.methods}
        top = conclusion.for_[0] if conclusion.for_ else None
        says = _title(top.method, cards) if top else _unjudged_count(result)
        table.add_row(name, *facts, verdict, Text(f"{says}: {plain(top.says)}" if top and wide else says))
    console.print(table)
    console.print(Text(f"\n{words.NO_SIGN_IS_NOT_PROOF} {_failed(results)}".rstrip(), "dim"))


def _unjudged_count(report: Report) -> str:
    count = len(report.conclusion.not_judged)
    return f"none; {count} {'method' if count == 1 else 'methods'} could not judge" if count else "none"


def _failed(results: Sequence[Report | Failure]) -> str:
    count = sum(isinstance(r, Failure) for r in results)
    return f"{count} of {len(results)} could not be examined." if count else ""


def _failure(failure: Failure, console: Console) -> None:
    console.print(Text.assemble((plain(failure.subject.path), "bold"), "  ", ("not examined", "red")), overflow="fold")
    console.print(Text(f"{failure.reason}: {_why(failure)}"), overflow="fold")


def _why(failure: Failure) -> str:
    """The error without the path that it begins with."""
    return plain(failure.error.removeprefix(f"{failure.subject.path}: "))


def _title(method: str, cards: dict[str, Method]) -> str:
    return plain(cards[method].title) if method in cards else plain(method)


def _grid(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        table.add_column(name, overflow="fold", ratio=None if index + 1 < len(columns) else 1)
    return table
