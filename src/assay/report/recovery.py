"""A recovery shown: in the terminal, and as a page with the picture laid over its original."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.fingerprint import SAME
from assay.provenance.formats import NAMES, PICTURES
from assay.provenance.model import Verification
from assay.provenance.recovery.records import Candidate, FoundBy, Recovery, Unrecovered, Verdict
from assay.report.words import plain

HEADLINES: Mapping[Verdict, str] = {
    Verdict.EXACT: "Credentials found: they are about these very bytes",
    Verdict.SAME_PICTURE: "Credentials found: it is the same picture",
    Verdict.EDITED: "Credentials found, but part of the picture is not what was signed",
    Verdict.UNCONFIRMED: "Something was found; whether it belongs to this picture cannot be told",
    Verdict.TRANSPLANTED: "Borrowed credentials: the watermark is another picture’s",
    Verdict.NOT_FOUND: "No credentials were found",
}
SHORT: Mapping[Verdict, str] = {
    Verdict.EXACT: "these very bytes", Verdict.SAME_PICTURE: "the same picture", Verdict.EDITED: "a place differs",
    Verdict.UNCONFIRMED: "cannot be told", Verdict.TRANSPLANTED: "another picture", Verdict.NOT_FOUND: "not found",
}  # fmt: skip
_STYLES: Mapping[Verdict, str] = {
    Verdict.EXACT: "bold green", Verdict.SAME_PICTURE: "bold green", Verdict.EDITED: "bold yellow",
    Verdict.UNCONFIRMED: "bold yellow", Verdict.TRANSPLANTED: "bold red", Verdict.NOT_FOUND: "bold",
}  # fmt: skip
FOUND_BY: Mapping[FoundBy, str] = {
    FoundBy.WATERMARK: "watermark", FoundBy.FINGERPRINT: "fingerprint", FoundBy.CONTENT: "the picture that was sent",
}  # fmt: skip
NOT_SAID = (
    "Recovered credentials say who signed which picture, and what that signer said of it. They do not say that what "
    "the picture shows is true, and a picture without any is not suspicious for that."
)
COARSE = (
    "The comparison is coarse, 64 cells a side: a change smaller than about a fiftieth of the picture can go unnoticed."
)
WIDE = 96

Answers = Sequence[Recovery | Unrecovered]


def headline(answer: Recovery) -> str:
    """The verdict in a few words, and never without saying that nobody knows the signer."""
    found = HEADLINES[answer.verdict]
    return f"{found}, signer unknown" if answer.verdict.confirmed and unknown(answer) else found


def unknown(answer: Recovery) -> bool:
    return bool(answer.candidates) and answer.candidates[0].list is None


def style(answer: Recovery) -> str:
    """The colour of the verdict."""
    return "bold yellow" if answer.verdict.confirmed and unknown(answer) else _STYLES[answer.verdict]


def render_recoveries(answers: Answers, console: Console) -> None:
    """Print the verdict: in full for one picture, else a row each."""
    if len(answers) == 1:
        _one(answers[0], console)
    elif answers:
        _many(answers, console)


def why(answer: Unrecovered) -> str:
    """The error without the path that it begins with."""
    return plain(answer.error.removeprefix(f"{answer.path}: "))


def _one(answer: Recovery | Unrecovered, console: Console) -> None:
    name = Text(plain(answer.path), "bold")
    if isinstance(answer, Unrecovered):
        console.print(name.append("  could not be looked at", "red"), overflow="fold")
        console.print(Text(f"{answer.reason}: {why(answer)}"), overflow="fold")
        return
    console.print(Text.assemble(name, "  ", (f"{kind_of(answer)}, {answer.width} × {answer.height}", "dim")))
    console.print(Text(f"sha256:{answer.sha256}", "dim"), overflow="fold")
    console.print()
    console.print(Text(headline(answer), style(answer)))
    console.print(Text(plain(answer.says)), overflow="fold")
    for warning in answer.warnings:
        console.print(Text.assemble(("! ", "bold yellow"), plain(warning)), overflow="fold")
    if rows := facts(answer):
        console.print()
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for key, value in rows:
            grid.add_row(key, Text(plain(value)))
        console.print(grid)
    bullet = "-" if console.options.ascii_only else "·"
    for heading, lines in (
        ("What has happened since it was signed", answer.changes),
        (said_heading(answer), said(answer)),
    ):
        if lines:
            console.print(Text(f"\n{heading}", "bold"))
            for line in lines:
                _bullet(bullet, line, console)
    if len(answer.candidates) > 1:
        console.print(Text(f"\nAll {len(answer.candidates)} manifests that were found, the best first", "bold"))
        console.print(Padding(_candidates(answer.candidates, console), (0, 0, 0, 2), expand=False))


def _bullet(mark: str, line: str, console: Console) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, "dim"), Text(plain(line)))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def kind_of(answer: Recovery) -> str:
    return NAMES.get(PICTURES.get(answer.format, ""), answer.format.upper())


def facts(answer: Recovery) -> list[tuple[str, str]]:
    """Headings and values, a stranger's text among them."""
    rows: list[tuple[str, str]] = []
    best = answer.candidates[0] if answer.candidates else None
    if best is not None:
        whose = " of that picture" if best.verdict is Verdict.TRANSPLANTED else ""
        rows.append((f"signer{whose}", best.signer or "not named"))
        rows.append(("trust list", best.list or "none knows the signer"))
        rows.append(("signed", _when(answer.verification)))
        rows.append(("found by", FOUND_BY[best.found_by]))
    if best is not None and best.likeness is not None:
        same = best.likeness.same
        word = "the same picture" if same else "another picture" if same is False else "cannot be told"
        rows.append(("fingerprint", f"{word} (score {best.likeness.score:.1f}, needed {SAME:g})"))
    rows.append(("looked in", answer.store))
    if best is not None:
        rows.append(("manifest", best.manifest_id))
    if answer.watermark:
        # No trial reaches so far out: what the model behind the bound says beyond that is not worth saying.
        chance = f"1 in 10{_raised(min(20.0, -answer.watermark.log10_false_alarm))}"
        rows.append(("watermark", f"{answer.watermark.identifier}, no accident (the chance is below {chance})"))
    elif best is not None:
        rows.append(("watermark", "none found"))
    return rows


def _raised(power: float) -> str:
    return str(int(power)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _when(found: Verification | None) -> str:
    active = found.manifests[0] if found and found.manifests else None
    if active is None:
        return "when is not known"
    if active.signed_at:
        return f"{day(active.signed_at)}, by a trusted timestamp"
    if active.claimed_at:
        return f"{day(active.claimed_at)}, says the signer; no trusted timestamp"
    return "when is not said; no trusted timestamp"


def day(when: str) -> str:
    return when.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")


def said(answer: Recovery) -> list[str]:
    """What the best manifest's signer says, a sentence or a few words each."""
    if answer.verification is None or not answer.verification.manifests:
        return []
    active = answer.verification.manifests[0]
    lines = [f"The picture is called “{active.title}”."] if active.title else []
    lines += [capital(action.says) for action in active.actions[:20]]
    for part in active.ingredients[:20]:
        relation = "It was made from" if part.relationship == "parentOf" else "It has in it"
        lines.append(f"{relation} “{part.title or 'a file without a title'}”.")
    lines += [f"{key.split('.')[-1].replace('_', ' ')}: {use}." for key, use in sorted(active.training.items())]
    return lines


def said_heading(answer: Recovery) -> str:
    other = bool(answer.candidates) and answer.candidates[0].verdict is Verdict.TRANSPLANTED
    return "What the signer says, of that other picture" if other else "What the signer says"


def capital(text: str) -> str:
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _candidates(candidates: Sequence[Candidate], console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    names = ["Manifest", "It is", "Found by", "Signer"] + (["What it says"] if console.width >= WIDE else [])
    for name in names:
        table.add_column(name, overflow="fold")
    for c in candidates:
        row = [Text(plain(c.manifest_id)), Text(SHORT[c.verdict], _STYLES[c.verdict]), Text(FOUND_BY[c.found_by]),
               Text(plain(c.signer or "–"))]  # fmt: skip
        table.add_row(*row, *([Text(plain(c.says))] if console.width >= WIDE else []))
    return table


def _many(answers: Answers, console: Console) -> None:
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name, ratio in (("Picture", None), ("Verdict", None), ("Signer", None), *((("Since", 1),) if wide else ())):
        table.add_column(name, overflow="fold", ratio=ratio)
    for answer in answers:
        name = Text(plain(PurePath(answer.path).name or answer.path), "bold")
        if isinstance(answer, Unrecovered):
            table.add_row(name, Text("not looked at", "red"), Text(""), *((Text(why(answer)),) if wide else ()))
            continue
        best = answer.candidates[0] if answer.candidates else None
        signer = (best.signer or "not named") if best else "–"
        if best and best.sound and best.list is None:
            signer += " (unknown to all lists)"
        since = " ".join(answer.changes) or answer.says
        table.add_row(
            name, Text(SHORT[answer.verdict], style(answer)), Text(plain(signer)),
            *((Text(plain(since)),) if wide else ()),
        )  # fmt: skip
    console.print(table)


__all__ = ["HEADLINES", "NOT_SAID", "facts", "headline", "render_recoveries", "said", "style", "why"]
