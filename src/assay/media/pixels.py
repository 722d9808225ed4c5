"""Decoding to samples, within limits."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from assay.errors import MediaError
from assay.media import png, tiff
from assay.media.container import Container, Structure
from assay.media.jpeg import Jpeg
from assay.media.limits import Limits
from assay.media.pillow import bands, mute, quiet, rgb_of
from assay.media.tiff_directory import Tiff

Samples = npt.NDArray[np.uint8 | np.uint16]
Decoded = tuple[Samples, Samples | None]

_MODES = {"grey": "L", "ycbcr": "RGB", "rgb": "RGB", "cmyk": "CMYK", "ycck": "CMYK"}
_STORED = {"L": 1, "P": 1, "LA": 4, "I;16": 2, "I": 4, "F": 4}


@dataclass(frozen=True)
class Header:
    """What a header declares. ``mode`` is Pillow's (``RGB``, ``CMYK``, ``P``, ``I;16``…)."""

    width: int
    height: int
    mode: str
    bits: int
    frames: int
    orientation: int


def header_of(structure: Structure, format: str, data: bytes, limits: Limits) -> Header:  # noqa: A002
    """The header as a record, checked against the limits. Raises MediaError (``too_large``)."""
    width, height = structure.width, structure.height
    if width * height > limits.max_pixels:
        raise MediaError(
            f"the header claims {width} x {height} = {width * height} pixels, past the limit of {limits.max_pixels}",
            "too_large",
        )
    copies = 2 if format in {"jpeg", "png", "tiff"} else 1
    need = copies * len(data) + width * height * _cost(structure, format)
    if need > limits.max_decoded_bytes:
        raise MediaError(
            f"decoding {width} x {height} pixels needs about {need // 1_000_000} MB, past the limit of"
            f" {limits.max_decoded_bytes // 1_000_000} MB", "too_large",
        )  # fmt: skip
    if format == "heic":
        # libheif turns and crops the picture itself, so its size is that after cropping.
        width, height = _heif(data).size
        return Header(width, height, structure.mode, structure.bits, structure.frames, 1)
    turn = structure.turn if structure.turn is not None else _exif_orientation(structure.container, limits)
    return Header(width, height, structure.mode, structure.bits, structure.frames, turn)


def _cost(structure: Structure, format: str) -> int:  # noqa: A002
    """Bytes a pixel that decoding takes at its peak: the decoder's own store and our samples."""
    if format == "jpeg":
        return 3
    if format == "webp":
        return 20
    if format in {"heic", "avif"}:
        return 12 if structure.bits <= 8 else 20
    if structure.bits == 16 and structure.mode != "CMYK":
        return 16 if structure.mode in {"RGBA", "LA"} else 12 if structure.mode == "RGB" else 8
    return _STORED.get(structure.mode, 4) + 4


def jpeg_structure(jpeg: Jpeg, container: Container, data: bytes, limits: Limits) -> Structure:
    """The Structure of a JPEG. Raises MediaError where its coefficients would take too much memory."""
    if jpeg.scans > 1:
        # Between scans a decoder keeps all coefficients, two bytes each.
        most = max(c.horizontal for c in jpeg.components) * max(c.vertical for c in jpeg.components)
        share = sum(c.horizontal * c.vertical for c in jpeg.components) / most
        need = 2 * len(data) + jpeg.width * jpeg.height * (3 + 2 * share)
        if need > limits.max_decoded_bytes:
            raise MediaError(
                f"decoding {jpeg.width} x {jpeg.height} pixels in {jpeg.scans} scans needs about"
                f" {need / 1e6:.0f} MB, past the limit of {limits.max_decoded_bytes // 1_000_000} MB", "too_large",
            )  # fmt: skip
    return Structure(container, jpeg.width, jpeg.height, _MODES[jpeg.colour], jpeg.precision)


def _exif_orientation(container: Container, limits: Limits) -> int:
    block = container.payloads.get("exif", b"")
    try:
        tiff = Tiff(block, limits)
        first = next(tiff.directories(), None)
    except MediaError:
        return 1
    value = tiff.number(first, 0x0112, 1) if first else 1
    return value if 1 <= value <= 8 else 1


def decode(data: bytes, format: str, structure: Structure, limits: Limits) -> Decoded:  # noqa: A002
    """Decode the first frame of anything but a JPEG. Raises MediaError."""
    if format == "heic":
        return _decode_heif(data)
    deep = structure.bits == 16 and format in {"png", "tiff"} and structure.mode not in {"CMYK", "P"}
    if format == "png":
        if deep:
            png.check_data(data, structure)
        data = png.bare(data, structure.container.parts)
    elif format == "tiff":
        data = tiff.unturned(data, limits)
    if deep:
        found = _decode_deep(data, structure)
        if found is not None:
            return found
    # libtiff prints what it finds wrong.
    with quiet(), mute(), Image.open(io.BytesIO(data), formats=(format.upper(),)) as image:
        image.load()
        if (image.width, image.height) != (structure.width, structure.height):
            raise MediaError(
                f"the header claims {structure.width} x {structure.height} pixels, the picture has {image.width} x"
                f" {image.height}", "malformed",
            )  # fmt: skip
        if image.mode in {"I", "F"} or image.mode.startswith("I;"):
            return _numbers(np.asarray(image)), None
        return rgb_of(image)


def _decode_deep(data: bytes, structure: Structure) -> Decoded | None:
    """16-bit samples through OpenCV, since Pillow drops the low byte of colour pictures; None where it cannot."""
    with mute():
        try:
            array = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
    if array is None or array.dtype != np.uint16 or array.shape[:2] != (structure.height, structure.width):
        return None
    if structure.inverted:
        array = cv2.bitwise_not(array)
    if array.ndim == 2:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_GRAY2RGB), dtype=np.uint16), None
    if array.shape[2] == 3:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB), dtype=np.uint16), None
    if array.shape[2] == 4:
        alpha = np.ascontiguousarray(array[..., 3], dtype=np.uint16)
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGB), dtype=np.uint16), alpha
    return None


def _numbers(array: npt.NDArray[np.generic]) -> Samples:
    """Grey of 16 or 32 bits or floats as three equal channels: floats up to 1 count as shares of white."""
    if array.dtype == np.uint16:
        grey: npt.NDArray[np.generic] = array
    elif array.dtype.kind == "f":
        finite = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = float(finite.max(initial=0))
        scale = 65535.0 if top <= 1 else 257.0 if top <= 255 else 1.0
        grey = np.clip(finite * scale, 0, 65535).astype(np.uint16)
    else:
        wide = np.clip(array.astype(np.int64), 0, None)
        grey = (wide >> 16 if wide.max(initial=0) > 65535 else wide).astype(np.uint16)
    return np.repeat(np.asarray(grey, dtype=np.uint16)[..., None], 3, axis=2)


def _heif(data: bytes) -> pillow_heif.HeifFile:
    with quiet(), mute():
        return pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)


def _decode_heif(data: bytes) -> Decoded:
    file = _heif(data)
    with quiet(), mute():
        array = np.asarray(file)
    if array.ndim == 2:
        array = array[..., None]
    alpha = np.ascontiguousarray(array[..., -1]) if array.shape[2] in {2, 4} else None
    colours = array[..., :3] if array.shape[2] >= 3 else np.repeat(array[..., :1], 3, axis=2)
    return np.ascontiguousarray(colours), alpha


def to8(samples: Samples) -> npt.NDArray[np.uint8]:
    """uint8 as it is; the high byte of uint16."""
    return samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)  # type: ignore[return-value]


def luma(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """BT.601 luma of (H, W, 3) uint8: (H, W) float32, 0 to 255, not rounded."""
    grey = np.empty(rgb.shape[:2], dtype=np.float32)
    weights = np.array([[0.299, 0.587, 0.114]], dtype=np.float32)
    for rows in bands(*rgb.shape[:2]):
        grey[rows] = cv2.transform(rgb[rows].astype(np.float32), weights)
    return grey


def orient(array: npt.NDArray[np.generic], orientation: int) -> npt.NDArray[np.generic]:
    """Turn (rows, columns, ...) as EXIF orientation 1 to 8 asks."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.flip(array, flips[orientation]) if orientation in flips else array


__all__ = ["Decoded", "Header", "decode", "header_of", "jpeg_structure", "luma", "orient", "to8"]
