"""Wavelet: detail by scale, and the local strength of noise. A lens: it shows and never judges."""

import cv2
import numpy as np
import numpy.typing as npt
import pywt

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._noise import TO_SIGMA, diagonal, sigma
from assay.forensics.lenses._scale import Floats, Gray, bands, spread, thinned
from assay.media import Media

LEVELS = 3
BLOCK = 32
_WAVELET = "sym4"
# Beyond the reach of three levels of an 8-tap filter, and a multiple of 2 ** LEVELS.
_MARGIN = 64

METHOD = Method(
    id="wavelet",
    version="1",
    title="Wavelet detail and noise level",
    group="lenses",
    looks_at="How much detail each place holds at three scales, and how strong its noise is, block by block.",
    fooled_by=(
        "Texture counts as noise; focus, depth of field and a camera's own denoising differ from place to place in "
        "genuine pictures; compression removes the finest scale."
    ),
    ignore=(
        "Anything out of focus lacks fine detail; grass, hair and fabric look noisy; burnt and black areas have no "
        "noise."
    ),
    source=(
        "B. Mahdian, S. Saic, Using noise inconsistencies for blind image forensics, Image and Vision Computing "
        "27(10), 2009, doi:10.1016/j.imavis.2009.02.001. Wavelets: S. Mallat, IEEE TPAMI 11(7), 1989, "
        "doi:10.1109/34.192463."
    ),
    error_rates=measured("wavelet"),
)


def detail(luma: Floats) -> list[Floats]:
    """Root sum of squares of the horizontal, vertical and diagonal detail at scales 1 to 3, finest first.

    Scale k has (ceil(H / 2**k), ceil(W / 2**k)) values, each for a square of 2**k pixels.
    """
    height, width = luma.shape
    side = 2**LEVELS
    found: list[list[Floats]] = [[] for _ in range(LEVELS)]
    for band, around, inner in bands(height, 1024, _MARGIN):
        # Every side gets a margin: the transform is periodic, and must not carry one edge over to the other.
        above, below = _MARGIN - inner.start, _MARGIN - (around.stop - band.stop)
        below += -(band.stop - band.start) % side
        right = _MARGIN + -width % side
        piece = cv2.copyMakeBorder(luma[around], above, below, _MARGIN, right, cv2.BORDER_REPLICATE)
        rest = np.asarray(piece, dtype=np.float32)
        for level in range(LEVELS):
            rest, parts = pywt.dwt2(rest, _WAVELET, mode="periodization")
            strength = np.sqrt(parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2)
            step = 2 ** (level + 1)
            first, rows, columns = _MARGIN // step, -(-(band.stop - band.start) // step), -(-width // step)
            found[level].append(strength[first : first + rows, first : first + columns])
    return [np.concatenate(pieces) for pieces in found]


def noise_level(luma: Floats, block: int = BLOCK) -> Floats:
    """Deviation of the noise in each ``block`` x ``block`` pixels, in levels: (ceil(H / block), ceil(W / block)).

    The median absolute HH1 coefficient over 0.6745. A last block that is cut off takes in what lies before it.
    """
    height, width = luma.shape
    tall, wide = max(1, -(-height // block)), max(1, -(-width // block))
    result = np.empty((tall, wide), dtype=np.float32)
    for band, around, inner in bands(height, 16 * block, margin=16):
        values = np.abs(diagonal(luma[around])[inner])[::2, ::2]
        half = block // 2
        values = np.pad(values, ((0, -values.shape[0] % half), (0, -values.shape[1] % half)), "symmetric")
        cells = values.reshape(values.shape[0] // half, half, wide, half).transpose(0, 2, 1, 3)
        first = band.start // block
        result[first : first + cells.shape[0]] = np.median(cells.reshape(*cells.shape[:2], -1), axis=2) * TO_SIGMA
    return result


def _enlarged(small: Gray, cell: int, height: int, width: int) -> Gray:
    """Each value as a square of ``cell`` pixels, cut to the picture's size."""
    whole = cv2.resize(small, None, fx=cell, fy=cell, interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole[:height, :width], dtype=np.uint8)


def _scales(luma: Floats) -> npt.NDArray[np.uint8]:
    """The three scales of detail as red (finest), green and blue, each up to its own 99th percentile."""
    picture = np.empty((*luma.shape, 3), dtype=np.uint8)
    for level, strength in enumerate(detail(luma)):
        # The finest scale of a smooth picture is rounding; do not blow that up.
        top = max(2.0, float(np.percentile(np.asarray(thinned(strength), dtype=np.float32), 99)))
        np.sqrt(strength / top, out=strength)
        picture[..., level] = _enlarged(spread(strength, 0, 1), 2 ** (level + 1), *luma.shape)
    return picture


def examine(media: Media, maps: Maps) -> Finding:
    """Two views; ``details``: the noise's deviation in levels, over all and the spread over blocks."""
    luma = media.luma
    scales = view(
        maps, METHOD.id, "detail", _scales(luma),
        "Strength of wavelet detail (sym4) at three scales: red 2 pixels, green 4, blue 8. Square root, each scale "
        "from 0 to its own 99th percentile. White is detail at all scales, blue or black blur, red bare fine noise.",
    )  # fmt: skip
    levels = noise_level(luma)
    low, middle, high = (float(value) for value in np.percentile(levels, (10, 50, 90)))
    white = max(2.0, float(np.percentile(levels, 98)))
    noise = view(
        maps, METHOD.id, "noise_level", _enlarged(spread(levels, 0, white), BLOCK, media.height, media.width),
        f"Noise in each {BLOCK} x {BLOCK} pixels: median absolute HH1 coefficient (db8) over 0.6745. Black is none, "
        f"white {white:.1f} levels of 255 or more (the top fiftieth).",
    )  # fmt: skip
    return Finding(
        method=METHOD.id,
        says=(
            "The views show where fine, middle and coarse detail lies and how strong the noise is; look for an area "
            "whose scale of detail or noise differs from others of the same texture, brightness and distance."
        ),
        maps=(scales, noise),
        details={
            "sigma": round(sigma(luma), 4),
            "block_sigma": {"p10": round(low, 4), "p50": round(middle, 4), "p90": round(high, 4)},
        },
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
