"""What logs, mirrors and witnesses show of a log at one moment, and whether it is one history."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.forks import compare, evidence, keep
from assay.register.keys import VerifierKey
from assay.register.note import Note
from assay.register.tiles import Fetch


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at.

    ``kind``: ``fork``, ``rollback``, ``unproven`` (not shown to be one history), ``signature``, ``key``, ``quorum``,
    ``malformed``, ``stale``, ``unreachable``, ``entry`` (no leaf, or signed by nobody), ``claim`` (a claim that is
    watched for). ``evidence`` is the folder in which both checkpoints are kept.
    """

    kind: str
    origin: str
    source: str
    says: str
    evidence: str | None = None


@dataclass(frozen=True)
class View:
    """A checkpoint that somebody showed. ``fetch`` gives tiles, where he has any; ``earlier`` says that it was not
    shown now but remembered.
    """

    source: str
    note: Note
    checkpoint: Checkpoint
    fetch: Fetch | None = None
    earlier: bool = False


def disagreements(
    views: Sequence[View], keys: Sequence[VerifierKey], folder: Path, cached: Callable[[Fetch], Fetch] = lambda f: f
) -> list[Alert]:
    """Compare every pair of different checkpoints of one log. Two histories are kept as evidence in ``folder``."""
    distinct: dict[tuple[int, bytes], View] = {}
    for view in views:
        distinct.setdefault((view.checkpoint.size, view.checkpoint.root), view)
    earlier = {(view.checkpoint.size, view.checkpoint.root) for view in views if view.earlier}
    ordered = sorted(distinct.values(), key=lambda view: view.checkpoint.size)
    fetches = [cached(view.fetch) for view in sorted(views, key=lambda v: -v.checkpoint.size) if view.fetch]
    found = []
    for small, large in itertools.combinations(ordered, 2):
        own = [cached(large.fetch)] if large.fetch else []
        alert, pending = _pair(small, large, [*own, *(f for f in fetches if f not in own)], keys, folder)
        # A witness sees a checkpoint before it is published: told of only if it is not there the next time either.
        patient = pending and (large.checkpoint.size, large.checkpoint.root) not in earlier
        if alert is None or patient:
            continue
        if alert.kind == "unproven":
            seen = ((small.source, small.note), (large.source, large.note))
            place = keep(folder, evidence("unproven", *seen, keys))
            alert = msgspec.structs.replace(alert, evidence=str(place))
        found.append(alert)
    return found


def _pair(
    small: View, large: View, fetches: Iterable[Fetch], keys: Sequence[VerifierKey], folder: Path
) -> tuple[Alert | None, bool]:
    """What is wrong, and whether it may only be that tiles are not there yet."""
    origin = small.checkpoint.origin
    seen = ((small.source, small.note), (large.source, large.note))
    source = f"{small.source}, {large.source}"
    wrong: list[RegisterError] = []
    for fetch in fetches:
        try:
            fork = compare(small.checkpoint, large.checkpoint, fetch)
        except RegisterError as error:
            wrong.append(error)
            continue
        if fork is None:
            return None, False
        place = keep(folder, evidence("fork", *seen, keys, root=fork.root, proof=fork.proof))
        says = (
            f"{origin} has two histories: {_shows(small)}, and {_shows(large)}. Both are signed by the log, and cannot "
            "both be true"
        )
        return Alert(kind="fork", origin=origin, source=source, says=says, evidence=str(place)), False
    why = "; ".join(dict.fromkeys(str(error).rstrip(".") for error in wrong)) or "nobody serves tiles"
    says = f"{origin}: {_shows(small)}, and {_shows(large)}, and that one extends the other cannot be shown ({why})"
    pending = all(error.reason in ("missing", "unreachable") for error in wrong)
    return Alert(kind="unproven", origin=origin, source=source, says=says), pending


def _shows(view: View) -> str:
    had = "showed" if view.earlier else "shows"
    return f"{view.source} {had} {view.checkpoint.size} entries under root {view.checkpoint.root.hex()[:16]}…"


__all__ = ["Alert", "View", "disagreements"]
