import html
import re
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from tests.report.golden import check, words_of
from tests.report.hostile import EVIL, hostile

from assay.analysis import view
from assay.evidence import Finding, Report
from assay.report.html import BUDGET, render_html
from assay.report.maps import FolderMaps


def test_the_words_of_the_page(report: Report, exhibit: Path) -> None:
    check("report.txt", words_of(render_html(report, exhibit)))


def test_the_page_is_the_same_each_time(report: Report, exhibit: Path) -> None:
    assert render_html(report, exhibit) == render_html(report, exhibit)


def test_the_page_needs_nothing_but_itself(report: Report, exhibit: Path) -> None:
    page = render_html(report, exhibit)
    assert "default-src 'none'" in html.unescape(page)
    links = re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)""", page)
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", page)
    assert " style=" not in page
    assert " on" + "load=" not in page


def test_no_text_of_the_file_becomes_markup(report: Report, exhibit: Path) -> None:
    page = render_html(hostile(report), exhibit)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "onerror='" not in page.split('id="maps">')[0]
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script") == render_html(report, exhibit).count("<script")
    assert page.count("</style>") == 1


def test_a_script_element_cannot_be_closed_from_within(report: Report, exhibit: Path) -> None:
    page = render_html(hostile(report), exhibit)
    inside = page.split('id="maps">')[1].split("</script>")[0]
    assert "\\u003cscript\\u003e" in inside
    notes = msgspec.json.decode(inside)
    assert EVIL.replace("_", " ") in {n["name"] for n in notes.values()}


def test_marks_that_reverse_writing_are_shown(report: Report, exhibit: Path) -> None:
    assert "\u202e" not in render_html(hostile(report, "a\u202egpj.exe"), exhibit)


def test_without_a_picture_and_maps_the_words_remain(report: Report, tmp_path: Path) -> None:
    page = render_html(report, tmp_path)
    assert "Moderately strong support for alteration" in page
    assert "data:image/jpeg" not in page


def test_many_maps_stay_within_their_budget(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise compresses worst of all."""
    monkeypatch.setattr("assay.report.html.BUDGET", 300_000)
    noise = np.random.default_rng(1).integers(0, 256, (600, 800, 3), np.uint8)
    maps = tuple(view(FolderMaps(tmp_path), "ela", f"n{i}", noise, "Noise.") for i in range(6))
    full = msgspec.structs.replace(report, findings=(Finding(method="ela", says="", maps=maps),))
    page = render_html(full, tmp_path)
    assert page.count("data:image/jpeg") == 6
    assert len(page) < 300_000 * 4 / 3 + 60_000


def test_the_budget_keeps_a_page_under_12_megabytes() -> None:
    """With Base64, a picture of 1600 pixels at quality 90, and the words."""
    assert BUDGET * 4 / 3 + 1_500_000 < 12_000_000


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (3, 5000)])
def test_odd_sizes(report: Report, tmp_path: Path, size: tuple[int, int]) -> None:
    subject = msgspec.structs.replace(report.subject, width=size[0], height=size[1])
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((size[1], size[0], 3), np.uint8))
    kept = view(FolderMaps(tmp_path, max_side=1600), "ela", "n", np.zeros((size[1], size[0]), np.uint8), "")
    odd = msgspec.structs.replace(report, subject=subject, findings=(Finding(method="ela", says="", maps=(kept,)),))
    assert 'id="map-0-0"' in render_html(odd, tmp_path)
