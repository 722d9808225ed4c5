"""``assay recover``: exit codes, the record, the files it writes, and what a person reads."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from tests.provenance.durables import copied, jpeg, kept, picture, pixels, stripped
from tests.provenance.pki import pki
from typer.testing import CliRunner, Result

import assay.cli.recover as command
from assay.cli.app import app
from assay.errors import AssayError
from assay.provenance import watermark
from assay.provenance.recovery import Recovery, Unrecovered, Verdict, many
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify
from assay.report.recovery import render_recoveries


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store, the root certificate, and pictures."""
    folder = tmp_path_factory.mktemp("desk")
    copied(folder / "store")
    (folder / "root.pem").write_bytes(pki().root_pem)
    (folder / "stripped.jpg").write_bytes(stripped(kept().data))
    identifier = kept().durable.identifier
    assert identifier is not None
    (folder / "moved.jpg").write_bytes(jpeg(watermark.embed(picture(2), identifier), 90))
    edited = pixels(kept().data).copy()
    edited[220:440, 320:620] = picture(2)[220:440, 320:620]
    (folder / "edited.jpg").write_bytes(jpeg(edited, 85))
    (folder / "stranger.jpg").write_bytes(jpeg(picture(7)[:200, :300]))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nonsense")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of this machine's user; and pictures are looked at in this process, but where a test says otherwise."""
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "110")

    def in_process(paths: list[str], ask: many.Ask, **_: Any) -> Any:
        return ((path, many.one(path, ask)) for path in paths)

    monkeypatch.setattr(command, "each_recovered", in_process)


def run(desk: Path, *arguments: str | Path, source: str | Path | None = None) -> Result:
    told = [str(desk / a) if (desk / str(a)).exists() else str(a) for a in arguments]
    known = ["--from", str(source or desk / "store"), "--trust", "none", "--trust", str(desk / "root.pem")]
    return CliRunner().invoke(app, ["recover", *told, *known], catch_exceptions=True)


class TestOneFile:
    def test_found_exit_0_and_the_record(self, desk: Path, tmp_path: Path) -> None:
        done = run(desk, "stripped.jpg", "--json", "-")
        assert done.exit_code == 0
        record = json.loads(done.stdout)
        assert record["schema"] == "assay/recovery/1"
        assert (record["verdict"], record["found_by"]) == ("exact", "watermark")
        assert record["path"].endswith("stripped.jpg")
        assert record["manifest_id"] == kept().durable.stored_id
        assert record["candidates"][0]["signer"] == "Test Signer (Test Organisation)"
        assert record["verification"]["state"] == "trusted"
        assert record["changes"]

    def test_the_picture_and_its_manifest_beside_it_verify(self, desk: Path, tmp_path: Path) -> None:
        out = tmp_path / "found.jpg"
        done = run(desk, "stripped.jpg", "-o", out)
        assert done.exit_code == 0
        assert "Credentials found: they are about these very bytes" in done.stdout
        assert out.read_bytes() == (desk / "stripped.jpg").read_bytes()
        sidecar = out.with_suffix(".c2pa").read_bytes()
        assert verify(out, trust=TrustStore(), sidecar=sidecar).state.value == "valid"

    def test_a_moved_mark_is_loud_exits_1_and_restores_nothing(self, desk: Path, tmp_path: Path) -> None:
        out, page = tmp_path / "found.jpg", tmp_path / "page.html"
        done = run(desk, "moved.jpg", "-o", out, "--html", page)
        assert done.exit_code == 1
        assert "Borrowed credentials" in done.stdout
        assert "belongs to another picture" in done.stdout
        assert "signer of that picture" in done.stdout
        assert not out.exists()
        assert not out.with_suffix(".c2pa").exists()
        assert "Nothing was written" in done.stderr
        assert "Borrowed credentials" in page.read_text()

    def test_an_edited_one_exits_1_and_the_page_shows_where(self, desk: Path, tmp_path: Path) -> None:
        page = tmp_path / "sub" / "page.html"
        done = run(desk, "edited.jpg", "--html", page, "--quiet")
        assert (done.exit_code, done.stdout) == (1, "")
        text = page.read_text()
        assert "One place does not show what was signed" in text
        assert 'class="box"' in text

    def test_nothing_found_exits_4(self, desk: Path) -> None:
        done = run(desk, "stranger.jpg")
        assert done.exit_code == 4
        assert "No credentials were found" in done.stdout

    def test_a_broken_file_exits_3_with_a_sentence(self, desk: Path) -> None:
        done = run(desk, "broken.jpg", "--json", "-")
        assert done.exit_code == 3
        assert json.loads(done.stdout)["reason"] == "malformed"
        assert "broken.jpg" in done.stderr
        assert run(desk, "nowhere.jpg").exit_code == 3


class TestSeveral:
    def test_the_worst_decides_and_each_has_a_row_a_line_and_a_page(self, desk: Path, tmp_path: Path) -> None:
        lines, pages = tmp_path / "out.jsonl", tmp_path / "pages"
        done = run(desk, "stripped.jpg", "broken.jpg", "edited.jpg", "--json", lines, "--html", pages)
        assert done.exit_code == 3
        assert [json.loads(line).get("verdict") for line in lines.read_text().splitlines()] == ["exact", None, "edited"]
        assert sorted(p.name for p in pages.iterdir()) == ["edited_jpg.html", "stripped_jpg.html"]
        for word in ("these very bytes", "not looked at", "a place differs"):
            assert word in done.stdout

    @pytest.mark.parametrize(
        ("verdicts", "code"),
        [
            (["exact", "same_picture"], 0), (["exact", "not_found"], 4), (["not_found", "edited"], 1),
            (["transplanted"], 1), (["unconfirmed"], 1),
        ],
    )  # fmt: skip
    def test_exit_codes(self, verdicts: list[str], code: int) -> None:
        assert command.exit_code([record(Verdict(v)) for v in verdicts]) == code
        bad = Unrecovered(path="x", error="x: y", reason="missing")
        assert command.exit_code([bad, *[record(Verdict(v)) for v in verdicts]]) == 3


class TestRequestsThatMakeNoSense:
    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["-"], "Standard input"),
            (["stripped.jpg", "edited.jpg", "-o", "x.jpg"], "one picture"),
            (["stripped.jpg", "-o", "x.c2pa"], "name the picture"),
            (["stripped.jpg", "--send"], "goes with a service"),
            (["stripped.jpg", "--html", "store"], "is a folder"),
            (["stripped.jpg", "edited.jpg", "--html", "root.pem"], "is a file"),
        ],
    )
    def test_end_in_a_sentence(self, desk: Path, arguments: list[str], word: str) -> None:
        done = run(desk, *arguments)
        assert isinstance(done.exception, AssayError)
        assert word in str(done.exception)

    def test_a_store_or_a_service_that_is_not_there(
        self, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command, "each_recovered", many.each_recovered)
        done = run(desk, "stripped.jpg", source=tmp_path / "nowhere")
        assert isinstance(done.exception, AssayError)
        assert "no manifest store" in str(done.exception)
        done = run(desk, "stripped.jpg", source="http://example.org/v1")
        assert isinstance(done.exception, AssayError)


def record(verdict: Verdict) -> Recovery:
    return Recovery(
        path="x.jpg", sha256="0" * 64, format="jpeg", width=4, height=3, verdict=verdict, says="Says.", store="s"
    )


def test_hostile_strings_reach_the_terminal_as_escapes() -> None:
    evil = "a\x1b[31m\u202egpj"
    nasty = msgspec.structs.replace(
        record(Verdict.EDITED), path=evil, says=evil, store=evil, changes=(evil,), warnings=(evil,)
    )
    console = Console(width=80, record=True)
    with console.capture() as said:
        render_recoveries([nasty], console)
        render_recoveries([nasty, nasty], console)
    assert "\x1b[31m" not in said.get()
    assert "\u202e" not in said.get()
    assert "\\u202e" in said.get()
