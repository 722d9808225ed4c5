"""Blocks that do not sit on the steps of the quantisation table that the histograms of the picture betray."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter

from assay.analysis import Analysis, Maps, abstain, heat
from assay.evidence import Abstention, Direction, Finding, Method, Reason, Strength
from assay.forensics.compression._blocks import (
    DC,
    Doubles,
    Floats,
    Frequency,
    cut_off,
    decoded,
    grid_dct,
    marked_blocks,
    nearest_quality,
    zigzag,
)
from assay.forensics.compression._primary import LARGEST_STEP
from assay.forensics.figures import measured
from assay.forensics.regions import blobs, region
from assay.media import Media

METHOD = Method(
    id="dct_histograms",
    version="1",
    title="Table estimated from DCT histograms",
    group="compression",
    looks_at="The quantisation steps that an earlier JPEG compression on this grid left in the histograms of the DCT "
    "coefficients, and how far each block is off those steps.",
    fooled_by="A last compression nearly as coarse as the first; resizing, cropping off the grid or filtering after "
    "the first compression. Flat blocks tell nothing.",
    ignore="Single blocks, and everything beside burnt-out or black areas: this measure is noisy.",
    source="S. Ye, Q. Sun, E.-C. Chang, Detecting Digital Image Forgeries by Measuring Inconsistencies of Blocking "
    "Artifact, IEEE ICME 2007, https://doi.org/10.1109/ICME.2007.4284574",
    error_rates=measured("dct_histograms"),
)
FREQUENCIES = zigzag(10)
_REACH = 512
# In standard deviations of chance.
_CLEAR = 6.0
# Mean distance from the estimated steps. Pictures compressed once lie above 0.9, others mostly below 0.6.
_KEPT = 0.75
_LEAST_FREQUENCIES = 4
_MEANING = (
    "Mean distance of a block's coefficients from the nearest multiple of the estimated steps, over 3 x 3 blocks: 0 on "
    "the steps, 1 where they fall anywhere."
)


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Estimate steps from the histograms' power spectra, then measure each block against them.

    For a JPEG the steps sought are those of an earlier compression, because all blocks sit on the stored table.
    Abstains where no earlier table shows, below 256 blocks, and for a JPEG whose luma is not full size.
    """
    planes = media.coefficients
    if planes is not None and planes[0].scale != (1, 1):
        return abstain(METHOD, Reason.NOT_APPLICABLE, "The first component is stored at less than full size.")
    if (media.width // 8) * (media.height // 8) < 256:
        return abstain(METHOD, Reason.TOO_SMALL, "Fewer than 256 blocks are too few for histograms.")
    samples = media.luma if planes is None else decoded(planes[0])
    units = {f: 1 if planes is None else int(planes[0].table[f]) for f in FREQUENCIES}
    values = grid_dct(samples, 0, 0, FREQUENCIES)
    shape = values.shape[0], values.shape[1]
    usable = ~marked_blocks(cut_off(media.rgb), shape)
    del samples
    steps = {}
    for i, f in enumerate(FREQUENCIES):
        inside = values[:, :, i][usable]
        step, clear = estimate_step(inside, f, units[f])
        # A crooked envelope makes peaks too; a table that is there also holds most of the coefficients.
        if clear >= _CLEAR and _mean_distance(inside, f, step) <= _KEPT:
            steps[f] = step
    if len(steps) < _LEAST_FREQUENCIES:
        says = "The histograms show no table but the stored one." if planes else "The histograms show no JPEG table."
        return abstain(METHOD, Reason.NO_REFERENCE, says)
    array = _distance(values, usable, steps)
    record = heat(maps, METHOD.id, "inconsistency", array, _MEANING, low=0, high=1)
    bulk = float(np.nanmedian(array)) if np.isfinite(array).any() else 1.0
    # Half way from the bulk to what chance gives, and only where the bulk does keep to the steps.
    mask = np.nan_to_num(array, nan=0.0) > (bulk + 1) / 2
    found = blobs(mask, array, min_cells=64, open_=1)[0] if bulk <= 0.5 else []
    clean = bool(found) and float(mask.mean()) <= 0.3 and found[0].cells >= 0.5 * np.count_nonzero(mask)
    found = [blob for blob in found if blob.mean >= 0.75] if clean else []
    quality, away = nearest_quality(steps)
    table = f"about IJG quality {quality}" if away <= 1 else "no IJG table"
    says = f"The histograms show an earlier JPEG table, {table}"
    boxes = [region(b, f"off the steps by {b.mean:.2f}", width=media.width, height=media.height) for b in found[:8]]
    return Finding(
        method=METHOD.id,
        says=f"{says}; {_count(len(found))} not keep to it." if found else f"{says}.",
        direction=Direction.FOR if found else Direction.NEUTRAL,
        strength=Strength.WEAK if found else Strength.NONE,
        regions=tuple(box for box in boxes if box is not None),
        maps=(record,),
        details={
            "estimated_steps": [{"frequency": list(f), "step": q, "stored_step": units[f]} for f, q in steps.items()],
            "first_quality": quality,
            "first_quality_misfit": round(away, 2),
            "bulk_distance": round(bulk, 3),
        },
    )


def _count(parts: int) -> str:
    return "one part does" if parts == 1 else f"{parts} parts do"


def estimate_step(values: Floats, frequency: Frequency, unit: int) -> tuple[int, float]:
    """The step of one frequency, and by how many standard deviations of chance its peak stands out.

    ``values`` lie on multiples of ``unit`` (1: anywhere). A step q makes a peak at the frequency 1 / q of the power
    spectrum of their histogram: a deep minimum of its second derivative. Of peaks at least half as deep as the
    deepest the first is taken, for the others are its overtones.
    """
    whole = np.rint(values / unit).astype(np.int64).ravel()
    reach = _REACH // unit
    counts = np.bincount(whole[np.abs(whole) <= reach] + reach, minlength=2 * reach + 1).astype(np.float64)
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    if frequency != DC:
        counts[np.abs(x) * unit < 2] = 0
    total = counts.sum()
    if total < 200:
        return 0, 0.0
    # On multiples of the unit, a step no larger than it leaves nothing to see.
    steps = np.arange(max(2, unit + 1), LARGEST_STEP + 1)
    at = unit / steps
    beside = unit / steps - unit / (steps + 1.0)

    def spectrum(nu: Doubles) -> Doubles:
        return np.asarray(np.abs(np.exp(-2j * np.pi * nu[:, None] * x) @ counts) / np.sqrt(total))

    depth = 2 * spectrum(at) - spectrum(at - beside) - spectrum(at + beside)
    # Under chance each of the three is a Rayleigh variable.
    depth /= np.sqrt(6 * (1 - np.pi / 4))
    clear = np.flatnonzero(depth >= max(depth.max() / 2, 0))
    best = int(clear[-1])
    while best > 0 and depth[best - 1] > depth[best]:
        best -= 1
    return int(steps[best]), float(depth[best])


def _off(each: Floats, step: int) -> Floats:
    """Distance from the nearest multiple of ``step``, 1 being the mean of what falls anywhere."""
    return np.asarray(np.abs(each - step * np.rint(each / step)) * np.float32(4 / step), dtype=np.float32)


def _tells(each: Floats, frequency: Frequency, step: int) -> npt.NDArray[np.bool_]:
    """The period round 0 of an AC coefficient is left out: a flat block keeps to any table."""
    return np.asarray((np.abs(each) > step / 2) | (frequency == DC))


def _mean_distance(each: Floats, frequency: Frequency, step: int) -> float:
    telling = each[_tells(each, frequency, step)]
    return float(_off(telling, step).mean()) if telling.size >= 100 else 1.0


def _distance(values: Floats, usable: npt.NDArray[np.bool_], steps: dict[Frequency, int]) -> Floats:
    """The blocking measure B, scaled by what chance gives, over 3 x 3 blocks; NaN where too little tells."""
    total = np.zeros(values.shape[:2], np.float32)
    number = np.zeros_like(total)
    for f, step in steps.items():
        each = values[:, :, FREQUENCIES.index(f)]
        tells = usable & _tells(each, f, step)
        total += np.where(tells, _off(each, step), np.float32(0))
        number += tells
    near, count = uniform_filter(total, 3) * 9, uniform_filter(number, 3) * 9
    return np.where(count > 2.5, median_filter(near / np.maximum(count, 1e-3), 3), np.nan).astype(np.float32)


ANALYSIS = Analysis(METHOD, examine)
