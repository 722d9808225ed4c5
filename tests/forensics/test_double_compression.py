"""Pictures compressed once, twice, and in part twice, with the history known to the step."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.stats import rankdata

from assay import testing
from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, Reason, Strength
from assay.forensics.compression import _blocks as blocks
from assay.forensics.compression import _primary as primary
from assay.forensics.compression import _shifts as shifts
from assay.forensics.compression import double_compression_aligned as aligned
from assay.forensics.compression import double_compression_nonaligned as nonaligned
from assay.media import Media

METHODS = pytest.mark.parametrize("method", [aligned, nonaligned], ids=["aligned", "nonaligned"])


def auc(mask: npt.NDArray[np.bool_], heat: npt.NDArray[np.floating], origin: tuple[float, float]) -> float:
    """Pixel AUC of a map of 8 x 8 cells; pixels that it does not cover or judge count as its median."""
    full = np.full(mask.shape, np.nan)
    x, y = int(origin[0]), int(origin[1])
    cells = np.kron(heat, np.ones((8, 8)))[: mask.shape[0] - y, : mask.shape[1] - x]
    full[y : y + cells.shape[0], x : x + cells.shape[1]] = cells
    ranks = rankdata(np.where(np.isnan(full), np.nanmedian(full), full))
    inside, ones = mask.ravel(), np.count_nonzero(mask)
    return float((ranks[inside].sum() - ones * (ones + 1) / 2) / (ones * (mask.size - ones)))


def run(module: object, data: bytes) -> tuple[Finding, MemoryMaps]:
    maps = MemoryMaps()
    finding = module.examine(Media.open(data), maps)  # type: ignore[attr-defined]
    assert isinstance(finding, Finding), finding
    return finding, maps


def heat_auc(finding: Finding, maps: MemoryMaps, mask: npt.NDArray[np.bool_]) -> float:
    record = finding.maps[0]
    return auc(mask, maps.arrays[finding.method, record.name], record.origin)  # type: ignore[arg-type]


def overlap(finding: Finding, mask: npt.NDArray[np.bool_]) -> float:
    """Share of the mask that lies in the boxes."""
    boxed = np.zeros_like(mask)
    for box in finding.regions:
        boxed[box.y : box.y + box.height, box.x : box.x + box.width] = True
    return float(boxed[mask].mean())


def splice(q1: int, q2: int, subsampling: str = "4:2:0") -> testing.Sample:
    return testing.splice(q1 + q2, q1, q2, subsampling=subsampling)


@pytest.mark.parametrize("q1", [60, 70, 80])
@pytest.mark.parametrize(("q2", "subsampling"), [(90, "4:2:0"), (95, "4:4:4")])
def test_a_splice_in_a_twice_compressed_picture_is_found(q1: int, q2: int, subsampling: str) -> None:
    sample = splice(q1, q2, subsampling)
    assert sample.mask is not None
    finding, maps = run(aligned, sample.data)
    assert heat_auc(finding, maps, sample.mask) >= 0.98
    assert finding.direction is Direction.FOR
    assert finding.strength.rank >= Strength.MODERATE.rank
    assert finding.details["first_quality"] == pytest.approx(q1, abs=1)
    assert overlap(finding, sample.mask) > 0.9
    assert len(finding.regions) == 1


@pytest.mark.parametrize(("q1", "q2"), [(50, 90), (75, 92), (85, 95)])
def test_a_resave_is_neutral_and_names_the_first_quality(q1: int, q2: int) -> None:
    finding, _ = run(aligned, testing.resave(q1, q1, q2).data)
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())
    assert finding.details["first_quality"] == pytest.approx(q1, abs=3)
    assert "compressed twice on this grid" in finding.says
    known = [row for row in finding.details["frequencies"] if row["known"]]
    true = blocks.luma_table(q1)
    assert np.mean([row["first_step"] == true[tuple(row["frequency"])] for row in known]) >= 0.8


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_part_that_alone_was_compressed_twice_is_found(share: float) -> None:
    sample = testing.double_region(3, 60, 90, share=share)
    assert sample.mask is not None
    finding, maps = run(aligned, sample.data)
    assert heat_auc(finding, maps, sample.mask) >= 0.95
    assert finding.direction is Direction.FOR
    assert finding.details["first_quality"] == 60
    assert "compressed once, but a part of it twice" in finding.says


@METHODS
@pytest.mark.parametrize(("quality", "subsampling"), [(75, "4:2:0"), (90, "4:4:4"), (98, "4:2:0")])
def test_nothing_is_said_of_a_picture_compressed_once(method: object, quality: int, subsampling: str) -> None:
    finding, _ = run(method, testing.authentic(quality, quality, subsampling=subsampling).data)
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())
    assert finding.says.startswith("No trace")
    assert finding.maps == ()


@pytest.mark.parametrize("shift", [(3, 5), (0, 3), (4, 4)])
def test_the_shift_of_a_crop_is_recovered(shift: tuple[int, int]) -> None:
    finding, _ = run(nonaligned, testing.nonaligned(sum(shift), 75, 92, shift=shift).data)
    # A grid that starts after the crop's corner: what was cut off, up to the next block.
    found = finding.details["shift_columns"], finding.details["shift_rows"]
    assert found == (-shift[0] % 8, -shift[1] % 8)
    assert finding.details["first_quality"] == pytest.approx(75, abs=1)
    assert (finding.direction, finding.strength) == (Direction.NEUTRAL, Strength.NONE)
    assert "cropped or moved" in finding.says


@pytest.mark.parametrize(("background", "q_region", "q2"), [(None, 70, 95), (80, 60, 90), (None, 75, 92)])
def test_a_part_pasted_off_its_grid_is_found(background: int | None, q_region: int, q2: int) -> None:
    sample = testing.grid_paste(8, background, q2, q_region=q_region, shift=(3, 5))
    assert sample.mask is not None
    finding, maps = run(nonaligned, sample.data)
    assert (finding.details["shift_columns"], finding.details["shift_rows"]) == (5, 3)
    assert heat_auc(finding, maps, sample.mask) >= 0.95
    assert finding.direction is Direction.FOR
    assert finding.strength.rank >= Strength.MODERATE.rank
    assert overlap(finding, sample.mask) > 0.8


def test_a_splice_in_a_cropped_picture_stands_out_from_the_shifted_grid() -> None:
    whole = testing.decode(testing.encode(testing.scene(4, 520, 392), 65))[5:, 3:].copy()
    mask = testing.region(4, whole.shape[1], whole.shape[0], 0.12)
    whole[mask] = testing.scene(99, whole.shape[1], whole.shape[0])[mask]
    finding, maps = run(nonaligned, testing.encode(whole, 95))
    assert heat_auc(finding, maps, mask) >= 0.95
    assert finding.direction is Direction.FOR
    assert finding.details["not_on_this_grid"] < 0.3


def test_steps_are_found_exactly_in_made_coefficients() -> None:
    rng = np.random.default_rng(1)
    before = rng.laplace(0, 25, 20_000)
    for q1, q2 in [(13, 4), (7, 3), (10, 1), (5, 2)]:
        twice = np.rint((np.rint(before / q1) * q1 + rng.normal(0, 0.5, before.size)) / q2)
        once = np.rint(before / q2)
        made = primary.histogram(twice.astype(np.int16), before + rng.normal(0, 0.5, before.size), (0, 1), q2)
        explored = primary.explore([made])
        (step,) = primary.estimate([made], explored)
        assert step.q1 == q1
        assert step.alpha <= 0.05
        plain = primary.histogram(once.astype(np.int16), before, (0, 1), q2)
        (none,) = primary.estimate([plain], primary.explore([plain]))
        assert none.share < 0.01


def test_evidence_of_a_zero_is_nothing_and_else_has_the_right_sign() -> None:
    rng = np.random.default_rng(2)
    before = rng.laplace(0, 25, 20_000)
    data = primary.histogram(np.rint(np.rint(before / 12) * 12 / 3).astype(np.int16), before, (0, 1), 3)
    table = primary.evidence(data, primary.step(data, 12, 0.5), whole_period=False)
    value = dict(zip(data.x.astype(int).tolist(), table.tolist(), strict=True))
    assert value[0] == 0
    assert value[4] < -0.5 > value[-8]
    assert value[2] > 2 < value[6]
    assert (primary.evidence(data, primary.step(data, 12, 0.5), whole_period=True)[np.abs(data.x) < 2] == 0).all()
    scores = primary.score(np.array([[0, 2], [4, 30_000]], dtype=np.int16), data, table)
    assert np.allclose(scores, [[0, value[2]], [value[4], 0]], atol=1e-5)


def test_noise_of_the_second_quantisation_is_predicted() -> None:
    picture = testing.scene(6, 512, 384)
    luma = picture @ np.array([0.299, 0.587, 0.114])
    media = Media.open(testing.encode(picture, 85, "4:4:4"))
    assert media.coefficients is not None
    plane = media.coefficients[0]
    for f in [(0, 0), (0, 1), (1, 1)]:
        error = blocks.grid_dct(blocks.decoded(plane), 3, 5, [f]) - blocks.grid_dct(luma, 3, 5, [f])
        assert shifts.noise(plane, 3, 5, f) == pytest.approx(float(error.std()), rel=0.25)


def test_blocks_shared_pieces() -> None:
    assert blocks.zigzag(6) == ((0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2))
    assert sorted(blocks.zigzag()) == [(v, h) for v in range(8) for h in range(8)]
    for quality in (30, 60, 75, 90):
        steps = {f: int(blocks.luma_table(quality)[f]) for f in blocks.zigzag(20)}
        assert blocks.nearest_quality(steps) == (quality, 0)
    with pytest.raises(ValueError, match="no steps"):
        blocks.nearest_quality({})
    flat = np.full((20, 24), 130.0)
    assert np.allclose(blocks.grid_dct(flat, 3, 5, [(0, 0), (1, 0)]), np.array([[[16, 0]] * 2] * 2), atol=1e-4)
    media = Media.open(testing.authentic(1).data)
    assert media.coefficients is not None
    plane = media.coefficients[0]
    assert np.allclose(blocks.decoded(plane), plane.samples(), atol=1e-2)


def test_cut_off_pixels_mark_their_block() -> None:
    rgb = np.full((24, 24, 3), 128, np.uint8)
    rgb[8:10, 0:3, 2] = 253
    cut = blocks.cut_off(rgb)
    assert np.count_nonzero(cut) == 6
    assert np.argwhere(blocks.marked_blocks(cut, (3, 3))).tolist() == [[1, 0]]
    assert blocks.marked_blocks(cut, (3, 3), 4, 4).shape == (2, 2)


def odd() -> Iterator[tuple[str, bytes, Reason]]:
    """Valid pictures of which nothing can be said."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    yield "png", testing.encode(noise, None), Reason.NOT_APPLICABLE
    yield "pixel", testing.encode(noise[:1, :1], 90), Reason.TOO_SMALL
    yield "strip", testing.encode(noise[:9, :], 90), Reason.TOO_SMALL
    yield "grey", testing.encode(np.full((300, 300, 3), 128, np.uint8), 90), Reason.TOO_FLAT


@METHODS
@pytest.mark.parametrize("case", list(odd()), ids=lambda case: case[0])
def test_abstains(method: object, case: tuple[str, bytes, Reason]) -> None:
    outcome = method.examine(Media.open(case[1]), NoMaps())  # type: ignore[attr-defined]
    assert isinstance(outcome, Abstention)
    assert outcome.reason is case[2]


@METHODS
@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_modes_and_odd_sizes_do_not_raise(method: object, mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(testing.scene(2, 301, 251)).convert(mode)
    path = tmp_path / "odd.jpg"
    picture.save(path, quality=60, progressive=True)
    with Image.open(path) as again:
        again.load()
        again.save(path, quality=92)
    finding, _ = run(method, path.read_bytes())
    assert finding.direction is Direction.NEUTRAL


@METHODS
@pytest.mark.shared_data
def test_no_claim_on_camera_pictures(method: object, shared_data: Path) -> None:
    claims = []
    for path in sorted((shared_data / "camera").glob("*.jpg"))[::18]:
        outcome = method.examine(Media.open(path), NoMaps())  # type: ignore[attr-defined]
        if isinstance(outcome, Finding) and outcome.direction is Direction.FOR:
            claims.append(path.name)
    assert claims == []
