"""Who may hand in and how much: counted in memory, written down now and then, the same on both engines."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql
from tests.register.engines import Postgres
from tests.register.posts import many

from assay.errors import RegisterError
from assay.register.database.index import SqlIndex
from assay.register.database.submitters import DAY, REFRESH, Known, QuotaError, Standing, Submitters

ADA, BEN = b"a" * 32, b"b" * 32
NOON = 20_000 * DAY + DAY / 2


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlIndex]:
    where = str(tmp_path / "index.sqlite")
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        where = server.database()
    made = SqlIndex(where)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def submitters(index: SqlIndex, clock: Clock) -> Submitters:
    return Submitters(index.engine, clock)


def _refused(submitters: Submitters, key: bytes, entries: int = 1) -> str:
    with pytest.raises(RegisterError) as caught:
        submitters.check(key, entries)
    return caught.value.reason


def test_anyone_may_hand_in_where_nothing_is_said(submitters: Submitters) -> None:
    assert submitters.rules() == (False, None)
    submitters.check(ADA, 10**9)


def test_a_quota_ends_with_the_day_and_says_when(submitters: Submitters, clock: Clock) -> None:
    submitters.rule(listed=False, quota=100)
    submitters.check(ADA, 100)
    submitters.charge(ADA, 90)
    submitters.check(ADA, 10)
    with pytest.raises(QuotaError, match="100 entries a day and has 10 left") as caught:
        submitters.check(ADA, 11)
    assert (caught.value.reason, caught.value.retry_after) == ("quota", DAY // 2 + 1)
    submitters.check(BEN, 100)
    clock.now += DAY / 2
    submitters.check(ADA, 100)


def test_what_is_given_back_may_be_used(submitters: Submitters) -> None:
    submitters.rule(listed=False, quota=10)
    submitters.charge(ADA, 10)
    assert _refused(submitters, ADA) == "quota"
    submitters.charge(ADA, -4)
    submitters.check(ADA, 4)
    assert _refused(submitters, ADA, 5) == "quota"


def test_what_is_given_back_after_midnight_adds_nothing_to_the_new_day(submitters: Submitters, clock: Clock) -> None:
    submitters.rule(listed=False, quota=10)
    submitters.charge(ADA, 10)
    clock.now += DAY / 2
    submitters.charge(ADA, -10)
    submitters.check(ADA, 10)
    assert _refused(submitters, ADA, 11) == "quota"
    submitters.charge(ADA, 3)
    submitters.flush()
    submitters.charge(ADA, -5)
    assert _refused(submitters, ADA, 11) == "quota"


def test_a_quota_of_its_own_goes_before_the_default(submitters: Submitters, clock: Clock) -> None:
    submitters.rule(listed=False, quota=10)
    submitters.set(ADA, quota=1_000)
    submitters.set(BEN, quota=0)
    submitters.check(ADA, 1_000)
    assert _refused(submitters, BEN) == "quota"
    submitters.set(ADA)
    clock.now += REFRESH
    assert _refused(submitters, ADA, 11) == "quota"


def test_a_blocked_key_is_refused_and_where_only_the_listed_may_so_is_an_unknown_one(
    submitters: Submitters, clock: Clock
) -> None:
    submitters.set(BEN, standing=Standing.BLOCKED)
    submitters.check(ADA, 1)
    assert _refused(submitters, BEN) == "key"
    submitters.rule(listed=True, quota=None)
    clock.now += REFRESH
    assert _refused(submitters, ADA) == "key"
    submitters.set(ADA, name="Ada", standing=Standing.ALLOWED)
    clock.now += REFRESH
    submitters.check(ADA, 1)
    assert _refused(submitters, BEN) == "key"


def test_what_the_operator_says_reaches_a_running_server_with_the_next_refresh(
    submitters: Submitters, index: SqlIndex, clock: Clock
) -> None:
    submitters.check(ADA, 1)
    Submitters(index.engine, clock).set(ADA, standing=Standing.BLOCKED)
    submitters.check(ADA, 1)
    clock.now += REFRESH
    assert _refused(submitters, ADA) == "key"


def test_counts_outlive_the_process_and_add_up_over_several(
    submitters: Submitters, index: SqlIndex, clock: Clock
) -> None:
    submitters.rule(listed=False, quota=100)
    other = Submitters(index.engine, clock)
    submitters.charge(ADA, 30)
    other.charge(ADA, 30)
    submitters.flush()
    other.flush()
    after = Submitters(index.engine, clock)
    after.check(ADA, 40)
    assert _refused(after, ADA, 41) == "quota"
    submitters.flush()  # again, with nothing new
    assert _refused(Submitters(index.engine, clock), ADA, 41) == "quota"
    clock.now += REFRESH
    assert _refused(other, ADA, 41) == "quota"


def test_a_post_costs_no_write(submitters: Submitters, index: SqlIndex) -> None:
    submitters.rule(listed=False, quota=10**6)
    submitters.check(ADA, 1)
    said: list[str] = []
    sql.event.listen(index.engine, "before_cursor_execute", lambda *a: said.append(a[2]))
    for _ in range(1_000):
        submitters.check(ADA, 1)
        submitters.charge(ADA, 1)
    assert said == []
    submitters.flush()
    assert len(said) < 10


def test_a_clock_set_back_opens_no_hole(submitters: Submitters, clock: Clock) -> None:
    submitters.rule(listed=False, quota=10)
    submitters.charge(ADA, 10)
    clock.now -= 3_600
    assert _refused(submitters, ADA) == "quota"
    clock.now += DAY
    submitters.check(ADA, 10)
    submitters.charge(ADA, 10)
    clock.now -= DAY
    assert _refused(submitters, ADA) == "quota"


def test_many_keys_do_not_fill_the_memory(submitters: Submitters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.register.database.submitters.MAX_HELD", 5)
    submitters.rule(listed=False, quota=10)
    submitters.charge(ADA, 10)
    for number in range(50):
        submitters.check(bytes([number]) * 32, 1)
        assert len(submitters._accounts) <= 5
    assert _refused(submitters, ADA) == "quota"


def test_threads_lose_no_count(submitters: Submitters, index: SqlIndex, clock: Clock) -> None:
    def work() -> None:
        for _ in range(50):
            submitters.charge(ADA, 1)
            submitters.flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with index.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT entries FROM usage").scalars().all() == [200]


def test_the_list_shows_what_was_said_and_hits_show_the_name(
    submitters: Submitters, index: SqlIndex, clock: Clock
) -> None:
    index.apply([many(ADA, 0, 1), many(BEN, 1, 1)], 2)
    assert submitters.known() == []
    submitters.set(BEN, name="Ben", standing=Standing.ALLOWED, quota=7)
    submitters.charge(BEN, 3)
    submitters.flush()
    assert submitters.known() == [Known(BEN, "Ben", Standing.ALLOWED, 7, 3)]
    names = {index_: hit.name for index_ in (0, 1) if (hit := index.get(index_))}
    assert names == {0: None, 1: "Ben"}
    clock.now += DAY
    assert submitters.known()[0].used == 0


@pytest.mark.parametrize("name", ["", " Ada", "Ada\n", "A\x1b[2J", "a" * 201])
def test_a_name_that_spoils_a_line_is_refused(submitters: Submitters, name: str) -> None:
    with pytest.raises(RegisterError) as caught:
        submitters.set(ADA, name=name)
    assert caught.value.reason == "malformed"
    assert submitters.known() == []


def test_nonsense_is_refused(submitters: Submitters) -> None:
    calls: list[Callable[[], None]] = [
        lambda: submitters.set(b"short"),
        lambda: submitters.set(ADA, quota=-1),
        lambda: submitters.rule(listed=False, quota=-1),
    ]
    for call in calls:
        with pytest.raises(RegisterError) as caught:
            call()
        assert caught.value.reason == "malformed"
    assert submitters.rules() == (False, None)
