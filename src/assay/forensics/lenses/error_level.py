"""Error level: what one more JPEG compression changes, after Krawetz 2007. A lens: it shows and never judges."""

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Analysis, Maps, view
from assay.evidence import Finding, Map, Method
from assay.forensics.figures import measured
from assay.forensics.lenses._scale import Gray, bands, counts, level_below
from assay.media import Media

QUALITIES = (75, 90, 95)
_FAINTEST = 4
_COLUMNS = 8192

METHOD = Method(
    id="error_level",
    version="1",
    title="Error level",
    group="lenses",
    looks_at="How much each place changes when the picture is saved as JPEG once more, at three qualities.",
    fooled_by=(
        "Almost everything: texture, contrast, colour and sharpening change the error level far more than editing "
        "does, and one more save of the whole picture evens it out."
    ),
    ignore=(
        "Edges, fine texture and saturated reds and blues are always bright; smooth sky, walls and blur are always "
        "dark. Compare only like with like: an edge with an edge, a surface with the same surface elsewhere."
    ),
    source=(
        "N. Krawetz, A Picture's Worth: Digital Image Analysis and Forensics, Black Hat USA 2007. Recompression error "
        "as a measured trace: H. Farid, IEEE TIFS 4(1), 2009, doi:10.1109/TIFS.2008.2012215."
    ),
    error_rates=measured("error_level"),
)


def error(rgb: npt.NDArray[np.uint8], quality: int) -> Gray:
    """Absolute difference of (H, W, 3) ``rgb`` to itself after JPEG compression at libjpeg's ``quality``.

    Chroma is not subsampled: what is shown is quantisation, not the loss of colour resolution. Blocks are then
    coded each on its own, so that tiles cut at multiples of 8 give the same as the whole picture.
    """
    options = [
        cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    result = np.empty_like(rgb)
    for rows, _, _ in bands(rgb.shape[0]):
        for left in range(0, rgb.shape[1], _COLUMNS):
            tile = rgb[rows, left : left + _COLUMNS]
            _, code = cv2.imencode(".jpg", cv2.cvtColor(tile, cv2.COLOR_RGB2BGR), options)
            again = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
            result[rows, left : left + _COLUMNS] = cv2.absdiff(tile, again)
    return result


def examine(media: Media, maps: Maps) -> Finding:
    """One view for each quality; ``details``: the mean error and the level drawn as white."""
    rgb = media.rgb
    kept: list[Map] = []
    details: dict[str, dict[str, float]] = {}
    for quality in QUALITIES:
        change = error(rgb, quality)
        histogram = counts(change)
        # A floor under the white level, or the rounding of an all but unchanged picture would be blown up.
        white = max(_FAINTEST, level_below(histogram, 0.995))
        table = np.clip(np.rint(np.arange(256) * (255 / white)), 0, 255).astype(np.uint8)
        details[f"quality_{quality}"] = {
            "mean_error": round(float(histogram @ np.arange(256)) / max(1, change.size), 4),
            "white_level": float(white),
        }
        cv2.LUT(change, table, dst=change)
        meaning = (
            f"Difference to the same picture saved as JPEG at quality {quality}, by colour channel; black is no "
            f"change, full brightness a change of {white} levels of 255 or more (the top half per cent)."
        )
        kept.append(view(maps, METHOD.id, f"quality_{quality}", change, meaning))
        del change
    return Finding(
        method=METHOD.id,
        says=(
            "The views show how much one more JPEG save at quality 75, 90 and 95 changes each place; compare edges "
            "only with edges and like surfaces only with like surfaces, and take a difference as a question, never "
            "as proof."
        ),
        maps=tuple(kept),
        details=details,
    )


ANALYSIS = Analysis(METHOD, examine, needs_maps=True)
