"""JPEG files built by hand for the tests of structure, thumbnail and quantisation."""

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

from assay.media import Media

Picture = npt.NDArray[np.uint8]


def encode(picture: Picture, quality: int = 90, **options: object) -> bytes:
    """A libjpeg file: JFIF first, tables in segments of their own. ``qtables`` are used as they are."""
    stream = io.BytesIO()
    if "qtables" not in options:
        # Pillow would scale given tables by it.
        options["quality"] = quality
    Image.fromarray(picture).save(stream, "JPEG", **options)
    return stream.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    """A marker segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif(make: str = "", model: str = "", software: str = "", thumbnail: bytes = b"") -> bytes:
    """An APP1 Exif segment with camera names and a thumbnail."""
    texts = [(0x10F, make), (0x110, model), (0x131, software)]
    texts = [(tag, text) for tag, text in texts if text]
    heap = 8 + 2 + 12 * len(texts) + 4
    ifd0, strings = struct.pack("<H", len(texts)), b""
    for tag, text in texts:
        value = text.encode() + b"\0"
        value += b"\0" * max(0, 5 - len(value))
        ifd0 += struct.pack("<HHII", tag, 2, len(value), heap + len(strings))
        strings += value + b"\0" * (len(value) % 2)
    start = heap + len(strings)
    ifd0 += struct.pack("<I", start if thumbnail else 0)
    ifd1 = b""
    if thumbnail:
        ifd1 = struct.pack("<HHHII", 2, 513, 4, 1, start + 30) + struct.pack("<HHII", 514, 4, 1, len(thumbnail))
        ifd1 += struct.pack("<I", 0) + thumbnail
    return segment(0xE1, b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd0 + strings + ifd1)


def as_camera(data: bytes, *before: bytes) -> bytes:
    """The file with segments put first and JFIF taken out, as a camera writes."""
    length = 2 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 0
    return data[:2] + b"".join(before) + data[2 + length :]


def after_jfif(data: bytes, *segments: bytes) -> bytes:
    """The file with segments put behind JFIF."""
    at = 4 + int.from_bytes(data[4:6], "big")
    return data[:at] + b"".join(segments) + data[at:]


def with_thumbnail(picture: Picture, thumbnail: Picture, quality: int = 90) -> Media:
    """A picture that holds another as its Exif thumbnail."""
    return Media.open(as_camera(encode(picture, quality), exif("Maker", "Model", thumbnail=encode(thumbnail, 85))))
