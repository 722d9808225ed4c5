"""Small valid files of every format, made by code."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image, ImageCms

Array = npt.NDArray[np.uint8]


def scene(height: int = 40, width: int = 56, seed: int = 1) -> Array:
    """A smooth coloured picture."""
    small = np.random.default_rng(seed).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def save(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002
    """Encode with Pillow."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, idat: bytes, *, bits: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    """A PNG with any header and any picture data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG marker segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif(orientation: int = 6, thumbnail: bytes = b"") -> bytes:
    """A little-endian TIFF block with an orientation and, in IFD1, a thumbnail."""
    ifd0 = struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    if not thumbnail:
        return b"II*\0" + struct.pack("<I", 8) + ifd0 + struct.pack("<I", 0)
    ifd1 = struct.pack("<H", 2) + struct.pack("<HHII", 513, 4, 1, 56) + struct.pack("<HHII", 514, 4, 1, len(thumbnail))
    return b"II*\0" + struct.pack("<I", 8) + ifd0 + struct.pack("<I", 26) + ifd1 + struct.pack("<I", 0) + thumbnail


def srgb() -> bytes:
    """An sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """A valid file of each kind, under a name that begins with its format."""
    pillow_heif.register_heif_opener()
    image = Image.fromarray(scene())
    meta = exif()
    pages = [image, Image.fromarray(scene(seed=2))]
    deep = scene().astype(np.uint16) * 257
    return {
        "jpeg": save(image, "JPEG", exif=b"Exif\0\0" + meta, icc_profile=srgb(), comment="hello"),
        "jpeg-progressive": save(image, "JPEG", progressive=True, quality=60),
        "jpeg-grey": save(image.convert("L"), "JPEG"),
        "jpeg-cmyk": save(image.convert("CMYK"), "JPEG"),
        "png": save(image, "PNG", exif=meta, icc_profile=srgb()),
        "png-palette": save(image.quantize(16), "PNG", transparency=3),
        "png-deep": bytes(cv2.imencode(".png", deep)[1]),
        "webp": save(image, "WEBP", exif=meta, xmp=b"<x/>"),
        "webp-animated": save(image, "WEBP", save_all=True, append_images=pages[1:]),
        "heic": save(image, "HEIF", exif=b"Exif\0\0" + meta),
        "avif": save(image, "AVIF", exif=meta),
        "tiff": save(image, "TIFF", save_all=True, append_images=pages[1:]),
        "tiff-lzw": save(image, "TIFF", compression="tiff_lzw"),
        "tiff-deep": bytes(cv2.imencode(".tiff", deep)[1]),
        "gif": save(image, "GIF", save_all=True, append_images=pages[1:], comment="hello"),
        "bmp": save(image, "BMP"),
    }


@pytest.fixture(scope="session")
def make() -> dict[str, Callable[..., bytes]]:
    """The makers above, for test modules, which cannot import a conftest."""
    return {"png": png, "segment": segment, "exif": exif, "save": save, "chunk": chunk, "srgb": srgb}
