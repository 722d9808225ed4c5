from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register import forks
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType
from assay.register.mirror import Mirror, Pulled, create, name_of, verify
from assay.register.note import Note
from assay.register.policy import LogLine
from assay.register.tiles import CHECKPOINT, entries_path, tile_path, width_of
from assay.register.witness import write_policy

ORIGIN = "log.example/one"
URL = "http://log.example/one"


class Made:
    """A mirror of one log; ``log`` can be replaced."""

    def __init__(self, folder: Path, log: ToyLog) -> None:
        self.folder, self.log = folder, log
        create(folder, "m.example", [LogLine(log.verifier, URL)]).close()
        self.mirror = self.open()

    def open(self, **options: Any) -> Mirror:
        def answer(request: httpx.Request) -> httpx.Response:
            try:
                return httpx.Response(200, content=self.log.fetch(request.url.path.removeprefix("/one/")))
            except RegisterError:
                return httpx.Response(404)

        return Mirror(self.folder, transport=httpx.MockTransport(answer), **options)

    def pull(self, **options: Any) -> Pulled:
        self.log.asked.clear()
        return self.mirror.pull(self.mirror.policy.logs[0], **options)

    def refused(self) -> RegisterError:
        before = self.mirror.head(ORIGIN)
        with pytest.raises(RegisterError) as told:
            self.pull()
        assert self.mirror.head(ORIGIN) == before
        return told.value

    def evidence(self) -> list[forks.Judgement]:
        kept = sorted((self.folder / "evidence").iterdir())
        return [forks.judge(forks.load(place), [self.log.verifier]) for place in kept]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = Made(tmp_path / "m", ToyLog(ORIGIN, leaves(700)))
    yield made
    made.mirror.close()


def same(made: Made, size: int) -> None:
    """Every tile and bundle of the tree, byte for byte."""
    level = 0
    while size >> 8 * level:
        index = 0
        while width := width_of(level, index, size):
            paths = [tile_path(level, index, width)] + ([entries_path(index, width)] if level == 0 else [])
            for path in paths:
                assert made.mirror.fetch(ORIGIN, path) == made.log.fetch(path), path
            index += 1
        level += 1


@pytest.mark.parametrize("sizes", [(0, 1), (1, 255, 256, 257), (700, 700, 1024), (300, 511, 512, 513, 66_000)])
def test_a_full_copy(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    made = Made(tmp_path / "m", ToyLog(ORIGIN))
    old = 0
    for size in sizes:
        made.log.add(leaves(size - old, old))
        assert made.pull() == Pulled(ORIGIN, old, size)
        same(made, size)
        assert verify(made.mirror, ORIGIN) == size
        old = size
    made.mirror.close()


def test_its_checkpoint_is_cosigned(made: Made) -> None:
    made.pull()
    note = Note.parse(made.mirror.fetch(ORIGIN, CHECKPOINT))
    assert Checkpoint.parse(note.text).size == 700
    assert [key.kind for key in made.mirror.verifiers] == [KeyType.MLDSA44, KeyType.COSIGNATURE]
    assert all(key.signed(note) for key in (made.log.verifier, *made.mirror.verifiers) if key.kind != KeyType.ED25519)
    assert made.log.verifier.signed(note) is not None
    assert (made.folder / "logs" / name_of(ORIGIN) / "checkpoint").read_bytes() == note.encode()


def test_what_is_here_is_not_fetched_again(made: Made) -> None:
    made.pull()
    made.log.add(leaves(100, 700))
    made.pull()
    assert sorted(path for path in made.log.asked if "entries" in path) == ["tile/entries/002", "tile/entries/003.p/32"]
    store = made.mirror.store(ORIGIN)
    assert not [path for path in store.list("tile/0/") if path.startswith("tile/0/002.p/")], "the full tile is there"
    made.pull()
    assert not [path for path in made.log.asked if "entries/000" in path]


def test_an_interrupted_pull_goes_on(made: Made) -> None:
    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    made.log.add(leaves(2000, 700))
    with pytest.raises(KeyboardInterrupt):
        made.pull(progress=stop)
    assert made.mirror.head(ORIGIN).note is None
    with pytest.raises(RegisterError, match="no copy of this log yet"):
        made.mirror.fetch(ORIGIN, CHECKPOINT)
    told: list[tuple[int, int]] = []
    made.pull(progress=lambda done, every: told.append((done, every)))
    assert told[-1] == (11, 11)
    assert "tile/entries/000" not in made.log.asked
    same(made, 2700)


def test_what_an_interrupted_pull_left_is_not_believed(made: Made) -> None:
    store = made.mirror.store(ORIGIN)
    store.put("tile/entries/000", made.log.fetch("tile/entries/001"))
    store.put("tile/0/000", made.log.fetch("tile/0/001"))
    made.pull()
    same(made, 700)


@pytest.mark.parametrize(
    "path", ["tile/entries/000", "tile/entries/002.p/188", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"]
)
@pytest.mark.parametrize("how", ["flipped", "short", "long", "empty"])
def test_a_wrong_tile_is_not_kept(made: Made, path: str, how: str) -> None:
    data = made.log.fetch(path)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    made.log.broken[path] = {"flipped": bytes(flipped), "short": data[:-1], "long": data + b"\0", "empty": b""}[how]
    assert made.refused().reason in ("proof", "malformed", "too_large")
    made.log.broken.clear()
    made.pull()
    same(made, 700)


def test_partial_tiles_that_are_gone_are_read_from_the_full_ones(made: Made) -> None:
    made.log.entries += leaves(400, 700)
    for path in ("tile/0/002.p/188", "tile/entries/002.p/188"):
        made.log.broken[path] = None
    assert made.pull().size == 700
    made.log.broken.clear()
    same(made, 700)


def test_a_missing_tile(made: Made) -> None:
    made.log.broken["tile/entries/001"] = None
    assert made.refused().reason == "missing"


@pytest.mark.parametrize("size", [700, 1200])
def test_a_fork_is_refused_and_convicted(made: Made, size: int) -> None:
    made.pull()
    true = made.log
    made.log = true.fork(300, leaves(size - 300, 5000))
    error = made.refused()
    assert error.reason == "fork"
    assert str(error).startswith(
        f"{ORIGIN} shows a history of {size} entries that does not fit the 700 entries copied before. Both signed "
        "checkpoints are in fork-"
    )
    (found,) = made.evidence()
    assert found.convicts
    made.refused()
    assert len(made.evidence()) == 1, "kept once"
    made.log = true
    made.log.add(leaves(3, 700))
    assert made.pull().size == 703


def test_a_fork_to_a_smaller_tree_is_convicted_by_the_copy(made: Made) -> None:
    made.pull()
    made.log = made.log.fork(100, leaves(50, 5000))
    assert made.refused().reason == "fork"
    assert [found.convicts for found in made.evidence()] == [True]


def test_an_older_state_is_refused_and_kept(made: Made) -> None:
    made.pull()
    made.log.shown = made.log.note(600)
    error = made.refused()
    assert (error.reason, str(error)[:67]) == (
        "conflict", "log.example/one shows 600 entries, and had shown 700 before. Both s"
    )  # fmt: skip
    (found,) = made.evidence()
    assert not found.convicts


def test_a_signature_that_does_not_verify(made: Made) -> None:
    note = made.log.note()
    made.log.shown = Note(made.log.note(5).text, note.signatures)
    assert made.refused().reason == "signature"
    made.log.shown = Note(note.text, tuple(ToyLog(ORIGIN, made.log.entries).note().signatures))
    assert made.refused().reason == "key"
    made.log.broken[CHECKPOINT] = b"<html>"
    assert made.refused().reason == "malformed"


def test_a_quorum_that_the_mirror_asks_for(made: Made) -> None:
    key = made.mirror.verifiers[0]
    write_policy(made.folder, f"log {made.log.verifier} {URL}\nwitness w {key}\nquorum w\n")
    assert made.refused().reason == "quorum"


def test_another_log_at_the_address(made: Made) -> None:
    other = ToyLog("log.example/two", leaves(3))
    write_policy(made.folder, f"log {made.log.verifier} {URL}\nlog {other.verifier}\nquorum none\n")
    made.log = other
    assert made.refused().reason == "mismatch"
    with pytest.raises(RegisterError, match=r"no address for log\.example/two"):
        made.mirror.pull(made.mirror.policy.logs[1])


def test_two_processes_that_pull(made: Made) -> None:
    other = made.open()

    def between(_done: int, _all: int) -> None:
        if other.head(ORIGIN).note is None:
            other.pull(other.policy.logs[0])

    with pytest.raises(RegisterError, match="Another process pulls this log too"):
        made.pull(progress=between)
    assert made.mirror.head(ORIGIN).size == 700
    same(made, 700)
    other.close()


def test_many_cosignatures_by_others_do_not_keep_it_out(made: Made) -> None:
    note = made.log.note()
    signature = note.signatures[0]
    others = tuple(type(signature)(f"w{n}.example", bytes(4), bytes(72)) for n in range(63))
    made.log.shown = Note(note.text, (signature, *others))
    made.pull()
    made.pull()
    assert len(Note.parse(made.mirror.fetch(ORIGIN, CHECKPOINT)).signatures) == 58


def test_storage_elsewhere(tmp_path: Path, made: Made) -> None:
    from assay.register.objects import FolderObjects

    elsewhere = made.open(storage=lambda name: FolderObjects(tmp_path / "elsewhere" / name))
    elsewhere.pull(elsewhere.policy.logs[0])
    assert (tmp_path / "elsewhere" / name_of(ORIGIN) / "tile/entries/001").is_file()
    assert not (made.folder / "logs").exists()
    elsewhere.close()


def test_copies_in_s3(made: Made, bucket: str) -> None:
    """A real S3 store: pulled, grown, interrupted by damage, verified."""
    (made.folder / "objects").write_text(f"{bucket}/copies\n")
    elsewhere = made.open()
    for size in (700, 1100):
        made.log.add(leaves(size - len(made.log.entries), len(made.log.entries)))
        assert elsewhere.pull(elsewhere.policy.logs[0]).size == verify(elsewhere, ORIGIN) == size
    assert elsewhere.store(ORIGIN).get("tile/entries/002") == made.log.fetch("tile/entries/002")
    assert not (made.folder / "logs").exists()
    elsewhere.close()


def test_damage_is_found(made: Made) -> None:
    made.pull()
    path = made.folder / "logs" / name_of(ORIGIN) / "tile/entries/001"
    data = bytearray(path.read_bytes())
    data[1000] ^= 4
    path.write_bytes(data)
    with pytest.raises(RegisterError, match=r"tile/entries/001 does not hold the entries of the tree") as told:
        verify(made.mirror, ORIGIN)
    assert told.value.reason == "proof"
