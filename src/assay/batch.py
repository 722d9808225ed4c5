"""Many pictures, each examined in a worker process.

A decoder may crash, hang or eat memory on a hostile file. Each file is therefore examined in a worker process under
a memory limit and a hard time limit, and whatever happens there becomes one :class:`~assay.evidence.Failure`: the
other files, and the caller, go on.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import pebble

from assay.analysis import Maps
from assay.errors import AssayError, MediaError
from assay.evidence import FailedSubject, Failure, Report
from assay.examine import examine
from assay.media import Limits, Media
from assay.report import FolderMaps, render_html, render_pdf, save_picture

MEMORY = 4 * 1024**3
"""Bytes of address space that one worker may use beyond what it has at its start."""

TASKS_PER_WORKER = 64
"""A worker is replaced after so many files, so that no library's leak grows for ever."""

REPORT_SIDE = 1600
"""Longest side, in pixels, of the picture and the maps in a report."""

Result = Report | Failure


@dataclass(frozen=True)
class Outputs:
    """Files to write for one picture, besides the record. ``maps`` is a folder."""

    html: Path | None = None
    pdf: Path | None = None
    maps: Path | None = None

    def present(self) -> bool:
        """Whether all of them are there already."""
        return all(path is None or path.exists() for path in (self.html, self.pdf, self.maps))

    def wanted(self) -> bool:
        """Whether there is any."""
        return any((self.html, self.pdf, self.maps))


@dataclass(frozen=True)
class Item:
    """One picture: its name in the report, and its path or, for standard input, its bytes."""

    name: str
    source: Path | bytes
    outputs: Outputs = Outputs()


@dataclass(frozen=True)
class Options:
    """What to run on every picture."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def run(
    items: Sequence[Item], options: Options, *, jobs: int = 1, watch: Callable[[int, int], None] | None = None
) -> Generator[tuple[Item, Result], None, None]:
    """Examine ``items`` with ``jobs`` workers; yields results in the order of ``items``, each as soon as it and those
    before it are ready.

    ``watch(begun, all)`` is told, a few times a second while one picture is waited for, how many methods the only
    worker has begun (jobs = 1) so that a person sees it move.
    """
    context = multiprocessing.get_context("spawn")
    counters = RawArray("i", 2)
    with (
        _threads(jobs),
        pebble.ProcessPool(
            max_workers=jobs, max_tasks=TASKS_PER_WORKER, context=context, initializer=_prepare, initargs=(counters,)
        ) as pool,
    ):
        window = _Window(pool, items, options, size=jobs * 4)
        try:
            for item in items:
                yield item, _await(window.next(), item, options, lambda: watch and watch(counters[0], counters[1]))
        finally:
            if not window.drained:
                pool.stop()  # type: ignore[no-untyped-call]


class _Window:
    """Schedules a few items ahead of the one waited for: a folder of a million files is not a million futures."""

    def __init__(self, pool: Any, items: Iterable[Item], options: Options, size: int) -> None:
        self._pool, self._items, self._options = pool, iter(items), options
        self._futures: list[Any] = []
        for _ in range(size):
            self._add()

    def _add(self) -> None:
        item = next(self._items, None)
        if item is not None:
            hard = self._options.limits.max_seconds
            self._futures.append(self._pool.schedule(_work, args=(item, self._options), timeout=hard))

    def next(self) -> Any:
        """The oldest future; another is scheduled in its place."""
        self._add()
        return self._futures.pop(0)

    @property
    def drained(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self._futures


def _await(future: Any, item: Item, options: Options, tick: Callable[[], object]) -> Result:
    while True:
        try:
            result: Result = future.result(timeout=0.2)
            return result
        except FutureTimeout:
            if not future.done():
                tick()
                continue
            return _failure(item, f"not done after {options.limits.max_seconds:g} s", "timeout")
        except pebble.ProcessExpired as error:
            return _failure(item, f"the decoder crashed ({_cause(error.exitcode)})", "crashed")


def _cause(exitcode: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"
    return f"exit status {exitcode}"


def _failure(item: Item, says: str, reason: str) -> Failure:
    return Failure(subject=FailedSubject(path=item.name), error=f"{item.name}: {says}", reason=reason)


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


_counters: Any = None


def _prepare(counters: Any) -> None:
    """Begin a worker: no more memory than allowed, no interrupt from the terminal (the parent stops it)."""
    global _counters  # noqa: PLW0603
    _counters = counters
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 (absent on Windows)

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = used + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _note(begun: int, of: int, method: str) -> None:  # noqa: ARG001
    if _counters is not None:
        _counters[0], _counters[1] = begun, of


def _work(item: Item, options: Options) -> Result:
    """Examine one picture and write its files. Runs in the worker."""
    try:
        media = Media.open(item.source, name=item.name, limits=options.limits)
        if not item.outputs.wanted():
            return examine(media, only=options.only, skip=options.skip, progress=_note)
        return _with_files(item, options, media)
    except MediaError as error:
        return Failure(subject=FailedSubject(path=item.name), error=str(error), reason=error.reason)
    except MemoryError:
        return _failure(item, "out of memory", "out_of_memory")
    except AssayError as error:
        return _failure(item, str(error), "unreadable")
    except OSError as error:
        return _failure(item, f"{error.filename or 'a file'}: {error.strerror or error}", "unwritable")


def _with_files(item: Item, options: Options, media: Media) -> Report:
    """Full-size maps where a folder for them was named; else maps of report size in a folder that is then dropped."""
    with tempfile.TemporaryDirectory(prefix="assay-") as temporary:
        folder = item.outputs.maps or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        maps: Maps = FolderMaps(folder, max_side=None if item.outputs.maps else REPORT_SIDE)
        report = examine(media, only=options.only, skip=options.skip, maps=maps, progress=_note)
        save_picture(media, folder, max_side=REPORT_SIDE)
        if item.outputs.html:
            write_whole(item.outputs.html, render_html(report, folder).encode())
        if item.outputs.pdf:
            write_whole(item.outputs.pdf, render_pdf(report, folder))
    return report


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        shutil.move(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
