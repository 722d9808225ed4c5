import re
import threading
import time
from pathlib import Path

import pytest

from assay.errors import RegisterError
from assay.register.fsck import fsck
from assay.register.keys import SignerKey
from assay.register.log import Log, default_origin, init
from assay.register.merkle import EMPTY, leaf_hash
from assay.register.model import Accepted, Query
from assay.register.note import check_name
from assay.register.publisher import read_published
from assay.register.record import Record
from assay.register.submission import Submitter

PATIENCE = 60


def post(log: Log, submitter: Submitter, *numbers: int) -> Accepted:
    records = [Record(digest=n.to_bytes(32, "big"), size=n, media_type="image/png") for n in numbers]
    submission, _ = submitter.claims([(record, b"manifest") for record in records], public=True)
    return log.sequencer.submit(submission).result(PATIENCE)


def test_a_new_log_is_empty_published_and_private(tmp_path: Path) -> None:
    with init(tmp_path / "log", "example.org/log") as log:
        assert log.verifier.name == log.settings.origin == "example.org/log"
        published = read_published(log.objects, log.verifier)
        assert published
        assert (published.size, published.checkpoint.root) == (0, EMPTY)
        assert [line.key for line in log.policy.logs] == [log.verifier]
        assert log.index.cursor() == 0
    assert (tmp_path / "log" / "log.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]
    assert log.signer.secret.hex() not in repr(log.signer)


def test_what_was_handed_in_is_there_after_reopening(tmp_path: Path) -> None:
    submitter = Submitter.generate()
    with init(tmp_path / "log", "example.org/log") as log:
        assert [p.index for p in post(log, submitter, 1, 2, 3).positions] == [0, 1, 2]
    with Log.open(tmp_path / "log") as log:
        assert [(p.index, p.duplicate) for p in post(log, submitter, 3, 4).positions] == [(2, True), (3, False)]
    with Log.open(tmp_path / "log", write=False) as log:
        assert [hit.index for hit in log.index.search(Query(digest=(2).to_bytes(32, "big")))] == [1]
        assert len(list(log.objects.list("manifests/"))) == 4
    report = fsck(tmp_path / "log")
    assert report.whole
    assert (report.entries, report.left) == (4, ())


def test_what_is_forgotten_leaves_the_journal_too(tmp_path: Path) -> None:
    submitter = Submitter.generate()
    record = Record(digest=bytes(32), size=1, media_type="image/png")
    submission, (opening,) = submitter.claims([(record, None)], public=True)
    with init(tmp_path / "log", "example.org/log") as log:
        log.sequencer.submit(submission).result(PATIENCE)
        leaf = submission.entries[0].head + submission.signature
        log.sequencer.submit(submitter.tombstone(leaf_hash(leaf), "example.org/log")).result(PATIENCE)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())
    assert leaf in kept
    assert opening.salt not in kept
    assert fsck(tmp_path / "log").whole


def files(folder: Path) -> bytes:
    """Every byte that a log keeps."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("together", [True, False])
def test_a_claim_and_its_tombstone_in_one_commit_leave_no_opening_behind(tmp_path: Path, together: bool) -> None:
    submitter = Submitter.generate()
    record = Record(digest=bytes(32), size=1, media_type="image/png")
    submission, (opening,) = submitter.claims([(record, b"what is in it")], public=True)
    stone = submitter.tombstone(leaf_hash(submission.entries[0].head + submission.signature), "example.org/log")
    manifest = tmp_path / "log" / "objects" / "manifests" / submission.entries[0].head[34:66].hex()
    init(tmp_path / "log", "example.org/log").close()
    toml = tmp_path / "log" / "log.toml"
    toml.write_text(re.sub("(?m)^interval = .*$", f"interval = {0.3 if together else 0.01}", toml.read_text()))
    with Log.open(tmp_path / "log") as log:
        first = log.sequencer.submit(submission)
        if not together:
            first.result(PATIENCE)
            assert opening.salt in files(tmp_path / "log")
            assert manifest.exists()
        log.sequencer.submit(stone).result(PATIENCE)
        first.result(PATIENCE)
    assert opening.salt not in files(tmp_path / "log")
    assert not manifest.exists()
    assert fsck(tmp_path / "log").damages == ()
    with Log.open(tmp_path / "log") as log:
        assert log.sequencer.submit(submission).result(PATIENCE).positions[0].duplicate
    assert opening.salt not in files(tmp_path / "log")


def test_what_is_forgotten_leaves_the_journal_though_the_first_attempt_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = Submitter.generate()
    record = Record(digest=bytes(32), size=1, media_type="image/png")
    submission, (opening,) = submitter.claims([(record, None)], public=True)
    with init(tmp_path / "log", "example.org/log") as log:
        log.sequencer.submit(submission).result(PATIENCE)
        leaf = submission.entries[0].head + submission.signature
        failed = threading.Event()

        def sync() -> None:
            monkeypatch.undo()
            failed.set()
            raise RegisterError("No space is left.", "full")

        monkeypatch.setattr(log.objects, "sync", sync)
        log.sequencer.submit(submitter.tombstone(leaf_hash(leaf), "example.org/log")).result(PATIENCE)
        assert failed.wait(PATIENCE)
        while log.sequencer.status.trouble:
            failed.wait()
            time.sleep(0.01)
    assert opening.salt not in files(tmp_path / "log")


def test_one_writer_and_any_readers(tmp_path: Path) -> None:
    with init(tmp_path / "log"):
        with pytest.raises(RegisterError, match="hand in to its URL instead") as caught:
            Log.open(tmp_path / "log")
        assert caught.value.reason == "conflict"
        with pytest.raises(RegisterError) as caught:
            fsck(tmp_path / "log")
        assert caught.value.reason == "conflict"
        with Log.open(tmp_path / "log", write=False) as reader:
            assert reader.objects.get("checkpoint")
            for part in ("sequencer", "ledger"):
                with pytest.raises(RegisterError, match="open only to read"):
                    getattr(reader, part)


def test_a_log_begins_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RegisterError) as caught:
        init(tmp_path)
    assert caught.value.reason == "conflict"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    (tmp_path / "empty").mkdir()
    init(tmp_path / "empty").close()
    with pytest.raises(RegisterError) as caught:
        init(tmp_path / "empty")
    assert caught.value.reason == "conflict"


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_bad_origin_leaves_nothing(tmp_path: Path, origin: str) -> None:
    with pytest.raises(RegisterError) as caught:
        init(tmp_path / "log", origin)
    assert caught.value.reason == "malformed"
    assert list(tmp_path.iterdir()) == []


def test_default_origins_are_names_and_differ() -> None:
    for name in ("Log Ü +1", "", "x" * 300):
        one, two = default_origin(Path("/x") / name), default_origin(Path("/x") / name)
        assert check_name(one) != check_name(two)


def test_a_key_of_another_log_is_refused(tmp_path: Path) -> None:
    init(tmp_path / "log", "example.org/log").close()
    other = SignerKey.generate("example.org/other")
    (tmp_path / "log" / "log.key").write_text(f"{other}\n")
    with pytest.raises(RegisterError, match=r"is not a key of example\.org/log") as caught:
        Log.open(tmp_path / "log")
    assert caught.value.reason == "key"
    (tmp_path / "log" / "log.key").write_text(f"{SignerKey.generate('example.org/log')}\n")
    with pytest.raises(RegisterError, match=r"not signed by log\.key"):
        Log.open(tmp_path / "log")


def test_witnesses_of_the_policy_are_asked(tmp_path: Path) -> None:
    init(tmp_path / "log", "example.org/log").close()
    from assay.register.keys import KeyType

    witness = SignerKey.generate("witness.example", KeyType.COSIGNATURE)
    with (tmp_path / "log" / "policy").open("a") as stream:
        stream.write(f"witness one {witness.verifier}\n")
    policy = (tmp_path / "log" / "policy").read_text().replace("quorum none\n", "") + "quorum one\n"
    (tmp_path / "log" / "policy").write_text(policy)
    settings = (tmp_path / "log" / "log.toml").read_text().replace("wait = 10.0", "wait = 1.0")
    (tmp_path / "log" / "log.toml").write_text(settings)
    with Log.open(tmp_path / "log") as log:
        with pytest.raises(RegisterError) as caught:
            post(log, Submitter.generate(), 1)
        assert caught.value.reason == "quorum"
        published = read_published(log.objects, log.verifier)
        assert published
        assert published.size == 0


def test_the_same_log_in_s3_and_postgresql(
    tmp_path: Path, bucket: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_TEST_DATABASE", database)
    submitter, where = Submitter.generate(), tmp_path / "log"
    with init(where, "example.org/log", database="$ASSAY_TEST_DATABASE", objects=f"{bucket}/log") as log:
        assert [p.index for p in post(log, submitter, *range(300)).positions] == list(range(300))
    with Log.open(where) as log:
        assert [(p.index, p.duplicate) for p in post(log, submitter, 299, 300).positions] == [(299, True), (300, False)]
        assert len(log.index.search(Query(limit=1000))) <= 301
    assert list((where / "journal").iterdir()) == []
    assert list((where / "objects").iterdir()) == []
    report = fsck(where)
    assert report.whole, report
    assert report.entries == report.published == 301


def test_of_two_sequencers_over_one_ledger_both_go_on(
    tmp_path: Path, bucket: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_TEST_DATABASE", database)
    submitter, where = Submitter.generate(), tmp_path / "log"
    with (
        init(where, "example.org/log", database="$ASSAY_TEST_DATABASE", objects=f"{bucket}/log") as one,
        Log.open(where) as two,
    ):
        post(one, submitter, 1)
        with pytest.raises(RegisterError, match="hand it in again") as caught:
            post(two, submitter, 2)
        assert caught.value.reason == "conflict"
        assert [p.index for p in post(two, submitter, 1, 2).positions] == [0, 1]
    assert fsck(where).whole
