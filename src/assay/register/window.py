"""The tightest proven window of time in which an entry was recorded, in words.

Only an upper bound can be proven. What is in a checkpoint was there before whoever saw that checkpoint saw it: so the
earliest of the anchors' bounds holds. The log's own clock never counts. A witness's time is its own word: of those who
cosigned, the latest time holds if one of them is honest and its clock right, and that is all that is used where no
anchor is proven.

There is no lower bound. An earlier checkpoint without the entry, however well anchored, was there *by* some time, not
*since* one: the entry may have been added in the very next second, and the picture may be much older than either. That
would need something unforeseeable (the hash of a block, say) inside what was recorded.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from assay.register.anchors.bound import Bound, written

NOT_TAKEN = "Nothing here says when the picture was taken."
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """``not_after`` (UTC): the earliest proven bound of an anchor, else what the witnesses say, else None.

    ``anchored`` says that it is an anchor's. ``says`` is two or three sentences; ``sources`` names the clocks that
    ``not_after`` comes from.
    """

    not_after: datetime | None
    anchored: bool
    says: str
    sources: tuple[str, ...]


def window(cosigned: Sequence[tuple[str, int]], bounds: Sequence[Bound]) -> Window:
    """From the witnesses that count, by the policy (name, POSIX seconds; one each), and what the anchors prove."""
    proven = [(b.not_after, b) for b in bounds if b.status == "proven" and b.not_after]
    seen = _seen(cosigned)
    if proven:
        earliest, bound = min(proven, key=lambda one: one[0])
        says = f"Recorded not later than {'about ' if bound.kind == 'opentimestamps' else ''}{written(earliest)} "
        says += f"({bound.who})" + (f"; {_saw(len(cosigned), seen)}" if seen else "") + f". {NOT_TAKEN}"
        return Window(not_after=earliest, anchored=True, says=says, sources=(bound.who,))
    waiting = any(b.status == "pending" for b in bounds)
    why = "an anchor is under way, and none is proven yet" if waiting else "no anchor is proven"
    if seen:
        saw = _saw(len(cosigned), seen)
        honest = "that witness is honest" if len(cosigned) == 1 else "one of those witnesses is honest"
        says = (
            f"{saw[0].upper()}{saw[1:]}, and {why}: recorded not later than that if {honest} and its clock is right. "
            f"{NOT_TAKEN}"
        )
        return Window(not_after=seen, anchored=False, says=says, sources=tuple(name for name, _ in cosigned))
    return Window(
        not_after=None, anchored=False, sources=(),
        says=f"Nothing proves when this was recorded: {why}, and no witness that counts gives a time. {NOT_TAKEN}",
    )  # fmt: skip


def _seen(cosigned: Sequence[tuple[str, int]]) -> datetime | None:
    """The latest time that a witness gives."""
    if not cosigned:
        return None
    latest = max(time for _, time in cosigned)
    try:
        datetime.fromtimestamp(latest + 60, UTC)  # it is written rounded up to the minute
        return datetime.fromtimestamp(latest, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _saw(count: int, seen: datetime) -> str:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    whose = "witness saw it by {}, by its own clock" if count == 1 else "witnesses saw it by {}, by their own clocks"
    return f"{number} {whose.format(written(seen))}"


__all__ = ["NOT_TAKEN", "Window", "window"]
