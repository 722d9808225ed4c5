"""Files on disk: whole and verified or as they were, whatever happens; and many of them, gone on with after a stop."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.provenance.pki import pki
from tests.provenance.samples import sample
from tests.provenance.signed import store

from assay.errors import MediaError, ProvenanceError, UsageError
from assay.provenance import outfile
from assay.provenance.bulk import JOURNAL, Journal, NotSigned, Recipe, Result, SignedFile, Task, claims_digest, run
from assay.provenance.identity import Identity, from_pem
from assay.provenance.model import State
from assay.provenance.sign import Options, Part, prepare, sign_file
from assay.provenance.verify import verify

CREATED = Options(source_type="digitalCapture")
JPEG = sample("image/jpeg")


@pytest.fixture(scope="module")
def who() -> Identity:
    return from_pem(pki().chain_pem, pki().key_pem)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    return path


def litter(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.name.endswith(outfile.ENDING)]


def state(path: Path, sidecar: Path | None = None) -> State:
    return verify(path, trust=store(), sidecar=sidecar.read_bytes() if sidecar else None).state


class TestOneFile:
    def test_writes_a_file_that_verifies_and_leaves_the_source(self, photo: Path, who: Identity) -> None:
        out = photo.with_name("out.jpg")
        photo.chmod(0o640)
        made = sign_file(photo, out, who, CREATED)
        assert state(out) is State.TRUSTED
        assert photo.read_bytes() == JPEG
        assert out.stat().st_mode & 0o777 == 0o640
        assert verify(out, trust=store()).sha256 == made.sha256_after
        assert verify(out, trust=store()).manifests[0].title == "out.jpg"
        assert litter(photo.parent) == []

    def test_may_replace_the_file_itself(self, photo: Path, who: Identity) -> None:
        sign_file(photo, photo, who, CREATED)
        sign_file(photo, photo, who)
        found = verify(photo, trust=store())
        assert (found.chain, len(found.manifests)) == (State.TRUSTED, 2)

    @pytest.mark.parametrize("mime", ["image/jpeg", "video/mp4"])
    def test_a_sidecar_alone_leaves_the_file_as_it_is(self, tmp_path: Path, who: Identity, mime: str) -> None:
        source, beside = tmp_path / "media", tmp_path / "media.c2pa"
        source.write_bytes(sample(mime))
        sign_file(source, None, who, CREATED, sidecar=beside)
        assert source.read_bytes() == sample(mime)
        assert state(source, beside) is State.TRUSTED
        assert sorted(p.name for p in tmp_path.iterdir()) == ["media", "media.c2pa"]

    def test_credentials_beside_the_file_are_not_left_behind_silently(self, photo: Path, who: Identity) -> None:
        sign_file(photo, None, who, CREATED, sidecar=photo.with_suffix(".c2pa"))
        out = photo.with_name("out.jpg")
        with pytest.raises(ProvenanceError, match=r"beside it, in photo\.c2pa") as caught:
            sign_file(photo, out, who)
        assert (caught.value.reason, out.exists()) == ("history", False)
        made = sign_file(photo, out, who, Options(over_broken=True))
        assert "this record does not hold them" in made.signed.remarks[0]

    @pytest.mark.parametrize("content", [b"", b"rubbish"])
    def test_a_sidecar_of_another_file_is_nothing_to_it(self, photo: Path, who: Identity, content: bytes) -> None:
        other = photo.with_suffix(".png")
        other.write_bytes(sample("image/png"))
        sign_file(other, None, who, CREATED, sidecar=photo.with_suffix(".c2pa"))
        sign_file(photo, photo.with_name("out.jpg"), who, CREATED)
        photo.with_suffix(".c2pa").write_bytes(content)
        assert sign_file(photo, photo.with_name("out.jpg"), who, CREATED).signed.remarks == ()

    def test_a_sidecar_and_a_copy(self, photo: Path, who: Identity) -> None:
        out, beside = photo.with_name("copy.jpg"), photo.with_name("copy.c2pa")
        sign_file(photo, out, who, CREATED, sidecar=beside)
        assert out.read_bytes() == JPEG
        assert state(out, beside) is State.TRUSTED

    def test_a_sidecar_that_would_not_hold_is_refused(self, tmp_path: Path, who: Identity) -> None:
        source, beside = tmp_path / "sound.mp3", tmp_path / "sound.c2pa"
        source.write_bytes(sample("audio/mpeg"))
        with pytest.raises(ProvenanceError, match="would not hold for it as it is"):
            sign_file(source, None, who, CREATED, sidecar=beside)
        assert [p.name for p in tmp_path.iterdir()] == ["sound.mp3"]
        out = tmp_path / "copy.mp3"
        sign_file(source, out, who, CREATED, sidecar=beside)
        assert state(out, beside) is State.TRUSTED

    def test_what_is_there_stays_when_signing_fails(self, photo: Path, who: Identity) -> None:
        out = photo.with_name("out.jpg")
        out.write_bytes(b"precious")
        broken = photo.with_name("broken.jpg")
        broken.write_bytes(b"\xff\xd8\xff\xe0nonsense")
        with pytest.raises(MediaError):
            sign_file(broken, out, who, CREATED)
        with pytest.raises(MediaError, match="there is no such file"):
            sign_file(photo.with_name("absent.jpg"), out, who, CREATED)
        with pytest.raises(UsageError):
            sign_file(photo, None, who, CREATED)
        assert out.read_bytes() == b"precious"
        assert litter(photo.parent) == []

    def test_a_folder_that_cannot_be_written(self, photo: Path, who: Identity) -> None:
        with pytest.raises(ProvenanceError, match="cannot be written") as caught:
            sign_file(photo, photo.parent / "nowhere" / "out.jpg", who, CREATED)
        assert caught.value.reason == "unwritable"

    def test_removes_what_a_killed_run_left_and_nothing_of_a_live_one(self, photo: Path, who: Identity) -> None:
        out = photo.with_name("out.jpg")
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        part = outfile.part_of(out)
        dead = part.with_name(part.name.replace(str(os.getpid()), str(ended.pid)))
        alive = part.with_name(part.name.replace(str(os.getpid()), str(os.getppid())))
        for path in (dead, alive):
            path.write_bytes(b"half a file")
        sign_file(photo, out, who, CREATED)
        assert litter(photo.parent) == [alive.name]

    def test_nobody_else_reads_what_is_not_finished_and_no_link_is_followed(self, photo: Path) -> None:
        out, other = photo.with_name("out.jpg"), photo.with_name("other.txt")
        other.write_bytes(b"precious")
        outfile.part_of(out).symlink_to(other)
        part = outfile.PartFile(out)
        part.write(b"half")
        assert part.path.stat().st_mode & 0o777 == 0o600
        assert not part.path.is_symlink()
        part.discard()
        assert other.read_bytes() == b"precious"

    @pytest.mark.parametrize("process", ["9" * 30, "\N{SUPERSCRIPT TWO}", "0", "-1", ""])
    def test_names_that_no_process_gave_are_let_alone(self, photo: Path, who: Identity, process: str) -> None:
        out = photo.with_name("out.jpg")
        part = outfile.part_of(out)
        strange = part.with_name(part.name.replace(str(os.getpid()), process))
        strange.write_bytes(b"not ours")
        sign_file(photo, out, who, CREATED)
        assert strange.read_bytes() == b"not ours"


class TestFullDisk:
    def limited(self, photo: Path, out: Path, room: int) -> subprocess.CompletedProcess[str]:
        """Sign in a process that may write no file longer than ``room`` bytes: to it, the disk is full."""
        script = (
            "import resource, signal, sys\nfrom pathlib import Path\n"
            "from assay.errors import ProvenanceError\nfrom assay.provenance.identity import from_files\n"
            "from assay.provenance.sign import Options, sign_file\n"
            f"who = from_files(Path({str(photo.parent / 'chain.pem')!r}), Path({str(photo.parent / 'key.pem')!r}))\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
            "try:\n"
            f"    sign_file(Path({str(photo)!r}), Path({str(out)!r}), who, Options(source_type='digitalCapture'))\n"
            "except ProvenanceError as error:\n    print(error.reason, error)\n"
        )
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    @pytest.mark.parametrize("room", [0, 3000, len(JPEG) + 100])
    def test_nothing_is_written_and_what_was_there_stays(self, photo: Path, room: int) -> None:
        (photo.parent / "chain.pem").write_bytes(pki().chain_pem)
        (photo.parent / "key.pem").write_bytes(pki().key_pem)
        out = photo.with_name("out.jpg")
        out.write_bytes(b"precious")
        told = self.limited(photo, out, room)
        assert told.stdout.startswith("full There is no space left"), told
        assert out.read_bytes() == b"precious"
        assert litter(photo.parent) == []
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != room

    @pytest.mark.parametrize(
        ("number", "reason"), [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EACCES, "unwritable")]
    )
    def test_each_cause_has_its_word(self, number: int, reason: str) -> None:
        refused = outfile.refusal(OSError(number, os.strerror(number)), Path("out.jpg"))
        assert refused.reason == reason
        assert "out.jpg" in str(refused)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "chain.pem").write_bytes(pki().chain_pem)
    issued = pki().issue("Locked", passphrase="correct horse")
    (tmp_path / "locked-chain.pem").write_bytes(issued.chain_pem)
    (tmp_path / "locked.pem").write_bytes(issued.key_pem)
    return Recipe(
        certificate=tmp_path / "locked-chain.pem", key=tmp_path / "locked.pem", passphrase=b"correct horse"
    )  # fmt: skip


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    (tmp_path / "out").mkdir()
    made = []
    for number, mime in enumerate(("image/jpeg", "image/png", "audio/wav", "application/pdf")):
        source = tmp_path / f"file{number}"
        source.write_bytes(sample(mime))
        made.append(Task(source, tmp_path / "out" / source.name))
    return made


def signing(tasks: list[Task], recipe: Recipe, journal: Journal | None = None) -> Iterator[Result]:
    return run(tasks, CREATED, recipe, journal=journal, jobs=2)


class TestMany:
    def test_signs_in_workers_in_order_and_one_bad_file_costs_its_own_line(
        self, tasks: list[Task], recipe: Recipe
    ) -> None:
        tasks[1].source.write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
        results = list(signing(tasks, recipe))
        assert [r.path for r in results] == [str(t.source) for t in tasks]
        bad = results[1]
        assert isinstance(bad, NotSigned)
        assert str(tasks[1].source) in bad.error
        good = [r for r in results if isinstance(r, SignedFile)]
        assert [r.format for r in good] == ["image/jpeg", "audio/wav", "application/pdf"]
        for record in good:
            found = verify(str(record.out), trust=store())
            assert (found.state, found.sha256, found.manifests[0].label) == (
                State.TRUSTED, record.sha256_out, record.label,
            )  # fmt: skip
        assert not tasks[1].out or not tasks[1].out.exists()

    def test_a_journal_keeps_what_is_there_and_signs_the_rest(
        self, tasks: list[Task], recipe: Recipe, tmp_path: Path
    ) -> None:
        digest = claims_digest(CREATED, recipe.identity())
        out = tmp_path / "out"
        journal = Journal(out, digest)
        list(signing(tasks[:3], recipe, journal))
        journal.close()
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        (out / "file1").write_bytes(b"altered since")
        tasks[2].source.write_bytes(sample("audio/flac"))
        with (out / JOURNAL).open("ab") as stream:
            stream.write(b'{"claims": "cut sho')
        journal = Journal(out, digest)
        results = list(signing(tasks, recipe, journal))
        journal.close()
        assert [isinstance(r, SignedFile) and r.kept for r in results] == [True, False, False, False]
        assert (out / "file0").read_bytes() == before["file0"]
        assert all(state(out / task.source.name) is State.TRUSTED for task in tasks)
        journal = Journal(out, digest)
        assert all(journal.find(task) for task in tasks), "a line that was cut short costs no other"
        journal.close()

    def test_other_claims_keep_nothing(self, tasks: list[Task], recipe: Recipe, tmp_path: Path) -> None:
        who = recipe.identity()
        digests = {
            claims_digest(options, who)
            for options in (
                CREATED, Options(source_type="print"), Options(source_type="digitalCapture", training=False),
                Options(parent=Part("a", b"1")), Options(parent=Part("a", b"2")),
            )
        }  # fmt: skip
        assert len(digests) == 5
        assert claims_digest(CREATED, who) != claims_digest(CREATED, from_pem(pki().chain_pem, pki().key_pem))
        journal = Journal(tmp_path / "out", claims_digest(CREATED, who))
        list(signing(tasks[:1], recipe, journal))
        journal.close()
        other = Journal(tmp_path / "out", claims_digest(Options(source_type="print"), who))
        assert other.find(tasks[0]) is None
        other.close()

    @pytest.mark.parametrize("line", [b"[" * 100_000, b"\xff\xfe", b"{}", b'{"place": 1}', b"[]", b'"x"', b"1" * 9999])
    def test_a_line_that_no_run_wrote_is_nothing(
        self, tasks: list[Task], recipe: Recipe, tmp_path: Path, line: bytes
    ) -> None:
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / JOURNAL).write_bytes(line + b"\n")
        journal = Journal(tmp_path / "out", claims_digest(CREATED, recipe.identity()))
        assert journal.find(tasks[0]) is None
        journal.close()

    def test_a_journal_that_leads_elsewhere_is_refused(self, tmp_path: Path) -> None:
        other = tmp_path / "other.txt"
        other.write_bytes(b"precious")
        (tmp_path / JOURNAL).symlink_to(other)
        with pytest.raises(ProvenanceError, match="cannot be written"):
            Journal(tmp_path, "claims")
        assert other.read_bytes() == b"precious"

    def test_one_run_at_a_time(self, tmp_path: Path) -> None:
        first = Journal(tmp_path, "x")
        with pytest.raises(ProvenanceError, match="Another run is signing into"):
            Journal(tmp_path, "x")
        first.close()
        Journal(tmp_path, "x").close()

    def test_the_line_comes_before_the_file(self, photo: Path, who: Identity) -> None:
        """At the moment between the two, a killed run leaves a line without a file: it is signed again."""
        task = Task(photo, photo.parent / "out" / "photo.jpg")
        journal = Journal(photo.parent / "out", "x")
        made = prepare(photo, task.out, who, CREATED)
        record = SignedFile(
            path=str(photo), out=str(task.out), sidecar=None, label=made.signed.label, state=State.VALID,
            format="image/jpeg", sha256=made.sha256_before, sha256_out=made.sha256_after,
        )  # fmt: skip
        journal.write(task, record, None)
        journal.close()
        again = Journal(photo.parent / "out", "x")
        assert again.find(task) is None
        again.close()
        made.put()
        third = Journal(photo.parent / "out", "x")
        assert third.find(task) == msgspec.structs.replace(record, kept=True)
        third.close()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
    def test_a_journal_that_cannot_be_written_costs_the_file_and_leaves_nothing(
        self, tasks: list[Task], recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = Journal(tmp_path / "out", "x")
        with Path("/dev/full").open("wb", buffering=0) as full:
            monkeypatch.setattr(journal, "_stream", full)
            (result,) = signing(tasks[:1], recipe, journal)
        assert isinstance(result, NotSigned)
        assert result.reason == "full"
        assert [p.name for p in (tmp_path / "out").iterdir()] == [JOURNAL]

    def test_secrets_are_not_in_what_is_shown(self, recipe: Recipe) -> None:
        assert "correct" not in repr(recipe)
        assert "correct" not in repr(Recipe(named="x", pin=b"correct"))

    def test_a_recipe_without_a_signer_is_refused(self) -> None:
        with pytest.raises(UsageError, match="Who signs"):
            Recipe().identity()
