import shutil
import sqlite3
from pathlib import Path

import pytest
from tests.register.posts import record
from tests.register.test_log import post

from assay.errors import RegisterError
from assay.register.fsck import Report, fsck
from assay.register.log import Log, init
from assay.register.merkle import leaf_hash
from assay.register.submission import Submitter

SIZE = 700


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of some entries, its journal trimmed, as after a longer run."""
    path = tmp_path_factory.mktemp("logs") / "log"
    submitter = Submitter.generate()
    with init(path, "example.org/log") as log:
        post(log, submitter, *range(600))
        post(log, submitter, *range(600, SIZE))
    with Log.open(path) as log:  # trims what the first run left
        post(log, submitter, 0)
    return path


@pytest.fixture
def log(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "log"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def only(report: Report) -> tuple[str, str, int | None]:
    (damage,) = report.damages
    assert damage.remedy
    return damage.where, damage.says, damage.index


def test_a_whole_log_is_whole(log: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = fsck(log, lambda done, total: seen.append((done, total)))
    assert report == Report(origin="example.org/log", entries=SIZE, published=SIZE, damages=())
    assert report.whole
    assert seen == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


TREE = ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"]


@pytest.mark.parametrize("path", TREE)
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_tile_is_named_and_derived_again(log: Path, path: str, damage: str) -> None:
    file = log / "objects" / path
    before = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(before[:-1])
    else:
        flip(file, 40)
    where, says, _ = only(fsck(log))
    assert where == path
    assert path in says
    report = fsck(log, repair=True)
    assert report.whole
    assert report.damages[0].repaired
    assert file.read_bytes() == before
    assert fsck(log).damages == ()


@pytest.mark.parametrize("damage", ["flip", "gone"])
def test_a_damaged_bundle_is_named_with_its_entry(log: Path, damage: str) -> None:
    file = log / "objects" / "tile/entries/001"
    if damage == "gone":
        file.unlink()
    else:
        flip(file, 164 * 44 + 2 + 50)
    report = fsck(log, repair=True)
    where, says, index = only(report)
    assert where == "tile/entries/001"
    assert index == (256 + 44 if damage == "flip" else 256)
    assert str(index) in says
    assert not report.whole


def test_a_damaged_bundle_that_the_journal_still_holds_is_put_back(tmp_path: Path) -> None:
    with init(tmp_path / "log") as log:
        post(log, Submitter.generate(), *range(300))
    file = tmp_path / "log" / "objects" / "tile/entries/000"
    before = file.read_bytes()
    flip(file, 5)
    report = fsck(tmp_path / "log", repair=True)
    assert report.whole
    assert report.damages[0].where == "tile/entries/000"
    assert file.read_bytes() == before


def test_a_lost_bundle_and_its_tile_end_the_check(log: Path) -> None:
    for path in ("tile/0/000", "tile/entries/000"):
        (log / "objects" / path).unlink()
    report = fsck(log)
    assert not report.whole
    assert any("cannot be checked" in damage.says for damage in report.damages)


def test_the_checkpoint(log: Path) -> None:
    file = log / "objects" / "checkpoint"
    before = file.read_bytes()
    flip(file, 20)
    with pytest.raises(RegisterError, match="published checkpoint is damaged") as caught:
        Log.open(log)
    assert caught.value.reason == "damaged"
    assert only(fsck(log))[0] == "checkpoint"
    assert fsck(log, repair=True).whole
    with Log.open(log) as opened:
        while opened.sequencer.published is None:
            pass
    assert file.read_bytes() == before
    assert fsck(log).damages == ()


def test_the_journal(log: Path) -> None:
    (file,) = (log / "journal").glob("*.journal")
    with Log.open(log) as opened:
        post(opened, Submitter.generate(), 9000)
    flip(file, 100)
    with pytest.raises(RegisterError, match="does not check at byte 0") as caught:
        Log.open(log)
    assert caught.value.reason == "damaged"
    where, says, _ = only(fsck(log))
    assert where == "journal"
    assert file.name in says


def test_a_journal_that_lost_what_was_published(log: Path) -> None:
    (file,) = (log / "journal").glob("*.journal")
    before = file.read_bytes()
    with Log.open(log) as opened:
        post(opened, Submitter.generate(), 9000)
    file.write_bytes(before)
    with pytest.raises(RegisterError, match="it has lost some") as caught:
        Log.open(log)
    assert caught.value.reason == "damaged"
    report = fsck(log)
    assert "The journal ends at 700 entries, but 701 are published." in [damage.says for damage in report.damages]


def test_the_last_commit_flipped_after_it_was_published(log: Path) -> None:
    (file,) = (log / "journal").glob("*.journal")
    with Log.open(log) as opened:
        post(opened, Submitter.generate(), 9000)
    flip(file, -10)
    whole = file.read_bytes()
    with pytest.raises(RegisterError, match=r"it has lost some.*ending \.cut is what is lost") as caught:
        Log.open(log)
    assert caught.value.reason == "damaged"
    (cut,) = (log / "journal").glob("*.cut")
    assert whole.endswith(cut.read_bytes())
    assert b"9000" not in file.read_bytes()
    (says,) = [damage.says for damage in fsck(log, repair=True).damages]
    assert (
        says == f"The journal ends at 700 entries, but 701 are published. What was cut off its end is kept: {cut.name}."
    )
    file.write_bytes(file.read_bytes() + cut.read_bytes())
    flip(file, -10)
    assert fsck(log).left == (f"journal/{cut.name}",)
    assert cut.exists()
    assert fsck(log, repair=True).whole
    assert not cut.exists()
    assert fsck(log) == Report(origin="example.org/log", entries=701, published=701, damages=())


@pytest.mark.parametrize(
    ("name", "at", "says"),
    [
        ("log.key", b"example", "is damaged: bring it back from a copy"),
        ("policy", b"quorum none", "no quorum line|not known|Line 2"),
        ("log.toml", b"origin =", "did you mean 'origin'"),
        ("log.toml", b"example", r"is not a key of"),
    ],
)
def test_key_policy_and_settings(log: Path, name: str, at: bytes, says: str) -> None:
    flip(log / name, (log / name).read_bytes().index(at))
    with pytest.raises(RegisterError, match=says):
        Log.open(log)
    report = fsck(log)
    assert not report.whole
    assert report.damages[0].where == ("log.key" if at == b"example" else name)
    secret = (log / "log.key").read_text().strip().rpartition("+")[2]
    assert secret not in repr(report)


def test_the_index(log: Path) -> None:
    connection = sqlite3.connect(log / "index.sqlite")
    (leaf,) = connection.execute("SELECT leaf FROM entries WHERE entry = 55").fetchone()
    connection.execute("UPDATE entries SET leaf = ? WHERE entry = 55", (leaf[:-1] + bytes((leaf[-1] ^ 1,)),))
    connection.execute("DELETE FROM entries WHERE entry = 400")
    connection.commit()
    connection.close()
    report = fsck(log)
    assert {(damage.where, damage.index) for damage in report.damages} == {("index", 55), ("index", 400)}
    assert "Entry 55 is not the one that the log holds." in [damage.says for damage in report.damages]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with public and private claims, fingerprints and a tombstone."""
    path = tmp_path_factory.mktemp("logs") / "log"
    ada, ben = Submitter.generate(), Submitter.generate()
    with init(path, "example.org/log") as log:
        for submission in (
            ada.claims([(record(n, b"finger%d" % n), b"manifest") for n in range(5)], public=True)[0],
            ben.claims([(record(n), None) for n in range(5, 8)], public=False)[0],
            ben.claims([(record(8, b"fingers"), None), (record(9), None)], public=True)[0],
        ):
            log.sequencer.submit(submission).result(60)
        forgotten = log.index.get(2)
        assert forgotten
        log.sequencer.submit(ada.tombstone(leaf_hash(forgotten.leaf), "example.org/log")).result(60)
    assert fsck(path).damages == ()
    return path


ALTERED = [
    ("UPDATE entries SET leaf = zeroblob(162) WHERE entry = 1", 1, "is not the one that the log holds"),
    ("UPDATE entries SET leaf = x'' WHERE entry = 1", 1, "is not the one that the log holds"),
    ("UPDATE entries SET leaf = 'text' WHERE entry = 1", None, "of another kind"),
    ("UPDATE entries SET tag = tag + 1 WHERE entry = 6", 6, "is not found by the hash of its leaf"),
    ("UPDATE entries SET batch = 5 WHERE entry = 1", 1, "is not there, or not in a batch that is"),
    ("UPDATE entries SET position = 3 WHERE entry = 1", 1, "is not the one that its batch has at its place"),
    ("UPDATE entries SET position = -5 WHERE entry = 1", 1, "is not the one that its batch has at its place"),
    ("UPDATE batches SET signature = zeroblob(64) WHERE id = 5", 5, "signature does not verify"),
    ("UPDATE batches SET heads = zeroblob(96) WHERE id = 5", 5, "signature does not verify"),
    ("UPDATE batches SET heads = x'' WHERE id = 5", 5, "signature does not verify"),
    ("UPDATE batches SET rows = 2 WHERE id = 5", 7, "is not there"),
    ("UPDATE batches SET submitter = 3 - submitter WHERE id = 5", 5, "signature does not verify"),
    ("UPDATE batches SET seen = seen + 100000 WHERE id = 5", None, "has a table of times"),
    ("DELETE FROM batches WHERE id = 5", 6, "is not there"),
    ("DELETE FROM times", None, "has a table of times"),
    ("UPDATE submitters SET key = zeroblob(32) WHERE id = 2", None, "under a hash that is not that of the key"),
    ("DELETE FROM submitters WHERE id = 2", 5, "signature does not verify"),
    ("UPDATE openings SET salt = zeroblob(32) WHERE entry = 3", 3, "has an opening that does not open it"),
    ("UPDATE openings SET record = x'00' WHERE entry = 3", 3, "has an opening that does not open it"),
    ("UPDATE openings SET record = x'00' WHERE entry = 3", 3, "has a record that cannot be read"),
    ("UPDATE openings SET digest = zeroblob(32) WHERE entry = 3", 3, "is not found by the digest"),
    ("UPDATE fingerprints SET value = x'00' WHERE entry = 3", 3, "is not found by the digest or the fingerprints"),
    ("DELETE FROM fingerprints WHERE entry = 3", 3, "is not found by the digest or the fingerprints"),
    ("INSERT INTO fingerprints VALUES ('other', 6, x'00')", None, "has fingerprints of entries that have no record"),
    ("DELETE FROM tombstones", 2, "is marked as forgotten where no tombstone says so"),
    ("UPDATE tombstones SET tombstone = 9", 2, "is marked as forgotten where no tombstone says so"),
    ("INSERT INTO tombstones VALUES (3, 10)", 3, "is marked as forgotten where no tombstone says so"),
    ("INSERT INTO tombstones VALUES (10, 10)", 10, "is no claim that the index has"),
    ("INSERT INTO condemned SELECT substr(leaf, 35, 32) FROM entries WHERE entry = 3", 3, "its opening is still there"),
    ("UPDATE state SET value = 12 WHERE name = 'cursor'", None, "The index has 12 entries, but 11 are published"),
]


@pytest.mark.parametrize(("statement", "entry", "says"), ALTERED)
def test_an_altered_row_of_the_index_is_named(
    indexed: Path, tmp_path: Path, statement: str, entry: int | None, says: str
) -> None:
    folder = Path(shutil.copytree(indexed, tmp_path / "log"))
    connection = sqlite3.connect(folder / "index.sqlite")
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()
    report = fsck(folder)
    assert any(d.where == "index" and d.index == entry and says in d.says for d in report.damages), report.damages
    assert len(report.damages) < 12


def test_flipped_bytes_in_the_file_of_the_index_are_seen(indexed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(indexed, tmp_path / "log"))
    file = folder / "index.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    values = [
        connection.execute(f"SELECT {column} FROM {table} WHERE {key} = {at}").fetchone()[0]
        for column, table, key, at in (
            ("salt", "openings", "entry", 3),
            ("heads", "batches", "id", 5),
            ("leaf", "entries", "entry", 6),
            ("key", "submitters", "id", 1),
            ("value", "fingerprints", "entry", 4),
        )
    ]
    connection.close()
    for value in values:
        at = file.read_bytes().index(value)
        flip(file, at + 2)
        assert not fsck(folder).whole
        flip(file, at + 2)
    for page in range(1, len(file.read_bytes()) // 4096):
        flip(file, page * 4096)  # the kind of a page of a table or an index
        assert not fsck(folder).whole
        flip(file, page * 4096)
    assert fsck(folder).damages == ()


def test_an_index_that_is_no_database(log: Path) -> None:
    for file in log.glob("index.sqlite*"):
        file.unlink()
    (log / "index.sqlite").write_bytes(b"x" * 5000)
    where, says, _ = only(fsck(log))
    assert where == "index"
    assert "damaged" in says or "cannot be used" in says


def test_a_lost_index_whose_journal_is_trimmed(log: Path) -> None:
    for file in log.glob("index.sqlite*"):
        file.unlink()
    where, says, index = only(fsck(log))
    assert (where, index) == ("index", 0)
    assert "no longer keeps" in says


def _run(log: Path) -> Path:
    from assay.register.dedupe import Dedupe, head_hash
    from assay.register.disk import OsDisk
    from assay.register.edge import read_entries
    from assay.register.objects import FolderObjects

    objects = FolderObjects(log / "objects")
    index = Dedupe(log / "dedupe", OsDisk(), lambda start, end: read_entries(objects, start, end), SIZE)
    index.load(0)
    index.add([head_hash(entry[:98]) for entry in read_entries(objects, 0, SIZE)])
    index.tidy(SIZE)
    (run,) = (log / "dedupe").glob("*.run")
    return run


def test_a_run_of_the_index_of_heads(log: Path) -> None:
    run = _run(log)
    assert fsck(log).damages == ()
    flip(run, 500)
    where, says, _ = only(fsck(log, repair=True))
    assert where == f"dedupe/{run.name}"
    assert "does not check" in says
    with Log.open(log) as opened:
        assert opened.sequencer.status.committed == SIZE
    assert fsck(log).damages == ()


def test_a_manifest(log: Path) -> None:
    file = sorted((log / "objects" / "manifests").iterdir())[3]
    flip(file, 3)
    assert only(fsck(log))[0] == f"manifests/{file.name}"


def test_what_is_left_over_is_swept(log: Path) -> None:
    objects = log / "objects"
    (objects / "manifests" / ("ab" * 32)).write_bytes(b"nobody names it")
    (objects / "tile" / "0" / ".001.7").write_bytes(b"half")
    (objects / "tile" / "0" / "000.p").mkdir(exist_ok=True)
    (objects / "tile" / "0" / "000.p" / "3").write_bytes((objects / "tile" / "0" / "000").read_bytes()[:96])
    report = fsck(log)
    assert report.whole
    assert {"manifests/" + "ab" * 32, "tile/0/.001.7", "tile/0/000.p/3"} <= set(report.left)
    fsck(log, repair=True)
    assert fsck(log).left == ()
    assert len(list((objects / "manifests").iterdir())) == SIZE


def test_a_partial_tile_that_is_no_part_of_the_full_one(log: Path) -> None:
    (log / "objects" / "tile" / "0" / "000.p").mkdir(exist_ok=True)
    (log / "objects" / "tile" / "0" / "000.p" / "3").write_bytes(bytes(96))
    assert only(fsck(log, repair=True))[0] == "tile/0/000.p/3"
    assert fsck(log).damages == ()


def test_no_log_there(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as caught:
        fsck(tmp_path)
    assert caught.value.reason == "missing"
