"""The photographs that are measured on: parts of the camera originals of the development data, kept in memory only."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.watermark.tally import Shot

Bytes = npt.NDArray[np.uint8]

_SIZES = (0.72e6, 0.9e6, 1.2e6, 1.6e6, 1.95e6)
_LEFT_OUT = ("Seiko Epson PhotoPC 3000Z", "Nikon E775", "Sony DSC-P12", "Konica Q-M100 (2)")
"""The first two show what other files show; the third is black all over, the fourth nearly."""


def files(folder: Path, n: int = 50) -> list[Path]:
    """The photographs' files, one each, in a fixed order that does not sort the makes together."""
    every = [f for f in sorted(folder.glob("*.jpg")) if not f.name.startswith(_LEFT_OUT)]
    return sorted((f for f in every), key=lambda f: every.index(f) * 37 % 101)[:n]


def photograph(file: Path, index: int, pixels: float = 0) -> Bytes:
    """One photograph, (H, W, 3) RGB, of so many pixels, or of 0.72 to 1.95 million in turn.

    Every other one is a part at the camera's own scale, from the middle; the rest is the whole, reduced.
    """
    rgb = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR_RGB), np.uint8)
    height, width = rgb.shape[:2]
    ratio = float(np.sqrt((pixels or _SIZES[index % len(_SIZES)]) / (height * width)))
    if ratio >= 1:
        return rgb
    if index % 2 == 0:
        return np.asarray(cv2.resize(rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = int(height * ratio), int(width * ratio)
    y, x = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(rgb[y : y + rows, x : x + columns])


def photographs(folder: Path, n: int = 50, pixels: float = 0) -> list[Shot]:
    """The photographs, by name."""
    return [Shot(f.stem, partial(photograph, f, i, pixels), i) for i, f in enumerate(files(folder, n))]


def twelve_million(file: Path) -> Bytes:
    """A photograph brought to 4000 x 3000, by area down and bicubic up."""
    rgb = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.asarray(cv2.resize(rgb, (4000, 3000), interpolation=cv2.INTER_CUBIC), np.uint8)
