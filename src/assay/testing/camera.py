"""A camera of our own: from light to the eight bits that a sensor and its developer make of it."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_GAINS = np.array([1.9, 1.0, 1.6], np.float32)
"""White balance of daylight for a sensor whose green is twice as keen."""


def shoot(
    radiance: Floats, rng: np.random.Generator, *, full_well: float = 6000, read: float = 4
) -> npt.NDArray[np.uint8]:
    """Photograph ``radiance``, (H, W, 3) linear light with 1 for white.

    Lens blur, light fall-off, RGGB mosaic, photon and read noise (``full_well`` and ``read`` in electrons), bilinear
    demosaicing, white balance, tone curve and gamma.
    """
    rows, columns = radiance.shape[:2]
    light = cv2.GaussianBlur(radiance, (0, 0), 0.55) * _fall_off(rows, columns)[..., None] / _GAINS
    raw = np.empty((rows, columns), np.float32)
    sites = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}
    for (y, x), channel in sites.items():
        raw[y::2, x::2] = light[y::2, x::2, channel]
    electrons = np.clip(raw, 0, 1) * np.float32(full_well)
    noise = rng.standard_normal(raw.shape, np.float32)
    electrons += noise * np.sqrt(electrons + np.float32(read * read))
    raw = np.round(np.clip(electrons / full_well, 0, 1) * 4095).astype(np.float32) / 4095
    return _develop(_demosaic(raw, sites) * _GAINS)


def _fall_off(rows: int, columns: int) -> Floats:
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    return np.asarray(1 - 0.12 * (x * x + y * y), np.float32)


def _demosaic(raw: Floats, sites: dict[tuple[int, int], int]) -> Floats:
    """Bilinear interpolation: each missing sample is the mean of its nearest neighbours of the same colour."""
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    planes = np.zeros((*raw.shape, 3), np.float32)
    for (y, x), channel in sites.items():
        planes[y::2, x::2, channel] = raw[y::2, x::2]
    for channel, kernel in enumerate((square, cross, square)):
        planes[..., channel] = cv2.filter2D(planes[..., channel], -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return planes


def _develop(linear: Floats) -> npt.NDArray[np.uint8]:
    encoded = np.clip(linear, 0, 1) ** np.float32(1 / 2.2)
    toned = encoded + np.float32(0.12) * (encoded - 0.5) * encoded * (1 - encoded) * 4
    return np.asarray(np.round(np.clip(toned, 0, 1) * 255), np.uint8)


__all__ = ["shoot"]
