"""The sequencer: a bounded pool, batches out of it, publication behind them, and answers when a quorum has cosigned.

Three threads. One sequences: a batch, one durable step, the next batch. One publishes the newest committed checkpoint
while the next batches commit, and answers. One fills the index and trims the journal. After any error of storage the
memory is thrown away and built anew before anything else is taken in.
"""

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec

from assay.errors import RegisterError
from assay.register.leaf import Kind, log_hash
from assay.register.model import Accepted, Position, Submission
from assay.register.publisher import Published, Publisher
from assay.register.settling import Settler
from assay.register.submission import check
from assay.register.writer import Checked, Writer

RETRY = 1.0
"""Seconds between attempts after an error."""
_TOMBSTONE = bytes((Kind.TOMBSTONE,))
LAG = 16
"""How many pools of committed entries may wait for the index."""
_log = logging.getLogger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """``batch``: entries after which a batch is full; ``interval``: seconds that a first entry waits for others, and at
    least between publications; ``pool``: entries that may be on their way, not yet published; ``wait``: seconds until
    a submitter is told that publication takes too long.
    """

    batch: int = 4096
    interval: float = 0.05
    pool: int = 65_536
    wait: float = 10.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log is, in entries. ``trouble`` is what keeps it from going on, in words."""

    committed: int
    published: int
    indexed: int
    waiting: int
    limit: int
    trouble: str | None


class BusyError(RegisterError):
    """The pool is full; ``retry_after`` is in seconds."""

    def __init__(self, message: str, reason: str = "busy", retry_after: int = 1) -> None:
        super().__init__(message, reason)
        self.retry_after = retry_after


@dataclass(eq=False)
class _Waiting:
    """A submission on its way. ``end`` is the size that its entries are published at."""

    checked: Checked
    arrived: float
    future: Future[Accepted] = field(default_factory=Future)
    positions: tuple[Position, ...] = ()
    end: int = 0

    @property
    def count(self) -> int:
        return len(self.checked[1])


class Sequencer:
    """Takes submissions in. Thread-safe; :meth:`close` it."""

    def __init__(self, writer: Writer, publisher: Publisher, settler: Settler, limits: Limits | None = None) -> None:
        """Load the state and begin. Raises RegisterError where the storage is damaged or cannot be read."""
        self._writer, self._publisher, self._settler = writer, publisher, settler
        self._limits = limits or Limits()
        self._here = log_hash(writer.origin)
        self._changed = threading.Condition()  # guards all below
        self._storage = threading.Lock()  # held by whoever changes objects or state, so that a reload meets nobody
        self._pool: deque[_Waiting] = deque()
        self._sequenced: deque[_Waiting] = deque()
        self._entries = self._committed = 0
        self._indexed = -1  # a trim may be left over from the last time
        self._fault = self._closing = self._drained = self._done = False
        self._troubles: dict[str, RegisterError] = {}
        self._load()
        parts = (("sequence", self._sequence), ("publish", self._publish), ("settle", self._settle))
        self._threads = [threading.Thread(target=run, name=f"assay-{name}", daemon=True) for name, run in parts]
        for thread in self._threads:
            thread.start()

    def submit(self, submission: Submission) -> "Future[Accepted]":
        """Check a submission and take it in. The future is done when all entries are published under a quorum.

        Raises RegisterError: what :func:`assay.register.submission.check` raises; ``mismatch`` for a
        tombstone for another log; :class:`BusyError` where the pool is
        full.
        The future raises RegisterError: after ``wait`` seconds ``quorum``, or what else keeps back publication, the
        entries keeping their place; and at once what storage says, where it is uncertain whether anything was taken in.
        After either, handing in again is right.
        """
        with self._changed:
            self._room(len(submission.entries))
        for entry in submission.entries:
            if entry.head[1:2] == _TOMBSTONE and entry.head[34:66] != self._here:
                raise RegisterError("The tombstone is for another log than this.", "mismatch")
        waiting = _Waiting((submission, check(submission)), time.monotonic())
        waiting.future.set_running_or_notify_cancel()
        with self._changed:
            self._room(waiting.count)
            self._pool.append(waiting)
            self._entries += waiting.count
            if len(self._pool) == 1 or self._entries >= self._limits.batch:
                self._changed.notify_all()
        return waiting.future

    @property
    def published(self) -> Published | None:
        """The published checkpoint and its cosigned note; None before the first."""
        return self._publisher.published

    @property
    def status(self) -> Status:
        """How far the log is."""
        with self._changed:
            return Status(
                committed=self._committed, published=self._size, indexed=max(0, self._indexed), waiting=self._waiting,
                limit=self._limits.pool, trouble="; ".join(map(str, self._troubles.values())) or None,
            )  # fmt: skip

    def close(self) -> None:
        """Take in what waits, publish it if that can be done at once, fill the index, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def _size(self) -> int:
        published = self._publisher.published
        return published.size if published else 0

    @property
    def _waiting(self) -> int:
        return self._entries + self._committed - self._size

    def _room(self, count: int) -> None:
        if self._closing:
            raise BusyError("The log is being closed; hand in again later.")
        if (waiting := self._waiting) and waiting + count > self._limits.pool:
            raise BusyError(f"{waiting} entries wait already; hand in again later.")
        if self._indexed >= 0 and (behind := self._committed - self._indexed) > LAG * self._limits.pool:
            raise BusyError(f"The index is {behind} entries behind; hand in again later.")

    def _load(self) -> None:
        with self._storage:
            self._writer.load()
            self._publisher.load(self._writer.tip)
        with self._changed:
            self._committed = self._writer.tip.edge.size
            self._fault = False
            self._changed.notify_all()

    def _failed(self, part: str, error: Exception, *, fault: bool) -> RegisterError:
        if not isinstance(error, RegisterError):
            _log.error("The register failed to %s", part, exc_info=error)
            error = RegisterError(f"The register failed: {type(error).__name__}.", "unwritable")
        _log.warning("The register could not %s: %s", part, error)
        with self._changed:
            self._troubles[part] = error
            self._fault = self._fault or fault
            self._changed.notify_all()
        return error

    def _fine(self, part: str) -> None:
        with self._changed:
            self._troubles.pop(part, None)

    def _sequence(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pool or self._fault or self._closing)
                if self._closing and not self._pool:
                    self._drained = True
                    self._changed.notify_all()
                    return
            try:
                if self._fault:
                    self._load()
                self._fine("read its state")
            except Exception as error:
                self._refuse(self._failed("read its state", error, fault=True))
                continue
            if batch := self._gather():
                self._commit(batch)

    def _refuse(self, error: RegisterError) -> None:
        """Tell all who wait in the pool, and rest before the next attempt."""
        with self._changed:
            pool, self._pool, self._entries = list(self._pool), deque(), 0
        told = RegisterError(f"The log cannot take anything in now: {error} Hand in again later.", error.reason)
        for one in pool:
            one.future.set_exception(told)
        with self._changed:
            self._changed.wait_for(lambda: self._closing, RETRY)

    def _gather(self) -> list[_Waiting]:
        limits, count = self._limits, 0
        batch: list[_Waiting] = []
        with self._changed:
            if self._pool:
                due = self._pool[0].arrived + limits.interval
                full = lambda: self._entries >= limits.batch or self._closing or self._fault  # noqa: E731
                self._changed.wait_for(full, max(0.0, due - time.monotonic()))
            while self._pool and not self._fault and (not batch or count + self._pool[0].count <= limits.batch):
                batch.append(self._pool.popleft())
                count += batch[-1].count
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            positions = self._writer.sequence([one.checked for one in batch])
        except Exception as error:
            reason = self._failed("take in a batch", error, fault=True)
            told = RegisterError(f"{reason} Whether this was taken in is not certain: hand it in again.", reason.reason)
            with self._changed:
                self._entries -= sum(one.count for one in batch)
            for one in batch:
                one.future.set_exception(told)
            return
        self._fine("take in a batch")
        there: list[_Waiting] = []
        with self._changed:
            self._entries -= sum(one.count for one in batch)
            self._committed = self._writer.tip.edge.size
            for one, found in zip(batch, positions, strict=True):
                one.positions, one.end = found, max(position.index for position in found) + 1
                (there if one.end <= self._size else self._sequenced).append(one)
            published = self._publisher.published
            self._changed.notify_all()
        _answer(there, published)

    def _publish(self) -> None:
        due = 0.0
        while True:
            with self._changed:
                now = time.monotonic()
                behind = not self._fault and (self._publisher.published is None or self._committed > self._size)
                if self._drained and (not behind or "publish" in self._troubles):
                    self._done = True
                    self._changed.notify_all()
                    break
                if not behind or (now < due and not self._drained):
                    limits = [due] if behind else []
                    limits += [self._sequenced[0].arrived + self._limits.wait] if self._sequenced else []
                    self._changed.wait(max(0.0, min(limits) - now) if limits else None)
                    behind = False
            self._expire()
            if behind:
                due = time.monotonic() + (self._limits.interval if self._publish_once() else RETRY)
        self._expire(RegisterError("The log was closed before this was published; hand in again later.", "busy"))

    def _publish_once(self) -> bool:
        """Publish what is committed; whether that went well."""
        try:
            with self._storage:
                tip, full = self._writer.take()
                self._publisher.place(tip, full)
        except Exception as error:
            self._failed("publish", error, fault=True)
            return False
        try:
            note = self._publisher.cosigned(tip)
        except Exception as error:
            self._failed("publish", error, fault=False)
            return False
        try:
            with self._storage:
                published = self._publisher.announce(note)
        except Exception as error:
            self._failed("publish", error, fault=True)
            return False
        self._fine("publish")
        there: list[_Waiting] = []
        with self._changed:
            while self._sequenced and self._sequenced[0].end <= published.size:
                there.append(self._sequenced.popleft())
            self._changed.notify_all()
        _answer(there, published)
        return True

    def _expire(self, error: RegisterError | None = None) -> None:
        """Tell those who wait for too long, or all."""
        late: list[_Waiting] = []
        with self._changed:
            past = time.monotonic() - self._limits.wait
            while self._sequenced and (error or self._sequenced[0].arrived <= past):
                late.append(self._sequenced.popleft())
            why = self._troubles.get("publish")
        if error is None:
            message = f"Taken in, but not published within {self._limits.wait:g} s"
            error = RegisterError(f"{message}: {why or 'it takes longer.'} Hand it in again later to get its place.",
                                  why.reason if why else "busy")  # fmt: skip
        for one in late:
            one.future.set_exception(error)

    def _settle(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._done or self._size > self._indexed)
                if self._done and self._size <= self._indexed:
                    return
                size = self._size
            try:
                self._indexed = self._settler.settle(size)
                with self._storage:
                    self._settler.tidy(size)
                self._fine("fill the index")
            except Exception as error:
                self._failed("fill the index", error, fault=False)
                if self._done:
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._done, RETRY)


def _answer(there: list[_Waiting], published: Published | None) -> None:
    for one in there:
        if published is not None:
            one.future.set_result(Accepted(positions=one.positions, checkpoint=published.note))


__all__ = ["LAG", "BusyError", "Limits", "Sequencer", "Status"]
