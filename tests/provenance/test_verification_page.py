"""The reference page says what the code does, row by row."""

import re
from pathlib import Path

import msgspec
import pytest

from assay.provenance import codes
from assay.provenance.model import Kind, Manifest, State, Verification

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "verification.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| (failure|information|success) \| (.+) \|$", PAGE, re.MULTILINE)
TABLES = {Kind.FAILURE: codes.FAILURE, Kind.INFORMATION: codes.INFORMATION, Kind.SUCCESS: codes.SUCCESS}


@pytest.mark.parametrize(("code", "kind", "says"), ROWS, ids=[row[0] for row in ROWS])
def test_row(code: str, kind: str, says: str) -> None:
    assert codes.says(code) == says
    assert codes.kind(code) == kind
    assert says.endswith(".")
    assert says[0].isupper()


def test_every_code_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [code for table in TABLES.values() for code in table]


def test_an_unknown_code_is_told_neutrally_and_counts_as_a_failure() -> None:
    assert "does not know" in codes.says("brand.new\x1b")
    assert codes.kind("brand.new") is Kind.FAILURE


@pytest.mark.parametrize("state", State)
def test_every_state_is_on_the_page(state: State) -> None:
    assert re.search(rf"^\| `{state}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("record", [Verification, Manifest])
def test_every_field_is_on_the_page(record: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(record):
        assert f"`{field.encode_name}`" in PAGE, field.name


@pytest.mark.parametrize("name", codes.NAMES)
def test_actions_are_words(name: str) -> None:
    assert codes.action(name) == codes.NAMES[name]


def test_words_for_what_is_not_known() -> None:
    assert codes.action("com.example.magic_wand") == "com example magic wand"
    assert codes.action("") == "something was done"
    assert codes.source("http://cv.iptc.org/newscodes/digitalsourcetype/brandNew") == "brandNew"
    assert codes.source("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture/") == "captured by a camera"
