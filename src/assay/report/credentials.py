"""A verification shown in the terminal: the verdict first, then who, then the history. Words carry everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from markupsafe import Markup
from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from assay import __version__
from assay.provenance.formats import NAMES
from assay.provenance.judge import VOUCHED
from assay.provenance.model import Kind, Manifest, Reason, State, Unverified, Verification
from assay.report.html import environment, policy, resource
from assay.report.words import plain

Answer = Verification | Unverified

MAX_NODES = 60
"""Files of a history that are shown unless all details are asked for."""

MAX_ACTIONS = 12
MAX_INDENT = 40
WIDE = 96
_HEADLINES: Mapping[State, str] = {
    State.NONE: "NO CREDENTIALS",
    State.BROKEN: "BROKEN",
    State.VALID: "INTACT, SIGNER UNKNOWN",
    State.TRUSTED_RETIRED: "INTACT, SIGNER KNOWN TO A RETIRED LIST ONLY",
    State.TRUSTED: "TRUSTED",
}
_STYLES: Mapping[State, str] = {
    State.NONE: "bold", State.BROKEN: "bold red", State.VALID: "bold yellow", State.TRUSTED_RETIRED: "bold yellow",
    State.TRUSTED: "bold green",
}  # fmt: skip
_SHORT: Mapping[State, str] = {
    State.NONE: "no credentials", State.BROKEN: "broken", State.VALID: "signer unknown",
    State.TRUSTED_RETIRED: "retired list", State.TRUSTED: "trusted",
}  # fmt: skip
_MARKS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.FAILURE: ("✗", "x", "red"), Kind.INFORMATION: ("·", "-", "dim"), Kind.SUCCESS: ("✓", "+", "green"),
}  # fmt: skip
_RELATIONS = {"parentOf": "made from", "componentOf": "has in it", "inputTo": "made with the help of"}


def render_verifications(answers: Sequence[Answer], console: Console, *, details: bool = False) -> None:
    """Print the verdict: in full for one file, or with ``details``; else a row each."""
    if len(answers) == 1 or details:
        for number, answer in enumerate(answers):
            if number:
                console.print()
            _one(answer, console, details=details)
    elif answers:
        _many(answers, console)


def headline(found: Verification) -> str:
    """The verdict in a few words."""
    if found.laundered:
        return f"{_HEADLINES[found.state]}, BUT MADE FROM SOMETHING BROKEN"
    return _HEADLINES[found.state]


def style(found: Verification) -> str:
    """The colour of the verdict."""
    return _STYLES[State.BROKEN if found.laundered else found.state]


def _one(answer: Answer, console: Console, *, details: bool) -> None:
    name = Text(plain(answer.path), "bold")
    if isinstance(answer, Unverified):
        console.print(name.append("  could not be verified", "red"), overflow="fold")
        console.print(Text(f"{answer.reason}: {why(answer)}"), overflow="fold")
        return
    console.print(Text.assemble(name, "  ", (NAMES.get(answer.format, answer.format), "dim")), overflow="fold")
    console.print(Text(f"sha256:{answer.sha256}", "dim"), overflow="fold")
    console.print()
    console.print(Text(headline(answer), style(answer)))
    console.print(Text(plain(answer.says)), overflow="fold")
    facts = _facts(answer)
    if facts:
        console.print()
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for key, value in facts:
            grid.add_row(key, Text(plain(value)))
        console.print(grid)
    if answer.manifests:
        console.print()
        console.print(Text("History, as the signers tell it", "bold"))
        console.print(_history(answer, details=details))
    reasons = [*answer.reasons] if not details else [r for m in answer.manifests for r in m.reasons]
    if reasons or (details and answer.reasons):
        console.print()
        console.print(Text("What was checked" if details else "Reasons", "bold"))
        console.print(_reasons(reasons or answer.reasons, answer, console, details=details))
    if details:
        console.print()
        console.print(_all(answer))


def _facts(found: Verification) -> list[tuple[str, str]]:
    if not found.manifests:
        return [("kept at", found.remote)] if found.remote else []
    active = found.manifests[0]
    facts = []
    if found.signer:
        by = f", certified by {found.signer.issuer}" if found.signer.issuer else ""
        facts.append(("signer", f"{_who(found)}{by}"))
    facts.append(("trust list", _list(found)))
    if found.signed_at:
        facts.append(("signed", f"{_day(found.signed_at)}, by a trusted timestamp"))
    elif active.claimed_at:
        facts.append(("signed", f"{_day(active.claimed_at)}, says the signer; no trusted timestamp"))
    else:
        facts.append(("signed", "when is not said; no trusted timestamp"))
    if active.generator:
        facts.append(("made with", active.generator))
    if active.training:
        uses = ", ".join(f"{key.split('.')[-1]}: {use}" for key, use in sorted(active.training.items()))
        facts.append(("training", uses))
    if found.sidecar:
        facts.append(("sidecar", found.sidecar))
    if found.remote:
        facts.append(("also kept at", found.remote))
    return facts


@dataclass(frozen=True)
class Step:
    """One file of a history. ``depth`` is 0 for the file itself; strings are safe to show."""

    depth: int
    relation: str
    title: str
    state: State
    signed: str = ""
    done: str = ""
    removed: int = 0

    @property
    def indent(self) -> str:
        """White space that a page keeps, as deep as the file lies."""
        return "\N{EM SPACE}" * min(self.depth, 12)

    @property
    def verdict(self) -> str:
        """Its state in a word or two."""
        return _SHORT[self.state]


def steps(found: Verification, most: int = MAX_NODES) -> tuple[list[Step], int]:
    """The file and what went into it, each before what went into that; and how many are left out."""
    by_label = {m.label: m for m in found.manifests}
    active = found.manifests[0]
    told = [_step(0, "", active.title or PurePath(found.path).name, active.state, active)]
    left, todo = 0, [(1, i, frozenset({active.label})) for i in reversed(active.ingredients)]
    while todo:
        depth, ingredient, above = todo.pop()
        if len(told) > most:
            left += 1
            continue
        inner = by_label.get(ingredient.manifest or "")
        relation = _RELATIONS.get(ingredient.relationship, plain(ingredient.relationship) or "refers to")
        title = ingredient.title or (inner.title if inner else "") or "a file without a title"
        told.append(_step(depth, relation, title, ingredient.state, inner))
        if inner is not None and inner.label not in above:
            todo += [(depth + 1, i, above | {inner.label}) for i in reversed(inner.ingredients)]
    return told, left


def _step(depth: int, relation: str, title: str, state: State, manifest: Manifest | None) -> Step:
    if manifest is None:
        return Step(depth, relation, plain(title), state)
    who = manifest.signer and (manifest.signer.organisation or manifest.signer.name or "somebody unnamed")
    when = manifest.signed_at or manifest.claimed_at
    done = [plain(a.says) for a in manifest.actions[:MAX_ACTIONS]]
    if len(manifest.actions) > MAX_ACTIONS:
        done.append(f"and {len(manifest.actions) - MAX_ACTIONS} more")
    signed = f"{plain(who)}{f', {_day(when)}' if when else ''}" if who else ""
    return Step(depth, relation, plain(title), state, signed, "; ".join(done), len(manifest.redacted))


def _list(found: Verification) -> str:
    """The list that vouches, with its day."""
    if found.list is None:
        return "none knows the signer"
    told = next((r.says for r in found.reasons if r.code == "signingCredential.trusted"), "")
    named = told.removeprefix(VOUCHED).rstrip(".")
    return f"{found.list}: {named}" if named.lower() not in {"", found.list} else found.list


def _history(found: Verification, *, details: bool) -> Padding:
    """An indented tree: the file, and below it what went into it."""
    told, left = steps(found, 10_000 if details else MAX_NODES)
    tree = Tree(_node(told[0]), guide_style="dim")
    branches = [tree]
    for step in told[1:]:
        depth = min(step.depth, MAX_INDENT)
        del branches[depth:]
        branches.append(branches[-1].add(_node(step)))
    if left:
        tree.add(Text("… more; --details shows all", "dim"))
    return Padding(tree, (0, 0, 0, 2), expand=False)


def _node(step: Step) -> Group:
    colour = "dim" if step.state is State.NONE else _STYLES[step.state]
    before = f"{step.relation} " if step.relation else ""
    line = Text.assemble((before, "dim"), (step.title, "bold"), "  ", (step.verdict, colour))
    if step.signed:
        line.append(f"  signed by {step.signed}", "dim")
    parts = [line]
    if step.done:
        parts.append(Text(step.done))
    if step.removed:
        parts.append(
            Text(f"{step.removed} statement{'s' * (step.removed > 1)} removed from earlier credentials", "dim")
        )
    return Group(*parts)


def _reasons(reasons: Sequence[Reason], found: Verification, console: Console, *, details: bool) -> Padding:
    ascii_only = console.options.ascii_only
    titles = _titles(found)
    active = found.manifests[0].label if found.manifests else None
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for reason in reasons:
        mark, simple, colour = _MARKS[reason.kind]
        line = Text()
        if reason.manifest and reason.manifest != active:
            line.append(f"{plain(titles.get(reason.manifest, reason.manifest))}: ", "bold")
        line.append(plain(reason.says)).append(f"  {plain(reason.code)}", "dim")
        if details and reason.detail:
            line.append(f"\n{plain(reason.detail)}", "dim")
        grid.add_row(Text(simple if ascii_only else mark, colour), line)
    return Padding(grid, (0, 0, 0, 2), expand=False)


def render_verification_html(found: Verification) -> str:
    """The same as one page that asks no network and runs no script."""
    css = resource("report.css")
    told, left = steps(found) if found.manifests else ([], 0)
    titles, active = _titles(found), found.manifests[0].label if found.manifests else None
    about = {r.manifest: plain(titles.get(r.manifest or "", "")) for r in found.reasons if r.manifest != active}
    broken = found.chain is State.BROKEN
    return environment().get_template("credentials.html.j2").render(
        v=found, name=plain(PurePath(found.path).name or found.path), headline=headline(found).capitalize(),
        says=plain(found.says), facts=[(key, plain(value)) for key, value in _facts(found)], steps=told, left=left,
        reasons=[(r.kind.value, about.get(r.manifest, ""), plain(r.says), plain(r.code)) for r in found.reasons],
        tone="for" if broken else "against" if found.state is State.TRUSTED else "", assay=__version__,
        policy=policy(css), css=Markup(css),  # noqa: S704 (our own file)
    )  # fmt: skip


def _titles(found: Verification) -> dict[str, str]:
    """What to call each manifest: as the file that went in is called, a broken one before others that share it."""
    titles = {m.label: m.title or m.label for m in found.manifests}
    links = [i for m in found.manifests for i in m.ingredients if i.manifest and i.title]
    for ingredient in sorted(links, key=lambda i: i.state is State.BROKEN):
        titles[ingredient.manifest or ""] = ingredient.title
    return titles


def _all(found: Verification) -> Group:
    parts: list[Padding | Text] = []
    for manifest in found.manifests:
        parts.append(Text(f"Manifest {plain(manifest.label)}", "bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        signer = manifest.signer
        rows = [
            ("state", manifest.state.words), ("title", manifest.title), ("format", manifest.format),
            ("made with", manifest.generator), ("signed at", manifest.signed_at or ""),
            ("claimed at", manifest.claimed_at or ""), ("statements", ", ".join(manifest.assertions)),
            ("removed", ", ".join(manifest.redacted)),
            ("soft bindings", ", ".join(f"{s.algorithm}: {s.value[:80]}" for s in manifest.soft_bindings)),
        ]  # fmt: skip
        if signer:
            valid = f"{_day(signer.not_before or '')} to {_day(signer.not_after or '')}"
            rows += [("certificate", f"{signer.name}, serial {signer.serial}, {signer.algorithm}, valid {valid}")]
        rows += [(f"action {n}", " · ".join(filter(None, (a.action, a.when, a.software, a.source_type))))
                 for n, a in enumerate(manifest.actions, 1)]  # fmt: skip
        for key, value in rows:
            if value:
                grid.add_row(key, Text(plain(value)))
        parts.append(Padding(grid, (0, 0, 1, 2), expand=False))
    engine = ", ".join(f"{name} {version}" for name, version in found.engine.items())
    parts.append(Text(f"Judged for {found.at}; network {'allowed' if found.online else 'not used'}; {engine}", "dim"))
    return Group(*parts)


def _many(answers: Sequence[Answer], console: Console) -> None:
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name, ratio in (("File", None), ("Verdict", None), ("Signer", None), *((("What to know", 1),) if wide else ())):
        table.add_column(name, overflow="fold", ratio=ratio)
    for answer in answers:
        name = Text(plain(PurePath(answer.path).name or answer.path), "bold")
        if isinstance(answer, Unverified):
            table.add_row(name, Text("not verified", "red"), Text(""), *((Text(why(answer)),) if wide else ()))
            continue
        verdict = Text(_SHORT[answer.state], _STYLES[answer.state])
        if answer.laundered:
            verdict.append(", history broken", "bold red")
        first = next((r for r in answer.reasons if r.kind is Kind.FAILURE), None)
        whose = f"{_titles(answer).get(first.manifest or '', '')}: " if first and answer.laundered else ""
        know = plain(f"{whose}{first.says}") if first else ""
        table.add_row(name, verdict, Text(plain(_who(answer))), *((Text(know),) if wide else ()))
    console.print(table)


def why(answer: Unverified) -> str:
    """The error without the path that it begins with."""
    return plain(answer.error.removeprefix(f"{answer.path}: "))


def _who(found: Verification) -> str:
    signer = found.signer
    if signer is None:
        return "–"
    if signer.organisation and signer.organisation != signer.name:
        return f"{signer.name} ({signer.organisation})"
    return signer.name or "not named"


def _day(when: str) -> str:
    return plain(when.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC"))


__all__ = ["Answer", "Step", "headline", "render_verification_html", "render_verifications", "steps", "why"]
