"""The ledger in PostgreSQL, beside staged objects: what is committed stays, of two who race one loses."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql
from tests.register.engines import Postgres

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.database.ledger import STAGING, PostgresLedger
from assay.register.keys import SignerKey
from assay.register.merkle import EMPTY
from assay.register.note import Note
from assay.register.objects import FolderObjects

ORIGIN = "example.org/log"
SIGNER = SignerKey.generate(ORIGIN)


def note(size: int, root: bytes = bytes(32)) -> bytes:
    text = Checkpoint(ORIGIN, size, root if size else EMPTY).text
    return Note(text, (SIGNER.sign(text),)).encode()


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "objects")


@pytest.fixture
def ledger(database: str, objects: FolderObjects) -> Iterator[PostgresLedger]:
    made = PostgresLedger(database, ORIGIN, objects)
    yield made
    made.close()


def _reason(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(RegisterError) as caught:
        call(*arguments)
    return caught.value.reason


def _fill(ledger: PostgresLedger, sizes: tuple[int, ...] = (0, 5, 9, 12)) -> None:
    old = None
    for size in sizes:
        ledger.commit(old, note(size), b"batch to %d" % size)
        old = note(size)


def test_commits_are_read_back_in_order_by_another_process(
    ledger: PostgresLedger,
    database: str,
    objects: FolderObjects,
) -> None:
    assert ledger.head() is None
    assert list(ledger.batches(0)) == []
    _fill(ledger)
    other = PostgresLedger(database, ORIGIN, objects)
    assert other.head() == note(12)
    assert list(other.batches(-1)) == [(note(n), b"batch to %d" % n) for n in (0, 5, 9, 12)]
    assert list(other.batches(5)) == [(note(n), b"batch to %d" % n) for n in (9, 12)]
    other.close()


def test_logs_in_one_database_know_nothing_of_each_other(
    ledger: PostgresLedger,
    database: str,
    objects: FolderObjects,
) -> None:
    _fill(ledger)
    other = PostgresLedger(database, "example.org/other", objects)
    assert other.head() is None
    other.commit(None, note(3), b"another's")
    other.trim(100)
    assert ledger.head() == note(12)
    assert len(list(ledger.batches(0))) == 3
    other.close()


def test_a_commit_upon_another_head_is_a_conflict_and_leaves_no_commit(ledger: PostgresLedger) -> None:
    _fill(ledger)
    for old in (None, note(9), note(12, b"\1" * 32)):
        assert _reason(ledger.commit, old, note(13), b"lost") == "conflict"
    assert ledger.head() == note(12)
    assert [n for n, _ in ledger.batches(9)] == [note(12)]
    ledger.commit(note(12), note(13), b"won")
    assert list(ledger.batches(12)) == [(note(13), b"won")]


def _race(ledgers: dict[bytes, PostgresLedger], old: bytes | None, size: int) -> dict[bytes, str]:
    """All commit upon the same head at once, each its own; what came of it."""
    outcomes: dict[bytes, str] = {}
    start = threading.Barrier(len(ledgers))

    def commit(mark: bytes) -> None:
        start.wait()
        try:
            ledgers[mark].commit(old, note(size, mark * 32), b"by " + mark)
            outcomes[mark] = "won"
        except RegisterError as error:
            outcomes[mark] = error.reason

    threads = [threading.Thread(target=commit, args=(mark,)) for mark in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("first", [True, False])
def test_of_two_sequencers_that_race_one_gets_conflict(
    ledger: PostgresLedger,
    database: str,
    objects: FolderObjects,
    first: bool,
) -> None:
    old = None
    if not first:
        ledger.commit(None, note(0), b"")
        old = note(0)
    other = PostgresLedger(database, ORIGIN, objects)
    for size in range(1, 11):
        outcomes = _race({b"a": ledger, b"b": other}, old, size)
        assert sorted(outcomes.values()) == ["conflict", "won"]
        winner = next(mark for mark, outcome in outcomes.items() if outcome == "won")
        old = note(size, winner * 32)
        assert ledger.head() == other.head() == old
        assert list(other.batches(size - 1)) == [(old, b"by " + winner)]
    other.close()


def test_trimming_drops_what_is_behind_and_what_losers_staged(ledger: PostgresLedger, objects: FolderObjects) -> None:
    _fill(ledger)
    assert _reason(ledger.commit, note(5), note(9), b"lost") == "conflict"
    # Staged by one who has not swapped yet, and may still.
    objects.create(f"{STAGING}{20:020d}-{'0' * 64}", b"on its way")
    objects.create(f"{STAGING}notes", b"not ours")
    ledger.trim(9)
    assert [n for n, _ in ledger.batches(0)] == [note(12)]
    assert len(list(objects.list(STAGING))) == 3
    ledger.trim(100)
    assert list(objects.list(STAGING)) == [f"{STAGING}{20:020d}-{'0' * 64}", f"{STAGING}notes"]
    assert ledger.head() == note(12)
    ledger.commit(note(12), note(20), b"goes on")
    assert list(ledger.batches(12)) == [(note(20), b"goes on")]


def test_a_staged_batch_that_is_altered_or_gone_is_damage(ledger: PostgresLedger, objects: FolderObjects) -> None:
    _fill(ledger)
    path = list(objects.list(STAGING))[2]
    objects.put(path, b"another batch")
    assert _reason(lambda: list(ledger.batches(5))) == "damaged"
    objects.delete(path)
    assert _reason(lambda: list(ledger.batches(5))) == "damaged"
    assert [n for n, _ in ledger.batches(9)] == [note(12)]


def test_a_batch_trimmed_by_another_in_the_meantime_is_a_conflict(
    ledger: PostgresLedger,
    database: str,
    objects: FolderObjects,
) -> None:
    _fill(ledger)
    reading = ledger.batches(0)
    next(reading)
    other = PostgresLedger(database, ORIGIN, objects)
    other.trim(12)
    assert _reason(next, reading) == "conflict"
    other.close()


def test_nothing_is_swapped_where_nothing_can_be_staged(ledger: PostgresLedger, objects: FolderObjects) -> None:
    _fill(ledger)

    def full(path: str, data: bytes) -> None:
        raise RegisterError("No space is left.", "full")

    objects.create = full  # type: ignore[method-assign]
    assert _reason(ledger.commit, note(12), note(13), b"batch") == "full"
    assert ledger.head() == note(12)


def test_a_connection_lost_in_the_swap_leaves_the_head_to_tell(
    ledger: PostgresLedger,
    database: str,
) -> None:
    """Connections die one after another; whatever came of each commit, the head says it, and all goes on."""
    import psycopg

    _fill(ledger)
    old = note(12)
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(database, autocommit=True) as killer:
        for size, moment in ((13, "UPDATE locks"), (14, "INSERT INTO commits")):

            def kill(_c: object, _k: object, statement: str, *_: object, moment: str = moment) -> None:
                if statement.startswith(moment):
                    killer.execute(others)

            sql.event.listen(ledger._engine, "before_cursor_execute", kill)
            assert _reason(ledger.commit, old, note(size), b"batch") == "unreachable"
            sql.event.remove(ledger._engine, "before_cursor_execute", kill)
            assert ledger.head() == old
            ledger.commit(old, note(size), b"batch")
            old = note(size)
    assert list(ledger.batches(12)) == [(note(13), b"batch"), (note(14), b"batch")]


def test_a_server_that_is_down_is_unreachable_and_used_again_when_it_is_back(
    postgres: Postgres,
    ledger: PostgresLedger,
) -> None:
    _fill(ledger)
    postgres.stop()
    assert _reason(ledger.head) == "unreachable"
    assert _reason(ledger.commit, note(12), note(13), b"batch") == "unreachable"
    postgres.start()
    assert ledger.head() == note(12)
    ledger.commit(note(12), note(13), b"batch")
    assert list(ledger.batches(12)) == [(note(13), b"batch")]
