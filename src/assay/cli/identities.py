"""What the commands that make and read identities share: options, passphrases, and the look of what they print."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import ALGORITHMS

MAX_FILE = 1024 * 1024
VARIABLE = "ASSAY_PASSPHRASE"

Organisation = Annotated[
    str | None, typer.Option("--organisation", "-O", metavar="TEXT", help="Organisation (O); NAME when left out.")
]
Country = Annotated[str | None, typer.Option("--country", "-C", metavar="XX", help="Country (C), two letters.")]
AlgorithmOption = Annotated[
    str, typer.Option("--algorithm", "-a", metavar="|".join(ALGORITHMS), help="Kind of signature.")
]
Encrypt = Annotated[bool, typer.Option("--encrypt", help="Ask for a passphrase and encrypt the keys with it.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help=f"Take the passphrase from a file ({VARIABLE} does as well)."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the identity that is in the folder: its key is lost.")]


def listing(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Files and what they are for."""
    table = Table.grid(padding=(0, 2))
    for name, meaning in rows:
        table.add_row(Text(name, "bold"), Text(meaning))
    console.print(Padding(table, (0, 0, 0, 2)))


def warning(console: Console, title: str, text: str) -> None:
    """What must not be overlooked."""
    console.print()
    width = min(console.width, 100)
    console.print(
        Panel(
            Text(text),
            title=Text(title, "bold"),
            title_align="left",
            border_style="yellow",
            box=box.ROUNDED,
            width=width,
        )
    )


def next_steps(console: Console, commands: Sequence[str]) -> None:
    """Commands to go on with, each on a line that can be copied whole."""
    console.print("\nNext:")
    for command in commands:
        console.print(Text(f"  {command}", "bold"), soft_wrap=True)


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))


def read(path: Path) -> bytes:
    """A small file. Raises ProvenanceError (``missing``, ``too_large``)."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ProvenanceError(f"Cannot read {path}: {error.strerror or 'it is no file'}", "missing") from None
    if len(data) > MAX_FILE:
        raise ProvenanceError(f"{path} is far too large for certificates or keys", "too_large")
    return data


def given_passphrase(file: Path | None) -> str | None:
    """The passphrase of the file or of the environment. Raises ProvenanceError, UsageError where it is empty."""
    if file is not None:
        try:
            text = read(file).decode().splitlines()
        except UnicodeDecodeError:
            raise UsageError(f"{file} holds no passphrase: it is not text") from None
        if not text or not text[0]:
            raise UsageError(f"{file} holds no passphrase: its first line is empty")
        return text[0]
    return os.environ.get(VARIABLE) or None


def new_passphrase(file: Path | None, *, encrypt: bool) -> str | None:
    """The passphrase for new keys; asked for where ``encrypt`` and it was not given otherwise."""
    given = given_passphrase(file)
    if given or not encrypt:
        return given
    return _ask("Passphrase for the new keys", confirm=True)


def passphrase_for(key_pem: bytes, file: Path | None) -> str | None:
    """The passphrase of a key that is encrypted; asked for on a terminal where it was not given otherwise."""
    if b"ENCRYPTED" not in key_pem:
        return None
    return given_passphrase(file) or (_ask("Passphrase of the key", confirm=False) if sys.stdin.isatty() else None)


def _ask(what: str, *, confirm: bool) -> str:
    answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
