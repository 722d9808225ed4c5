"""A vouching statement shown, in the terminal and as a page: under a heading of its own, never with authorship."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay import __version__
from assay.provenance.model import Kind, Reason, State
from assay.provenance.vouch import Standing, Vouching
from assay.report.html import environment, policy, resource
from assay.report.words import plain, size

_MARKS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.SUCCESS: ("✓", "+", "green"),
    Kind.INFORMATION: ("·", "-", "dim"),
    Kind.FAILURE: ("✗", "x", "red"),
}
_STYLES = {
    Standing.BROKEN: "red", Standing.OTHER_FILE: "red", Standing.LAPSED: "yellow", Standing.VALID: "yellow",
    Standing.TRUSTED_RETIRED: "green", Standing.TRUSTED: "green",
}  # fmt: skip


def who(found: Vouching) -> str:
    """The voucher as the certificate names it."""
    name, organisation = plain(found.voucher.name), plain(found.voucher.organisation)
    if not (name or organisation):
        return "an unnamed certificate"
    return f"{organisation}, {name}" if name and organisation and name != organisation else organisation or name


def headline(found: Vouching) -> str:
    """Who vouches, in a few words, and what that is not."""
    voucher = who(found)
    if found.state is Standing.BROKEN:
        return "Broken: nobody is shown to vouch for this"
    if found.state is Standing.OTHER_FILE:
        return f"Not about this file: {voucher} signed a statement on another"
    if found.state is Standing.LAPSED:
        return f"No longer vouched for by {voucher}"
    if found.state is Standing.VALID:
        return f"Vouched for by someone who signs as {voucher}, whom no list in use knows (did not make it)"
    return f"Vouched for by {voucher} (did not make it)"


def rows(found: Vouching) -> list[tuple[str, str]]:
    """What the statement says, a heading and a text a row, safe to look at."""
    said, subject = found.statement, found.statement["subject"]
    received, seen = said.get("received") or {}, subject.get("credentials")
    told: list[tuple[str, str]] = []
    if "withdraws" in said:
        told.append(("Withdraws", f"the statement {said['withdraws']}"))
    if received:
        how = f", “{received['how']}”" if "how" in received else ""
        told.append(("Received", f"from “{received['from']}” on {received['on']}{how}"))
        told += [("Checked", _check(check)) for check in said.get("checked", ())] or [("Checked", "nothing is named")]
        told.append(("Unchanged", f"since {said['unchanged_since']}"))
    told.append(("File", f"{subject['format']}, {size(subject['bytes'])}, sha256:{subject['sha256']}"))
    if seen:
        label = f" ({seen['manifest']})" if "manifest" in seen else ""
        state = State(seen["state"])
        words = "none" if state is State.NONE else state.words
        told.append(("Credentials", f"{words}, when the voucher looked{label}"))
    if "note" in said:
        told.append(("Note", f"“{said['note']}”"))
    if "replaces" in said:
        told.append(("Replaces", f"the statement {said['replaces']}"))
    if "expires" in said:
        told.append(("Stands until", said["expires"]))
    told.append(("Issued", _issued(found)))
    told.append(("Statement", said["id"]))
    return [(label, plain(text)) for label, text in told]


def reasons(found: Vouching) -> list[Reason]:
    """Why, what fails first and what holds last."""
    order = (Kind.FAILURE, Kind.INFORMATION, Kind.SUCCESS)
    return sorted(found.reasons, key=lambda r: order.index(r.kind))


def _check(check: Mapping[str, Any]) -> str:
    result = f": “{check['result']}”" if "result" in check else ""
    return f"“{check['what']}”{result}, on {check['on']}"


def _issued(found: Vouching) -> str:
    proof = f"; a timestamp proves {found.stamped_at}" if found.stamped_at else ", which nothing but the voucher says"
    return f"{found.statement['issued']}{proof}"


def render_vouching(found: Vouching, console: Console) -> None:
    """Print all that was found."""
    subject = f"{plain(found.path)}  " if found.path else ""
    console.print(
        Text.assemble((subject, "bold"), (f"statement {plain(found.statement_path)}", "dim")), overflow="fold"
    )
    if found.sha256:
        console.print(Text(f"sha256:{found.sha256}", "dim"), overflow="fold")
    console.print()
    console.print(Text(headline(found), f"bold {_STYLES[found.state]}"))
    if found.path is None:
        console.print(Text("Compared with no file: this is only what the statement says.", "dim"))
    console.print()
    _grid(console, [(Text(label, "dim"), Text(text)) for label, text in rows(found)])
    console.print()
    marks = [(_MARKS[r.kind], r) for r in reasons(found)]
    ascii_only = console.options.ascii_only
    _grid(
        console,
        [(Text(second if ascii_only else first, style), Text(plain(r.says))) for (first, second, style), r in marks],
    )
    console.print(Text(f"\n{found.limits}", "bold"))


def _grid(console: Console, lines: list[tuple[Text, Text]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def render_vouching_html(found: Vouching) -> str:
    """The same as one page that asks no network and runs no script."""
    css = resource("report.css")
    return environment().get_template("vouch.html.j2").render(
        v=found, headline=headline(found), rows=rows(found), assay=__version__, policy=policy(css),
        reasons=[(r.kind.value, plain(r.says)) for r in reasons(found)], css=Markup(css),  # noqa: S704 (our own file)
        path=plain(found.path or ""), statement=plain(found.statement_path), state=found.state.words,
    )  # fmt: skip


__all__ = ["headline", "render_vouching", "render_vouching_html", "rows", "who"]
