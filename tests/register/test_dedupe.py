import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.register.simulated import SimDisk

from assay.register.dedupe import FAN, Dedupe, head_hash
from assay.register.disk import OsDisk
from assay.register.leaf import HEAD, LEAF

FOLDER = Path("/log/dedupe")


class Log:
    """Entries, as bundles would give them."""

    def __init__(self, count: int) -> None:
        rng = random.Random(count)
        self.entries = [rng.randbytes(LEAF) for _ in range(count)]
        self.read_count = 0

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self.read_count += end - start
        return iter(self.entries[start:end])

    def hashes(self, start: int = 0, end: int | None = None) -> list[bytes]:
        return [head_hash(entry[:HEAD]) for entry in self.entries[start:end]]

    def heads(self) -> list[bytes]:
        return [entry[:HEAD] for entry in self.entries]


def grown(log: Log, disk: SimDisk | OsDisk, folder: Path = FOLDER, limit: int = 50) -> Dedupe:
    index = Dedupe(folder, disk, log.read, limit)
    index.load(0)
    for start in range(0, len(log.entries), 30):
        index.add(log.hashes(start, start + 30))
        index.tidy(index.size)
    return index


@pytest.mark.parametrize("count", [0, 10, 49, 51, 1000, 5000])
def test_all_are_found_and_no_others(count: int) -> None:
    log, disk = Log(count), SimDisk()
    index = grown(log, disk)
    assert index.find(log.hashes(), log.heads()) == list(range(count))
    other = Log(77)
    assert index.find(other.hashes(), other.heads()) == [None] * 77
    again = Dedupe(FOLDER, disk, log.read, 50)
    assert again.load(count) == []
    again.fill(count)
    assert again.find(log.hashes(), log.heads()) == list(range(count))


def test_runs_are_merged() -> None:
    disk = SimDisk()
    grown(Log(5000), disk)
    assert 2 <= len(disk.names(FOLDER)) < 2 * FAN


def test_a_run_on_the_real_disk_is_mapped(tmp_path: Path) -> None:
    log = Log(300)
    index = grown(log, OsDisk(), tmp_path)
    assert index.find(log.hashes(), log.heads()) == list(range(300))
    assert list(tmp_path.glob("*.run"))


def test_equal_prefixes_are_told_apart_by_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    log, disk = Log(60), SimDisk()
    index = grown(log, disk, limit=60)
    (run,) = index._runs
    same = np.full(len(run.keys), run.keys[0])
    object.__setattr__(run, "keys", same)
    hashes = [int(same[0]).to_bytes(8, "little") + h[8:] for h in log.hashes()]
    assert index.find(hashes, log.heads()) == list(range(60))
    assert index.find(hashes[:1], [bytes(HEAD)]) == [None]


@pytest.mark.parametrize("at", [0, 9, 25, 40, -1])
def test_a_damaged_run_is_removed_and_derived_again(at: int) -> None:
    log, disk = Log(400), SimDisk()
    grown(log, disk)
    name = disk.names(FOLDER)[0]
    data = bytearray(disk.read(FOLDER / name))
    data[at] ^= 4
    disk.names_now[FOLDER / name].data = bytes(data)
    index = Dedupe(FOLDER, disk, log.read, 50)
    assert index.load(400) == [name]
    assert index.size == 0
    index.fill(400)
    assert index.find(log.hashes(), log.heads()) == list(range(400))


def test_runs_of_entries_that_the_log_does_not_hold_are_removed() -> None:
    log, disk = Log(400), SimDisk()
    grown(log, disk)
    index = Dedupe(FOLDER, disk, log.read, 50)
    index.load(10)
    assert index.size == 0
    assert disk.names(FOLDER) == []


def test_a_run_waits_for_bundles_to_confirm_it_by() -> None:
    log, disk = Log(60), SimDisk()
    index = Dedupe(FOLDER, disk, log.read, 50)
    index.load(0)
    index.add(log.hashes())
    index.tidy(59)
    assert disk.names(FOLDER) == []
    assert index.find(log.hashes(), log.heads()) == list(range(60))
    assert log.read_count == 0
    index.tidy(60)
    assert len(disk.names(FOLDER)) == 1
