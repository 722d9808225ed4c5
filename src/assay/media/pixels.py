"""Decoding to samples, within limits."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from assay.errors import MediaError
from assay.media.limits import Limits

if TYPE_CHECKING:
    from assay.media.model import Media

Samples = npt.NDArray[np.uint8 | np.uint16]
Decoded = tuple[Samples, Samples | None]


@dataclass(frozen=True)
class Header:
    """What a header declares. ``mode`` is Pillow's (``RGB``, ``CMYK``, ``P``, ``I;16``…)."""

    width: int
    height: int
    mode: str
    bits: int
    frames: int
    orientation: int


def read_header(data: bytes, format: str, limits: Limits) -> Header:  # noqa: A002, ARG001
    """Read the header without decoding. Raises MediaError."""
    with Image.open(io.BytesIO(data)) as image:
        orientation = int(image.getexif().get(0x0112, 1))
        return Header(image.width, image.height, image.mode, 8, getattr(image, "n_frames", 1), orientation)


def decode(data: bytes, format: str, header: Header, limits: Limits) -> Decoded:  # noqa: A002, ARG001
    """Decode the first frame to RGB and alpha. Raises MediaError."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB")), None
    except OSError as error:
        raise MediaError(f"cannot be decoded: {error}", "malformed") from error


def to8(samples: Samples) -> npt.NDArray[np.uint8]:
    """uint8 as it is; the high byte of uint16."""
    return samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)  # type: ignore[return-value]


def luma(media: "Media") -> npt.NDArray[np.float32]:
    """See ``Media.luma``."""
    if media.format == "jpeg" and media.header.mode in {"RGB", "L"}:
        gray = simplejpeg.decode_jpeg(media.data, colorspace="GRAY")
        return np.asarray(gray[..., 0], dtype=np.float32)
    grey = cv2.transform(media.rgb, np.array([[0.299, 0.587, 0.114]], dtype=np.float32))
    return np.asarray(grey, dtype=np.float32)


def display(media: "Media") -> npt.NDArray[np.uint8]:
    """See ``Media.display``."""
    return orient(media.rgb, media.orientation)  # type: ignore[return-value]


def orient(array: npt.NDArray[np.generic], orientation: int) -> npt.NDArray[np.generic]:
    """Turn (rows, columns, ...) as EXIF orientation 1 to 8 asks."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.flip(array, flips[orientation]) if orientation in flips else array


__all__ = ["Decoded", "Header", "decode", "display", "luma", "orient", "read_header", "to8"]
