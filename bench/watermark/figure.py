"""The picture beside the figures: a landscape made by code, its marked copy and the difference."""

from pathlib import Path

import cv2
import numpy as np

from assay.provenance.watermark import embed
from assay.testing.scene import scene

_GAIN = 16


def draw(path: Path) -> None:
    """Write the original, the marked copy and sixteen times the difference side by side, at their full size."""
    original = scene(5, 640, 480)
    marked = embed(original, 0xC0FFEE0123456789)
    apart = np.clip(128 + _GAIN * (marked.astype(np.int16) - original), 0, 255).astype(np.uint8)
    gap = np.full((original.shape[0], 8, 3), 255, np.uint8)
    sheet = np.concatenate([original, gap, marked, gap, apart], axis=1)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])
