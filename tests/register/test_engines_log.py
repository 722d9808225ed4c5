"""A whole log over a real S3 store and a real PostgreSQL: killed at its worst moments, raced, and cut off from both."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.register.engines import Postgres, Seaweed
from tests.register.posts import digest, record

from assay.errors import RegisterError
from assay.register.database.ledger import STAGING
from assay.register.fsck import fsck
from assay.register.log import Log, init
from assay.register.model import Accepted, Query, Submission
from assay.register.s3 import S3Objects
from assay.register.submission import Submitter

PATIENCE = 120
ATTEMPTS = 60


@pytest.fixture
def where(
    tmp_path: Path,
    bucket: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The folder of a new log whose storage is all elsewhere."""
    monkeypatch.setenv("ASSAY_TEST_DATABASE", database)
    real = S3Objects.__init__
    monkeypatch.setattr(S3Objects, "__init__", lambda objects, url: real(objects, url, 5.0))
    init(tmp_path / "log", "example.org/log", database="$ASSAY_TEST_DATABASE", objects=bucket + "/log").close()
    yield tmp_path / "log"
    report = fsck(tmp_path / "log")
    assert report.whole, report.damages
    assert not list((tmp_path / "log" / "journal").iterdir())  # nothing of it is on this machine
    assert not list((tmp_path / "log" / "objects").iterdir())


def _claim(submitter: Submitter, *numbers: int, manifest: bytes | None = None) -> Submission:
    return submitter.claims([(record(n, b"finger%02d" % (n % 100)), manifest) for n in numbers], public=True)[0]


def _until_taken(log: Log, submission: Submission) -> Accepted:
    """Hand in again, as a client does, until it is taken."""
    for _ in range(ATTEMPTS):
        try:
            return log.sequencer.submit(submission).result(PATIENCE)
        except RegisterError as error:
            if error.reason not in ("unreachable", "conflict", "busy"):
                raise
            threading.Event().wait(0.1)
    raise AssertionError("never taken")


def _places(accepted: Accepted) -> list[tuple[int, bool]]:
    return [(p.index, p.duplicate) for p in accepted.positions]


def test_a_log_keeps_all_elsewhere_and_goes_on_from_an_empty_folder(where: Path, tmp_path: Path) -> None:
    ada = Submitter.generate()
    with Log.open(where) as log:
        for start in range(0, 600, 200):
            log.sequencer.submit(_claim(ada, *range(start, start + 200))).result(PATIENCE)
        first = log.sequencer.submit(_claim(ada, 1_000, manifest=b"content credentials")).result(PATIENCE)
    assert _places(first) == [(600, False)]
    fresh = tmp_path / "fresh"  # another machine has settings, key and policy, and nothing else
    fresh.mkdir()
    for name in ("log.toml", "log.key", "policy"):
        shutil.copy(where / name, fresh)
    for name in ("journal", "objects", "dedupe"):
        (fresh / name).mkdir()
    with Log.open(fresh) as log:
        again = log.sequencer.submit(_claim(ada, 1_000, 5, 1_001, manifest=b"content credentials")).result(PATIENCE)
        assert again.positions[0].index == 600
        assert again.positions[0].duplicate
    with Log.open(where, write=False) as log:
        assert log.index.cursor() == 603
        assert [hit.index for hit in log.index.search(Query(digest=digest(150)))] == [150]
        assert len(log.index.search(Query(signer=ada.public, after=-1, limit=1_000))) == 603
        assert len(list(log.objects.list("manifests/"))) == 3


def _staged(where: Path) -> list[str]:
    with Log.open(where, write=False) as log:
        return list(log.objects.list(STAGING))


_VICTIM = """
import os, sys
from pathlib import Path
from assay.register.database.ledger import PostgresLedger
from assay.register.log import Log
from assay.register.model import Submission
from assay.register.s3 import S3Objects
import msgspec

moment, folder, submission = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
swap, place = PostgresLedger._swap, S3Objects.put

def swapping(*arguments):
    if moment == "staged":
        os._exit(9)
    swap(*arguments)
    if moment == "swapped":
        os._exit(9)

def placing(objects, path, data):
    if moment == "placed" and path == "checkpoint":
        objects.sync()
        os._exit(9)
    place(objects, path, data)

log = Log.open(folder)
PostgresLedger._swap, S3Objects.put = swapping, placing
log.sequencer.submit(msgspec.json.decode(submission.read_bytes(), type=Submission)).result(60)
os._exit(0)
"""


@pytest.mark.parametrize(("moment", "survives"), [("staged", False), ("swapped", True), ("placed", True)])
def test_a_process_killed_in_a_commit_leaves_a_whole_log(
    where: Path, tmp_path: Path, moment: str, survives: bool
) -> None:
    import msgspec

    ada = Submitter.generate()
    with Log.open(where) as log:
        log.sequencer.submit(_claim(ada, *range(300))).result(PATIENCE)
    lost = _claim(ada, *range(300, 340))
    (tmp_path / "submission").write_bytes(msgspec.json.encode(lost))
    command = [sys.executable, "-c", _VICTIM, moment, str(where), str(tmp_path / "submission")]
    assert subprocess.run(command, env=os.environ, timeout=PATIENCE, check=False).returncode == 9
    assert fsck(where).published == 300
    assert [path for path in _staged(where) if f"{340:020d}" in path]
    with Log.open(where) as log:
        assert log.sequencer.submit(_claim(ada, 900)).result(PATIENCE).positions[0].index == 300 + 40 * survives
        again = log.sequencer.submit(lost).result(PATIENCE)
        assert {p.duplicate for p in again.positions} == {survives}
        assert [p.index for p in again.positions] == list(range(301 - survives, 341 - survives))
        log.sequencer.close()
        log.ledger.trim(log.index.cursor())
    assert _staged(where) == []  # the orphan is swept too


def test_two_writers_race_and_nothing_is_lost_or_invented(where: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(where, other)
    submitters = Submitter.generate(), Submitter.generate()
    with Log.open(where) as one, Log.open(other) as two:
        found: dict[int, tuple[int, int]] = {}
        start = threading.Barrier(2)

        def hand_in(who: int, log: Log) -> None:
            start.wait()
            for number in range(6):
                accepted = _until_taken(log, _claim(submitters[who], number, number + 100))
                for place, (index, _) in enumerate(_places(accepted)):
                    assert index not in found
                    found[index] = (who, number + 100 * place)

        threads = [threading.Thread(target=hand_in, args=pair) for pair in ((0, one), (1, two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == list(range(24))
    with Log.open(where, write=False) as log:
        for index, (who, number) in found.items():
            hit = log.index.get(index)
            assert hit is not None
            assert hit.key == submitters[who].public
            assert index in [h.index for h in log.index.search(Query(digest=digest(number)))]


def test_a_database_that_stops_is_told_of_and_the_log_goes_on_when_it_is_back(
    where: Path,
    postgres: Postgres,
) -> None:
    ada = Submitter.generate()
    with Log.open(where) as log:
        log.sequencer.submit(_claim(ada, 1)).result(PATIENCE)
        postgres.stop()
        with pytest.raises(RegisterError, match="does not answer") as caught:
            log.sequencer.submit(_claim(ada, 2)).result(PATIENCE)
        assert caught.value.reason == "unreachable"
        assert "postgres:" not in str(caught.value)
        postgres.start()
        assert _until_taken(log, _claim(ada, 2)).positions[0].index == 1


def test_a_store_that_stops_is_told_of_and_the_log_goes_on_when_it_is_back(
    where: Path,
    seaweed: Seaweed,
) -> None:
    ada = Submitter.generate()
    with Log.open(where) as log:
        log.sequencer.submit(_claim(ada, 1)).result(PATIENCE)
        seaweed.stop()
        with pytest.raises(RegisterError, match="does not answer") as caught:
            log.sequencer.submit(_claim(ada, 2)).result(PATIENCE)
        assert caught.value.reason == "unreachable"
        seaweed.start()
        assert _until_taken(log, _claim(ada, 2)).positions[0].index == 1


def test_a_store_that_loses_a_staged_batch_stops_the_log_rather_than_fork_it(
    where: Path,
) -> None:
    ada = Submitter.generate()
    with Log.open(where) as log:
        log.sequencer.submit(_claim(ada, *range(10))).result(PATIENCE)
    objects = S3Objects((where / "log.toml").read_text().split('objects = "')[1].split('"')[0])
    path = list(objects.list(STAGING))[-1]
    data = objects.get(path)
    objects.put(path, data[:-1] + bytes([data[-1] ^ 1]))
    objects.sync()
    with pytest.raises(RegisterError) as caught:
        Log.open(where)
    assert caught.value.reason == "damaged"
    objects.put(path, data)
    objects.close()
