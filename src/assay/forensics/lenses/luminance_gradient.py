"""Luminance gradient: which way each place grows brighter, and how steeply. A lens: it shows and never judges."""

import cv2
import numpy as np

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._scale import Floats, bands, strips
from assay.media import Media

_FAINTEST = 2.0
_FLAT = 0.25

METHOD = Method(
    id="luminance_gradient",
    version="1",
    title="Luminance gradient",
    group="lenses",
    looks_at="The direction in which each place grows brighter, as a colour, and the steepness, as its brightness.",
    fooled_by=(
        "Compression blocks, sharpening and noise make gradients of their own; the direction of light on a surface "
        "depends on the surface's shape as much as on the lamp."
    ),
    ignore=(
        "Dark places are flat: their hue is chance. The thin double lines along edges are sharpening, and the grid "
        "of small squares is JPEG."
    ),
    source=(
        "Gradient: I. Sobel, G. Feldman 1968; weights: H. Scharr, Optimale Operatoren in der digitalen "
        "Bildverarbeitung, Heidelberg 2000, doi:10.11588/heidok.00000962. Use in forensics: N. Krawetz, Black Hat DC "
        "2008; light direction: M. K. Johnson, H. Farid, ACM MM&Sec 2005, doi:10.1145/1073170.1073171."
    ),
    error_rates=measured("luminance_gradient"),
)


def gradient(luma: Floats) -> tuple[Floats, Floats]:
    """Steepness in levels a pixel, and direction in degrees: 0 brighter to the right, 90 brighter downwards.

    Scharr's 3 x 3 filters on a (rows, columns) plane; both results have its shape.
    """
    across = cv2.Scharr(luma, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(luma, cv2.CV_32F, 0, 1, scale=1 / 32)
    steepness, direction = cv2.cartToPolar(across, down, angleInDegrees=True)
    return steepness, direction  # type: ignore[return-value]


def examine(media: Media, maps: Maps) -> Finding:
    """One view: hue is direction, brightness the square root of steepness; ``details`` in levels a pixel."""
    luma = media.luma
    seen = np.concatenate([gradient(luma[rows])[0].ravel()[::5] for rows in strips(media.height)])
    white = max(_FAINTEST, float(np.percentile(seen, 99)))
    picture = np.empty((*luma.shape, 3), dtype=np.uint8)
    for band, around, inner in bands(media.height, 512, margin=1):
        steepness, direction = (part[inner] for part in gradient(luma[around]))
        hsv = np.full((*direction.shape, 3), 255, dtype=np.uint8)
        # OpenCV's 8-bit hue counts half degrees; 180 would be red once more.
        hsv[..., 0] = np.rint(direction / 2).astype(np.int16) % 180
        # The root opens up faint slopes, which is where the light on surfaces is.
        hsv[..., 2] = np.minimum(np.sqrt(steepness / white) * 255, 255).astype(np.uint8)
        picture[band] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    meaning = (
        "Colour is the direction of growing brightness in the stored picture: red to the right, yellow-green "
        "downwards, cyan to the left, violet upwards. Brightness is the square root of steepness: black is flat, "
        f"full brightness {white:.1f} levels a pixel or more (the top hundredth)."
    )
    return Finding(
        method=METHOD.id,
        says=(
            "The view colours each place by the direction in which it grows brighter; look for surfaces of the same "
            "facing lit from different sides, and for outlines whose softness differs from their neighbours'."
        ),
        maps=(view(maps, METHOD.id, "gradient", picture, meaning),),
        details={
            "median_steepness": round(float(np.median(seen)), 4),
            "white_steepness": round(white, 4),
            "flat_share": round(float(np.mean(seen < _FLAT)), 4),
        },
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
