"""How much a picture hides, point by point."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_FLOOR = 3.0
"""Grey levels: what stands in for the activity where there is none. It keeps the mark alive in skies and walls."""
_CEILING = 18.0
"""Grey levels of local deviation beyond which more texture hides no more."""


def luma(rgb: Bytes) -> Floats:
    """Return (H, W) luma of (H, W, 3) RGB, BT.601 weights, 0 to 255."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def mask(rgb: Bytes) -> Floats:
    """Return (H, W): the mark's relative strength at each point of (H, W, 3) uint8 RGB.

    Texture hides noise (Legge and Foley 1980, doi:10.1364/JOSA.70.001458), and so do dark and bright grounds (Chou and
    Li 1995, doi:10.1109/76.475889). SSIM weighs an error by about 1 / (2 * variance + 58.5), so that a strength that
    goes with the root of that sum would cost every part of a picture alike (Wang, Bovik, Sheikh and Simoncelli 2004,
    doi:10.1109/TIP.2003.819861); smooth parts get less than that here, since the eye rests on them.
    """
    y = luma(rgb)
    mean = cv2.blur(y, (5, 5))
    spread = np.sqrt(np.maximum(cv2.blur(y * y, (5, 5)) - mean * mean, 0))
    # An edge between two smooth faces hides nothing beside it: a point counts as busy where all around it is.
    calm = cv2.blur(cv2.erode(np.minimum(spread, _CEILING), np.ones((7, 7), np.uint8)), (9, 9))
    busy = np.sqrt(calm * calm + np.float32(_FLOOR**2))
    ground = cv2.blur(y, (9, 9))
    dark = 17 * (1 - np.sqrt(np.minimum(ground, 127) / 127)) + 3
    light = np.where(ground < 127, dark, 3 / 128 * (ground - 127) + 3)
    return np.asarray(busy * np.sqrt(np.minimum(light, 9) / 3) * headroom(rgb), np.float32)


def headroom(rgb: Bytes) -> Floats:
    """Return (H, W), 0.1 to 1: little where (H, W, 3) RGB is black or burnt out.

    Half of the pattern would be cut off there, and the other half would show.
    """
    ground = cv2.blur(luma(rgb), (9, 9))
    return np.asarray(np.clip((np.minimum(ground, 255 - ground) + 1) / 8, 0.1, 1), np.float32)


def similarity(a: Bytes, b: Bytes) -> float:
    """Return the mean SSIM of the luma of two (H, W, 3) pictures, in windows of 7 x 7, as scikit-image defines it."""
    x, y = luma(a), luma(b)

    def mean(field: Floats) -> Floats:
        return np.asarray(cv2.blur(field, (7, 7)), np.float32)

    mx, my = mean(x), mean(y)
    xx, yy, xy = mx * mx, my * my, mx * my
    unbiased = np.float32(49 / 48)
    both = unbiased * (mean(x * x + y * y) - xx - yy)
    cross = unbiased * (mean(x * y) - xy)
    c1, c2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    index = (2 * xy + c1) * (2 * cross + c2) / ((xx + yy + c1) * (both + c2))
    return float(np.mean(index[3:-3, 3:-3], dtype=np.float64))
