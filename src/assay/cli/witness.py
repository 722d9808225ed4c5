"""``assay witness``: cosign the checkpoints of other people's logs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from assay.cli.listening import Host, Port, Rate, address_of, free, url_of
from assay.cli.register.common import Json, say, show
from assay.errors import UsageError
from assay.register.keys import VerifierKey
from assay.register.witness import Witness, add_log, create
from assay.report.words import plain

PORT = 8711

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Cosign the checkpoints of logs, so that nobody can show two histories of one (C2SP tlog-witness).

A witness remembers the last checkpoint of each log that it knows, and signs the next only where it extends that one. It
says nothing of what is in a log.

[bold]From nothing to a cosignature[/bold]

  assay witness init mywitness --name witness.example.org --log VKEY

  assay witness serve mywitness

  (and a line: witness NAME VKEY URL, in the policy of the log and of whoever checks its receipts)""",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The witness's folder.")]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Its name for ever, in every signature: witness.example.org.")
]


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The verifier keys by which cosignatures are known, and the logs that are known, by verifier key."""

    name: str
    keys: tuple[str, ...]
    logs: tuple[str, ...]
    schema: str = "assay/register-cosigner/1"


@app.command("init")
def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    name: Name,
    log: Annotated[
        list[str] | None, typer.Option("--log", metavar="VKEY", help="Verifier key of a log (repeat for more).")
    ] = None,
    json_file: Json = None,
) -> None:
    """Make a witness with new keys, Ed25519 and ML-DSA-44. Prints its verifier keys.

    Back up witness.key with heads.sqlite3, never one without the other: a witness that forgets what it signed must get
    a new name.

    [bold]Example[/bold]

      assay witness init mywitness --name witness.example.org --log "$(assay register init mylog)"
    """
    witness = create(folder, name, [vkey(text) for text in log or ()])
    tell(witness.verifiers, witness.logs, json_file)
    witness.close()


@app.command("add-log")
def add_log_command(
    folder: Folder, log: Annotated[str, typer.Argument(metavar="VKEY", help="Verifier key of the log.")]
) -> None:
    """Let a witness know one log more. A witness that runs takes it up at once.

    [bold]Example[/bold]

      assay witness add-log mywitness register.example.org+1a2b3c4d+AX…
    """
    add_log(folder, vkey(log))


@app.command("keys")
def keys_command(folder: Folder, json_file: Json = None) -> None:
    """Print the verifier keys of a witness, one a line.

    [bold]Example[/bold]

      assay witness keys mywitness
    """
    witness = Witness(folder)
    tell(witness.verifiers, witness.logs, json_file)
    witness.close()


@app.command("serve")
def serve_command(
    folder: Folder,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    rate: Rate = 600,
) -> None:
    """Answer add-checkpoint until stopped (Ctrl+C). Checkpoints that do not fit are refused and kept in evidence/.

    [bold]Example[/bold]

      assay witness serve mywitness --port 8711
    """
    address = address_of(host)
    witness = Witness(folder)
    name, count = witness.verifiers[0].name, len(witness.logs)
    witness.close()
    free(address, port)
    from assay.web.witness import Configuration, serve  # noqa: PLC0415 (the web framework loads slowly)

    typer.echo(f"{plain(name)}: cosigning at {url_of(address, port)} until stopped (Ctrl+C)")
    say(f"It knows {count} {'log' if count == 1 else 'logs'}.")
    if not address.is_loopback:
        say("Put a proxy with a certificate before it.")
    serve(Configuration(str(folder.resolve()), rate), str(address), port)


def vkey(text: str) -> VerifierKey:
    """A verifier key that a person typed. Raises RegisterError ``malformed``, ``unsupported``; UsageError."""
    if text.startswith("PRIVATE+KEY+"):
        raise UsageError("That is a private key: give nobody that one, and name the public one, name+hash+key.")
    return VerifierKey.parse(text.strip())


def tell(keys: Sequence[VerifierKey], logs: Sequence[VerifierKey], json_file: str | None) -> None:
    """Print keys, one a line, or as ``--json`` says."""
    record = Keys(name=keys[0].name, keys=tuple(map(str, keys)), logs=tuple(map(str, logs)))
    if show(record, json_file):
        for key in record.keys:
            typer.echo(key)


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="witness")
