"""A statement has one form, says only what makes sense, and its reader refuses everything else."""

from datetime import UTC, datetime

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UsageError
from assay.provenance.model import State
from assay.provenance.vouch import cbor
from assay.provenance.vouch.statement import (
    LIMITS,
    SCHEMA,
    Check,
    Received,
    Seen,
    Statement,
    Subject,
    decode,
    encode,
    stamp,
    validate,
)

SUBJECT = Subject(
    sha256=bytes(range(32)), size=1234, format="image/jpeg", pixels_sha256=bytes(32),
    credentials=Seen(state=State.VALID, manifest="urn:c2pa:1"),
)  # fmt: skip
GOOD = Statement(
    schema=SCHEMA,
    id="urn:uuid:12345678-1234-4234-8234-123456789abc",
    issued="2026-11-24T09:30:00Z",
    subject=SUBJECT,
    limits=LIMITS,
    received=Received(from_="an anonymous source", on="2026-11-20", how="by encrypted mail"),
    checked=(Check(on="2026-11-21", what="the place, against satellite pictures", result="agrees"),),
    unchanged_since="2026-11-20",
    note="Faces were blurred in what we published.",
    expires="2027-11-24T09:30:00Z",
)
WITHDRAWAL = Statement(
    schema=SCHEMA, id="urn:uuid:12345678-1234-4234-8234-123456789abd", issued="2026-11-24T10:30:00Z", subject=SUBJECT,
    limits=LIMITS, withdraws=GOOD.id,
)  # fmt: skip


@pytest.mark.parametrize("statement", [GOOD, WITHDRAWAL])
def test_what_is_written_is_read_again(statement: Statement) -> None:
    assert decode(encode(statement)) == statement


def test_keys_stand_in_the_order_of_the_core_deterministic_encoding() -> None:
    def keys(found: object) -> list[list[bytes]]:
        if isinstance(found, dict):
            here = [cbor2.dumps(key) for key in found]
            return [here, *(k for value in found.values() for k in keys(value))]
        return [k for value in found for k in keys(value)] if isinstance(found, list) else []

    maps = keys(cbor2.loads(encode(GOOD)))
    assert len(maps) == 5
    assert all(order == sorted(order) for order in maps)


LONG = "a" * 1_000_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "assay/statement/2"}, "schema other than"),
        ({"limits": "This is genuine."}, "does not say what it does not say"),
        ({"id": "urn:uuid:1"}, "field id is not"),
        ({"id": "urn:uuid:12345678-1234-4234-8234-123456789ABC"}, "field id is not"),
        ({"replaces": "all of them"}, "field replaces is not"),
        ({"issued": "2026-11-24 09:30"}, "time of issue is no time"),
        ({"issued": "2026-13-24T09:30:00Z"}, "time of issue is no time"),
        ({"expires": GOOD.issued}, "expires before"),
        ({"received": None}, "from whom"),
        ({"unchanged_since": None}, "from whom"),
        ({"unchanged_since": "2026-11-19"}, "since before it was received"),
        ({"unchanged_since": "2026-11-26"}, "The day since when it is unchanged, 2026-11-26, lies in the future"),
        ({"received": Received(from_="", on="2026-11-20")}, "From whom it was received is empty"),
        ({"received": Received(from_=" \t ", on="2026-11-20")}, "From whom it was received is empty"),
        ({"received": Received(from_="X", on="20261120")}, "day of receipt is no day"),
        ({"received": Received(from_="X", on="2026-11-31")}, "day of receipt is no day"),
        ({"received": Received(from_="X", on="2026-12-01")}, "2026-12-01, lies in the future"),
        ({"received": Received(from_="X\x1b[2J", on="2026-11-20")}, "cannot see"),
        ({"received": Received(from_="X\nTrusted", on="2026-11-20")}, "cannot see"),
        ({"received": Received(from_="X\u202egpj.exe", on="2026-11-20")}, "cannot see"),
        ({"received": Received(from_=LONG, on="2026-11-20")}, "1,000,000 characters long; a statement takes 500"),
        ({"received": Received(from_="X", on="2026-11-20", how="")}, "How it was received is empty"),
        ({"note": LONG}, "1,000,000 characters long; a statement takes 4,000"),
        ({"note": "a\0b"}, "cannot see"),
        ({"checked": (Check(on="2026-11-19", what="x"),)}, "before the file was received"),
        ({"checked": (Check(on="2026-11-29", what="x"),)}, "lies in the future"),
        ({"checked": (Check(on="2026-11-21", what=""),)}, "What was checked is empty"),
        ({"checked": (Check(on="2026-11-21", what="x", result="\x07"),)}, "cannot see"),
        ({"checked": (Check(on="2026-11-21", what="x"),) * 51}, "no more than 50 checks"),
        ({"subject": msgspec.structs.replace(SUBJECT, sha256=b"short")}, "SHA-256"),
        ({"subject": msgspec.structs.replace(SUBJECT, format="image/\x1b")}, "cannot see"),
        ({"withdraws": WITHDRAWAL.id}, "vouches for nothing itself"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_both_ways(change: dict[str, object], says: str) -> None:
    wrong = msgspec.structs.replace(GOOD, **change)
    with pytest.raises(UsageError, match=says) as refused:
        validate(wrong)
    assert len(str(refused.value)) < 200
    if LONG not in str(wrong):
        with pytest.raises(ValueError, match=says):
            decode(encode(wrong))


def test_today_in_the_earliest_place_on_earth_is_not_the_future() -> None:
    early = msgspec.structs.replace(
        GOOD, issued="2026-11-23T10:30:00Z", received=Received(from_="X", on="2026-11-24"), checked=(),
        unchanged_since="2026-11-24",
    )  # fmt: skip
    validate(early)
    with pytest.raises(UsageError, match="future"):
        validate(msgspec.structs.replace(early, issued="2026-11-23T09:30:00Z"))


def test_joined_letters_of_other_scripts_are_text() -> None:
    validate(msgspec.structs.replace(GOOD, received=Received(from_="می‌خواهم, 日本, Ålesund", on="2026-11-20")))


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "no CBOR"),
        (b"\xff", "no CBOR"),
        (encode(GOOD) + b"\0", "deterministic|no CBOR"),
        (b"\xbf" + encode(GOOD)[1:] + b"\xff", "no CBOR"),
        (b"\xa2\x61a\x01\x61a\x02", "no CBOR"),
        (b"\x18\x01", "deterministic"),
        (b"\xa2\x61b\x01\x61a\x02", "deterministic"),
        (b"\xc0" + cbor2.dumps("2026-11-24T09:30:00Z"), "semantic tag"),
        (b"\xd8\x23\x63(a+", "no CBOR"),
        (b"\xc4\x82\x1b" + b"\xff" * 8 + b"\x01", "semantic tag"),
        (b"\xd8\x1c\x00", "semantic tag"),
        (b"\x81" * 100_000 + b"\x00", "nest"),
        (b"\x9b" + b"\xff" * 8, "no CBOR"),
        (b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff", "no CBOR"),
        (cbor2.dumps(b"a" * 300_000), "no more than"),
        (cbor2.dumps({"schema": SCHEMA}), "no statement"),
        (cbor2.dumps([1, 2]), "no statement"),
        (cbor.dumps({**cbor2.loads(encode(GOOD)), "author": "us"}), "no statement.*author"),
        (cbor.dumps({**cbor2.loads(encode(GOOD)), "replaces": None}), "one form"),
        (cbor.dumps({**cbor2.loads(encode(GOOD)), "issued": 5}), "no statement"),
        (b"\x62\xc3\x28", "no CBOR"),
    ],
)
def test_what_is_not_in_the_one_form_is_refused(payload: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(payload)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_the_same_bytes_or_refused(data: bytes) -> None:
    try:
        found = cbor.loads(data)
    except ValueError:
        return
    assert cbor.dumps(found) == data


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_statement_with_any_byte_changed_is_another_or_refused(data: st.DataObject) -> None:
    whole = bytearray(encode(GOOD))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(bytes(whole))
    except ValueError:
        return
    assert found != GOOD
    assert encode(found) == bytes(whole)


def test_times_are_written_in_utc_to_the_second() -> None:
    assert stamp(datetime(2026, 11, 24, 9, 30, 0, 999999, tzinfo=UTC)) == "2026-11-24T09:30:00Z"
