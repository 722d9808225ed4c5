import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register import forks
from assay.register.checkpoint import Checkpoint
from assay.register.cosigning import request_body
from assay.register.encoding import base64_of
from assay.register.http import Answer
from assay.register.keys import KeyType, SignerKey
from assay.register.note import Note, signature_lines
from assay.register.witness import MAX_BODY, Witness, add_log, create, read_policy

ORIGIN = "log.example/one"


@pytest.fixture
def log() -> ToyLog:
    return ToyLog(ORIGIN, leaves(300))


@pytest.fixture
def witness(tmp_path: Path, log: ToyLog) -> Iterator[Witness]:
    made = create(tmp_path / "w", "w.example", [log.verifier])
    yield made
    made.close()


def ask(witness: Witness, log: ToyLog, old: int, size: int | None = None, *, note: Note | None = None) -> Answer:
    size = len(log.entries) if size is None else size
    proof = log.proof(old, size) if old <= size else []
    return witness.add_checkpoint(request_body(old, proof, note or log.note(size)))


def test_it_cosigns_with_both_keys_and_remembers(witness: Witness, log: ToyLog) -> None:
    answer = ask(witness, log, 0, 100)
    assert (answer.status, answer.kind) == (200, "text/plain; charset=utf-8")
    lines = signature_lines(answer.body.decode())
    kinds = [key.kind for key in witness.verifiers]
    assert kinds == [KeyType.COSIGNATURE, KeyType.MLDSA44]
    note = log.note(100).with_signatures(lines)
    times = [key.signed(note) for key in witness.verifiers]
    assert times[0] == times[1]
    head = witness.head(ORIGIN)
    assert (head.size, head.note) == (100, note)
    assert ask(witness, log, 100, 300).status == 200
    assert ask(witness, log, 300, 300).status == 200, "the same again"
    assert witness.head("log.example/other").note is None


def test_the_folder_is_the_witness(tmp_path: Path, witness: Witness, log: ToyLog) -> None:
    ask(witness, log, 0, 100)
    again = Witness(tmp_path / "w")
    assert again.verifiers == witness.verifiers
    assert again.head(ORIGIN) == witness.head(ORIGIN)
    assert ask(again, log, 0, 200).status == 409
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600
    again.close()
    with pytest.raises(RegisterError, match="not replaced"):
        create(tmp_path / "w", "w.example")


def test_logs_added_while_it_runs_count_at_once(tmp_path: Path, witness: Witness) -> None:
    other = ToyLog("log.example/two", leaves(3))
    assert ask(witness, other, 0).status == 404
    add_log(tmp_path / "w", other.verifier, "http://127.0.0.1:1/")
    assert ask(witness, other, 0).status == 200
    assert [line.url for line in read_policy(tmp_path / "w").logs] == ["http://127.0.0.1:1/", None]
    with pytest.raises(RegisterError, match="same public key"):
        add_log(tmp_path / "w", other.verifier)


def test_several_keys_of_one_log(tmp_path: Path, witness: Witness, log: ToyLog) -> None:
    new = SignerKey.generate(ORIGIN)
    text = log.note(5).text
    assert ask(witness, log, 0, 5, note=Note(text, (new.sign(text),))).status == 403
    add_log(tmp_path / "w", new.verifier)
    stranger = SignerKey.generate("stranger.example").sign(text)
    assert ask(witness, log, 0, 5, note=Note(text, (stranger, new.sign(text)))).status == 200
    kept = witness.head(ORIGIN).note
    assert kept is not None
    assert stranger not in kept.signatures


def test_status_codes(witness: Witness, log: ToyLog) -> None:
    note, text = log.note(100), log.note(100).text
    unknown = ToyLog("log.example/unknown", leaves(3))
    assert ask(witness, unknown, 0).status == 404
    forged = Note(text, (SignerKey.generate(ORIGIN).sign(text),))
    assert ask(witness, log, 0, 100, note=forged).status == 403
    wrong = Note(text, (log.note(99).signatures[0],))
    assert ask(witness, log, 0, 100, note=wrong).status == 403
    assert ask(witness, log, 101, 100).status == 400
    assert witness.add_checkpoint(request_body(0, [bytes(32)], note)).status == 422
    answer = ask(witness, log, 50, 100)
    assert answer == Answer(409, "text/x.tlog.size", b"0\n")
    assert ask(witness, log, 0, 100).status == 200
    assert ask(witness, log, 0, 200) == Answer(409, "text/x.tlog.size", b"100\n")
    assert witness.add_checkpoint(request_body(100, log.proof(100, 200)[1:], log.note(200))).status == 422
    assert ask(witness, log, 50, 50) == Answer(409, "text/x.tlog.size", b"100\n"), "no way back"
    assert witness.head(ORIGIN).size == 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 0",
        b"old 0\n",
        b"old 00\n\n%s",
        b"old -1\n\n%s",
        b"old +1\n\n%s",
        b"old 1 \n\n%s",
        b"old 0\r\n\r\n%s",
        b"old 18446744073709551616\n\n%s",
        b"Old 0\n\n%s",
        b"old 0\nAAAA\n\n%s",
        b"old 0\n" + base64_of(bytes(32)).encode()[:-1] + b"\n\n%s",
        b"old 0\n" + (base64_of(bytes(32)) + "\n").encode() * 64 + b"\n%s",
        b"old 0\n\xff\n\n%s",
        b"old 0\n\n\xff%s",
        b"old 0\n\nlog.example/one\n3\n\n",
    ],
)
def test_what_is_no_request(witness: Witness, log: ToyLog, body: bytes) -> None:
    assert witness.add_checkpoint(body.replace(b"%s", log.note(3).encode())).status == 400
    assert witness.head(ORIGIN).note is None


@given(st.binary(max_size=300))
def test_garbage_never_crashes_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    made = Witness(folder) if folder.exists() else create(folder, "w.example", [ToyLog(ORIGIN).verifier])
    try:
        assert made.add_checkpoint(data).status == 400
        assert made.add_checkpoint(b"old 0\n\n" + data).status in (400, 404)
    finally:
        made.close()


def test_it_never_signs_two_roots_and_keeps_both(tmp_path: Path, witness: Witness, log: ToyLog) -> None:
    ask(witness, log, 0, 100)
    other = log.fork(50, leaves(50, 1000))
    for old in (100, 0):
        assert ask(witness, other, old, 100) == Answer(409, "text/x.tlog.size", b"100\n")
    (place,) = (tmp_path / "w" / "evidence").iterdir()
    found = forks.judge(forks.load(place), [log.verifier])
    assert found.convicts
    assert found.says == f"{ORIGIN} signed two different roots for one size, 100: it has two histories."
    assert witness.head(ORIGIN).root == Checkpoint.parse(log.note(100).text).root


def test_a_history_that_does_not_go_on_is_kept_but_convicts_nobody(
    tmp_path: Path, witness: Witness, log: ToyLog
) -> None:
    ask(witness, log, 0, 100)
    other = log.fork(50, leaves(150, 1000))
    for _ in range(2):
        assert ask(witness, other, 100, 200).status == 422
    (place,) = (tmp_path / "w" / "evidence").iterdir()
    found = forks.load(place)
    assert len(found.proof) == len(other.proof(100, 200))
    assert not forks.judge(found, [log.verifier]).convicts
    assert ask(witness, log, 100, 200).status == 200, "the true history goes on"


def test_a_clock_that_runs_backwards(tmp_path: Path, log: ToyLog) -> None:
    create(tmp_path / "w", "w.example", [log.verifier]).close()
    clock = iter([1000.9, 500.0, 2000.0])
    witness = Witness(tmp_path / "w", clock=lambda: next(clock))
    times = []
    for old, size in ((0, 10), (10, 20), (20, 30)):
        note = log.note(size).with_signatures(signature_lines(ask(witness, log, old, size).body.decode()))
        times.append([key.signed(note) for key in witness.verifiers])
    assert times == [[1000, 1000], [1000, 1000], [2000, 2000]]
    witness.close()


def test_many_at_once_never_roll_back(tmp_path: Path, log: ToyLog) -> None:
    """The race of the specification: two processes (two openings of the folder), many requests, one old size."""
    create(tmp_path / "w", "w.example", [log.verifier]).close()
    openings = [Witness(tmp_path / "w") for _ in range(2)]
    answers: list[tuple[int, int]] = []
    bodies = [(size, request_body(0, [], log.note(size))) for size in range(10, 26)]

    def go(opening: Witness, size: int, body: bytes) -> None:
        answers.append((size, opening.add_checkpoint(body).status))

    threads = [threading.Thread(target=go, args=(openings[n % 2], size, body)) for n, (size, body) in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signed = [size for size, status in answers if status == 200]
    assert len(signed) == 1
    assert {status for _, status in answers} == {200, 409}
    assert openings[0].head(ORIGIN).size == signed[0]
    for opening in openings:
        opening.close()


def test_storage_that_fails_signs_nothing(tmp_path: Path, witness: Witness, log: ToyLog) -> None:
    ask(witness, log, 0, 100)
    witness.close()
    (tmp_path / "w" / "heads.sqlite3").write_bytes(b"no database at all " * 1000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "w" / f"heads.sqlite3{suffix}").unlink(missing_ok=True)
    with pytest.raises(RegisterError) as told:
        Witness(tmp_path / "w")
    assert told.value.reason == "damaged"


def test_the_largest_request_fits(witness: Witness, log: ToyLog) -> None:
    text = log.note(3).text
    others = tuple(SignerKey.generate(f"o{n}.example", KeyType.MLDSA44).sign(text, n) for n in range(20))
    note = Note(text, (*others, *log.note(3).signatures))
    body = request_body(0, [], note)
    assert len(body) < MAX_BODY
    assert witness.add_checkpoint(body).status == 200


def test_folders_that_hold_no_witness(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as told:
        Witness(tmp_path)
    assert told.value.reason == "missing"
    with pytest.raises(RegisterError) as told:
        create(tmp_path / "w", "two words")
    assert told.value.reason == "malformed"
    assert not (tmp_path / "w" / "witness.key").exists()
