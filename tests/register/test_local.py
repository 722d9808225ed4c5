"""The register in a folder."""

from pathlib import Path

import pytest
from tests.register.posts import digest, record

from assay.errors import RegisterError
from assay.register.cose import check_cose_receipt
from assay.register.local import LocalRegister
from assay.register.log import Log, init
from assay.register.model import Query
from assay.register.receipt import issue
from assay.register.submission import Submitter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init(tmp_path / "log", "example.org/log").close()
    return tmp_path / "log"


def test_what_is_handed_in_is_found_and_proven(folder: Path) -> None:
    submitter = Submitter.generate()
    submission, _ = submitter.claims([(record(1), b"a manifest"), (record(2), None)], public=True)
    with LocalRegister(folder) as register:
        accepted = register.submit(submission)
        assert [position.index for position in accepted.positions] == [0, 1]
        assert register.fetch("checkpoint") == accepted.checkpoint
        assert [hit.index for hit in register.search(Query(digest=digest(2)))] == [1]
        hit, batch = register.get(0), register.batch(0)
        assert hit is not None
        assert batch is not None
        assert (hit.key, batch.count) == (submitter.public, 2)
        assert register.manifest(submission.entries[0].head[34:66]) == submission.entries[0].manifest
        issue(register, 1).check()
        entry = register.get(1)
        assert entry is not None
        assert check_cose_receipt(register.cose(1), entry.leaf, register.verifier).index == 1
        assert (register.get(2), register.batch(2), register.manifest(bytes(32)), register.anchored(1)) == (None,) * 4


def test_reading_goes_on_while_a_server_holds_the_log_and_handing_in_does_not(folder: Path) -> None:
    submission, _ = Submitter.generate().claims([(record(1), None)], public=True)
    with LocalRegister(folder) as register:
        with Log.open(folder) as log:
            log.sequencer.submit(submission).result()
            assert b"\n1\n" in register.fetch("checkpoint")
            assert len(register.fetch("tile/0/000.p/1")) == 32
            with pytest.raises(RegisterError) as error:
                register.submit(submission)
            assert error.value.reason == "conflict"
        assert register.submit(submission).positions[0].duplicate


@pytest.mark.parametrize("path", ["log.key", "../log.key", "tile/0/0", "manifests/00", ""])
def test_only_what_a_log_publishes_is_fetched(folder: Path, path: str) -> None:
    with LocalRegister(folder) as register, pytest.raises(RegisterError) as error:
        register.fetch(path)
    assert error.value.reason == "malformed"


def test_a_manifest_that_was_changed_is_not_given(folder: Path) -> None:
    submission, _ = Submitter.generate().claims([(record(1), b"a manifest")])
    name = submission.entries[0].head[34:66]
    with LocalRegister(folder) as register:
        register.submit(submission)
        (folder / "objects" / "manifests" / name.hex()).write_bytes(b"another")
        with pytest.raises(RegisterError) as error:
            register.manifest(name)
    assert error.value.reason == "damaged"
