import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin
from tests.forensics.jpeg_files import after_jfif, as_camera, encode, exif, segment, with_thumbnail

from assay.analysis import NoMaps
from assay.evidence import Direction, Finding, Strength
from assay.forensics import signatures as known
from assay.forensics.structure._trailing import identify
from assay.forensics.structure.container import examine, habit_of
from assay.media import Media

PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
META = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x0cFBMD01000abc")
PHOTOSHOP = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x00")


def found(data: bytes) -> Finding:
    outcome = examine(Media.open(data), NoMaps())
    assert isinstance(outcome, Finding)
    return outcome


def habit(data: bytes) -> str:
    return str(found(data).details["habit"])


def saved(format: str, **options: object) -> bytes:  # noqa: A002
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, format, **options)
    return stream.getvalue()


def test_order_is_told_segment_by_segment() -> None:
    assert found(encode(PICTURE)).details["order"] == "SOI APP0(JFIF) DQT(1)×2 SOF0 DHT(1)×4 SOS EOI"
    progressive = found(encode(PICTURE, progressive=True)).details
    assert progressive["order"].startswith("SOI APP0(JFIF) DQT(1)×2 SOF2 ")
    assert progressive["order"].endswith("SOS×10 EOI")
    assert progressive["scans"] == 10


def test_coding_leaves_out_what_metadata_tools_touch() -> None:
    plain, named = Media.open(encode(PICTURE)).jpeg, Media.open(after_jfif(encode(PICTURE), exif("A", "B"))).jpeg
    assert plain is not None
    assert named is not None
    assert known.order(plain) != known.order(named)
    assert known.coding(plain) == known.coding(named) == "DQT(1)×2 SOF0 DHT(1)×4 SOS"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encode(PICTURE), "libjpeg"),
        (encode(PICTURE, progressive=True), "libjpeg_progressive"),
        (after_jfif(encode(PICTURE), exif("A", "B")), "libjpeg_rewritten"),
        (as_camera(encode(PICTURE), exif("A", "B")), "camera"),
        (encode(PICTURE, comment=b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"), "gd"),
        (encode(PICTURE, comment=b"Created with GIMP"), "gimp"),
        (after_jfif(encode(PICTURE), segment(0xEC, b"Ducky\0\x01\0\x04\0\0\0\x50\0\0")), "save_for_web"),
        (after_jfif(encode(PICTURE), PHOTOSHOP, ADOBE), "adobe"),
        (after_jfif(encode(PICTURE), META), "meta"),
    ],
)  # fmt: skip
def test_habits_are_known(data: bytes, name: str) -> None:
    assert habit(data) == name


def test_joined_tables_and_progressive_scans_are_mozjpegs() -> None:
    data = encode(PICTURE, progressive=True)
    first = data.index(b"\xff\xdb")
    tables = data[first + 4 : first + 69] + data[first + 73 : first + 138]
    joined = data[:first] + segment(0xDB, tables) + data[first + 138 :]
    assert habit(joined) == "mozjpeg"


def test_an_order_of_nobody() -> None:
    jpeg = Media.open(as_camera(encode(PICTURE), segment(0xE5, b"odd"))).jpeg
    assert jpeg is not None
    assert habit_of(jpeg) is None


def test_an_editors_layout_in_a_cameras_name_is_weak_evidence() -> None:
    finding = found(as_camera(encode(PICTURE), exif("Canon", "Canon EOS 7D"), PHOTOSHOP, ADOBE))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.WEAK)
    assert finding.details["claim"] == "rewritten"
    assert found(after_jfif(encode(PICTURE), PHOTOSHOP, ADOBE)).direction is Direction.NEUTRAL


def test_a_known_model_written_by_a_library() -> None:
    finding = found(after_jfif(encode(PICTURE), exif("Canon", "Canon EOS 5D")))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.WEAK)
    assert finding.details["claim"] == "rewritten"
    assert found(after_jfif(encode(PICTURE), exif("Nobody", "X"))).details["claim"] == "unknown"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0" * 100, "padding"),
        (b"\xff" * 7 + b"\0\0", "padding"),
        (encode(PICTURE), "jpeg"),
        (b"\0\0\0" + encode(PICTURE), "jpeg"),
        (b"PK\x03\x04" + b"x" * 50, "zip"),
        (b"Rar!\x1a\x07\x00" + b"x" * 50, "rar"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\0" * 40, "motion_photo"),
        (b"\x13\x9c" + b"MotionPhoto_Data" + bytes(range(200)) + b"SEFT", "motion_photo"),
        (b"\x13\x9c" + bytes(range(200)) + b"SEFT", "samsung"),
        (b"hello, this is a hidden message\n", "text"),
        (bytes(np.random.default_rng(1).integers(0, 256, 999, dtype=np.uint8)), "unknown"),
    ],
)
def test_what_follows_the_end_is_identified(data: bytes, kind: str) -> None:
    assert identify(data).kind == kind
    details = found(encode(PICTURE) + data).details["trailing"]
    assert (details["kind"], details["bytes"]) == (kind, len(data))


def test_appended_data_is_told_and_not_held_against_the_picture() -> None:
    finding = found(encode(PICTURE) + b"PK\x03\x04" + b"x" * 1230)
    assert "1,234 bytes follow its end: a ZIP archive" in finding.says
    assert finding.strength is Strength.NONE


def test_pictures_within_are_counted() -> None:
    media = with_thumbnail(PICTURE, PICTURE[::2, ::2])
    finding = examine(media, NoMaps())
    assert isinstance(finding, Finding)
    assert "1 thumbnail" in finding.says
    assert [e["kind"] for e in finding.details["embedded"]] == ["thumbnail"]
    assert "1 preview" in found(encode(PICTURE) + encode(PICTURE)).says


def test_remarks_of_the_parser_are_passed_on() -> None:
    finding = found(encode(PICTURE)[:-2])
    assert "departs from its format" in finding.says
    assert finding.details["remarks"]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_png_chunks_makers_and_private_ones() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "x")
    data = saved("PNG", pnginfo=info)
    plain = found(data)
    assert plain.details["order"] == "IHDR tEXt IDAT IEND"
    assert plain.details["private"] == []
    at = data.index(b"IDAT") - 4
    odd = found(data[:at] + chunk(b"iDOT", b"\0" * 28) + chunk(b"quXx", b"1") + data[at:] + b"PK\x03\x04....")
    assert odd.details["makers"] == ["Apple's software"]
    assert odd.details["private"] == ["quXx"]
    assert odd.details["trailing"]["kind"] == "zip"


def test_brands_of_heif() -> None:
    pillow_heif.register_heif_opener()
    finding = found(saved("HEIF"))
    assert finding.details["brand"] == "heic"
    assert "mif1" in finding.details["compatible"]


@pytest.mark.parametrize("format", ["WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_other_format_is_told(format: str) -> None:  # noqa: A002
    finding = found(saved(format))
    assert (finding.direction, finding.strength) == (Direction.NEUTRAL, Strength.NONE)
    assert finding.details["order"]
    assert "Nothing follows its end." in finding.says


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk(mode: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PICTURE[:1, :1]).convert(mode).save(stream, "JPEG")
    assert found(stream.getvalue()).strength is Strength.NONE


@pytest.mark.shared_data
def test_camera_originals_raise_no_moderate_alarm(shared_data) -> None:  # type: ignore[no-untyped-def]
    loud = []
    for path in sorted((shared_data / "camera").glob("*.jpg")):
        outcome = examine(Media.open(path), NoMaps())
        if isinstance(outcome, Finding) and outcome.direction is Direction.FOR and outcome.strength.rank >= 2:
            loud.append(path.name)
    assert loud == []
