"""The read side of C2SP tlog-tiles over ASGI: ``/checkpoint``, ``/tile/…``. Under no framework, because it is asked
most: a log is read far more often than it is written.

The checkpoint is never kept by a cache; tiles and bundles never change, and are kept for long. Every answer may be read
by a page of any origin, so that verifiers run in browsers.
"""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.note import Note
from assay.register.tiles import CHECKPOINT, TilePath, parse_path, width_of
from assay.web.problems import Refusal
from assay.web.register.problems import Header, answer, as_refusal, refuse

CACHE = 64 * 1024 * 1024
"""Bytes of tiles and bundles that are kept in memory."""
THREADS = 8
"""Objects that are read at once."""
_ALWAYS: list[Header] = [(b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff")]
_KIND: Header = (b"content-type", b"application/octet-stream")
_VARY: Header = (b"vary", b"Accept-Encoding")
_IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
_ALLOW = {"Allow": "GET, HEAD, OPTIONS"}


class _Form(NamedTuple):
    """One body with its headers. ``etag`` is quoted."""

    etag: bytes
    headers: list[Header]
    body: bytes


class _Kept(NamedTuple):
    """A tile; for a bundle its compressed form too, once somebody asked for that."""

    plain: _Form
    bundle: bool
    packed: _Form | None = None


class Reads:
    """Answers reads of one log. ``fetch`` gives the bytes at a path and may block; it is called in threads."""

    def __init__(
        self, fetch: Callable[[str], bytes], *, cache: int = CACHE, count: Callable[[str], None] = lambda _: None
    ) -> None:
        """``count`` is told what was read: ``checkpoint``, ``tile`` or ``entries``."""
        self._fetch, self._limit, self._count = fetch, cache, count
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._size = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="reads")

    async def __call__(self, scope: Any, send: Any) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, send)
        except Exception as error:
            await refuse(send, as_refusal(error))

    async def _answer(self, scope: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"][1:]
        if method == "OPTIONS":
            allow = (b"allow", _ALLOW["Allow"].encode())
            await answer(send, 204, [allow, (b"access-control-allow-methods", b"GET, HEAD"), *_ALWAYS])
            return
        if method not in ("GET", "HEAD"):
            raise Refusal(405, "method_not_allowed", "Tiles and checkpoints are only read.", _ALLOW)
        if b"%" in scope.get("raw_path", b"").partition(b"?")[0]:
            raise RegisterError("Ask for a tile by its path as it is, without percent signs.", "malformed")
        if path == CHECKPOINT:
            form = await self._checkpoint()
            self._count("checkpoint")
        else:
            kept = self._kept.get(path)
            if kept is None:
                kept = await self._tile(path)
            else:
                self._kept.move_to_end(path)
            form = kept.plain
            if kept.bundle and _accepts_gzip(scope):
                form = kept.packed or await self._pack(path, kept)
            self._count("entries" if kept.bundle else "tile")
        for name, value in scope["headers"]:
            if name == b"if-none-match" and (value == b"*" or form.etag in value):
                unsized = [header for header in form.headers if header[0] not in (b"content-length", b"content-type")]
                await answer(send, 304, unsized)
                return
        await answer(send, 200, form.headers, b"" if method == "HEAD" else form.body)

    async def _checkpoint(self) -> _Form:
        data = await self._threaded(self._fetch, CHECKPOINT)
        self._size = max(self._size, Checkpoint.parse(Note.parse(data).text).size)
        return _form(data, (b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-cache"))

    async def _tile(self, path: str) -> _Kept:
        """Read what is not in memory. The log's storage runs ahead of what it has published; readers do not."""
        place = parse_path(path)
        if not self._published(place):
            await self._checkpoint()
            if not self._published(place):
                raise RegisterError(f"{path} is beyond the published tree of {self._size} entries.", "missing")
        kept: _Kept = await self._threaded(self._read, path, place)
        self._keep(path, kept)
        return kept

    async def _pack(self, path: str, kept: _Kept) -> _Form:
        """Compress a bundle, and keep that beside it."""
        packed: _Form = await self._threaded(_packed, kept.plain)
        self._keep(path, kept._replace(packed=packed))
        return packed

    def _keep(self, path: str, kept: _Kept) -> None:
        old = self._kept.pop(path, None)
        self._kept[path] = kept
        self._bytes += _weight(kept) - (_weight(old) if old else 0)
        while self._bytes > self._limit and self._kept:
            _, first = self._kept.popitem(last=False)
            self._bytes -= _weight(first)

    def _published(self, place: TilePath) -> bool:
        return width_of(place.level or 0, place.index, self._size) >= place.width

    def _read(self, path: str, place: TilePath) -> _Kept:
        data = self._fetch(path)
        if place.level is not None:
            return _Kept(_form(data, _KIND, _IMMUTABLE), bundle=False)
        return _Kept(_form(data, _KIND, _IMMUTABLE, _VARY), bundle=True)

    async def _threaded(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


def _packed(plain: _Form) -> _Form:
    return _form(gzip.compress(plain.body, 1, mtime=0), _KIND, _IMMUTABLE, _VARY, (b"content-encoding", b"gzip"))


def _form(body: bytes, *headers: Header) -> _Form:
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    return _Form(etag, [*headers, (b"content-length", str(len(body)).encode()), (b"etag", etag), *_ALWAYS], body)


def _weight(kept: _Kept) -> int:
    return 1024 + len(kept.plain.body) + (len(kept.packed.body) if kept.packed else 0)


def _accepts_gzip(scope: Any) -> bool:
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            for part in value.split(b","):
                coding, _, weight = part.partition(b";")
                if coding.strip().lower() == b"gzip":
                    return weight.strip().replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


__all__ = ["Reads"]
