"""Many pictures, each looked at in a worker process: a crash, a hang or a hog of one costs that one."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from assay.errors import AssayError, MediaError, ProvenanceError
from assay.fingerprint import Comparison, untwisted
from assay.media import Limits, Media
from assay.provenance.recovery.find import recover
from assay.provenance.recovery.records import Recovery, Unrecovered
from assay.provenance.shelves import open_shelf
from assay.provenance.trust import TrustStore
from assay.workers import Lost, each

SECONDS = 300.0
"""That one picture may take."""

SHOWN_SIDE = 1600
"""Longest side, in pixels, of the picture that comes back for showing."""


@dataclass(frozen=True)
class Ask:
    """Where to look, and how. ``source`` is the folder of a store or the URL of a service. ``send`` lets the service
    be sent the picture, ``show`` has it come back for a page.
    """

    source: str
    trust: TrustStore
    send: bool = False
    show: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, eq=False)
class Answer:
    """``record``; the manifest that was found; and for a page, the picture in sRGB, (H, W, 3) uint8, turned back to how
    the original stands, with the comparison.
    """

    record: Recovery | Unrecovered
    manifest: bytes | None = None
    picture: npt.NDArray[np.uint8] | None = None
    comparison: Comparison | None = None


def each_recovered(
    paths: Sequence[str], ask: Ask, *, jobs: int = 1, seconds: float = SECONDS
) -> Generator[tuple[str, Answer], None, None]:
    """Look for the credentials of files with ``jobs`` workers; yields answers in the order of ``paths``, each as soon
    as it is ready.

    A file that cannot be looked at is answered by an :class:`Unrecovered`. Raises ProvenanceError where the store or
    the service cannot be asked: that goes for every file.
    """
    with ExitStack() as stack:
        open_shelf(ask.source, stack)
    with closing(each(partial(one, ask=ask), paths, jobs=jobs, seconds=seconds)) as results:
        for path, result in results:
            if isinstance(result, Lost):
                lost = Unrecovered(path=path, error=f"{path}: {result.says}", reason=result.reason)
                yield path, Answer(lost)
            else:
                yield path, result


def one(path: str, ask: Ask) -> Answer:
    """Look for the credentials of one file, whatever it is. Runs in the worker."""
    try:
        media = Media.open(Path(path), name=path, limits=ask.limits)
        with ExitStack() as stack:
            found = recover(
                media, open_shelf(ask.source, stack), trust=ask.trust, store=ask.source, send=ask.send
            )  # fmt: skip
        shown = _shown(media, found.comparison) if ask.show else None
    except MediaError as error:
        return Answer(Unrecovered(path=path, error=str(error), reason=error.reason))
    except MemoryError:
        return Answer(Unrecovered(path=path, error=f"{path}: out of memory", reason="out_of_memory"))
    except ProvenanceError:
        raise
    except (AssayError, OSError) as error:
        return Answer(Unrecovered(path=path, error=f"{path}: {error}", reason="unreadable"))
    return Answer(found.record, found.manifest, shown, found.comparison)


def _shown(media: Media, comparison: Comparison | None) -> npt.NDArray[np.uint8]:
    picture = media.display
    share = SHOWN_SIDE / max(picture.shape[:2])
    if share < 1:
        size = (max(1, round(picture.shape[1] * share)), max(1, round(picture.shape[0] * share)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if comparison is not None and comparison.same:
        picture = untwisted(picture, comparison)
    return np.ascontiguousarray(picture)


__all__ = ["SECONDS", "Answer", "Ask", "each_recovered", "one"]
