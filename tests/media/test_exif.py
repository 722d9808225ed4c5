"""EXIF: known answers from blocks made here, and no surprise on bytes made by chance."""

import io
import math
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from assay.media import Limits, exif

QUICK = settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def tiff(*directories: list[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """A chain of IFDs from (tag, type, count, value) with values of any length."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8))
    for number, entries in enumerate(directories):
        head = len(out)
        body = head + 2 + 12 * len(entries) + 4
        table, tail = bytearray(struct.pack(order + "H", len(entries))), bytearray()
        for tag, kind, count, value in entries:
            slot = value.ljust(4, b"\0")
            if len(value) > 4:
                slot = struct.pack(order + "I", body + len(tail))
                tail += value
            table += struct.pack(order + "HHI", tag, kind, count) + slot
        last = number == len(directories) - 1
        out += table + struct.pack(order + "I", 0 if last else body + len(tail)) + tail
    return bytes(out)


def ascii_(tag: int, text: str) -> tuple[int, int, int, bytes]:
    return tag, 2, len(text) + 1, text.encode() + b"\0"


def sample() -> bytes:
    """A block with all of the usual directories, as Pillow writes it."""
    block = Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "Maker", "Model 1", 6
    inner: dict[int, Any] = {
        0x829A: 0.004, 0x9003: "2024:05:06 07:08:09", 0x927C: b"\1" * 40, 0xA002: 640, 0xA003: 480,
        0x9286: b"ASCII\0\0\0hello", 0x9000: b"0232",
    }  # fmt: skip
    block._ifds[0x8769] = inner
    block._ifds[0x8825] = {
        1: "S", 2: (33.0, 30.0, 36.0), 3: "W", 4: (70.0, 15.0, 0.0), 5: b"\1", 6: 12.5, 0x1D: "2024:05:06",
    }  # fmt: skip
    data = block.tobytes()
    return data.removeprefix(b"Exif\0\0")


def test_names_directories_and_units() -> None:
    found = exif.parse(sample())
    assert found.remarks == []
    assert (found.exif["Make"], found.exif["Model"], found.exif["Orientation"]) == ("Maker", "Model 1", 6)
    assert found.exif["ExposureTime"] == pytest.approx(0.004)
    assert found.exif["PixelXDimension"] == 640
    assert found.exif["UserComment"] == "hello"
    assert found.exif["ExifVersion"] == "0232"
    assert found.maker_note == 40
    assert "MakerNote" not in found.exif
    assert found.gps["Latitude"] == pytest.approx(-33.51)
    assert found.gps["Longitude"] == pytest.approx(-70.25)
    assert found.gps["Altitude"] == pytest.approx(-12.5)
    assert found.gps["DateStamp"] == "2024:05:06"


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_the_thumbnail(order: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (32, 24)).save(stream, "JPEG")
    jpeg = stream.getvalue()
    long = struct.Struct(order + "I")
    first = [ascii_(0x010F, "Someone's")]
    second = [(0x0201, 4, 1, long.pack(0)), (0x0202, 4, 1, long.pack(len(jpeg)))]
    start = len(tiff(first, second, order=order))
    second[0] = (0x0201, 4, 1, long.pack(start))
    found = exif.parse(tiff(first, second, order=order) + jpeg)
    assert found.exif == {"Make": "Someone's"}
    assert (found.thumbnail["JpegWidth"], found.thumbnail["JpegHeight"]) == (32, 24)
    assert found.remarks == []
    cut = exif.parse(tiff(first, second, order=order) + jpeg[:-20])
    assert cut.remarks == ["EXIF: the thumbnail reaches past the end of the block"]


def test_unknown_and_infinite_rationals() -> None:
    found = exif.parse(tiff([(0x829D, 5, 1, struct.pack("<II", 0, 0)), (0x829A, 5, 1, struct.pack("<II", 1, 0))]))
    assert math.isnan(found.exif["FNumber"])
    assert found.exif["ExposureTime"] == math.inf


def test_text_in_utf16_latin1_and_with_rests_after_its_end() -> None:
    comment = b"UNICODE\0" + "Größe".encode("utf-16-be")
    title = "Übersicht\0".encode("utf-16-le")
    block = tiff([
        (0x010E, 2, 9, b"caf\xe9\0rest"), (0x9286, 7, len(comment), comment), (0x9C9B, 1, len(title), title),
    ])  # fmt: skip
    found = exif.parse(block)
    assert found.exif == {"ImageDescription": "café", "UserComment": "Größe", "XPTitle": "Übersicht"}


def test_foreign_blocks_are_handed_on() -> None:
    found = exif.parse(tiff([(700, 1, 6, b"<x/>  "), (33723, 7, 5, b"\x1c\2\5\0\0"), (34377, 7, 4, b"8BIM")]))
    assert found.blocks == {"xmp": b"<x/>  ", "iptc": b"\x1c\2\5\0\0", "photoshop": b"8BIM"}
    assert found.exif == {}


@pytest.mark.parametrize(
    ("block", "remark"),
    [
        (b"", "no TIFF header"),
        (b"hello there, reader", "no TIFF header"),
        (b"II*\0\xff\xff\0\0", "outside"),
        (tiff([(0x010F, 99, 1, b"abcd")]), "unknown type 99"),
        (tiff([(0x829A, 5, 1, struct.pack("<II", 1, 2))])[:-6], "past the end"),
        (tiff([ascii_(0x010F, "a longer name")])[:-5], "past the end"),
        (tiff([(0x0100, 3, 5000, b"\0" * 10000)]), "5000 numbers"),
        (b"II*\0" + struct.pack("<IH", 8, 60000) + b"\0" * 40, "60000"),
    ],
)
def test_what_is_broken_is_remarked_on(block: bytes, remark: str) -> None:
    assert any(remark in text for text in exif.parse(block).remarks), exif.parse(block).remarks


def test_values_stop_at_the_budget() -> None:
    entries = [(0xC000 + i, 7, 60000, b"A" * 60000) for i in range(8)]
    found = exif.parse(tiff(entries), Limits(max_metadata_bytes=150_000))
    assert len(found.exif) == 2
    assert "EXIF: more values than the limit allows" in found.remarks


def test_a_broken_position_is_left_out() -> None:
    inner = tiff([(0x8825, 4, 1, struct.pack("<I", 0))])
    start = len(inner)
    inner = tiff([(0x8825, 4, 1, struct.pack("<I", start))])
    gps = struct.pack("<H", 1) + struct.pack("<HHI", 2, 2, 4) + b"abc\0" + b"\0" * 4
    assert exif.parse(inner + gps).gps == {}


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    exif.parse(data)
    exif.parse(b"II*\0\x08\0\0\0" + data)
    exif.jpeg_size(b"\xff\xd8" + data)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12), st.integers(0, 400))
def test_any_damage(changes: list[tuple[int, int]], keep: int) -> None:
    block = bytearray(sample())
    for at, value in changes:
        block[at % len(block)] = value
    for data in (bytes(block), bytes(block[:keep])):
        found = exif.parse(data)
        for values in (found.exif, found.gps, found.thumbnail, found.interop):
            assert all(isinstance(value, str | int | float | tuple) for value in values.values())
        assert len(found.remarks) <= 50
