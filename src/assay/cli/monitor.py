"""``assay monitor``: watch logs, mirrors and witnesses, and keep the evidence where they disagree."""

import shlex
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from assay.cli.outputs import emit
from assay.cli.register.common import BAD, DONE, Json, Quiet, complain, digest_of, say, show
from assay.cli.witness import vkey
from assay.register.forks import Judgement, judge, load
from assay.register.http import check_url
from assay.register.keys import VerifierKey
from assay.register.monitor import Mirrored, Monitor, Round, Watch
from assay.register.registers import load_policy
from assay.register.views import Alert
from assay.report.record import line
from assay.report.words import number, plain

COMMAND_SECONDS = 60
"""How long a command that is told of an alert may run."""
ALERTS = "alerts.jsonl"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Watch logs, their mirrors and their witnesses: do all see one history?

Whoever shows two histories of one log has signed both. A monitor that sees both keeps them: evidence that convicts the
log before anybody who knows its key.

[bold]Examples[/bold]

  assay monitor run watch/ --policy FILE --once

  assay monitor check-evidence watch/evidence/fork-… --policy FILE""",
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, with the time at which it was told of."""

    time: str
    alert: Alert
    schema: str = "assay/register-alert/1"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One round: what everybody shows, and every alert, those told of before included."""

    time: str
    round: Round
    schema: str = "assay/register-round/1"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of evidence shows. ``trusted`` says that the key was named by the user, not by the folder."""

    folder: str
    judgement: Judgement
    trusted: bool
    schema: str = "assay/register-judgement/1"


@app.command("run")
def run_command(  # noqa: PLR0917 (typer reads the options from the signature)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the monitor remembers and keeps evidence.")],
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="Logs and witnesses with addresses (a C2SP tlog-policy).")
    ],
    url: Annotated[
        list[str] | None, typer.Option("--url", metavar="URL", help="Another address of a log (repeat for more).")
    ] = None,
    mirror: Annotated[
        list[str] | None,
        typer.Option("--mirror", metavar='"[VKEY] URL"', help="A mirror, and the key by which it cosigns (repeat)."),
    ] = None,
    watch_key: Annotated[
        list[str] | None,
        typer.Option("--watch-key", metavar="HEX", help="Tell of claims by this submitter: SHA-256 of the key."),
    ] = None,
    watch_file: Annotated[
        list[str] | None,
        typer.Option("--watch-file", metavar="HEX", help="Tell of public claims of the file with this SHA-256."),
    ] = None,
    signatures: Annotated[
        bool, typer.Option("--signatures", help="Check each submitter's signature: one question an entry to the log.")
    ] = False,
    entries: Annotated[bool, typer.Option("--entries/--no-entries", help="Read every new entry.")] = True,
    max_age: Annotated[
        float, typer.Option("--max-age", min=0, metavar="SECONDS", help="Tell of older cosignatures; 0: never.")
    ] = 0,
    every: Annotated[
        float, typer.Option("--every", min=1, metavar="SECONDS", help="Seconds between two rounds.")
    ] = 300,
    once: Annotated[bool, typer.Option("--once", help="One round only.")] = False,
    command: Annotated[
        str | None, typer.Option("--command", metavar="COMMAND", help="Run it for each alert, with JSON on its input.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a round.")] = False,
    quiet: Quiet = False,
) -> None:
    """Ask everybody that the policy names, compare, remember, read every new entry, and tell.

    Alerts are told of once, go to alerts.jsonl in the folder, and come back in each round's JSON while they last. Both
    signed checkpoints of a disagreement are kept below evidence/.

    Exit code with --once: 0 all is well; 1 there are alerts; 2 it cannot run.

    [bold]Examples[/bold]

      assay monitor run watch/ --policy policy --mirror "VKEY https://mirror.example.org" --once

      assay monitor run watch/ --policy policy --every 300 --command "mail -s alert ops@example.org"
    """
    watch = Watch(
        keys=frozenset(digest_of(text, "--watch-key") for text in watch_key or ()),
        digests=frozenset(digest_of(text, "--watch-file") for text in watch_file or ()),
        entries=entries, signatures=signatures, max_age=max_age,
    )  # fmt: skip
    monitor = Monitor(
        folder, load_policy(policy), urls=[check_url(text) for text in url or ()],
        mirrors=[_mirrored(text) for text in mirror or ()], watch=watch,
    )  # fmt: skip
    known: set[Alert] = set()
    try:
        while True:
            found = _looked(monitor, quiet=quiet or json)
            if json:
                emit(line(Watched(time=_now(), round=found)))
            elif not quiet:
                _tell(found)
            for alert in found.alerts:
                if alert not in known:
                    _alarm(alert, folder, command)
            if once:
                raise typer.Exit(BAD if found.alerts else DONE)
            known = set(found.alerts)
            time.sleep(every)
    finally:
        monitor.close()


@app.command("check-evidence")
def check_evidence_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder below evidence/.")],
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="The policy that has the log's key.")
    ] = None,
    log: Annotated[
        list[str] | None, typer.Option("--log", metavar="VKEY", help="The log's verifier key, as you know it.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Say whether evidence convicts a log of two histories. Needs no network, and believes nothing but signatures.

    Without --policy or --log, the key is the one that the evidence names: then compare it with the one you know.

    Exit code: 0 it convicts the log; 1 it does not; 2 it cannot be read, or another key signed it.

    [bold]Example[/bold]

      assay monitor check-evidence watch/evidence/fork-0123456789abcdef01234567 --policy policy
    """
    found = load(folder)
    keys: list[VerifierKey] = [vkey(text) for text in log or ()]
    if policy is not None:
        keys += [known.key for known in load_policy(policy).logs]
    trusted = bool(keys)
    judgement = judge(found, keys or [VerifierKey.parse(text) for text in found.keys])
    if show(Judged(folder=str(folder), judgement=judgement, trusted=trusted), json_file):
        typer.echo(plain(judgement.says))
        if not trusted:
            say(f"Under the key that the evidence names, which you must know to be the log's: {judgement.key}")
    raise typer.Exit(DONE if judgement.convicts else BAD)


def _looked(monitor: Monitor, *, quiet: bool) -> Round:
    """One round; on a terminal, with how far the reading of entries is."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        return monitor.check()
    with console.status("asking everybody") as status:
        return monitor.check(
            lambda origin, done, every: status.update(
                f"{plain(origin)}: {number(done)} of {number(every)} entries read"
            )
        )


def _mirrored(text: str) -> Mirrored:
    key, blank, url = text.strip().rpartition(" ")
    return Mirrored(check_url(url), vkey(key) if blank else None)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tell(found: Round) -> None:
    for origin in dict.fromkeys(seen.origin for seen in found.seen):
        seen = [one for one in found.seen if one.origin == origin]
        sizes = sorted({one.size for one in seen})
        size = number(sizes[0]) if len(sizes) == 1 else f"{number(sizes[0])} to {number(sizes[-1])}"
        read = f"; {number(found.read[origin])} new ones read" if found.read.get(origin) else ""
        typer.echo(f"{_now()} {plain(origin)}: {size} entries, as {_sources(len(seen))} it{read}")


def _sources(count: int) -> str:
    return "one source shows" if count == 1 else f"{count} sources show"


def _alarm(alert: Alert, folder: Path, command: str | None) -> None:
    told = line(Told(time=_now(), alert=alert))
    complain(alert.says + (f" ({alert.evidence})" if alert.evidence else ""))
    try:
        with (folder / ALERTS).open("ab") as stream:
            stream.write(told)
    except OSError as error:
        complain(f"{ALERTS} cannot be written: {error.strerror}")
    if command is not None:
        try:
            subprocess.run(shlex.split(command), input=told, timeout=COMMAND_SECONDS, check=True)  # noqa: S603
        except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
            complain(f"--command failed: {type(error).__name__}")


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="monitor")
