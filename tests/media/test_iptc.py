"""Photoshop resources, IIM datasets and the description of ICC profiles."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from assay.media import icc, iptc

QUICK = settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def dataset(record: int, number: int, value: bytes) -> bytes:
    return bytes([0x1C, record, number]) + struct.pack(">H", len(value)) + value


def resource(id_: int, value: bytes, name: bytes = b"") -> bytes:
    label = bytes([len(name)]) + name
    return b"8BIM" + struct.pack(">H", id_) + label + b"\0" * (len(label) % 2) + struct.pack(
        ">I", len(value)
    ) + value + b"\0" * (len(value) % 2)  # fmt: skip


UTF8 = dataset(1, 90, b"\x1b%G")


def test_datasets_by_name() -> None:
    values, remarks = iptc.parse(
        UTF8 + dataset(2, 0, b"\0\4") + dataset(2, 25, "Brücke".encode()) + dataset(2, 25, b"river")
        + dataset(2, 120, "Über den Fluß".encode()) + dataset(2, 221, b"x") + dataset(2, 80, b"One")
    )  # fmt: skip
    assert remarks == []
    assert values == {
        "CodedCharacterSet": "UTF-8", "RecordVersion": 4, "Keywords": ("Brücke", "river"),
        "Caption-Abstract": "Über den Fluß", "2:221": "x", "By-line": ("One",),
    }  # fmt: skip


def test_character_sets() -> None:
    latin = dataset(2, 105, "Fluß".encode("latin-1"))
    assert iptc.parse(latin)[0]["Headline"] == "Fluß"
    assert iptc.parse(UTF8 + latin)[0]["Headline"] == "Flu\ufffd"
    assert iptc.parse(dataset(2, 105, "Fluß".encode()))[0]["Headline"] == "Fluß"


def test_a_dataset_with_a_long_length() -> None:
    data = bytes([0x1C, 2, 120]) + struct.pack(">HI", 0x8004, 40_000) + b"A" * 40_000 + dataset(2, 5, b"after")
    values, remarks = iptc.parse(data)
    assert (len(values["Caption-Abstract"]), values["ObjectName"], remarks) == (40_000, "after", [])


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (b"no datasets here", "tag marker"),
        (dataset(2, 5, b"abcdef")[:-3], "past the end"),
        (bytes([0x1C, 2, 5]) + b"\xff\xff" + b"\0" * 20, "impossible length"),
    ],
)
def test_broken_datasets_are_remarked_on(data: bytes, remark: str) -> None:
    assert remark in iptc.parse(data)[1][0]


def test_resources_and_what_they_say() -> None:
    version = struct.pack(">IBI", 1, 1, 5) + "Maker".encode("utf-16-be")
    block = (
        b"Photoshop 3.0\0"
        + resource(iptc.RESOLUTION, struct.pack(">IHHIHH", 300 << 16, 1, 1, 150 << 16, 1, 1), b"named")
        + resource(iptc.QUALITY, struct.pack(">hhh", 6, 0, 1))
        + resource(iptc.IIM, dataset(2, 5, b"T"))
        + resource(iptc.DIGEST, bytes(range(16)))
        + resource(iptc.VERSION, version)
    )
    found = iptc.resources(block)
    assert found.remarks == []
    assert tuple(found.data) == (0x03ED, 0x0406, 0x0404, 0x0425, 0x0421)
    assert found.info == {
        "XResolution": 300.0, "YResolution": 150.0, "JpegQuality": 10, "Writer": "Maker",
        "CaptionDigest": bytes(range(16)).hex(),
    }  # fmt: skip
    assert found.data[iptc.IIM] == dataset(2, 5, b"T")
    assert set(found.data) <= set(iptc.RESOURCES)


def test_broken_resources_are_remarked_on() -> None:
    assert "past the end" in iptc.resources(resource(1, b"abcdefgh")[:-4]).remarks[0]
    assert "8BIM" in iptc.resources(resource(1, b"ab") + b"something else").remarks[0]
    assert "more resources" in iptc.resources(resource(1, b"") * 2000).remarks[0]
    assert iptc.resources(b"").remarks == []


def test_description_of_a_profile() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert icc.description(made) == "sRGB built-in"
    old = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"Older\0" + b"\0" * 20
    profile = made[:128] + struct.pack(">I4sII", 1, b"desc", 144, len(old)) + old
    assert icc.description(profile) == "Older"
    assert icc.description(b"") == icc.description(made[:140]) == icc.description(b"\0" * 300) == ""


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    iptc.parse(data)
    iptc.parse(b"\x1c\x02" + data)
    iptc.resources(data)
    iptc.resources(b"8BIM" + data)
    icc.description(data)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@QUICK
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12))
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    iim = UTF8 + dataset(2, 120, b"caption")
    for source in (iim, resource(iptc.IIM, iim) + resource(iptc.VERSION, b"\0" * 12), PROFILE):
        damaged = bytearray(source)
        for at, value in changes:
            damaged[at % min(len(damaged), 400)] = value
        iptc.parse(bytes(damaged))
        iptc.resources(bytes(damaged))
        icc.description(bytes(damaged))
