"""Colour channels: the picture taken apart into channels and principal components. A lens: it never judges."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Abstention, Analysis, Maps, abstain, view
from assay.evidence import Finding, Method, Reason
from assay.forensics.figures import measured
from assay.forensics.lenses._scale import bands, thinned
from assay.media import Media

Rgb = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

# ITU-R BT.601, as JFIF uses it.
_CB = (-0.168736, -0.331264, 0.5)
_CR = (0.5, -0.418688, -0.081312)
# Narrower ranges than this many levels are rounding and compression, not colour.
_NARROWEST = 8.0
_DARKEST = 16

METHOD = Method(
    id="colour_channels",
    version="1",
    title="Colour channels and principal components",
    group="lenses",
    looks_at="The picture's channels one by one: red, green, blue, its colour apart from its brightness, and PCA.",
    fooled_by=(
        "Mixed light, white balance, coloured reflections and JPEG's coarse coding of colour make differences "
        "without any editing."
    ),
    ignore=(
        "Blocks of 8 or 16 pixels in the colour views are JPEG. Hue is chance in dark and grey places. The third "
        "component is mostly noise and compression."
    ),
    source=(
        "Channels: ITU-R BT.601, IEC 61966-2-1, CIE 15:2004. Principal components: H. Hotelling, J. Educational "
        "Psychology 24, 1933, doi:10.1037/h0071325; in forensics: N. Krawetz, Black Hat USA 2007."
    ),
    error_rates=measured("colour_channels"),
)


def principal_components(rgb: Rgb) -> tuple[Matrix, Matrix, Matrix]:
    """Mean (3,), components (3, 3) in rows by falling variance, and variances (3,) of an (H, W, 3) picture.

    A component's largest weight is positive, so that the same picture always gives the same signs.
    """
    total, products, count = np.zeros(3), np.zeros((3, 3)), 0
    for band, _, _ in bands(rgb.shape[0], 256):
        pixels = rgb[band].reshape(-1, 3).astype(np.float32) - 128
        total += pixels.sum(axis=0, dtype=np.float64)
        products += pixels.T @ pixels
        count += len(pixels)
    mean = total / count
    variances, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    components = vectors.T[::-1]
    signs = np.sign(components[np.arange(3), np.abs(components).argmax(axis=1)])
    return mean + 128, components * signs[:, None], np.maximum(variances[::-1], 0)


def weighted(rgb: Rgb, weights: npt.ArrayLike, *, centred: bool) -> tuple[npt.NDArray[np.uint8], float, float]:
    """A weighted sum of the channels as an (H, W) view, and the two sums that became black and white.

    The ends are the 0.5 and 99.5 percentile, at least 8 levels apart; ``centred`` puts a sum of 0 at mid grey.
    """
    row = np.asarray(weights, dtype=np.float64)
    seen = np.asarray(thinned(rgb), dtype=np.float64).reshape(-1, 3) @ row
    low, high = (float(value) for value in np.percentile(seen, (0.5, 99.5)))
    if centred:
        high = max(abs(low), abs(high))
        low = -high
    slack = max(0.0, _NARROWEST - (high - low)) / 2
    low, high = low - slack, high + slack
    scale = 255 / (high - low)
    affine = np.append(row, -low) * scale
    # cv2.transform rounds and cuts off to 8 bits: projection and stretch in one pass, with no float copy.
    return np.asarray(cv2.transform(rgb, affine[None, :]), dtype=np.uint8), low, high


def hue(rgb: Rgb) -> Rgb:
    """Hue and saturation at full brightness; black where the brightest channel is below 16."""
    result = np.empty_like(rgb)
    for band, _, _ in bands(rgb.shape[0]):
        hsv = cv2.cvtColor(rgb[band], cv2.COLOR_RGB2HSV)
        hsv[..., 2] = np.where(hsv[..., 2] < _DARKEST, np.uint8(0), np.uint8(255))
        result[band] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return result


def lab(rgb: Rgb) -> tuple[Rgb, float]:
    """Lab's a and b at one lightness, their 99th percentile brought to 60, and the gain that did it (1 to 8)."""
    small = cv2.cvtColor(np.ascontiguousarray(thinned(rgb)), cv2.COLOR_RGB2LAB).astype(np.float32)
    gain = float(np.clip(60 / max(1.0, float(np.percentile(np.abs(small[..., 1:] - 128), 99))), 1, 8))
    table = np.empty((1, 256, 3), dtype=np.uint8)
    table[..., 0] = 153
    table[..., 1:] = np.clip(np.rint((np.arange(256) - 128) * gain + 128), 0, 255)[None, :, None]
    result = np.empty_like(rgb)
    for band, _, _ in bands(rgb.shape[0]):
        result[band] = cv2.cvtColor(cv2.LUT(cv2.cvtColor(rgb[band], cv2.COLOR_RGB2LAB), table), cv2.COLOR_LAB2RGB)
    return result, gain


def _views(rgb: Rgb, components: Matrix) -> Iterator[tuple[str, npt.NDArray[np.uint8], str]]:
    """Name, array and meaning of each view, one at a time so that only one is held."""
    for channel, name in enumerate(("red", "green", "blue")):
        yield name, np.ascontiguousarray(rgb[..., channel]), f"The {name} channel as stored; not scaled."
    for name, weights, ends in (("cb", _CB, "yellow and blue"), ("cr", _CR, "green and red")):
        picture, _, high = weighted(rgb, weights, centred=True)
        meaning = (
            f"{name.title()} of YCbCr, between {ends}: mid grey is no colour, black and white are {high:.1f} levels "
            "to either side (the 0.5 and 99.5 percentile)."
        )
        yield name, picture, meaning
    meaning = (
        "Hue and saturation of HSV with the brightness taken out: white is no colour, vivid is full saturation, black "
        f"is too dark to tell (brightest channel below {_DARKEST}); not scaled."
    )
    yield "hue", hue(rgb), meaning
    picture, gain = lab(rgb)
    meaning = (
        f"The colour axes a and b of CIE Lab at one lightness, {gain:.1f} times as strong as in the picture (so that "
        "the strongest hundredth comes to 60): faint casts become plain."
    )
    yield "lab", picture, meaning
    del picture
    for number, component in enumerate(components, start=1):
        picture, low, high = weighted(rgb, component, centred=False)
        r, g, b = component
        meaning = (
            f"Principal component {number} of the colours, {r:+.2f} R {g:+.2f} G {b:+.2f} B: black is {low:.1f}, white "
            f"{high:.1f} (the 0.5 and 99.5 percentile)."
        )
        yield f"pc{number}", picture, meaning


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Ten views; ``details``: mean colour, components, and the share of the variance that each explains.

    Abstains on a grey picture. Y of YCbCr and V of HSV are left out: both show brightness, as component 1 does.
    """
    rgb = media.rgb
    if all(
        np.array_equal(rgb[band, :, 0], rgb[band, :, other]) for band, _, _ in bands(media.height) for other in (1, 2)
    ):
        return abstain(METHOD, Reason.NOT_APPLICABLE, "The picture is grey: its channels are all the same.")
    mean, components, variances = principal_components(rgb)
    total = float(variances.sum())
    kept = tuple(view(maps, METHOD.id, name, picture, meaning) for name, picture, meaning in _views(rgb, components))
    return Finding(
        method=METHOD.id,
        says=(
            "The views take the picture apart by colour; look for an area whose blocks, noise, fringes or cast differ "
            "in one view from those of like surfaces around it."
        ),
        maps=kept,
        details={
            "mean": [round(float(value), 3) for value in mean],
            "components": [[round(float(value), 5) for value in row] for row in components],
            "explained": [round(float(value) / total, 6) if total else 0.0 for value in variances],
        },
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
