"""The sequencer with its threads, on a simulated disk. Nothing here waits for a clock: only for what must come."""

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest
from tests.register.simulated import SIGNER, Machine

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.merkle import verify_consistency
from assay.register.model import Accepted, Posted, Submission
from assay.register.note import Note
from assay.register.ports import Cosign
from assay.register.publisher import Publisher
from assay.register.record import Record
from assay.register.sequencer import LAG, BusyError, Limits, Sequencer
from assay.register.submission import Submitter, check

PATIENCE = 60
Prove = Callable[[int], list[bytes]]
QUICK = Limits(interval=0.0)


class Gate:
    """A cosigning that can be shut, and that checks consistency as a witness does."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self._seen: tuple[int, bytes] = (0, b"")

    def __call__(self, note: Note, prove: Prove) -> Note:
        self.asked.set()
        if not self.open.is_set():
            raise RegisterError("Too few witnesses.", "quorum")
        head = Checkpoint.parse(note.text)
        old, root = self._seen
        if old:
            verify_consistency(old, head.size, prove(old), root, head.root)
        self._seen = (head.size, head.root)
        return note


class Running:
    """A sequencer over a simulated machine."""

    def __init__(self, limits: Limits = QUICK, cosign: Cosign | None = None) -> None:
        self.gate = Gate()
        self.machine = Machine.fresh()
        self.submitter = Submitter.generate()
        publisher = Publisher(self.machine.objects, SIGNER.verifier, cosign or self.gate)
        self.sequencer = Sequencer(self.machine.writer, publisher, self.machine.settler, limits)

    def claim(self, *numbers: int, manifest: bytes | None = None) -> Submission:
        records = [Record(digest=n.to_bytes(32, "big"), size=n, media_type="image/png") for n in numbers]
        return self.submitter.claims([(record, manifest) for record in records], public=True)[0]

    def submit(self, *numbers: int) -> Future[Accepted]:
        return self.sequencer.submit(self.claim(*numbers))


def places(accepted: Accepted) -> list[tuple[int, bool]]:
    return [(p.index, p.duplicate) for p in accepted.positions]


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running()
    yield one
    one.sequencer.close()


def test_positions_are_contiguous_and_published(running: Running) -> None:
    accepted = running.submit(1, 2, 3).result(PATIENCE)
    assert places(accepted) == [(0, False), (1, False), (2, False)]
    assert accepted.checkpoint == running.machine.objects.get("checkpoint")
    assert SIGNER.verifier.signed(Note.parse(accepted.checkpoint)) == 0
    assert places(running.submit(9, 2).result(PATIENCE)) == [(3, False), (1, True)]
    running.sequencer.close()
    assert [hit.index for hit in running.machine.index.hits] == [0, 1, 2, 3]
    assert running.sequencer.status.indexed == 4


def test_duplicates_within_a_batch_and_on_their_way() -> None:
    running = Running(Limits(interval=0.2))
    futures = [running.submit(1, 2), running.submit(2, 3), running.submit(2)]
    assert [places(f.result(PATIENCE)) for f in futures] == [
        [(0, False), (1, False)],
        [(1, True), (2, False)],
        [(1, True)],
    ]
    running.sequencer.close()
    assert len(running.machine.entries()) == 3


def test_many_threads(running: Running) -> None:
    found: list[Accepted] = []

    def work(offset: int) -> None:
        found.extend(running.submit(*range(n, n + 10)).result(PATIENCE) for n in range(offset, offset + 100, 10))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 500, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    indexes = {p.index for accepted in found for p in accepted.positions}
    assert indexes == set(range(550))
    for accepted in found:
        new = [p.index for p in accepted.positions if not p.duplicate]
        assert new == list(range(new[0], new[0] + len(new))) if new else True


def test_bad_submissions_are_refused_before_anything_is_written(running: Running) -> None:
    good = running.claim(1)
    bad = Submission(key=good.key, signature=bytes(64), entries=good.entries)
    before = len(running.machine.simulated.steps)
    with pytest.raises(RegisterError) as caught:
        running.sequencer.submit(bad)
    assert caught.value.reason == "signature"
    assert len(running.machine.simulated.steps) == before


def test_a_full_pool_pushes_back() -> None:
    running = Running(Limits(interval=0.0, pool=10, wait=PATIENCE))
    running.gate.open.clear()
    first = running.submit(*range(8))
    with pytest.raises(BusyError) as caught:
        running.submit(*range(100, 103))
    assert caught.value.reason == "busy"
    assert caught.value.retry_after >= 1
    running.gate.open.set()
    first.result(PATIENCE)
    assert places(running.submit(*range(100, 120)).result(PATIENCE))[0] == (8, False)
    running.sequencer.close()
    with pytest.raises(BusyError, match="being closed"):
        running.submit(1)


def test_an_index_that_is_far_behind_pushes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(Limits(interval=0.0, pool=2, wait=PATIENCE))
    index, go = running.machine.index, threading.Event()
    running.submit(0).result(PATIENCE)
    while not running.sequencer.status.indexed:
        go.wait(0.01)
    apply = index.apply

    def wait(posted: Sequence[Posted], size: int) -> None:
        assert go.wait(PATIENCE)
        apply(posted, size)

    monkeypatch.setattr(index, "apply", wait)
    for number in range(1, 2 + 2 * LAG):
        running.submit(number).result(PATIENCE)
    with pytest.raises(BusyError, match=f"The index is {1 + 2 * LAG} entries behind"):
        running.submit(1000)
    go.set()
    while running.sequencer.status.indexed < 2 + 2 * LAG:
        threading.Event().wait(0.01)
    running.submit(1000).result(PATIENCE)
    running.sequencer.close()
    assert index.cursor() == 3 + 2 * LAG


def test_without_a_quorum_nothing_is_published_and_places_are_kept() -> None:
    running = Running(Limits(interval=0.0, wait=0.0))
    running.gate.open.clear()
    running.gate.asked.clear()
    future = running.submit(1)
    with pytest.raises(RegisterError) as caught:
        future.result(PATIENCE)
    assert caught.value.reason in ("quorum", "busy")
    assert "Hand it in again later" in str(caught.value)
    assert running.gate.asked.wait(PATIENCE)
    published = running.sequencer.published
    assert published is None or published.size == 0
    assert running.machine.index.cursor() == 0
    running.gate.open.set()
    while not (published := running.sequencer.published) or published.size != 1:
        threading.Event().wait(0.01)
    assert places(running.submit(1).result(PATIENCE)) == [(0, True)]
    running.sequencer.close()


def test_the_reason_of_a_wait_that_is_too_long_is_told() -> None:
    running = Running(Limits(interval=0.0, wait=2.0))
    running.gate.open.clear()
    with pytest.raises(RegisterError, match="Too few witnesses") as caught:
        running.submit(1).result(PATIENCE)
    assert caught.value.reason == "quorum"
    assert "Too few witnesses." in (running.sequencer.status.trouble or "")
    running.sequencer.close()


@pytest.mark.parametrize("what", ["append", "datasync /log/journal", "write", "rename"])
@pytest.mark.parametrize(("code", "reason"), [(errno.ENOSPC, "full"), (errno.EIO, "unwritable")])
def test_after_a_failed_write_the_state_is_read_anew(what: str, code: int, reason: str) -> None:
    running = Running(Limits(interval=0.0, wait=PATIENCE))
    running.submit(1).result(PATIENCE)
    failed = threading.Event()

    def fail(step: int, done: str) -> None:
        if done.startswith(what) and not failed.is_set():
            failed.set()
            raise OSError(code, "as told")

    running.machine.simulated.fail = fail
    future = running.submit(2, 3)
    if what in ("append", "datasync /log/journal"):
        with pytest.raises(RegisterError, match="hand it in again") as caught:
            future.result(PATIENCE)
        assert caught.value.reason == reason
        future = running.submit(2, 3)
    accepted = future.result(PATIENCE)
    assert failed.is_set()
    assert [p.index for p in accepted.positions] == [1, 2]
    assert running.sequencer.status.trouble is None
    running.sequencer.close()
    assert len(running.machine.entries()) == 3


def test_while_storage_fails_submitters_are_told_at_once(running: Running) -> None:
    running.submit(1).result(PATIENCE)

    def fail(step: int, done: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    running.machine.simulated.fail = fail
    for _ in range(2):
        with pytest.raises(RegisterError) as caught:
            running.submit(2).result(PATIENCE)
        assert caught.value.reason == "unwritable"
    assert running.sequencer.status.trouble
    running.machine.simulated.fail = lambda step, done: None
    while (error := running.submit(2).exception(PATIENCE)) is not None:
        assert isinstance(error, RegisterError)
        assert error.reason == "unwritable"
    assert places(running.submit(2).result(PATIENCE)) == [(1, True)]


def test_a_clock_that_runs_backwards_changes_nothing() -> None:
    machine = Machine.fresh()
    times = iter([2e9, 1e9, 5e8, 0.0])
    machine.writer._clock = lambda: next(times)
    publisher = Publisher(machine.objects, SIGNER.verifier, lambda note, prove: note)
    sequencer = Sequencer(machine.writer, publisher, machine.settler, QUICK)
    submitter = Submitter.generate()
    for number in range(4):
        record = Record(digest=number.to_bytes(32, "big"), size=1, media_type="image/png")
        accepted = sequencer.submit(submitter.claims([(record, None)])[0]).result(PATIENCE)
        assert places(accepted) == [(number, False)]
    sequencer.close()
    assert [hit.seen for hit in machine.index.hits] == [2_000_000_000, 1_000_000_000, 500_000_000, 0]


def test_manifests_are_there_before_their_leaf(running: Running) -> None:
    running.sequencer.submit(running.claim(1, manifest=b"a manifest")).result(PATIENCE)
    steps = running.machine.simulated.steps
    written = next(i for i, step in enumerate(steps) if step.startswith("rename") and "manifests" in step)
    durable = next(i for i, step in enumerate(steps) if step.startswith("sync ") and i > written)
    committed = next(i for i, step in enumerate(steps) if step.startswith("append") and i > written)
    assert written < durable < committed


def test_a_reopened_log_publishes_what_was_committed() -> None:
    machine = Machine.fresh()
    publisher = Publisher(machine.objects, SIGNER.verifier, Gate())
    sequencer = Sequencer(machine.writer, publisher, machine.settler, QUICK)
    sequencer.close()
    submitter = Submitter.generate()
    record = Record(digest=bytes(32), size=1, media_type="image/png")
    one = submitter.claims([(record, None)])[0]
    machine.writer.sequence([(one, check(one))])
    again = Sequencer(machine.writer, publisher, machine.settler, QUICK)
    assert places(again.submit(one).result(PATIENCE)) == [(0, True)]
    again.close()
