"""The page of records names every field, in order, and every word."""

import re
from pathlib import Path

import msgspec
import pytest

from assay.provenance.bulk import NotSigned, SignedFile
from assay.provenance.recovery.records import Candidate, Likeness, Recovery, Seen, Unrecovered, Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "records.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    part = re.search(rf"^## {heading}$\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert part, heading
    return re.findall(r"^\| `(\w+)` \|", part.group(1), re.MULTILINE)


@pytest.mark.parametrize("record", [SignedFile, NotSigned, Recovery, Candidate, Seen, Likeness, Unrecovered])
def test_every_field_is_there(record: type[msgspec.Struct]) -> None:
    assert rows(record.__name__) == [field.encode_name for field in msgspec.structs.fields(record)]


def test_every_verdict_is_there() -> None:
    assert rows("Verdict") == [verdict.value for verdict in Verdict]
