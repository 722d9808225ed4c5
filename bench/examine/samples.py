"""Pictures of our own making, forged in known ways: what each method sees, and what it claims of innocent ones."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from assay import testing
from assay.analysis import Analysis
from bench.examine.figures import Figure
from bench.examine.tally import Case, tally

PART = "samples"
HELD_OUT = 1000
"""Seeds start here, away from the small ones that tests use: no threshold was set on these pictures."""

Maker = Callable[..., testing.Sample]

_PAIRS = tuple((q1, q2) for q1 in (60, 70, 80) for q2 in (90, 95))

MAKERS: dict[str, tuple[Maker, ...]] = {
    "authentic": tuple(partial(testing.authentic, quality=q) for q in (75, 85, 92, 98)),
    "resave": tuple(partial(testing.resave, q1=q1, q2=q2) for q1, q2 in ((70, 90), (90, 75))),
    "resize": tuple(partial(testing.resize, factor=f) for f in (0.7, 1.3)),
    "nonaligned": tuple(partial(testing.nonaligned, q1=q1, q2=q2) for q1, q2 in _PAIRS[::2]),
    "splice": tuple(partial(testing.splice, q1=q1, q2=q2) for q1, q2 in _PAIRS),
    "grid_paste": tuple(partial(testing.grid_paste, q1=q1, q2=q2) for q1, q2 in _PAIRS),
    "double_region": tuple(partial(testing.double_region, q_region=q, q2=q2) for q, q2 in ((50, 90), (60, 95))),
    "clone": (testing.clone, partial(testing.clone, angle=20, scale=1.1)),
    "inpaint": (testing.inpaint, partial(testing.inpaint, quality=85)),
    "resized_part": (testing.resized_part, partial(testing.resized_part, factor=1.6)),
    "noise_paste": (testing.noise_paste, partial(testing.noise_paste, sigma=3)),
}
"""Each kind, in the variants over which its figures are the mean."""

SAYS = {
    "authentic": "compressed once, Q 75 to 98",
    "resave": "whole picture compressed twice on one grid",
    "resize": "whole picture resampled by 0.7 and 1.3",
    "nonaligned": "whole picture Q1 60-80, cropped off the grid, Q2 90",
    "splice": "background Q1 60-80, uncompressed part, Q2 90-95",
    "grid_paste": "background Q1 60-80, part of another grid, Q2 90-95",
    "double_region": "uncompressed background, part of Q 50-60, Q2 90-95",
    "clone": "copy-move, plain and turned by 20° with scale 1.1, Q 92",
    "inpaint": "Telea, Q 85 and 92",
    "resized_part": "part enlarged 1.3 and 1.6 times, Q 92",
    "noise_paste": "part with sigma 3 and 6 more noise, Q 92",
}


def cases(seeds: int) -> Iterator[Case]:
    """Every variant of every kind for each seed; 4:2:0 and 4:4:4 take turns."""
    for seed in range(HELD_OUT, HELD_OUT + seeds):
        subsampling = ("4:2:0", "4:4:4")[seed % 2]
        for kind, makers in MAKERS.items():
            for make in makers:
                sample = make(seed, subsampling=subsampling)
                yield Case(kind, sample.data, sample.mask, f"{kind} of seed {seed}: {sample.says}")


def measure(analyses: Iterable[Analysis], seeds: int) -> list[Figure]:
    """Run the methods over the samples of ``seeds`` scenes."""
    return tally(PART, analyses, cases(seeds), seeds * sum(len(makers) for makers in MAKERS.values()))


__all__ = ["MAKERS", "PART", "SAYS", "cases", "measure"]
