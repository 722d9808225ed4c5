"""What the resolution service does, said without HTTP: questions in, matches out, all of it in threads."""

import datetime
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec

from assay.errors import AssayError, ProvenanceError
from assay.provenance.model import SoftBinding
from assay.provenance.resolution.receipts import NoReceipts, Receipts
from assay.provenance.resolution.records import (
    Binding,
    Capability,
    Created,
    Found,
    Health,
    QueryResult,
    Receipt,
    Status,
    VerifiedReceipt,
)
from assay.provenance.softbindings import contents, decoded
from assay.provenance.store import MAX_MATCHES, ManifestStore, Match
from assay.web.fetch import Resolver, fetch, resolve
from assay.web.problems import Refusal

MatchContent = Callable[[bytes, int], list[Match]]
"""From the bytes of a file, and how many matches are wanted, to matches. Raises MediaError."""

LOW = 64 * 1024**2
"""Bytes of free disk below which the service calls itself degraded."""

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How a service is run. ``url`` is where its API begins, as others see it; ``token`` the digest
    (``sha256:…``) of the secret that lets write, ``free`` lets all write. ``watermarks`` and ``fingerprints`` are the
    algorithms answered for. Sizes in bytes, times in seconds; ``requests_per_minute`` is for each client, 0 for any
    number; ``decoders`` files are looked into at once, and as many again may wait.
    """

    url: str | None = None
    token: str | None = None
    free: bool = False
    watermarks: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    fetch_references: bool = False
    max_asset: int = 32 * 1024**2
    max_json: int = 256 * 1024
    upload_seconds: float = 60.0
    requests_per_minute: int = 120
    decoders: int = 2


class Service:
    """The service over a store."""

    def __init__(
        self,
        store: ManifestStore,
        settings: Settings,
        *,
        match_content: MatchContent | None = None,
        receipts: Receipts | None = None,
        resolver: Resolver = resolve,
        transport: Any = None,
    ) -> None:
        self.settings = settings
        self._store = store
        self._match_content = match_content
        self._receipts = receipts or NoReceipts()
        self._resolver, self._transport = resolver, transport
        self._decoding = 0
        self._decoders: anyio.CapacityLimiter | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """All that are answered for."""
        return self.settings.watermarks + self.settings.fingerprints

    @property
    def capabilities(self) -> list[Capability]:
        """What is offered beyond the least."""
        writes = bool(self.settings.token or self.settings.free)
        offered = {
            Capability.CONTENT: self._match_content is not None,
            Capability.REFERENCE: self._match_content is not None and self.settings.fetch_references,
            Capability.MANIFESTS: writes,
            Capability.BINDINGS: writes,
        }
        return [capability for capability in Capability if offered[capability]]

    async def by_binding(self, algorithm: str, value: str, limit: int) -> QueryResult:
        """What a soft binding leads to, where the value is the same to the bit."""
        return _result(await self._matches(*self._binding(algorithm, value), limit))

    async def by_content(
        self, data: bytes, limit: int, *, algorithm: str | None, hint: tuple[str | None, str | None]
    ) -> QueryResult:
        """What a file leads to; ``hint`` is a soft binding that the asker knows already."""
        match = self._match_content
        if match is None:
            raise Refusal(403, "not_offered", "This service does not look into files; ask for a soft binding.")
        if algorithm:
            self._supported(algorithm)
        if (hint[0] is None) != (hint[1] is None):
            raise Refusal(400, "invalid_request", "hintAlg and hintValue go together.")
        known = self._binding(str(hint[0]), str(hint[1])) if hint[0] is not None else None
        if not data:
            raise Refusal(400, "empty", "The file is empty.")
        found = await self._decode(lambda: match(data, MAX_MATCHES))
        if algorithm:
            found = [one for one in found if one.algorithm == algorithm]
        if known:
            found += await self._matches(*known, limit)
        return _result(found, limit)

    async def by_reference(
        self, url: str, length: int, kind: str | None, limit: int, *,
        algorithm: str | None, hint: tuple[str | None, str | None],
    ) -> QueryResult:  # fmt: skip
        """What a file at an address leads to."""
        if not self.settings.fetch_references or self._match_content is None:
            raise Refusal(403, "not_offered", "This service fetches nothing; send the file to /matches/byContent.")
        if length > self.settings.max_asset:
            raise Refusal(413, "too_large", f"An asset may have {self.settings.max_asset:,} bytes here.")
        data = await fetch(
            url, limit=length, seconds=self.settings.upload_seconds, resolver=self._resolver, transport=self._transport
        )
        if kind and await _threaded(lambda: _kind(data)) != kind.lower():
            raise Refusal(400, "reference", f"The reference is refused. What it leads to is not {kind[:64]}.")
        return await self.by_content(data, limit, algorithm=algorithm, hint=hint)

    async def manifest(self, manifest_id: str, *, active: bool) -> bytes:
        """A manifest store, whole or with its active manifest alone."""
        try:
            found = await _threaded(lambda: self._store.get(manifest_id))
        except ProvenanceError as error:
            if error.reason in ("rejected", "missing"):
                raise Refusal(500, "damaged", "The service has damaged this manifest.") from error
            raise
        if found is None:
            raise _no_manifest()
        return contents(found).active if active else found

    async def put(self, manifest: bytes, *, receipt: bool) -> Created:
        """Take a manifest store in."""
        manifest_id = await _threaded(lambda: self._store.put(manifest))
        given = await _threaded(lambda: self._receipts.issue(manifest_id, manifest)) if receipt else None
        if given is None:
            return Created(manifestId=manifest_id)
        return Created(manifestId=manifest_id, receipt=msgspec.convert(given, Receipt))

    async def delete(self, manifest_id: str) -> None:
        """Forget a manifest."""
        if not await _threaded(lambda: self._store.delete(manifest_id)):
            raise _no_manifest()

    async def bind(self, binding: Binding, *, replace: bool) -> None:
        """Let a soft binding lead to a manifest; with ``replace``, one that is there already."""
        algorithm = binding.alg if isinstance(binding.alg, str) else self._only_watermark()
        _, value = self._binding(algorithm, binding.bindingValue)
        record = SoftBinding(algorithm=algorithm, value=binding.bindingValue)

        def change() -> None:
            if self._store.get_entry(binding.manifestId) is None:
                raise _no_manifest()
            if replace and not self._store.by_binding(algorithm, value, 1):
                raise Refusal(404, "no_binding", "No manifest is bound to this value yet.")
            self._store.bind(binding.manifestId, [record], replace=replace)

        await _threaded(change)

    async def receipt(self, manifest_id: str) -> VerifiedReceipt:
        """The newest receipt of a manifest, verified now."""
        manifest = await self.manifest(manifest_id, active=False)
        given = await _threaded(lambda: self._receipts.list(manifest_id))
        if not given:
            raise Refusal(404, "no_receipt", "There is no receipt for this manifest.")
        return await self._verified(manifest_id, manifest, given[-1])

    async def verify(self, manifest_id: str, receipt: Receipt) -> VerifiedReceipt:
        """Whether a receipt holds."""
        manifest = await self.manifest(manifest_id, active=False)
        return await self._verified(manifest_id, manifest, msgspec.to_builtins(receipt))

    async def _verified(self, manifest_id: str, manifest: bytes, receipt: dict[str, Any]) -> VerifiedReceipt:
        if receipt["repository"]["manifestId"] != manifest_id:
            error: str | None = "The receipt is for another manifest."
        else:
            error = await _threaded(lambda: self._receipts.verify(manifest_id, manifest, receipt))
        told = {**receipt, "verified": error is None, **({"error": error} if error else {})}
        return msgspec.convert(told, VerifiedReceipt)

    async def status(self) -> Status:
        """How it is."""
        health = await _threaded(self._health)
        return Status(status=health, timestamp=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    def _health(self) -> Health:
        try:
            self._store.stats()
            if shutil.disk_usage(self._store.path).free < LOW or not os.access(self._store.path, os.W_OK):
                return Health.DEGRADED
        except (AssayError, OSError):
            return Health.DOWN
        return Health.OK

    def _supported(self, algorithm: str) -> None:
        if algorithm not in self.algorithms:
            says = f"This service answers for {', '.join(self.algorithms) or 'no algorithm'}."
            raise Refusal(400, "unsupported_algorithm", says)

    def _binding(self, algorithm: str, value: str) -> tuple[str, bytes]:
        self._supported(algorithm)
        try:
            return decoded(SoftBinding(algorithm=algorithm, value=value))
        except ValueError as error:
            raise Refusal(400, "invalid_request", f"The soft binding is refused: {error}.") from None

    def _only_watermark(self) -> str:
        if len(self.settings.watermarks) != 1:
            raise Refusal(400, "unsupported_algorithm", "Say with alg which algorithm the value is of.")
        return self.settings.watermarks[0]

    async def _matches(self, algorithm: str, value: bytes, limit: int) -> list[Match]:
        return await _threaded(lambda: self._store.by_binding(algorithm, value, limit))

    async def _decode(self, work: Callable[[], T]) -> T:
        """Work that takes long, a few at a time; who comes when as many again wait is sent away."""
        if self._decoders is None:
            self._decoders = anyio.CapacityLimiter(self.settings.decoders)
        if self._decoding >= 2 * self.settings.decoders:
            raise Refusal(503, "busy", "The service is busy; try again later.", {"Retry-After": "5"})
        self._decoding += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._decoders)
        finally:
            self._decoding -= 1


async def _threaded(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


def _kind(data: bytes) -> str | None:
    from assay.provenance.formats import mime_of  # noqa: PLC0415 (media and its decoders load slowly)

    return mime_of(data[:512])


def _no_manifest() -> Refusal:
    return Refusal(404, "no_manifest", "There is no such manifest here.")


def _result(matches: list[Match], limit: int = MAX_MATCHES) -> QueryResult:
    """Each manifest once, where its first match stands, with the first score that any of its matches has."""
    found: dict[str, Match] = {}
    for match in matches:
        known = found.setdefault(match.manifest_id, match)
        if known.score is None and match.score is not None:
            found[match.manifest_id] = replace(known, score=match.score)
    return QueryResult(matches=[_told(match) for match in found.values()][:limit])


def _told(match: Match) -> Found:
    options: dict[str, Any] = {}
    if match.endpoint is not None:
        options["endpoint"] = match.endpoint
    if match.score is not None:
        options["similarityScore"] = match.score
    return Found(manifestId=match.manifest_id, **options)


__all__ = ["MatchContent", "Service", "Settings"]
