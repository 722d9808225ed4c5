import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.resolution.manifests import ONE, TWO, box, manifest, simple, soft_binding, store, superbox

from assay.errors import MediaError
from assay.provenance import boxes

WHOLE = store(manifest(TWO), manifest(ONE, soft_binding("org.example.a", b"1234")))


def reason(data: bytes) -> str:
    with pytest.raises(MediaError) as caught:
        boxes.read(data)
    return caught.value.reason


def test_reads_the_boxes_of_a_store() -> None:
    found = boxes.read(WHOLE)
    assert (found.kind, found.uuid, found.label) == (b"jumb", boxes.STORE, "c2pa")
    assert [(one.uuid, one.label) for one in found.boxes] == [(boxes.MANIFEST, TWO), (boxes.MANIFEST, ONE)]
    assertions = found.boxes[1].child(boxes.ASSERTIONS)
    assert assertions
    assert [one.label for one in assertions.boxes] == ["c2pa.soft-binding"]
    (content,) = assertions.boxes[0].boxes
    assert content.content(WHOLE).startswith(b"\xa3calg")
    assert found.boxes[0].child(boxes.CBOR) is None
    assert (found.start, found.end) == (0, len(WHOLE))


def test_a_box_may_have_a_long_length_or_reach_to_the_end() -> None:
    inner = superbox(b"c2ma", ONE)
    description = box(b"jumd", b"c2pa" + bytes.fromhex("00110010800000AA00389B71") + b"\x03c2pa\0")
    long = struct.pack(">I4sQ", 1, b"jumb", 16 + len(description) + len(inner)) + description + inner
    assert boxes.read(long).boxes[0].label == ONE
    endless = struct.pack(">I4s", 0, b"jumb") + description + inner
    assert boxes.read(endless).boxes[0].label == ONE


def test_a_box_need_have_no_label() -> None:
    assert boxes.read(superbox(b"c2pa", None)).label is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "malformed"),
        (b"\0\0\0\x08jum", "truncated"),
        (WHOLE[:-1], "truncated"),
        (WHOLE + b"\0", "truncated"),
        (WHOLE + WHOLE, "malformed"),
        (box(b"cbor", b"x"), "malformed"),
        (box(b"jumb"), "malformed"),
        (box(b"jumb", box(b"cbor", b"x")), "malformed"),
        (box(b"jumb", box(b"jumd", b"short")), "truncated"),
        (box(b"jumb", box(b"jumd", b"x" * 16 + b"\x03no end")), "malformed"),
        (box(b"jumb", box(b"jumd", b"x" * 16 + b"\x03" + b"a" * 2000 + b"\0")), "malformed"),
        (box(b"jumb", box(b"jumd", b"x" * 16 + b"\x03\xff\0")), "malformed"),
        (struct.pack(">I4s", 4, b"jumb") + b"xxxxxxxx", "malformed"),
        (struct.pack(">I4sQ", 1, b"jumb", 3), "malformed"),
        (struct.pack(">I4sQ", 1, b"jumb", 2**63), "truncated"),
        (struct.pack(">I4s", 1, b"jumb") + b"xx", "truncated"),
        (b"\xff\xd8\xff\xe0" * 10, "truncated"),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, expected: str) -> None:
    assert reason(data) == expected


def test_nesting_is_bounded() -> None:
    deep = superbox(b"c2ma", "x")
    for _ in range(boxes.MAX_DEPTH + 5):
        deep = superbox(b"c2ma", "x", deep)
    assert reason(deep) == "too_deep"


def test_the_number_of_boxes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MAX_BOXES", 10)
    assert reason(superbox(b"c2pa", "c2pa", *[box(b"free")] * 10)) == "too_large"


def test_a_thousand_ingredients_are_read() -> None:
    many = store(*(manifest(f"urn:c2pa:{n}", soft_binding("org.example.a", b"1")) for n in range(1000)))
    assert len(boxes.read(many).boxes) == 1000


def test_the_active_manifest_alone_keeps_its_bytes() -> None:
    found = boxes.read(WHOLE)
    active = found.boxes[-1]
    alone = boxes.alone(WHOLE, found, active)
    again = boxes.read(alone)
    assert [one.label for one in again.boxes] == [ONE]
    assert alone[again.boxes[0].start : again.boxes[0].end] == WHOLE[active.start : active.end]
    assert again.label == "c2pa"
    single = simple()
    found = boxes.read(single)
    assert boxes.alone(single, found, found.boxes[0]) == single


def test_an_active_manifest_that_reached_to_the_end_gets_a_length() -> None:
    last = manifest(ONE)
    endless = struct.pack(">I", 0) + last[4:]
    data = store(manifest(TWO), endless)
    found = boxes.read(data)
    assert boxes.alone(data, found, found.boxes[-1]) == store(last)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = boxes.read(data)
    except MediaError:
        return
    assert found.end == len(data)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.data())
def test_damaged_stores_are_read_or_refused(changes: list[tuple[int, int]], data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for place, value in changes:
        damaged[place] = value
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    reasons = {read_or_reason(bytes(damaged)), read_or_reason(cut)}
    assert reasons <= {"", "malformed", "truncated", "too_deep", "too_large"}


def read_or_reason(data: bytes) -> str:
    try:
        found = boxes.read(data)
    except MediaError as error:
        return error.reason
    return "" if found.end == len(data) else "beyond its end"
