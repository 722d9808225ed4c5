"""``assay mirror``: keep full, verified copies of other people's logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assay.cli.listening import Host, Port, address_of, free, url_of
from assay.cli.outputs import emit
from assay.cli.register.common import BAD, DONE, FAILED, Json, Quiet, complain, say
from assay.cli.witness import Name, tell, vkey
from assay.errors import RegisterError, UsageError
from assay.register.http import check_url
from assay.register.mirror import Mirror, create, verify
from assay.register.policy import LogLine
from assay.register.witness import add_log
from assay.report.record import line
from assay.report.words import number, plain

PORT = 8712

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Keep full copies of logs, every entry verified, and serve them (C2SP tlog-mirror).

A mirror lets a log be read and its receipts be renewed when the log itself is gone, and remembers what it once showed.

[bold]From nothing to a copy[/bold]

  assay mirror init mymirror --name mirror.example.org --log "VKEY URL"

  assay mirror pull mymirror

  assay mirror serve mymirror""",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The mirror's folder.")]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the copy of one log: entries before and after; or what was wrong, and the one word for it."""

    origin: str
    old: int
    size: int
    error: str | None = None
    reason: str | None = None
    schema: str = "assay/register-copy/1"


@app.command("init")
def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    name: Name,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", metavar='"VKEY URL"', help="A log: verifier key and address (repeat for more)."),
    ] = None,
    objects: Annotated[
        str | None, typer.Option("--objects", metavar="s3://…", help="An S3 bucket for the copies, not the folder.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Make a mirror with new keys, ML-DSA-44 and Ed25519. Prints its verifier keys.

    Witnesses and a quorum that the mirror is to insist on go into the file policy of its folder.

    [bold]Example[/bold]

      assay mirror init mymirror --name mirror.example.org --log "$VKEY https://register.example.org/"
    """
    lines = []
    for text in log or ():
        key, blank, url = text.strip().partition(" ")
        if not blank:
            raise UsageError('--log needs a verifier key and an address: --log "VKEY URL"')
        lines.append(LogLine(vkey(key), check_url(url.strip())))
    mirror = create(folder, name, lines, objects)
    tell(mirror.verifiers, [line.key for line in mirror.policy.logs], json_file)
    mirror.close()


@app.command("add-log")
def add_log_command(
    folder: Folder,
    log: Annotated[str, typer.Argument(metavar="VKEY", help="Verifier key of the log.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where its checkpoint and tiles are.")],
) -> None:
    """Let a mirror copy one log more.

    [bold]Example[/bold]

      assay mirror add-log mymirror register.example.org+1a2b3c4d+AX… https://register.example.org/
    """
    add_log(folder, vkey(log), check_url(url))


@app.command("keys")
def keys_command(folder: Folder, json_file: Json = None) -> None:
    """Print the verifier keys of a mirror, one a line.

    [bold]Example[/bold]

      assay mirror keys mymirror
    """
    with _opened(folder) as mirror:
        tell(mirror.verifiers, [line.key for line in mirror.policy.logs], json_file)


@app.command("pull")
def pull_command(
    folder: Folder,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    quiet: Quiet = False,
) -> None:
    """Bring all copies up to date. Interrupt it as you like: it goes on where it stopped.

    Exit code: 0 all are; 1 a log showed two histories or an older state (evidence/ has both); 3 one cannot be copied.

    [bold]Example[/bold]

      assay mirror pull mymirror
    """
    code = DONE
    with _opened(folder) as mirror:
        for log in mirror.policy.logs:
            old = mirror.head(log.key.name).size
            try:
                with _bar(log.key.name, quiet=quiet or json) as progress:
                    pulled = mirror.pull(log, progress)
                copied = Copied(origin=pulled.origin, old=pulled.old, size=pulled.size)
            except RegisterError as error:
                code = BAD if error.reason in ("fork", "conflict") or code == BAD else FAILED
                copied = Copied(origin=log.key.name, old=old, size=old, error=str(error), reason=error.reason)
            _show(copied, json=json, quiet=quiet)
    raise typer.Exit(code)


@app.command("verify")
def verify_command(
    folder: Folder,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    quiet: Quiet = False,
) -> None:
    """Read all copies and check every entry and tile against the checkpoints.

    Exit code: 0 whole; 1 something is damaged.

    [bold]Example[/bold]

      assay mirror verify mymirror
    """
    code = DONE
    with _opened(folder) as mirror:
        for origin in dict.fromkeys(log.key.name for log in mirror.policy.logs):
            size = mirror.head(origin).size
            copied = Copied(origin=origin, old=size, size=size)
            try:
                verify(mirror, origin)
            except RegisterError as error:
                code = BAD
                copied = msgspec.structs.replace(copied, error=str(error), reason=error.reason)
            _show(copied, json=json, quiet=quiet)
    raise typer.Exit(code)


@app.command("serve")
def serve_command(
    folder: Folder,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    every: Annotated[
        float, typer.Option("--every", min=0, metavar="SECONDS", help="Pull that often while serving; 0: never.")
    ] = 60.0,
) -> None:
    """Serve the copies until stopped (Ctrl+C), each below the SHA-256 of its log's origin, and keep them up to date.

    /logs says which is where, /keys by which keys the mirror cosigns.

    [bold]Example[/bold]

      assay mirror serve mymirror --port 8712
    """
    address = address_of(host)
    with _opened(folder) as mirror:
        name, count = mirror.verifiers[0].name, len(mirror.policy.logs)
    free(address, port)
    from assay.web.mirror import Configuration, serve  # noqa: PLC0415 (the web framework loads slowly)

    typer.echo(f"{plain(name)}: serving at {url_of(address, port)} until stopped (Ctrl+C)")
    say(f"It copies {count} {'log' if count == 1 else 'logs'}.")
    if not address.is_loopback:
        say("Put a proxy with a certificate before it.")
    serve(Configuration(str(folder.resolve()), every), str(address), port)


@contextmanager
def _opened(folder: Path) -> Iterator[Mirror]:
    mirror = Mirror(folder)
    try:
        yield mirror
    finally:
        mirror.close()


def _show(copied: Copied, *, json: bool, quiet: bool) -> None:
    if json:
        emit(line(copied))
    elif copied.error is not None:
        complain(f"{copied.origin}: {copied.error}")
    elif not quiet:
        new = copied.size - copied.old
        typer.echo(f"{plain(copied.origin)}: {number(copied.size)} entries" + (f", {number(new)} new" if new else ""))


@contextmanager
def _bar(origin: str, *, quiet: bool) -> Iterator["_Told"]:
    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=quiet or not console.is_terminal,
    )  # fmt: skip
    with bar:
        yield _Told(bar, f"copying {plain(origin)}")


class _Told:
    """Bundles done, of how many."""

    def __init__(self, bar: Progress, words: str) -> None:
        self._bar, self._task = bar, bar.add_task(words, total=None)

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="mirror")
