"""The main job: bytes in, one Report out."""

import difflib
import logging
import platform
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from importlib import metadata
from os import PathLike
from typing import BinaryIO

import assay
from assay.analysis import Analysis, Maps, NoMaps, abstain
from assay.errors import MediaError, UsageError
from assay.evidence import (
    Abstention,
    Digests,
    Environment,
    Finding,
    Outcome,
    Reason,
    Report,
    Subject,
)
from assay.forensics import ANALYSES as FORENSICS
from assay.media import Limits, Media
from assay.provenance import credentials
from assay.provenance.config import config_folder
from assay.register import registered
from assay.weigh import weigh

log = logging.getLogger(__name__)

ANALYSES: tuple[Analysis, ...] = (credentials.ANALYSIS, registered.analysis(config_folder), *FORENSICS)
"""Every method, in the order in which a report shows them."""

LIBRARIES = (
    "c2pa-python", "jpeglib", "numba", "numpy", "opencv-python-headless", "pillow", "pillow-heif", "scipy",
    "simplejpeg",
)  # fmt: skip
"""The libraries whose version can change a result."""

SOFT_BUDGET = 0.75
"""Share of ``Limits.max_seconds`` after which no further method is begun."""

Progress = Callable[[int, int, str], None]
"""Told (number of methods begun, number of all, id of the one begun)."""


def select(only: Collection[str] = (), skip: Collection[str] = ()) -> tuple[Analysis, ...]:
    """The analyses to run: those in ``only`` (all when empty) but for those in ``skip``.

    Raises UsageError for an id that no method has, with the nearest ones.
    """
    known = {a.id for a in ANALYSES}
    for name in (*only, *skip):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; `assay methods` lists them"
            raise UsageError(f"There is no method {name!r}{hint}")
    chosen = tuple(a for a in ANALYSES if (not only or a.id in only) and a.id not in skip)
    if not chosen:
        raise UsageError("Every method was skipped: there is nothing to do")
    return chosen


def examine(
    source: str | PathLike[str] | bytes | BinaryIO | Media,
    *,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    limits: Limits | None = None,
    maps: Maps | None = None,
    progress: Progress | None = None,
    online: bool = False,
) -> Report:
    """Examine one picture with every method, and draw the conclusion.

    ``maps`` takes the arrays; without it lenses abstain (``not_asked``). ``online`` allows connections, to registers
    that the user named; without it none is opened. A method that fails on this file abstains
    (``failed``), one that there is no time left for abstains (``time_budget``).

    Raises MediaError where the file cannot be examined and UsageError for an unknown method. Runs in this process: a
    service wants :mod:`assay.batch`, which survives a decoder's crash.
    """
    started = time.monotonic()
    analyses = select(only, skip)
    maps = maps or NoMaps()
    media = source if isinstance(source, Media) else Media.open(source, limits=limits)
    seconds: dict[str, float] = {}
    digests = Digests(sha256=media.sha256, pixels_sha256=media.pixels_sha256)
    seconds["open"] = _since(started)
    findings: list[Finding] = []
    abstentions: list[Abstention] = []
    for index, analysis in enumerate(analyses):
        if progress:
            progress(index, len(analyses), analysis.id)
        begun = time.monotonic()
        outcome = _run(analysis, media, maps, spent=begun - started, online=online)
        seconds[analysis.id] = _since(begun)
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            abstentions.append(outcome)
    return Report(
        subject=_subject(media),
        digests=digests,
        conclusion=weigh(findings, abstentions, {a.id: a.card for a in analyses}),
        findings=tuple(findings),
        abstentions=tuple(abstentions),
        methods=tuple(a.card for a in analyses),
        environment=environment(only, skip, maps.wanted, media.limits, online=online),
        examined_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds,
    )


def environment(
    only: Collection[str], skip: Collection[str], maps: bool, limits: Limits, *, online: bool = False
) -> Environment:
    """What a report made now, with these options, says of how it was made."""
    return Environment(
        assay=assay.__version__,
        python=platform.python_version(),
        libraries={name: metadata.version(name) for name in LIBRARIES},
        options={
            "only": sorted(only), "skip": sorted(skip), "maps": maps, "max_pixels": limits.max_pixels,
            "max_bytes": limits.max_bytes, "max_seconds": limits.max_seconds, "online": online,
        },
    )  # fmt: skip


def _run(analysis: Analysis, media: Media, maps: Maps, spent: float, *, online: bool) -> Outcome:
    budget = media.limits.max_seconds * SOFT_BUDGET
    if analysis.needs_maps and not maps.wanted:
        return abstain(analysis.card, Reason.NOT_ASKED, "A view to look at; drawn when a report or maps are asked for.")
    if spent > budget:
        return abstain(analysis.card, Reason.TIME_BUDGET, f"Not begun: {budget:.0f} s of the time allowed had passed.")
    try:
        return (analysis.online or analysis.run)(media, maps) if online else analysis.run(media, maps)
    except MemoryError as error:
        raise MediaError(
            f"{media.name}: {analysis.id} ran out of memory on {media.width} x {media.height} pixels", "out_of_memory"
        ) from error
    except Exception as error:  # a method's fault must not cost the person the other methods' results
        log.exception("%s failed on %s", analysis.id, media.sha256)
        says = f"The method failed on this file ({type(error).__name__}: {error})."
        return abstain(analysis.card, Reason.FAILED, says)


def _subject(media: Media) -> Subject:
    header = media.header
    return Subject(
        path=media.name, sha256=media.sha256, bytes=len(media.data), format=media.format, width=header.width,
        height=header.height, orientation=header.orientation, frames=header.frames, mode=header.mode,
    )  # fmt: skip


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)
