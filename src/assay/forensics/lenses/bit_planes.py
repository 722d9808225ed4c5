"""Bit planes: the lowest binary digits of the samples, made visible. A lens: it shows and never judges."""

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Map, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._scale import counts
from assay.media import Media

# The upper planes are the picture itself in two tones; what the eye misses is in the lower ones.
SHOWN = (0, 1, 2, 3)

METHOD = Method(
    id="bit_planes",
    version="1",
    title="Bit planes",
    group="lenses",
    looks_at="The four lowest binary digits of red, green and blue, which the eye cannot see in the picture.",
    fooled_by=(
        "JPEG compression, resizing and any filter rewrite the lowest digits everywhere, so that an untouched look "
        "means little."
    ),
    ignore=(
        "Burnt and black areas are solid in every plane. Bands in skies and other smooth slopes are ordinary steps "
        "from one level to the next."
    ),
    source=(
        "R. C. Gonzalez, R. E. Woods, Digital Image Processing, 4th ed. 2018, section 3.2. Traces in the lowest "
        "planes: A. Westfeld, A. Pfitzmann, Information Hiding 1999, doi:10.1007/10719724_5."
    ),
    error_rates=measured("bit_planes"),
)


def plane(samples: npt.NDArray[np.uint8 | np.uint16], bit: int) -> npt.NDArray[np.uint8]:
    """0 where binary digit ``bit`` (0 the lowest) of a sample is 0, 255 where it is 1; same shape as ``samples``."""
    table = np.where((np.arange(2 ** (8 * samples.itemsize)) >> bit) & 1, 255, 0).astype(np.uint8)
    if samples.dtype == np.uint8:
        return np.asarray(cv2.LUT(samples, table), dtype=np.uint8)
    return table[samples]


def _ones(histogram: npt.NDArray[np.int64], bits: int) -> list[float]:
    """The share of values in which each binary digit is 1."""
    levels, total = np.arange(histogram.size), max(1, int(histogram.sum()))
    return [round(float(histogram[(levels >> bit) & 1 == 1].sum()) / total, 4) for bit in range(bits)]


def examine(media: Media, maps: Maps) -> Finding:
    """One view for each low plane; ``details``: for every plane of each channel, lowest first, the share of ones and
    the share of pixels that differ from their right neighbour (one half for chance).
    """
    samples = media.samples
    bits = 8 * samples.itemsize
    details: dict[str, dict[str, list[float]]] = {}
    for channel, name in enumerate(("r", "g", "b")):
        values = np.ascontiguousarray(samples[..., channel])
        # The digits of an exclusive or are 1 where two neighbours differ: one histogram tells for all planes.
        differing = counts(np.bitwise_xor(values[:, 1:], values[:, :-1]))
        details[name] = {"ones": _ones(counts(values), bits), "changes": _ones(differing, bits)}
    kept: list[Map] = []
    for bit in SHOWN:
        meaning = (
            f"Binary digit {bit} of {bits} (0 is the lowest) of red, green and blue, each in its own colour: full "
            "where it is 1, none where it is 0; not scaled."
        )
        kept.append(view(maps, METHOD.id, f"bit_{bit}", plane(samples, bit), meaning))
    return Finding(
        method=METHOD.id,
        says=(
            "The views show the four lowest binary digits of each colour; look for an area that is solid, regular or "
            "patterned where its surroundings look like snow, or the other way round."
        ),
        maps=tuple(kept),
        details=details,
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
