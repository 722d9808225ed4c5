"""The map of a picture: which way its light bends, cell by cell, and where that is too faint to say."""

import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.errors import ProvenanceError

Signs = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]

SIDE = 64
"""Cells a side of the map of a whole picture, whatever its shape."""
VERSION = 1
_HEAD = struct.Struct(">BHHH")
BYTES = _HEAD.size + 2 * SIDE * SIDE // 8
_FINE, _COARSE = 0.8, 2.4
"""Standard deviations, in cells, of the two Gaussians whose difference is the band: waves of about 4 to 12 cells."""
FAINT = 0.8
"""Grey levels: below, rounding and coding decide the sign."""
SHARE = 0.5
"""The sign counts where it is stronger than this share of the picture's own root mean square."""


@dataclass(frozen=True)
class Print:
    """A fingerprint taken apart. ``signs`` is (64, 64) int8: 1 lighter than around it, -1 darker, 0 too faint.
    ``width`` and ``height`` are those of the upright picture in pixels, at most 65,535.
    """

    width: int
    height: int
    signs: Signs

    @property
    def votes(self) -> int:
        """Cells with a sign."""
        return int(np.count_nonzero(self.signs))


def light(rgb: npt.NDArray[np.uint8], side: int | None = None) -> Floats:
    """(H, W) luma of (H, W, 3) uint8 by BT.601; averaged down first so that no side is longer than ``side``."""
    height, width = rgb.shape[:2]
    if side is not None and max(height, width) > side:
        share = side / max(height, width)
        size = (max(1, round(width * share)), max(1, round(height * share)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    weights = np.array([[0.299, 0.587, 0.114]], np.float32)
    return np.asarray(cv2.transform(np.ascontiguousarray(rgb).astype(np.float32), weights), np.float32)


def band(cells: Floats) -> Floats:
    """The structure of (h, w) luma: what is left between two Gaussians."""

    def smooth(sigma: float) -> Floats:
        return np.asarray(cv2.GaussianBlur(cells, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)

    return smooth(_FINE) - smooth(_COARSE)


def signs(cells: Floats, valid: npt.NDArray[np.bool_] | None = None) -> Signs:
    """(h, w) int8 of (h, w) luma: the sign of the band, 0 where it is faint or not ``valid``."""
    found = band(cells)
    inside = found if valid is None else found[valid]
    level = max(FAINT, SHARE * float(np.sqrt(np.mean(np.square(inside)))) if inside.size else FAINT)
    out = np.sign(found).astype(np.int8)
    out[np.abs(found) < level] = 0
    if valid is not None:
        out[~valid] = 0
    return out


def take(rgb: npt.NDArray[np.uint8]) -> Print:
    """The print of a whole upright picture, (H, W, 3) uint8."""
    height, width = rgb.shape[:2]
    small = cv2.resize(light(rgb, 1024), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return Print(min(width, 65535), min(height, 65535), signs(np.asarray(small, np.float32)))


def pack(found: Print) -> bytes:
    """The print as 1,031 bytes: version, width, height, a spare field of zero, 4,096 bits that say where there is a
    sign, and 4,096 that say which.
    """
    head = _HEAD.pack(VERSION, found.width, found.height, 0)
    return head + np.packbits(found.signs != 0).tobytes() + np.packbits(found.signs > 0).tobytes()


def unpack(data: bytes) -> Print:
    """Undo :func:`pack`. Raises ProvenanceError (``unsupported``) where it is no fingerprint of this algorithm."""
    if len(data) != BYTES or data[0] != VERSION:
        raise ProvenanceError(
            "The recorded fingerprint is not one that this version of Assay understands", "unsupported"
        )
    _, width, height, _ = _HEAD.unpack_from(data)
    there, positive = np.unpackbits(np.frombuffer(data, np.uint8, offset=_HEAD.size)).reshape(2, SIDE, SIDE)
    if not width or not height:
        raise ProvenanceError("The recorded fingerprint is of a picture without a size", "unsupported")
    return Print(width, height, (there * (2 * positive.astype(np.int8) - 1)).astype(np.int8))
