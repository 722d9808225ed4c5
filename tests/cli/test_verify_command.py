"""``assay verify``: exit codes, the record, and what a person reads."""

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.provenance.pki import pki
from tests.provenance.samples import sample
from tests.provenance.signed import edited, laundered, mine, plain, sign, store, tampered
from typer.testing import CliRunner, Result

import assay.cli.verify as command
from assay.cli.app import app
from assay.errors import UsageError
from assay.provenance import many
from assay.provenance.model import State, Unverified, Verification
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify
from assay.report.credentials import headline, render_verification_html, render_verifications

REASONS_OF_NASTY = "<script>\x1b[31m\u202e[bold red]x"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of this machine's user; and files are verified in this process, but where a test says otherwise."""
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path / "config"))

    def in_process(paths: list[str], ask: many.Ask, **_: Any) -> Any:
        return ((path, many.one(path, ask)) for path in paths)

    monkeypatch.setattr(command, "each_verified", in_process)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    made = {
        "trusted.jpg": plain(), "broken.jpg": tampered(plain()), "laundered.jpg": laundered(),
        "none.jpg": sample("image/jpeg"), "edited.jpg": edited(), "empty.jpg": b"", "root.pem": pki().root_pem,
    }  # fmt: skip
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    return {name.split(".")[0]: str(tmp_path / name) for name in made}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["verify", *arguments], env={"COLUMNS": "100"})


class TestExitCodes:
    @pytest.mark.parametrize(
        ("names", "options", "code"),
        [
            (["trusted"], ["--trust", "ROOT"], 0),
            (["trusted"], [], 1),
            (["trusted"], ["--policy", "valid"], 0),
            (["trusted"], ["--policy", "retired"], 1),
            (["broken"], ["--trust", "ROOT", "--policy", "valid"], 1),
            (["laundered"], ["--trust", "ROOT", "--policy", "valid"], 1),
            (["none"], [], 4),
            (["empty"], [], 3),
            (["trusted", "none"], ["--trust", "ROOT"], 4),
            (["trusted", "none", "broken"], ["--trust", "ROOT"], 1),
            (["trusted", "none", "broken", "empty"], ["--trust", "ROOT"], 3),
            (["trusted", "edited"], ["--trust", "ROOT"], 0),
        ],
    )  # fmt: skip
    def test_of_files(self, files: dict[str, str], names: list[str], options: list[str], code: int) -> None:
        options = [files["root"] if o == "ROOT" else o for o in options]
        found = run(*(files[n] for n in names), *options)
        assert found.exit_code == code, found.output

    @pytest.mark.parametrize(
        "options",
        [["--policy", "best"], ["--at", "yesterday"], ["--trust", "nonsense"], ["--sidecar", "gone.c2pa"], ["-"]],
    )
    def test_requests_that_make_no_sense(self, files: dict[str, str], options: list[str]) -> None:
        found = run(files["trusted"], *options)
        assert found.exit_code == 1
        assert type(found.exception).__name__ == "UsageError"
        assert str(found.exception)


class TestRecord:
    def test_one_object(self, files: dict[str, str]) -> None:
        found = run(files["laundered"], "--trust", files["root"], "--json", "-")
        record = json.loads(found.stdout)
        assert {"path", "state", "chain", "signer", "list", "reasons", "manifests"} <= record.keys()
        assert (record["state"], record["chain"], record["list"]) == ("trusted", "broken", Path(files["root"]).name)
        assert record["reasons"][0]["code"] == "assertion.dataHash.mismatch"
        assert record["schema"] == "assay/verification/1"

    def test_lines_for_several(self, files: dict[str, str]) -> None:
        found = run(files["trusted"], files["none"], files["empty"], "--json", "-", "-q")
        records = [json.loads(line) for line in found.stdout.splitlines()]
        assert [r.get("state", r.get("reason")) for r in records] == ["valid", "none", "empty"]

    def test_a_file(self, files: dict[str, str], tmp_path: Path) -> None:
        out = tmp_path / "out" / "all.jsonl"
        run(files["trusted"], files["none"], "--json", str(out))
        assert [json.loads(line)["state"] for line in out.read_text().splitlines()] == ["valid", "none"]

    def test_a_time(self, files: dict[str, str]) -> None:
        found = run(files["trusted"], "--at", "2020-01-01", "--json", "-")
        record = json.loads(found.stdout)
        assert (record["at"], record["state"]) == ("2020-01-01T00:00:00+00:00", "broken")


class TestWords:
    def test_what_to_do_below_the_policy(self, files: dict[str, str]) -> None:
        found = run(files["trusted"])
        assert "--trust ROOT.pem" in found.stderr
        assert "--policy valid accepts valid, signer unknown" in found.stderr

    def test_a_sidecar_beside_is_mentioned_and_not_used(self, tmp_path: Path) -> None:
        data, manifest = sign(embed=False)
        (tmp_path / "a.jpg").write_bytes(data)
        (tmp_path / "a.c2pa").write_bytes(manifest)
        found = run(str(tmp_path / "a.jpg"))
        assert found.exit_code == 4
        assert "--sidecar" in found.stderr
        (tmp_path / "root.pem").write_bytes(pki().root_pem)
        used = run(
            str(tmp_path / "a.jpg"), "--sidecar", str(tmp_path / "a.c2pa"), "--trust", str(tmp_path / "root.pem")
        )
        assert used.exit_code == 0

    def test_quiet(self, files: dict[str, str]) -> None:
        found = run(files["trusted"], "-q")
        assert (found.stdout, found.stderr, found.exit_code) == ("", "", 1)

    def test_a_folder(self, files: dict[str, str]) -> None:
        found = run(str(Path(files["none"]).parent), "--trust", files["root"])
        assert {"trusted.jpg", "none.jpg", "laundered.jpg"} <= set(re.findall(r"\w+\.jpg", found.stdout))
        assert "root.pem" not in found.stdout

    def test_in_worker_processes(self, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(command, "each_verified", many.each_verified)
        found = run(files["laundered"], files["empty"], "--trust", files["root"], "--json", "-", "-q")
        assert [json.loads(line).get("state") for line in found.stdout.splitlines()] == ["trusted", None]


def shown(answers: list[Verification | Unverified], width: int = 80, *, details: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    render_verifications(answers, console, details=details)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    return str(text)


def words_of(text: str) -> str:
    return " ".join(text.split())


STATES = {
    "NO CREDENTIALS": (lambda: sample("image/jpeg"), store()),
    "BROKEN": (lambda: tampered(plain()), store()),
    "INTACT, SIGNER UNKNOWN": (plain, TrustStore()),
    "INTACT, SIGNER KNOWN TO A RETIRED LIST ONLY": (plain, store(mine(status="retired"))),
    "TRUSTED": (plain, store()),
    "TRUSTED, BUT MADE FROM SOMETHING BROKEN": (laundered, store()),
}


class TestTerminal:
    @pytest.mark.parametrize("width", [40, 80, 120])
    @pytest.mark.parametrize("verdict", STATES)
    def test_the_verdict_stands_on_a_line_of_its_own_in_words(self, verdict: str, width: int) -> None:
        data, trust = STATES[verdict]
        found = verify(data(), trust=trust, name="photo.jpg")  # type: ignore[operator]
        assert headline(found) == verdict
        assert verdict in words_of(shown([found], width))

    def test_the_history_is_a_tree(self) -> None:
        text = shown([verify(laundered(), trust=store(), name="photo.jpg")])
        assert "made from the parent  broken" in text
        assert "created: captured by a camera" in text
        assert "assertion.dataHash.mismatch" in text

    def test_many_files_are_a_table(self) -> None:
        answers: list[Verification | Unverified] = [
            verify(d, trust=store(), name=n) for n, d in (("a.jpg", plain()), ("b.jpg", laundered()))
        ]
        answers.append(Unverified(path="c.jpg", error="c.jpg: empty", reason="empty"))
        text = words_of(shown(answers, 120))
        assert "history broken" in text
        assert "not verified" in text
        assert "empty" in text

    @pytest.mark.parametrize("details", [False, True])
    def test_hostile_strings_do_nothing(self, details: bool) -> None:
        nasty = REASONS_OF_NASTY
        data, _ = sign(
            title=nasty, definition={"claim_generator_info": [{"name": nasty}]},
            actions=[{"action": "c2pa.edited", "softwareAgent": {"name": nasty}}], parts=[(nasty, tampered(plain()))],
        )  # fmt: skip
        text = shown([verify(data, trust=store(), name=f"{nasty}.jpg")], 200, details=details)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[bold red]x" in text

    def test_the_page(self, files: dict[str, str], tmp_path: Path) -> None:
        out = tmp_path / "page.html"
        found = run(files["laundered"], "--trust", files["root"], "--html", str(out))
        assert found.exit_code == 1
        page = out.read_text()
        assert "Trusted, but made from something broken" in page
        assert "assertion.dataHash.mismatch" in page
        assert "default-src &#39;none&#39;" in page
        assert type(run(files["none"], files["edited"], "--html", str(out)).exception).__name__ == "UsageError"

    @pytest.mark.parametrize("verdict", STATES)
    def test_the_page_of_every_state(self, verdict: str) -> None:
        data, trust = STATES[verdict]
        assert verdict.capitalize() in render_verification_html(verify(data(), trust=trust))  # type: ignore[operator]

    def test_hostile_strings_do_nothing_in_the_page(self) -> None:
        data, _ = sign(
            title=REASONS_OF_NASTY, definition={"claim_generator_info": [{"name": REASONS_OF_NASTY}]},
            parts=[(REASONS_OF_NASTY, tampered(plain()))],
        )  # fmt: skip
        page = render_verification_html(verify(data, trust=store(), name=f"{REASONS_OF_NASTY}.jpg"))
        for bad in ("<script", "\x1b", "\u202e"):
            assert bad not in page
        assert "&lt;script&gt;" in page

    def test_all_details(self) -> None:
        text = words_of(shown([verify(edited(), trust=store())], 120, details=True))
        for word in ("assertion.hashedURI.match", "c2pa.opened", "serial", "c2pa-rs", "network not used"):
            assert word in text

    def test_a_long_history_is_cut(self) -> None:
        data, _ = sign(parts=[(f"part {n}", sample("image/gif")) for n in range(200)], part_mime="image/gif")
        found = verify(data, trust=store())
        assert "--details shows all" in shown([found])
        assert "part 199" in shown([found], details=True)

    @pytest.mark.parametrize("state", State)
    def test_every_state_has_its_words(self, state: State) -> None:
        assert state.words


def test_a_name_that_is_no_text_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name in (b"a\xff\xfe.jpg", b"b.jpg"):
        (folder / os.fsdecode(name)).write_bytes(plain())
    for options in ([], ["--json", str(tmp_path / "out.jsonl")]):
        assert run(str(folder), "--policy", "valid", *options).exit_code == 0
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [r["path"] for r in records] == [f"{folder}/a\\udcff\\udcfe.jpg", f"{folder}/b.jpg"]


@pytest.mark.parametrize("option", ["--html", "--json"])
@pytest.mark.parametrize("over", ["trusted", "root"])
def test_nothing_is_written_over_what_is_read(files: dict[str, str], option: str, over: str) -> None:
    before = Path(files[over]).read_bytes()
    found = run(files["trusted"], "--trust", files["root"], option, files[over])
    assert found.exit_code == 2 or isinstance(found.exception, UsageError)
    assert Path(files[over]).read_bytes() == before
