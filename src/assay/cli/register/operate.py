"""``assay register init``, ``serve``, ``fsck`` and the like: for whoever runs a log."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from assay.cli.identities import next_steps, quoted
from assay.cli.listening import Host, Port, Rate, address_of, free, url_of
from assay.cli.register.common import BAD, DONE, Json, Key, Quiet, own_key, say, show, submitter
from assay.cli.register.records import KeyShown, Made
from assay.errors import UsageError
from assay.report.words import number, plain

PORT = 8710

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the log.")]


def init_command(  # noqa: PLR0917 (typer reads the options from the signature)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    origin: Annotated[
        str | None,
        typer.Option("--origin", metavar="NAME", help="The log's name, for ever: register.example.org/2026."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="URL|$NAME", help="PostgreSQL in place of SQLite, or the variable that names it."
        ),
    ] = None,
    objects: Annotated[
        str | None, typer.Option("--objects", metavar="s3://…", help="An S3 bucket for tiles in place of the folder.")
    ] = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Make a log: a folder with its key, its settings and its policy. Prints the log's verifier key.

    Give that key to whoever is to trust the log. Back up log.key: a log whose key is lost cannot grow.

    Exit code: 0 done; 2 it cannot be made.

    [bold]Example[/bold]

      assay register init mylog --origin register.example.org/2026
    """
    from assay.register.log import init  # noqa: PLC0415 (it loads storage and index)

    given = {name: value for name, value in (("database", database), ("objects", objects)) if value is not None}
    log = init(folder, origin, **given)
    try:
        made = Made(log=str(log.verifier), origin=log.settings.origin, folder=str(folder))
    finally:
        log.close()
    if not show(made, json_file):
        return
    typer.echo(made.log)
    if not quiet:
        errors = Console(stderr=True)
        errors.print(
            Text(f"Made {plain(str(folder))}, a log named {plain(made.origin)}. Its key is above: give it away.")
        )
        errors.print(Text("Secret: log.key. Without it the log cannot grow; whoever has it can sign in its name."))
        next_steps(errors, [
            f"assay register add PICTURE --log {quoted(folder)}", f"assay register serve {quoted(folder)}",
        ])  # fmt: skip


def serve_command(
    folder: Folder,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    rate: Rate = 600,
) -> None:
    """Serve a log until stopped (Ctrl+C): tiles and checkpoint at the root, the API under /api/v1.

    Whose entries are taken, and how many a day, is said by assay register submitters. Witnesses stand in the policy of
    the log's folder, anchors in its log.toml. The log has routes and results, never who asked, nor for what.

    Exit code: 0 stopped; 2 the log cannot be opened, or the port cannot be had.

    [bold]Example[/bold]

      assay register serve mylog --port 8710
    """
    from assay.register.log import Log, open_ledger  # noqa: PLC0415 (it loads storage and index)
    from assay.web.register.app import Limits  # noqa: PLC0415 (the web framework loads slowly)
    from assay.web.register.server import serve  # noqa: PLC0415

    address = address_of(host)
    with Log.open(folder, write=False) as log:
        open_ledger(folder, log.settings, log.objects).close()
        origin, witnesses, quorum = log.settings.origin, len(log.policy.witnesses), log.policy.quorum
    free(address, port)
    typer.echo(f"{plain(origin)}: answering at {url_of(address, port)} until stopped (Ctrl+C)")
    if quorum is None:
        say("No witness is asked for: nobody but you vouches that all see the same log. Name some in the policy.")
    else:
        say(f"{witnesses} {'witness' if witnesses == 1 else 'witnesses'}; the quorum is {quorum}.")
    if not address.is_loopback:
        say("Put a proxy with a certificate before it: what others ask would go in the open.")
    serve(folder, str(address), port, limits=Limits(requests_per_minute=rate))


def fsck_command(
    folder: Folder,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write again what can be derived, and remove what is left over.")
    ] = False,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Prove a log whole: every entry, hash, tile, signature and row is read and computed anew.

    Not while a server runs over the folder. Exit code: 0 whole; 1 something is damaged; 2 there is no log, or it is in
    use.

    [bold]Example[/bold]

      assay register fsck mylog
    """
    from assay.register.fsck import fsck  # noqa: PLC0415 (it loads storage and index)

    errors = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(), TextColumn("checking"), BarColumn(), TimeElapsedColumn(), console=errors, transient=True,
        disable=quiet or not errors.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("checking", total=None)
        report = fsck(folder, lambda done, total: bar.update(task, completed=done, total=total), repair=repair)
    if show(report, json_file) and not quiet:
        console = Console()
        for damage in report.damages:
            where = f"entry {damage.index}, " if damage.index is not None else ""
            word, style = ("repaired", "green") if damage.repaired else ("damaged", "bold red")
            console.print(Text.assemble((word, style), f"  {where}{plain(damage.where)}: {plain(damage.says)}"))
            if not damage.repaired:
                console.print(Text(f"          what to do: {plain(damage.remedy)}"))
        for left in report.left:
            console.print(Text(f"left over  {plain(left)}", "dim"))
        entries = f"{number(report.entries)} {'entry' if report.entries == 1 else 'entries'}"
        name = plain(report.origin or str(folder))
        console.print(Text(f"{name}: whole, {entries}." if report.whole else f"{name}: not whole; {entries} checked."))
    raise typer.Exit(DONE if report.whole else BAD)


def key_command(key: Key = None, json_file: Json = None) -> None:
    """Show your public key, by which a register knows you: give it to an operator who lists keys. Made on first use.

    [bold]Example[/bold]

      assay register key
    """
    who = submitter(key, make=True)
    shown = KeyShown(public=who.public.hex(), key=who.key_hash.hex(), file=str(key or own_key()))
    if show(shown, json_file):
        typer.echo(shown.public)
        say(f"Claims name it by its SHA-256, {shown.key}. The secret is in {shown.file}.")


class SubmitterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key that the operator said something of. ``used`` are entries of today; None for ``quota``: the default."""

    key: str
    name: str | None
    standing: str | None
    quota: int | None
    used: int


class SubmitterList(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a log takes entries of. ``only_listed``: allowed keys alone; ``quota``: entries a day of any other key."""

    only_listed: bool
    quota: int | None
    submitters: tuple[SubmitterRow, ...]
    schema: str = "assay/register-submitters/1"


def submitters_command(
    folder: Folder,
    only_listed: Annotated[
        bool | None,
        typer.Option("--only-listed/--everybody", help="Take entries of allowed keys alone, or of anybody."),
    ] = None,
    quota: Annotated[
        str | None, typer.Option("--quota", metavar="N|none", help="Entries a day of a key without a quota of its own.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Say whose entries a log takes, and list what is said. A running server heeds it in seconds.

    [bold]Example[/bold]

      assay register submitters mylog --everybody --quota 1000
    """
    from assay.register.database.submitters import Submitters  # noqa: PLC0415 (it loads SQLAlchemy)
    from assay.register.log import open_index  # noqa: PLC0415
    from assay.register.settings import read  # noqa: PLC0415

    index = open_index(folder, read(folder))
    try:
        submitters = Submitters(index.engine)
        listed, default = submitters.rules()
        if only_listed is not None or quota is not None:
            listed = listed if only_listed is None else only_listed
            default = default if quota is None else _quota(quota)
            submitters.rule(listed=listed, quota=default)
        rows = tuple(
            SubmitterRow(
                key=k.key.hex(), name=k.name, standing=None if k.standing is None else str(k.standing), quota=k.quota,
                used=k.used,
            )
            for k in submitters.known()
        )  # fmt: skip
    finally:
        index.close()
    told = SubmitterList(only_listed=listed, quota=default, submitters=rows)
    if not show(told, json_file):
        return
    console = Console()
    whose = "Entries are taken of allowed keys alone" if listed else "Entries are taken of any key"
    console.print(Text(f"{whose}, {'any number' if default is None else f'{number(default)}'} a day for each."))
    table = Table(box=None, pad_edge=False)
    for name in ("key", "name", "standing", "a day", "today"):
        table.add_column(name, overflow="fold")
    for row in rows:
        quota_shown = "" if row.quota is None else number(row.quota)
        table.add_row(row.key[:16] + "…", plain(row.name or ""), row.standing or "", quota_shown, number(row.used))
    if rows:
        console.print(table)


def submitter_command(  # noqa: PLR0917
    folder: Folder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The public key, as assay register key shows it.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="What to call whoever has it: shown to all who search.")
    ] = None,
    allow: Annotated[bool, typer.Option("--allow", help="Take its entries even where only listed keys may.")] = False,
    block: Annotated[bool, typer.Option("--block", help="Take none of its entries.")] = False,
    quota: Annotated[str | None, typer.Option("--quota", metavar="N", help="Entries a day of this key.")] = None,
) -> None:
    """Say all that is to be said of a submitter's key, in place of what was said before.

    [bold]Example[/bold]

      assay register submitter mylog 3d40…c9 --name "Daily Planet" --allow --quota 100000
    """
    from assay.register.database.submitters import Standing, Submitters  # noqa: PLC0415 (it loads SQLAlchemy)
    from assay.register.log import open_index  # noqa: PLC0415
    from assay.register.settings import read  # noqa: PLC0415

    if allow and block:
        raise UsageError("--allow and --block do not go together")
    try:
        public = bytes.fromhex(key)
    except ValueError:
        raise UsageError(f"{plain(key[:80])} is no public key: it has 64 hexadecimal digits") from None
    index = open_index(folder, read(folder))
    try:
        standing = Standing.ALLOWED if allow else Standing.BLOCKED if block else None
        Submitters(index.engine).set(public, name=name, standing=standing, quota=_quota(quota) if quota else None)
    finally:
        index.close()


def _quota(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise UsageError(f"--quota {plain(text)}: a number of entries a day, or none")
    return int(text)


def commands(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("init")(init_command)
    app.command("serve")(serve_command)
    app.command("fsck")(fsck_command)
    app.command("key")(key_command)
    app.command("submitters")(submitters_command)
    app.command("submitter")(submitter_command)
