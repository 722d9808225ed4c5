"""Parts that were compressed once in a picture that was compressed twice on one grid, or the reverse."""

import numpy as np

from assay.analysis import Analysis, Maps, abstain, heat
from assay.evidence import Abstention, Direction, Finding, Method, Reason, Strength
from assay.forensics.compression._blocks import (
    cut_off,
    decoded,
    grid_dct,
    marked_blocks,
    nearest_quality,
    zigzag,
)
from assay.forensics.compression._contrast import Contrast, contrast
from assay.forensics.compression._primary import (
    Histogram,
    Step,
    estimate,
    estimate_standard,
    evidence,
    explore,
    histogram,
    score,
)
from assay.forensics.figures import measured
from assay.forensics.regions import region
from assay.media import Media

METHOD = Method(
    id="double_compression_aligned",
    version="1",
    title="Aligned double compression",
    group="compression",
    looks_at="The gaps and peaks that a first JPEG compression leaves in the DCT coefficients when the picture is "
    "saved again on the same 8 x 8 grid. A part that was pasted in lacks them.",
    fooled_by="A second compression coarser than the first, the same table twice, resizing or filtering in between, "
    "and pasted parts whose own JPEG grid happens to fit. Sky without texture and cut-off highlights carry no "
    "trace.",
    ignore="Single blocks, thin lines along strong edges, and anything beside burnt-out or black areas.",
    source="T. Bianchi, A. Piva, Image Forgery Localization via Block-Grained Analysis of JPEG Artifacts, IEEE "
    "Transactions on Information Forensics and Security 7(3), 2012, https://doi.org/10.1109/TIFS.2012.2187516",
    error_rates=measured("double_compression_aligned"),
)
FREQUENCIES = zigzag(10)
# The fourth best frequency of 72 camera pictures reaches 0.0034 at most.
_CONFIDENT = 0.01
_LEAST_GAIN = 25.0
_LEAST_FREQUENCIES = 4
_MANY_BLOCKS = 60_000
_POOLED = tuple((dy, dx) for dy in (2, 3, 4, 5, 6) for dx in (2, 3, 4, 5, 6))
# One quantisation is further from two than two from one: false parts reach 1.4, true ones 1.6 to 2.5.
_LEAST_RATIO = 1.5
_MEANING = (
    "Nats of log likelihood, over 3 x 3 blocks and the known frequencies, for the compression history that the bulk of "
    "the picture does not have."
)


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Estimate the first quantisation of ten low frequencies, then weigh each block: compressed once, or twice?

    Abstains for anything but a JPEG with full-size luma, below 256 blocks, and where nearly all coefficients are 0.
    """
    planes = media.coefficients
    if planes is None:
        return abstain(METHOD, Reason.NOT_APPLICABLE, "Only a JPEG holds the coefficients that this looks at.")
    plane = planes[0]
    if plane.scale != (1, 1):
        return abstain(METHOD, Reason.NOT_APPLICABLE, "The first component is stored at less than full size.")
    shape = plane.blocks.shape[0], plane.blocks.shape[1]
    if shape[0] * shape[1] < 256:
        return abstain(METHOD, Reason.TOO_SMALL, "Fewer than 256 blocks are too few for histograms.")
    edges = cut_off(media.rgb)
    usable = ~marked_blocks(edges, shape)
    samples = decoded(plane)
    # A small picture holds too few blocks to know the density by: several grids are pooled.
    shifts = ((4, 4),) if shape[0] * shape[1] > _MANY_BLOCKS else _POOLED
    shifted = np.concatenate(
        [grid_dct(samples, dy, dx, FREQUENCIES)[~marked_blocks(edges, shape, dy, dx)] for dy, dx in shifts]
    )
    del samples, edges
    histograms = [
        histogram(plane.blocks[:, :, v, h][usable], shifted[:, i], (v, h), int(plane.table[v, h]))
        for i, (v, h) in enumerate(FREQUENCIES)
    ]
    if sum(one.nonzero for one in histograms[1:]) < 1000:
        return abstain(METHOD, Reason.TOO_FLAT, "Nearly all coefficients are 0 or cut off at black or white.")
    explored = explore(histograms)
    steps = estimate(histograms, explored)
    known = [s for s in steps if s.share >= _CONFIDENT and s.gain >= _LEAST_GAIN]
    alone = len(known) >= _LEAST_FREQUENCIES
    if not alone:
        standard = estimate_standard(histograms, explored)
        steps, known = standard or steps, list(standard) or known
    if not alone and not standard:
        return Finding(
            method=METHOD.id,
            says=f"No trace of an earlier JPEG compression on this block grid ({len(known)} of {len(steps)} "
            "frequencies); one with the same or finer steps would leave none.",
            details=_details(steps, known, None),
        )
    scores = []
    by_frequency: dict[tuple[int, int], Histogram] = {one.frequency: one for one in histograms}
    for s in known:
        one = by_frequency[s.frequency]
        values = plane.blocks[:, :, s.frequency[0], s.frequency[1]]
        each = score(values, one, evidence(one, s, whole_period=False))
        scores.append(np.where(usable, each, np.float32(0)))
    bulk_twice = float(np.median([s.alpha for s in known])) <= 0.5
    weighed = contrast(scores, odd_is_positive=bulk_twice, least_ratio=_LEAST_RATIO)
    record = heat(maps, METHOD.id, "likelihood", weighed.heat, _MEANING, low=-30, high=30)
    strength = weighed.strength
    parts = weighed.parts if strength is not Strength.NONE else ()
    words = "compressed once only" if bulk_twice else "compressed twice"
    boxes = [
        region(
            p.blob, f"{words}: {p.share:.0%} of {p.coefficients} coefficients", width=media.width,
            height=media.height,
        )
        for p in parts[:8]
    ]  # fmt: skip
    return Finding(
        method=METHOD.id,
        says=_says(known, len(parts), bulk_twice),
        direction=Direction.FOR if parts else Direction.NEUTRAL,
        strength=strength,
        regions=tuple(box for box in boxes if box is not None),
        maps=(record,),
        details=_details(steps, known, weighed),
    )


def describe(steps: list[Step]) -> str:
    """``at about IJG quality 71``, or what can be said of steps that fit no such table."""
    quality, away = nearest_quality({s.frequency: s.q1 for s in steps})
    if away <= 1:
        return f"at about IJG quality {quality}"
    return "with a table that is not the IJG's"


def _says(known: list[Step], parts: int, bulk_twice: bool) -> str:
    first = describe(known)
    if bulk_twice:
        if not parts:
            return f"The picture was compressed twice on this grid, first {first}; no part of it stands out clearly."
        many = "a part" if parts == 1 else f"{parts} parts"
        return f"The picture was compressed twice, first {first}, but {many} of it only once."
    if not parts:
        return f"There are traces of an earlier compression {first}, but in no clear part of the picture."
    many = "a part" if parts == 1 else f"{parts} parts"
    return f"The picture was compressed once, but {many} of it twice, first {first}."


def _details(steps: tuple[Step, ...], known: list[Step], weighed: Contrast | None) -> dict[str, object]:
    rows = [
        {
            "frequency": list(s.frequency), "stored_step": s.q2, "first_step": s.q1, "known": s in known,
            "gain": round(s.share, 4), "once": s.alpha,
        }
        for s in steps
    ]  # fmt: skip
    details: dict[str, object] = {"frequencies": rows, "frequencies_known": len(known)}
    if known and weighed is not None:
        quality, away = nearest_quality({s.frequency: s.q1 for s in known})
        details |= {"first_quality": quality, "first_quality_misfit": round(away, 2)}
    if weighed is not None:
        details |= {"bulk_mean_llr": round(weighed.bulk_mean, 3), "bulk_odd_share": round(weighed.bulk_odd, 3)}
        details["parts"] = [
            {"coefficients": p.coefficients, "mean_llr": round(p.mean, 2), "share": p.share} for p in weighed.parts
        ]
    return details


ANALYSIS = Analysis(METHOD, examine)
