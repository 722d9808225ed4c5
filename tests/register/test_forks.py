from pathlib import Path

import msgspec
import pytest
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of
from assay.register.forks import MAX_KEPT, Evidence, compare, evidence, judge, keep, load
from assay.register.note import Note

ORIGIN = "log.example/one"
LOG = ToyLog(ORIGIN, leaves(600))
OTHER = LOG.fork(300, leaves(400, 5000))


def head(note: Note) -> Checkpoint:
    return Checkpoint.parse(note.text)


def made(one: Note, other: Note, log: ToyLog) -> Evidence:
    fork = compare(head(one), head(other), log.fetch)
    assert fork is not None
    return evidence("fork", ("a", one), ("b", other), [LOG.verifier], root=fork.root, proof=fork.proof)


@pytest.mark.parametrize(("small", "large"), [(0, 600), (1, 600), (256, 257), (300, 600), (512, 600), (600, 600)])
def test_one_history(small: int, large: int) -> None:
    assert compare(head(LOG.note(small)), head(LOG.note(large)), LOG.fetch) is None
    assert compare(head(LOG.note(large)), head(LOG.note(small)), LOG.fetch) is None


def test_both_begin_alike() -> None:
    assert compare(head(LOG.note(300)), head(OTHER.note()), OTHER.fetch) is None


@pytest.mark.parametrize("size", [301, 511, 512, 513, 600])
def test_two_histories(tmp_path: Path, size: int) -> None:
    for one, other, log in (
        (LOG.note(size), OTHER.note(), OTHER), (OTHER.note(size), LOG.note(), LOG), (LOG.note(), OTHER.note(600), LOG),
    ):  # fmt: skip
        place = keep(tmp_path / "evidence", made(other, one, log))
        found = judge(load(place), [LOG.verifier])
        assert (found.convicts, found.origin, found.key) == (True, ORIGIN, str(LOG.verifier))


def test_tiles_that_lead_elsewhere_say_nothing() -> None:
    with pytest.raises(RegisterError) as told:
        compare(head(LOG.note(300)), head(OTHER.note()), LOG.fetch)
    assert told.value.reason in ("proof", "missing")


def test_the_same_pair_is_kept_once(tmp_path: Path) -> None:
    one = made(LOG.note(400), OTHER.note(), OTHER)
    assert keep(tmp_path, one) == keep(tmp_path, made(OTHER.note(), LOG.note(400), OTHER))
    assert len(list(tmp_path.iterdir())) == 1
    assert sorted(path.name for path in keep(tmp_path, one).iterdir()) == [
        "evidence.json", "first.note", "second.note",
    ]  # fmt: skip
    assert load(keep(tmp_path, one)) == one


def test_what_convicts_nobody_cannot_fill_the_disk(tmp_path: Path) -> None:
    for n in range(MAX_KEPT + 1):
        (tmp_path / str(n)).mkdir()
    unproven = evidence("unproven", ("a", LOG.note(3)), ("b", LOG.note(5)), [LOG.verifier])
    assert not keep(tmp_path, unproven).exists()
    assert keep(tmp_path, made(LOG.note(400), OTHER.note(), OTHER)).exists()


def test_nobody_is_convicted_by_less() -> None:
    """Whatever is changed in evidence, an honest log is not convicted by it."""
    honest = evidence("fork", ("a", LOG.note(400)), ("b", LOG.note(600)), [LOG.verifier])
    assert not judge(honest, [LOG.verifier]).convicts
    same = evidence("fork", ("a", LOG.note(400)), ("b", LOG.note(400)), [LOG.verifier])
    assert not judge(same, [LOG.verifier]).convicts
    true = made(LOG.note(400), OTHER.note(), OTHER)
    swapped = msgspec.structs.replace(true, second=LOG.note(600).encode().decode())
    with pytest.raises(RegisterError, match="does not show"):
        judge(swapped, [LOG.verifier])
    root = Evidence(
        kind="fork", first=honest.first, second=honest.second, keys=(), root=true.root,
        proof=tuple(base64_of(h) for h in LOG.proof(400)),
    )  # fmt: skip
    with pytest.raises(RegisterError, match="does not show"):
        judge(root, [LOG.verifier])
    with pytest.raises(RegisterError, match="is not base64"):
        judge(msgspec.structs.replace(true, root="?"), [LOG.verifier])
    with pytest.raises(RegisterError, match="smaller tree"):
        judge(msgspec.structs.replace(true, first=true.second, second=true.first), [LOG.verifier])


def test_only_the_logs_own_signatures_count() -> None:
    stranger = ToyLog(ORIGIN, LOG.entries)
    true = made(LOG.note(400), OTHER.note(), OTHER)
    with pytest.raises(RegisterError, match="not signed by the key"):
        judge(true, [stranger.verifier])
    with pytest.raises(RegisterError, match="not signed by the key"):
        judge(msgspec.structs.replace(true, first=stranger.note(400).encode().decode()), [LOG.verifier])
    forged = Note(LOG.note(399).text, LOG.note(400).signatures)
    with pytest.raises(RegisterError) as told:
        judge(msgspec.structs.replace(true, first=forged.encode().decode()), [LOG.verifier])
    assert told.value.reason == "signature"
    other = ToyLog("log.example/two", leaves(400))
    with pytest.raises(RegisterError, match="of different logs"):
        judge(msgspec.structs.replace(true, first=other.note().encode().decode()), [LOG.verifier, other.verifier])


def test_folders_that_hold_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as told:
        load(tmp_path)
    assert told.value.reason == "missing"
    place = keep(tmp_path, made(LOG.note(400), OTHER.note(), OTHER))
    (place / "evidence.json").write_bytes(b"[]")
    with pytest.raises(RegisterError) as told:
        load(place)
    assert told.value.reason == "malformed"
    (place / "evidence.json").write_bytes(b" " * 300_000)
    with pytest.raises(RegisterError, match="too long"):
        load(place)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file")
    with pytest.raises(RegisterError) as told:
        keep(tmp_path / "evidence", made(LOG.note(400), OTHER.note(), OTHER))
    assert told.value.reason == "unwritable"
