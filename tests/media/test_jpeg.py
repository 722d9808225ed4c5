"""The structure of JPEG files, and what lies within them."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.errors import MediaError
from assay.media import Media, jpeg
from assay.media.limits import Limits

Makers = Mapping[str, Callable[..., bytes]]


def insert(data: bytes, *segments: bytes) -> bytes:
    """Put segments right after SOI."""
    return data[:2] + b"".join(segments) + data[2:]


@pytest.fixture
def plain(make: Makers) -> bytes:
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    return make["save"](Image.fromarray(picture), "JPEG", quality=75)


def test_segments_cover_the_file_in_order(files: dict[str, bytes]) -> None:
    parsed = jpeg.parse(files["jpeg"])
    at = 0
    for segment in parsed.segments:
        assert segment.offset == at
        at += segment.length
    assert at == parsed.end == len(files["jpeg"])
    assert [s.note for s in parsed.segments if s.note] == ["JFIF", "Exif", "ICC profile"]
    assert parsed.comments == ("hello",)


def test_tables_are_in_raster_order(plain: bytes) -> None:
    parsed = jpeg.parse(plain)
    # Annex K.1 luma, scaled by 0.5 for quality 75: first row 16 11 10 16 24 40 51 61.
    assert parsed.tables[0][0].tolist() == [8, 6, 5, 8, 12, 20, 26, 31]
    assert parsed.tables[0][:, 0].tolist() == [8, 6, 7, 7, 9, 12, 25, 36]
    assert parsed.table_of(1) is parsed.tables[1]


def test_frame_and_components(files: dict[str, bytes]) -> None:
    parsed = jpeg.parse(files["jpeg"])
    assert (parsed.width, parsed.height, parsed.precision, parsed.process) == (56, 40, 8, "baseline")
    assert [(c.horizontal, c.vertical, c.table) for c in parsed.components] == [(2, 2, 0), (1, 1, 1), (1, 1, 1)]
    assert parsed.standard_huffman
    progressive = jpeg.parse(files["jpeg-progressive"])
    assert progressive.process == "progressive"
    assert progressive.scans == 10
    assert not progressive.standard_huffman


@pytest.mark.parametrize(("name", "colour"), [("jpeg", "ycbcr"), ("jpeg-grey", "grey"), ("jpeg-cmyk", "cmyk")])
def test_colour(files: dict[str, bytes], name: str, colour: str) -> None:
    assert jpeg.parse(files[name]).colour == colour


def test_colour_of_rgb_stored_as_such(make: Makers) -> None:
    data = make["save"](Image.new("RGB", (16, 16), (200, 10, 30)), "JPEG", keep_rgb=True)
    media = Media.open(data)
    assert jpeg.parse(data).colour == "rgb"
    assert np.abs(media.rgb.astype(int) - (200, 10, 30)).max() <= 2
    assert abs(float(media.luma.mean()) - (0.299 * 200 + 0.587 * 10 + 0.114 * 30)) < 2


@pytest.mark.parametrize(
    ("marker", "payload", "note"),
    [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>", "XMP"),
        (0xE2, b"MPF\0", "MPF"),
        (0xED, b"Photoshop 3.0\0", "Photoshop"),
        (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb\0\0\0\x18jumdc2pa", "C2PA (JUMBF)"),
        (0xEC, b"Ducky\0", "Ducky"),
        (0xE7, b"VENDOR\0x", "VENDOR"),
        (0xE7, b"\1\2\3", ""),
    ],
)
def test_notes(plain: bytes, make: Makers, marker: int, payload: bytes, note: str) -> None:
    data = insert(plain, make["segment"](marker, payload))
    assert jpeg.parse(data).segments[1].note == note


def test_payloads_are_without_their_headers(plain: bytes, make: Makers) -> None:
    block = make["exif"](3)
    profile = b"A" * 10, b"B" * 10
    data = insert(
        plain,
        make["segment"](0xE1, b"Exif\0\0" + block),
        make["segment"](0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        make["segment"](0xE2, b"ICC_PROFILE\0\2\2" + profile[1]),
        make["segment"](0xE2, b"ICC_PROFILE\0\1\2" + profile[0]),
        make["segment"](0xED, b"Photoshop 3.0\0" + b"8BIM"),
    )
    media = Media.open(data)
    assert dict(media.container.payloads) == {
        "exif": block, "xmp": b"<x/>", "icc": profile[0] + profile[1], "photoshop": b"8BIM"
    }  # fmt: skip
    assert media.orientation == 3


def test_extended_xmp_is_put_together_in_order(plain: bytes, make: Makers) -> None:
    guid = b"0" * 32
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">I", 6)
    data = insert(
        plain,
        make["segment"](0xE1, head + struct.pack(">I", 3) + b"def"),
        make["segment"](0xE1, head + struct.pack(">I", 0) + b"abc"),
    )
    assert Media.open(data).container.payloads["xmp_extended"] == b"abcdef"


def test_thumbnail_preview_and_trailing_data(plain: bytes, make: Makers) -> None:
    small = make["save"](Image.new("RGB", (8, 8), "red"), "JPEG")
    data = (
        insert(
            plain,
            make["segment"](0xE1, b"Exif\0\0" + make["exif"](1, small)),
            make["segment"](0xE9, b"MAKER\0" + small),
        )
        + b"\0\0\0"
    )
    container = Media.open(data).container
    found = {e.kind: e for e in container.embedded}
    assert set(found) == {"thumbnail", "preview"}
    for picture in found.values():
        assert picture.data == small
        assert data[picture.offset : picture.offset + len(small)] == small
    assert container.trailing == 3
    assert container.parts[-1].note == "padding, all 0x00"


def test_multi_picture_format(plain: bytes, make: Makers) -> None:
    def file(offset: int, size: int) -> bytes:
        entries = struct.pack("<IIIHH", 0x030000, 0, 0, 0, 0) + struct.pack("<IIIHH", 0x010001, size, offset, 0, 0)
        index = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + struct.pack("<HHII", 0xB002, 7, 32, 26)
        return insert(plain, make["segment"](0xE2, b"MPF\0" + index + struct.pack("<I", 0) + entries))

    second = make["save"](Image.new("RGB", (8, 8), "blue"), "JPEG")
    base = 2 + 4 + 4
    data = file(len(file(0, 0)) - base, len(second)) + second
    container = Media.open(data + b"tail").container
    assert [(e.kind, e.data, e.note) for e in container.embedded] == [("mpf", second, "VGA preview")]
    assert container.end == len(data)
    assert container.trailing == 4
    lost = Media.open(file(999_999, 10)).container
    assert "MPF picture 2 is not where" in lost.remarks[0]


def test_gain_map_is_auxiliary(plain: bytes, make: Makers) -> None:
    packet = make["segment"](0xE1, b"http://ns.adobe.com/xap/1.0/\0 hdrgm:")
    gain = insert(make["save"](Image.new("L", (8, 8)), "JPEG"), packet)
    entries = struct.pack("<IIIHH", 0, len(gain), 0, 0, 0)
    index = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHII", 1, 0xB002, 7, 16, 26) + struct.pack("<I", 0)
    size = len(insert(plain, make["segment"](0xE2, b"MPF\0" + index + entries)))
    entries = struct.pack("<IIIHH", 0, len(gain), size - 10, 0, 0)
    data = insert(plain, make["segment"](0xE2, b"MPF\0" + index + entries)) + gain
    assert [(e.kind, e.note) for e in Media.open(data).container.embedded] == [("auxiliary", "gain map")]


def test_jfif_thumbnail(plain: bytes) -> None:
    thumb = bytes(range(12))
    data = b"\xff\xd8\xff\xe0" + struct.pack(">H", 16 + 12) + b"JFIF\0\1\2\0\0\1\0\1\2\2" + thumb + plain[20:]
    (found,) = Media.open(data).container.embedded
    assert (found.kind, found.data) == ("thumbnail", thumb)
    assert "2 x 2" in found.note


def test_a_missing_end_marker_is_lived_with(plain: bytes) -> None:
    media = Media.open(plain[:-2])
    assert "no end-of-image marker" in media.remarks[0]
    assert np.array_equal(media.rgb, Media.open(plain).rgb)
    assert media.coefficients is not None


def test_bytes_between_segments_are_lived_with(plain: bytes) -> None:
    at = plain.index(b"\xff\xdb")
    media = Media.open(plain[:at] + b"?>" + plain[at:])
    assert media.remarks == (f"2 extraneous bytes at offset {at}",)
    assert np.array_equal(media.rgb, Media.open(plain).rgb)


def test_bytes_after_the_last_block_are_lived_with(plain: bytes) -> None:
    media = Media.open(plain[:-2] + b"\x55" * 9 + b"\xff\xd9")
    assert np.array_equal(media.rgb, Media.open(plain).rgb)
    assert "after the last block" in media.remarks[0]
    first, second = media.coefficients, Media.open(plain).coefficients
    assert first is not None
    assert second is not None
    assert np.array_equal(first[0].blocks, second[0].blocks)


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_missing_picture_data_is_truncated(files: dict[str, bytes], end: bytes) -> None:
    for name in ("jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk"):
        media = Media.open(files[name][: len(files[name]) - 60] + end, name="a.jpg")
        with pytest.raises(MediaError, match=r"^a\.jpg: .*offset") as caught:
            media.rgb  # noqa: B018
        assert caught.value.reason == "truncated"


def test_scans_that_were_never_sent(files: dict[str, bytes]) -> None:
    data = files["jpeg-progressive"]
    scans = [segment for segment in jpeg.parse(data).segments if segment.name == "SOS"]
    coarse = Media.open(data[: scans[-1].offset] + b"\xff\xd9")
    assert "leave out part of the coefficients" in coarse.remarks[0]
    assert coarse.rgb.shape == (40, 56, 3)
    # A baseline frame of three components whose only scan holds one of them.
    baseline = files["jpeg"]
    start = baseline.index(b"\xff\xda")
    alone = baseline[:start] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + baseline[start + 14 :]
    with pytest.raises(MediaError, match="without a scan of component 2") as caught:
        Media.open(alone)
    assert caught.value.reason == "truncated"


def test_a_file_cut_within_a_segment_is_truncated(plain: bytes) -> None:
    with pytest.raises(MediaError, match=r"DQT at offset 20 .* claims 67 bytes, but the file ends at 50") as caught:
        Media.open(plain[:50])
    assert caught.value.reason == "truncated"


def change(data: bytes, marker: bytes, at: int, value: bytes) -> bytes:
    start = data.index(marker) + at
    return data[:start] + value + data[start + len(value) :]


@pytest.mark.parametrize(
    ("marker", "at", "value", "expected"),
    [
        (b"\xff\xc0", 4, b"\x0c", ("unsupported", "12-bit")),
        (b"\xff\xc0", 5, b"\0\0", ("unsupported", "height of 0")),
        (b"\xff\xc0", 7, b"\0\0", ("malformed", "width of 0")),
        (b"\xff\xc0", 9, b"\x09", ("malformed", "wrong length")),
        (b"\xff\xc0", 1, b"\xc5", ("unsupported", "hierarchical")),
        (b"\xff\xc0", 11, b"\x01", ("malformed", "sampling")),
        (b"\xff\xc0", 12, b"\x03", ("malformed", "lacks quantisation table 3")),
        (b"\xff\xdb", 5, b"\0", ("malformed", "step of 0")),
        (b"\xff\xdb", 4, b"\x07", ("malformed", "broken quantisation table")),
        (b"\xff\xc4", 5, b"\xff", ("malformed", "broken Huffman table")),
        (b"\xff\xda", 5, b"\x09", ("malformed", "broken scan header")),
        (b"\xff\xda", 2, b"\0\1", ("malformed", "length of 1")),
    ],
)
def test_lying_headers(plain: bytes, marker: bytes, at: int, value: bytes, expected: tuple[str, str]) -> None:
    with pytest.raises(MediaError, match=expected[1]) as caught:
        Media.open(change(plain, marker, at, value)).rgb  # noqa: B018
    assert caught.value.reason == expected[0]


def test_a_header_that_claims_too_much_is_refused_before_decoding(plain: bytes) -> None:
    with pytest.raises(MediaError, match="65500 x 65500") as caught:
        Media.open(change(plain, b"\xff\xc0", 5, struct.pack(">HH", 65500, 65500)))
    assert caught.value.reason == "too_large"


def test_too_many_scans_and_segments(files: dict[str, bytes], make: Makers) -> None:
    data = files["jpeg-progressive"]
    start = data.index(b"\xff\xda")
    scan = data[start : data.index(b"\xff\xc4", start)]
    with pytest.raises(MediaError, match="scans") as caught:
        Media.open(data[:-2] + scan * 600 + b"\xff\xd9")
    assert caught.value.reason == "malformed"
    with pytest.raises(MediaError, match="segments") as caught:
        Media.open(insert(files["jpeg"], make["segment"](0xFE, b"") * 40), limits=Limits(max_parts=30))
    assert caught.value.reason == "too_large"


def test_odd_marks_of_writers_do_not_stop_decoding(plain: bytes) -> None:
    expected = Media.open(plain).rgb
    spectral = plain.index(b"\xff\xda") + 11
    for data in (
        plain[:spectral] + b"\0\0\0" + plain[spectral + 3 :],
        change(plain, b"JFIF", 5, b"\x07"),
    ):
        assert np.array_equal(Media.open(data).rgb, expected)


@pytest.mark.shared_data
def test_every_camera_original_decodes(shared_data: Path) -> None:
    paths = sorted((shared_data / "camera").glob("*.jpg"))
    assert len(paths) == 72
    for path in paths:
        media = Media.open(path)
        assert media.jpeg is not None
        assert media.container.parts[0].name == "SOI"
    # Decoding all would be slow; these are the odd ones.
    for name in ("Issue 308", "FujiFilm FinePix4900Zoom", "Nikon E775", "Sony DSC-P12"):
        media = Media.open(shared_data / "camera" / f"{name}.jpg")
        planes = media.coefficients
        assert planes is not None
        error = planes[0].samples()[: media.height, : media.width] - media.luma
        assert np.abs(error).mean() < 0.5
