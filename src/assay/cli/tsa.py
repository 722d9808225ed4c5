"""``assay tsa``: a small time-stamping authority, for tests and to host oneself."""

import ipaddress
import signal
import sys
import threading
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from assay.cli.identities import (
    Country,
    Encrypt,
    Force,
    Organisation,
    PassphraseFile,
    listing,
    new_passphrase,
    next_steps,
    passphrase_for,
    quoted,
    read,
    warning,
)
from assay.cli.listening import Host
from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import create_timestamp_authority, lint, timestamp_files, write_folder
from assay.provenance.certificates.issue import INTERMEDIATE_DAYS
from assay.report.words import plain
from assay.timestamps import POLICY, Authority, Identity, Server

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""A time-stamping authority (RFC 3161) of your own: it says when a signature was there.

[bold]From nothing to a timestamp[/bold]

  assay tsa create -o clock

  assay tsa serve --identity clock

  assay sign photo.jpg -o signed.jpg --identity planet --tsa http://127.0.0.1:3161/""",
)

PORT = 3161


@app.command("create")
def create_command(  # noqa: PLR0917 (typer reads the options from the signature)
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to make.")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The authority's name.")] = "Development clock",
    organisation: Organisation = None,
    country: Country = None,
    algorithm: Annotated[
        str, typer.Option("--algorithm", "-a", metavar="ps256|es256|es384|es512", help="RSA (ps256) or ECDSA key.")
    ] = "ps256",
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="How long the certificate is valid.")
    ] = INTERMEDIATE_DAYS,
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="OID", help="Policy that the timestamps name; the default is an example's."),
    ] = POLICY,
    encrypt: Encrypt = False,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
) -> None:
    """Make the certificates and the key of a time-stamping authority.

    [bold]Example[/bold]

      assay tsa create "Planet clock" -o clock -O "Daily Planet"
    """
    made = create_timestamp_authority(
        name, organisation=organisation or name, country=country, algorithm=algorithm, days=days,
        passphrase=new_passphrase(passphrase_file, encrypt=encrypt),
    )  # fmt: skip
    write_folder(folder, timestamp_files(made, policy), force=force)
    console = Console()
    console.print(Text.assemble("Made ", (plain(str(folder)), "bold"), f", a time-stamping authority: {plain(name)}."))
    listing(console, [
        ("root.pem", "give this to whoever is to trust your timestamps"),
        ("chain.pem", "the authority's certificate"),
        ("key.pem", f"secret{', encrypted' if b'ENCRYPTED' in made.key_pem else ', not encrypted'}"),
        ("tsa.toml", "says what is what, for assay tsa serve"),
        ("ca/", "secret: the root's own key"),
    ])  # fmt: skip
    warning(console, "Only as good as this machine's clock",
            "Nobody trusts these timestamps but those who add root.pem, and they say no more than that your own "
            "machine gave this time. To convince strangers, ask an authority that is on the C2PA list.")  # fmt: skip
    next_steps(console, [
        f"assay tsa serve --identity {quoted(folder)}",
        f"assay sign PICTURE -o OUT --identity IDENTITY --tsa http://127.0.0.1:{PORT}/",
    ])  # fmt: skip


@app.command("serve")
def serve_command(  # noqa: PLR0917
    folder: Annotated[Path, typer.Option("--identity", metavar="DIR", help="Folder that assay tsa create made.")],
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")
    ] = PORT,
    policy: Annotated[str | None, typer.Option("--policy", metavar="OID", help="Instead of the identity's.")] = None,
    passphrase_file: PassphraseFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line a request.")] = False,
) -> None:
    """Give timestamps over HTTP until stopped (Ctrl+C). Needs the openssl program.

    Serial numbers are kept in the identity's folder. The log has times and results, never who asked.

    [bold]Example[/bold]

      assay tsa serve --identity clock --port 3161
    """
    identity = load(folder, passphrase_file, policy)
    authority = Authority(identity, folder / "serials.sqlite3")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(f"{host!r} is not an IP address such as 127.0.0.1") from None
    lock = threading.Lock()

    def log(line: str) -> None:
        if not quiet:
            with lock:
                sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")

    try:
        server = Server(authority, host, port, log)
    except OSError as error:
        raise UsageError(f"Cannot listen on {host}, port {port}: {error.strerror or error}") from None
    if not address.is_loopback:
        log(f"listening on {host}: anyone who reaches this machine can ask for timestamps")
    typer.echo(f"{plain(identity.name)}: timestamps at {server.url} until stopped (Ctrl+C)")
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread: shutdown waits for the loop that this handler interrupts.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    with server:
        server.serve_forever(poll_interval=0.2)
    log("stopped")


def load(folder: Path, passphrase_file: Path | None, policy: str | None) -> Identity:
    """What an authority signs with. Raises ProvenanceError where the folder is incomplete or its certificate does not
    fit, UsageError where it holds no identity.
    """
    try:
        about = tomllib.loads(read(folder / "tsa.toml").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder / 'tsa.toml'} cannot be read: {error}") from None
    names = [about.get(key, default) for key, default in (("certificate", "chain.pem"), ("key", "key.pem"))]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{folder / 'tsa.toml'}: certificate and key are names of files")
    chain, key = (read(folder / name) for name in names)
    passphrase = passphrase_for(key, passphrase_file)
    for fault in lint(chain, purpose="timestamp", key_pem=key, passphrase=passphrase):
        if fault.severity == "error":
            raise ProvenanceError(
                f"{folder / names[0]} cannot stamp times: {plain(fault.says)}. {fault.fix}", "certificate"
            )
    return Identity(
        name=str(about.get("name", folder.name)), leaf_pem=chain, key_pem=key,
        policy=policy or str(about.get("policy", POLICY)), passphrase=passphrase,
    )  # fmt: skip


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="tsa")
