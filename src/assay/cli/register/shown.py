"""What the commands of ``assay register`` show a person. What others wrote is made safe to look at."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.cli.register.records import Added, Claims, NotAdded, Verified
from assay.register.look import Claim
from assay.report.words import number, plain, size

CAUTION = (
    "A claim says who registered a file, and when at the latest. It does not say that it is true, nor who made it."
)
_STATES = {
    "registered": ("registered", "green"), "duplicate": ("there before", "yellow"), "kept": ("there before", "dim"),
    "forgotten": ("taken back", "yellow"),
}  # fmt: skip
_HEADLINES = {
    "trusted": ("The receipt holds, and your policy accepts it", "bold green"),
    "refused": ("The receipt is sound in itself, but your policy does not accept it", "bold red"),
    "unvouched": ("The receipt is sound in itself, but nobody vouches for the log", "bold yellow"),
    "unsound": ("The receipt proves nothing here", "bold red"),
}
_HOW = {"digest": "the very file", "fingerprint": "looks the same", "query": ""}


def render_added(answers: Sequence[Added | NotAdded], at: str, judged: bool, console: Console) -> None:
    """Print what became of each file."""
    done = [answer for answer in answers if isinstance(answer, Added)]
    if len(answers) == 1 and done:
        _one(done[0], console)
    elif done:
        table = Table.grid(padding=(0, 2))
        for answer in done:
            word, style = _STATES[answer.state]
            table.add_row(
                Text(plain(answer.path)), Text(word, style), Text(f"entry {answer.index}"),
                Text(plain(answer.receipt), "dim"),
            )  # fmt: skip
        console.print(table)
        for note in dict.fromkeys(answer.note for answer in done if answer.note):
            several = sum(answer.note == note for answer in done)
            console.print(Text(f"{'' if several == 1 else f'{several} files: '}{note}", "dim"))
        failed = len(answers) - len(done)
        new = sum(answer.state == "registered" for answer in done)
        console.print(
            Text(
                f"\n{len(done)} of {len(answers)} files are in {plain(done[0].origin)}, {new} of them new"
                + (f"; {failed} could not be read." if failed else ".")
            )
        )
    if done and not judged:
        console.print(
            Text(
                f"No policy says whether to trust this log ({plain(at)}): its own key was taken at its word.", "yellow"
            )
        )


def _one(answer: Added, console: Console) -> None:
    word, style = _STATES[answer.state]
    console.print(
        Text.assemble(
            (plain(answer.path), "bold"), "  ", (word, style), f", entry {answer.index} of {plain(answer.origin)}"
        ),
        overflow="fold",
    )  # fmt: skip
    kind = "public: anybody finds it" if answer.public else "private: nobody can tell of which file"
    rows = [("kind", kind), ("sha256", answer.sha256), ("receipt", answer.receipt)]
    if answer.fingerprints:
        rows.append(("fingerprint", ", ".join(answer.fingerprints)))
    if answer.manifest:
        rows.append(("credentials", "handed in, encrypted"))
    if answer.note:
        rows.append(("note", answer.note))
    _grid(console, [(Text(label, "dim"), Text(plain(text))) for label, text in rows])


def render_claims(found: Claims, console: Console) -> None:
    """Print who claims a file, all of them alike."""
    if found.path is not None:
        console.print(Text(plain(found.path), "bold"), overflow="fold")
    if found.sha256 is not None:
        console.print(Text(f"sha256:{found.sha256}", "dim"), overflow="fold")
    console.print(Text(plain(found.says)))
    for claim in found.claims:
        console.print()
        _claim(claim, console, alone=found.sha256 is None)
    if found.claims:
        console.print(Text(f"\n{CAUTION} An earlier claim is not a truer one.", "bold"))


def _claim(claim: Claim, console: Console, *, alone: bool) -> None:
    how = _HOW[claim.how] + (f" (score {number(claim.score)})" if claim.score is not None else "")
    console.print(Text.assemble((f"entry {claim.index}", "bold"), f"  {how}" if how else ""))
    named = f", whom the operator calls “{plain(claim.name)}”" if claim.name else ""
    rows = [("claimed by", f"key {claim.key[:16]}…{named}")]
    if claim.sha256 is None:
        rows.append(("of", "a file that is not told (private)"))
    elif alone or claim.how != "digest":
        rows.append(("of", f"sha256:{claim.sha256}, {size(claim.bytes or 0)}, {plain(claim.media_type or '')}"))
    rows.append(("when", f"{plain(claim.seen)} by the operator's clock, which proves nothing"))
    if claim.proof is None:
        rows.append(("proof", "not checked: there are too many claims"))
    else:
        rows.append(("proof", plain(claim.proof.says)))
    if claim.withdrawn is not None:
        rows.append(("taken back", f"by entry {claim.withdrawn}"))
    if claim.manifest:
        rows.append(("credentials", "handed in with it, encrypted"))
    _grid(console, [(Text(label, "dim"), Text(text)) for label, text in rows])


def render_verified(found: Verified, console: Console) -> None:
    """Print what a receipt proves, step by step, and whether the policy accepts it."""
    headline, style = _HEADLINES[found.verdict.state]
    console.print(Text.assemble((plain(found.path or ""), "bold"), "  ", (f"receipt {plain(found.receipt)}", "dim")))
    console.print(Text(headline, style))
    console.print()
    marks = {True: ("✓", "+", "green"), None: ("·", "-", "dim"), False: ("✗", "x", "red")}
    ascii_only = console.options.ascii_only
    rows = []
    for step in found.verification.steps:
        first, second, colour = marks[step.ok]
        rows.append((Text(second if ascii_only else first, colour), Text(step.name, "dim"), Text(plain(step.says))))
    _grid(console, rows)
    for witness in found.verdict.witnesses:
        console.print(Text(f"  cosigned by {plain(witness.name)}", "dim"))
    console.print(Text(f"\n{plain(found.verdict.says)}"))


def _grid(console: Console, lines: Sequence[tuple[Text, ...]]) -> None:
    table = Table.grid(padding=(0, 2))
    for _ in lines[0][:-1]:
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


__all__ = ["CAUTION", "render_added", "render_claims", "render_verified"]
