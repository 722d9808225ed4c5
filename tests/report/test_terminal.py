import io

import msgspec
import pytest
from rich.console import Console
from tests.report.hostile import hostile

from assay.evidence import Conclusion, FailedSubject, Failure, Report, Strength
from assay.report.terminal import render_cards, render_table

FAILURE = Failure(subject=FailedSubject(path="b.jpg"), error="b.jpg: the file is empty", reason="empty")


def printed(*results: Report | Failure, width: int = 100, colour: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system="truecolor" if colour else None, force_terminal=colour)
    render_table(results, console)
    return stream.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_one_picture_at_any_width(report: Report, width: int) -> None:
    text = printed(report, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    for word in ("Moderately", "uncalibrated", "metadata", "weak, against", "too compressed", "Error level analysis"):
        assert word in flat(text)


def test_the_table_is_sorted_by_what_it_comes_to(report: Report) -> None:
    text = printed(report, width=140)
    order = [text.index(f"\n{t}") for t in ("Double compression", "Consistency", "Quantisation", "JPEG grid")]
    assert order == sorted(order)
    assert "■■■■□□ moderately strong, for" in text


def test_words_carry_what_colour_shows(report: Report) -> None:
    assert "\x1b" not in printed(report)
    assert "\x1b[" in printed(report, colour=True)


def test_a_terminal_without_the_signs_gets_plain_ones(report: Report) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    render_table([report], Console(file=stream, width=120))
    stream.seek(0)
    assert "####-- moderately strong, for" in stream.read()


def test_several_pictures_get_a_row_each(report: Report) -> None:
    text = printed(report, FAILURE, report, width=120)
    assert text.count("harbour at dawn.jpg") == 2
    assert "not examined" in text
    assert "empty: the file is empty" in flat(text)
    assert "1 of 3 could not be examined." in text
    assert "not thereby genuine" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_rows_fit_a_narrow_terminal(report: Report, width: int) -> None:
    text = printed(report, FAILURE, width=width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_one_failure_says_why() -> None:
    assert flat(printed(FAILURE)) == "b.jpg not examined empty: the file is empty"


def test_nothing_prints_nothing() -> None:
    assert printed() == ""


def test_no_sign_is_never_shown_as_proof(report: Report) -> None:
    conclusion = Conclusion(says="Nothing speaks for it.", strength=Strength.NONE, calibrated=False)
    text = flat(printed(msgspec.structs.replace(report, conclusion=conclusion)))
    assert "No sign of alteration was found" in text
    assert "That is not proof that the picture is genuine." in text


@pytest.mark.parametrize(
    "text", ["[red]x[/red].jpg", "[/] [bold", "\x1b[31mred\x1b]0;title\x07", "a\rb", "[link=http://x]y"]
)
def test_names_are_neither_markup_nor_orders_to_the_terminal(report: Report, text: str) -> None:
    evil = Failure(subject=FailedSubject(path=text), error=f"{text}: no", reason="empty")
    bad = hostile(report, text)
    for out in (printed(bad, width=200), printed(bad, evil, width=200), printed(evil)):
        assert not set(out) & {"\x1b", "\x07", "\r"}
        assert text.partition("\x1b")[0].partition("\r")[0].rpartition("/")[2] in out


def test_cards(report: Report) -> None:
    stream = io.StringIO()
    render_cards(report.methods, Console(file=stream, width=80), brief=True)
    assert "double_jpeg" in stream.getvalue()
    render_cards(report.methods[:1], Console(file=stream, width=80), brief=False)
    text = flat(stream.getvalue())
    assert "fooled by A second compression" in text
    assert "false alarms at moderate: 0.0139 on 72 × camera originals" in text
