from pathlib import Path

import msgspec
from tests.report.golden import words_of

from assay.evidence import Conclusion, FailedSubject, Failure, Report, Strength
from assay.report.index import render_index

EVIL = "<script>alert(1)</script>.jpg"


def test_each_picture_has_a_row_and_a_link(report: Report) -> None:
    failure = Failure(subject=FailedSubject(path="b.jpg"), error="b.jpg: the file is empty", reason="empty")
    page = render_index([(report, "sub folder/a#1.html"), (failure, None)])
    assert 'href="./sub%20folder/a%231.html"' in page
    words = words_of(page)
    for expected in (
        "harbour at dawn.jpg", "Moderately strong support for alteration", "uncalibrated",
        "Double compression, part by part: 165 blocks", "2 methods could not judge.", "Not examined",
        "b.jpg: the file is empty", "1 of 2 could not be examined.", "not thereby genuine",
    ):  # fmt: skip
        assert expected in words


def test_names_are_neither_markup_nor_script(report: Report) -> None:
    subject = msgspec.structs.replace(report.subject, path=EVIL)
    failure = Failure(subject=FailedSubject(path=EVIL), error=EVIL, reason="empty")
    page = render_index([(msgspec.structs.replace(report, subject=subject), "javascript:alert(1)"), (failure, None)])
    assert "<script" not in page
    assert 'href="./javascript%3Aalert%281%29"' in page
    assert "script-src" not in page


def test_bytes_of_a_name_that_are_no_utf_8_still_lead_there(report: Report) -> None:
    assert 'href="./caf%E9.html"' in render_index([(report, "caf\udce9.html")])


def test_no_sign_is_said_as_such(report: Report, tmp_path: Path) -> None:
    conclusion = Conclusion(says="Nothing.", strength=Strength.NONE, calibrated=False)
    words = words_of(render_index([(msgspec.structs.replace(report, conclusion=conclusion), None)]))
    assert "No sign of alteration was found" in words
