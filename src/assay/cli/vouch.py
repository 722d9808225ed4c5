"""``assay vouch``: attest media that one did not make, and check such attestations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assay.cli.identities import PassphraseFile
from assay.cli.inputs import moment
from assay.cli.outputs import emit, not_over
from assay.cli.sign import signer
from assay.errors import MediaError, ProvenanceError, UsageError
from assay.files import write_whole
from assay.provenance.identity import Identity as Voucher
from assay.provenance.model import State
from assay.provenance.trust import TrustStore, chosen
from assay.provenance.vouch import (
    Check,
    Received,
    Standing,
    Subject,
    Vouching,
    check,
    read,
    rehearse,
    subject_of,
    vouch,
    withdraw,
)
from assay.provenance.vouch.cbor import MOST
from assay.provenance.vouch.subject import seen
from assay.report.record import line
from assay.report.vouch import render_vouching, render_vouching_html
from assay.report.words import plain
from assay.workers import Lost, each

DONE, BELOW, FAILED = 0, 1, 3
SECONDS = 300.0
ENDING = ".vouch"
POLICIES = {"valid": Standing.VALID, "retired": Standing.TRUSTED_RETIRED, "trusted": Standing.TRUSTED}

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Vouch for media that you did not make: from whom you have it, what you checked, unchanged since.

A statement is a small signed file beside the media, never in it. It does not say who made the file, nor that what it
shows is true.

[bold]Examples[/bold]

  assay vouch sign photo.jpg -i desk --received-from "a reader" --received-on 2026-11-20 --checked "time and place"

  assay vouch check photo.jpg.vouch photo.jpg --trust desk/root.pem

  assay vouch withdraw photo.jpg.vouch --identity desk --note "The source was not who they said."
""",
)

Statement = Annotated[Path, typer.Argument(metavar="STATEMENT", help="The statement: FILE.vouch.")]
Identity = Annotated[
    str, typer.Option("--identity", "-i", metavar="NAME", help="Who vouches: an identity's name or folder.")
]
Tsa = Annotated[
    str | None,
    typer.Option("--tsa", metavar="URL", help="Ask this time-stamping authority; it gets a digest, nothing else."),
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Anything more, on one line.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write; beside each file as FILE.vouch if left out."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a statement that is there.")]
Trusted = Annotated[
    list[str] | None,
    typer.Option("--trust", metavar="PEM|NAME", help="Trust this list too (repeat for more); none: no other."),
]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write the record; - is standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@app.command("sign")
def sign_command(  # noqa: PLR0917 (typer reads the options from the signature)
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="What to vouch for; any kind of file.")],
    identity: Identity,
    received_from: Annotated[
        str, typer.Option("--received-from", metavar="TEXT", help='From whom; "an anonymous source" will do.')
    ],
    received_on: Annotated[str, typer.Option("--received-on", metavar="DATE", help="The day, as 2026-11-24.")],
    received_how: Annotated[str | None, typer.Option("--received-how", metavar="TEXT", help="By which way.")] = None,
    checked: Annotated[
        list[str] | None, typer.Option("--checked", metavar="TEXT", help="What you checked (repeat for more).")
    ] = None,
    checked_on: Annotated[
        str | None, typer.Option("--checked-on", metavar="DATE", help="The day of the checks; today if left out.")
    ] = None,
    unchanged_since: Annotated[
        str | None,
        typer.Option("--unchanged-since", metavar="DATE", help="Since when you kept it unchanged; else since receipt."),
    ] = None,
    note: Note = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="Stand by it until then: 2027-11-24T00:00:00Z.")
    ] = None,
    replaces: Annotated[
        Path | None, typer.Option("--replaces", metavar="STATEMENT", help="An earlier one of yours on this file.")
    ] = None,
    tsa: Tsa = None,
    passphrase_file: PassphraseFile = None,
    output: Output = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Sign a statement on each file: received from whom and when, checked what, unchanged since.

    Exit code: 0 done; 2 the request makes no sense; 3 a file could not be read or a statement not be made.
    """
    if checked_on and not checked:
        raise UsageError("--checked-on needs --checked: say what was checked")
    if output and len(files) > 1:
        raise UsageError(f"--output names one file, but {len(files)} statements are to be made")
    files = list(dict.fromkeys(files))
    places = [output or path.with_name(path.name + ENDING) for path in files]
    not_over(places, [*files, *([replaces] if replaces else [])])
    _free(places, force=force)
    day = checked_on or datetime.now().astimezone().date().isoformat()
    wanted = {
        "received": Received(from_=received_from, on=received_on, how=received_how),
        "checked": tuple(Check(on=day, what=what) for what in checked or ()),
        "unchanged_since": unchanged_since,
        "note": note,
        "expires": expires,
        "replaces": _id(replaces) if replaces else None,
    }
    rehearse(**wanted)  # type: ignore[arg-type]
    voucher = _identity(identity, passphrase_file)
    code = DONE
    places_of = dict(zip(files, places, strict=True))
    for path, found in each(_measure, files, seconds=SECONDS):
        if isinstance(found, Lost | str):
            _complain(f"{path}: {found.says}" if isinstance(found, Lost) else found)
            code = FAILED
            continue
        made = vouch(found, voucher, tsa=tsa or voucher.tsa, **wanted)  # type: ignore[arg-type]
        _write(places_of[path], made)
        if not quiet:
            _told(places_of[path], found, made)
    raise typer.Exit(code)


@app.command("withdraw")
def withdraw_command(  # noqa: PLR0917 (typer reads the options from the signature)
    statement: Statement,
    identity: Identity,
    note: Note = None,
    tsa: Tsa = None,
    passphrase_file: PassphraseFile = None,
    output: Output = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Take a statement of yours back. Publish the withdrawal wherever the statement went.

    Whoever checks the statement names the withdrawal with --later. Exit code: as of sign.
    """
    place = output or statement.with_name(f"{statement.name.removesuffix(ENDING)}.withdrawn{ENDING}")
    not_over([place], [statement])
    _free([place], force=force)
    voucher = _identity(identity, passphrase_file)
    try:
        signed, said = read(_load(statement), str(statement))
    except MediaError as error:
        _complain(str(error))
        raise typer.Exit(FAILED) from None
    if not signed.holds():
        raise UsageError(f"{statement} is broken: there is nothing to withdraw")
    _write(place, withdraw(said, voucher, note=note, tsa=tsa or voucher.tsa))
    if not quiet:
        _say(f"Written: {place}, which withdraws {said.id}.")


@app.command("check")
def check_command(  # noqa: PLR0917 (typer reads the options from the signature)
    statement: Statement,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file in hand.")],
    trust: Trusted = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="|".join(POLICIES), help="What a statement must reach for exit code 0.")
    ] = "trusted",
    later: Annotated[
        list[Path] | None,
        typer.Option("--later", metavar="STATEMENT", help="A statement that may withdraw or replace it."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Judge as of this time: 2026-11-24T09:30:00Z.")
    ] = None,
    json_file: Json = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page too.")] = None,
    quiet: Quiet = False,
) -> None:
    """Check a statement against a file: who vouches, does it hold, is it about this file?

    Opens no connection. Exit code: 0 it holds and reaches the policy; 1 it is broken, about another file, no longer
    stood by, or below the policy; 2 the request makes no sense; 3 a file cannot be read.
    """
    if policy not in POLICIES:
        raise UsageError(f"--policy {policy}: choose one of {', '.join(POLICIES)}")
    record = Path(json_file) if json_file not in {None, "-"} else None
    not_over([path for path in (html, record) if path], [statement, file, *(later or ())])
    found = _checked(statement, file, trust, at, later or ())
    if html:
        _write(html, render_vouching_html(found).encode())
    _show(found, json_file, quiet=quiet)
    raise typer.Exit(DONE if found.state.rank >= POLICIES[policy].rank else BELOW)


@app.command("show")
def show_command(statement: Statement, trust: Trusted = None, json_file: Json = None) -> None:
    """Show what a statement says and whose it is, with no file to compare it with.

    Exit code: 0, or 1 where the statement itself is broken; 3 it cannot be read.
    """
    found = _checked(statement, None, trust, None, ())
    _show(found, json_file, quiet=False)
    raise typer.Exit(BELOW if found.state is Standing.BROKEN else DONE)


@dataclass(frozen=True)
class _Asked:
    """One check, as it crosses to the worker."""

    data: bytes
    name: str
    path: Path | None
    trust: TrustStore
    at: datetime | None
    later: tuple[bytes, ...]


def _checked(
    statement: Path, file: Path | None, trust: list[str] | None, at: str | None, later: Sequence[Path]
) -> Vouching:
    try:
        asked = _Asked(
            data=_load(statement), name=str(statement), path=file, trust=chosen(trust or ()),
            at=moment(at) if at else None, later=tuple(_load(path) for path in later),
        )  # fmt: skip
        _, found = next(iter(each(_check, [asked], seconds=SECONDS)))
    except MediaError as error:
        found = str(error)
    if isinstance(found, Lost):
        found = f"{statement} could not be checked: {found.says}"
    if isinstance(found, str):
        _complain(found)
        raise typer.Exit(FAILED)
    return found


def _check(asked: _Asked) -> Vouching | str:
    """In a worker: the statement and the file are a stranger's."""
    try:
        return check(asked.data, asked.path, asked.trust, name=asked.name, at=asked.at, later=asked.later)
    except MediaError as error:
        return str(error)


def _measure(path: Path) -> Subject | str:
    """In a worker: the file is a stranger's."""
    try:
        return subject_of(path, seen(path, chosen(())))
    except MediaError as error:
        return str(error)


def _load(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST + 2)
    except FileNotFoundError:
        raise MediaError(f"{path}: there is no such file", "missing") from None
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", "unreadable") from None


def _id(path: Path) -> str:
    try:
        return read(_load(path), str(path))[1].id
    except MediaError as error:
        raise UsageError(f"--replaces: {error}") from None


def _identity(name: str, passphrase_file: Path | None) -> Voucher:
    _, found = signer(name, None, None, passphrase_file)
    for warning in found.warnings:
        _complain(warning)
    return found


def _free(places: Sequence[Path], *, force: bool) -> None:
    taken = next((place for place in places if place.exists()), None)
    if taken is not None and (taken.is_dir() or not force):
        hint = "it is a folder" if taken.is_dir() else "use --force to replace it, or name another with --output"
        raise UsageError(f"{taken} is there already: {hint}")


def _write(place: Path, data: bytes) -> None:
    try:
        write_whole(place, data)
    except OSError as error:
        reason = "full" if error.errno == 28 else "unwritable"
        raise ProvenanceError(f"{place} cannot be written: {error.strerror}", reason) from None


def _told(place: Path, subject: Subject, made: bytes) -> None:
    signed, said = read(made, str(place))
    own = subject.credentials
    about = f" The file's own credentials: {own.state.words}." if own and own.state is not State.NONE else ""
    stamped = "with a timestamp" if signed.token else "without a timestamp: when it was signed rests on your word"
    _say(f"Written: {place} ({said.id}), {stamped}.{about}")


def _show(found: Vouching, json_file: str | None, *, quiet: bool) -> None:
    told = line(found)
    if json_file == "-":
        emit(told)
        return
    if json_file:
        _write(Path(json_file), told)
    if not quiet:
        render_vouching(found, Console())


def _say(sentence: str) -> None:
    Console(stderr=True).print(plain(sentence), markup=False, highlight=False, soft_wrap=True)


def _complain(sentence: str) -> None:
    _say(f"assay: {sentence}")


def register(parent: typer.Typer) -> None:
    """Add the group to ``parent``."""
    parent.add_typer(app, name="vouch")
