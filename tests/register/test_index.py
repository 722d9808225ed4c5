"""The index: what goes in is found again, on both engines, and what is forgotten is gone."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sql
from tests.register.engines import Postgres
from tests.register.posts import ALGORITHM, claims, digest, many, posted, record, tombstone

from assay import sqlite
from assay.errors import RegisterError
from assay.register.database import engine as engines
from assay.register.database import tables
from assay.register.database.engine import open_engine
from assay.register.database.index import SqlIndex
from assay.register.leaf import Kind, check_signature, head, key_hash
from assay.register.merkle import leaf_hash, root_from_inclusion
from assay.register.model import Entry, Query
from assay.register.submission import Submitter

MANIFEST = b"a manifest"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an index may be: a file, or a database of PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "index.sqlite")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def index(where: str) -> Iterator[SqlIndex]:
    made = SqlIndex(where)
    yield made
    made.close()


def _indexes(index: SqlIndex, **query: object) -> list[int]:
    return [hit.index for hit in index.search(Query(**query))]  # type: ignore[arg-type]


def test_what_is_taken_in_is_found_by_digest_signer_and_time(index: SqlIndex) -> None:
    ada, ben = Submitter.generate(), Submitter.generate()
    first = claims(ada, [record(1), record(2)], 0, seen=1_000)
    second = claims(ben, [record(1)], 2, seen=5_000)
    third = claims(ada, [record(3)], 3, public=False, seen=9_000)
    index.apply([first, second, third], 4)
    assert index.cursor() == 4
    assert _indexes(index, digest=digest(1)) == [0, 2]
    assert _indexes(index, digest=digest(3)) == []  # private: the log does not know it
    assert _indexes(index, signer=ada.public) == _indexes(index, signer=ada.key_hash) == [0, 1, 3]
    assert _indexes(index, signer=bytes(32)) == []
    assert _indexes(index, since=5_000) == [2, 3]
    assert _indexes(index, until=5_000) == [0, 1, 2]
    assert _indexes(index, since=1_001, until=8_999) == [2]
    assert _indexes(index, since=20_000) == []
    assert _indexes(index, digest=digest(1), signer=ben.public) == [2]
    assert _indexes(index, digest=digest(1), until=2_000) == [0]
    assert _indexes(index) == [0, 1, 2, 3]
    hit = index.get(0)
    assert hit is not None
    assert (hit.leaf, hit.key, hit.seen, hit.opening) == (first.rows[0].leaf, ada.public, 1_000, first.rows[0].opening)
    private = index.get(3)
    assert private is not None
    assert private.opening is None
    assert index.get(4) is None


def test_a_clock_that_runs_backwards_hides_nothing(index: SqlIndex) -> None:
    key = bytes(32)
    times = [10_000, 900, 50_000, 1_000, 10_001]
    index.apply([many(key, at, 1, seen) for at, seen in enumerate(times)], 5)
    for since in (0, 900, 1_000, 10_000, 50_000):
        for until in (950, 10_000, 60_000):
            wanted = [at for at, seen in enumerate(times) if since <= seen <= until]
            assert _indexes(index, since=since, until=until) == wanted


def test_pages_follow_each_other_without_gap_or_overlap(index: SqlIndex) -> None:
    key = bytes(32)
    index.apply([many(key, 0, 7), many(bytes(31) + b"\1", 7, 5), many(key, 12, 9)], 21)
    for wanted, query in (
        (list(range(21)), Query()),
        ([*range(7), *range(12, 21)], Query(signer=key)),
        (list(range(21)), Query(since=0)),
    ):
        for limit in (1, 4, 100):
            found: list[int] = []
            while page := index.search(
                Query(signer=query.signer, since=query.since, after=found[-1] if found else -1, limit=limit)
            ):
                assert len(page) <= limit
                found += [hit.index for hit in page]
            assert found == wanted


def test_an_answer_has_at_most_a_thousand_hits(index: SqlIndex) -> None:
    index.apply([many(bytes(32), 0, 600), many(bytes(32), 600, 600)], 1_200)
    assert _indexes(index, limit=10**6) == list(range(1_000))
    assert _indexes(index, limit=0) == []


def test_taking_in_again_changes_nothing(index: SqlIndex) -> None:
    first, second = many(bytes(32), 0, 3), many(bytes(32), 3, 2)
    index.apply([first], 3)
    index.apply([first], 3)
    index.apply([first, second], 5)
    index.apply([first], 3)
    assert index.cursor() == 5
    assert _indexes(index) == [0, 1, 2, 3, 4]


def test_a_gap_is_refused_and_leaves_nothing(index: SqlIndex) -> None:
    index.apply([many(bytes(32), 0, 2)], 2)
    for wrong, size in (
        ([many(bytes(32), 3, 1)], 4),
        ([many(bytes(32), 2, 1)], 4),
        ([many(bytes(32), 3, 1), many(bytes(32), 2, 1)], 4),
        ([many(bytes(32), 1, 3)], 4),
        ([], 3),
    ):
        with pytest.raises(RegisterError, match="in order") as caught:
            index.apply(wrong, size)
        assert caught.value.reason == "conflict"
    assert index.cursor() == 2
    assert _indexes(index) == [0, 1]


def test_the_batch_of_an_entry_leads_to_what_was_signed(index: SqlIndex) -> None:
    ada = Submitter.generate()
    many_claims = claims(ada, [record(n) for n in range(5)], 0)
    index.apply([many_claims, claims(ada, [record(9)], 5)], 6)
    for at, row in enumerate(many_claims.rows):
        batch = index.batch(at)
        assert batch is not None
        assert (batch.key, batch.count, batch.position) == (ada.public, 5, at)
        root = root_from_inclusion(at, batch.count, leaf_hash(row.leaf[:98]), batch.path)
        check_signature(batch.key, batch.count, root, row.leaf[98:])
    alone = index.batch(5)
    assert alone is not None
    assert (alone.count, alone.path) == (1, ())
    assert index.batch(6) is None


def test_an_entry_is_found_by_its_leaf_hash(index: SqlIndex) -> None:
    post = many(bytes(32), 0, 3)
    index.apply([post], 3)
    hit = index.by_leaf_hash(leaf_hash(post.rows[1].leaf))
    assert hit is not None
    assert hit.index == 1
    near = bytearray(leaf_hash(post.rows[1].leaf))
    near[31] ^= 1  # the same first eight bytes
    assert index.by_leaf_hash(bytes(near)) is None


def test_fingerprints_are_found_by_distance_as_by_looking_at_each(index: SqlIndex) -> None:
    random = np.random.default_rng(1)
    wanted = random.bytes(8)
    bits = np.unpackbits(np.frombuffer(wanted, np.uint8))
    values, distances = [], []
    for _ in range(300):
        flipped = random.choice(64, random.integers(0, 40), replace=False)
        other = bits.copy()
        other[flipped] ^= 1
        values.append(np.packbits(other).tobytes())
        distances.append(len(flipped))
    index.apply([many(bytes(32), 0, 200, 1_000, values[:200])], 200)
    asked = {"algorithm": ALGORITHM, "fingerprint": wanted, "limit": 1_000}
    assert _indexes(index, **asked, distance=12) == [i for i in range(200) if distances[i] <= 12]
    index.apply([many(b"\1" * 32, 200, 100, 9_000, values[200:])], 300)  # what came since is seen
    for distance in (0, 1, 12, 39):
        hits = index.search(Query(**asked, distance=distance))  # type: ignore[arg-type]
        assert [(h.index, h.distance) for h in hits] == [(i, d) for i, d in enumerate(distances) if d <= distance]
    assert _indexes(index, **asked, distance=12, since=9_000) == [i for i in range(200, 300) if distances[i] <= 12]
    assert _indexes(index, **asked | {"limit": 3}, distance=39, after=100) == [101, 102, 103]
    assert _indexes(index, algorithm="other", fingerprint=wanted, distance=64) == []
    assert _indexes(index, algorithm=ALGORITHM, fingerprint=wanted + b"\0", distance=72) == []
    with pytest.raises(RegisterError) as caught:
        index.search(Query(fingerprint=wanted))
    assert caught.value.reason == "malformed"


def test_of_two_fingerprints_of_one_entry_the_nearer_counts(index: SqlIndex) -> None:
    two = claims(Submitter.generate(), [record(1, b"\0\0\0", b"\0\0\xff"), record(2, b"\0" * 16)], 0)
    index.apply([two], 2)
    hits = index.search(Query(algorithm=ALGORITHM, fingerprint=b"\0\0\1", distance=24))
    assert [(h.index, h.distance) for h in hits] == [(0, 1)]


def test_the_submitter_and_only_she_buries_a_claim(index: SqlIndex) -> None:
    ada, eve = Submitter.generate(), Submitter.generate()
    post = claims(ada, [record(1, b"12345678"), record(2, b"12345678")], 0, manifest=MANIFEST)
    index.apply([post, tombstone(eve, post, 0, 2)], 3)
    before = index.get(0)
    assert before is not None
    assert before.tombstone is None
    assert before.opening == post.rows[0].opening
    assert index.condemned() == []
    index.apply([tombstone(ada, post, 0, 3), tombstone(ada, post, 0, 4)], 5)
    after = index.get(0)
    assert after is not None
    assert (after.opening, after.tombstone, after.leaf) == (None, 3, post.rows[0].leaf)
    assert index.condemned() == [post.rows[0].leaf[34:66]]
    index.cleared(index.condemned())
    assert index.condemned() == []
    assert _indexes(index, digest=digest(1)) == []
    assert _indexes(index, algorithm=ALGORITHM, fingerprint=b"12345678") == [1]
    assert index.batch(0) is not None  # the log stays verifiable


def test_the_operator_buries_claims_of_others(where: str) -> None:
    ada, operator = Submitter.generate(), Submitter.generate()
    index = SqlIndex(where, operator.public)
    post = claims(ada, [record(1)], 0)
    stone = tombstone(operator, post, 0, 1)
    index.apply([post, stone, tombstone(operator, stone, 0, 2)], 3)
    buried, itself = index.get(0), index.get(1)
    index.close()
    assert buried is not None
    assert (buried.opening, buried.tombstone) == (None, 1)
    assert itself is not None
    assert itself.tombstone is None  # a tombstone is no claim


def test_a_private_claim_is_buried_with_its_manifest(index: SqlIndex) -> None:
    ada = Submitter.generate()
    post = claims(ada, [record(1)], 0, public=False, manifest=MANIFEST)
    index.apply([post, tombstone(ada, post, 0, 1)], 2)
    assert index.condemned() == [post.rows[0].leaf[34:66]]


@pytest.mark.parametrize("by_operator", [False, True])
def test_who_copies_the_digest_of_a_manifest_cannot_have_it_deleted(index: SqlIndex, by_operator: bool) -> None:
    ada, eve = Submitter.generate(), Submitter.generate()
    post = claims(ada, [record(1)], 0, public=False, manifest=MANIFEST)
    manifest = post.rows[0].leaf[34:66]
    copied = eve._signed([Entry(head=head(Kind.CLAIM, digest(2), manifest, eve.key_hash))])
    copy = posted(copied, 1)
    index.apply([post, copy], 2)
    if by_operator:
        index.forget(1)
    index.apply([tombstone(eve, copy, 0, 2)], 3)
    assert index.condemned() == []
    index.apply([tombstone(ada, post, 0, 3)], 4)
    assert index.condemned() == [manifest]


def test_what_postgresql_refuses_is_told_and_nothing_is_taken_in(postgres: Postgres) -> None:
    index = SqlIndex(postgres.database())
    with index.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE openings ADD CHECK (entry < 1)")
    with pytest.raises(RegisterError, match=r"PostgreSQL .* refuses what it is asked") as caught:
        index.apply([many(b"k" * 32, 0, 3)], 3)
    assert caught.value.reason == "damaged"
    assert index.cursor() == 0
    assert index.get(0) is None
    index.close()


def test_forgetting_an_entry_that_is_not_there_is_refused(index: SqlIndex) -> None:
    with pytest.raises(RegisterError) as caught:
        index.forget(0)
    assert caught.value.reason == "missing"


@pytest.mark.parametrize(
    "query",
    [
        {"after": 2**70}, {"after": -(2**70)}, {"since": 2**63}, {"until": 10**30},
        {"algorithm": "a\0b", "fingerprint": b"x"}, {"algorithm": "\ud800", "fingerprint": b"x"},
        {"algorithm": ALGORITHM, "fingerprint": b"x", "distance": 2**64},
        {"algorithm": ALGORITHM}, {"fingerprint": b"x"},
    ],
)  # fmt: skip
def test_what_nothing_can_have_is_refused(index: SqlIndex, query: dict[str, object]) -> None:
    with pytest.raises(RegisterError) as caught:
        _indexes(index, **query)
    assert caught.value.reason == "malformed"


def test_what_is_merely_odd_finds_nothing(index: SqlIndex) -> None:
    index.apply([many(bytes(32), 0, 1, 1_000, [b"12345678"])], 1)
    for query in (
        {"digest": b""}, {"digest": bytes(5_000)}, {"signer": b"x"}, {"since": 2**62}, {"until": -(2**62)},
        {"algorithm": "", "fingerprint": b"x"}, {"algorithm": ALGORITHM, "fingerprint": b""},
        {"algorithm": ALGORITHM, "fingerprint": b"12345678", "distance": -1}, {"limit": -1}, {"after": 2**62},
        {"after": -(2**62), "until": 5},
    ):  # fmt: skip
        assert _indexes(index, **query) == []
    for number in (-1, 2**63, 2**70, -(2**70)):
        assert index.get(number) is None
        assert index.batch(number) is None
        with pytest.raises(RegisterError):
            index.forget(number)
    assert index.by_leaf_hash(b"") is None


def test_forgetting_takes_the_opening_from_every_search(index: SqlIndex) -> None:
    post = many(bytes(32), 0, 3, 1_000, [b"12345678"] * 3)
    index.apply([post], 3)
    asked = {"algorithm": ALGORITHM, "fingerprint": b"12345678"}
    assert _indexes(index, **asked) == [0, 1, 2]
    index.forget(1)
    index.forget(1)
    hit = index.get(1)
    assert hit is not None
    assert hit.opening is None
    assert _indexes(index, **asked) == [0, 2]
    assert _indexes(index, digest=digest(1)) == []


def test_what_another_process_forgot_is_not_found_in_memory(where: str) -> None:
    here, there = SqlIndex(where), SqlIndex(where)
    here.apply([many(bytes(32), 0, 2, 1_000, [b"12345678"] * 2)], 2)
    asked = {"algorithm": ALGORITHM, "fingerprint": b"12345678"}
    assert _indexes(here, **asked) == [0, 1]
    there.forget(0)
    assert _indexes(here, **asked) == [1]
    here.close()
    there.close()


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_byte_of_what_is_forgotten_stays_in_any_file(tmp_path: Path) -> None:
    """Long and short fingerprints side by side make SQLite move rows about, and leave copies behind."""
    random = np.random.default_rng(2)
    index = SqlIndex(tmp_path / "index.sqlite")
    values = [random.bytes(int(random.integers(8, 900))) for _ in range(400)]
    for at in range(0, 400, 50):
        index.apply([many(bytes(32), at, 50, 1_000, values[at : at + 50])], at + 50)
    gone = random.permutation(400)[:200].tolist()
    for number, at in enumerate(gone):
        index.forget(at)
        if number % 20 == 19:
            raw = _files(tmp_path)
            for one in gone[number - 19 : number + 1]:
                assert digest(one + 10**9) not in raw  # the salt
                assert digest(one) not in raw
                assert values[one] not in raw
    for at in set(range(400)) - set(gone):
        assert digest(at + 10**9) in raw
    index.close()


def test_a_copy_that_the_engine_left_behind_is_found_and_written_over(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    index = SqlIndex(file)
    index.apply([many(bytes(32), 0, 3)], 3)
    index.close()
    salt = digest(1 + 10**9)
    with sqlite3.connect(file, isolation_level=None) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("CREATE TABLE copies (bytes BLOB)")
        careless.execute("INSERT INTO copies VALUES (?)", (b"some text before " + salt[9:],))
        careless.execute("DELETE FROM copies")
    careless.close()
    index = SqlIndex(file)
    assert salt[9:] in _files(tmp_path)
    index.forget(1)
    assert salt[9:] not in _files(tmp_path)
    assert _indexes(index) == [0, 1, 2]
    index.close()


def test_a_buried_opening_is_gone_from_the_files_too(tmp_path: Path) -> None:
    ada = Submitter.generate()
    index = SqlIndex(tmp_path / "index.sqlite")
    post = claims(ada, [record(n) for n in range(50)], 0)
    index.apply([post], 50)
    index.apply([tombstone(ada, post, 7, 50)], 51)
    opening = post.rows[7].opening
    assert opening is not None
    raw = _files(tmp_path)
    assert opening.salt not in raw
    assert opening.record not in raw
    index.close()


def test_a_reader_in_the_way_is_told_of_and_the_next_call_wipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.register.database.erase.PATIENCE", 0.05)
    index = SqlIndex(tmp_path / "index.sqlite")
    post = many(bytes(32), 0, 3)
    index.apply([post], 3)
    reader = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM openings").fetchone()
    with pytest.raises(RegisterError, match="once more") as caught:
        index.forget(1)
    assert caught.value.reason == "busy"
    opening = post.rows[1].opening
    assert opening is not None
    assert opening.salt in _files(tmp_path)
    reader.execute("COMMIT")
    index.forget(1)
    assert opening.salt not in _files(tmp_path)
    reader.close()
    index.close()


def test_a_crash_between_forgetting_and_wiping_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.register.database.erase.PATIENCE", 0.05)
    live = tmp_path / "live"
    live.mkdir()
    index = SqlIndex(live / "index.sqlite")
    post = many(bytes(32), 0, 3)
    index.apply([post], 3)
    reader = sqlite3.connect(live / "index.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM openings").fetchone()
    with pytest.raises(RegisterError):
        index.forget(1)
    shutil.copytree(live, tmp_path / "after")  # the disk, had the machine died here
    reader.close()
    index.close()
    again = SqlIndex(tmp_path / "after" / "index.sqlite")
    again.apply([many(bytes(32), 3, 1)], 4)
    again.close()
    opening = post.rows[1].opening
    assert opening is not None
    assert opening.salt not in _files(tmp_path / "after")


def test_postgresql_has_no_byte_of_it_in_its_table(postgres: Postgres) -> None:
    index = SqlIndex(postgres.database())
    index.apply([many(bytes(32), 0, 3, 1_000, [b"12345678"] * 3)], 3)
    index.forget(2)
    with index.engine.connect() as connection:
        for table in (tables.OPENINGS, tables.FINGERPRINTS):
            assert list(connection.scalars(sql.select(table.c.entry))) == [0, 1]
    with index.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")
        read = "SELECT pg_read_binary_file(pg_relation_filepath('openings'))"
        raw = bytes(connection.exec_driver_sql(read).scalar_one())
    assert digest(0 + 10**9) in raw
    assert digest(2 + 10**9) not in raw
    index.close()


# The schema


def test_models_and_migrations_agree(where: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    engine = open_engine(where)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == engines.SCHEMA
        assert compare_metadata(context, tables.META) == []
    engine.dispose()


def test_the_newest_migration_is_the_schema() -> None:
    from alembic.script import ScriptDirectory

    here = Path(engines.__file__).parent
    scripts = ScriptDirectory(str(here), version_locations=[str(here / "versions")])
    assert scripts.get_heads() == [engines.SCHEMA]


def test_a_schema_before_the_first_is_upgraded_and_a_newer_one_refused(where: str) -> None:
    index = SqlIndex(where)
    with index.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RegisterError, match="newer Assay") as caught:
        SqlIndex(where)
    assert caught.value.reason == "unsupported"
    with index.engine.begin() as connection:
        tables.META.drop_all(connection)
        connection.exec_driver_sql("DELETE FROM alembic_version")
    index.close()
    again = SqlIndex(where)
    assert again.cursor() == 0
    again.close()


# What can go wrong


@pytest.mark.parametrize("url", ["mysql://user:hunter2@host/x", "sqlite3://x", "postgresql://u:hunter2@[::1/x"])
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(RegisterError) as caught:
        SqlIndex(url)
    assert caught.value.reason == "unsupported"
    assert "hunter2" not in str(caught.value)


def test_no_server_is_unreachable_and_shows_no_password(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as caught:
        SqlIndex(f"postgresql://ada:hunter2@/register?host={tmp_path}")
    assert caught.value.reason == "unreachable"
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(RegisterError) as caught:
        SqlIndex(tmp_path / "index.sqlite")
    assert caught.value.reason == "damaged"


def test_a_folder_that_is_not_there_is_unwritable(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as caught:
        SqlIndex(tmp_path / "nowhere" / "index.sqlite")
    assert caught.value.reason == "unwritable"


def test_a_full_disk_is_full_and_the_index_goes_on_afterwards(tmp_path: Path) -> None:
    index = SqlIndex(tmp_path / "index.sqlite")
    post = many(bytes(32), 0, 1_000)
    with index.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(RegisterError) as caught:
        index.apply([post], 1_000)
    assert caught.value.reason == "full"
    assert index.cursor() == 0
    with index.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    index.apply([post], 1_000)
    assert index.cursor() == 1_000
    index.close()


def test_a_writer_that_waits_too_long_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAIT", 0.05)
    index = SqlIndex(tmp_path / "index.sqlite")
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RegisterError) as caught:
        index.apply([many(bytes(32), 0, 1)], 1)
    assert caught.value.reason == "busy"
    assert _indexes(index) == []  # readers go on
    other.close()
    index.apply([many(bytes(32), 0, 1)], 1)
    index.close()


def test_keys_of_one_submission_are_kept_apart_from_their_hash(index: SqlIndex) -> None:
    ada = Submitter.generate()
    index.apply([posted(ada.claims([(record(1), None)], True)[0], 0)], 1)
    assert _indexes(index, signer=key_hash(ada.public)) == [0]
    assert _indexes(index, signer=hashlib.sha256(ada.key_hash).digest()) == []
