"""``assay register add`` and ``forget``: claims, and taking them back."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assay.cli.outputs import emit, write
from assay.cli.register.common import (
    DONE,
    ENDING,
    FAILED,
    Json,
    Key,
    Log,
    Place,
    PolicyFile,
    Quiet,
    complain,
    ended,
    place,
    say,
    settled,
    show,
    submitter,
)
from assay.cli.register.measure import SECONDS, Measured, Task, measure
from assay.cli.register.posts import claim_of, found_for, grouped, keep, post, receipt_of
from assay.cli.register.records import Added, Forgotten, NotAdded, State
from assay.cli.register.shown import render_added
from assay.errors import RegisterError, UsageError
from assay.register.keys import VerifierKey
from assay.register.merkle import leaf_hash
from assay.register.ports import Register
from assay.register.receipt import Receipt
from assay.register.submission import Submitter
from assay.report.record import line
from assay.workers import Lost, each

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Files of any kind, folders, or globs.")]


def add_command(  # noqa: PLR0917 (typer reads the options from the signature)
    files: Files,
    log: Log = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see digest and fingerprint, and find the file by them.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="DIR", help=f"Folder for receipts; beside each file (FILE{ENDING}) if not."),
    ] = None,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Hand in the file's Content Credentials too, encrypted.")
    ] = False,
    no_fingerprint: Annotated[
        bool, typer.Option("--no-fingerprint", help="Do not measure pictures: found by their exact bytes only.")
    ] = False,
    key: Key = None,
    policy: PolicyFile = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, metavar="N", help="Files at once; 0: one a core.")] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one file may take to measure.")
    ] = SECONDS,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Register files: hand in a signed claim for each, and keep the receipt.

    The files stay here: only digests, fingerprints and, with --manifest, credentials are handed in, and without
    --public not even those can be read by the register. Keep the receipt: nobody can make it anew without your key.

    A run that was stopped goes on where it was: what has its receipt is not sent again, and a claim that is there
    already gets the receipt of its first time.

    Exit code: 0 all are registered; 2 the request makes no sense, or the register refuses or cannot be asked; 3 a file
    could not be read (the others are registered).

    [bold]Examples[/bold]

      assay register add photo.jpg --log mylog

      assay register add inbox/ --log https://register.example.org/ --public --receipt receipts/ --jobs 2
    """
    where = place(log, policy)
    asked = _Asked(
        paths=_files(files), place=where, public=public, folder=receipt, manifest=manifest,
        fingerprint=not no_fingerprint, who=submitter(key, make=True, quiet=quiet), jobs=jobs or os.cpu_count() or 1,
        seconds=timeout, json=json_file, quiet=quiet,
    )  # fmt: skip
    with where.opened() as register:
        raise typer.Exit(asked.perform(register))


def _files(names: list[str]) -> list[Path]:
    from assay.cli.inputs import expand  # noqa: PLC0415 (brings the libraries that decode pictures)

    found = expand(names, wanted=lambda path: path.suffix != ENDING, what="file")
    if "-" in found:
        raise UsageError("- is no file to register: a receipt belongs to a file that is kept")
    return [Path(name) for name in found]


@dataclass
class _Asked:
    """All that one call of ``add`` asks for."""

    paths: list[Path]
    place: Place
    public: bool
    folder: Path | None
    manifest: bool
    fingerprint: bool
    who: Submitter
    jobs: int
    seconds: float
    json: str | None
    quiet: bool
    answers: list[Added | NotAdded] = field(default_factory=list)
    verifier: VerifierKey | None = None

    def perform(self, register: Register) -> int:
        """Do it, and return the exit code. What was done before an error is told all the same."""
        self.verifier = register.verifier
        try:
            with _Watch(len(self.paths), self.quiet) as watch:
                for group in grouped(self._measured(watch)):
                    self._post(register, group, watch)
        finally:
            if self.json and self.json != "-":
                write(Path(self.json), b"".join(map(line, self.answers)), "--json")
            if not self.quiet and self.json != "-" and self.answers:
                render_added(self.answers, self.place.at, self.place.policy is not None, Console())
        return FAILED if any(isinstance(answer, NotAdded) for answer in self.answers) else DONE

    def _measured(self, watch: "_Watch") -> Iterator[tuple[Path, Measured]]:
        tasks = [Task(path, self.fingerprint, self.manifest) for path in self.paths]
        with closing(each(measure, tasks, jobs=min(self.jobs, len(tasks)), seconds=self.seconds)) as results:
            for task, found in results:
                if isinstance(found, Measured):
                    if not self._kept(task.path, found, watch):
                        yield task.path, found
                    continue
                says = f"{task.path}: {found.says}" if isinstance(found, Lost) else str(found)
                complain(says)
                self._tell(NotAdded(path=str(task.path), error=says, reason=found.reason), watch)

    def _kept(self, path: Path, found: Measured, watch: "_Watch") -> bool:
        """Whether the receipt of an earlier run is here, of the very claim that would be made now."""
        for where, receipt in found_for(path, self.folder, found.digest):
            submission, _ = self.who.claims([claim_of(found)], public=self.public)
            if receipt.log == self.verifier and receipt.leaf.head == submission.entries[0].head:
                self._tell(self._added(path, found, receipt, where, "kept"), watch)
                return True
        return False

    def _post(self, register: Register, group: list[tuple[Path, Measured]], watch: "_Watch") -> None:
        claims = [claim_of(found) for _, found in group]
        done = post(register, self.who, claims, public=self.public, policy=self.place.policy)
        for (path, found), one in zip(group, done, strict=True):
            state: State = "forgotten" if one.forgotten else "duplicate" if one.duplicate else "registered"
            where = keep(one.receipt, path, self.folder)
            self._tell(self._added(path, found, one.receipt, where, state), watch)

    def _added(self, path: Path, found: Measured, receipt: Receipt, where: Path, state: State) -> Added:
        note = found.note
        if state == "forgotten":
            note = "This claim was taken back: its receipt holds, and the register shows nothing of it."
        return Added(
            path=str(path), sha256=found.digest.hex(), state=state, public=self.public, index=receipt.proof.index,
            receipt=str(where), log=str(receipt.log), origin=receipt.checkpoint.origin,
            fingerprints=tuple(name for name, _ in found.fingerprints), manifest=found.manifest is not None, note=note,
        )  # fmt: skip

    def _tell(self, answer: Added | NotAdded, watch: "_Watch") -> None:
        self.answers.append(answer)
        watch.step()
        if self.json == "-":
            emit(line(answer))


def forget_command(  # noqa: PLR0917
    what: Annotated[str, typer.Argument(metavar="RECEIPT|INDEX", help="Its receipt, or its number in the log.")],
    log: Log = None,
    key: Key = None,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="Forget a claim of another key: yours is the operator's, as log.toml says."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Take a claim back: the register destroys what opens it and its encrypted credentials, for good.

    A signed tombstone says so in the log. The entry itself stays, since nothing can be taken out of a log, but it is a
    number that tells nobody anything any more. Copies that others made of a public claim are beyond anybody's reach.

    Exit code: 0 done; 1 the register still shows it; 2 the request makes no sense, or the register refuses.

    [bold]Example[/bold]

      assay register forget photo.jpg.tlog-proof --log mylog
    """
    where = place(log)
    who = submitter(key, make=False)
    with where.opened() as register:
        receipt = receipt_of(register, what)
        index, leaf = receipt.proof.index, receipt.leaf
        if leaf.key_hash != who.key_hash and not operator:
            raise RegisterError(
                f"Entry {index} is a claim by another key than yours: only who made a claim can take it back, "
                "or the register's operator with --operator.",
                "key",
            )
        question = f"Forget entry {index} of {register.verifier.name} for good?"
        if not yes and not typer.confirm(question, err=True):
            raise ended("Nothing was done.", DONE)
        accepted = register.submit(who.tombstone(leaf_hash(leaf.encode()), register.verifier.name))

        def erased() -> bool:
            hit = register.get(index)
            return hit is None or (hit.opening is None and hit.tombstone is not None)

        done = Forgotten(
            index=index, tombstone=accepted.positions[0].index, erased=settled(erased), log=str(register.verifier)
        )
    if show(done, json_file) and not quiet:
        say(f"Forgotten: entry {index}. The tombstone that says so is entry {done.tombstone}.")
        say(
            "Your receipt still opens the claim for whoever has it, and so does your key with the file itself: delete "
            "the receipt if nobody is to know."
        )
    if not done.erased:
        raise ended(
            "The register has taken the tombstone, and still shows the claim: ask again, then ask its operator.", 1
        )


class _Watch:
    """A bar on a terminal while there are several files."""

    def __init__(self, total: int, quiet: bool) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=total < 2 or quiet or not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("registering", total=total)

    def __enter__(self) -> "_Watch":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self) -> None:
        """One more file is done."""
        self._bar.advance(self._task)


def commands(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("add")(add_command)
    app.command("forget")(forget_command)
