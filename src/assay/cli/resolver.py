"""``assay resolver``: keep manifests, and answer where the one of a picture is."""

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from assay.cli.listening import Host, Port, Rate, address_of, free, url_of
from assay.cli.outputs import emit
from assay.errors import AssayError, ProvenanceError, UsageError
from assay.provenance.softbindings import ALGORITHM, MAX_BYTES
from assay.provenance.store import ManifestStore
from assay.report.words import plain

if TYPE_CHECKING:
    from assay.web.server import Registering

PORT = 3162
TOKEN = "ASSAY_RESOLVER_TOKEN"  # noqa: S105 (the name of a variable)
FAILED = 3

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""A store of manifests, and a service that finds them again for pictures that lost theirs.

[bold]Examples[/bold]

  assay resolver add manifests/ photo.c2pa

  assay resolver serve manifests/

  assay recover stripped.jpg --from http://127.0.0.1:3162/""",
)

Store = Annotated[Path, typer.Argument(metavar="STORE", help="The folder of the store.")]


@app.command("add")
def add_command(
    store: Store,
    manifests: Annotated[list[Path], typer.Argument(metavar="MANIFEST…", help="Manifest stores (.c2pa).")],
) -> None:
    """Keep manifests, found by the soft bindings that they declare. Makes the store where there is none.

    Exit code: 0 all are kept; 3 one is not (the others are).

    [bold]Example[/bold]

      assay resolver add manifests/ photo.c2pa
    """
    errors = Console(stderr=True)
    code = 0
    with ManifestStore.open(store, create=True) as kept:
        for path in manifests:
            try:
                typer.echo(kept.put(_read(path)))
            except AssayError as error:
                if isinstance(error, ProvenanceError) and error.reason in ("full", "unwritable"):
                    raise
                code = FAILED
                says = f"assay: {plain(str(path))}: {plain(str(error))}"
                errors.print(says, style="bold", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


@app.command("list")
def list_command(
    store: Store,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what a store keeps.

    [bold]Example[/bold]

      assay resolver list manifests/
    """
    with ManifestStore.open(store) as kept:
        if json:
            for entry in kept.entries():
                emit(msgspec.json.encode(entry) + b"\n")
            return
        table = Table(box=None, pad_edge=False)
        for name in ("manifest", "bytes", "soft bindings"):
            table.add_column(name, justify="left" if name == "manifest" else "right", overflow="fold")
        for entry in kept.entries():
            table.add_row(plain(entry.manifest_id), f"{entry.size:,}", str(entry.bindings))
        stats = kept.stats()
    console = Console()
    if table.row_count:
        console.print(table)
    console.print(f"{stats.manifests} manifests, {stats.size:,} bytes", highlight=False)


@app.command("remove")
def remove_command(
    store: Store,
    manifest_id: Annotated[str, typer.Argument(metavar="ID", help="As assay resolver list shows it.")],
) -> None:
    """Forget a manifest, and all that leads to it.

    [bold]Example[/bold]

      assay resolver remove manifests/ urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4
    """
    with ManifestStore.open(store) as kept:
        if not kept.delete(manifest_id):
            raise ProvenanceError(f"There is no manifest {plain(manifest_id)} in {store}.", "missing")


@app.command("token")
def token_command() -> None:
    """Make a secret that lets its holder write to a service, and show how to give the service its digest.

    [bold]Example[/bold]

      assay resolver token
    """
    from assay.web.limits import digest  # noqa: PLC0415 (the web framework loads slowly)

    token = secrets.token_urlsafe(32)
    typer.echo(token)
    typer.echo(
        f"This is the secret: it is shown only now, and kept nowhere.\nStart the service with {TOKEN}={digest(token)}",
        err=True,
    )


@app.command("serve")
def serve_command(  # noqa: PLR0917 (typer reads the options from the signature)
    store: Store,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    unguarded: Annotated[
        bool, typer.Option("--open", help="Let anyone on this machine write, without a token. Loopback only.")
    ] = False,
    fetch_references: Annotated[
        bool, typer.Option("--fetch-references", help="Fetch pictures from public https addresses that clients name.")
    ] = False,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where others reach the service, if behind a proxy.")
    ] = None,
    watermark: Annotated[
        list[str] | None,
        typer.Option("--watermark", metavar="NAME", help="Answer for this watermark of others too (repeat for more)."),
    ] = None,
    register_at: Annotated[
        str | None,
        typer.Option(
            "--register", metavar="DIR|URL|NAME", help="Claim each manifest in this register, and hand out the receipt."
        ),
    ] = None,
    rate: Rate = 120,
) -> None:
    """Answer the C2PA Soft Binding Resolution API over a store until stopped (Ctrl+C).

    Who may write is said by the digest of a secret in the environment variable ASSAY_RESOLVER_TOKEN: make one with
    assay resolver token. Without one, nothing is taken in over the network. The log has routes and results, never who
    asked, nor for what.

    [bold]Examples[/bold]

      assay resolver serve manifests/

      assay resolver serve manifests/ --open   (to try it out: anyone on this machine can write)
    """
    address = address_of(host)
    if unguarded and not (address.is_loopback and address.version == 4):
        raise UsageError("--open lets anyone write, so it goes only with --host 127.0.0.1; give others a token instead")
    token = os.environ.pop(TOKEN, None) or None
    if token and not re.fullmatch(r"sha256:[0-9a-f]{64}", token):
        raise UsageError(f"{TOKEN} must hold the digest of a token, as assay resolver token prints it")
    for name in watermark or ():
        if not ALGORITHM.fullmatch(name):
            raise UsageError(f"{plain(name)} is no name of a soft binding algorithm, such as com.example.watermark.1")
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise UsageError(f"{plain(url)} is no address of a service, such as https://example.org/v1")
    with ManifestStore.open(store, create=True):
        pass
    free(address, port)
    from assay import fingerprint  # noqa: PLC0415
    from assay.provenance import watermark as mark  # noqa: PLC0415 (what measures pictures loads slowly)
    from assay.web.server import Configuration, serve  # noqa: PLC0415
    from assay.web.service import Settings  # noqa: PLC0415

    names = tuple(dict.fromkeys([mark.ALGORITHM, *(watermark or ())]))
    settings = Settings(
        url=url, token=token, free=unguarded, watermarks=names, fingerprints=(fingerprint.ALGORITHM,),
        fetch_references=fetch_references, requests_per_minute=rate,
    )  # fmt: skip
    typer.echo(f"{store}: answering at {url_of(address, port)} until stopped (Ctrl+C)")
    if not address.is_loopback:
        typer.echo("Put a proxy with a certificate before it: what others ask would go in the open.", err=True)
    if not (token or unguarded):
        typer.echo("It takes nothing in: assay resolver token makes a secret for writers.", err=True)
    registering = _registering(register_at, url or url_of(address, port)) if register_at else None
    serve(Configuration(str(store.resolve()), settings, registering=registering), str(address), port)


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="resolver")


def _registering(register_at: str, url: str) -> "Registering":
    """The register, opened once to see that it is there, and the key, made where there is none yet."""
    from assay.cli.register.common import own_key, place, submitter  # noqa: PLC0415
    from assay.web.server import Registering  # noqa: PLC0415

    where = place(register_at)
    with where.opened() as found:
        found.verifier  # noqa: B018 (asked of the register)
    submitter(None, make=True)
    at = str(where.folder.resolve()) if where.folder else where.at
    return Registering(at, str(own_key()), url, where.policy.text if where.policy else None)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProvenanceError(f"It cannot be read: {error.strerror}.", "missing") from None
