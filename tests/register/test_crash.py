"""The process killed, or the power lost, before, in the middle of and after every single change that a batch makes."""

import io
import itertools
import os
import pickle
import random
import signal
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from tests.register.simulated import Crash, Machine, MemoryIndex, SimDisk, folder, submission

from assay.register.disk import OsDisk
from assay.register.edge import Edge
from assay.register.fsck import fsck
from assay.register.publisher import Published
from assay.register.writer import Checked

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


def stop_at(end: int, when: str, step: int, what: str) -> str | None:
    return when if step == end else None


def reopened(machine: Machine, rng: random.Random | None) -> Machine:
    again = Machine(machine.simulated.restarted(rng), machine.index, machine.root)
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
    start = len(machine.simulated.steps)
    machine.simulated.fail = partial(stop_at, start + at, when)
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
    assert not machine.ledger.cuts  # more is published now than there was
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
    assert 6 * points <= RUNS
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
            start = len(machine.simulated.steps)
            machine.simulated.fail = partial(stop_at, start + left, rng.choice(WHEN))
            try:
                while True:
                    witness.post(machine, submission(rng, rng.choice((1, 5, 90)), manifests=rng.randrange(2)))
                    if rng.random() < 0.5:
                        machine.settle()
            except Crash:
                pass
            machine = reopened(machine, rng if rng.random() < 0.7 else None)
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


class KillingDisk(OsDisk):
    """The real disk, and a process that kills itself before or after one of its changes."""

    def __init__(self, at: int, after: bool) -> None:
        self._left, self._after = at, after

    def _kill(self) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, path: Path, data: bytes, flag: int) -> None:
        if self._left == 0 and not self._after:
            super()._write(path, data[: len(data) // 2], flag)
        self._kill()
        super()._write(path, data, flag)

    def rename(self, old: Path, new: Path) -> None:
        self._kill()
        super().rename(old, new)
        if self._left == 0 and self._after:
            os.kill(os.getpid(), signal.SIGKILL)

    def datasync(self, path: Path) -> None:
        self._kill()
        super().datasync(path)
        if self._left == 0 and self._after:
            os.kill(os.getpid(), signal.SIGKILL)

    def sync(self, paths: Iterable[Path], root: Path) -> None:
        self._kill()
        super().sync(paths, root)

    def unlink(self, path: Path) -> None:
        self._kill()
        super().unlink(path)


def killed(root: Path, index: MemoryIndex, at: int, after: bool, seed: int) -> list[tuple[Checked, object]]:
    """What a child process had been answered, before it killed itself at a change."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            rng = random.Random(seed)
            machine = Machine(KillingDisk(at, after), index, root)
            machine.load()
            while True:
                one = submission(rng, 20, manifests=1)
                os.write(writer, pickle.dumps((one, None)))
                os.write(writer, pickle.dumps((one, machine.post(one))))
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        data = stream.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    told: list[tuple[Checked, object]] = []
    left = io.BytesIO(data)
    while left.tell() < len(data):
        told.append(pickle.load(left))
    return told


def test_a_real_process_killed_at_a_change_loses_nothing(tmp_path: Path) -> None:
    root = folder(tmp_path)
    first = Machine.fresh(root, OsDisk())
    first.publish()
    first.ledger.close()
    witness, index = Witness(), MemoryIndex()
    for run in range(36):
        told = killed(root, index, run % 18, run % 2 == 0, run)
        machine = Machine(OsDisk(), index, root)
        machine.load()
        machine.publish()
        machine.settle()
        for (one, _), positions in told:
            leaves = [entry.head + one.signature for entry in one.entries]
            witness.given.update(leaves)
            if positions is not None:
                assert isinstance(positions, list)
                witness.answered.update({p.index: leaf for p, leaf in zip(positions[0], leaves, strict=True)})
        assert machine.publisher.published
        witness.published.append(machine.publisher.published)
        witness.check(machine)
        machine.ledger.close()
        report = fsck(root, index=index, repair=True)
        assert not report.damages, report
    assert len(witness.answered) > 100
