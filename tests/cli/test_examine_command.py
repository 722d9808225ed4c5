"""``assay examine`` as a person runs it: a process, its files, its exit code."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from assay.testing import authentic, splice

ASSAY = Path(sys.executable).with_name("assay")
QUICK = ("--only", "quantisation", "--only", "jpeg_grid")


def assay(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [ASSAY, *map(str, arguments)], input=stdin, capture_output=True, check=False, cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "authentic.jpg").write_bytes(authentic(seed=1, quality=92).data)
    (folder / "forged.jpg").write_bytes(splice(q1=65, q2=95, seed=2).data)
    return folder


def bomb() -> bytes:
    """A PNG of a few bytes that declares 32000 x 32000 pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 32000, 32000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100_000))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def test_a_forged_sample_is_claimed_and_an_authentic_one_is_not(folder: Path) -> None:
    forged = assay("examine", folder / "forged.jpg")
    authentic_ = assay("examine", folder / "authentic.jpg")
    assert forged.returncode == 1, forged.stdout.decode()
    assert authentic_.returncode == 0, authentic_.stdout.decode()
    assert "support for alteration" in forged.stdout.decode()
    assert "not proof" in " ".join(authentic_.stdout.decode().split())


def test_json_of_one_picture_is_one_object_on_a_clean_standard_output(folder: Path) -> None:
    done = assay("examine", folder / "forged.jpg", "--json", "-", *QUICK)
    record = json.loads(done.stdout)
    assert record["subject"]["path"] == str(folder / "forged.jpg")
    assert {f["method"] for f in record["findings"]} == {"quantisation", "jpeg_grid"}
    for finding in record["findings"]:
        assert finding["direction"] in {"for", "against", "neutral"}
        assert {"strength", "says", "llr", "regions", "maps"} <= finding.keys()


def test_standard_input(folder: Path) -> None:
    done = assay("examine", "-", "--json", "-", *QUICK, stdin=(folder / "authentic.jpg").read_bytes())
    assert done.returncode == 0
    assert json.loads(done.stdout)["subject"]["path"] == "<stdin>"


def test_a_batch_writes_a_line_a_picture_and_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    first = assay("examine", folder, tmp_path / "missing.jpg", "--json", out, "--jobs", "2", *QUICK)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert first.returncode == 3
    assert [Path(r["subject"]["path"]).name for r in lines] == ["authentic.jpg", "forged.jpg", "missing.jpg"]
    assert "error" in lines[2]

    whole = out.read_text().splitlines(keepends=True)
    out.write_text(whole[0] + whole[1][:500])  # as an interruption leaves it
    again = assay("examine", folder, "--json", out, *QUICK)
    assert "1 of 2 already in the file" in again.stderr.decode()
    resumed = out.read_text().splitlines(keepends=True)
    assert resumed[0] == whole[0]
    assert json.loads(resumed[1])["digests"] == lines[1]["digests"]
    assert len(resumed) == 2

    fresh = assay("examine", folder, "--json", out, "--fresh", *QUICK)
    assert "already" not in fresh.stderr.decode()


def test_a_changed_file_or_another_option_is_examined_again(folder: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "out.jsonl", tmp_path / "x.jpg"
    picture.write_bytes((folder / "authentic.jpg").read_bytes())
    assay("examine", picture, "--json", out, *QUICK)
    picture.write_bytes((folder / "forged.jpg").read_bytes())
    assert "already" not in assay("examine", picture, "--json", out, *QUICK).stderr.decode()
    assert "already" not in assay("examine", picture, "--json", out, "--only", "quantisation").stderr.decode()


def test_reports_of_several_pictures_go_into_a_folder_with_an_index(folder: Path, tmp_path: Path) -> None:
    done = assay("examine", folder, "--html", tmp_path / "reports", *QUICK)
    assert done.returncode in {0, 1}
    names = {p.name for p in (tmp_path / "reports").iterdir()}
    assert names == {"index.html", "authentic_jpg.html", "forged_jpg.html"}
    assert 'href="./forged_jpg.html"' in (tmp_path / "reports" / "index.html").read_text()


HOSTILE = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"Dear editor, this is no picture.\n", "unsupported"),
    "bomb.png": (bomb(), "too_large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_one_clear_line_and_exit_code_3(name: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[name]
    (tmp_path / name).write_bytes(data)
    done = assay("examine", name, "--json", "-", cwd=tmp_path)
    record = json.loads(done.stdout)
    assert done.returncode == 3
    assert record["reason"] == reason
    assert record["error"].startswith(f"{name}: ")
    assert done.stderr.decode().strip().splitlines() == [f"assay: {record['error']}"]


def test_a_truncated_jpeg_is_refused_as_truncated(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "half.jpg").write_bytes((folder / "authentic.jpg").read_bytes()[:20_000])
    done = assay("examine", "half.jpg", "--json", "-", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (3, "truncated")


def test_a_missing_path(tmp_path: Path) -> None:
    done = assay("examine", "nowhere.jpg", cwd=tmp_path)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr + done.stdout
    assert "nowhere.jpg" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--only", "jpg_grid"), "did you mean jpeg_grid"),
        (("--json", "/dev/null/x.jsonl"), "Cannot write /dev/null/x.jsonl"),
        (("--nonsense",), "No such option"),
        (("--jobs", "-1"), "--jobs"),
    ],
)
def test_a_request_that_makes_no_sense_is_exit_code_2(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    done = assay("examine", folder / "authentic.jpg", *arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.decode().split())
    assert "Traceback" not in done.stderr.decode()


def test_without_arguments_help_is_shown() -> None:
    done = assay()
    assert "assay examine PICTURE" in " ".join(done.stdout.decode().split())


def test_methods_prints_every_card_and_one_in_full() -> None:
    from assay.examine import ANALYSES

    cards = json.loads(assay("methods", "--json").stdout)
    assert [c["id"] for c in cards] == [a.id for a in ANALYSES]
    assert all(c["looks_at"] and c["fooled_by"] and c["ignore"] and c["source"] for c in cards)
    assert "fool" in assay("methods", "jpeg_grid").stdout.decode().lower()


def test_schema_is_a_json_schema_that_a_real_record_fits(folder: Path) -> None:
    import jsonschema

    schema = json.loads(assay("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    for arguments in ((folder / "forged.jpg", *QUICK), ("nowhere.jpg",)):
        record = json.loads(assay("examine", *arguments, "--json", "-").stdout)
        jsonschema.validate(record, schema)


@pytest.mark.parametrize("option", ["--json", "--html", "--pdf"])
def test_no_report_is_written_over_the_picture(folder: Path, tmp_path: Path, option: str) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes((folder / "authentic.jpg").read_bytes())
    (tmp_path / "link.jpg").symlink_to(picture)
    for place in (picture, tmp_path / "link.jpg"):
        done = assay("examine", picture, option, place, *QUICK)
        assert done.returncode == 2
        assert b"name another place" in done.stderr
    assert picture.read_bytes() == (folder / "authentic.jpg").read_bytes()
