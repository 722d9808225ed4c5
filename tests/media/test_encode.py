"""Changed pixels in the file's own format, with what must stay."""

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image

from assay.errors import MediaError
from assay.media import Limits, Media
from assay.media.encode import encode, quality_of, turned, without_thumbnail
from assay.testing import scene

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
PICTURE = Image.fromarray(scene(3, 160, 120))
Make = dict[str, Callable[..., bytes]]


def changed(media: Media) -> npt.NDArray[np.uint8]:
    """The same, a little lighter."""
    return np.asarray(cv2.add(media.rgb, np.full_like(media.rgb, 3)), np.uint8)


def again(data: bytes) -> tuple[Media, npt.NDArray[np.uint8], Media]:
    media = Media.open(data)
    rgb = changed(media)
    return media, rgb, Media.open(encode(media, rgb))


def close(a: npt.NDArray[np.uint8 | np.uint16], b: npt.NDArray[np.uint8 | np.uint16]) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.fixture(scope="module")
def blocks(make: Make) -> dict[str, bytes]:
    return {"exif": make["exif"](6), "icc_profile": make["srgb"](), "xmp": XMP}


class TestWhatStays:
    @pytest.mark.parametrize(
        ("format_", "options", "worst"),
        [
            ("PNG", {}, 0.0),
            ("WEBP", {"lossless": True}, 0.0),
            ("WEBP", {"quality": 60}, 2.5),
            ("JPEG", {"quality": 80}, 2.5),
            ("AVIF", {}, 2.5),
            ("TIFF", {"compression": "tiff_lzw"}, 0.0),
        ],
    )
    def test_metadata_profile_and_orientation(
        self, make: Make, blocks: dict[str, bytes], format_: str, options: dict[str, object], worst: float
    ) -> None:
        meta = {**blocks, "exif": b"Exif\0\0" + blocks["exif"]} if format_ == "JPEG" else dict(blocks)
        if format_ == "TIFF":
            exif = Image.Exif()
            exif[0x0112], exif[0x010F], exif[700] = 6, "Maker", XMP
            exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
            meta = {"exif": exif, "icc_profile": blocks["icc_profile"]}  # type: ignore[dict-item]
        if format_ == "PNG":
            meta.pop("xmp")
        before, rgb, after = again(make["save"](PICTURE, format_, **meta, **options))
        assert after.format == before.format
        assert after.orientation == before.orientation == 6
        assert after.container.payloads["icc"] == before.container.payloads["icc"]
        assert after.metadata.exif == before.metadata.exif
        assert after.metadata.xmp_raw == before.metadata.xmp_raw
        assert close(after.rgb, rgb) <= worst

    def test_heic_comes_upright_and_says_so(self, make: Make, blocks: dict[str, bytes]) -> None:
        pillow_heif.register_heif_opener()
        exif = b"Exif\0\0" + blocks["exif"]
        before, rgb, after = again(make["save"](PICTURE, "HEIF", exif=exif, icc_profile=blocks["icc_profile"], xmp=XMP))
        assert after.format == "heic"
        assert (after.width, after.height) == (before.width, before.height)
        assert after.metadata.exif["Orientation"] == 1
        assert after.container.payloads["icc"] == blocks["icc_profile"]
        assert close(after.rgb, rgb) < 2.5

    def test_alpha(self, make: Make) -> None:
        see_through = PICTURE.copy()
        see_through.putalpha(Image.fromarray(np.tile(np.arange(160, dtype=np.uint8), (120, 1))))
        for format_, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("TIFF", {}), ("AVIF", {})):
            before, _, after = again(make["save"](see_through, format_, **options))
            assert before.alpha is not None
            assert after.alpha is not None, format_
            assert close(after.alpha, before.alpha) < 2, format_

    def test_png_text_and_palettes(self, files: dict[str, bytes]) -> None:
        stream = io.BytesIO()
        info = __import__("PIL.PngImagePlugin", fromlist=["PngInfo"]).PngInfo()
        info.add_text("Author", "Nobody")
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        PICTURE.save(stream, "PNG", pnginfo=info, dpi=(300, 300))
        _, rgb, after = again(stream.getvalue())
        assert after.metadata.text["Author"] == "Nobody"
        assert after.metadata.xmp_raw == XMP.decode()
        assert "pHYs" in [p.name for p in after.container.parts]
        assert np.array_equal(after.rgb, rgb)
        _, rgb, after = again(files["png-palette"])
        assert np.array_equal(after.rgb, rgb)
        assert after.alpha is not None

    def test_grey_stays_grey(self, files: dict[str, bytes], make: Make) -> None:
        _, _, after = again(files["jpeg-grey"])
        assert after.header.mode == "L"
        _, _, after = again(make["save"](PICTURE.convert("L"), "PNG"))
        assert after.header.mode == "L"

    def test_comment_and_density_of_a_jpeg(self, make: Make) -> None:
        data = make["save"](PICTURE, "JPEG", comment="hello", dpi=(300, 300), progressive=True)
        before, _, after = again(data)
        assert before.jpeg is not None
        assert after.jpeg is not None
        assert after.jpeg.comments == before.jpeg.comments
        assert after.jpeg.process == "progressive"
        assert Image.open(io.BytesIO(after.data)).info["dpi"] == (300, 300)


class TestJpegQuality:
    @pytest.mark.parametrize("quality", [60, 75, 90, 95])
    def test_is_read_from_the_tables(self, make: Make, quality: int) -> None:
        jpeg = Media.open(make["save"](PICTURE, "JPEG", quality=quality)).jpeg
        assert jpeg is not None
        assert abs(quality_of(jpeg) - quality) <= 1

    @pytest.mark.parametrize(("given", "written"), [(50, 92), (96, 96)])
    def test_is_never_below_92_nor_below_the_source(self, make: Make, given: int, written: int) -> None:
        _, _, after = again(make["save"](PICTURE, "JPEG", quality=given))
        assert after.jpeg is not None
        assert abs(quality_of(after.jpeg) - written) <= 1

    @pytest.mark.parametrize(("name", "factors"), [("4:4:4", (1, 1)), ("4:2:2", (2, 1)), ("4:2:0", (2, 2))])
    def test_sampling_is_the_source_s(self, make: Make, name: str, factors: tuple[int, int]) -> None:
        _, _, after = again(make["save"](PICTURE, "JPEG", subsampling=name))
        assert after.jpeg is not None
        first = after.jpeg.components[0]
        assert (first.horizontal, first.vertical) == factors


class TestExif:
    def test_the_thumbnail_goes_and_the_rest_stays(self, make: Make) -> None:
        thumbnail = make["save"](PICTURE.resize((16, 12)), "JPEG")
        block = make["exif"](6, thumbnail)
        data = make["save"](PICTURE, "JPEG", exif=b"Exif\0\0" + block)
        before, _, after = again(data)
        assert [e.kind for e in before.container.embedded] == ["thumbnail"]
        assert after.container.embedded == ()
        assert after.orientation == 6
        assert thumbnail[20:60] not in after.data

    def test_a_thumbnail_in_the_middle_is_blanked_in_place(self) -> None:
        inside = b"\xff\xd8\xff\xd9" * 4
        ifd1 = struct.pack("<H", 2) + struct.pack("<HHII", 513, 4, 1, 56) + struct.pack("<HHII", 514, 4, 1, 16)
        ifd0 = struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<I", 26)
        block = b"II*\0" + struct.pack("<I", 8) + ifd0 + ifd1 + struct.pack("<I", 0) + inside + b"behind"
        out = without_thumbnail(block, Limits())
        assert len(out) == len(block)
        assert out.endswith(bytes(16) + b"behind")

    @pytest.mark.parametrize("block", [b"", b"II*\0", b"nonsense", b"MM\0*\0\0\0\x08\xff\xff"])
    def test_what_cannot_be_read_is_left_alone(self, block: bytes) -> None:
        assert without_thumbnail(block, Limits()) == block

    def test_orientation_is_set_in_place_or_added(self, make: Make) -> None:
        assert turned(make["exif"](6), 1, Limits()) == make["exif"](1)
        assert turned(b"", 1, Limits()) == b""
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + turned(b"", 8, Limits()))
        assert exif[0x0112] == 8


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("gif", "GIF"), ("bmp", "BMP"), ("webp-animated", "frames"), ("tiff", "pages"), ("png-deep", "8 bits"),
            ("tiff-deep", "8 bits"), ("jpeg-cmyk", "CMYK"),
        ],
    )  # fmt: skip
    def test_what_would_lose_something_is_refused_in_a_sentence(
        self, files: dict[str, bytes], name: str, word: str
    ) -> None:
        media = Media.open(files[name], name="my.file")
        with pytest.raises(MediaError, match=word) as caught:
            encode(media, media.rgb)
        assert caught.value.reason == "unsupported"
        assert str(caught.value).startswith("my.file: ")

    def test_pixels_of_another_size_are_a_mistake_of_the_caller(self, files: dict[str, bytes]) -> None:
        media = Media.open(files["png"])
        with pytest.raises(ValueError, match="size"):
            encode(media, media.rgb[1:])
