"""Steps and inconsistencies in pictures whose first table is known."""

from pathlib import Path

import numpy as np
import pytest
from tests.forensics.test_double_compression import heat_auc, overlap

from assay import testing
from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, Reason, Strength
from assay.forensics.compression import dct_histograms as method
from assay.forensics.compression._blocks import luma_table
from assay.media import Media


def run(data: bytes) -> tuple[Finding, MemoryMaps]:
    maps = MemoryMaps()
    finding = method.examine(Media.open(data), maps)
    assert isinstance(finding, Finding), finding
    return finding, maps


@pytest.mark.parametrize(("step", "unit"), [(3, 1), (6, 1), (17, 1), (6, 2), (11, 2), (11, 3)])
def test_the_step_of_made_coefficients(step: int, unit: int) -> None:
    rng = np.random.default_rng(step)
    kept = np.rint(rng.laplace(0, 40, 8000) / step) * step + rng.normal(0, 0.4, 8000)
    values = (np.rint(kept / unit) * unit).astype(np.float32)
    found, clear = method.estimate_step(values, (0, 1), unit)
    assert found == step
    assert clear > 10


def test_no_step_where_there_is_none() -> None:
    values = np.random.default_rng(1).laplace(0, 40, 8000).astype(np.float32)
    assert method.estimate_step(values, (0, 1), 1)[1] < 6
    assert method.estimate_step(values[:50], (0, 1), 1) == (0, 0)


@pytest.mark.parametrize(("q1", "q2"), [(60, 90), (70, 92), (80, 95), (75, None)])
def test_a_splice_lies_off_the_steps(q1: int, q2: int | None) -> None:
    sample = testing.splice(q1, q1, q2)
    assert sample.mask is not None
    finding, maps = run(sample.data)
    assert heat_auc(finding, maps, sample.mask) >= 0.95
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.WEAK)
    assert finding.details["first_quality"] == pytest.approx(q1, abs=1)
    true = luma_table(q1)
    assert all(row["step"] == true[tuple(row["frequency"])] for row in finding.details["estimated_steps"])
    assert overlap(finding, sample.mask) > 0.9


@pytest.mark.parametrize(("q1", "q2"), [(75, 92), (80, None)])
def test_a_whole_picture_saved_again_is_neutral(q1: int, q2: int | None) -> None:
    picture = testing.decode(testing.encode(testing.scene(5, 512, 384), q1))
    finding, _ = run(testing.encode(picture, q2))
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())
    assert finding.details["first_quality"] == pytest.approx(q1, abs=2)


@pytest.mark.parametrize("quality", [70, 95, None])
def test_abstains_where_no_earlier_table_shows(quality: int | None) -> None:
    outcome = method.examine(Media.open(testing.encode(testing.scene(5, 512, 384), quality)), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.NO_REFERENCE


@pytest.mark.parametrize("size", [(1, 1), (8, 200), (130, 97)])
@pytest.mark.parametrize("quality", [85, None])
def test_small_pictures_do_not_raise(size: tuple[int, int], quality: int | None) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    outcome = method.examine(Media.open(testing.encode(noise, quality)), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.TOO_SMALL


def test_one_colour_does_not_raise() -> None:
    outcome = method.examine(Media.open(testing.encode(np.full((200, 200, 3), 77, np.uint8), 80)), NoMaps())
    assert isinstance(outcome, Abstention)


@pytest.mark.shared_data
def test_no_claim_on_camera_pictures(shared_data: Path) -> None:
    paths = sorted((shared_data / "camera").glob("*.jpg"))[::18]
    outcomes = [method.examine(Media.open(path), NoMaps()) for path in paths]
    assert not [o for o in outcomes if isinstance(o, Finding) and o.direction is Direction.FOR]
