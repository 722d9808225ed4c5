"""Many pictures, each examined in a worker process.

A decoder may crash, hang or eat memory on a hostile file. Each file is therefore examined in a worker process under
a memory limit and a hard time limit, and whatever happens there becomes one :class:`~assay.evidence.Failure`: the
other files, and the caller, go on.
"""

import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from assay.analysis import Maps
from assay.errors import AssayError, MediaError
from assay.evidence import FailedSubject, Failure, Report
from assay.examine import examine
from assay.files import write_whole
from assay.media import Limits, Media
from assay.report.exhibit import save_picture
from assay.report.html import render_html
from assay.report.maps import FolderMaps
from assay.report.pdf import render_pdf
from assay.workers import Lost, each

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
    """What to run on every picture. ``online`` allows connections, to registers that the user named."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    online: bool = False


def run(
    items: Sequence[Item], options: Options, *, jobs: int = 1, watch: Callable[[int, int], None] | None = None
) -> Generator[tuple[Item, Result], None, None]:
    """Examine ``items`` with ``jobs`` workers; yields results in the order of ``items``, each as soon as it and those
    before it are ready.

    ``watch(begun, all)`` is told, a few times a second while one picture is waited for, how many methods the only
    worker has begun (jobs = 1) so that a person sees it move.
    """
    counters = RawArray("i", 2)
    tick = (lambda: watch(counters[0], counters[1])) if watch else None
    seconds = options.limits.max_seconds
    with closing(
        each(partial(_work, options=options), items, jobs=jobs, seconds=seconds, tick=tick, begin=_prepare,
             shared=(counters,))
    ) as results:  # fmt: skip
        for item, result in results:
            yield item, _failure(item, result.says, result.reason) if isinstance(result, Lost) else result


def _failure(item: Item, says: str, reason: str) -> Failure:
    return Failure(subject=FailedSubject(path=item.name), error=f"{item.name}: {says}", reason=reason)


_counters: Any = None


def _prepare(counters: Any) -> None:
    """Begin a worker: it counts where its parent can see."""
    global _counters  # noqa: PLW0603
    _counters = counters


def _note(begun: int, of: int, method: str) -> None:  # noqa: ARG001
    if _counters is not None:
        _counters[0], _counters[1] = begun, of


def _work(item: Item, options: Options) -> Result:
    """Examine one picture and write its files. Runs in the worker."""
    try:
        media = Media.open(item.source, name=item.name, limits=options.limits)
        if not item.outputs.wanted():
            return examine(media, only=options.only, skip=options.skip, progress=_note, online=options.online)
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
        report = examine(media, only=options.only, skip=options.skip, maps=maps, progress=_note, online=options.online)
        save_picture(media, folder, max_side=REPORT_SIDE)
        if item.outputs.html:
            write_whole(item.outputs.html, render_html(report, folder).encode())
        if item.outputs.pdf:
            write_whole(item.outputs.pdf, render_pdf(report, folder))
    return report
