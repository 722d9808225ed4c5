"""Put the mark into a picture."""

import cv2
import numpy as np
import numpy.typing as npt

from assay.errors import UsageError
from assay.provenance.watermark._codec import PAYLOAD_BITS
from assay.provenance.watermark._mask import headroom, mask, similarity
from assay.provenance.watermark._pattern import PERIOD, pattern

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

WORK_SIDE = 1536
"""Longer side, in pixels, at which the pattern is made: larger pictures get a larger pattern."""
SHORTEST = 160
"""Pixels: the shorter side of the smallest picture that is marked."""
_SSIM = 0.9812
"""A little above the 0.98 that the mark keeps to: pictures that are saved once more shall keep to it too."""
_LEAST_ROOM = 0.2
_FAINTEST = 0.5
"""Root mean square, in grey levels, below which rounding eats the mark."""
_COARSE, _GRAIN = 1.25, 0.38
"""A pattern enlarged so many times gets so much at most, in units of the mask, and less in proportion the larger it is.
Seen pixel by pixel its grain is coarse; neither PSNR nor SSIM in windows of seven pixels knows that this shows more."""
_BAND = 128
"""Rows that are worked on, or compared, at a time."""
_COMPARED = 3_000_000
"""Pixels of a large picture that are compared with the original: as good as all, in less time and memory."""
_ROUNDS = 8
_SLACK = 0.004
"""Of the strength, within which it need not be set anew: 0.03 dB."""


def embed(rgb: Bytes, payload: int, *, psnr: float = 42.0, key: bytes = b"") -> Bytes:
    """Return (H, W, 3) uint8 RGB that carries ``payload``, 0 to 2**64 - 1, under ``key``, the public one by default.

    The three channels change alike, so that luma changes and colour does not. The strength is the largest at which the
    peak signal-to-noise ratio over the three channels is ``psnr`` dB and the mean SSIM of luma is 0.98 (7 x 7 windows:
    Wang et al. 2004, doi:10.1109/TIP.2003.819861); smooth pictures meet the second limit first and end at a higher
    ratio than was asked for. So do pictures well above 1536 pixels, whose pattern is coarser and shows more.
    The answer is the same for the same arguments.

    Raises UsageError where the payload is out of range, the picture has a side below 160 pixels, or it is too dark,
    burnt out or flat to carry a mark.
    """
    height, width = rgb.shape[:2]
    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise UsageError(f"The payload {payload} is not a number of {PAYLOAD_BITS} bits, 0 to 2**{PAYLOAD_BITS} - 1.")
    if min(height, width) < SHORTEST:
        raise UsageError(
            f"The picture is too small to carry a mark: {width} x {height} pixels, and both sides must be "
            f"{SHORTEST} at least."
        )
    scale = max(1.0, max(height, width) / WORK_SIDE)
    small = rgb
    if scale > 1:
        size = max(1, round(width / scale)), max(1, round(height / scale))
        small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    if float(headroom(small).mean()) < _LEAST_ROOM:
        raise UsageError("The picture cannot carry a mark: nearly all of it is black or burnt out.")
    rows, columns = small.shape[:2]
    shape = pattern(key)
    tile = shape.tile(shape.lines(payload))
    field = np.tile(tile, (-(-rows // PERIOD), -(-columns // PERIOD)))[:rows, :columns] * mask(small)
    if scale > 1:
        field = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    # Ends within the slack, and then not below what was asked for.
    wanted = float((1 - _SLACK) * 255 / 10 ** (psnr / 20))
    strength = wanted / float(np.sqrt(np.mean(np.square(field), dtype=np.float64)))
    most = _GRAIN * _COARSE / scale if scale > _COARSE else np.inf
    strength = min(strength, most)
    for _ in range(_ROUNDS):
        out = _added(rgb, field, strength)
        error = float(np.sqrt(cv2.norm(rgb, out, cv2.NORM_L2SQR) / rgb.size))
        alike = similarity(_sample(rgb), _sample(out))
        gain = min(wanted / max(error, 1e-6), float(np.sqrt((1 - _SSIM) / max(1 - alike, 1e-6))))
        if -_SLACK < gain - 1 < 2 * _SLACK or (gain > 1 and strength >= most):
            break
        strength = min(strength * gain, most)
    if error < min(_FAINTEST, wanted / 2):
        raise UsageError("The picture is too flat to carry a mark that does not show.")
    return out


def _sample(rgb: Bytes) -> Bytes:
    """All of a picture, or of a large one every so many bands."""
    every = -(-rgb.shape[0] * rgb.shape[1] // _COMPARED)
    if every < 2 or len(rgb) < every * _BAND:
        return rgb
    return np.concatenate([rgb[y : y + _BAND] for y in range(0, len(rgb), every * _BAND)])


def _added(rgb: Bytes, field: Floats, strength: float) -> Bytes:
    out = np.empty_like(rgb)
    # Band by band, since whole copies in wider numbers would be most of the memory that a large picture takes.
    for y in range(0, len(rgb), _BAND):
        delta = np.rint(field[y : y + _BAND] * np.float32(strength)).astype(np.int16)
        out[y : y + _BAND] = cv2.add(rgb[y : y + _BAND], cv2.merge([delta] * 3), dtype=cv2.CV_8U)
    return out
