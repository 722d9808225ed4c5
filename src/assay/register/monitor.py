"""A monitor: compares what logs, mirrors and witnesses show, remembers it, reads every new entry, and tells.

Its folder: ``seen.sqlite3`` (the last checkpoint that each source showed), ``evidence/`` (both signed checkpoints of
every disagreement, see :mod:`assay.register.forks`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgspec

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of
from assay.register.forks import evidence, keep
from assay.register.heads import Head, Heads
from assay.register.http import Http
from assay.register.keys import VerifierKey
from assay.register.mirror import name_of
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.remote import RemoteRegister
from assay.register.tiles import CHECKPOINT, Fetch, TrustedTree
from assay.register.views import Alert, View, disagreements
from assay.register.watching import MAX_ALERTS, claim_alerts, entry_alerts
from assay.register.witness import EVIDENCE

SEEN = "seen.sqlite3"
THREADS = 16
"""Sources that are asked at once."""
SECONDS = 20.0
"""Seconds that one source has for each answer."""


@dataclass(frozen=True)
class Watch:
    """What else to look for. ``keys`` are submitters' key hashes, ``digests`` SHA-256 of files; with ``signatures``
    the submitter's signature of every entry is checked, by asking the log; entries are read at all with ``entries``.
    ``max_age`` (seconds): an older newest cosignature is told; 0 tells none.
    """

    keys: frozenset[bytes] = frozenset()
    digests: frozenset[bytes] = frozenset()
    entries: bool = True
    signatures: bool = False
    max_age: float = 0


@dataclass(frozen=True)
class Mirrored:
    """A mirror to ask. ``url`` is its monitoring prefix; its cosignature is checked where ``key`` is known."""

    url: str
    key: VerifierKey | None = None


@dataclass(frozen=True)
class _Source:
    """Somebody who shows checkpoints of a log. ``keys`` must have cosigned them."""

    kind: str
    origin: str
    http: Http
    keys: tuple[VerifierKey, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one source shows of one log: ``kind`` is log, mirror or witness; ``root`` base64; ``time`` that of the
    newest cosignature, POSIX seconds (0: none).
    """

    kind: str
    origin: str
    source: str
    size: int
    root: str
    time: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one round found. ``read`` are the entries read, by origin."""

    seen: tuple[Seen, ...]
    alerts: tuple[Alert, ...]
    read: dict[str, int]


class Monitor:
    """Watches the logs of a policy, at their addresses and at ``urls``, their mirrors, and those of its witnesses
    that show their last checkpoint. ``clock`` gives POSIX seconds; ``transport`` stands in for the network.
    """

    def __init__(
        self, folder: Path, policy: Policy, *, urls: Sequence[str] = (), mirrors: Sequence[Mirrored] = (),
        watch: Watch | None = None, clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Raises RegisterError: ``malformed`` for addresses that are none, ``unwritable``."""
        self._folder, self._policy, self._clock = folder, policy, clock
        self._watch, self._transport = watch or Watch(), transport
        self._closing = ExitStack()
        self._sources = list(self._all(urls, mirrors))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegisterError(f"{folder} cannot be made: {error.strerror}.", "unwritable") from None
        self._heads = Heads(folder / SEEN, clock)
        self._closing.callback(self._heads.close)

    def _all(self, urls: Sequence[str], mirrors: Sequence[Mirrored]) -> Iterator[_Source]:
        logs = self._policy.logs
        for line in logs:
            if line.url:
                yield _Source("log", line.key.name, self._http(line.url))
        origins = list(dict.fromkeys(line.key.name for line in logs))
        for url in urls:
            # Which log it shows, it says itself: a checkpoint of another one is judged as that one's.
            yield _Source("log", origins[0] if len(origins) == 1 else "", self._http(url))
        for origin in origins:
            for mirror in mirrors:
                keys = (mirror.key,) if mirror.key else ()
                yield _Source("mirror", origin, self._http(f"{mirror.url.rstrip('/')}/{name_of(origin)}"), keys)
            by_url: dict[str, list[VerifierKey]] = {}
            for witness in self._policy.witnesses.values():
                if witness.url:
                    by_url.setdefault(witness.url.rstrip("/"), []).append(witness.key)
            for url, known in by_url.items():
                yield _Source("witness", origin, self._http(f"{url}/{name_of(origin)}"), tuple(known))

    def _http(self, url: str) -> Http:
        return self._closing.enter_context(Http(url, seconds=SECONDS, transport=self._transport))

    def check(self, progress: Callable[[str, int, int], None] = lambda _origin, _done, _all: None) -> Round:
        """Ask everybody once. ``progress`` is told the log, how many of its entries are read, and of how many. Raises
        RegisterError only where the monitor's own folder fails.
        """
        alerts: list[Alert] = []
        views: list[tuple[_Source, View]] = []
        with ThreadPoolExecutor(THREADS, thread_name_prefix="monitor") as pool:
            for source, found in zip(self._sources, pool.map(self._ask, self._sources), strict=True):
                view, told = found
                alerts += told
                if view is not None:
                    views.append((source, view))
        read: dict[str, int] = {}
        for origin in dict.fromkeys(view.checkpoint.origin for _, view in views):
            mine = [(source, view) for source, view in views if view.checkpoint.origin == origin]
            told = self._compare(origin, mine)
            alerts += told
            newest = max((v for s, v in mine if s.kind == "log"), key=lambda v: v.checkpoint.size, default=None)
            if newest is not None and self._watch.entries and not any(a.kind == "fork" for a in told):
                count, told = self._read(newest, progress)
                read[origin] = count
                alerts += told
        alerts += self._claims()
        return Round(seen=tuple(self._seen(s, v) for s, v in views), alerts=tuple(alerts), read=read)

    def _ask(self, source: _Source) -> tuple[View | None, list[Alert]]:
        """What one source shows, where its signatures hold; and what is wrong with it."""
        where = source.http.url
        try:
            note = Note.parse(source.http.fetch(CHECKPOINT))
            checkpoint = Checkpoint.parse(note.text)
            if source.origin and checkpoint.origin != source.origin:
                raise RegisterError(f"It shows the log {checkpoint.origin!r}.", "malformed")
            if not any(key.signed(note) is not None for key in self._keys(checkpoint.origin)):
                raise RegisterError("It shows a checkpoint that the log did not sign.", "signature")
        except RegisterError as error:
            if source.kind == "witness" and error.reason == "missing":
                return None, []
            kind = error.reason if error.reason in ("unreachable", "signature", "key", "malformed") else "unreachable"
            return None, [_alert(kind, source.origin, where, f"{where}: {error}")]
        alerts = []
        try:
            # A log begins with an empty tree, before anybody cosigns.
            if source.kind == "log" and checkpoint.size:
                self._policy.check(note)
            elif source.keys and not any(key.signed(note) is not None for key in source.keys):
                says = f"The checkpoint that this {source.kind} shows is not cosigned by it."
                raise RegisterError(says, "signature")
        except RegisterError as error:
            alerts.append(_alert(error.reason, checkpoint.origin, where, f"{where}: {error}"))
        age = self._clock() - _time(note, self._cosigners(source))
        if self._watch.max_age and age > self._watch.max_age and checkpoint.size:
            says = f"{where}: the newest cosignature is more than {self._watch.max_age:g} s old"
            alerts.append(_alert("stale", checkpoint.origin, where, says))
        fetch: Fetch | None = source.http.fetch if source.kind != "witness" else None
        return View(where, note, checkpoint, fetch), alerts

    def _compare(self, origin: str, views: Sequence[tuple[_Source, View]]) -> list[Alert]:
        """Every checkpoint shown now against every other, and against what the same sources showed before."""
        alerts: list[Alert] = []
        every: list[View] = []
        for _, view in views:
            every.append(view)
            head = self._heads.get(f"{origin}\n{view.source}")
            if head.note is None:
                continue
            before = View(view.source, head.note, Checkpoint.parse(head.note.text), earlier=True)
            every.append(before)
            if head.size > view.checkpoint.size:
                kept = evidence(
                    "rollback", (view.source, view.note), (view.source, head.note), self._keys(origin)
                )  # fmt: skip
                place = keep(self._folder / EVIDENCE, kept)
                says = (
                    f"{view.source} shows {view.checkpoint.size} entries of {origin}, and had shown {head.size} before"
                )
                alerts.append(_alert("rollback", origin, view.source, says, str(place)))
        alerts += disagreements(every, self._keys(origin), self._folder / EVIDENCE, _cached())
        for _, view in views:
            if not any(a.kind in ("fork", "unproven") and view.source in a.source.split(", ") for a in alerts):
                self._remember(f"{origin}\n{view.source}", view)
        return alerts

    def _remember(self, name: str, view: View) -> None:
        def accept(head: Head, _: int) -> Note:
            return view.note if head.note is None or head.size <= view.checkpoint.size else head.note

        if self._heads.get(name).note != view.note:
            self._heads.advance(name, accept)

    def _read(self, view: View, progress: Callable[[str, int, int], None]) -> tuple[int, list[Alert]]:
        """Read the entries that are new in a log."""
        origin, size = view.checkpoint.origin, view.checkpoint.size
        start = self._heads.get(f"{origin}\nentries").size
        assert view.fetch is not None
        if size <= start:
            return 0, []
        found: list[Alert] = []
        try:
            with RemoteRegister(view.source, seconds=SECONDS, transport=self._transport) as register:
                tree = TrustedTree(view.fetch, view.checkpoint, 64)
                batch = register.batch if self._watch.signatures else None
                told = entry_alerts(
                    tree, start, origin, view.source, keys=self._watch.keys, batch=batch,
                    progress=lambda done: progress(origin, done, size),
                )  # fmt: skip
                found = list(islice(told, MAX_ALERTS))
                more = sum(1 for _ in told)
        except RegisterError as error:
            kind = error.reason if error.reason in ("unreachable", "malformed") else "entry"
            return 0, [*found, _alert(kind, origin, view.source, f"{view.source}: {error}")]
        if more:
            found.append(_alert("entry", origin, view.source, f"{origin}: {more} entries more are to be told of"))
        self._remember(f"{origin}\nentries", view)
        return size - start, found

    def _claims(self) -> list[Alert]:
        found: list[Alert] = []
        if not self._watch.digests:
            return found
        for line in self._policy.logs:
            if line.url:
                try:
                    with RemoteRegister(line.url, seconds=SECONDS, transport=self._transport) as register:
                        found += islice(claim_alerts(register, line.key, self._watch.digests), MAX_ALERTS)
                except RegisterError as error:
                    found.append(_alert("unreachable", line.key.name, line.url, f"{line.url}: {error}"))
        return found

    def _keys(self, origin: str) -> list[VerifierKey]:
        return [line.key for line in self._policy.logs if line.key.name == origin]

    def _cosigners(self, source: _Source) -> list[VerifierKey]:
        return [*(line.key for line in self._policy.witnesses.values()), *source.keys]

    def _seen(self, source: _Source, view: View) -> Seen:
        return Seen(
            kind=source.kind, origin=view.checkpoint.origin, source=view.source, size=view.checkpoint.size,
            root=base64_of(view.checkpoint.root), time=_time(view.note, self._cosigners(source)),
        )  # fmt: skip

    def close(self) -> None:
        """Let go of files and connections."""
        self._closing.close()


def _alert(kind: str, origin: str, source: str, says: str, place: str | None = None) -> Alert:
    return Alert(kind=kind, origin=origin, source=source, says=says.rstrip("."), evidence=place)


def _time(note: Note, keys: Sequence[VerifierKey]) -> int:
    """The newest time of a cosignature by one of these keys; 0 where there is none."""
    times = [0]
    for key in keys:
        try:
            times.append(key.signed(note) or 0)
        except RegisterError:
            continue
    return max(times)


def _cached() -> Callable[[Fetch], Fetch]:
    """Tiles never change within a round: each is asked for once."""
    kept: dict[Any, Fetch] = {}
    return lambda fetch: kept.setdefault(fetch, lru_cache(256)(fetch))


__all__ = ["Mirrored", "Monitor", "Round", "Seen", "Watch"]
