import msgspec
import pytest

from assay.evidence import Abstention, Conclusion, Direction, Finding, Method, Reason, Report, Strength
from assay.report import words
from assay.report.outline import outline


def nothing_found(report: Report) -> Report:
    conclusion = Conclusion(says="Nothing that was examined speaks for alteration.", strength=Strength.NONE,
                            calibrated=False)  # fmt: skip
    return msgspec.structs.replace(report, conclusion=conclusion)


def test_no_sign_is_never_shown_as_proof(report: Report) -> None:
    laid = outline(nothing_found(report))
    assert laid.headline == "No sign of alteration was found"
    assert laid.verdict.endswith(words.NOT_PROOF)
    assert laid.calibration == "uncalibrated"


def test_a_picture_that_no_method_judged_is_not_called_clean(report: Report) -> None:
    lenses = tuple(f for f in report.findings if f.method == "ela")
    laid = outline(msgspec.structs.replace(nothing_found(report), findings=lenses, abstentions=()))
    assert laid.headline == "No method judged this picture"
    assert laid.no_gaps == "No method that judges was run."


@pytest.mark.parametrize("strength", [s for s in Strength if s is not Strength.NONE])
def test_the_headline_names_the_strength_in_words(report: Report, strength: Strength) -> None:
    conclusion = msgspec.structs.replace(report.conclusion, strength=strength)
    headline = outline(msgspec.structs.replace(report, conclusion=conclusion)).headline
    assert strength.words in headline.lower()
    assert "%" not in headline


def test_an_empty_llr_is_called_uncalibrated_and_a_full_one_is_shown() -> None:
    finding = Finding(method="m", says="", direction=Direction.FOR, strength=Strength.WEAK)
    assert words.calibration(finding) == "uncalibrated"
    assert words.calibration(msgspec.structs.replace(finding, llr=1.25)) == "log10 LR 1.25"


def test_groups_come_in_their_order_lenses_last(report: Report) -> None:
    shuffled = msgspec.structs.replace(report, findings=tuple(reversed(report.findings)))
    assert [s.title for s in outline(shuffled).sections] == ["Structure of the file", "Traces of compression", "Lenses"]
    methods = tuple(msgspec.structs.replace(m, group="tea leaves") if m.id == "metadata" else m for m in report.methods)
    odd = outline(msgspec.structs.replace(report, methods=methods))
    assert [s.title for s in odd.sections][-2:] == ["Tea leaves", "Lenses"]


def test_it_says_what_was_left_out(report: Report) -> None:
    options = {"only": ["metadata"], "skip": ["ghosts", "unknown_id"]}
    environment = msgspec.structs.replace(report.environment, options=options)
    text = " ".join(outline(msgspec.structs.replace(report, environment=environment)).left_out)
    assert "Only this was asked for: Consistency of metadata." in text
    assert "Left out on request: JPEG ghosts, unknown_id." in text
    assert "Noise residue" in text
    assert words.NOT_JUDGED_EVER in text


def test_what_was_not_asked_for_is_no_gap(report: Report) -> None:
    assert [g.title for g in outline(report).gaps] == ["Embedded thumbnail", "JPEG ghosts"]


def test_a_finding_of_a_method_without_card_is_still_shown(report: Report) -> None:
    stray = Finding(method="stray", says="Here.")
    laid = outline(msgspec.structs.replace(report, findings=(stray,), methods=()))
    assert laid.sections[0].entries[0].card.title == "stray"


def test_regions_are_shown_upright_and_named_as_stored(report: Report) -> None:
    subject = msgspec.structs.replace(report.subject, orientation=6)
    laid = outline(msgspec.structs.replace(report, subject=subject))
    region = next(e for s in laid.sections for e in s.entries if e.regions).regions[0]
    assert (laid.width, laid.height) == (512, 768)
    assert (region.x, region.y, region.width, region.height) == (512 - 224 - 88, 368, 88, 120)
    assert region.place.startswith("120 × 88 at 368, 224, log10 NFA −6.4")


def test_what_cannot_be_seen_is_written_out() -> None:
    assert words.plain("a\u202egpj.exe\x1b[31m\x00\udcff") == "a\\u202egpj.exe\\x1b[31m\\x00\\udcff"
    assert words.plain("two\nlines\tand a tab") == "two lines and a tab"
    assert words.plain("Straße 北京 🏔") == "Straße 北京 🏔"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-6.4, "−6.4"), (1234567, "1,234,567"), (0.0269123, "0.02691"), (float("nan"), "not a number"),
     (float("-inf"), "−∞"), (3.0, "3"), (9999, "9999"), (1e-9, "1e−09")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert words.number(value) == text


def test_sizes() -> None:
    assert [words.size(n) for n in (0, 999, 1000, 184_213, 5_000_000_000)] == [
        "0 bytes", "999 bytes", "1 kB", "184 kB", "5 GB",
    ]  # fmt: skip


def test_every_reason_and_strength_has_its_words(report: Report) -> None:
    assert set(words.REASONS) == set(Reason)
    assert set(words.SCALE) == set(Strength)
    everything = tuple(Abstention(method="ghosts", reason=r, says="x") for r in Reason)
    assert len(outline(msgspec.structs.replace(report, abstentions=everything)).gaps) == len(Reason) - 1


def test_error_rates_stand_on_the_card(report: Report) -> None:
    laid = outline(report)
    assert laid.sections[0].entries[0].card.rates == (
        "false alarms at moderate: 0.0139 on 72 × camera originals (version 1)",
    )


def test_a_report_without_anything_can_be_laid_out(report: Report) -> None:
    empty = msgspec.structs.replace(nothing_found(report), findings=(), abstentions=(), methods=(), examined_at="soon")
    laid = outline(empty)
    assert laid.sections == ()
    assert laid.examined_at == "soon"
    assert isinstance(report.methods[0], Method)
