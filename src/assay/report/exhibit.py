"""The exhibit: the folder of pictures from which the HTML and PDF reports are made."""

from pathlib import Path

import cv2
import numpy as np

from assay.media import Media

NAMES = ("picture.png", "picture.jpg")
_LOSSLESS_SIDE = 512


def save_picture(media: Media, folder: Path, max_side: int = 1600) -> None:
    """Write the picture as a person should see it, upright and in sRGB, with no side over ``max_side`` pixels: as
    ``picture.png`` where it is small, else as ``picture.jpg``. Raises MediaError where it cannot be decoded.
    """
    shown = media.display
    height, width = shown.shape[:2]
    factor = max_side / max(height, width)
    if factor < 1:
        side = (max(1, round(width * factor)), max(1, round(height * factor)))
        shown = np.asarray(cv2.resize(np.ascontiguousarray(shown), side, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = np.ascontiguousarray(shown[..., ::-1])
    folder.mkdir(parents=True, exist_ok=True)
    if max(bgr.shape[:2]) <= _LOSSLESS_SIDE:
        (folder / NAMES[0]).write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
    else:
        (folder / NAMES[1]).write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def find_picture(folder: Path) -> Path | None:
    """The file that :func:`save_picture` wrote, or None."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)
