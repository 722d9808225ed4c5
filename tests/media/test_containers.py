"""The structure of PNG, WebP, HEIC, AVIF, TIFF, GIF and BMP files."""

import struct
import zlib
from collections.abc import Callable, Mapping

import pytest
from PIL import Image, PngImagePlugin

from assay.errors import MediaError
from assay.media import Limits, Media
from assay.media.container import inflate
from assay.media.tiff_directory import Tiff

Makers = Mapping[str, Callable[..., bytes]]

WITHOUT_JPEG = [
    "png", "png-palette", "png-deep", "webp", "webp-animated", "heic", "avif", "tiff", "tiff-lzw", "tiff-deep", "gif",
    "bmp",
]  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_JPEG)
def test_parts_lie_within_the_file_and_trailing_bytes_are_seen(files: dict[str, bytes], name: str) -> None:
    container = Media.open(files[name]).container
    # Pillow pads the last page of a TIFF.
    padding = 4 if name == "tiff" else 0
    assert container.end + padding == container.size == len(files[name])
    assert container.remarks == ()
    longer = Media.open(files[name] + b"\xff" * 21).container
    assert longer.trailing == padding + 21
    assert (longer.parts[-1].name, longer.parts[-1].length) == ("trailing", padding + 21)
    assert longer.parts[: len(container.parts) - 1] == container.parts[:-1]


@pytest.mark.parametrize("name", [n for n in WITHOUT_JPEG if not n.startswith("tiff")])
def test_outermost_parts_cover_the_file(files: dict[str, bytes], name: str) -> None:
    at = 0
    for part in Media.open(files[name]).container.parts:
        if part.depth == 0:
            assert part.offset == at
            at += part.length
    assert at == len(files[name])


@pytest.mark.parametrize("name", WITHOUT_JPEG)
def test_a_cut_file_is_truncated(files: dict[str, bytes], name: str) -> None:
    for keep in (len(files[name]) - 5, len(files[name]) * 2 // 3):
        with pytest.raises(MediaError) as caught:
            Media.open(files[name][:keep]).rgb  # noqa: B018
        assert caught.value.reason == "truncated", str(caught.value)
        assert any(word in str(caught.value) for word in (str(keep), "claims"))


@pytest.mark.parametrize(("name", "orientation"), [("png", 6), ("webp", 6), ("heic", 1), ("avif", 6)])
def test_exif_and_orientation(files: dict[str, bytes], make: Makers, name: str, orientation: int) -> None:
    media = Media.open(files[name])
    # Pillow moves an orientation alone from EXIF to AVIF's own property.
    assert name == "avif" or media.container.payloads["exif"][:4] in (b"II*\0", b"MM\0*")
    assert media.orientation == orientation


@pytest.mark.parametrize(
    ("name", "frames"), [("png", 1), ("webp", 1), ("webp-animated", 2), ("tiff", 2), ("gif", 2), ("heic", 1)]
)
def test_frames(files: dict[str, bytes], name: str, frames: int) -> None:
    assert Media.open(files[name]).header.frames == frames


def test_png_text_xmp_and_profile(make: Makers) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "plain")
    info.add_text("Comment", "packed", zip=True)
    info.add_itxt("Author", "J\u00f3zef", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    data = make["save"](Image.new("RGB", (4, 4)), "PNG", pnginfo=info, icc_profile=make["srgb"]())
    container = Media.open(data).container
    assert container.text == (("Title", "plain"), ("Comment", "packed"), ("Author", "J\u00f3zef"))
    assert container.payloads["xmp"] == b"<x/>"
    assert container.payloads["icc"] == make["srgb"]()


def test_png_checksums(files: dict[str, bytes], make: Makers) -> None:
    data = make["png"](4, 4, zlib.compress(bytes(4 * 13)), extra=make["chunk"](b"tEXt", b"k\0v"))
    assert Media.open(data).container.text == (("k", "v"),)
    text = data.index(b"tEXt") + 8
    assert "wrong checksum" in Media.open(data[:text] + b"X" + data[text + 1 :]).container.remarks[0]
    at = files["png"].index(b"IDAT") + 20
    with pytest.raises(MediaError, match=r"IDAT at offset .* wrong checksum") as caught:
        Media.open(files["png"][:at] + bytes([files["png"][at] ^ 1]) + files["png"][at + 1 :])
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("bits", [8, 16])
def test_png_with_too_little_picture_data(make: Makers, bits: int) -> None:
    data = make["png"](50, 50, zlib.compress(bytes(500)), bits=bits)
    with pytest.raises(MediaError) as caught:
        Media.open(data).rgb  # noqa: B018
    assert caught.value.reason == "truncated"


def test_compressed_metadata_is_bounded(make: Makers) -> None:
    bomb = zlib.compress(bytes(40_000_000), 9)
    for name, body in (
        (b"zTXt", b"k\0\0" + bomb),
        (b"iTXt", b"k\0\1\0\0\0" + bomb),
        (b"iCCP", b"k\0\0" + bomb),
    ):
        data = make["png"](4, 4, zlib.compress(bytes(4 * 13)), extra=make["chunk"](name, body))
        with pytest.raises(MediaError, match="grows past") as caught:
            Media.open(data)
        assert caught.value.reason == "too_large"
    assert inflate(b"no zlib", Limits()) is None


def test_gif_comment_and_xmp(make: Makers) -> None:
    data = make["save"](Image.new("P", (4, 4)), "GIF", comment="hello")
    packet = b"<x>packet</x>" + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    data = data[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + b";"
    container = Media.open(data).container
    assert container.text == (("Comment", "hello"),)
    assert container.payloads["xmp"] == b"<x>packet</x>"


def test_gif_without_a_trailer_is_lived_with(files: dict[str, bytes]) -> None:
    assert Media.open(files["gif"][:-1]).container.remarks == ("the GIF has no trailer",)


def test_tiff_payloads_and_pages(make: Makers) -> None:
    image = Image.new("RGB", (6, 5), "red")
    data = make["save"](image, "TIFF", tiffinfo={700: b"<x/>", 33723: b"\x1c\x02\x05\0\1x", 34377: b"8BIM"})
    payloads = Media.open(data).container.payloads
    assert payloads["xmp"] == b"<x/>"
    assert payloads["iptc"].startswith(b"\x1c\x02\x05")
    assert payloads["photoshop"] == b"8BIM"
    assert payloads["exif"] == data


def test_bigtiff(make: Makers) -> None:
    data = make["save"](Image.new("RGB", (6, 5), "red"), "TIFF", big_tiff=True)
    assert data[2] == 43
    assert Media.open(data).rgb[0, 0].tolist() == [255, 0, 0]


def bare_tiff(bits: int, photometric: int, samples: int = 1, planar: int = 1) -> bytes:
    """Two pixels, the first all zeros, the second all ones."""
    size, depths = bits // 8 * samples, struct.pack("<H", bits) * samples
    end = 8 + 2 + 10 * 12 + 4
    fields = (
        (256, 1, 2), (257, 1, 1), (258, samples, end if samples > 2 else bits), (259, 1, 1), (262, 1, photometric),
        (273, 1, end + len(depths)), (277, 1, samples), (278, 1, 1), (279, 1, 2 * size), (284, 1, planar),
    )  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 3, count, value) for tag, count, value in fields)
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + struct.pack("<I", 0)
    return head + depths + bytes(size) + b"\xff" * size


@pytest.mark.parametrize("bits", [8, 16])
def test_zero_may_stand_for_white(bits: int) -> None:
    top = (1 << bits) - 1
    assert Media.open(bare_tiff(bits, 1)).samples[0, :, 0].tolist() == [0, top]
    assert Media.open(bare_tiff(bits, 0)).samples[0, :, 0].tolist() == [top, 0]


@pytest.mark.parametrize(("bits", "photometric", "samples", "planar"), [(8, 8, 3, 1), (16, 2, 3, 2), (8, 2, 5, 1)])
def test_tiff_that_decoders_read_wrong_is_refused(bits: int, photometric: int, samples: int, planar: int) -> None:
    with pytest.raises(MediaError, match="Lab colours") as caught:
        Media.open(bare_tiff(bits, photometric, samples, planar))
    assert caught.value.reason == "unsupported"


def test_tiff_directories_in_a_loop(files: dict[str, bytes]) -> None:
    data = bytearray(files["tiff"])
    first = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    media = Media.open(bytes(data))
    assert "a loop" in media.container.remarks[0]
    assert media.rgb.shape == (40, 56, 3)


def test_tiff_directories_nested_too_deep() -> None:
    blocks = []
    for level in range(40):
        following = 8 + (level + 1) * 18
        blocks.append(struct.pack("<HHHIII", 1, 34665, 4, 1, following, 0))
    block = b"II*\0" + struct.pack("<I", 8) + b"".join(blocks)
    with pytest.raises(MediaError) as caught:
        list(Tiff(block, Limits()).directories())
    assert caught.value.reason == "too_deep"


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body


FTYP = box(b"ftyp", b"heic\0\0\0\0mif1heic")


def test_boxes_nested_too_deep() -> None:
    inner = box(b"free", b"")
    for _ in range(40):
        inner = box(b"moov", inner)
    with pytest.raises(MediaError) as caught:
        Media.open(FTYP + inner)
    assert caught.value.reason == "too_deep"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (struct.pack(">I", 4) + b"meta", "malformed"),
        (struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 2**60), "truncated"),
        (struct.pack(">I", 0) + b"mdat" + bytes(99), "malformed"),
        (b"", "malformed"),
        (box(b"meta", bytes(4) + struct.pack(">I", 99) + b"iloc"), "malformed"),
    ],
)
def test_lying_boxes(body: bytes, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        Media.open(FTYP + body)
    assert caught.value.reason == reason


def test_too_many_boxes() -> None:
    with pytest.raises(MediaError) as caught:
        Media.open(FTYP + box(b"free", b"") * 50, limits=Limits(max_parts=20))
    assert caught.value.reason == "too_large"


def test_heic_sizes_claimed_anywhere_are_checked(files: dict[str, bytes]) -> None:
    for field in (b"ispe", b"hvcC"):
        assert field in files["heic"]
    at = files["heic"].index(b"ispe") + 8
    data = files["heic"][:at] + struct.pack(">II", 40_000, 40_000) + files["heic"][at + 8 :]
    with pytest.raises(MediaError, match="40000 x 40000") as caught:
        Media.open(data)
    assert caught.value.reason == "too_large"
    with pytest.raises(MediaError, match="64 x 64") as caught:
        Media.open(files["heic"], limits=Limits(max_pixels=56 * 40))


def test_webp_parts(files: dict[str, bytes]) -> None:
    container = Media.open(files["webp"]).container
    assert [part.name for part in container.parts] == ["RIFF", "VP8X", "VP8", "EXIF", "XMP"]
    assert container.payloads["xmp"] == b"<x/>"


def test_bmp_with_a_profile() -> None:
    profile = b"profile!"
    pixels = bytes(16)
    header = struct.pack("<IiiHHIIiiII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0) + bytes(16) + b"DEBM"[::1]
    header = header[:56] + b"DEBM" + bytes(52) + struct.pack("<III", 124 + 16, len(profile), 0)
    assert len(header) == 124
    data = b"BM" + struct.pack("<III", 14 + 124 + 16 + 8, 0, 14 + 124) + header + pixels + profile
    container = Media.open(data).container
    assert container.payloads["icc"] == profile
    assert container.trailing == 0
