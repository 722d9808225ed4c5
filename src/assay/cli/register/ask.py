"""``assay register find`` and ``watch``: who claims a file."""

import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from assay.cli.outputs import emit, write
from assay.cli.register.common import (
    BAD,
    DONE,
    NOTHING,
    Json,
    Log,
    Place,
    PolicyFile,
    Quiet,
    complain,
    digest_of,
    own_key,
    place,
    say,
    show,
)
from assay.cli.register.measure import SECONDS, Measured, Task, measure
from assay.cli.register.records import Claims
from assay.cli.register.shown import render_claims
from assay.errors import MediaError, RegisterError, UsageError
from assay.files import write_whole
from assay.register.look import Found, Look
from assay.register.model import Query
from assay.register.registers import read_small
from assay.register.submission import Submitter
from assay.report.record import line
from assay.workers import Lost, each

if TYPE_CHECKING:
    from assay import fingerprint

Digest = Annotated[str | None, typer.Option("--digest", metavar="HEX", help="The SHA-256 of a file.")]
Signer = Annotated[
    str | None, typer.Option("--signer", metavar="HEX", help="Claims by this key: the key itself or its SHA-256.")
]


def find_command(  # noqa: PLR0917 (typer reads the options from the signature)
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file; a picture is looked for by its looks too.")
    ] = None,
    digest: Digest = None,
    signer: Signer = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only those seen since then, by the operator's clock.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only those seen until then.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="A picture by its exact bytes only, not by its looks.")
    ] = False,
    log: Log = None,
    policy: PolicyFile = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Who claims this file? Shows every public claim, rivals too, in the order of the log.

    Private claims are found by nobody. What is asked tells the register's operator that somebody is interested in it.
    Each claim is held to the log and the policy; a register can still leave a claim out of its answer.

    Exit code: 0 something was found; 4 nothing; 2 the request makes no sense, or the register cannot be asked; 3 the
    file cannot be read.

    [bold]Examples[/bold]

      assay register find photo.jpg --log https://register.example.org/

      assay register find --digest 9f86d0…0a08 --log mylog --json -

      assay register find --signer 3f2a…  --since 2026-11-01 --log mylog
    """
    if file is None and digest is None and signer is None and since is None and until is None:
        raise UsageError("What is to be found? Name a file, or --digest, --signer, --since or --until")
    if file is not None and digest is not None:
        raise UsageError("A file has its own digest: leave out --digest, or the file")
    where = place(log, policy)
    subject = _subject(file, exact=exact)
    narrow = Query(
        digest=digest_of(digest, "--digest") if digest else None,
        signer=digest_of(signer, "--signer") if signer else None,
        since=_seconds(since), until=_seconds(until),
    )  # fmt: skip
    found = _ask(where, subject, narrow, path=None if file is None else str(file))
    if show(found, json_file) and not quiet:
        render_claims(found, Console())
    raise typer.Exit(DONE if found.claims else NOTHING)


class _Seen(msgspec.Struct):
    """What ``watch --state`` remembers: by the log's key and what was asked about, the last entry that was told."""

    last: dict[str, dict[str, int]] = {}


def watch_command(  # noqa: PLR0917
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE…]", help="Files to watch for.")] = None,
    digest: Annotated[
        list[str] | None, typer.Option("--digest", metavar="HEX", help="A file's SHA-256 (repeat for more).")
    ] = None,
    signer: Annotated[
        list[str] | None,
        typer.Option(
            "--signer", metavar="HEX", help="Tell of every claim by this key, or its SHA-256; 'mine' is yours."
        ),
    ] = None,
    log: Log = None,
    policy: PolicyFile = None,
    every: Annotated[
        float | None,
        typer.Option("--every", min=1, metavar="S", help="Ask again after so many seconds, until stopped."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Ask once: this is so without --every.")] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Remember what was told, and tell only what is new next time."),
    ] = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Tell when somebody claims a picture of yours, or a key is used. Your own claims of a file are left out.

    Exit code: 0 nothing new; 1 something is claimed; 2 the request makes no sense, or the register cannot be asked; 3 a
    file cannot be read. With --every it runs until stopped, and goes on when the register cannot be asked.

    [bold]Examples[/bold]

      assay register watch photo.jpg --log mylog --once --state watched.json   (from cron)

      assay register watch --signer mine --log https://register.example.org/ --every 600
    """
    if once and every is not None:
        raise UsageError("--once and --every do not go together")
    if not (files or digest or signer):
        raise UsageError("What is to be watched? Name files, or --digest or --signer")
    where = place(log, policy)
    subjects: list[tuple[str | None, _Subject | None, Query]] = [
        (str(path), _subject(path, exact=False), Query()) for path in files or ()
    ]
    subjects += [(None, None, Query(digest=digest_of(text, "--digest"))) for text in digest or ()]
    subjects += [(None, None, Query(signer=_signer(text))) for text in signer or ()]
    seen = _remembered(state)
    code = DONE
    while True:
        try:
            news = _round(where, subjects, seen)
        except RegisterError as error:
            if every is None:
                raise
            complain(str(error))
            news = []
        for found in news:
            code = BAD
            if json_file == "-":
                emit(line(found))
            elif not quiet:
                render_claims(found, Console())
        if json_file not in {None, "-"}:
            write(Path(str(json_file)), b"".join(map(line, news)), "--json")
        if state is not None:
            _remember(state, seen)
        if every is None:
            if not news and not quiet and json_file != "-":
                say(f"Nothing new in {where.at}.")
            raise typer.Exit(code)
        time.sleep(every)


_Subject = tuple[bytes, bytes | None, "Callable[[], fingerprint.Query] | None"]


def _subject(file: Path | None, *, exact: bool) -> "_Subject | None":
    """Digest and looks of a file. Ends the command where it cannot be read."""
    if file is None:
        return None
    _, found = next(iter(each(measure, [Task(file, fingerprint=not exact)], seconds=SECONDS)))
    if not isinstance(found, Measured):
        complain(f"{file}: {found.says}" if isinstance(found, Lost) else str(found))
        raise typer.Exit(3)
    prints = dict(found.fingerprints)
    if not prints:
        return found.digest, None, None
    return found.digest, next(iter(prints.values())), lambda: _picture(file)


def _picture(file: Path) -> "fingerprint.Query":
    """The picture, decoded here: a worker has done it before without harm."""
    import numpy as np  # noqa: PLC0415

    from assay import fingerprint  # noqa: PLC0415
    from assay.media import Media  # noqa: PLC0415

    try:
        media = Media.open(file)
        return fingerprint.Query(np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8))
    except MediaError as error:
        raise RegisterError(f"{file} changed while it was looked at: {error}", "mismatch") from None


def _ask(where: Place, subject: "_Subject | None", narrow: Query, *, path: str | None) -> Claims:
    with where.opened() as register:
        look = Look(register, where.policy, where.trust)
        found = look.query(narrow) if subject is None else look.file(*subject, narrow=narrow)
        verifier = register.verifier
    digest = subject[0] if subject else narrow.digest
    return Claims(
        says=_says(found, verifier.name, of_file=digest is not None), log=str(verifier), at=where.at,
        claims=found.claims, path=path, sha256=digest.hex() if digest else None, judged=where.policy is not None,
        unsound=found.unsound, more=found.more,
    )  # fmt: skip


def _says(found: Found, origin: str, *, of_file: bool) -> str:
    count = len(found.claims)
    standing = sum(claim.withdrawn is None for claim in found.claims)
    what = " to this file, or to a picture that looks the same" if of_file else ""
    if count == 0:
        says = f"{origin}: no public claim{what}. A private claim is found by nobody."
    else:
        says = f"{origin}: {count} {'claim' if count == 1 else 'claims'}{what}"
        says += "." if standing == count else f", {count - standing} of them taken back."
    if found.more:
        says += " There are more than are shown."
    if found.unsound:
        says += (
            f" Answers left out because they fit neither the log's own entries nor the question: {found.unsound}. The "
            "register is faulty, or lies."
        )
    return says


def _round(where: Place, subjects: "list[tuple[str | None, _Subject | None, Query]]", seen: _Seen) -> list[Claims]:
    """What is new since the last round, and remember how far that was: for each subject apart, since one is asked
    about after the other.
    """
    mine = _mine()
    news = []
    for path, subject, narrow in subjects:
        found = _ask(where, subject, narrow, path=path)
        about = found.sha256 or (narrow.signer or b"").hex()
        known = seen.last.setdefault(found.log, {})
        after = known.get(about, -1)
        new = [claim for claim in found.claims if claim.index > after]
        known[about] = max((claim.index for claim in new), default=after)
        claims = tuple(claim for claim in new if narrow.signer is not None or claim.key != mine)
        if claims:
            says = _says(Found(claims=claims), found.log.split("+", 1)[0], of_file=found.sha256 is not None)
            news.append(msgspec.structs.replace(found, claims=claims, says=f"New: {says}"))
    return news


def _mine() -> str | None:
    try:
        return Submitter.load(own_key()).key_hash.hex()
    except RegisterError:
        return None


def _signer(text: str) -> bytes:
    if text != "mine":
        return digest_of(text, "--signer")
    return Submitter.load(own_key()).key_hash


def _remembered(state: Path | None) -> _Seen:
    if state is None:
        return _Seen()
    try:
        return msgspec.json.decode(read_small(state, 1_000_000), type=_Seen)
    except FileNotFoundError:
        return _Seen()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        raise UsageError(f"--state {state}: cannot be read, or is not what assay register watch wrote") from None


def _remember(state: Path, seen: _Seen) -> None:
    try:
        write_whole(state, msgspec.json.encode(seen) + b"\n")
    except OSError as error:
        raise UsageError(f"--state {state}: cannot be written ({error.strerror})") from None


def _seconds(text: str | None) -> int | None:
    from assay.cli.inputs import moment  # noqa: PLC0415 (brings the libraries that decode pictures)

    return None if text is None else int(moment(text).astimezone(UTC).timestamp())


def commands(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("find")(find_command)
    app.command("watch")(watch_command)
