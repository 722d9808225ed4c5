"""The block artifact grid: found at its place, absent where there is none, and out of place where a part was moved."""

from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import mannwhitneyu

from assay import testing
from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, Reason, Strength
from assay.forensics import ANALYSES
from assay.forensics.compression import blocking
from assay.media import Media

Array = npt.NDArray[Any]


def texture(seed: int, height: int, width: int, blur: float = 1.2) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(128, 60, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), blur), 0, 255).astype(np.uint8)


def look(data: bytes) -> tuple[Finding, Array]:
    maps = MemoryMaps()
    outcome = blocking.examine(Media.open(data), maps)
    assert isinstance(outcome, Finding)
    msgspec.json.encode(outcome)
    return outcome, maps.arrays["blocking", "mismatch"]


def auc(finding: Finding, array: Array, mask: npt.NDArray[np.bool_]) -> float:
    x, y = (int(v) for v in finding.maps[0].origin)
    truth = mask[y + 4 :: 8, x + 4 :: 8][: array.shape[0], : array.shape[1]]
    scores = array[: truth.shape[0], : truth.shape[1]]
    inside, outside = scores[truth], scores[~truth]
    return float(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))


def stairs(start: int, height: int = 200, width: int = 304) -> npt.NDArray[np.float32]:
    """Columns of 8 pixels that differ by 2 levels by turns, the first border at ``start``."""
    row = 100 + 2.0 * (((np.arange(width) - start) // 8) % 2)
    return np.tile(row.astype(np.float32), (height, 1))


@pytest.mark.parametrize("start", range(8))
def test_phase_is_where_blocks_begin(start: int) -> None:
    strength = blocking.lines(stairs(start))
    assert strength.shape == (25, 304)
    found, rise = blocking.phase(strength)
    assert found == start
    # A step of 2 levels has a second difference of 2 on both sides.
    assert rise == pytest.approx(2, abs=0.2)


def test_mismatch_is_negative_in_place_and_positive_out_of_place() -> None:
    strength = blocking.lines(stairs(0))
    assert blocking.mismatch(strength, 0)[:, 2:-2].max() == pytest.approx(-2, abs=0.01)
    assert blocking.mismatch(strength, 4)[:, 2:-2].min() == pytest.approx(2, abs=0.01)


def test_edges_of_the_scene_count_no_more_than_the_limit() -> None:
    edge = np.full((200, 304), 20, np.float32)
    edge[:, 150:] = 240
    # One line alone does not recur, so the median of five leaves nothing of it.
    assert blocking.lines(edge).max() == 0
    grille = 20 + 220 * (stairs(0) > 101)
    assert blocking.lines(grille.astype(np.float32)).max() <= 10


def test_bands_make_no_difference() -> None:
    luma = texture(1, 640, 128)[..., 0].astype(np.float32)
    whole = blocking.lines(luma)
    alone = blocking.lines(np.ascontiguousarray(luma[200:]))
    # 25 rows of blocks further down, past the mirrored border of the part.
    np.testing.assert_allclose(whole[28:], alone[3:], atol=1e-4)


@pytest.mark.parametrize("shift", [(0, 0), (3, 5)])
def test_finds_the_grid_of_a_cropped_jpeg(shift: tuple[int, int]) -> None:
    finding, array = look(testing.nonaligned(2, q1=75, q2=None, shift=shift, width=389, height=301).data)
    wanted = [-shift[0] % 8, -shift[1] % 8]
    assert finding.details["origin"] == wanted
    assert list(finding.maps[0].origin) == wanted
    assert float(np.median(array)) < -0.2


def test_a_picture_never_compressed_has_no_grid() -> None:
    finding, array = look(testing.encode(testing.scene(3, 400, 300), None))
    assert finding.says.startswith("No block artifact grid")
    assert finding.strength is Strength.NONE
    assert np.isnan(array).all()


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("quality", [60, 90])
def test_a_plain_jpeg_is_not_accused(seed: int, quality: int) -> None:
    finding, _ = look(testing.authentic(seed, quality, width=501, height=403).data)
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())


@pytest.mark.parametrize("q2", [95, None])
@pytest.mark.parametrize("shift", [None, (3, 5)])
def test_map_shows_a_part_that_keeps_to_no_grid_or_another(q2: int | None, shift: tuple[int, int] | None) -> None:
    if shift is None:
        sample = testing.splice(6, 70, q2, width=512, height=384)
    else:
        sample = testing.grid_paste(6, 70, q2, shift=shift, width=512, height=384)
    finding, array = look(sample.data)
    assert sample.mask is not None
    assert auc(finding, array, sample.mask) >= 0.95
    assert finding.strength.rank <= Strength.WEAK.rank
    for box in finding.regions:
        assert sample.mask[box.y : box.y + box.height, box.x : box.x + box.width].mean() > 0.4


def test_a_part_off_the_grid_is_weak_evidence() -> None:
    found = [look(testing.grid_paste(s, 60, None, width=512, height=384).data)[0] for s in (7, 8)]
    assert all((f.direction, f.strength) == (Direction.FOR, Strength.WEAK) and f.regions for f in found)


def test_the_only_grid_of_a_pasted_part_is_not_the_pictures() -> None:
    finding, array = look(testing.grid_paste(9, None, None, width=512, height=384).data)
    assert np.isnan(array).all()
    assert finding.strength is Strength.NONE


@pytest.mark.parametrize("size", [(128, 128), (131, 257), (128, 1000), (900, 135)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for quality in (70, None):
        finding, array = look(testing.encode(texture(10, *size), quality))
        assert finding.strength is Strength.NONE
        assert array.shape == finding.maps[0].shape


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (texture(11, 127, 400), Reason.TOO_SMALL),
        (texture(11, 1, 1), Reason.TOO_SMALL),
        (np.full((200, 300, 3), 90, np.uint8), Reason.TOO_FLAT),
    ],
)
def test_abstains_where_nothing_can_be_seen(picture: npt.NDArray[np.uint8], reason: Reason) -> None:
    outcome = blocking.examine(Media.open(testing.encode(picture, 90)), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is reason


def test_it_is_registered() -> None:
    assert blocking.ANALYSIS in ANALYSES
