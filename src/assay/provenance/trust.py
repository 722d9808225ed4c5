"""Who is trusted to vouch for a signer: the lists that are shipped, the user's own, and those given for one run.

Everything here is read from files; nothing is fetched. The shipped lists are pinned: ``data/trust/lists.toml`` says
where each comes from, of what day it is, and what its SHA-256 is, and a list that does not match is refused.
"""

import base64
import binascii
import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay.errors import ProvenanceError, UsageError
from assay.files import write_whole
from assay.provenance.config import config_folder
from assay.provenance.engine import Anchors

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a list may be called."""

MAX_PEM = 4 * 1024 * 1024
"""Bytes of one list that are read."""

NOTHING = "none"
"""The name that stands for no list at all."""


@dataclass(frozen=True)
class TrustList:
    """Certificates that vouch for signers, or with ``kind`` ``tsa`` for times.

    ``status`` is ``current`` or ``retired``: a retired list is kept no more and gives a weaker kind of trust.
    ``pem`` holds authorities; ``allowed`` single signers, each as base64 SHA-256 of its certificate, one a line.
    ``origin`` is ``shipped``, ``own`` (added by the user) or ``given`` (for this run).
    """

    id: str
    title: str
    pem: str
    kind: str = "claim"
    status: str = "current"
    allowed: str = ""
    issued: str | None = None
    pinned: str | None = None
    source: str = ""
    licence: str = ""
    note: str = ""
    sha256: str = ""
    origin: str = "given"

    @property
    def uri(self) -> str:
        """What the library calls the list."""
        return f"urn:assay:trust:{self.id}"

    @property
    def retired(self) -> bool:
        """Whether the list is kept no more."""
        return self.status == "retired"

    @property
    def signers(self) -> tuple[str, ...]:
        """``allowed`` without its remarks."""
        lines = (line.strip() for line in self.allowed.splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))

    @cached_property
    def allowed_hashes(self) -> frozenset[bytes]:
        """SHA-256 of the certificates of single signers."""
        return frozenset(base64.b64decode(line) for line in self.signers)

    @property
    def count(self) -> int:
        """How many authorities and single signers."""
        return self.pem.count("BEGIN CERTIFICATE") + len(self.allowed_hashes)

    @property
    def dated(self) -> str:
        """The list as a sentence names it, with its day: ``the C2PA trust list of 2026-08-05``."""
        day = f" of {self.issued}" if self.issued else ""
        return f"{self.title}{day}" if self.origin == "given" else f"the {self.title}{day}"


@dataclass(frozen=True)
class TrustStore:
    """The lists in use, in order. Frozen, so that a context made for it can be kept."""

    lists: tuple[TrustList, ...] = ()

    @cached_property
    def key(self) -> str:
        """A digest of what is in it."""
        parts = [f"{x.id}\0{x.kind}\0{x.status}\0{x.pem}\0{x.allowed}" for x in self.lists]
        return hashlib.sha256("\1".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def claims(self) -> tuple[TrustList, ...]:
        """The lists that vouch for signers, current ones first."""
        return tuple(sorted((x for x in self.lists if x.kind == "claim"), key=lambda x: x.retired))

    def of_uri(self, uri: str) -> TrustList | None:
        """The list that the library means."""
        return next((x for x in self.lists if x.uri == uri), None)

    def anchors(self) -> tuple[Anchors, ...]:
        """As the library takes them."""
        return tuple(
            Anchors(uri=x.uri, pem=x.pem, timestamps=x.kind == "tsa", allowed="\n".join(x.signers)) for x in self.lists
        )

    def plus(self, more: Iterable[TrustList]) -> "TrustStore":
        """These lists and more; one of the same id takes the place of the former."""
        added = tuple(more)
        ids = {x.id for x in added}
        return TrustStore((*(x for x in self.lists if x.id not in ids), *added))


@cache
def shipped() -> tuple[TrustList, ...]:
    """The lists that come with Assay, whole ones first. Raises ProvenanceError where a file is not the one pinned."""
    folder = resources.files("assay.provenance") / "data" / "trust"
    index = tomllib.loads((folder / "lists.toml").read_text(encoding="utf-8"))
    lists: dict[str, TrustList] = {}
    for entry in index["list"]:
        content = (folder / entry["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ProvenanceError(f"The trust list {entry['id']} is not as it was shipped: install anew", "missing")
        text, single = content.decode(), entry["kind"] == "allowed"
        lists[entry["id"]] = TrustList(
            id=entry["id"], title=entry["title"], pem="" if single else text, allowed=text if single else "",
            kind="claim" if single else entry["kind"], status=entry["status"], issued=entry["issued"],
            pinned=entry["pinned"], source=entry["source"], licence=entry["licence"], note=entry["note"],
            sha256=entry["sha256"], origin="shipped",
        )  # fmt: skip
    return tuple(sorted(lists.values(), key=lambda x: (x.retired, x.kind, x.id)))


def read_pem(text: str, *, id: str, title: str, kind: str = "claim", origin: str = "given") -> TrustList:  # noqa: A002
    """A list from PEM certificates: authorities vouch for whom they certify, any other certificate for itself alone.

    Raises ProvenanceError where there is none, or one cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise ProvenanceError(f"{title}: no PEM certificates that can be read ({error})", "certificate") from None
    authorities = [c for c in found if is_authority(c)]
    single = [c for c in found if not is_authority(c)]
    if single and kind == "tsa":
        raise ProvenanceError(f"{title}: a list of time-stamping authorities takes CA certificates only", "certificate")
    pem = "".join(c.public_bytes(Encoding.PEM).decode() for c in authorities)
    hashes = [base64.b64encode(hashlib.sha256(c.public_bytes(Encoding.DER)).digest()).decode() for c in single]
    return TrustList(
        id=id, title=title, pem=pem, kind=kind, allowed="\n".join(hashes), origin=origin,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


class Shelf:
    """The user's own lists, kept in a folder, and which shipped ones are switched off."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or config_folder() / "trust"

    def own(self) -> tuple[TrustList, ...]:
        """The lists that the user added. Raises ProvenanceError where one cannot be read."""
        if not self.folder.is_dir():
            return ()
        found = []
        for path in sorted(self.folder.glob("*.pem")):
            name, tsa = path.stem.removesuffix(".tsa"), path.stem.endswith(".tsa")
            text = read_text(path)
            one = read_pem(text, id=name, title=f"list “{name}”", kind="tsa" if tsa else "claim", origin="own")
            found.append(replace(one, source=str(path)))
        return tuple(found)

    def disabled(self) -> frozenset[str]:
        """Ids of shipped lists that the user switched off."""
        path = self.folder / "disabled.json"
        if not path.exists():
            return frozenset()
        try:
            return frozenset(str(name) for name in json.loads(read_text(path)))
        except (ValueError, TypeError):
            raise ProvenanceError(f"{path} is damaged: delete it to switch every shipped list on", "missing") from None

    def add(self, name: str, text: str, *, kind: str = "claim") -> TrustList:
        """Keep a list under a name. Raises UsageError for a name that cannot be, ProvenanceError for the rest."""
        if not NAME.fullmatch(name) or name == NOTHING or name in {x.id for x in shipped()} or name.endswith(".tsa"):
            raise UsageError(
                f"A list cannot be called {name!r}: choose another with --name (small letters, digits, . _ -)"
            )
        made = read_pem(text, id=name, title=f"list “{name}”", kind=kind, origin="own")
        self._drop(name)
        try:
            write_whole(self.folder / f"{name}{'.tsa' if kind == 'tsa' else ''}.pem", text.encode())
        except OSError as error:
            raise ProvenanceError(f"{self.folder}: cannot be written ({error.strerror})", "unwritable") from None
        return made

    def remove(self, name: str) -> bool:
        """Drop a list of the user's own, or switch a shipped one off. Whether it was in use before."""
        if name in {x.id for x in shipped()}:
            before = self.disabled()
            self._write_disabled(before | {name})
            return name not in before
        return self._drop(name)

    def enable(self, name: str) -> bool:
        """Switch a shipped list on again. Whether it was off."""
        before = self.disabled()
        self._write_disabled(before - {name})
        return name in before

    def _drop(self, name: str) -> bool:
        paths = [self.folder / f"{name}{end}" for end in (".pem", ".tsa.pem")] if NAME.fullmatch(name) else []
        present = [path for path in paths if path.exists()]
        for path in present:
            path.unlink()
        return bool(present)

    def _write_disabled(self, names: frozenset[str]) -> None:
        try:
            write_whole(self.folder / "disabled.json", json.dumps(sorted(names)).encode())
        except OSError as error:
            raise ProvenanceError(f"{self.folder}: cannot be written ({error.strerror})", "unwritable") from None


def default_store(shelf: Shelf | None = None) -> TrustStore:
    """The shipped lists that are not switched off, and the user's own."""
    shelf = shelf or Shelf()
    off = shelf.disabled()
    return TrustStore((*(x for x in shipped() if x.id not in off), *shelf.own()))


def chosen(names: Iterable[str], shelf: Shelf | None = None) -> TrustStore:
    """The lists for one run: the default ones and those named, each a list's id or a PEM file. ``none`` leaves the
    default ones out. Raises UsageError for a name that is neither.
    """
    wanted = list(names)
    shelf = shelf or Shelf()
    store = TrustStore() if NOTHING in wanted else default_store(shelf)
    known = {x.id: x for x in (*shipped(), *shelf.own())}
    for name in (n for n in wanted if n != NOTHING):
        if name in known and not Path(name).is_file():
            store = store.plus([known[name]])
        elif Path(name).is_file():
            path = Path(name)
            taken = {*known, *(x.id for x in store.lists)}
            store = store.plus([read_pem(read_text(path), id=_id_of(path, taken), title=path.name)])
        else:
            lists = ", ".join(known)
            raise UsageError(f"--trust {name}: neither a PEM file nor one of the lists {lists} (`assay trust list`)")
    return store


def _id_of(path: Path, taken: Collection[str]) -> str:
    """The file's name, unless it is not fit for an id or is that of another list."""
    wanted = path.name.lower()
    if NAME.fullmatch(wanted) and wanted not in taken:
        return wanted
    return next(name for number in count(1) if (name := f"given-{number}") not in taken)


def read_text(path: Path) -> str:
    """A small text file. Raises ProvenanceError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_PEM + 1)
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot be read ({error.strerror})", "missing") from None
    if len(data) > MAX_PEM:
        raise ProvenanceError(f"{path}: larger than {MAX_PEM // 1024**2} MB, too large for a list", "too_large")
    try:
        return data.decode("utf-8-sig")
    except (UnicodeDecodeError, binascii.Error):
        raise ProvenanceError(f"{path}: not text, so no PEM certificates", "certificate") from None


__all__ = ["NOTHING", "Shelf", "TrustList", "TrustStore", "chosen", "default_store", "read_pem", "shipped"]
