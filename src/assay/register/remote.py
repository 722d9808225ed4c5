"""A register over HTTP, as ``assay register serve`` answers: tiles at the root, all else under ``/api/v1``.

Nothing that comes back is believed: sizes are bounded, forms are checked, and proofs are for the caller to verify.
"""

import hashlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from assay.errors import RegisterError
from assay.register.cose import MAX_RECEIPT
from assay.register.http import SECONDS, Answer, Http
from assay.register.keys import VerifierKey
from assay.register.model import MAX_MANIFEST, Accepted, Anchor, Batch, Hit, Query, Submission

API = "api/v1"
"""Where the API begins, below the address of the log."""
MAX_JSON = 16 * 1024 * 1024
"""Bytes of an answer in JSON that are read."""
PATIENCE = 60.0
"""Seconds that a submission waits, all in all, when the register asks to come again later."""
LONGEST_WAIT = 15.0
"""Seconds that it waits at a time, whatever the register asks for."""

_REASONS = {
    "malformed", "unsupported", "signature", "proof", "key", "missing", "mismatch", "quorum", "conflict", "fork",
    "busy", "quota", "too_large", "forgotten", "unreachable", "unwritable", "full", "damaged",
}  # fmt: skip
_BY_STATUS = {
    400: "malformed", 403: "key", 404: "missing", 408: "unreachable", 409: "conflict", 410: "forgotten",
    413: "too_large", 422: "unsupported", 429: "busy", 507: "full",
}  # fmt: skip

T = TypeVar("T")


class _Problem(msgspec.Struct):
    """The part of a problem (RFC 9457) that is looked at."""

    detail: str = ""
    code: str = ""


class KeyInfo(msgspec.Struct, frozen=True):
    """What a register says of itself: its verifier key (``vkey``), its origin, and the text of its policy."""

    vkey: str
    origin: str
    policy: str


class Hits(msgspec.Struct, frozen=True):
    """What a search found, lowest index first."""

    hits: tuple[Hit, ...]


class Anchored(msgspec.Struct, frozen=True):
    """An anchored checkpoint: the cosigned note, in base64, and its anchors."""

    checkpoint: bytes
    anchors: tuple[Anchor, ...]


class RemoteRegister:
    """The register at ``url``. ``seconds`` bounds each request, ``patience`` the time that a submission spends waiting
    because the register asked for it; ``sleep`` and ``transport`` stand in for clock and network.

    Raises RegisterError ``unreachable`` for whatever is no answer of a register, and for refusals what the register
    says. Redirections are not followed. May be used by several threads.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = SECONDS,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = Http(url, seconds=seconds, transport=transport)
        self._patience, self._sleep = patience, sleep
        self._key: KeyInfo | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return self._http.url

    @property
    def about(self) -> KeyInfo:
        """What the register says of itself; asked once."""
        if self._key is None:
            self._key = self._get("key", KeyInfo)
        return self._key

    @property
    def verifier(self) -> VerifierKey:
        """The log's key, as the register itself says: trust comes from a policy, not from here."""
        return VerifierKey.parse(self.about.vkey)

    def fetch(self, path: str) -> bytes:
        """``checkpoint`` or the path of a tile."""
        return self._http.fetch(path)

    def submit(self, submission: Submission) -> Accepted:
        """Hand in entries. Where the register asks to come again later, that is done; the same submission twice is
        answered with the same positions.
        """
        body = msgspec.json.encode(submission)
        waited, pause = 0.0, 1.0
        while True:
            answer = self._http.request("POST", f"{API}/submissions", MAX_JSON, body)
            if answer.status == 200:
                accepted = _decoded(answer.body, Accepted, self.url)
                if len(accepted.positions) != len(submission.entries):
                    raise RegisterError(f"{self.url} answers for another number of entries than were sent.", "damaged")
                return accepted
            pause = min(LONGEST_WAIT, max(pause, answer.retry or 0.0))
            if answer.status != 503 or answer.retry is None or waited + pause > self._patience:
                raise self._refused(answer)
            self._sleep(pause)
            waited, pause = waited + pause, 2 * pause

    def search(self, query: Query) -> list[Hit]:
        """Entries, lowest index first."""
        asked: dict[str, str | int] = {
            name: value.hex() if isinstance(value, bytes) else value
            for name in query.__struct_fields__
            if (value := getattr(query, name)) is not None
        }
        if query.after < 0:
            del asked["after"]
        return list(self._get(f"entries?{urlencode(asked)}", Hits).hits)

    def get(self, index: int) -> Hit | None:
        """One entry."""
        return self._find(f"entries/{index}", Hit)

    def batch(self, index: int) -> Batch | None:
        """How an entry is part of its batch."""
        return self._find(f"entries/{index}/batch", Batch)

    def manifest(self, digest: bytes) -> bytes | None:
        """An encrypted manifest by the SHA-256 of its bytes."""
        answer = self._http.request("GET", f"{API}/manifests/{digest.hex()}", MAX_MANIFEST)
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise self._refused(answer)
        if hashlib.sha256(answer.body).digest() != digest:
            raise RegisterError(f"{self.url} gives another manifest than was asked for.", "damaged")
        return answer.body

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
        """The smallest anchored checkpoint (a cosigned note) that covers ``size`` entries, with its anchors."""
        found = self._find(f"anchored/{size}", Anchored)
        return None if found is None else (found.checkpoint, found.anchors)

    def cose(self, index: int) -> bytes:
        """A COSE receipt of an entry, as it came: :func:`~assay.register.cose.check_cose_receipt` checks it."""
        answer = self._http.request("GET", f"{API}/entries/{index}/cose", MAX_RECEIPT)
        if answer.status != 200:
            raise self._refused(answer)
        return answer.body

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, kind: type[T]) -> T:
        answer = self._http.request("GET", f"{API}/{path}", MAX_JSON)
        if answer.status != 200:
            raise self._refused(answer)
        return _decoded(answer.body, kind, self.url)

    def _find(self, path: str, kind: type[T]) -> T | None:
        try:
            return self._get(path, kind)
        except RegisterError as error:
            if error.reason == "missing":
                return None
            raise

    def _refused(self, answer: Answer) -> RegisterError:
        """What an answer that is none says, in the register's own words where it has some."""
        told = _Problem()
        if answer.kind == "application/problem+json":
            try:
                told = msgspec.json.decode(answer.body, type=_Problem)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                told = _Problem()
        reason = told.code if told.code in _REASONS else _BY_STATUS.get(answer.status, "unreachable")
        if not told.detail:
            return RegisterError(f"{self.url} does not answer as a register does: {answer.says()}.", reason)
        words = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in told.detail[:500])
        return RegisterError(f"{self.url} refuses: {words}", reason)


def _decoded(body: bytes, kind: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RegisterError(
            f"{url} does not answer as a register does: its answer cannot be read.", "damaged"
        ) from None


__all__ = ["API", "Anchored", "Hits", "KeyInfo", "RemoteRegister"]
