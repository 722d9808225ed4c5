import io
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from pypdf import PdfReader
from tests.report.hostile import hostile

from assay.analysis import view
from assay.evidence import Finding, Report
from assay.report.maps import FolderMaps
from assay.report.pdf import render_pdf

TYPST = '#read("/etc/passwd") *bold* $x^2$ = Head #{panic()} \\ @label [x](y) `raw` // gone ] } "'


def pages(document: bytes) -> list[str]:
    return [p.extract_text() for p in PdfReader(io.BytesIO(document)).pages]


def one_line(document: bytes) -> str:
    return " ".join(" ".join(pages(document)).replace("\u200b", "").split())


def test_it_says_what_the_report_says(report: Report, exhibit: Path) -> None:
    document = render_pdf(report, exhibit)
    assert 4 <= len(pages(document)) <= 7
    text = one_line(document)
    for words in (
        "Moderately strong support for alteration", "uncalibrated", "harbour at dawn.jpg", "Speaks against alteration",
        "165 blocks in one region were compressed once", "Is fooled by", "JPEG ghosts", "too compressed",
        "GIMP 2.10.36", "false alarms at moderate: 0.0139", "A lens only shows", "5d" * 32, "1,000 to 10,000 times",
        "opencv-python", "where and when it was taken",
    ):  # fmt: skip
        assert words in text, words


def test_it_shows_the_maps(report: Report, exhibit: Path) -> None:
    reader = PdfReader(io.BytesIO(render_pdf(report, exhibit)))
    sizes = {image.image.size for p in reader.pages for image in p.images if image.image}
    assert (768, 512) in sizes
    assert sum(len(p.images) for p in reader.pages) >= 4


def test_the_same_report_gives_the_same_bytes(report: Report, exhibit: Path) -> None:
    document = render_pdf(report, exhibit)
    assert render_pdf(report, exhibit) == document
    assert "20260301093000" in str(PdfReader(io.BytesIO(document)).metadata)


def test_no_text_of_the_file_becomes_markup(report: Report, exhibit: Path) -> None:
    text = one_line(render_pdf(hostile(report, TYPST), exhibit))
    assert '#read("/etc/passwd") *bold* $x^2$ = Head #{panic()}' in text
    assert "root:" not in text


def test_long_words_stay_on_the_page(report: Report, exhibit: Path) -> None:
    document = render_pdf(hostile(report, "W" * 400), exhibit)
    lines = [line.replace("\u200b", "") for page in pages(document) for line in page.splitlines()]
    longest = max(len(run) for line in lines for run in line.split() if "W" in run)
    assert 30 < longest < 70
    assert sum(line.count("W") for line in lines) > 400


def test_without_a_picture_and_maps_the_words_remain(report: Report, tmp_path: Path) -> None:
    assert "Moderately strong support for alteration" in one_line(render_pdf(report, tmp_path))


def test_a_time_that_is_none_does_no_harm(report: Report, tmp_path: Path) -> None:
    assert "soon" in one_line(render_pdf(msgspec.structs.replace(report, examined_at="soon"), tmp_path))


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (3, 5000)])
def test_odd_sizes(report: Report, tmp_path: Path, size: tuple[int, int]) -> None:
    subject = msgspec.structs.replace(report.subject, width=size[0], height=size[1], orientation=6)
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((size[0], size[1], 3), np.uint8))
    kept = view(FolderMaps(tmp_path, max_side=1600), "ela", "n", np.zeros((size[1], size[0]), np.uint8), "")
    odd = msgspec.structs.replace(report, subject=subject, findings=(Finding(method="ela", says="", maps=(kept,)),))
    assert pages(render_pdf(odd, tmp_path))


def test_a_table_longer_than_a_page_runs_on(report: Report, tmp_path: Path) -> None:
    rows = [{"rule": f"number {i}", "value": "x " * 60} for i in range(60)]
    found = Finding(method="metadata", says="Many.", details={"rules": rows, "wide": [list(range(40))] * 3})
    text = one_line(render_pdf(msgspec.structs.replace(report, findings=(found,)), tmp_path))
    assert "number 0" in text
    assert "number 59" in text
