"""Block artifact grid: where the faint lines between JPEG blocks are misplaced or missing.

W. Li, Y. Yuan, N. Yu, "Passive detection of doctored JPEG image via block artifact grid extraction", Signal Processing
89(9), 2009, doi 10.1016/j.sigpro.2009.03.025.
"""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from assay.analysis import Analysis, Maps, abstain, heat
from assay.evidence import Abstention, Direction, Finding, Method, Reason, Region, Strength
from assay.forensics.compression._dct_zeros import in_bands
from assay.forensics.figures import measured
from assay.forensics.regions import blobs, region
from assay.media import Media

METHOD = Method(
    id="blocking",
    version="1",
    title="Block artifact grid",
    group="compression",
    looks_at=(
        "JPEG leaves faint straight lines every 8 pixels, where its blocks meet. The map shows where these lines are "
        "out of place, or missing, while the rest of the picture has them."
    ),
    fooled_by=(
        "Fine compression leaves lines too faint to find; a second one on the same grid draws its own. Fences, "
        "windows, screens and text with straight edges drown the lines or imitate them, and smooth or strongly "
        "textured areas show them less than others do."
    ),
    ignore=(
        "Objects with straight edges, dense texture and the borders of the picture. It shows where to look with "
        "other methods; its regions are weak evidence at most."
    ),
    source=(
        "Li, Yuan, Yu: Passive detection of doctored JPEG image via block artifact grid extraction, Signal Processing "
        "89(9), 2009, doi 10.1016/j.sigpro.2009.03.025"
    ),
    error_rates=measured("blocking"),
)

Floats = npt.NDArray[np.float32]

_SMALLEST = 128
# Steps above this are edges of the scene; they count no more than this.
_STRONGEST = 10.0
# Samples along a line that are added up, and across it that its reference is the median of.
_LENGTH = 33
# Blocks a side over which the measure is averaged for the map.
_WINDOW = 7
# Grey levels: added to the detail that the measure is divided by, so that smooth blocks do not weigh most.
_DAMP = 0.3
# How far the lines of a grid must rise over the others, in grey levels: in ten pictures never compressed the best phase
# rose by up to 0.11.
_RISE = 0.2
# The measure's median in a picture that keeps to no grid: 0.16 or more in ten pictures never compressed.
_NOWHERE = 0.15
# A claim needs a grid in place in the bulk, and an area without it, far from the bulk in spreads of the measure.
_IN_PLACE, _ABSENT, _SPREADS = -0.2, 0.05, 2.5
_SHARE, _SOLID = 0.015, 0.5

_MEANING = (
    "The strongest line inside a block less the weakest at its borders, in both directions, over the detail there: "
    "below 0 where the block grid of the rest is in place, above 0 where it is missing or elsewhere."
)


def lines(luma: Floats) -> Floats:
    """Strength of the vertical lines of a block grid: (rows // 8, columns) float32, from luma (rows, columns), both
    of at least 64.

    Absolute second differences along each row, limited; averaged over 33 rows round the middle of each row of blocks
    (the paper does so for every row: the sums differ little within a block); less the median of 33 neighbours in the
    row; then the median of five values 8 columns apart, which keeps what recurs at the period of the blocks.
    """
    rows, columns = luma.shape[0] // 8, luma.shape[1]
    out = np.empty((rows, columns), np.float32)

    def work(first: int, last: int) -> None:
        out[first:last] = _lines(luma, first, last)

    in_bands(rows, work, 32)
    return out


def _lines(luma: Floats, first: int, last: int) -> Floats:
    half = _LENGTH // 2
    top, bottom = 8 * first + 4 - half, 8 * (last - 1) + 4 + half + 1
    band = luma[max(0, top) : min(luma.shape[0], bottom)]
    step = np.zeros_like(band)
    step[:, 1:-1] = np.minimum(np.abs(2 * band[:, 1:-1] - band[:, :-2] - band[:, 2:]), _STRONGEST)
    # At the picture's own border the band ends early, and its rows are mirrored.
    summed = cv2.blur(step, (1, _LENGTH), borderType=cv2.BORDER_REFLECT_101)
    middle = summed[8 * first + 4 - max(0, top) :: 8][: last - first]
    # One long row, because SciPy's median is fast in one dimension only.
    mirrored = np.pad(middle, ((0, 0), (half, half)), mode="symmetric")
    reference = median_filter(mirrored.ravel(), size=_LENGTH).reshape(mirrored.shape)[:, half:-half]
    raised = middle - reference
    wide = np.pad(raised, ((0, 0), (16, 16)), mode="wrap")
    columns = raised.shape[1]
    periodic = np.median(np.stack([wide[:, i : i + columns] for i in range(0, 33, 8)]), axis=0)
    return np.asarray(periodic, np.float32)


def phase(strength: Floats) -> tuple[int, float]:
    """First column of the grid's blocks, 0 to 7, and how far its lines rise over the others, in grey levels.

    ``strength`` as of ``lines``. A line between blocks shows on both sides of it: in the last column of one and the
    first of the next.
    """
    columns = strength.shape[1] // 8 * 8
    mean = strength[:, :columns].reshape(strength.shape[0], -1, 8).mean(axis=(0, 1))
    pairs = (mean + np.roll(mean, 1)) / 2
    best = int(pairs.argmax())
    return best, float(pairs[best] - np.median(np.delete(mean, [best, best - 1])))


def mismatch(strength: Floats, start: int) -> Floats:
    """Per block, the strongest line inside it less the weaker of the two at its border.

    ``strength`` as of ``lines`` (block rows, columns); gives (block rows, whole blocks from ``start``) float32: below
    zero where the grid is in place.
    """
    count = (strength.shape[1] - start) // 8
    blocks = strength[:, start : start + 8 * count].reshape(strength.shape[0], count, 8)
    return np.asarray(blocks[..., 2:6].max(axis=2) - np.minimum(blocks[..., 0], blocks[..., 7]), np.float32)


def _detail(luma: Floats) -> Floats:
    """Mean second difference, limited, over 40 pixels round each block: (rows // 8, columns // 8) float32."""
    out = np.empty((luma.shape[0] // 8, luma.shape[1] // 8), np.float32)

    def work(first: int, last: int) -> None:
        band = luma[8 * first : 8 * last, : 8 * out.shape[1]]
        step = np.zeros_like(band)
        step[:, 1:-1] = np.minimum(np.abs(2 * band[:, 1:-1] - band[:, :-2] - band[:, 2:]), _STRONGEST)
        out[first:last] = step.reshape(last - first, 8, -1, 8).mean(axis=(1, 3))

    in_bands(out.shape[0], work, 32)
    return np.asarray(cv2.blur(out, (5, 5), borderType=cv2.BORDER_REFLECT), np.float32)


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Find the grid of the lines, then the blocks that do not keep to it."""
    side = min(media.width, media.height)
    if side < _SMALLEST:
        return abstain(METHOD, Reason.TOO_SMALL, f"A side of {side} pixels holds too few lines of blocks.")
    luma = media.luma
    upright, level = lines(luma), lines(np.ascontiguousarray(luma.T))
    (x, rise_x), (y, rise_y) = phase(upright), phase(level)
    rise = min(rise_x, rise_y)
    # Rows and columns of blocks are those of the corner along a line: 33 samples long, it does not care for 7.
    across, down = mismatch(upright, x), mismatch(level, y).T
    rows, columns = min(across.shape[0], down.shape[0]), min(across.shape[1], down.shape[1])
    detail = _detail(luma)[:rows, :columns]
    if float(detail.max()) == 0:
        return abstain(METHOD, Reason.TOO_FLAT, "The picture is of one colour.")
    measure = (across[:rows, :columns] + down[:rows, :columns]) / (detail + np.float32(_DAMP))
    array = np.asarray(cv2.blur(measure, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT), np.float32)
    bulk = float(np.median(array))
    # A pasted part can have the only grid there is: then the bulk keeps to none.
    found = rise >= _RISE and bulk < _NOWHERE
    spread = 1.4826 * float(np.median(np.abs(array - bulk)))
    areas = _areas(array, bulk, spread, media, (x, y)) if found and bulk < _IN_PLACE else ()
    return Finding(
        method=METHOD.id,
        says=_sentence(x, y, rise, found, areas),
        direction=Direction.FOR if areas else Direction.NEUTRAL,
        strength=Strength.WEAK if areas else Strength.NONE,
        regions=areas,
        maps=(
            heat(
                maps, METHOD.id, "mismatch", array if found else np.full_like(array, np.nan), _MEANING, low=-1, high=1,
                cell=8, origin=(x, y),
            ),
        ),
        details={
            "origin": [x, y], "rise": [round(rise_x, 3), round(rise_y, 3)], "bulk": round(bulk, 3),
            "spread": round(spread, 3),
        },
    )  # fmt: skip


def _areas(array: Floats, bulk: float, spread: float, media: Media, origin: tuple[int, int]) -> tuple[Region, ...]:
    """Compact areas whose blocks have stronger lines inside than at their borders, far from the bulk's measure."""
    odd = (array > _ABSENT) & (array >= bulk + _SPREADS * spread)
    parts, _ = blobs(odd, array, min_cells=max(40, int(_SHARE * array.size)), open_=2)
    says = "The lines between blocks are missing or out of place here, where the rest has them."
    boxes = []
    for blob in parts:
        if blob.cells >= _SOLID * blob.box[2] * blob.box[3]:
            box = region(blob, says, width=media.width, height=media.height, origin=origin)
            if box is not None:
                boxes.append(box)
    return tuple(boxes[:4])


def _sentence(x: int, y: int, rise: float, found: bool, areas: tuple[Region, ...]) -> str:
    if not found:
        return f"No block artifact grid stands out over the picture (its lines rise {rise:.2f} grey levels)."
    text = f"Lines between JPEG blocks beginning at ({x}, {y}) rise {rise:.2f} grey levels over the others"
    if areas:
        return f"{text}; in {len(areas)} area{'' if len(areas) == 1 else 's'} they are missing or out of place."
    return f"{text}, and no compact area lacks them."


ANALYSIS = Analysis(METHOD, examine)
