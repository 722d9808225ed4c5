"""`jpeg_ghosts`: the loss is a real JPEG's, the quality found the one used, the odd part the one pasted in."""

from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import mannwhitneyu

from assay import testing
from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, MapKind, Reason, Strength
from assay.forensics import ANALYSES
from assay.forensics.compression import ghosts
from assay.forensics.compression._requantise import losses
from assay.media import Media

Array = npt.NDArray[Any]


def texture(seed: int, height: int, width: int, blur: float = 1.2) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(128, 60, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), blur), 0, 255).astype(np.uint8)


def look(data: bytes) -> tuple[Finding, dict[str, Array]]:
    maps = MemoryMaps()
    outcome = ghosts.examine(Media.open(data), maps)
    assert isinstance(outcome, Finding)
    msgspec.json.encode(outcome)
    return outcome, {name: array for (_, name), array in maps.arrays.items()}


def auc(finding: Finding, array: Array, mask: npt.NDArray[np.bool_]) -> float:
    x, y = (int(v) for v in finding.maps[0].origin)
    truth = mask[y + 8 :: 16, x + 8 :: 16][: array.shape[0], : array.shape[1]]
    scores = array[: truth.shape[0], : truth.shape[1]]
    inside, outside = scores[truth], scores[~truth]
    return float(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))


def resave_grey(luma: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    data = cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("origin", [(0, 0), (3, 5)])
def test_losses_are_those_of_a_real_compression(origin: tuple[int, int]) -> None:
    luma = texture(1, 101, 139)[..., 0]
    qualities = range(30, 96, 13)
    x, y = origin
    found = losses(luma.astype(np.float32), qualities, origin)
    assert found.shape == ((101 - y) // 16, (139 - x) // 16, len(qualities))
    part = np.ascontiguousarray(luma[y:, x:])
    for i, quality in enumerate(qualities):
        change = resave_grey(part, quality).astype(np.float64) - part
        rows, columns = found.shape[:2]
        blocks = change[: rows * 16, : columns * 16].reshape(rows, 2, 8, columns, 2, 8)
        # The method leaves the DC out: take each block's mean away.
        blocks = blocks - blocks.mean(axis=(2, 5), keepdims=True)
        real = (blocks**2).mean(axis=(1, 2, 4, 5))
        # The decoder rounds its samples, the method does not: about 1/12 more.
        assert np.abs(found[..., i] + 1 / 12 - real).max() < 0.1 + 0.1 * real.max()
        assert found[..., i].mean() + 1 / 12 == pytest.approx(real.mean(), rel=0.05)


def test_losses_are_the_same_over_more_than_one_band() -> None:
    luma = texture(2, 600, 64)[..., 0].astype(np.float32)
    whole = losses(luma, range(60, 80, 5))
    np.testing.assert_array_equal(whole[20:], losses(luma[320:], range(60, 80, 5)))


@pytest.mark.parametrize("quality", [48, 63, 75, 84])
def test_the_quality_found_is_the_quality_used(quality: int) -> None:
    finding, _ = look(_png_of_jpeg(quality))
    assert abs(finding.details["quality"] - quality) <= 1
    assert finding.details["bulk_dips"] is True
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())


def _png_of_jpeg(quality: int) -> bytes:
    picture = testing.decode(testing.encode(testing.scene(3, 384, 288), quality))
    return testing.encode(picture, None)


def test_a_cropped_picture_is_compressed_anew_on_its_own_grid() -> None:
    finding, _ = look(testing.nonaligned(4, q1=70, q2=None, shift=(3, 5), width=384, height=288).data)
    assert finding.details["origin"] == [5, 3]
    assert finding.maps[0].origin == (5, 3)
    assert abs(finding.details["quality"] - 70) <= 1


def test_a_part_without_the_ghost_of_the_rest() -> None:
    sample = testing.splice(5, 70, 92, width=512, height=384)
    finding, arrays = look(sample.data)
    assert sample.mask is not None
    assert abs(finding.details["quality"] - 70) <= 1
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.MODERATE)
    assert finding.details["bulk_dips"] is True
    assert finding.details["last_quality"] == 92
    box = finding.regions[0]
    inside = sample.mask[box.y : box.y + box.height, box.x : box.x + box.width]
    assert inside.mean() > 0.35
    assert inside.sum() > 0.85 * sample.mask.sum()
    assert auc(finding, arrays["ghost"], sample.mask) >= 0.95


def test_a_part_with_a_ghost_of_its_own() -> None:
    sample = testing.double_region(6, 60, 90, width=512, height=384)
    finding, arrays = look(sample.data)
    assert sample.mask is not None
    assert abs(finding.details["quality"] - 60) <= 1
    assert finding.details["bulk_dips"] is False
    assert finding.direction is Direction.FOR
    assert finding.regions[0].says == "This part shows a ghost that the rest lacks at quality 60."
    assert auc(finding, arrays["ghost"], sample.mask) >= 0.95


@pytest.mark.parametrize("seed", [7, 8])
def test_pictures_saved_once_or_twice_whole_are_not_accused(seed: int) -> None:
    for sample in (
        testing.authentic(seed, 90, width=448, height=320),
        testing.resave(seed, 75, 92, width=448, height=320),
        testing.nonaligned(seed, 75, 92, width=448, height=320),
    ):
        finding, _ = look(sample.data)
        assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())


def test_without_a_ghost_the_map_is_empty() -> None:
    finding, arrays = look(testing.encode(texture(9, 200, 260), 95))
    assert finding.says == "No part of the picture has a JPEG ghost."
    assert np.isnan(arrays["ghost"]).all()


def test_panels_show_every_fifth_quality_and_only_when_wanted() -> None:
    data = testing.authentic(10, 90, width=300, height=200).data
    finding, arrays = look(data)
    assert [m.kind for m in finding.maps] == [MapKind.HEAT, MapKind.VIEW]
    assert arrays["panels"].ndim == 2
    assert arrays["panels"].shape[1] % 4 == 0
    quiet = ghosts.examine(Media.open(data), NoMaps())
    assert isinstance(quiet, Finding)
    assert [m.kind for m in quiet.maps] == [MapKind.HEAT]


@pytest.mark.parametrize("size", [(128, 128), (131, 257), (128, 1000), (900, 135)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for quality in (70, None):
        finding, arrays = look(testing.encode(texture(11, *size), quality))
        assert finding.strength is Strength.NONE
        assert arrays["ghost"].shape == finding.maps[0].shape


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (texture(12, 127, 400), Reason.TOO_SMALL),
        (texture(12, 1, 1), Reason.TOO_SMALL),
        (np.full((200, 300, 3), 90, np.uint8), Reason.TOO_FLAT),
    ],
)
def test_abstains_where_nothing_can_be_seen(picture: npt.NDArray[np.uint8], reason: Reason) -> None:
    outcome = ghosts.examine(Media.open(testing.encode(picture, 90)), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is reason


def test_it_is_registered() -> None:
    assert ghosts.ANALYSIS in ANALYSES
