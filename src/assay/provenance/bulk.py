"""Many files signed by workers, so that a run which was killed goes on where it stopped.

The output folder holds a journal. Its line for a file is written before the file is put in its place, with the digests
of what was signed and of what came of it: at whatever moment a run dies, a file there is either named by a line that
fits it, or was never finished.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from assay.errors import AssayError, MediaError, ProvenanceError, UsageError
from assay.provenance import outfile
from assay.provenance.definition import Options, Part
from assay.provenance.identity import Identity, Secret, from_files, load
from assay.provenance.model import State
from assay.provenance.sign import Making, Prepared, prepare, sign_stream
from assay.workers import Lost, each

if TYPE_CHECKING:  # who only signs does not wait for the libraries that decode pictures
    from assay.provenance.durable import Keeping

JOURNAL = ".assay-sign.jsonl"
SECONDS = 120.0
"""That one file may take."""

SCHEMA = "assay/signing/1"


@dataclass(frozen=True)
class Task:
    """One file to sign. ``sidecar`` is where the manifest goes, or none where it goes into the file; ``out`` is where
    the file goes, or none where only the sidecar is written.
    """

    source: Path
    out: Path | None
    sidecar: Path | None = None

    @property
    def written(self) -> tuple[Path, ...]:
        """The files that come of it."""
        return tuple(path for path in (self.out, self.sidecar) if path)


@dataclass(frozen=True)
class Recipe:
    """How a worker gets at the identity, which cannot cross into its process. Secrets go by the pipe alone."""

    named: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    passphrase: bytes | None = field(default=None, repr=False)
    pin: bytes | None = field(default=None, repr=False)

    def identity(self, passphrase: Secret | None = None, pin: Secret | None = None) -> Identity:
        """The identity itself; secrets that it does not hold are asked for as given. Raises ProvenanceError."""
        passphrase, pin = passphrase or (lambda: self.passphrase), pin or (lambda: self.pin)
        if self.named is not None:
            return load(self.named, passphrase=passphrase, pin=pin)
        if self.certificate is None or self.key is None:
            raise UsageError("Who signs? Name an identity, or a certificate and its key.")
        return from_files(self.certificate, self.key, passphrase=passphrase)


class SignedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was signed, and verified after that. ``state`` is ``valid``: whether a list knows the signer is for
    verifying to say. ``kept`` means that it was there already, of an earlier run. Digests are SHA-256 in hex.
    """

    path: str
    out: str | None
    sidecar: str | None
    label: str
    state: State
    format: str
    sha256: str
    sha256_out: str | None
    parent: str | None = None
    remarks: tuple[str, ...] = ()
    kept: bool = False
    schema: str = SCHEMA


class NotSigned(msgspec.Struct, frozen=True, kw_only=True):
    """The line that stands for a file that could not be signed. ``reason`` is that of the error."""

    path: str
    error: str
    reason: str
    schema: str = SCHEMA


Result = SignedFile | NotSigned


def _not_through_a_link(path: str, flags: int) -> int:
    """Open a file, and not what somebody else may have made its name lead to."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


class Journal:
    """What was signed into a folder, and by what claims. One run at a time may write it. Raises ProvenanceError
    (``unwritable``) where another does, or it cannot be written.
    """

    def __init__(self, folder: Path, claims: str) -> None:
        self._claims = claims
        self._path = folder / JOURNAL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[bytes] = open(self._path, "a+b", opener=_not_through_a_link)  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise outfile.refusal(error, self._path) from None
        self._lock()
        self._lines: dict[str, Mapping[str, Any]] = {}
        self._found: dict[Path, SignedFile | None] = {}
        self._stream.seek(0)
        for line in self._stream:
            # The last line of a run that was killed, or what somebody else wrote.
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                entry = json.loads(line)
                self._lines[str(entry["place"])] = entry
        self._stream.seek(0, os.SEEK_END)
        if self._stream.tell() and not self._ends_well():
            self._stream.write(b"\n")

    def _lock(self) -> None:
        with suppress(ImportError):
            import fcntl  # noqa: PLC0415 (absent on Windows)

            try:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._stream.close()
                raise ProvenanceError(f"Another run is signing into {self._path.parent}.", "unwritable") from None

    def _ends_well(self) -> bool:
        self._stream.seek(-1, os.SEEK_END)
        return self._stream.read(1) == b"\n"

    def find(self, task: Task) -> SignedFile | None:
        """What an earlier run made of this file by the same claims, if all of it is still as it was."""
        if task.source not in self._found:
            self._found[task.source] = self._look(task)
        return self._found[task.source]

    def _look(self, task: Task) -> SignedFile | None:
        entry = self._lines.get(self._place(task))
        if entry is None or entry.get("claims") != self._claims:
            return None
        try:
            record = msgspec.convert(entry["record"], SignedFile)
        except msgspec.ValidationError:
            return None
        made = {task.out: record.sha256_out, task.sidecar: entry.get("sha256_sidecar")}
        if _digest(task.source) != record.sha256 or (task.sidecar is None) != (record.sidecar is None):
            return None
        if any(digest is None or _digest(path) != digest for path, digest in made.items() if path):
            return None
        names = {"path": str(task.source), "out": str(task.out), "sidecar": str(task.sidecar) if task.sidecar else None}
        return msgspec.structs.replace(record, kept=True, **names)

    def _place(self, task: Task) -> str:
        """Where in the folder the result goes: the name of a line."""
        return os.path.relpath(task.out or task.source, self._path.parent)

    def write(self, task: Task, record: SignedFile, sidecar: str | None) -> None:
        """Add a line, before the file is put in its place. ``sidecar`` is a SHA-256 in hex. Raises ProvenanceError."""
        entry = {
            "place": self._place(task), "claims": self._claims, "sha256_sidecar": sidecar,
            "record": msgspec.to_builtins(record),
        }  # fmt: skip
        try:
            self._stream.write(json.dumps(entry).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise outfile.refusal(error, self._path) from None

    def close(self) -> None:
        """Let others write."""
        self._stream.close()


def claims_digest(options: Options, identity: Identity, keeping: "Keeping | None" = None) -> str:
    """A digest of who signs and what is claimed, to tell whether an earlier run did the same."""
    said = dataclasses.asdict(replace(options, parent=None, ingredients=(), soft_bindings=()))
    parts = [(p.title, _content(p)) for p in (options.parent, *options.ingredients) if p]
    bound = [(b.algorithm, b.value) for b in options.soft_bindings]
    chain = hashlib.sha256(identity.chain).hexdigest()
    kept = [keeping.store, keeping.mark] if keeping else None
    whole = json.dumps([said, parts, bound, chain, identity.tsa, kept], default=str, sort_keys=True)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _content(part: Part) -> str | None:
    return hashlib.sha256(part.source).hexdigest() if isinstance(part.source, bytes) else _digest(part.source)


def run(
    tasks: Sequence[Task],
    options: Options,
    recipe: Recipe,
    *,
    keeping: "Keeping | None" = None,
    journal: Journal | None = None,
    jobs: int = 1,
    seconds: float = SECONDS,
    tick: Callable[[], object] | None = None,
) -> Generator[Result, None, None]:
    """Sign files with ``jobs`` workers; yields in the order of ``tasks``, each as soon as it is in its place.

    Nothing about one file is raised: it is answered by a :class:`NotSigned`. With a journal, what an earlier run made
    by the same claims is kept. With ``keeping``, pictures are made durable.
    """
    kept = {task.source: record for task in tasks if journal and (record := journal.find(task))}
    todo = [task for task in tasks if task.source not in kept]
    # Of the kept ones too: a run before the last may have left a part that then seemed somebody's.
    finals = [path for task in tasks for path in task.written]
    outfile.sweep(finals)
    try:
        with closing(
            each(_work, todo, jobs=max(1, min(jobs, len(todo))), seconds=seconds, tick=tick, begin=_begin,
                 shared=(recipe, options, keeping))
        ) as results:  # fmt: skip
            for task in tasks:
                record = kept.get(task.source)
                yield record if record else _finished(*next(results), journal)
    finally:
        outfile.sweep(finals)


def _finished(task: Task, made: "Prepared | NotSigned | Lost", journal: Journal | None) -> Result:
    """Put what a worker made in its place."""
    if isinstance(made, Lost):
        return NotSigned(path=str(task.source), error=f"{task.source}: {made.says}", reason=made.reason)
    if isinstance(made, NotSigned):
        return made
    record = SignedFile(
        path=str(task.source), out=str(task.out) if task.out else None,
        sidecar=str(task.sidecar) if task.sidecar else None, label=made.signed.label, state=State.VALID,
        format=made.signed.mime, sha256=made.sha256_before, sha256_out=made.sha256_after,
        parent=made.signed.parent_label, remarks=made.signed.remarks,
    )  # fmt: skip
    try:
        if journal:
            beside = hashlib.sha256(made.signed.manifest).hexdigest() if task.sidecar else None
            journal.write(task, record, beside)
        made.put()
    except ProvenanceError as error:
        made.discard()
        return _not_signed(task, error)
    return record


_identity: Identity | None = None
_options = Options()
_making: Making = sign_stream
_opened = ExitStack()


def _begin(recipe: Recipe, options: Options, keeping: "Keeping | None") -> None:
    """Begin a worker."""
    global _identity, _options, _making  # noqa: PLW0603 (a worker has one identity, for all its life)
    _identity, _options = recipe.identity(), options
    if keeping:  # brings the libraries that decode pictures
        from assay.provenance.durable import making_durable  # noqa: PLC0415
        from assay.provenance.shelves import open_shelf  # noqa: PLC0415

        shelf = open_shelf(keeping.store, _opened, create=True, secret=keeping.secret)
        _making = making_durable(shelf, keeping)


def _work(task: Task) -> "Prepared | NotSigned":
    """Sign one file, whatever it is. Runs in the worker."""
    if _identity is None:
        raise RuntimeError("_begin() comes first")
    try:
        made = prepare(task.source, task.out, _identity, _options, sidecar=task.sidecar, making=_making)
    except MemoryError:
        return NotSigned(path=str(task.source), error=f"{task.source}: out of memory", reason="out_of_memory")
    except AssayError as error:
        return _not_signed(task, error)
    return replace(made, signed=replace(made.signed, manifest=made.signed.manifest if task.sidecar else b""))


def _not_signed(task: Task, error: AssayError) -> NotSigned:
    says, path = str(error), str(task.source)
    reason = error.reason if isinstance(error, MediaError | ProvenanceError) else "usage"
    return NotSigned(path=path, error=says if path in says else f"{path}: {says}", reason=reason)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


__all__ = [
    "JOURNAL",
    "SECONDS",
    "Journal",
    "NotSigned",
    "Recipe",
    "Result",
    "SignedFile",
    "Task",
    "claims_digest",
    "run",
]
