"""``assay certificates``: make certificates, ask for them, and say what is wrong with them."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.cli.identities import (
    AlgorithmOption,
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
from assay.cli.inputs import moment
from assay.errors import UsageError
from assay.files import write_whole
from assay.provenance.certificates import (
    Fault,
    create,
    development_files,
    lint,
    request,
    request_files,
    write_folder,
)
from assay.provenance.certificates.issue import LEAF_DAYS
from assay.provenance.certificates.rules import TIMESTAMP_RULES
from assay.report.words import plain

FAULTY = 1

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Certificates: make them for development, ask an authority for real ones, find out what is wrong with them.

[bold]From nothing to a signed picture[/bold]

  assay certificates create "Daily Planet" -o planet

  assay sign photo.jpg -o signed.jpg --identity planet

  assay verify signed.jpg --trust planet/root.pem""",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whom the certificate is for: it is shown as the signer.")]
Folder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to make; key.pem in it is secret.")]


@app.command("create")
def create_command(  # noqa: PLR0917 (typer reads the options from the signature)
    name: Name,
    folder: Folder,
    organisation: Organisation = None,
    country: Country = None,
    algorithm: AlgorithmOption = "es256",
    days: Annotated[int, typer.Option("--days", metavar="N", help="How long the certificate is valid.")] = LEAF_DAYS,
    encrypt: Encrypt = False,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
) -> None:
    """Make a development authority and a certificate of it, ready to sign with.

    It proves nothing to strangers: only who adds its root.pem to the trusted ones trusts it.

    [bold]Example[/bold]

      assay certificates create "Photo desk" -o desk -O "Daily Planet" -C NL
    """
    made = create(
        name, organisation=organisation or name, country=country, algorithm=algorithm, days=days,
        passphrase=new_passphrase(passphrase_file, encrypt=encrypt),
    )  # fmt: skip
    write_folder(folder, development_files(made), force=force)
    console = Console()
    console.print(Text.assemble("Made ", (plain(str(folder)), "bold"), f", an identity for {plain(name)}."))
    listing(console, [
        ("root.pem", "give this to whoever is to trust you"),
        ("chain.pem", "your certificate and its issuer: goes into every file you sign"),
        ("key.pem", f"secret{', encrypted' if b'ENCRYPTED' in made.key_pem else ', not encrypted'}"),
        ("identity.toml", "says what is what, for assay sign"),
        ("ca/", "secret: the authority's own keys"),
    ])  # fmt: skip
    warning(console, "For development only",
            "Nobody trusts this certificate but those who add its root.pem. Others see your files as valid, signer "
            "unknown. For a certificate of a real authority: assay certificates request.")  # fmt: skip
    next_steps(console, [
        f"assay sign PICTURE -o OUT --identity {quoted(folder)}",
        f"assay verify OUT --trust {quoted(folder / 'root.pem')}",
    ])  # fmt: skip


@app.command("request")
def request_command(  # noqa: PLR0917
    name: Name,
    folder: Folder,
    organisation: Organisation = None,
    country: Country = None,
    email: Annotated[
        str | None, typer.Option("--email", metavar="ADDRESS", help="For authorities that issue e-mail certificates.")
    ] = None,
    algorithm: AlgorithmOption = "es256",
    encrypt: Encrypt = False,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
) -> None:
    """Make a key and a request (CSR) to send to a real certificate authority.

    [bold]Example[/bold]

      assay certificates request "Photo desk" -o desk -O "Daily Planet" -C NL
    """
    csr, key = request(
        name, organisation=organisation or name, country=country, email=email, algorithm=algorithm,
        passphrase=new_passphrase(passphrase_file, encrypt=encrypt),
    )  # fmt: skip
    write_folder(folder, request_files(name, csr, key), force=force)
    console = Console()
    console.print(Text.assemble("Made ", (plain(str(folder)), "bold"), f", a request for {plain(name)}."))
    listing(console, [
        ("request.csr", "send this to the authority"),
        ("key.pem", "secret: never send it to anyone, not to the authority either"),
        ("identity.toml", "ready for assay sign, once chain.pem is there"),
    ])  # fmt: skip
    console.print("\nThe authority checks who you are and answers with certificates. Put yours and its intermediate "
                  "ones, in this order and without the root, into one file:", highlight=False)  # fmt: skip
    console.print(Padding(Text(str(folder / "chain.pem"), "bold"), (0, 0, 0, 2)))
    next_steps(console, [
        f"assay certificates lint {quoted(folder / 'chain.pem')} --key {quoted(folder / 'key.pem')}",
        f"assay sign PICTURE -o OUT --identity {quoted(folder)}",
    ])  # fmt: skip


@app.command("lint")
def lint_command(  # noqa: PLR0917
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="A chain of certificates, or an identity's folder.")],
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="claim|timestamp", help="What the certificate is to do.")
    ] = "claim",
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Judge for this time (2026-05-01T12:00Z), not for now.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="PEM", help="The root that the chain should lead to.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="The private key: do the two belong together?")
    ] = None,
    passphrase_file: PassphraseFile = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the faults as JSON; - is standard output.")
    ] = None,
) -> None:
    """Say what is wrong with a certificate chain: each rule that it breaks, where the rule stands, and what to do.

    Exit code: 0 it fits the C2PA profile (there may be warnings); 1 it does not.

    [bold]Examples[/bold]

      assay certificates lint planet/

      assay certificates lint chain.pem --key key.pem --root root.pem
    """
    if purpose not in ("claim", "timestamp"):
        raise UsageError(f"A certificate is to sign a claim or a timestamp; there is no purpose {purpose!r}")
    if chain.is_dir():
        root = root or (chain / "root.pem" if (chain / "root.pem").exists() else None)
        if (chain / "request.csr").exists() and not (chain / "chain.pem").exists():
            raise UsageError(
                f"{chain} waits for the authority's answer: put its certificates into {chain / 'chain.pem'}"
            )
        chain = chain / "chain.pem"
    when = moment(at) if at else datetime.now(UTC)
    key_pem = read(key) if key else None
    faults = lint(
        read(chain), at=when, purpose="timestamp" if purpose == "timestamp" else "claim",
        roots=read(root) if root else None, key_pem=key_pem,
        passphrase=passphrase_for(key_pem, passphrase_file) if key_pem else None,
    )  # fmt: skip
    bad = any(fault.severity == "error" for fault in faults)
    if json_file:
        record = {
            "schema": "assay/certificate-lint/1", "path": str(chain), "purpose": purpose, "at": when.isoformat(),
            "fits": not bad, "faults": msgspec.to_builtins(faults),
        }  # fmt: skip
        text = json.dumps(record, ensure_ascii=False, indent=None if json_file == "-" else 2).encode() + b"\n"
        if json_file == "-":
            sys.stdout.buffer.write(text)
        else:
            write_whole(Path(json_file), text)
    if json_file != "-":
        show(faults, chain, purpose, Console())
    raise typer.Exit(FAULTY if bad else 0)


def show(faults: Sequence[Fault], chain: Path, purpose: str, console: Console) -> None:
    """The faults for a person, by certificate; each with what to do about it."""
    errors = sum(fault.severity == "error" for fault in faults)
    counts = [(errors, "error"), (len(faults) - errors, "warning")]
    count = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number)
    verdict = "does not fit the C2PA profile" if errors else "fits the C2PA profile"
    style = "bold red" if errors else "bold yellow" if faults else "bold green"
    name = (plain(str(chain)), "bold")
    console.print(Text.assemble(name, "  ", (verdict, style), f"  ({count})" if count else ""), soft_wrap=True)
    for number, group in groupby(sorted(faults, key=lambda f: f.certificate or 0), key=lambda f: f.certificate):
        about = list(group)
        console.print(Text(f"\nCertificate {number}: {plain(about[0].subject)}" if number else "\nThe file", "bold"))
        for fault in about:
            _show_one(fault, purpose, console)


def _show_one(fault: Fault, purpose: str, console: Console) -> None:
    colour = "red" if fault.severity == "error" else "yellow"
    remedy = Text.assemble(("Do: ", "bold"), fault.fix)
    place = Text(f"{fault.rule}: {fault.where}{_enforced(fault, purpose)}", "dim")
    table = Table.grid(padding=(0, 1))
    table.add_column(width=len("warning"))
    table.add_row(Text(fault.severity, colour), Text(f"{plain(fault.says)}."))
    table.add_row("", remedy)
    table.add_row("", place)
    console.print(Padding(table, (0, 0, 0, 2)))


def _enforced(fault: Fault, purpose: str) -> str:
    """What the software that signs makes of it, where that was measured for this purpose."""
    if fault.rule in TIMESTAMP_RULES:
        return "; OpenSSL refuses to stamp with it" if fault.enforced_by_library else "; OpenSSL stamps all the same"
    if purpose != "claim":
        return ""
    return (
        "; the C2PA library refuses to sign" if fault.enforced_by_library else "; the C2PA library signs all the same"
    )


def register(parent: typer.Typer) -> None:
    """Add the commands to ``parent``."""
    parent.add_typer(app, name="certificates")
