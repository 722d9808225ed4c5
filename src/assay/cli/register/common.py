"""What the commands of ``assay register`` share: where the register is, whose policy counts, whose key signs."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from assay.cli.outputs import emit, write
from assay.errors import RegisterError, UsageError
from assay.provenance.config import config_folder
from assay.register.access import open_register
from assay.register.anchors import Trust
from assay.register.policy import Policy
from assay.register.ports import Register
from assay.register.registers import FILE, known, load_policy
from assay.register.submission import Submitter
from assay.report.record import line
from assay.report.words import plain

DONE, BAD, FAILED, NOTHING = 0, 1, 3, 4
KEY = "register.key"
ENDING = ".tlog-proof"

GROUP = f"""Say in a public log that you hold a file, and prove later that you said so, and when at the latest.

A register is an append-only log that many watch. It holds claims: that somebody registered a picture first says nothing
of whether it is true, or theirs. Without --public a claim is private: the log gets a number that tells nobody anything,
and what opens it stays in your receipt.

[bold]From nothing to a proof[/bold]

  assay register init mylog

  assay register add photo.jpg --log mylog

  assay register verify photo.jpg{ENDING} photo.jpg
"""

Log = Annotated[
    str | None,
    typer.Option(
        "--log", metavar="DIR|URL|NAME", help=f"The register: a folder, a URL, or a name in {FILE}; the only one there."
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Whose log and which witnesses count (a C2SP tlog-policy)."),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Your key (PEM), made on first use; one in your settings if left out."),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the record as JSON; - is standard output.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing: only files and exit code.")]


@dataclass(frozen=True)
class Place:
    """Where a register is, the policy by which its checkpoints count, and whose clocks are believed."""

    at: str
    policy: Policy | None
    trust: Trust = field(default_factory=Trust)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Register]:
        """The register, for the time of a command."""
        register = open_register(self.at)
        with contextlib.closing(register):
            yield register

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return None if self.at.startswith(("http://", "https://")) else Path(self.at)


def place(log: str | None, policy: Path | None = None) -> Place:
    """What ``--log`` and ``--policy`` mean. A folder's own policy counts where no other is named.

    Raises UsageError where it is not said which register, RegisterError for what cannot be read.
    """
    names = {one.name: one for one in known(config_folder())}
    if log is None:
        if len(names) != 1:
            more = f"; {FILE} knows {', '.join(map(plain, names))}" if names else ""
            raise UsageError(f"Which register? Say --log DIR, URL or NAME{more}")
        log = next(iter(names))
    found = names.get(log)
    if found is not None and not Path(log).is_dir():
        return Place(found.at, load_policy(policy) if policy else found.policy, found.trust)
    there = Place(log, None)
    if policy is not None:
        return Place(log, load_policy(policy))
    folder = there.folder
    return Place(log, load_policy(folder / "policy") if folder and (folder / "policy").is_file() else None)


def submitter(key: Path | None, *, make: bool, quiet: bool = False) -> Submitter:
    """The key that signs; where ``make``, one is made in the settings where there is none yet.

    Raises RegisterError ``missing``, ``key``, ``unwritable``, ``full``.
    """
    path = key or own_key()
    try:
        return Submitter.load(path)
    except RegisterError as error:
        if error.reason != "missing" or not make:
            raise
    made = Submitter.create(path)
    if not quiet:
        say(
            f"Made a key for you: {path}. Keep a copy: without it nobody can forget your claims, and whoever has it "
            "can make claims in your name."
        )
    return made


def own_key() -> Path:
    """Where the key is unless ``--key`` says otherwise."""
    return config_folder() / KEY


def show(record: msgspec.Struct, json: str | None) -> bool:
    """Write the record where ``--json`` says; whether a person is still to be told."""
    if json == "-":
        emit(line(record))
        return False
    if json is not None:
        write(Path(json), line(record), "--json")
    return True


def say(sentence: str) -> None:
    """A line for a person, on standard error."""
    Console(stderr=True).print(plain(sentence), markup=False, highlight=False, soft_wrap=True)


def complain(sentence: str) -> None:
    """The same, for what went wrong."""
    say(f"assay: {sentence}")


def ended(sentence: str, code: int = FAILED) -> typer.Exit:
    """Complain, and what to raise then."""
    complain(sentence)
    return typer.Exit(code)


def digest_of(text: str, what: str) -> bytes:
    """32 bytes from hex. Raises UsageError."""
    try:
        data = bytes.fromhex(text.removeprefix("sha256:"))
    except ValueError:
        data = b""
    if len(data) != 32:
        raise UsageError(f"{what} {text[:80]!r}: not 64 hexadecimal digits")
    return data


def settled(check: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something comes true in a few seconds: a register's index is filled just after it has answered."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() >= end:
            return False
        time.sleep(0.1)
    return True
