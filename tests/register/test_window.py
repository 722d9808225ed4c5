"""The window of time in words: what counts, what does not, and what is never said."""

from datetime import UTC, datetime

import pytest

from assay.register.anchors import Bound
from assay.register.anchors.bound import Status, written
from assay.register.window import NOT_TAKEN, window

BLOCK = datetime(2026, 11, 24, 17, 40, tzinfo=UTC)
CLOCK = datetime(2026, 11, 24, 17, 5, 30, tzinfo=UTC)
AT = int(datetime(2026, 11, 24, 17, 2, tzinfo=UTC).timestamp())
TWO = [("a", AT), ("b", AT - 30)]


def bound(kind: str, at: datetime | None, status: Status = "proven", who: str = "somebody") -> Bound:
    return Bound(kind=kind, status=status, not_after=at, who=who, says="")


def test_the_earliest_proven_anchor_counts_and_the_witnesses_are_named_beside_it() -> None:
    found = window(TWO, [bound("opentimestamps", BLOCK, who="block 974711 of the Bitcoin chain")])
    assert found.says == (
        "Recorded not later than about 24 November 2026, 17:40 UTC (block 974711 of the Bitcoin chain); two witnesses "
        "saw it by 24 November 2026, 17:02 UTC, by their own clocks. Nothing here says when the picture was taken."
    )
    assert (found.not_after, found.anchored) == (BLOCK, True)
    found = window(TWO, [bound("opentimestamps", BLOCK), bound("rfc3161", CLOCK, who="the TSA")])
    assert found.not_after == CLOCK
    assert found.says.startswith("Recorded not later than 24 November 2026, 17:06 UTC (the TSA); two witnesses ")
    assert found.sources == ("the TSA",)


@pytest.mark.parametrize("status", ["pending", "unchecked", "invalid"])
def test_what_is_not_proven_does_not_count(status: Status) -> None:
    """Not even where it states a time."""
    found = window(TWO, [bound("evm", CLOCK, status)])
    assert (found.anchored, found.sources) == (False, ("a", "b"))
    assert found.not_after == datetime.fromtimestamp(AT, UTC)
    assert ("an anchor is under way" in found.says) == (status == "pending")


def test_of_the_witnesses_the_latest_time_counts() -> None:
    """One who states a false early time gains nothing while another is honest."""
    found = window([("liar", 1), ("honest", AT)], [])
    assert found.not_after == datetime.fromtimestamp(AT, UTC)
    assert found.says == (
        "Two witnesses saw it by 24 November 2026, 17:02 UTC, by their own clocks, and no anchor is proven: recorded "
        "not later than that if one of those witnesses is honest and its clock is right. " + NOT_TAKEN
    )
    assert "One witness saw it by" in window([("a", AT)], []).says
    assert "if that witness is honest" in window([("a", AT)], []).says
    assert "13 witnesses" in window([(str(n), AT) for n in range(13)], []).says.lower()


@pytest.mark.parametrize("cosigned", [[], [("a", 2**63 - 1)]])
def test_nothing_at_all(cosigned: list[tuple[str, int]]) -> None:
    found = window(cosigned, [])
    assert (found.not_after, found.anchored, found.sources) == (None, False, ())
    assert found.says.startswith("Nothing proves when this was recorded")


def test_it_never_says_when_a_picture_was_taken_nor_a_lower_bound() -> None:
    for cosigned in ([], TWO):
        for bounds in ([], [bound("rfc3161", CLOCK)], [bound("opentimestamps", None, "pending")]):
            says = window(cosigned, bounds).says
            assert says.endswith(NOT_TAKEN)
            assert not any(word in says for word in ("not before", "earlier than", "since", "true", "first"))


def test_an_upper_bound_is_rounded_up() -> None:
    assert written(datetime(2026, 12, 31, 23, 59, 0, 1, tzinfo=UTC)) == "1 January 2027, 00:00 UTC"
    assert written(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == "2 January 2026, 03:04 UTC"
    assert written(datetime.max.replace(tzinfo=UTC)) == "31 December 9999, 23:59 UTC", "there is no later one"
