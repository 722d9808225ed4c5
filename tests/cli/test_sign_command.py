"""``assay sign`` as a person runs it: processes, files, exit codes, what is printed, and a kill -9 in the middle."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.provenance.pki import authority, pki
from tests.provenance.samples import EXTENSIONS, MIMES, landscape, picture, sample
from tests.provenance.signed import store

from assay.cli import app
from assay.provenance.bulk import JOURNAL
from assay.provenance.certificates import create, development_files, write_folder
from assay.provenance.model import State, Verification
from assay.provenance.outfile import ENDING
from assay.provenance.trust import TrustStore, read_pem
from assay.provenance.verify import verify

MANY = 40
PASSPHRASE = "correct horse battery"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "assay.cli", *map(str, arguments)]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ASSAY_")}
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", "ASSAY_CONFIG_DIR": str(folder / "config"), **more}


class Done(NamedTuple):
    returncode: int | str | None
    stdout: str
    stderr: str


def assay(*arguments: str | Path, cwd: Path, **more: str) -> Done:
    """The command in this process, which saves the start of one; its workers are processes all the same."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: int | str | None = 0
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open(encoding="utf-8") as nothing:
        for name in [name for name in os.environ if name.startswith("ASSAY_")]:
            patch.delenv(name)
        for name, value in environment(cwd, **more).items():
            patch.setenv(name, value)
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["assay", "sign", *map(str, arguments)])
        for name, stream in (("stdout", out), ("stderr", err), ("stdin", nothing)):
            patch.setattr(sys, name, stream)
        try:
            app.main()
        except SystemExit as stop:
            code = stop.code
    told = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Done(code or 0, *told)


def in_a_process(*arguments: str | Path, cwd: Path, **more: str) -> Done:
    """The command as a person runs it."""
    done = subprocess.run(
        command("sign", *arguments), capture_output=True, check=False, cwd=cwd, encoding="utf-8",
        env=environment(cwd, **more), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newsroom")
    write_folder(folder / "config" / "identities" / "desk", development_files(create("Desk", organisation="Planet")))
    locked = pki().issue("Locked", passphrase=PASSPHRASE)
    (folder / "locked-chain.pem").write_bytes(locked.chain_pem)
    (folder / "locked-key.pem").write_bytes(locked.key_pem)
    (folder / "locked-key.pem").chmod(0o600)
    (folder / "photo.jpg").write_bytes(sample("image/jpeg"))
    return folder


@pytest.fixture(scope="module")
def signed(desk: Path) -> Done:
    return in_a_process(
        "photo.jpg", "-o", "signed.jpg", "-i", "desk", "--source", "digitalCapture", "--no-train", "--action",
        "cropped=left edge", cwd=desk,
    )  # fmt: skip


def seen(path: Path, desk: Path) -> Verification:
    root = (desk / "config" / "identities" / "desk" / "root.pem").read_text()
    ours = read_pem(root, id="desk", title="desk")
    return verify(path, trust=TrustStore((*store().lists, ours)))


def test_signs_a_file_and_says_what_was_claimed(signed: Done, desk: Path) -> None:
    assert signed.returncode == 0, signed.stderr
    said = words(signed.stdout)
    assert "Signed and verified: signed.jpg" in said
    assert "You have claimed, as Desk: - the file was captured by a digital camera" in said
    assert "parts were cropped away (“left edge”) - training and data mining are not allowed" in said
    found = seen(desk / "signed.jpg", desk)
    assert found.state is State.TRUSTED
    assert [a.action for a in found.manifests[0].actions] == ["c2pa.created", "c2pa.cropped"]
    assert (desk / "photo.jpg").read_bytes() == sample("image/jpeg")


@pytest.mark.usefixtures("signed")
class TestOneFile:
    def test_keeps_the_history_and_says_so(self, desk: Path) -> None:
        done = assay("signed.jpg", "-o", "again.jpg", "-i", "desk", "--action", "c2pa.resized", cwd=desk)
        assert done.returncode == 0, done.stderr
        assert "its history is kept" in done.stdout
        assert len(seen(desk / "again.jpg", desk).manifests) == 2

    def test_a_parent_and_a_part(self, desk: Path) -> None:
        (desk / "logo.png").write_bytes(sample("image/png"))
        done = assay(
            "photo.jpg", "-o", "made.jpg", "-i", "desk", "--parent", "signed.jpg", "--ingredient", "logo.png", cwd=desk
        )
        assert "was made from signed.jpg" in words(done.stdout)
        parts = seen(desk / "made.jpg", desk).manifests[0].ingredients
        assert [(i.title, i.relationship) for i in parts] == [("signed.jpg", "parentOf"), ("logo.png", "componentOf")]

    def test_refuses_to_claim_a_beginning_over_a_history(self, desk: Path) -> None:
        done = assay("signed.jpg", "-o", "no.jpg", "-i", "desk", "--source", "print", cwd=desk)
        assert done.returncode == 3
        assert "Leave --source out" in words(done.stdout)
        assert not (desk / "no.jpg").exists()

    def test_refuses_to_launder_and_shows_the_break_where_told_to(self, desk: Path) -> None:
        tampered = bytearray((desk / "signed.jpg").read_bytes())
        tampered[-40] ^= 1
        (desk / "tampered.jpg").write_bytes(tampered)
        done = assay("tampered.jpg", "-o", "washed.jpg", "-i", "desk", cwd=desk)
        assert done.returncode == 3
        assert "--over-broken" in done.stdout
        done = assay("tampered.jpg", "-o", "washed.jpg", "-i", "desk", "--over-broken", cwd=desk)
        assert done.returncode == 0
        assert "the record shows it" in words(done.stdout)
        assert seen(desk / "washed.jpg", desk).laundered

    def test_beside_the_file(self, desk: Path) -> None:
        (desk / "side.jpg").write_bytes(sample("image/jpeg"))
        done = assay("side.jpg", "-i", "desk", "--source", "digitalCapture", "--sidecar", cwd=desk)
        assert "Signed and verified: side.c2pa" in done.stdout
        assert (desk / "side.jpg").read_bytes() == sample("image/jpeg")
        (desk / "apart.jpg").write_bytes(sample("image/jpeg"))
        done = assay("apart.jpg", "-o", "copy.jpg", "-i", "desk", "--source", "print", "--sidecar", cwd=desk)
        assert (desk / "copy.jpg").read_bytes() == sample("image/jpeg")
        assert (desk / "copy.c2pa").is_file()

    def test_in_place(self, desk: Path) -> None:
        (desk / "place.jpg").write_bytes(sample("image/jpeg"))
        refused = assay("place.jpg", "-o", "place.jpg", "-i", "desk", "--source", "print", "--force", cwd=desk)
        assert refused.returncode == 2
        assert "say --in-place" in refused.stderr
        assert assay("place.jpg", "--in-place", "-i", "desk", "--source", "print", cwd=desk).returncode == 0
        assert seen(desk / "place.jpg", desk).state is State.TRUSTED

    def test_redacts(self, desk: Path) -> None:
        from PIL import Image

        exif = Image.Exif()
        exif.get_ifd(0x8825)[29] = "2026:05:05"
        (desk / "gps.jpg").write_bytes(picture("image/jpeg", landscape(), exif=exif.tobytes()))
        done = assay("gps.jpg", "-o", "no-gps.jpg", "-i", "desk", "--source", "print", "--redact", "gps", cwd=desk)
        assert done.returncode == 0, done.stderr
        assert b"2026:05:05" in (desk / "gps.jpg").read_bytes()
        assert b"2026:05:05" not in (desk / "no-gps.jpg").read_bytes()

    def test_a_dry_run_writes_nothing(self, desk: Path) -> None:
        done = assay("photo.jpg", "-o", "dry.jpg", "-i", "desk", "--source", "print", "--dry-run", cwd=desk)
        assert done.returncode == 0
        assert "You would claim, as Desk: - the file was digitised from a print on paper" in words(done.stdout)
        assert not (desk / "dry.jpg").exists()

    def test_the_record_goes_to_standard_output_alone(self, desk: Path) -> None:
        done = in_a_process("photo.jpg", "-o", "j.jpg", "-i", "desk", "--source", "print", "--json", "-", cwd=desk)
        record = json.loads(done.stdout)
        found = seen(desk / "j.jpg", desk)
        assert record == {
            "path": "photo.jpg", "out": "j.jpg", "sidecar": None, "label": found.manifests[0].label, "state": "valid",
            "format": "image/jpeg", "sha256": verify(desk / "photo.jpg", trust=store()).sha256,
            "sha256_out": found.sha256, "parent": None, "remarks": [], "kept": False, "schema": "assay/signing/1",
        }  # fmt: skip
        assert "You have claimed" in done.stderr

    def test_quiet(self, desk: Path) -> None:
        done = assay("photo.jpg", "-o", "q.jpg", "-i", "desk", "--source", "print", "-q", cwd=desk)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_asks_an_authority(self, desk: Path) -> None:
        with authority(pki()) as url:
            done = assay("photo.jpg", "-o", "t.jpg", "-i", "desk", "--source", "print", "--tsa", url, cwd=desk)
        assert done.returncode == 0, done.stderr

    def test_an_authority_that_never_answers_costs_no_more_than_the_time_allowed(self, desk: Path) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(4)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            done = assay(
                "photo.jpg", "-o", "slow.jpg", "-i", "desk", "--source", "print", "--tsa", url, "--timeout", "2",
                cwd=desk,
            )  # fmt: skip
        assert done.returncode == 3
        assert "not done after 2 s" in done.stdout
        assert not (desk / "slow.jpg").exists()
        assert not list(desk.glob(f".*{ENDING}"))


MISTAKES = {
    "nobody signs": (["photo.jpg", "-o", "x.jpg"], r"Who signs\? .* Identities here: desk"),
    "two who sign": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--certificate", "c.pem", "--key", "k"], "Who signs"),
    "an unknown identity": (["photo.jpg", "-o", "x.jpg", "-i", "dask"], "no identity dask; there are: desk"),
    "nowhere": (["photo.jpg", "-i", "desk"], "Where to"),
    "an action misspelt": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--action", "croped"], "Did you mean c2pa.cropp"),
    "a source misspelt": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--source", "digitalcaptur"], "Did you mean"),
    "metadata misspelt": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--redact", "gsp"], "Did you mean GPS"),
    "it is there": (["photo.jpg", "-o", "locked-key.pem", "-i", "desk"], "is there already: --force"),
    "no such folder": (["photo.jpg", "-o", "no/x.jpg", "-i", "desk"], "no folder no"),
    "several into a file": (["photo.jpg", "signed.jpg", "-o", "locked-key.pem", "-i", "desk"], "is a file; several"),
    "several into nothing": (["photo.jpg", "signed.jpg", "-i", "desk"], "name one with --output"),
    "in place and out": (["photo.jpg", "-o", "x.jpg", "--in-place", "-i", "desk"], "either --in-place or --output"),
    "standard input": (["-", "-o", "x.jpg", "-i", "desk"], "Standard input cannot be signed"),
    "no parent there": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--parent", "absent.jpg"], "no file absent.jpg"),
    "the record over what is signed": (
        ["photo.jpg", "-o", "x.jpg", "-i", "desk", "--json", "photo.jpg"], "written over photo.jpg, which is read",
    ),
    "the result over the parent": (
        ["photo.jpg", "-o", "signed.jpg", "-i", "desk", "--parent", "signed.jpg", "--force"], "over signed.jpg, which",
    ),
    "two results in one place": (
        ["photo.jpg", "-o", "x.c2pa", "-i", "desk", "--sidecar"], "Two results would be written to x.c2pa",
    ),
    "the record over the result": (
        ["photo.jpg", "-o", "x.jpg", "-i", "desk", "--json", "./x.jpg"], "Two results would be written to x.jpg",
    ),
    "a store without a name": (["photo.jpg", "-o", "x.jpg", "-i", "desk", "--durable", ""], "--durable names no place"),
    "no passphrase": (
        ["photo.jpg", "-o", "x.jpg", "--certificate", "locked-chain.pem", "--key", "locked-key.pem"], "passphrase",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", [["--sidecar", "--force"], ["--sidecar", "--in-place"]])
def test_a_sidecar_never_takes_the_place_of_its_picture(desk: Path, tmp_path: Path, how: list[str]) -> None:
    photo = tmp_path / "photo.c2pa"
    photo.write_bytes(sample("image/jpeg"))
    done = assay(photo, "-i", "desk", "--source", "print", *how, cwd=desk)
    assert done.returncode == 2
    assert "is read: name another place" in done.stderr
    assert photo.read_bytes() == sample("image/jpeg")


def test_no_result_takes_the_place_of_another_picture_to_sign(desk: Path, tmp_path: Path) -> None:
    there = tmp_path / "out" / "sub" / "a.jpg"
    for path in (tmp_path / "in" / "sub" / "a.jpg", there):
        path.parent.mkdir(parents=True)
        path.write_bytes(sample("image/jpeg"))
    asked: list[str | Path] = [
        tmp_path / "in",
        there,
        "-o",
        tmp_path / "out",
        "-i",
        "desk",
        "--source",
        "print",
        "--force",
    ]
    done = assay(*asked, cwd=desk)
    assert (done.returncode, there.read_bytes()) == (2, sample("image/jpeg"))


def test_in_place_through_a_link_signs_the_file_that_is_meant(desk: Path, tmp_path: Path) -> None:
    photo, link = tmp_path / "photo.jpg", tmp_path / "link.jpg"
    photo.write_bytes(sample("image/jpeg"))
    link.symlink_to(photo)
    assert assay(link, "-i", "desk", "--source", "print", "--in-place", cwd=desk).returncode == 0
    assert link.is_symlink()
    assert seen(photo, desk).state is State.TRUSTED


def test_a_dry_run_makes_no_folders(desk: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(sample("image/jpeg"))
    done = assay(photo, "-o", f"{tmp_path}/new/", "-i", "desk", "--dry-run", cwd=desk)
    assert (done.returncode, sorted(p.name for p in tmp_path.iterdir())) == (0, ["photo.jpg"])


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(("arguments", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_request_without_sense_is_one_line_and_exit_code_2(desk: Path, arguments: list[str], says: str) -> None:
    import re

    done = assay(*arguments, cwd=desk)
    assert done.returncode == 2, done
    assert done.stderr.startswith("assay: ")
    assert done.stderr.count("\n") == 1
    assert re.search(says, done.stderr)
    assert not (desk / "x.jpg").exists()


def test_a_passphrase_from_a_file_or_the_environment_and_never_in_what_is_printed(desk: Path) -> None:
    (desk / "secret.txt").write_text(f"{PASSPHRASE}\n")
    who = ("--certificate", "locked-chain.pem", "--key", "locked-key.pem", "--source", "print")
    by_file = assay("photo.jpg", "-o", "p1.jpg", *who, "--passphrase-file", "secret.txt", cwd=desk)
    by_environment = assay("photo.jpg", "-o", "p2.jpg", *who, cwd=desk, ASSAY_PASSPHRASE=PASSPHRASE)
    wrong = assay("photo.jpg", "-o", "p3.jpg", *who, cwd=desk, ASSAY_PASSPHRASE="battery horse")
    assert (by_file.returncode, by_environment.returncode, wrong.returncode) == (0, 0, 2)
    assert "does not open the private key" in wrong.stderr
    for done in (by_file, by_environment, wrong):
        assert "horse" not in done.stdout + done.stderr


def test_a_passphrase_in_another_encoding_is_a_wrong_one(desk: Path) -> None:
    chosen = ["--certificate", "locked-chain.pem", "--key", "locked-key.pem", "--source", "print"]
    done = assay("photo.jpg", "-o", "x.jpg", *chosen, cwd=desk, ASSAY_PASSPHRASE="\udcff")
    assert (done.returncode, done.stderr) == (2, "assay: The passphrase does not open the private key\n")


def test_warns_of_a_key_that_others_can_read(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_bytes(pki().chain_pem)
    (tmp_path / "k.pem").write_bytes(pki().key_pem)
    (tmp_path / "k.pem").chmod(0o644)
    done = assay(
        "photo.jpg", "-o", "warned.jpg", "--certificate", tmp_path / "c.pem", "--key", tmp_path / "k.pem", cwd=desk
    )
    assert done.returncode == 0
    assert "chmod 600" in words(done.stderr)


class TestFolder:
    @pytest.fixture
    def inbox(self, tmp_path: Path, desk: Path) -> Path:
        (tmp_path / "config").symlink_to(desk / "config")
        for number, mime in enumerate(MIMES):
            folder = tmp_path / "inbox" / ("deeper" if number % 3 == 0 else "")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"file{number}{EXTENSIONS[mime]}").write_bytes(sample(mime))
        (tmp_path / "inbox" / "notes.txt").write_text("not to be signed")
        return tmp_path

    def test_signs_what_can_be_signed_and_keeps_the_folders(self, inbox: Path, desk: Path) -> None:
        (inbox / "inbox" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
        done = assay("inbox", "-o", "out", "-i", "desk", "--source", "digitalCapture", "--json", "all.jsonl", cwd=inbox)
        assert done.returncode == 3
        assert f"{len(MIMES)} signed, 1 not signed" in words(done.stdout)
        assert "broken.png: malformed" in done.stderr, "a line a file where nobody sees a bar"
        for path in sorted((inbox / "inbox").rglob("file*")):
            assert seen(inbox / "out" / path.relative_to(inbox / "inbox"), desk).state is State.TRUSTED
        records = [json.loads(line) for line in (inbox / "all.jsonl").read_text().splitlines()]
        assert [r["path"] for r in records if "error" in r] == ["inbox/broken.png"]
        assert not (inbox / "out" / "broken.png").exists()

    def test_the_same_command_again_signs_nothing_twice(self, inbox: Path, desk: Path) -> None:
        asked = ("inbox", "-o", "inbox/out", "-i", "desk", "--source", "digitalCapture")
        assert assay(*asked, cwd=inbox).returncode == 0
        before = {p: p.read_bytes() for p in (inbox / "inbox" / "out").rglob("*.*") if p.name != JOURNAL}
        again = assay(*asked, cwd=inbox)
        assert again.returncode == 0, again
        assert f"0 signed, {len(MIMES)} kept from an earlier run" in words(again.stdout)
        assert {p: p.read_bytes() for p in before} == before

    def test_other_claims_do_not_replace_what_is_there_unless_told_to(self, inbox: Path, desk: Path) -> None:
        asked = ("inbox/file1.png", "-o", "out" + os.sep, "-i", "desk")
        assert assay(*asked, "--source", "digitalCapture", cwd=inbox).returncode == 0
        before = (inbox / "out" / "file1.png").read_bytes()
        other = assay(*asked, "--source", "print", cwd=inbox)
        assert other.returncode == 3
        assert "--force replaces it" in words(other.stdout)
        assert (inbox / "out" / "file1.png").read_bytes() == before
        assert assay(*asked, "--source", "print", "--force", cwd=inbox).returncode == 0
        assert (inbox / "out" / "file1.png").read_bytes() != before

    def test_two_files_of_one_name_are_refused(self, inbox: Path) -> None:
        (inbox / "inbox" / "deeper" / "file1.png").write_bytes(sample("image/png"))
        done = assay("inbox/file1.png", "inbox/deeper/file1.png", "-o", "out", "-i", "desk", cwd=inbox)
        assert done.returncode == 2
        assert "would both be written to" in done.stderr


def test_killed_in_the_middle_nothing_is_lost_and_the_same_command_goes_on(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(desk / "config")
    (tmp_path / "inbox").mkdir()
    for number in range(MANY):
        pixels = landscape(160, 120, seed=number)
        (tmp_path / "inbox" / f"{number:03}.jpg").write_bytes(picture("image/jpeg", pixels, quality=90))
    out = tmp_path / "out"
    asked = ("inbox", "-o", "out", "-i", "desk", "--source", "digitalCapture", "--jobs", "2")
    kills, done = 0, 0
    for wanted in (3, MANY // 2):
        running = subprocess.Popen(
            command("sign", *asked), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 60
        while running.poll() is None and len(list(out.glob("*.jpg"))) < wanted and time.monotonic() < until:
            time.sleep(0.002)
        kills += running.poll() is None
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        finished = sorted(out.glob("*.jpg"))
        for path in finished:
            assert seen(path, desk).state is State.TRUSTED, "what bears its name is whole"
        done = len(finished)
    assert kills, "no run was killed before it was done"
    assert 0 < done < MANY
    before = {path.name: path.read_bytes() for path in out.glob("*.jpg")}

    resumed = in_a_process(*asked, cwd=tmp_path)
    assert resumed.returncode == 0, resumed
    assert f"{MANY - done} signed, {done} kept from an earlier run" in words(resumed.stdout)
    assert {name: (out / name).read_bytes() for name in before} == before, "nothing is signed twice"
    assert sorted(p.name for p in out.iterdir()) == [JOURNAL, *(f"{n:03}.jpg" for n in range(MANY))], "and no litter"
    for number in range(MANY):
        found = seen(out / f"{number:03}.jpg", desk)
        assert (found.state, len(found.manifests)) == (State.TRUSTED, 1)
        assert (tmp_path / "inbox" / f"{number:03}.jpg").is_file()


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system wants names that are text")
def test_a_file_name_that_is_no_text_is_signed_under_its_bytes_written_out(desk: Path, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"a\xff.jpg")
    source.write_bytes(sample("image/jpeg"))
    claim = ("--source", "digitalCreation", "--json", "-")
    done = assay(source, "-o", tmp_path / "out.jpg", "-i", "desk", *claim, cwd=desk)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["path"].endswith("a\\udcff.jpg")
