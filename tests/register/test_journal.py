import contextlib
import errno
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.register.simulated import SIGNER, Crash, SimDisk

from assay.errors import RegisterError
from assay.register.edge import Edge
from assay.register.journal import FolderLedger
from assay.register.writer import signed

FOLDER = Path("/log/journal")


def note(size: int) -> bytes:
    edge, _ = Edge().extend([size.to_bytes(162, "big")] * size)
    return signed(SIGNER, size, edge.root).encode()


NOTES = [note(size) for size in range(40)]


def filled(disk: SimDisk, count: int = 5, segment: int = 1 << 20) -> FolderLedger:
    ledger = FolderLedger(FOLDER, disk, segment)
    for size in range(count):
        ledger.commit(NOTES[size - 1] if size else None, NOTES[size], b"batch %d" % size)
    return ledger


def sizes(batches: Iterator[tuple[bytes, bytes]]) -> list[int]:
    return [NOTES.index(one) for one, _ in batches]


def flip(disk: SimDisk, path: Path, at: int) -> None:
    data = bytearray(disk.read(path))
    data[at] ^= 1
    disk.names_now[path].data = bytes(data)


def segments(disk: SimDisk) -> list[Path]:
    return [FOLDER / name for name in disk.names(FOLDER) if name.endswith(".journal")]


def test_commits_are_there_after_reopening() -> None:
    disk = SimDisk()
    ledger = filled(disk)
    assert ledger.head() == NOTES[4]
    assert list(ledger.batches(2)) == [(NOTES[3], b"batch 3"), (NOTES[4], b"batch 4")]
    ledger.close()
    again = FolderLedger(FOLDER, disk)
    assert again.head() == NOTES[4]
    assert sizes(again.batches(0)) == [1, 2, 3, 4]


def test_only_the_head_may_be_followed() -> None:
    ledger = filled(SimDisk())
    with pytest.raises(RegisterError) as caught:
        ledger.commit(NOTES[3], NOTES[5], b"")
    assert caught.value.reason == "conflict"
    assert ledger.head() == NOTES[4]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    one = FolderLedger(tmp_path)
    with pytest.raises(RegisterError, match="A server holds this log") as caught:
        FolderLedger(tmp_path)
    assert caught.value.reason == "conflict"
    one.close()
    FolderLedger(tmp_path).close()
    with pytest.raises(RegisterError, match="closed"):
        one.head()


@pytest.mark.parametrize("cut", [1, 10, 16, 60])
def test_a_torn_end_is_cut_off(cut: int) -> None:
    disk = SimDisk()
    filled(disk).close()
    (path,) = segments(disk)
    disk.names_now[path].data = disk.read(path)[:-cut]
    ledger = FolderLedger(FOLDER, disk)
    assert ledger.head() == NOTES[3]
    ledger.commit(NOTES[3], NOTES[4], b"anew")
    ledger.close()
    assert list(FolderLedger(FOLDER, disk).batches(3)) == [(NOTES[4], b"anew")]


def test_a_flipped_bit_in_the_last_commit_destroys_nothing_until_more_is_published() -> None:
    for segment in (1, 1 << 20):
        disk = SimDisk()
        filled(disk, segment=segment).close()
        path = segments(disk)[-1]
        before = disk.read(path)
        begin = before.rindex(b"AJ1\n")
        flip(disk, path, begin + 70)
        ledger = FolderLedger(FOLDER, disk)
        assert ledger.head() == NOTES[3]
        (cut,) = ledger.cuts
        assert cut.name.startswith(f"{path.name}.{begin}.")
        assert len(disk.read(cut)) == len(before) - begin
        assert b"batch 4" in disk.read(cut)
        assert disk.restarted(random.Random(1)).read(cut) == disk.read(cut)
        ledger.trim(3)
        assert ledger.cuts == [cut]
        ledger.commit(NOTES[3], NOTES[4], b"anew")
        ledger.trim(4)
        assert ledger.cuts == []


def test_what_was_cut_off_twice_at_one_place_is_kept_twice() -> None:
    disk = SimDisk()
    filled(disk).close()
    (path,) = segments(disk)
    for batch in (b"one", b"two"):
        flip(disk, path, len(disk.read(path)) - 1)
        ledger = FolderLedger(FOLDER, disk)
        assert ledger.head() == NOTES[3]
        ledger.commit(NOTES[3], NOTES[4], batch)
        ledger.close()
    assert len(ledger.cuts) == 2


def test_wherever_it_stops_what_is_cut_off_is_there_or_kept() -> None:
    start = SimDisk()
    filled(start).close()
    (path,) = segments(start)
    flip(start, path, len(start.read(path)) - 1)
    start.names_now[path].settle()
    mark, stops = start.read(path)[-7:], 0
    for at in range(20):
        for power in (None, random.Random(at)):
            disk = start.restarted(random.Random(0))

            def fail(step: int, what: str, at: int = at) -> str | None:
                return "torn" if step == at else None

            disk.fail = fail
            with contextlib.suppress(Crash):
                FolderLedger(FOLDER, disk)
            stops += at < len(disk.steps)
            again = disk.restarted(power)
            assert any(again.read(FOLDER / name).endswith(mark) for name in again.names(FOLDER) if name != "lock")
    assert stops > 6


def test_a_damage_before_the_end_is_no_torn_end() -> None:
    disk = SimDisk()
    filled(disk).close()
    (path,) = segments(disk)
    for at in range(0, len(disk.read(path)) * 3 // 4, 7):
        flip(disk, path, at)
        with pytest.raises(RegisterError, match=f"{path.name} does not check at byte") as caught:
            FolderLedger(FOLDER, disk)
        assert caught.value.reason == "damaged"
        flip(disk, path, at)
    assert FolderLedger(FOLDER, disk).head() == NOTES[4]


def test_a_lost_segment_is_seen() -> None:
    disk = SimDisk()
    filled(disk, 9, segment=300).close()
    assert len(segments(disk)) > 3
    del disk.names_now[segments(disk)[1]]
    with pytest.raises(RegisterError) as caught:
        FolderLedger(FOLDER, disk)
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("what", ["append", "datasync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_what_a_failed_commit_wrote_never_comes_back(what: str, code: int) -> None:
    disk = SimDisk()
    ledger = filled(disk)

    def fail(step: int, done: str) -> None:
        if done.startswith(what):
            raise OSError(code, "as told")

    disk.fail = fail
    with pytest.raises(RegisterError) as caught:
        ledger.commit(NOTES[4], NOTES[5], b"lost")
    assert caught.value.reason == ("full" if code == errno.ENOSPC else "unwritable")
    disk.fail = lambda step, done: None
    assert ledger.head() == NOTES[4]
    ledger.commit(NOTES[4], NOTES[6], b"kept")
    ledger.close()
    assert list(FolderLedger(FOLDER, disk).batches(4)) == [(NOTES[6], b"kept")]


def test_while_the_end_is_uncertain_nothing_is_said() -> None:
    disk = SimDisk()
    ledger = filled(disk)

    def fail(step: int, done: str) -> None:
        if done.startswith(("datasync", "truncate")):
            raise OSError(errno.EIO, "as told")

    disk.fail = fail
    with pytest.raises(RegisterError):
        ledger.commit(NOTES[4], NOTES[5], b"")
    with pytest.raises(RegisterError) as caught:
        ledger.head()
    assert caught.value.reason == "unwritable"


@pytest.mark.parametrize("segment", [1, 300, 1 << 20])
def test_trimming_keeps_what_is_above_and_always_the_last_checkpoint(segment: int) -> None:
    disk = SimDisk()
    ledger = filled(disk, 12, segment)
    batches = ledger.batches(0)
    assert sizes(iter([next(batches)])) == [1]
    ledger.trim(5)
    assert sizes(batches)[-6:] == [6, 7, 8, 9, 10, 11]
    assert set(range(6, 12)) <= set(sizes(ledger.batches(0)))
    ledger.trim(99)
    assert list(ledger.batches(0)) == []
    assert all(b"batch" not in disk.read(path) for path in segments(disk))
    assert ledger.head() == NOTES[11]
    steps = len(disk.steps)
    ledger.trim(99)
    assert len(disk.steps) == steps
    ledger.close()
    ledger = FolderLedger(FOLDER, disk, segment)
    assert ledger.head() == NOTES[11]
    ledger.commit(NOTES[11], NOTES[12], b"on")
    ledger.close()
    again = FolderLedger(FOLDER, disk)
    assert sizes(again.batches(11)) == [12]


def test_a_batch_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.register.journal.MAX_PAYLOAD", 1000)
    ledger = filled(SimDisk())
    with pytest.raises(RegisterError) as caught:
        ledger.commit(NOTES[4], NOTES[5], bytes(1000))
    assert caught.value.reason == "too_large"
    assert ledger.head() == NOTES[4]
