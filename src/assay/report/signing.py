"""What signing came to, on a terminal: the files, and what was claimed."""

from collections.abc import Sequence
from pathlib import PurePath

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.provenance.bulk import NotSigned, Result, SignedFile
from assay.provenance.definition import Options, claims
from assay.report.words import plain

SHOWN = 40
"""Rows of a table; of more files, only those that were not signed are shown."""


def render_results(results: Sequence[Result], console: Console) -> None:
    """One file as a line, several as a table that names first what was not signed."""
    if len(results) == 1:
        _one(results[0], console)
        return
    failed = [r for r in results if isinstance(r, NotSigned)]
    done = [r for r in results if isinstance(r, SignedFile)]
    rows: list[Result] = [*failed, *(done if len(results) <= SHOWN else ())]
    if rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
        table.add_column("File", overflow="fold")
        table.add_column("", overflow="fold", ratio=1)
        for result in rows[: max(SHOWN, len(failed))]:
            table.add_row(Text(plain(PurePath(result.path).name), "bold"), _row(result))
        console.print(table)
        console.print()
    kept = sum(r.kept for r in done)
    parts = [f"{len(done) - kept} signed", *([f"{kept} kept from an earlier run"] if kept else [])]
    parts += [f"{len(failed)} not signed"] if failed else []
    console.print(Text(", ".join(parts), "bold"), soft_wrap=True)
    for remark in dict.fromkeys(remark for r in done for remark in r.remarks):
        console.print(Text(plain(remark), "yellow"))


def _row(result: Result) -> Text:
    if isinstance(result, NotSigned):
        return Text.assemble((f"not signed ({result.reason}): ", "red"), why(result))
    return Text(("kept" if result.kept else "signed") + (", with the history it had" if result.parent else ""))


def _one(result: Result, console: Console) -> None:
    if isinstance(result, NotSigned):
        console.print(Text.assemble((plain(result.path), "bold"), "  ", ("not signed", "red")), overflow="fold")
        console.print(Text(why(result)))
        return
    written = [plain(path) for path in (result.out, result.sidecar) if path]
    console.print(Text.assemble("Signed and verified: ", (", ".join(written), "bold")), soft_wrap=True)
    console.print(Text(result.label, "dim"), soft_wrap=True)
    if result.parent:
        console.print(Text("The file it came from had credentials: its history is kept."))
    for remark in result.remarks:
        console.print(Text(plain(remark), "yellow"))


def render_claims(
    options: Options, signer: str, console: Console, *, several: bool, marked: bool = False, done: bool = True
) -> None:
    """What was claimed, so that a person notices what is not so."""
    said = claims(options, several=several, marked=marked)
    begin = "You have claimed" if done else "You would claim"
    console.print()
    console.print(Text(f"{begin}, as {plain(signer)}:", "bold"))
    for sentence in said:
        console.print(Padding(Text(f"- {plain(sentence)}"), (0, 0, 0, 2), expand=False))
    tail = "Whoever finds one of these untrue will hold the signer to it." if done else "Nothing was written."
    console.print(Text(tail, "dim"))


def why(result: NotSigned) -> str:
    """The error without the path that it begins with."""
    return plain(result.error.removeprefix(f"{result.path}: "))


__all__ = ["render_claims", "render_results", "why"]
