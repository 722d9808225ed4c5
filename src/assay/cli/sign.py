"""``assay sign``: Content Credentials for media that one made or edited."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from assay.cli.identities import PassphraseFile, given_passphrase
from assay.cli.outputs import emit, write
from assay.cli.signing_plan import keep_apart, plan
from assay.errors import UsageError
from assay.provenance import redact
from assay.provenance.bulk import SECONDS, Journal, NotSigned, Recipe, Result, Task, claims_digest, run
from assay.provenance.definition import ACTIONS, SOURCE_TYPES, Edit, Options, Part, check
from assay.provenance.identity import Identity, identities, pin_of_environment
from assay.report.record import line
from assay.report.signing import render_claims, render_results
from assay.report.words import plain

if TYPE_CHECKING:
    from assay.provenance.durable import Keeping

DONE, FAILED = 0, 3

SECRET = "ASSAY_RESOLVER_SECRET"  # noqa: S105 (the name of a variable)
"""Lets one write to a resolution service; its digest stands in the service's own ``ASSAY_RESOLVER_TOKEN``."""


def _names(known: Sequence[str]) -> str:
    return ", ".join(known)


HELP = f"""Sign media with Content Credentials (C2PA): who signs, how the file came about, what was done to it.

FILE is a picture, video, sound file or PDF; with several, a folder or a glob in quotes, OUT is a folder. A file that
has credentials keeps them: it becomes the parent of the new record. What was made is verified before it is put in its
place. You sign your word: a false claim is signed too, and cannot be taken back.

Exit code: 0 all signed; 2 the request makes no sense; 3 a file could not be signed (the others were).

[bold]Examples[/bold]

  assay sign photo.jpg -o signed.jpg --identity desk --source digitalCapture

  assay sign edited.jpg -o out.jpg -i desk --parent signed.jpg --action c2pa.cropped="left edge" --no-train

  assay sign photo.jpg -o out.jpg -i desk --source digitalCapture --redact GPS,serial

  assay sign photo.jpg -o out.jpg -i desk --source digitalCapture --durable manifests/   (found again when stripped)

  assay sign inbox/ -o outbox/ -i desk --source digitalCapture --jobs 2   (stopped? the same command goes on)

[bold]--source[/bold] {_names(list(SOURCE_TYPES))}

[bold]--action[/bold] {_names([name.removeprefix("c2pa.") for name in ACTIONS])} (each may begin with c2pa.)

[bold]--redact[/bold] {"; ".join(f"{name}: {what}" for name, what in redact.KINDS.items())}
"""


def command(  # noqa: PLR0917 (typer reads the options from the signature)
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files, folders, or globs.")],
    out: Annotated[
        str | None, typer.Option("--output", "-o", metavar="OUT", help="Where to write; a folder for several files.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--identity", "-i", metavar="NAME", help="Who signs: an identity's name or folder.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="CHAIN", help="Or: a certificate chain (PEM, leaf first)…")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="KEY", help="…and its private key (PEM).")] = None,
    passphrase_file: PassphraseFile = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="TYPE", help="The file begins here, in this way (see above).")
    ] = None,
    parent: Annotated[
        Path | None, typer.Option("--parent", metavar="FILE", help="The file that this one was made from.")
    ] = None,
    ingredient: Annotated[
        list[Path] | None, typer.Option("--ingredient", metavar="FILE", help="A file put into it (repeat for more).")
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="NAME[=TEXT]", help="What was done to it (repeat for more)."),
    ] = None,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Say that training and data mining are not allowed.")
    ] = False,
    redact_kinds: Annotated[
        list[str] | None,
        typer.Option("--redact", metavar="KIND,…", help="Take metadata out of the file and its history first."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Title; the file's name if not.")] = None,
    tsa: Annotated[
        str | None,
        typer.Option("--tsa", metavar="URL", help="Ask this time-stamping authority; it gets a digest, nothing else."),
    ] = None,
    sidecar: Annotated[
        bool, typer.Option("--sidecar", help="Keep the credentials in a file beside it (.c2pa); its bytes stay.")
    ] = False,
    durable: Annotated[
        str | None,
        typer.Option(
            "--durable", metavar="STORE|URL", help="Mark the picture and keep its manifest here, to be found again."
        ),
    ] = None,
    fingerprint_only: Annotated[
        bool, typer.Option("--fingerprint-only", help="With --durable: no watermark; the pixels stay as they are.")
    ] = False,
    thumbnail: Annotated[bool, typer.Option("--thumbnail", help="Put a small picture into the record.")] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the file itself (one file only).")] = False,
    over_broken: Annotated[
        bool, typer.Option("--over-broken", help="Sign over credentials that are broken or elsewhere, on record.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be claimed, and write nothing.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, metavar="N", help="Files at once; 0: one a core.")] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one file may take.")
    ] = SECONDS,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the record, one object a line. - is standard output."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing: only files and exit code.")] = False,
) -> None:
    """Sign media."""
    options = Options(
        source_type=source, parent=_part(parent) if parent else None,
        ingredients=tuple(_part(path) for path in ingredient or ()), actions=tuple(map(_edit, action or ())),
        training=False if no_train else None, redact=redact.names(redact_kinds or ()), title=title,
        thumbnail=thumbnail, tsa=tsa, over_broken=over_broken,
    )  # fmt: skip
    check(options)
    if fingerprint_only and durable is None:
        raise UsageError("--fingerprint-only goes with --durable.")
    keeping = _keeping(durable, mark=not fingerprint_only) if durable is not None else None
    tasks, folder = plan(files, out, sidecar=sidecar, in_place=in_place, force=force, make=not dry_run)
    record = Path(json_file) if json_file not in {None, "-"} else None
    keep_apart(tasks, [path for path in (parent, *(ingredient or ())) if path], record)
    asked = Asked(options, keeping, tasks, folder, force, json_file, quiet)
    recipe, who = signer(identity, certificate, key, passphrase_file)
    for warning in who.warnings:
        asked.status.print(Text(f"assay: {plain(warning)}", "yellow"), soft_wrap=True)
    if dry_run:
        for task in tasks:
            written = " and ".join(str(path) for path in task.written)
            asked.console.print(Text(f"{plain(str(task.source))} → {plain(written)}"), soft_wrap=True)
        render_claims(options, who.name, asked.console, several=len(tasks) > 1, marked=asked.marked, done=False)
        raise typer.Exit(DONE)
    raise typer.Exit(asked.perform(recipe, who, jobs=jobs or os.cpu_count() or 1, seconds=timeout))


@dataclass
class Asked:
    """All that one call of the command asks for."""

    options: Options
    keeping: "Keeping | None"
    tasks: list[Task]
    folder: Path | None
    force: bool
    json_file: str | None
    quiet: bool
    status: Console = field(default_factory=lambda: Console(stderr=True))

    @property
    def marked(self) -> bool:
        """Whether pictures get a watermark, which the record claims."""
        return self.keeping is not None and self.keeping.mark

    @property
    def console(self) -> Console:
        """Where a person reads: not where the records go."""
        return self.status if self.json_file == "-" else Console()

    def perform(self, recipe: Recipe, who: Identity, *, jobs: int, seconds: float) -> int:
        """Do it, and return the exit code."""
        journal = Journal(self.folder, claims_digest(self.options, who, self.keeping)) if self.folder else None
        with closing(journal) if journal else nullcontext():
            taken = [] if self.force else [t for t in self.tasks if _taken(t) and not (journal and journal.find(t))]
            there = {task.source: _refused(task) for task in taken if self.folder}
            todo = [task for task in self.tasks if task.source not in there]
            results: list[Result] = []
            new = run(todo, self.options, recipe, keeping=self.keeping, journal=journal, jobs=jobs, seconds=seconds)
            with closing(new), _Watch(self.status, len(self.tasks), self.quiet) as watch:
                for task in self.tasks:
                    result = there.get(task.source) or next(new)
                    results.append(result)
                    watch.done(result)
                    if self.json_file == "-":
                        emit(line(result))
        if self.json_file and self.json_file != "-":
            write(Path(self.json_file), b"".join(map(line, results)), "--json")
        if not self.quiet:
            render_results(results, self.console)
            if any(not isinstance(r, NotSigned) for r in results):
                render_claims(self.options, who.name, self.console, several=len(results) > 1, marked=self.marked)
        return FAILED if any(isinstance(r, NotSigned) for r in results) else DONE


def signer(
    named: str | None, certificate: Path | None, key: Path | None, passphrase_file: Path | None
) -> tuple[Recipe, Identity]:
    """Who signs, and how a worker gets at it. Asks for a passphrase or a PIN on a terminal where one is needed.

    Raises UsageError, ProvenanceError.
    """
    if (named is None) == (certificate is None) or (certificate is None) != (key is None):
        known = f" Identities here: {', '.join(identities())}." if identities() else ""
        raise UsageError(f"Who signs? Give --identity NAME, or --certificate CHAIN and --key KEY.{known}")
    given: dict[str, bytes | None] = {}

    def passphrase() -> bytes | None:
        told = given_passphrase(passphrase_file)
        given["passphrase"] = told.encode("utf-8", "surrogateescape") if told else _ask("Passphrase of the private key")
        return given["passphrase"]

    def pin() -> bytes | None:
        given["pin"] = pin_of_environment() or _ask("PIN of the token")
        return given["pin"]

    recipe = Recipe(named=named, certificate=certificate, key=key)
    who = recipe.identity(passphrase=passphrase, pin=pin)
    return replace(recipe, passphrase=given.get("passphrase"), pin=given.get("pin")), who


def _ask(what: str) -> bytes | None:
    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt(what, hide_input=True, err=True)
    return answer.encode()


def _keeping(store: str, *, mark: bool) -> "Keeping":
    from assay.provenance.durable import Keeping  # noqa: PLC0415 (brings the libraries that decode pictures)

    if not store.strip():
        raise UsageError("--durable names no place: give the folder of a store, or the URL of a service.")
    return Keeping(store, mark, os.environ.get(SECRET))


def _part(path: Path) -> Part:
    if not path.is_file():
        raise UsageError(f"There is no file {path}")
    return Part(path.name, path)


def _edit(text: str) -> Edit:
    name, _, description = text.partition("=")
    return Edit(name if name.startswith("c2pa.") else f"c2pa.{name}", description)


def _taken(task: Task) -> bool:
    return any(os.path.lexists(path) for path in task.written)


def _refused(task: Task) -> NotSigned:
    there = next(path for path in task.written if os.path.lexists(path))
    error = f"{task.source}: {there} is there already, and these claims did not make it: --force replaces it"
    return NotSigned(path=str(task.source), error=error, reason="unwritable")


class _Watch:
    """A bar on a terminal, a line a file where standard error is a file or a pipe; nothing for one file."""

    def __init__(self, console: Console, total: int, quiet: bool) -> None:
        self._console, self._total, self._count = console, total, 0
        self._lines = total > 1 and not quiet and not console.is_terminal
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=total < 2 or quiet or not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("signing", total=total)

    def __enter__(self) -> "_Watch":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def done(self, result: Result) -> None:
        """One more file is done."""
        self._count += 1
        name = plain(Path(result.path).name)
        self._bar.update(self._task, completed=self._count, description=escape(name[-40:]))
        if self._lines:
            word = result.reason if isinstance(result, NotSigned) else "kept" if result.kept else "signed"
            self._console.print(Text(f"{self._count}/{self._total} {plain(result.path)}: {word}"), soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command to an app."""
    app.command("sign", help=HELP)(command)
