import sqlite3
from pathlib import Path

import pytest
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register.heads import Head, Heads
from assay.register.merkle import EMPTY
from assay.register.note import Note

LOG = ToyLog("log.example/one", leaves(20))


def keep(heads: Heads, size: int, name: str = "a") -> Head:
    return heads.advance(name, lambda _head, _now: LOG.note(size))


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "h", lambda: 5.0)
    assert heads.get("a") == Head(0, EMPTY, None, 0)
    assert keep(heads, 3) == heads.get("a")
    assert keep(heads, 4) == heads.get("a")
    keep(heads, 2, "b")
    heads.close()
    again = Heads(tmp_path / "h", lambda: 6.0)
    assert (again.get("a").size, again.get("a").note, again.get("a").time) == (4, LOG.note(4), 5)
    assert again.get("b").size == 2
    again.close()


def test_whoever_refuses_changes_nothing(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "h", lambda: 5.0)
    keep(heads, 3)

    def refuse(head: Head, _: int) -> Note:
        assert head.size == 3
        raise RegisterError("No.", "conflict")

    for _ in range(2):
        with pytest.raises(RegisterError, match="No"):
            heads.advance("a", refuse)
    assert heads.get("a").size == 3
    assert keep(heads, 5).size == 5
    heads.close()


def test_it_is_durable_by_its_settings(tmp_path: Path) -> None:
    """What a power cut leaves rests on these two; SQLite's own tests show that they do what they say."""
    heads = Heads(tmp_path / "h", lambda: 5.0)
    assert heads._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert heads._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    heads.close()


def test_the_time_stands_still_where_the_clock_runs_backwards(tmp_path: Path) -> None:
    times = iter([100.0, 50.0, 150.0])
    heads = Heads(tmp_path / "h", lambda: next(times))
    assert [keep(heads, 3, name).time for name in ("a", "b", "c")] == [100, 100, 150]
    heads.close()


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as told:
        Heads(tmp_path / "no" / "h", lambda: 5.0)
    assert (told.value.reason, str(tmp_path) in str(told.value)) == ("unwritable", False)
    (tmp_path / "h").write_bytes(b"no database " * 1000)
    with pytest.raises(RegisterError) as told:
        Heads(tmp_path / "h", lambda: 5.0)
    assert told.value.reason == "damaged"


def test_a_full_disk(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "h", lambda: 5.0)
    keep(heads, 3)
    heads._db.execute("PRAGMA max_page_count = 2")
    with pytest.raises(RegisterError) as told:
        keep(heads, 4, "b" * 100_000)
    assert told.value.reason == "full"
    assert heads.get("a").size == 3
    heads.close()


def test_somebody_else_who_holds_the_lock(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "h", lambda: 5.0)
    heads._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "h", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RegisterError) as told:
        keep(heads, 3)
    assert told.value.reason == "busy"
    other.execute("ROLLBACK")
    other.close()
    assert keep(heads, 3).size == 3
    heads.close()
