"""``assay vouch`` as a person runs it: processes, files, exit codes, and what is printed."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.provenance.samples import sample
from typer.testing import CliRunner

from assay.cli.vouch import app
from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import create, development_files, write_folder
from assay.provenance.identity import load
from assay.provenance.vouch import Received, subject_of, vouch

TODAY = datetime.now(UTC).date().isoformat()
GIVEN = ("--received-from", "a reader, known to us", "--received-on", TODAY)


def assay(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assay.cli", "vouch", *map(str, arguments)], capture_output=True, check=False, cwd=cwd,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "ASSAY_CONFIG_DIR": str(cwd / "config")},
    )  # fmt: skip


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "photo.jpg").write_bytes(sample("image/jpeg"))
    (folder / "other.png").write_bytes(sample("image/png"))
    write_folder(folder / "desk", development_files(create("Desk", organisation="Daily Planet")))
    return folder


@pytest.fixture(scope="module")
def signed(folder: Path) -> subprocess.CompletedProcess[str]:
    return assay("sign", "photo.jpg", "-i", "desk", *GIVEN, "--checked", "the place", "--note", "By hand.", cwd=folder)


def test_sign_writes_the_statement_beside_the_file_and_says_so(
    signed: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert signed.returncode == 0, signed.stderr
    assert (folder / "photo.jpg.vouch").read_bytes()[:1] == b"\xd2"
    assert "Written: photo.jpg.vouch" in signed.stderr
    assert "rests on your word" in signed.stderr
    assert (folder / "photo.jpg").read_bytes() == sample("image/jpeg"), "the file itself stays as it is"


@pytest.mark.usefixtures("signed")
class TestCheck:
    def test_says_what_is_said_and_what_is_not(self, folder: Path) -> None:
        done = assay("check", "photo.jpg.vouch", "photo.jpg", "--trust", "desk/root.pem", cwd=folder)
        assert done.returncode == 0, done.stderr
        out = words(done.stdout)
        assert "Vouched for by Daily Planet, Desk (did not make it)" in out
        assert f"Received from “a reader, known to us” on {TODAY}" in out
        assert f"Checked “the place”, on {TODAY}" in out
        assert "Credentials none, when the voucher looked" in out
        assert "This does not say who made the file, nor that what it shows is true." in out

    def test_policy_decides_about_a_voucher_that_no_list_knows(self, folder: Path) -> None:
        strict = assay("check", "photo.jpg.vouch", "photo.jpg", cwd=folder)
        lax = assay("check", "photo.jpg.vouch", "photo.jpg", "--policy", "valid", "--json", "-", cwd=folder)
        assert (strict.returncode, lax.returncode) == (1, 0)
        assert "whom no list in use knows" in words(strict.stdout)
        record = json.loads(lax.stdout)
        assert record["state"] == "valid"
        assert record["statement"]["received"]["from"] == "a reader, known to us"
        assert record["voucher"]["organisation"] == "Daily Planet"

    def test_another_file_and_no_statement_have_codes_of_their_own(self, folder: Path) -> None:
        other = assay("check", "photo.jpg.vouch", "other.png", "--html", "page.html", cwd=folder)
        assert other.returncode == 1
        assert "Not about this file" in other.stdout
        assert "Not about this file" in (folder / "page.html").read_text(encoding="utf-8")
        unreadable = assay("check", "other.png", "photo.jpg", cwd=folder)
        assert unreadable.returncode == 3
        assert "is no statement that can be read" in unreadable.stderr
        assert unreadable.stderr.count("\n") == 1

    def test_withdrawn(self, folder: Path) -> None:
        done = assay("withdraw", "photo.jpg.vouch", "-i", "desk", "--note", "We were lied to.", cwd=folder)
        assert done.returncode == 0, done.stderr
        later = assay(
            "check", "photo.jpg.vouch", "photo.jpg", "--trust", "desk/root.pem", "--later", "photo.jpg.withdrawn.vouch",
            cwd=folder,
        )  # fmt: skip
        assert later.returncode == 1
        assert "No longer vouched for by Daily Planet" in later.stdout

    def test_an_existing_statement_is_not_replaced_unasked(self, folder: Path) -> None:
        before = (folder / "photo.jpg.vouch").read_bytes()
        again = assay("sign", "photo.jpg", "-i", "desk", *GIVEN, cwd=folder)
        assert again.returncode == 2
        assert "is there already" in again.stderr
        assert (folder / "photo.jpg.vouch").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--received-from", "X", "--received-on", "2126-01-01"), "The day of receipt, 2126-01-01, lies in the future"),
        (("--received-from", "X", "--received-on", "yesterday"), "The day of receipt is no day"),
        (("--received-from", " ", "--received-on", TODAY), "From whom it was received is empty"),
        (("--received-from", "a\x1b[31m", "--received-on", TODAY), "characters that a reader cannot see"),
        (("--received-from", "a" * 100_000, "--received-on", TODAY), "100,000 characters long"),
        ((*GIVEN, "--checked-on", TODAY), "--checked-on needs --checked"),
        ((*GIVEN, "--expires", "never"), "no time of the form"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(
    arguments: tuple[str, ...], says: str, folder: Path, tmp_path: Path
) -> None:
    asked = ["sign", folder / "photo.jpg", "-i", folder / "desk", "-o", tmp_path / "x", *arguments]
    refused = CliRunner().invoke(app, [str(a) for a in asked]).exception
    assert isinstance(refused, UsageError)
    assert says in str(refused)
    assert "\n" not in str(refused)
    assert len(str(refused)) < 200
    assert list(tmp_path.iterdir()) == []


def test_one_unreadable_file_of_two_costs_one_statement(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(sample("image/jpeg"))
    done = assay("sign", "none.jpg", "a.jpg", "-i", folder / "desk", *GIVEN, cwd=tmp_path)
    assert done.returncode == 3
    assert "none.jpg: there is no such file" in done.stderr
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.jpg", "a.jpg.vouch"]


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    "asked",
    [
        ["sign", "photo.jpg", "-i", "desk", *GIVEN, "-o", "photo.jpg", "--force"],
        ["withdraw", "photo.jpg.vouch", "-i", "desk", "-o", "./photo.jpg.vouch", "--force"],
        ["check", "photo.jpg.vouch", "photo.jpg", "--html", "photo.jpg"],
        ["check", "photo.jpg.vouch", "photo.jpg", "--json", "photo.jpg.vouch"],
    ],
)
def test_nothing_is_written_over_what_is_read(folder: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    before = [(folder / name).read_bytes() for name in ("photo.jpg", "photo.jpg.vouch")]
    done = CliRunner().invoke(app, asked)
    assert isinstance(done.exception, UsageError)
    assert "which is read: name another place" in str(done.exception)
    assert before == [(folder / name).read_bytes() for name in ("photo.jpg", "photo.jpg.vouch")]


def test_what_is_no_statement_cannot_be_withdrawn(folder: Path, tmp_path: Path) -> None:
    asked = ["withdraw", folder / "other.png", "-i", folder / "desk", "-o", tmp_path / "x.vouch"]
    done = CliRunner().invoke(app, list(map(str, asked)))
    assert done.exit_code == 3
    assert "is no statement" in done.output
    assert list(tmp_path.iterdir()) == []


def test_an_encrypted_key_wants_its_passphrase(folder: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    write_folder(locked, development_files(create("Desk", organisation="Daily Planet", passphrase="open sesame")))
    asked = ["sign", folder / "photo.jpg", "-i", locked, "-o", tmp_path / "x.vouch", *GIVEN, "-q"]
    (tmp_path / "wrong").write_text("guess\n")
    (tmp_path / "right").write_text("open sesame\n")
    refused = CliRunner().invoke(app, [*map(str, asked), "--passphrase-file", str(tmp_path / "wrong")]).exception
    assert isinstance(refused, ProvenanceError)
    assert refused.reason == "passphrase"
    assert "guess" not in str(refused)
    done = CliRunner().invoke(app, [*map(str, asked), "--passphrase-file", str(tmp_path / "right")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "x.vouch").stat().st_size > 1000


def test_hostile_names_reach_neither_terminal_nor_page(folder: Path, tmp_path: Path) -> None:
    wicked = tmp_path / "wicked"
    name = "</bdi><script>alert(1)</script>\u202e"
    write_folder(wicked, development_files(create(name, organisation="Evil\u200b <b>&", days=2)))
    photo = tmp_path / "a\u202egpj.jpg"
    photo.write_bytes(sample("image/jpeg"))
    received = Received(from_="<img src=x onerror=alert(1)>", on=TODAY)
    (tmp_path / "w.vouch").write_bytes(vouch(subject_of(photo), load(str(wicked)), received=received))
    done = assay("check", "w.vouch", photo.name, "--html", "page.html", "--policy", "valid", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (done.stdout, page):
        assert "\u202e" not in text
        assert "\u200b" not in text
        assert "\x1b" not in text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;img" in page
    assert "script-src" not in page, "no script at all is allowed"
