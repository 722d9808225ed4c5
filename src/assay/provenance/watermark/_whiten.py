"""Take the scene away: what is left is the mark and a noise of much the same strength everywhere."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float32]

_TAPER = 0.06
_CAP = 9.0
"""Times the mean around it, which a single line of the spectrum counts for at most."""


@dataclass(frozen=True, eq=False)
class Residual:
    """``field`` is (H, W) with a flat spectrum; ``power`` (h, w // 2 + 1) is that spectrum, 1 on average, capped."""

    field: Floats
    power: Floats
    shape: tuple[int, int]
    """The transform's size, at least the field's."""


def whiten(y: Floats) -> Residual:
    """Return the whitened residual of (H, W) luma.

    The scene goes in three steps: a high pass, division by the local deviation with the rest clipped, so that no edge
    outweighs a sky, and division by the local mean of the spectrum, a matched filter's prewhitening (Depovere, Kalker
    and Linnartz 1998, doi:10.1109/ICIP.1998.723527).
    """
    high = y - cv2.GaussianBlur(y, (0, 0), 3.0)
    spread = np.sqrt(np.maximum(cv2.blur(high * high, (7, 7)), 0)) + np.float32(0.4)
    level = np.clip(high / spread, -2, 2)
    rows, columns = level.shape
    level *= _window(rows)[:, None] * _window(columns)[None, :]
    shape = fft.next_fast_len(rows, real=True), fft.next_fast_len(columns, real=True)
    spectrum = fft.rfft2(level, s=shape, workers=2)
    power = spectrum.real**2 + spectrum.imag**2
    mean = _local(power)
    mean = _local(np.minimum(power, 4 * mean))
    spectrum *= np.float32(1) / np.sqrt(mean)
    ratio = power / mean
    # A fence or the blocks of JPEG make lines far above all others.
    spectrum *= np.where(ratio > _CAP, np.sqrt(_CAP / np.maximum(ratio, _CAP)), np.float32(1))
    field = fft.irfft2(spectrum, s=shape, workers=2)[:rows, :columns]
    return Residual(np.ascontiguousarray(field), np.minimum(ratio, np.float32(_CAP)), shape)


def _window(n: int) -> Floats:
    ramp = max(2, round(n * _TAPER))
    out = np.ones(n, np.float32)
    rise = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / ramp) ** 2
    out[:ramp], out[-ramp:] = rise, rise[::-1]
    return out


def _local(power: Floats) -> Floats:
    """The mean around each bin of a half spectrum, whose rows wrap around."""
    side = int(np.clip(round(min(power.shape[0], 2 * power.shape[1]) / 100) * 2 + 1, 7, 31))
    edge = side // 2
    padded = np.concatenate([power[-edge:], power, power[:edge]])
    mean = cv2.blur(padded, (side, side), borderType=cv2.BORDER_REFLECT)[edge:-edge]
    return np.maximum(mean, np.float32(1e-6) * np.float32(power.mean() + 1e-12))
