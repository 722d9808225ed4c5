"""``POST /api/v1/submissions``: signed entries in, positions out once a quorum has cosigned.

Under no framework, because it is asked at every record. Bodies are read on the event loop; threads decode, verify and
hand over to the sequencer, since verifying lets the loop go on meanwhile.
"""

import asyncio
import contextlib
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol

import msgspec

from assay.errors import RegisterError
from assay.register.model import Accepted, Submission
from assay.web.limits import Counter
from assay.web.problems import Refusal
from assay.web.register.metrics import Metrics
from assay.web.register.problems import RETRY, Header, answer, as_refusal, refuse

PATH = "/api/v1/submissions"
_ALLOW = "OPTIONS, POST"
_PREFER = re.compile(rb"(?:^|[,;\s])wait\s*=\s*([0-9]{1,6})(?![0-9.])", re.IGNORECASE)
_JSON: list[Header] = [
    (b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
]  # fmt: skip
_RECENT = 65_536
"""Submissions whose charge to a quota is remembered."""
THREADS = 2
"""Threads that verify: as many as keep the others of a small machine busy."""
_DECODER = msgspec.json.Decoder(Submission)


class Meter(Protocol):
    """Who may hand in, and how much. Several threads call it, so that a key may go beyond its quota by as many
    submissions as are checked at once.
    """

    def check(self, key: bytes, entries: int) -> None:
        """Raises RegisterError: ``key`` for a submitter who may not, ``quota`` where it would be too much."""
        ...

    def charge(self, key: bytes, entries: int) -> None:
        """Count entries; a negative number gives some back."""
        ...


@dataclass(eq=False, slots=True)
class _Item:
    """A submission between the event loop and the thread."""

    body: bytes
    waiter: "asyncio.Future[Accepted]"
    loop: asyncio.AbstractEventLoop


class Intake:
    """Takes submissions in. ``submit`` is the sequencer's; ``seconds`` a body may take to arrive; ``max_body`` bytes it
    may have; ``max_held`` bytes of bodies that are on their way together.
    """

    def __init__(
        self, submit: Callable[[Submission], "Future[Accepted]"], meter: Meter, counter: Counter, metrics: Metrics, *,
        seconds: float, max_body: int, max_held: int,
    ) -> None:  # fmt: skip
        self._submit, self._meter, self._counter, self._metrics = submit, meter, counter, metrics
        self._seconds, self._max_body, self._max_held = seconds, max_body, max_held
        self._held = 0
        self._closed = False
        self._lock = Lock()
        self._given_back: deque[tuple[bytes, int]] = deque()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name="assay-intake", daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        began, held = time.perf_counter(), 0
        try:
            self._pass(scope)
            chunks = []
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return
                    chunks.append(message.get("body", b""))
                    held += len(chunks[-1])
                    self._held += len(chunks[-1])
                    if held > self._max_body:
                        raise self._too_large()
                    if self._held > self._max_held:
                        raise RegisterError("Too much is on its way already; come again later.", "busy")
                    if not message.get("more_body"):
                        break
            loop, wait = asyncio.get_running_loop(), _preferred(scope)
            item = _Item(b"".join(chunks), loop.create_future(), loop)
            # Counted until the log is through with it, also where its client no longer waits.
            item.waiter.add_done_callback(partial(self._let_go, held))
            held = 0
            self._queue.put(item)
            accepted = await self._wait(item, wait)
        except TimeoutError:
            says = f"The request did not arrive within {self._seconds:g} s."
            await self._refuse(send, Refusal(408, "too_slow", says))
        except Exception as error:
            await self._refuse(send, as_refusal(error, int(getattr(error, "retry_after", RETRY))))
        else:
            self._metrics.accepted(accepted, time.perf_counter() - began)
            data = msgspec.json.encode(accepted)
            await answer(send, 200, [*_JSON, (b"content-length", str(len(data)).encode())], data)
        finally:
            self._held -= held

    def _pass(self, scope: Any) -> None:
        """What is looked at before the body."""
        if self._closed:
            raise RegisterError("The log is being closed; hand in again later.", "busy")
        if scope["method"] != "POST":
            raise Refusal(405, "method_not_allowed", "Submissions are sent by POST.", {"Allow": _ALLOW})
        wait = self._counter.wait((scope.get("client") or ("",))[0])
        if wait:
            says = "This client has asked too often; try again later."
            raise Refusal(429, "too_many", says, {"Retry-After": str(wait)})
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._max_body:
                raise self._too_large()

    def _too_large(self) -> RegisterError:
        return RegisterError(f"A submission has at most {self._max_body:,} bytes here; send several.", "too_large")

    def _let_go(self, size: int, done: "asyncio.Future[Accepted]") -> None:
        self._held -= size
        if not done.cancelled():
            done.exception()  # seen, so that the loop does not tell of one that nobody waits for

    async def _wait(self, item: _Item, seconds: float | None) -> Accepted:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(item.waiter)
        except TimeoutError:
            raise RegisterError(
                f"Not published within the {seconds:g} s that were preferred. Hand it in again later to get its place.",
                "busy",
            ) from None

    async def _refuse(self, send: Any, refused: Refusal) -> None:
        self._metrics.refused(refused.code)
        await refuse(send, refused)

    def _work(self) -> None:
        """In a thread: hand over one after the other."""
        while (item := self._queue.get()) is not None:
            try:
                self._settle()
                self._hand_over(item)
            except Exception as error:
                self._post(item, error)

    def _hand_over(self, item: _Item) -> None:
        try:
            submission = _DECODER.decode(item.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            says = str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
            raise RegisterError(f"The body is not a submission: {says[:200]}.", "malformed") from None
        key, count = submission.key, len(submission.entries)
        mark = sha256(key + submission.signature).digest()
        known = mark in self._recent
        if not known:
            self._meter.check(key, count)
        future = self._submit(submission)
        # Only now is the signature known to hold, so that nobody spends the quota of another.
        if not known:
            self._meter.charge(key, count)
            self._remember(mark)
        future.add_done_callback(lambda done: self._finished(item, done, key, charged=not known))

    def _settle(self) -> None:
        while True:
            try:
                key, entries = self._given_back.popleft()
            except IndexError:
                return
            self._meter.charge(key, entries)

    def _remember(self, mark: bytes) -> None:
        with self._lock:
            self._recent[mark] = None
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)

    def _finished(self, item: _Item, done: "Future[Accepted]", key: bytes, *, charged: bool) -> None:
        """In a thread of the sequencer. What was there already costs nothing."""
        error = done.exception()
        if error is not None:
            self._post(item, error)
            return
        accepted = done.result()
        if charged and (free := sum(position.duplicate for position in accepted.positions)):
            self._given_back.append((key, -free))  # by a thread of this room: the meter may wait for its database
        self._post(item, accepted)

    def _post(self, item: _Item, outcome: Accepted | BaseException) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            item.loop.call_soon_threadsafe(_deliver, item.waiter, outcome)

    def close(self) -> None:
        """Hand over what has arrived, and end the thread."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()


def _deliver(waiter: "asyncio.Future[Accepted]", outcome: Accepted | BaseException) -> None:
    if waiter.done():
        return
    if isinstance(outcome, BaseException):
        waiter.set_exception(outcome)
    else:
        waiter.set_result(outcome)


def _preferred(scope: Any) -> float | None:
    """Seconds that the client prefers to wait (RFC 7240)."""
    for name, value in scope["headers"]:
        if name == b"prefer" and (found := _PREFER.search(value)):
            return float(found[1])
    return None


__all__ = ["PATH", "Intake", "Meter"]
