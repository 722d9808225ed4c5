"""Parts, or the whole, of a JPEG that were compressed before on a grid that is not today's."""

import numpy as np
import numpy.typing as npt

from assay.analysis import Analysis, Maps, abstain, heat
from assay.evidence import Abstention, Direction, Finding, Method, Reason, Strength
from assay.forensics.compression._blocks import (
    Floats,
    Frequency,
    cut_off,
    decoded,
    grid_dct,
    marked_blocks,
    nearest_quality,
    zigzag,
)
from assay.forensics.compression._contrast import Contrast, contrast
from assay.forensics.compression._primary import ALPHAS, evidence, gains, histogram, score, step
from assay.forensics.compression._shifts import Shift, find, noise
from assay.forensics.figures import measured
from assay.forensics.regions import region
from assay.media import Media

METHOD = Method(
    id="double_compression_nonaligned",
    version="1",
    title="Non-aligned double compression",
    group="compression",
    looks_at="The regular steps that an earlier JPEG compression left in the DCT coefficients of another 8 x 8 grid: "
    "of a pasted part, or of the whole picture where it was cropped or moved before it was saved again.",
    fooled_by="A last compression about as coarse as the earlier one, pasted parts below a twentieth of the picture, "
    "resizing or filtering in between. A part that comes from a picture never compressed leaves no such grid.",
    ignore="Single blocks, and anything beside burnt-out or black areas. A grid of the whole picture only says that it "
    "was cropped or moved.",
    source="T. Bianchi, A. Piva, Image Forgery Localization via Block-Grained Analysis of JPEG Artifacts, IEEE "
    "Transactions on Information Forensics and Security 7(3), 2012, https://doi.org/10.1109/TIFS.2012.2187516",
    error_rates=measured("double_compression_nonaligned"),
)
FREQUENCIES = zigzag(10)
# 72 camera pictures reach 3.2 and 17.
_LEAST_TABLE, _LEAST_FREE = 4.0, 22.0
_LEAST_FREQUENCIES = 3
_LEAST_RATIO = 1.1
_MEANING = (
    "Nats of log likelihood, over 3 x 3 blocks of the shifted grid and the known frequencies, for the compression "
    "history that the bulk of the picture does not have."
)


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Find the shift whose coefficients keep a period, then weigh each of its blocks: compressed there, or not?

    Abstains for anything but a JPEG with full-size luma, and below 256 blocks.
    """
    planes = media.coefficients
    if planes is None:
        return abstain(METHOD, Reason.NOT_APPLICABLE, "Only a JPEG can have been compressed twice.")
    plane = planes[0]
    if plane.scale != (1, 1):
        return abstain(METHOD, Reason.NOT_APPLICABLE, "The first component is stored at less than full size.")
    shape = plane.blocks.shape[0], plane.blocks.shape[1]
    if shape[0] * shape[1] < 256 or min(shape) < 3:
        return abstain(METHOD, Reason.TOO_SMALL, "Fewer than 256 blocks are too few for histograms.")
    if int(np.count_nonzero(plane.blocks[:, :, :4, :4])) < 1000:
        return abstain(METHOD, Reason.TOO_FLAT, "Nearly all coefficients are 0.")
    samples = decoded(plane)
    shift = find(samples, FREQUENCIES)
    weighed = None
    if shift.z_table >= _LEAST_TABLE or shift.z_free >= _LEAST_FREE:
        sigmas = {f: noise(plane, shift.dy, shift.dx, f) for f in shift.steps}
        weighed = _weigh(samples, marked_blocks(cut_off(media.rgb), shape, shift.dy, shift.dx), shift, sigmas)
    if weighed is None:
        return Finding(
            method=METHOD.id,
            says="No trace of an earlier JPEG compression on another block grid.",
            details={"z_table": round(shift.z_table, 2), "z_free": round(shift.z_free, 1)},
        )
    judged, alpha = weighed
    origin = (shift.dx, shift.dy)
    record = heat(maps, METHOD.id, "likelihood", judged.heat, _MEANING, low=-30, high=30, origin=origin)
    bulk_twice = alpha <= 0.5
    # Where neither history has a clear majority, nothing says which of them is the odd one.
    strength = judged.strength if alpha <= 0.25 or alpha >= 0.75 else min(judged.strength, Strength.WEAK, key=_rank)
    parts = judged.parts if strength is not Strength.NONE else ()
    words = "not compressed on the earlier grid" if bulk_twice else "compressed before on another grid"
    boxes = [
        region(
            p.blob, f"{words}: {p.share:.0%} of {p.coefficients} coefficients", width=media.width,
            height=media.height, origin=origin,
        )
        for p in parts[:8]
    ]  # fmt: skip
    return Finding(
        method=METHOD.id,
        says=_says(shift, len(parts), alpha),
        direction=Direction.FOR if parts else Direction.NEUTRAL,
        strength=strength,
        regions=tuple(box for box in boxes if box is not None),
        maps=(record,),
        details=_details(shift, judged, alpha),
    )


def _weigh(
    samples: Floats, cut: npt.NDArray[np.bool_], shift: Shift, sigmas: dict[Frequency, float]
) -> tuple[Contrast, float] | None:
    """The contrast of a shifted grid and the part alpha that never saw it; None where too few frequencies agree.

    The four grids that lie diagonally beside it stand for coefficients before any quantisation.
    """
    beside = [((shift.dy + v) % 8, (shift.dx + h) % 8) for v in (-1, 1) for h in (-1, 1)]
    frequencies = tuple(shift.steps)
    near = [grid_dct(samples, dy, dx, frequencies) for dy, dx in beside if (dy, dx) != (0, 0)]
    here = np.rint(grid_dct(samples, shift.dy, shift.dx, frequencies)).astype(np.int16)
    known = []
    for i, f in enumerate(frequencies):
        one = histogram(here[:, :, i][~cut], np.concatenate([n[:, :, i].ravel() for n in near]), f, 1)
        fits = [step(one, shift.steps[f], factor * sigmas[f]) for factor in (0.8, 1.0, 1.25)]
        best = max(fits, key=lambda s: s.gain)
        if best.gain >= 8:
            known.append((i, one, best))
    if len(known) < _LEAST_FREQUENCIES:
        return None
    total = np.sum([gains(one, s.q1, s.sigma) for _, one, s in known], axis=0)
    alpha = float(ALPHAS[int(np.argmax(total))])
    scores = [
        np.where(cut, np.float32(0), score(here[:, :, i], one, evidence(one, s, whole_period=True)))
        for i, one, s in known
    ]
    return contrast(scores, odd_is_positive=alpha <= 0.5, least_ratio=_LEAST_RATIO), alpha


def _rank(strength: Strength) -> int:
    return strength.rank


def _first(shift: Shift) -> str:
    quality, away = nearest_quality(shift.steps)
    return f"at about IJG quality {quality}" if away <= 1 else "with a table that is not the IJG's"


def _says(shift: Shift, parts: int, alpha: float) -> str:
    where = f"on a grid {shift.dx} columns and {shift.dy} rows from today's, {_first(shift)}"
    many = "a part" if parts == 1 else f"{parts} parts"
    if alpha <= 0.5:
        if not parts:
            return f"The picture was compressed before {where}: it was cropped or moved since."
        return f"The picture was compressed before {where}, but {many} of it was not."
    if not parts:
        return f"There are traces of an earlier compression {where}, but in no clear part of the picture."
    return f"The picture holds {many} that was compressed before {where}."


def _details(shift: Shift, judged: Contrast, alpha: float) -> dict[str, object]:
    quality, away = nearest_quality(shift.steps)
    return {
        "shift_columns": shift.dx,
        "shift_rows": shift.dy,
        "first_steps": [{"frequency": list(f), "step": q} for f, q in shift.steps.items()],
        "first_quality": quality,
        "first_quality_misfit": round(away, 2),
        "z_table": round(shift.z_table, 2),
        "z_free": round(shift.z_free, 1),
        "not_on_this_grid": alpha,
        "bulk_mean_llr": round(judged.bulk_mean, 3),
        "bulk_odd_share": round(judged.bulk_odd, 3),
        "parts": [
            {"coefficients": p.coefficients, "mean_llr": round(p.mean, 2), "share": p.share} for p in judged.parts
        ],
    }


ANALYSIS = Analysis(METHOD, examine)
