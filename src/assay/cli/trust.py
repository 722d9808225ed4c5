"""``assay trust``: whose word counts. The lists that are shipped, and the user's own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay.errors import UsageError
from assay.provenance.path import anchors
from assay.provenance.trust import NAME, Shelf, TrustList, is_authority, read_text, shipped
from assay.report.words import plain

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Whose word counts when Content Credentials are verified.

A list names authorities. Whoever one of them certifies is “trusted” by that list. Lists come with Assay, pinned with
their day and source; nothing is fetched. You can add your own, and switch shipped ones off.

[bold]Examples[/bold]

  assay trust list

  assay trust add our-root.pem --name newsroom

  assay trust remove c2pa-interim      (switches a shipped list off; add switches it on again)

  assay trust show c2pa
""",
)


@app.command("list")
def list_command() -> None:
    """Show the lists: what they are, of what day, from where."""
    shelf = Shelf()
    off = shelf.disabled()
    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name in ("Name", "Title", "Vouches for", "Status", "Count", "Issued", "SHA-256"):
        table.add_column(name, overflow="fold", justify="right" if name == "Count" else "left")
    lists = (*shipped(), *shelf.own())
    for one in lists:
        status = "off" if one.id in off else one.status
        kind = "times" if one.kind == "tsa" else "signers"
        table.add_row(
            Text(plain(one.id), "bold"), Text(plain(one.title)), kind,
            Text(status, "" if status == "current" else "yellow"),
            str(one.count), one.issued or "–", one.sha256[:12],
        )  # fmt: skip
    console.print(table)
    console.print()
    for one in lists:
        console.print(Text.assemble((plain(one.id), "bold"), f"  {plain(one.source)}"), soft_wrap=True)


@app.command("show")
def show_command(name: Annotated[str, typer.Argument(metavar="NAME", help="The list.")]) -> None:
    """Show one list: where it comes from, and each certificate."""
    one = _named(name)
    console = Console()
    console.print(Text(plain(one.title), "bold"))
    pinned = f", pinned {one.pinned}" if one.pinned else ""
    for text in (f"{one.status}, issued {one.issued or 'on an unknown day'}{pinned}", one.source, one.licence, one.note,
                 f"sha256:{one.sha256}"):  # fmt: skip
        if text:
            console.print(Text(plain(text), "dim"), soft_wrap=True)
    console.print()
    for certificate in anchors(one.pem):
        _certificate(certificate, console)
    if one.allowed_hashes:
        console.print(Text(f"{len(one.allowed_hashes)} single signers, by the SHA-256 of their certificates", "bold"))
        for line in one.allowed.splitlines():
            console.print(Text(plain(line), "dim" if line.startswith("#") else ""), soft_wrap=True)


@app.command("add")
def add_command(
    what: Annotated[str, typer.Argument(metavar="PEM|NAME", help="PEM certificates, or a shipped list that is off.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call it.")] = None,
    tsa: Annotated[bool, typer.Option("--tsa", help="A list of time-stamping authorities: vouches for times.")] = False,
) -> None:
    """Add a list of your own, or switch a shipped one on again."""
    shelf, console = Shelf(), Console()
    if what in {x.id for x in shipped()} and not Path(what).is_file():
        was_off = shelf.enable(what)
        console.print(Text(f"{what} is {'on again' if was_off else 'on already'}."))
        return
    path = Path(what)
    if not path.is_file():
        raise UsageError(f"{what}: neither a PEM file nor a shipped list (`assay trust list`)")
    text = read_text(path)
    chosen = name or path.stem.lower()
    if not name and not NAME.fullmatch(chosen):
        raise UsageError(f"{what}: give the list a name with --name (a-z, 0-9, . _ -)")
    made = shelf.add(chosen, text, kind="tsa" if tsa else "claim")
    for certificate in x509.load_pem_x509_certificates(text.encode()):
        _certificate(certificate, console)
    what_for = "times" if tsa else "signers"
    console.print(
        Text(f"Added as {made.id}: {made.count} certificate{'s' * (made.count != 1)}, vouching for {what_for}.")
    )


@app.command("remove")
def remove_command(name: Annotated[str, typer.Argument(metavar="NAME", help="The list.")]) -> None:
    """Remove a list of your own, or switch a shipped one off."""
    shelf = Shelf()
    own = _named(name).origin != "shipped"
    if shelf.remove(name):
        again = "" if own else f" `assay trust add {name}` switches it on again."
        Console().print(Text(f"{name} is {'removed' if own else 'off'}.{again}"), soft_wrap=True)
    else:
        Console().print(Text(f"{name} was off already."))


def _named(name: str) -> TrustList:
    lists = {x.id: x for x in (*shipped(), *Shelf().own())}
    if name not in lists:
        raise UsageError(f"There is no trust list {name!r}; there are {', '.join(lists)}")
    return lists[name]


def _certificate(certificate: x509.Certificate, console: Console) -> None:
    """Show one certificate, with what is odd about it."""
    console.print(Text(plain(certificate.subject.rfc4514_string()), "bold"), soft_wrap=True)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    console.print(Text(f"  valid {start:%Y-%m-%d} to {end:%Y-%m-%d}", "dim"))
    console.print(Text(f"  sha256:{certificate.fingerprint(SHA256()).hex()}", "dim"), soft_wrap=True)
    now = datetime.now(UTC)
    if now > end:
        console.print(Text("  expired: it vouches for nobody any more", "yellow"))
    elif now < start:
        console.print(Text("  not valid yet", "yellow"))
    if not is_authority(certificate):
        console.print(Text("  no authority: it vouches for itself alone, not for others", "yellow"))


def register(parent: typer.Typer) -> None:
    """Add the commands to an app."""
    parent.add_typer(app, name="trust")
