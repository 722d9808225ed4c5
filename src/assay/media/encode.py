"""Changed pixels back into the file's own format, with what the file says of itself kept.

The only room that encodes pictures for people to keep. What shows the picture as it was is left out: the thumbnail
within EXIF, previews, further pictures of a Multi-Picture file, gain maps; and Content Credentials, to which a new
signature refers from outside.
"""

import io
import struct
import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from assay.errors import MediaError
from assay.media.jpeg import COM, Jpeg
from assay.media.limits import Limits
from assay.media.model import Media
from assay.media.pillow import mute, quiet
from assay.media.png import SIGNATURE
from assay.media.tiff_directory import Entry, Tiff

QUALITY = 92
"""JPEG and WebP are written with at least this quality, JPEG with more where the source has more."""
HEIF_QUALITY = 90
_ORIENTATION = 0x0112

_JPEG_KEPT = {"Exif", "XMP", "extended XMP", "ICC profile", "Photoshop", "Meta"}
_PNG_KEPT = {
    "cICP", "iCCP", "sRGB", "gAMA", "cHRM", "mDCV", "cLLI", "pHYs", "eXIf", "tEXt", "zTXt", "iTXt", "tIME",
}  # fmt: skip
_TIFF_KEPT = {
    270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 700, 33432, 33723, 34377, 34665, 34675, 34853, 36867,
}  # fmt: skip
_TIFF_COMPRESSIONS = {5: "tiff_lzw", 8: "tiff_adobe_deflate", 32946: "tiff_adobe_deflate", 32773: "packbits"}
_SAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}
# Mean of the luma table of ITU-T T.81, Annex K, which libjpeg scales by quality.
_LUMA_MEAN = 57.625

Pixels = npt.NDArray[np.uint8]


def encode(media: Media, rgb: Pixels) -> bytes:
    """The file of ``media`` with its pixels replaced by ``rgb``: (H, W, 3) uint8 as stored, of the same size. Alpha,
    orientation, EXIF, XMP, IPTC, ICC profile and comments stay.

    Raises MediaError: ``unsupported`` where the format cannot be written, or where writing would lose something: more
    than 8 bits a sample, several frames or pages, inks; and what decoding raises.
    """
    if rgb.dtype != np.uint8 or rgb.shape != (media.height, media.width, 3):
        raise ValueError("rgb must be uint8 and of the picture's size")
    _check(media)
    grey = _grey(media, rgb)
    image = Image.fromarray(np.ascontiguousarray(rgb[..., 0]) if grey else np.ascontiguousarray(rgb))
    if media.alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(media.alpha.astype(np.uint8))))
    writer = {"jpeg": _jpeg, "png": _png, "webp": _webp, "tiff": _tiff, "heic": _heic, "avif": _avif}[media.format]
    with quiet(), mute():
        return writer(media, image)


def _check(media: Media) -> None:
    what = None
    if media.format in {"gif", "bmp"}:
        what = f"{media.format.upper()} pictures cannot be changed and kept as they are; save it as PNG or JPEG first"
    elif media.header.frames > 1:
        what = (
            f"the file has {media.header.frames} frames or pages, and only one would be kept; save the one alone first"
        )
    elif media.samples.dtype != np.uint8 or media.header.bits > 8:
        what = "a picture of more than 8 bits a sample would lose some of them; save it with 8 bits first"
    elif media.header.mode == "CMYK":
        what = "a picture in inks (CMYK) would change its colours; save it as RGB first"
    if what:
        raise MediaError(f"{media.name}: {what}", "unsupported")


def _grey(media: Media, rgb: Pixels) -> bool:
    if media.header.mode not in {"L", "LA", "1"}:
        return False
    return bool(np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2]))


def _saved(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


# JPEG


def quality_of(jpeg: Jpeg) -> int:
    """The quality, 1 to 100 in libjpeg's terms, whose luma table is about as coarse as this file's."""
    scale = 100 * float(jpeg.table_of(0).mean()) / _LUMA_MEAN
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))


def _jpeg(media: Media, image: Image.Image) -> bytes:
    jpeg = media.jpeg
    if jpeg is None:
        raise RuntimeError("a JPEG without structure")
    options: dict[str, object] = {"quality": min(98, max(QUALITY, quality_of(jpeg))), "optimize": True}
    if len(jpeg.components) == 3:
        first = jpeg.components[0]
        plain = all((c.horizontal, c.vertical) == (1, 1) for c in jpeg.components[1:])
        factors = (first.horizontal, first.vertical) if plain and jpeg.colour == "ycbcr" else (1, 1)
        options["subsampling"] = _SAMPLING.get(factors, "4:4:4")
    coded = _saved(image, "JPEG", progressive=jpeg.process == "progressive", **options)
    pieces = [coded[:2]]
    start = 2
    if coded[2:4] == b"\xff\xe0":
        start = 4 + int.from_bytes(coded[4:6], "big")
        pieces.append(_density(coded[2:start], jpeg, media.data))
    for segment in jpeg.segments:
        if segment.note in _JPEG_KEPT or segment.marker == COM:
            payload = segment.payload
            if segment.note == "Exif":
                payload = payload[:6] + without_thumbnail(payload[6:], media.limits)
            pieces.append(bytes([0xFF, segment.marker]) + struct.pack(">H", len(payload) + 2) + payload)
    return b"".join([*pieces, coded[start:]])


def _density(segment: bytes, jpeg: Jpeg, data: bytes) -> bytes:
    """The JFIF segment with the units and density of the source's."""
    own = next((s for s in jpeg.segments if s.note == "JFIF"), None)
    if own is None or len(own.payload) < 12:
        return segment
    at = own.offset + 4
    return segment[:11] + data[at + 7 : at + 12] + segment[16:]


def without_thumbnail(block: bytes, limits: Limits) -> bytes:
    """An EXIF block, from its byte order mark on, whose IFD1 with its thumbnail is cut off. All else stays in its
    place, so that offsets within a MakerNote still hold. What cannot be read is returned as it is.
    """
    try:
        tiff = Tiff(block, limits)
        found = {d.name: d for d in tiff.directories()}
    except MediaError:
        return block
    first, second = found.get("IFD0"), found.get("IFD1")
    if first is None or second is None or first.cut or tiff.big:
        return block
    out = bytearray(block)
    out[first.offset + first.length - 4 : first.offset + first.length] = bytes(4)
    start, length = tiff.number(second, 513), tiff.number(second, 514)
    if 0 < start < len(out):
        end = min(len(out), start + length)
        out[start:end] = bytes(end - start)
        if end == len(out):
            del out[start:]
    return bytes(out)


def turned(block: bytes, orientation: int, limits: Limits) -> bytes:
    """An EXIF block whose orientation is ``orientation``; an empty block becomes one that says so, unless it is 1."""
    entry: Entry | None = None
    try:
        tiff = Tiff(block, limits)
        first = next(tiff.directories(), None)
        entry = first.entries.get(_ORIENTATION) if first else None
    except MediaError:
        first = None
    if entry is not None and entry.kind == 3 and entry.count == 1:
        value = struct.pack(tiff.order + "H", orientation)
        return block[: entry.offset] + value + block[entry.offset + 2 :]
    if orientation == 1:
        return block
    exif = Image.Exif()
    if first is not None:
        exif.load(b"Exif\0\0" + block)
    exif[_ORIENTATION] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


# The others


def _png(media: Media, image: Image.Image) -> bytes:
    kept = []
    for part in media.container.parts:
        if part.name in _PNG_KEPT:
            chunk = media.data[part.offset : part.offset + part.length]
            if part.name == "eXIf":
                chunk = _chunk(b"eXIf", without_thumbnail(chunk[8:-4].removeprefix(b"Exif\0\0"), media.limits))
            kept.append(chunk)
    coded = _saved(image, "PNG")
    first = 8 + 12 + int.from_bytes(coded[8:12], "big")
    return b"".join([SIGNATURE, coded[8:first], *kept, *_chunks(coded, first)])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes, at: int) -> Iterable[bytes]:
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in {b"IDAT", b"IEND"}:
            yield data[at:end]
        at = end


def _blocks(media: Media, orientation: int | None = None) -> dict[str, object]:
    payloads = media.container.payloads
    exif = without_thumbnail(payloads.get("exif", b""), media.limits)
    if orientation is not None:
        exif = turned(exif, orientation, media.limits)
    blocks = {"exif": exif, "xmp": payloads.get("xmp", b""), "icc_profile": payloads.get("icc", b"")}
    return {name: block for name, block in blocks.items() if block}


def _webp(media: Media, image: Image.Image) -> bytes:
    lossless = any(part.name == "VP8L" for part in media.container.parts)
    options: dict[str, object] = {"lossless": True} if lossless else {"quality": QUALITY, "alpha_quality": 100}
    return _saved(image, "WEBP", method=4, exact=True, **options, **_blocks(media))


def _tiff(media: Media, image: Image.Image) -> bytes:
    with Image.open(io.BytesIO(media.data), formats=("TIFF",)) as source:
        tags = source.getexif()
    for tag in set(tags) - _TIFF_KEPT:
        del tags[tag]
    first = next(Tiff(media.data, media.limits).directories())
    coding = Tiff(media.data, media.limits).number(first, 259, 1)
    return _saved(image, "TIFF", tiffinfo=tags, compression=_TIFF_COMPRESSIONS.get(coding, "raw"))


def _heic(media: Media, image: Image.Image) -> bytes:
    # The decoder has turned the picture already; a reader that believes EXIF would turn it once more.
    stream = io.BytesIO()
    made = pillow_heif.from_pillow(image)
    made.save(stream, quality=HEIF_QUALITY, chroma=444, **_blocks(media, 1))
    return stream.getvalue()


def _avif(media: Media, image: Image.Image) -> bytes:
    return _saved(image, "AVIF", quality=HEIF_QUALITY, subsampling="4:4:4", **_blocks(media, media.orientation))


__all__ = ["HEIF_QUALITY", "QUALITY", "encode", "quality_of", "turned", "without_thumbnail"]
