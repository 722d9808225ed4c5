"""Verify the Content Credentials of one file: who signed what, is it intact, who vouches for the signer?"""

import base64
import hashlib
import io
import mmap
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import c2pa
import msgspec
from c2pa import C2paError, Context, Reader

import assay
from assay.errors import MediaError
from assay.media import Limits
from assay.provenance import engine
from assay.provenance.chain import Chain, walk
from assay.provenance.claims import Raw, items, ours, statements, table, text
from assay.provenance.formats import NAMES, mime_of_stream
from assay.provenance.judge import Court
from assay.provenance.model import Kind, Reason, State, Verification
from assay.provenance.tell import first_reasons, sentence
from assay.provenance.trust import TrustStore

MAX_JSON = 64 * 1024 * 1024
"""Characters of what the library says of one file; more is refused."""

MAX_SIDECAR = 256 * 1024 * 1024
_URL = re.compile(r"https?://[^\s()<>\"]+")
_HASHER = ThreadPoolExecutor(1, thread_name_prefix="assay-sha256")
_local = threading.local()


@dataclass
class _Source:
    """The file, open, with its name and its size."""

    stream: BinaryIO
    name: str
    size: int
    data: bytes | None
    path: Path | None


def verify(
    source: str | PathLike[str] | bytes,
    *,
    trust: TrustStore,
    name: str | None = None,
    sidecar: bytes | None = None,
    at: datetime | None = None,
    online: bool = False,
    limits: Limits | None = None,
    sha256: str | None = None,
) -> Verification:
    """What the Content Credentials of a file amount to, by the lists in ``trust``.

    ``sidecar`` is a manifest store kept beside the file (``.c2pa``), which then takes the place of one inside.
    ``at`` judges certificates for that time where no trusted timestamp tells when they were used (a time without a
    zone is UTC). Nothing is fetched unless ``online``. ``sha256`` is the file's digest where the caller has it, or ""
    to leave it out: computing it costs a third of the time.

    Raises MediaError where the file cannot be read or cannot carry credentials. Broken credentials are an answer, not
    an error. Runs in this process: for strangers' files a caller wants :func:`assay.provenance.each_verified`.
    """
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    opened = _open(source, name, limits)
    with opened.stream:
        mime = mime_of_stream(opened.stream)
        if mime is None:
            raise MediaError(f"{opened.name}: not a kind of file that can carry Content Credentials", "unsupported")
        digest = _digest(opened) if sha256 is None else sha256
        seen = _See(opened, mime, trust, at, online, sidecar)
        found = seen.look()
        known = digest.result() if isinstance(digest, Future) else digest
        return msgspec.structs.replace(found, sha256=known) if known else found


@dataclass
class _See:
    """One verification under way."""

    source: _Source
    mime: str
    trust: TrustStore
    at: datetime | None
    online: bool
    sidecar: bytes | None

    def look(self) -> Verification:
        context = _context(self.trust, self.online)
        try:
            with Reader(self.mime, self.source.stream, self.sidecar, context=context) as reader:
                return self._read(reader, context)
        except C2paError as error:
            return self._without(error)

    def _read(self, reader: Reader, context: Context) -> Verification:
        said = reader.crjson()
        if len(said) > MAX_JSON:
            raise MediaError(f"{self.source.name}: the credentials are larger than is reasonable", "too_large")
        try:
            raws = [raw for raw in items(table(msgspec.json.decode(said)).get("manifests")) if isinstance(raw, dict)]
        except (msgspec.DecodeError, RecursionError):
            raise MediaError(f"{self.source.name}: the credentials are nested too deeply", "too_deep") from None
        if not raws:
            return self._answer(State.BROKEN, [ours("assay.unreadable", None)])
        label = text(raws[0].get("label"), 1000)
        now = datetime.now(UTC)
        court = Court(self.trust, context, now, self.at, lambda: _store(reader, label), self.online)
        chain = walk(raws, court, self.source.name)
        if self._only_header(raws[0], chain):
            reason = ours("assay.exclusion.covers_header", label)
            active = chain.manifests[0]
            kept = tuple(r for r in active.reasons if r.code != "assertion.dataHash.mismatch")
            active = msgspec.structs.replace(active, reasons=(reason, *kept))
            chain.manifests = (active, *chain.manifests[1:])
        remote = text(reader.get_remote_url(), 2000) or None
        return self._conclude(chain, remote)

    def _conclude(self, chain: Chain, remote: str | None) -> Verification:
        active = chain.manifests[0]
        listed = next((x for x in self.trust.lists if x.id == active.list), None)
        return self._answer(
            active.state, first_reasons(chain), chain=chain, says=sentence(chain, listed), remote=remote
        )

    def _answer(
        self, state: State, reasons: list[Reason], *, chain: Chain | None = None, says: str = "",
        remote: str | None = None,
    ) -> Verification:  # fmt: skip
        active = chain.manifests[0] if chain else None
        return Verification(
            path=self.source.name, state=state, chain=chain.state if chain else state,
            says=says or " ".join(r.says for r in reasons[:1]), signer=active.signer if active else None,
            list=active.list if active else None, reasons=tuple(reasons),
            manifests=chain.manifests if chain else (), format=self.mime, sha256="",
            at=(self.at or datetime.now(UTC)).isoformat(timespec="seconds"), online=self.online,
            sidecar="given" if self.sidecar is not None else None, remote=remote,
            signed_at=active.signed_at if active else None, engine=versions(),
        )  # fmt: skip

    def _without(self, error: C2paError) -> Verification:
        """What the library's refusal to read means."""
        message, name = str(error), self.source.name
        if message.startswith("Remote"):
            named = _URL.search(message)
            url = text(named.group(), 2000) if named else "a place that it does not name"
            tail = "it could not be fetched." if self.online else "nothing was fetched (--online allows it)."
            says = f"The file itself carries no Content Credentials. It says that they are kept at {url}; {tail}"
            reason = ours("manifest.inaccessible", None, message, kind=Kind.INFORMATION)
            return self._answer(State.NONE, [reason], says=says, remote=url)
        if isinstance(error, C2paError.ManifestNotFound):
            says = "The file carries no Content Credentials. Most files do not: that says nothing for or against it."
            return self._answer(State.NONE, [], says=says)
        if self.sidecar is not None:
            reason = ours("assay.sidecar.unreadable", None, message)
            return self._answer(State.BROKEN, [reason], says=reason.says)
        if not isinstance(error, C2paError.NotSupported) and self._claims_some():
            reason = ours("assay.unreadable", None, message)
            return self._answer(State.BROKEN, [reason], says=f"The credentials are broken. {reason.says}")
        kind = NAMES.get(self.mime, self.mime)
        if isinstance(error, C2paError.NotSupported):
            says = f"{name}: credentials in a file of this kind ({kind}) cannot be read"
            raise MediaError(says, "unsupported") from None
        raise MediaError(f"{name}: damaged or cut short, cannot be read as {kind}", "malformed") from None

    def _claims_some(self) -> bool:
        """Whether there is the beginning of a manifest store anywhere in the file."""
        if self.source.data is not None:
            return _has_store(self.source.data)
        try:
            with mmap.mmap(self.source.stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return _has_store(view)
        except (OSError, ValueError):
            return False

    def _only_header(self, raw: Raw, chain: Chain) -> bool:
        """Whether all that fails is that the signed hash leaves out the file's beginning with its metadata.

        Files of 2023 were signed so, before a later version of the library began to refuse it.
        """
        failing = {r.code for r in chain.active.failures}
        if failing != {"assertion.dataHash.mismatch"}:
            return False
        for _, content in statements(raw, "c2pa.hash.data"):
            gaps = [table(gap) for gap in items(content.get("exclusions"))]
            if len(gaps) != 1 or gaps[0].get("start") != 0 or not isinstance(gaps[0].get("length"), int):
                return False
            return self._rest_matches(gaps[0]["length"], content)
        return False

    def _rest_matches(self, begin: int, content: Raw) -> bool:
        algorithm = text(content.get("alg"), 20) or "sha256"
        if algorithm not in {"sha256", "sha384", "sha512"} or not 0 < begin < self.source.size:
            return False
        hasher = hashlib.new(algorithm)
        self.source.stream.seek(begin)
        while block := self.source.stream.read(1 << 20):
            hasher.update(block)
        expected = text(content.get("hash"), 200).removeprefix("b64'").removesuffix("'")
        return base64.b64encode(hasher.digest()).decode() == expected


def _open(source: str | PathLike[str] | bytes, name: str | None, limits: Limits | None) -> _Source:
    if isinstance(source, bytes):
        shown = name or "<bytes>"
        stream: BinaryIO = io.BytesIO(source)
        size, path = len(source), None
    else:
        path = Path(source)
        shown = name or os.fspath(source)
        try:
            if path.is_dir():
                raise MediaError(f"{shown}: a folder, not a file", "unreadable")
            stream = path.open("rb")
            size = os.fstat(stream.fileno()).st_size
        except FileNotFoundError:
            raise MediaError(f"{shown}: no such file", "missing") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise MediaError(f"{shown}: cannot be read ({why})", "unreadable") from None
    if size == 0:
        stream.close()
        raise MediaError(f"{shown}: empty", "empty")
    if limits and size > limits.max_bytes:
        stream.close()
        raise MediaError(f"{shown}: {size} bytes, more than the {limits.max_bytes} allowed", "too_large")
    return _Source(stream, shown, size, source if isinstance(source, bytes) else None, path)


def _digest(source: _Source) -> "Future[str] | str":
    """The SHA-256 of the file, computed beside the library's work where that is worth a thread."""
    if source.data is not None:
        data = source.data
        if len(data) < 1 << 18:
            return hashlib.sha256(data).hexdigest()
        return _HASHER.submit(lambda: hashlib.sha256(data).hexdigest())
    path = source.path

    def of_file() -> str:
        with Path(path or "").open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    return _HASHER.submit(of_file)


def _context(trust: TrustStore, online: bool) -> Context:
    """The context of this thread for these lists: making one costs more than verifying a file."""
    kept: dict[tuple[str, bool], Context] = _local.__dict__.setdefault("contexts", {})
    key = (trust.key, online)
    if key not in kept:
        while len(kept) >= 8:
            kept.pop(next(iter(kept))).close()
        kept[key] = engine.context(trust.anchors(), online=online)
    return kept[key]


def _store(reader: Reader, label: str) -> bytes | None:
    stream = io.BytesIO()
    try:
        reader.resource_to_stream(label, stream)
    except C2paError:
        return None
    return stream.getvalue()


def _has_store(data: Any) -> bool:
    at = data.find(b"jumb")
    while at >= 0:
        if data[at + 8 : at + 16].startswith(b"jumdc2pa"):
            return True
        at = data.find(b"jumb", at + 4)
    return False


@cache
def versions() -> dict[str, str]:
    """What verified: the versions of Assay and of the libraries."""
    return {"assay": assay.__version__, "c2pa-python": metadata.version("c2pa-python"), "c2pa-rs": c2pa.sdk_version()}


__all__ = ["verify", "versions"]
