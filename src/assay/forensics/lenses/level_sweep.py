"""Level sweep: narrow windows of brightness stretched wide. A lens: it shows and never judges."""

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Map, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._scale import counts, level_below
from assay.media import Media

Table = npt.NDArray[np.uint8]

_SHARE = 0.05
_NARROWEST = 16
_SWEEPS = 16

METHOD = Method(
    id="level_sweep",
    version="1",
    title="Level sweep",
    group="lenses",
    looks_at="Steps of a level or two that the eye misses: in the shadows, in the highlights, and at every level.",
    fooled_by=(
        "Compression blurs steps away and makes steps of its own; a levels or curves adjustment of the whole picture "
        "moves them all."
    ),
    ignore=(
        "Blocks of 8 pixels in dark areas are JPEG. Contour lines along smooth slopes are ordinary. Colour noise in "
        "shadows is the sensor's."
    ),
    source=(
        "Grey-level slicing: R. C. Gonzalez, R. E. Woods, Digital Image Processing, 4th ed. 2018, section 3.2. Gaps "
        "in the histogram: M. C. Stamm, K. J. R. Liu, IEEE TIFS 5(3), 2010, doi:10.1109/TIFS.2010.2053202."
    ),
    error_rates=measured("level_sweep"),
)


def window(levels: int, low: int, high: int) -> Table:
    """A table of ``levels`` entries: ``low`` and below black, ``high`` and above white, evenly between."""
    ramp = (np.arange(levels, dtype=np.float64) - low) * (255 / (high - low))
    return np.asarray(np.clip(np.rint(ramp), 0, 255), dtype=np.uint8)


def sawtooth(levels: int, sweeps: int = _SWEEPS) -> Table:
    """A table of ``levels`` entries that runs from black to white ``sweeps`` times over."""
    period = levels // sweeps
    return np.asarray(np.rint((np.arange(levels) % period) * (255 / (period - 1))), dtype=np.uint8)


def _through(samples: npt.NDArray[np.uint8 | np.uint16], table: Table) -> npt.NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return np.asarray(cv2.LUT(samples, table), dtype=np.uint8)
    return table[samples]


def examine(media: Media, maps: Maps) -> Finding:
    """Three views of the samples at their full depth; ``details``: windows, levels in use, and gaps between them."""
    samples = media.samples
    levels = 2 ** (8 * samples.itemsize)
    histogram = counts(samples)
    used = np.flatnonzero(histogram)
    first, last = int(used[0]), int(used[-1])
    dark = min(max(level_below(histogram, _SHARE), first + _NARROWEST), levels - 1)
    bright = max(min(level_below(histogram, 1 - _SHARE), last - _NARROWEST), 0)
    # A picture of a single level at the end of the range still needs a window of some width.
    shadows = (min(first, dark - _NARROWEST), dark)
    highlights = (bright, max(last, bright + _NARROWEST))
    kept: list[Map] = []
    for name, (low, high), what in (
        ("shadows", shadows, "darkest twentieth"),
        ("highlights", highlights, "brightest twentieth"),
    ):
        meaning = (
            f"Levels {low} to {high} of {levels - 1} (the {what} of the samples, at least {_NARROWEST} levels) spread "
            "from black to white, by colour channel; all beyond is cut off."
        )
        kept.append(view(maps, METHOD.id, name, _through(samples, window(levels, low, high)), meaning))
    meaning = (
        f"Every {levels // _SWEEPS} levels run from black to white and begin again, by colour channel: a step is "
        f"{_SWEEPS} times as strong as in the picture, and each jump from white to black is a contour of equal level."
    )
    kept.append(view(maps, METHOD.id, "sweep", _through(samples, sawtooth(levels)), meaning))
    return Finding(
        method=METHOD.id,
        says=(
            "The views stretch the darkest, the brightest and then all levels of the picture; look for straight "
            "edges, patches of one even level, or brush strokes where the picture itself looks uniform."
        ),
        maps=tuple(kept),
        details={
            "bits": 8 * samples.itemsize,
            "shadows": list(shadows),
            "highlights": list(highlights),
            "levels_used": int(used.size),
            "levels_skipped": last - first + 1 - int(used.size),
        },
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
