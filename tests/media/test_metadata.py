"""Metadata of whole files, in every format, and of files that have been damaged."""

import contextlib
import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from assay.errors import MediaError
from assay.media import Limits, Media
from assay.media.metadata import Metadata, assemble

QUICK = settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.too_slow])

pillow_heif.register_heif_opener()

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Ed 1"/></rdf:RDF></x:xmpmeta>'
)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def block() -> Image.Exif:
    made = Image.Exif()
    made[0x010F] = "Maker"
    return made


def picture() -> Image.Image:
    ramp = np.arange(48, dtype=np.uint8)
    return Image.fromarray(np.dstack([np.add.outer(ramp, ramp)] * 3))


def saved(format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture().save(stream, format_, **options)
    return stream.getvalue()


def iptc_block() -> bytes:
    iim = b"\x1c\x02\x05\x00\x05Title"
    digest = hashlib.md5(iim).digest()
    return b"".join(
        b"8BIM" + struct.pack(">HHI", id_, 0, len(value)) + value + b"\0" * (len(value) % 2)
        for id_, value in ((0x0404, iim), (0x0425, digest))
    )


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_exif_in_every_format_that_holds_it(format_: str) -> None:
    found = Media.open(saved(format_, exif=block())).metadata
    assert found.exif["Make"] == "Maker"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_xmp_and_profile_in_every_format_that_holds_them(format_: str) -> None:
    options: dict[str, Any] = {"icc_profile": PROFILE}
    if format_ == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = text
    elif format_ == "TIFF":
        options["tiffinfo"] = {700: XMP}
    else:
        options["xmp"] = XMP
    found = Media.open(saved(format_, **options)).metadata
    assert found.xmp == {"xmp:CreatorTool": "Ed 1"}
    assert found.icc == "sRGB built-in"
    assert found.icc_bytes == len(PROFILE)


@pytest.mark.parametrize("format_", ["BMP", "GIF", "PNG", "WEBP"])
def test_none_where_there_is_none(format_: str) -> None:
    assert Media.open(saved(format_)).metadata == Metadata()


def test_comments_and_text() -> None:
    assert Media.open(saved("JPEG", comment=b"a note")).metadata.text == {"Comment": "a note"}
    assert Media.open(saved("GIF", comment=b"a note")).metadata.text == {"Comment": "a note"}
    text = PngInfo()
    text.add_text("Software", "Ed")
    text.add_text("Title", "one", zip=True)
    text.add_itxt("Description", "Fluß", "de", "Beschreibung", zip=True)
    text.add_text("Title", "two")
    found = Media.open(saved("PNG", pnginfo=text)).metadata
    assert found.text == {"Software": "Ed", "Title": "one\ntwo", "Description": "Fluß"}


def test_photoshop_and_iptc_of_a_jpeg() -> None:
    plain = saved("JPEG")
    body = b"Photoshop 3.0\0" + iptc_block()
    found = Media.open(plain[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + plain[2:]).metadata
    assert found.iptc == {"ObjectName": "Title"}
    assert found.photoshop == (0x0404, 0x0425)
    assert found.photoshop_info["CaptionDigestMatches"] == 1


def test_a_digest_of_zeros_is_none() -> None:
    unset = b"8BIM\x04\x25\0\0\0\0\0\x10" + bytes(16)
    assert "CaptionDigestMatches" not in assemble({"photoshop": unset}, [], Limits()).photoshop_info
    wrong = unset[:-1] + b"\1"
    assert assemble({"photoshop": wrong}, [], Limits()).photoshop_info["CaptionDigestMatches"] == 0


def test_text_is_bounded_in_all() -> None:
    text = PngInfo()
    for name in ("One", "Two", "Three"):
        text.add_text(name, "A" * 2000, zip=True)
    data = saved("PNG", pnginfo=text)
    assert len(Media.open(data).metadata.text) == 3
    with pytest.raises(MediaError) as caught:
        Media.open(data, limits=Limits(max_metadata_bytes=5000)).metadata  # noqa: B018
    assert caught.value.reason == "too_large"


def test_raw_profiles_of_imagemagick() -> None:
    raw = b"Exif\0\0" + block().tobytes().removeprefix(b"Exif\0\0")
    lines = f"\nexif\n{len(raw):8}\n" + "\n".join(raw.hex()[i : i + 72] for i in range(0, 2 * len(raw), 72))
    found = assemble({}, [("Raw profile type exif", lines), ("Raw profile type icc", "\nicc\n 3\nzz")], Limits())
    assert found.exif["Make"] == "Maker"


def test_a_broken_block_is_a_remark() -> None:
    found = assemble(
        {"exif": b"II*\0\xff\xff\xff\xff", "xmp": b"<x:xmpmeta", "photoshop": b"8BIX" + b"x" * 20, "iptc": b"hello"},
        [], Limits(),
    )  # fmt: skip
    assert [remark.split(":")[0] for remark in found.remarks] == ["EXIF", "XMP", "Photoshop", "IPTC"]


def test_extended_xmp_fills_in() -> None:
    more = XMP.replace(b'xmp:CreatorTool="Ed 1"', b'xmp:Rating="5" xmp:CreatorTool="other"')
    found = assemble({"xmp": XMP, "xmp_extended": more}, [], Limits())
    assert found.xmp == {"xmp:CreatorTool": "Ed 1", "xmp:Rating": "5"}


WHOLE = saved("JPEG", exif=block(), xmp=XMP, icc_profile=PROFILE, comment=b"note")


@QUICK
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8))
def test_damaged_files_raise_nothing_but_media_errors(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(WHOLE)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    with contextlib.suppress(MediaError):
        assert isinstance(Media.open(bytes(damaged)).metadata, Metadata)


@pytest.mark.shared_data
def test_camera_originals_are_read_whole(shared_data: Path) -> None:
    files = sorted((shared_data / "camera").glob("*.jpg"))
    found = [Media.open(path).metadata for path in files]
    assert all(entry.exif["Make"] for entry in found)
    assert sum(bool(entry.thumbnail.get("JpegWidth")) for entry in found) >= 60
    assert sum(bool(entry.remarks) for entry in found) <= 4
