"""The process killed, or the power lost, before, in the middle of and after every single change that a batch makes."""

import itertools
import random
from pathlib import Path

import pytest

from assay.register.edge import Edge
from assay.register.fsck import fsck
from assay.register.publisher import Published
from assay.register.writer import Checked
from tests.register.simulated import Crash, Machine, SimDisk, folder, submission

RUNS = 500
WHEN = ("before", "torn", "after")


class Witness:
    """Remembers what was handed in, answered and published, and holds the log to it."""

    def __init__(self) -> None:
        self.given: set[bytes] = set()
        self.answered: dict[int, bytes] = {}
        self.published: list[Published] = []

    def post(self, machine: Machine, *batch: Checked) -> None:
        leaves = [[entry.head + one.signature for entry in one.entries] for one, _ in batch]
        self.given.update(leaf for each in leaves for leaf in each)
        answers = machine.post(*batch)
        for each, positions in zip(leaves, answers, strict=True):
            for leaf, position in zip(each, positions, strict=True):
                assert position.duplicate or position.index not in self.answered
                assert self.answered.setdefault(position.index, leaf)[:98] == leaf[:98]
        assert machine.publisher.published
        self.published.append(machine.publisher.published)

    def check(self, machine: Machine) -> None:
        entries = machine.entries()
        assert all(entries[index] == leaf for index, leaf in self.answered.items())
        assert self.given.issuperset(entries)
        assert len(set(entries)) == len(entries)
        edge = Edge()
        for one in sorted(self.published, key=lambda p: p.size):
            edge, _ = edge.extend(entries[edge.size : one.size])
            assert edge.root == one.checkpoint.root


def reopened(machine: Machine, rng: random.Random | None) -> Machine:
    again = Machine(machine.disk.restarted(rng), machine.index, machine.root)
    again.load()
    return again


def play(root: Path, rng: random.Random, at: int, when: str, power: bool) -> bool:
    """One run: a log of some entries, a batch that the machine stops in, and what comes after. Returns whether the
    machine came to stop there at all.
    """
    witness = Witness()
    machine = Machine.fresh(root)
    first = submission(rng, 240)
    witness.post(machine, first)
    machine.settle()
    one, two = submission(rng, 30, manifests=2), submission(rng, 60)
    start = len(machine.disk.steps)
    machine.disk.fail = lambda step, what: when if step == start + at else None
    stopped = False
    try:
        for _ in range(2):
            witness.post(machine, one, first, two)
            machine.settle()
            one, two = submission(rng, 3), submission(rng, 3)
    except Crash:
        stopped = True
    machine = reopened(machine, rng if power else None)
    machine.publish()
    witness.check(machine)
    witness.post(machine, two, submission(rng, 5))
    machine.settle()
    witness.check(machine)
    machine.ledger.close()
    report = fsck(root, index=machine.index, disk=machine.disk, repair=True)
    assert report.whole, report
    assert not report.damages, report
    assert report.entries == report.published == machine.index.cursor()
    return stopped


def test_nothing_acknowledged_is_lost_and_nothing_invented_wherever_the_machine_stops(tmp_path: Path) -> None:
    root = folder(tmp_path)
    points = 0
    while play(root, random.Random(points), points, "before", power=False):
        points += 1
    assert points > 30
    assert RUNS >= 6 * points
    cases = [(at, when, power) for at in range(points) for when in WHEN for power in (False, True)]
    rng = random.Random(7)
    rng.shuffle(cases)
    for number, (at, when, power) in enumerate(itertools.islice(itertools.cycle(cases), RUNS)):
        try:
            assert play(root, random.Random(1000 + number), at, when, power)
        except (AssertionError, Exception) as error:
            raise AssertionError(f"run {number}: stopped {when} step {at}, power lost: {power}") from error


def test_losing_power_again_and_again(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for seed in range(40):
        rng = random.Random(seed)
        witness, machine = Witness(), Machine.fresh(root)
        for _ in range(12):
            left = rng.randrange(80)
            start = len(machine.disk.steps)
            machine.disk.fail = lambda step, what, end=start + left: rng.choice(WHEN) if step == end else None  # type: ignore[misc]
            try:
                while True:
                    witness.post(machine, submission(rng, rng.choice((1, 5, 90)), manifests=rng.randrange(2)))
                    if rng.random() < 0.5:
                        machine.settle()
            except Crash:
                pass
            while True:
                try:
                    machine = reopened(machine, rng if rng.random() < 0.7 else None)
                    break
                except Crash:  # pragma: no cover
                    pytest.fail("a new machine does not stop")
            machine.publish()
            witness.check(machine)
        machine.settle()
        machine.ledger.close()
        report = fsck(root, index=machine.index, disk=machine.disk)
        assert not report.damages, report


def test_the_simulated_disk_loses_what_is_not_made_durable() -> None:
    disk, a, b = SimDisk(), Path("/d/a"), Path("/d/b")
    disk.append(a, b"durable")
    disk.datasync(a)
    disk.syncdir(Path("/d"))
    disk.append(a, b", and this is not")
    disk.write(b, b"neither is this")
    seen = {bytes(disk.restarted(random.Random(seed)).read(a)) for seed in range(40)}
    assert b"durable" in seen
    assert len(seen) > 4
    assert all(data.startswith(b"durable") for data in seen)
    there = [b in disk.restarted(random.Random(seed)).names_now for seed in range(40)]
    assert 0 < sum(there) < 40
    assert disk.restarted(None).read(a) == b"durable, and this is not"
