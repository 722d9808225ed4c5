"""docs/reference/statement.md says what the code does."""

import re
from pathlib import Path

import msgspec
import pytest
from tests.provenance.vouch.example import SAID, diagnostic, example

from assay.provenance.vouch import Statement, Subject, Vouching, cose, read
from assay.provenance.vouch.check import Standing
from assay.provenance.vouch.statement import LIMITS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "reference" / "statement.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    found = re.search(rf"^(#+) {re.escape(heading)}$\n(.*?)(?=^#{{2,3}} |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found, heading
    return found.group(2)


def rows(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_the_example_is_the_file_that_the_code_makes() -> None:
    shown = re.findall(r"^```text\n(.*?)^```", section("Example"), re.MULTILINE | re.DOTALL)[0]
    assert shown.rstrip("\n") == diagnostic(example().encoded()), "python -m tests.provenance.vouch.example"


def test_the_example_holds() -> None:
    signed, said = read(example().encoded(), "example")
    assert signed.holds()
    assert said == SAID


@pytest.mark.parametrize(("heading", "record"), [("Payload", Statement), ("Subject", Subject)])
def test_every_field_is_on_the_page(heading: str, record: type[msgspec.Struct]) -> None:
    assert sorted(rows(section(heading))) == sorted(field.encode_name for field in msgspec.structs.fields(record))


def test_every_field_of_the_answer_is_on_the_page() -> None:
    answer = section("How it is judged")
    assert rows(answer) == [field.encode_name for field in msgspec.structs.fields(Vouching)]
    assert [state for state in Standing if f"`{state.value}`" not in answer] == []


def test_every_header_is_on_the_page() -> None:
    labels = {int(label) for label in re.findall(r"^\| (\d+) ", section("Header"), re.MULTILINE)}
    assert labels == {cose.ALG, cose.CRIT, cose.TYPE, cose.CLAIMS, cose.X5CHAIN, cose.X5T, cose.CTT, cose.RECEIPTS}
    for number in cose.ALGORITHMS.values():
        assert f"{number} ".replace("-", "−") in section("Header")


def test_the_guide_repeats_the_limits_word_for_word() -> None:
    guide = " ".join((DOCS / "guide" / "vouching.md").read_text(encoding="utf-8").split())
    assert LIMITS in guide
