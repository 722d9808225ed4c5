import io
import json
import math
from pathlib import Path

import cv2
import jsonschema
import msgspec
import pytest
from rich.console import Console
from tests.report.golden import check

from assay.errors import UsageError
from assay.evidence import FailedSubject, Failure, Finding, Report
from assay.examine import examine
from assay.media import Media
from assay.report.exhibit import save_picture
from assay.report.html import render_html
from assay.report.maps import FolderMaps
from assay.report.pdf import render_pdf
from assay.report.record import decode, encode, schema
from assay.report.terminal import render_table
from assay.testing.scene import scene

ROOT = Path(__file__).parents[2]
FAILURE = Failure(subject=FailedSubject(path="a.jpg"), error="a.jpg: the file is empty", reason="empty")


def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_a_report_comes_back_as_it_was(report: Report) -> None:
    assert msgspec.to_builtins(decode(encode(report))) == msgspec.to_builtins(report)
    assert decode(encode(FAILURE)) == FAILURE


def test_the_record_is_one_line_and_the_same_each_time(report: Report) -> None:
    line = encode(report)
    assert b"\n" not in line
    assert encode(decode(line)) == line


def test_free_keys_are_sorted_and_fields_keep_their_order(report: Report) -> None:
    one = msgspec.structs.replace(report, seconds={"b": 1.0, "a": 2.0})
    record = json.loads(encode(one))
    assert list(record)[:3] == ["subject", "digests", "conclusion"]
    assert list(record["seconds"]) == ["a", "b"]
    assert "for" in record["conclusion"]


def test_the_golden_record(report: Report) -> None:
    check("report.json", json.dumps(json.loads(encode(report)), indent=1, ensure_ascii=False) + "\n")


def test_reports_and_failures_keep_to_the_schema(report: Report) -> None:
    for result in (report, FAILURE):
        validator().validate(json.loads(encode(result)))


def test_every_method_keeps_to_the_schema_and_can_be_shown(tmp_path: Path) -> None:
    """A real examination, with all methods and their maps, through every form of the report."""
    jpeg = cv2.imencode(".jpg", scene(4, 272, 200)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    media = Media.open(jpeg, name="small.jpg")
    save_picture(media, tmp_path)
    report = examine(media, maps=FolderMaps(tmp_path))
    validator().validate(json.loads(encode(report)))
    assert encode(decode(encode(report))) == encode(report)
    page = render_html(report, tmp_path)
    assert all(f'id="map-{i}-{j}"' in page for i, f in enumerate(report.findings) for j, _ in enumerate(f.maps))
    assert render_pdf(report, tmp_path).startswith(b"%PDF")
    render_table([report], Console(file=io.StringIO(), width=80))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("conclusion"),
        lambda r: r["findings"][0].update(strength="certain"),
        lambda r: r["subject"].update(width="wide"),
        lambda r: r.update(schema="assay/report/2"),
        lambda r: r["abstentions"][0].pop("reason"),
    ],
)
def test_the_schema_refuses_what_is_no_report(report: Report, spoil: object) -> None:
    record = json.loads(encode(report))
    spoil(record)  # type: ignore[operator]
    assert not validator().is_valid(record)


def test_the_schema_explains_itself() -> None:
    parts = schema()["$defs"]
    assert {"Report", "Failure", "Finding", "Map", "Method", "Strength"} <= set(parts)
    assert not [name for name, part in parts.items() if not part.get("description")]


def test_the_committed_schema_is_current() -> None:
    """Renew it with ``assay schema > docs/reference/report.schema.json``."""
    committed = json.loads((ROOT / "docs" / "reference" / "report.schema.json").read_text())
    assert committed == schema()


def test_what_json_cannot_say_becomes_null_or_an_escape(report: Report) -> None:
    finding = Finding(method="ela", says="x", details={"worst": math.inf, "none": math.nan})
    subject = msgspec.structs.replace(report.subject, path="caf\udce9.jpg")
    line = encode(msgspec.structs.replace(report, findings=(finding,), subject=subject))
    record = json.loads(line)
    assert record["findings"][0]["details"] == {"none": None, "worst": None}
    assert record["subject"]["path"] == "caf\\udce9.jpg"
    decode(line)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b'{"schema":"assay/report/9"}', b'{"schema":"assay/report/1"}', b'{"a":"\xff"}']
)
def test_other_lines_are_refused_in_words(line: bytes) -> None:
    with pytest.raises(UsageError, match="Not a"):
        decode(line)
