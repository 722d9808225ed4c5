"""Noise residual: what a denoiser takes away. A lens: it shows and never judges."""

import cv2
import numpy as np

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._noise import sigma
from assay.forensics.lenses._scale import Floats, bands, spread
from assay.media import Media

_WINDOW = 5
# A picture without noise still has rounding; below it the filter would keep everything.
_FAINTEST = 0.5

METHOD = Method(
    id="noise_residual",
    version="1",
    title="Noise residual",
    group="lenses",
    looks_at="The fine noise that is left when a filter has taken the scene away.",
    fooled_by=(
        "Compression and resizing wash noise out; phones denoise skies, faces and shadows differently on purpose; "
        "texture passes for noise."
    ),
    ignore=(
        "Leftover edges and texture, the grid of JPEG blocks, and flat burnt or black areas, which hold no noise in "
        "any picture. Dark parts are noisier than bright ones in many genuine pictures."
    ),
    source=(
        "Filter: J.-S. Lee, IEEE TPAMI 2(2), 1980, doi:10.1109/TPAMI.1980.4766994. Noise residuals in forensics: "
        "J. Lukas, J. Fridrich, M. Goljan, IEEE TIFS 1(2), 2006, doi:10.1109/TIFS.2006.873602."
    ),
    error_rates=measured("noise_residual"),
)


def residual(plane: Floats, noise: float) -> Floats:
    """What Lee's local Wiener filter removes from a plane, for noise of standard deviation ``noise``.

    Where the variance in a 5 x 5 window is no more than the noise's, all but the local mean is noise; at an edge,
    next to nothing is.
    """
    mean = cv2.blur(plane, (_WINDOW, _WINDOW))
    variance = cv2.sqrBoxFilter(plane, cv2.CV_32F, (_WINDOW, _WINDOW)) - mean * mean
    power = noise * noise
    share = power / np.maximum(variance, power)
    return np.asarray((plane - mean) * share, dtype=np.float32)


def examine(media: Media, maps: Maps) -> Finding:
    """One view, by colour channel, on mid grey; ``details``: the noise's deviation in levels, by channel."""
    rgb = media.rgb
    noise = [sigma(rgb[..., channel]) for channel in range(3)]
    full = max(2.0, 3 * max(noise))
    picture = np.empty_like(rgb)
    for channel, deviation in enumerate(noise):
        for band, around, inner in bands(media.height, 512, margin=_WINDOW // 2):
            plane = rgb[around, :, channel].astype(np.float32)
            picture[band, :, channel] = spread(residual(plane, max(_FAINTEST, deviation))[inner], -full, full)
    meaning = (
        "What a local Wiener filter (5 x 5) removes from red, green and blue, on mid grey; black and white stand for "
        f"{full:.1f} levels of 255 below and above (three times the noise's deviation)."
    )
    return Finding(
        method=METHOD.id,
        says=(
            "The view shows the picture's noise without its scene; look for an area whose grain is coarser, finer, "
            "differently coloured or missing beside areas of the same brightness and texture."
        ),
        maps=(view(maps, METHOD.id, "residual", picture, meaning),),
        details={"sigma": {name: round(value, 4) for name, value in zip(("r", "g", "b"), noise, strict=True)}},
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
