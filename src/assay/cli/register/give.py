"""``assay register manifest`` and ``page``: the credentials of a claim, and the verifier for browsers to keep."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.outputs import not_over, write
from assay.cli.register.common import Json, Log, Quiet, place, say, show
from assay.cli.register.posts import receipt_of
from assay.cli.register.records import Taken
from assay.errors import RegisterError, UsageError
from assay.register.leaf import NO_MANIFEST, Kind
from assay.register.ports import Register
from assay.register.receipt import Receipt
from assay.register.record import decrypt

Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.")]


def manifest_command(  # noqa: PLR0917 (typer reads the options from the signature)
    what: Annotated[str, typer.Argument(metavar="RECEIPT|INDEX", help="Its receipt, or its number in the log.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write them.")],
    log: Log = None,
    force: Force = False,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Get the credentials that were handed in with a claim: they are fetched, held to the claim, and decrypted.

    Those of a private claim are opened by its receipt alone; those of a public one by anybody.

    Exit code: 0 done; 2 the claim has none, they were taken back, or nothing here opens them.

    [bold]Examples[/bold]

      assay register manifest photo.jpg.tlog-proof --log mylog -o photo.c2pa

      assay register manifest 41 --log https://register.example.org/ -o photo.c2pa
    """
    where = place(log)
    not_over([output], [Path(what)])
    _free(output, force)
    with where.opened() as register:
        receipt = receipt_of(register, what)
        plain = _manifest(register, receipt)
        done = Taken(
            index=receipt.proof.index, manifest=str(output), bytes=len(plain),
            sha256=hashlib.sha256(plain).hexdigest(), log=str(register.verifier),
        )  # fmt: skip
    write(output, plain, "--output")
    if show(done, json_file) and not quiet:
        say(f"Written: {output}, what was handed in with entry {done.index} ({done.bytes} bytes).")


def _manifest(register: Register, receipt: Receipt) -> bytes:
    index, leaf = receipt.proof.index, receipt.leaf
    if leaf.kind is Kind.TOMBSTONE or leaf.manifest == NO_MANIFEST:
        raise RegisterError(f"Nothing was handed in with entry {index}.", "missing")
    if receipt.opening is None:
        raise RegisterError(
            f"Entry {index} is private, or was taken back: only the receipt that its claimant got opens its "
            "credentials.",
            "key",
        )
    kept = register.manifest(leaf.manifest)
    if kept is None:
        raise RegisterError(f"The register has nothing of entry {index} any more: it was taken back.", "forgotten")
    if hashlib.sha256(kept).digest() != leaf.manifest:
        raise RegisterError(f"What the register gives is not what was handed in with entry {index}.", "damaged")
    return decrypt(receipt.opening.salt, kept)


def page_command(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it: verify.html.")],
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write the verifier for browsers as one HTML file, to keep or to send to whoever gets a receipt from you.

    It works from a disk, without a server, and can open no connection.

    Exit code: 0 done; 2 it cannot be written, or something is there.

    [bold]Example[/bold]

      assay register page -o verify.html
    """
    from assay.web.verifier import verifier_page  # noqa: PLC0415 (only here)

    _free(output, force)
    write(output, verifier_page().encode(), "--output")
    if not quiet:
        say(f"Written: {output}. Open it in any browser, and give it a receipt, the file and a policy.")


def _free(output: Path, force: bool) -> None:
    if output.exists() and not force:
        raise UsageError(f"{output} is there already: name another, or say --force to replace it")


def commands(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("manifest")(manifest_command)
    app.command("page")(page_command)
