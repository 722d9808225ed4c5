"""Work on strangers' files in worker processes: a crash, a hang or a hog costs one file, and nothing else."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pebble

MEMORY = 4 * 1024**3
"""Bytes of address space that one worker may use beyond what it has at its start."""

TASKS_PER_WORKER = 64
"""A worker is replaced after so many files, so that no library's leak grows for ever."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """What became of an item whose worker did not answer. ``reason`` is ``timeout`` or ``crashed``."""

    says: str
    reason: str


def each(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int = 1,
    seconds: float,
    tick: Callable[[], object] | None = None,
    begin: Callable[..., None] | None = None,
    shared: tuple[Any, ...] = (),
) -> Generator[tuple[T, R | Lost], None, None]:
    """Call ``work`` on every item with ``jobs`` workers; yields in the order of ``items``, each as soon as it and those
    before it are ready. An item that takes longer than ``seconds`` has its worker killed.

    ``work``, the items and the results cross a process border: all must pickle, and ``work`` must stand at the top of
    its module. An exception that ``work`` raises is raised here; :class:`Lost` stands for a worker that died.
    ``tick`` is called a few times a second while an item is waited for, ``begin(*shared)`` once in each new worker;
    what that raises is raised here in place of the first result.
    """
    context = multiprocessing.get_context("spawn")
    with (
        _threads(jobs),
        pebble.ProcessPool(
            max_workers=jobs, max_tasks=TASKS_PER_WORKER, context=context, initializer=_prepare,
            initargs=(begin, shared),
        ) as pool,
    ):  # fmt: skip
        window = _Window(pool, work, items, size=jobs * 4, seconds=seconds)
        try:
            for item in items:
                yield item, _await(window.next(), seconds, tick)
        finally:
            if not window.drained:
                pool.stop()  # type: ignore[no-untyped-call]


class _Window(Generic[T]):
    """Schedules a few items ahead of the one waited for: a folder of a million files is not a million futures."""

    def __init__(self, pool: Any, work: Callable[[T], Any], items: Sequence[T], *, size: int, seconds: float) -> None:
        self._pool, self._work, self._items, self._seconds = pool, work, iter(items), seconds
        self._futures: list[Any] = []
        for _ in range(size):
            self._add()

    def _add(self) -> None:
        for item in self._items:
            self._futures.append(self._pool.schedule(_packed, args=(self._work, item), timeout=self._seconds))
            return

    def next(self) -> Any:
        """The oldest future; another is scheduled in its place."""
        self._add()
        return self._futures.pop(0)

    @property
    def drained(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self._futures


def _await(future: Any, seconds: float, tick: Callable[[], object] | None) -> Any:
    while True:
        try:
            return pickle.loads(future.result(timeout=0.2))  # noqa: S301 (our own worker's)
        except FutureTimeout:
            if not future.done():
                if tick:
                    tick()
                continue
            return Lost(f"not done after {seconds:g} s", "timeout")
        except pebble.ProcessExpired as error:
            return Lost(f"the decoder crashed ({_cause(error.exitcode)})", "crashed")


def _cause(exitcode: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"
    return f"exit status {exitcode}"


@contextlib.contextmanager
def _threads(jobs: int) -> Iterator[None]:
    """Share the cores among the workers: their libraries read these variables when they are loaded."""
    share = str(max(1, (os.cpu_count() or 1) // jobs))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: before[name] or share for name in names})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_unready: Exception | None = None
"""Why this worker could not begin."""


def _packed(work: Callable[[Any], Any], item: Any) -> bytes:
    """What comes of an item, as it crosses to the parent. Runs in the worker.

    Packed here, since the pool would end with whatever cannot be: an exception that cannot be made again on the other
    side, as many that libraries define, is told in words.
    """
    if _unready is not None:
        raise _crossing(_unready)
    try:
        return pickle.dumps(work(item))
    except Exception as error:
        raise _crossing(error) from None


def _crossing(error: Exception) -> Exception:
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    except Exception:
        again = None
    return error if type(again) is type(error) else RuntimeError(f"{type(error).__name__}: {error}")


def _prepare(begin: Callable[..., None] | None, shared: tuple[Any, ...]) -> None:
    """Begin a worker: no more memory than allowed, no interrupt from the terminal (the parent stops it)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 (absent on Windows)

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = used + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    if begin:
        global _unready  # noqa: PLW0603 (a worker begins once)
        try:
            begin(*shared)
        except Exception as error:  # raised here it would end the worker, and its words with it
            _unready = error


__all__ = ["Lost", "each"]
