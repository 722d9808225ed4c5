"""A disk that is full, failing or read-only at every single change that a batch makes, once or for a while."""

import errno
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.register.simulated import Machine, folder, submission
from tests.register.test_crash import Witness

from assay.errors import RegisterError
from assay.register.fsck import fsck

FAULTS = {errno.ENOSPC: "full", errno.EIO: "unwritable", errno.EROFS: "unwritable"}


def failing(first: int, count: int, code: int) -> Callable[[int, str], None]:
    def fail(step: int, what: str) -> None:
        if first <= step < first + count:
            raise OSError(code, "as told")

    return fail


def recovered(machine: Machine) -> int:
    """Read the state anew until that goes; how often it did not."""
    failed = 0
    while True:
        try:
            machine.load()
            machine.publish()
            return failed
        except RegisterError:
            failed += 1
            if failed == 50:
                raise


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("count", [1, 6])
def test_at_every_change(tmp_path: Path, code: int, count: int) -> None:
    root = folder(tmp_path)
    told = at = 0
    while True:
        rng = random.Random(at)
        witness, machine = Witness(), Machine.fresh(root)
        first = submission(rng, 250)
        witness.post(machine, first)
        machine.settle()
        start = len(machine.simulated.steps) + at
        machine.simulated.fail = failing(start, count, code)
        one = submission(rng, 20, manifests=1)
        reasons: list[str] = []
        try:
            witness.post(machine, first, one)
            machine.settle()
        except RegisterError as error:
            reasons.append(error.reason)
            recovered(machine)
        assert reasons in ([], [FAULTS[code]])
        told += len(reasons)
        witness.check(machine)
        machine.simulated.fail = lambda step, what: None
        witness.post(machine, one, submission(rng, 3))
        machine.settle()
        witness.check(machine)
        machine.ledger.close()
        report = fsck(root, index=machine.index, disk=machine.disk)
        assert not report.damages, report
        assert report.entries == 273
        if len(machine.simulated.steps) < start or at > 60:
            break
        at += 1
    assert told > 15
