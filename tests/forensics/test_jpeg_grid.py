"""`jpeg_grid` finds origins to the pixel, keeps its promise on false alarms, and shows what was pasted in."""

import io
from types import ModuleType
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.fft import dctn
from scipy.stats import binom, mannwhitneyu

from assay import testing
from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, MapKind, Reason, Strength
from assay.forensics import ANALYSES
from assay.forensics.compression import blocking, ghosts, grid
from assay.forensics.compression._dct_zeros import NO_VOTE, grid_votes, tally, zero_scores
from assay.forensics.compression._grids import global_grids, log10_tail, log10_tests, patches
from assay.media import Media

Array = npt.NDArray[Any]


def texture(seed: int, height: int, width: int, blur: float = 1.2) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(128, 60, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), blur), 0, 255).astype(np.uint8)


def look(data: bytes) -> tuple[Finding, dict[str, Array]]:
    maps = MemoryMaps()
    outcome = grid.examine(Media.open(data), maps)
    assert isinstance(outcome, Finding)
    msgspec.json.encode(outcome)
    return outcome, {name: array for (_, name), array in maps.arrays.items()}


def pixel_auc(finding: Finding, array: Array, mask: npt.NDArray[np.bool_]) -> float:
    record = finding.maps[0]
    rows, columns = (
        (record.origin[1 - axis] + record.cell * (np.arange(array.shape[axis]) + 0.5)).astype(int) for axis in (0, 1)
    )
    rows, columns = rows[rows < mask.shape[0]], columns[columns < mask.shape[1]]
    truth, scores = mask[np.ix_(rows, columns)], array[: len(rows), : len(columns)]
    known = np.isfinite(scores)
    inside, outside = scores[known & truth], scores[known & ~truth]
    return float(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))


def test_scores_count_the_zeros_of_the_dct() -> None:
    luma = texture(1, 60, 75)[..., 0].astype(np.float32)
    scores = zero_scores(luma)
    assert scores.shape == (53, 68)
    for y, x in [(0, 0), (5, 9), (17, 40), (52, 67)]:
        transformed = dctn(luma[y : y + 8, x : x + 8], norm="ortho")
        transformed[0, 0] = 1
        assert scores[y, x] == 1 + np.count_nonzero(np.abs(transformed) < 0.5)


def test_blocks_constant_along_a_direction_score_nothing() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32) * 3, (30, 1))
    assert not zero_scores(ramp).any()
    assert not zero_scores(np.ascontiguousarray(ramp.T)).any()
    one_dot = ramp.copy()
    one_dot[12, 20] += 50
    rows, columns = np.nonzero(zero_scores(one_dot))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 12, 13, 20)


@pytest.mark.parametrize("shape", [(40, 61), (300, 33)])
def test_votes_are_those_of_the_single_best_block(shape: tuple[int, int]) -> None:
    # 300 rows span two bands of the parallel loop.
    scores = zero_scores(texture(2, *shape)[..., 0].astype(np.float32))
    votes = grid_votes(scores)
    for y in range(0, shape[0], 3):
        for x in range(0, shape[1], 3):
            if not (7 <= y < shape[0] - 7 and 7 <= x < shape[1] - 7):
                assert votes[y, x] == NO_VOTE
                continue
            window = scores[y - 7 : y + 1, x - 7 : x + 1]
            best = np.argwhere(window == window.max())
            row, column = best[0] + (y - 7, x - 7)
            wanted = 8 * (row % 8) + column % 8 if len(best) == 1 and window.max() else NO_VOTE
            assert votes[y, x] == wanted
    cells = tally(votes)
    assert cells.shape == (64, shape[0] // 8, shape[1] // 8)
    assert cells.sum() == np.count_nonzero(votes[: shape[0] // 8 * 8, : shape[1] // 8 * 8] != NO_VOTE)


def test_binomial_tail_is_scipys_and_goes_on_where_that_ends() -> None:
    for n, k in [(1000, 5), (1000, 16), (1000, 40), (5000, 200), (64, 64)]:
        assert log10_tail(n, k, 1 / 64) == pytest.approx(np.log10(binom.sf(k - 1, n, 1 / 64)), rel=1e-6)
    assert log10_tail(500, 0, 1 / 64) == 0
    assert log10_tail(10, 11, 1 / 64) == -np.inf
    assert log10_tail(1_000_000, 1_000_000, 1 / 64) == pytest.approx(-1_000_000 * np.log10(64))


def test_noise_gives_no_alarm() -> None:
    # The number of false alarms promises under one grid and one region on average; on 60 pictures none came.
    rng = np.random.default_rng(3)
    for i in range(60):
        picture = rng.normal(128, rng.uniform(2, 40), (200, 232)).astype(np.float32)
        if i % 2:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 2)).astype(np.float32)
        luma = np.clip(np.rint(picture), 0, 255).astype(np.float32)
        votes = grid_votes(zero_scores(luma))
        assert global_grids(votes) == ()
        assert patches(tally(votes), range(64), votes.size) == []


def test_a_region_needs_more_votes_than_chance_gives() -> None:
    cells = np.zeros((64, 60, 80), np.uint8)
    cells[19, 20:30, 30:42] = 40
    cells[7, 5, 5] = 64
    (found,) = patches(cells, range(64), 480 * 640)
    assert (found.x, found.y, found.width, found.height) == (240, 160, 96, 80)
    assert found.origin == (3, 2)
    assert found.density == pytest.approx(40 / 64)
    assert found.log10_nfa == pytest.approx(log10_tests(480 * 640) + log10_tail(120, 75, 1 / 64))


@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (7, 1)])
def test_origin_of_a_cropped_jpeg_is_exact(shift: tuple[int, int]) -> None:
    sample = testing.nonaligned(4, q1=75, q2=None, shift=shift, width=301, height=243)
    finding, _ = look(sample.data)
    first = finding.details["grids"][0]
    assert (first["x"], first["y"]) == (-shift[0] % 8, -shift[1] % 8)
    assert first["log10_nfa"] < -100
    assert finding.strength is (Strength.NONE if shift == (0, 0) else Strength.WEAK)
    assert ("cropped" in finding.says) == (shift != (0, 0))


def test_a_picture_never_compressed_has_no_grid() -> None:
    finding, arrays = look(testing.encode(testing.scene(5, 400, 300), None))
    assert finding.details["grids"] == []
    assert finding.direction is Direction.NEUTRAL
    assert finding.says == "No grid of a JPEG compression shows over the whole picture."
    assert float(np.nanmedian(arrays["grid"])) < 0.15


@pytest.mark.parametrize("quality", [75, 90])
def test_a_plain_jpeg_is_not_accused(quality: int) -> None:
    finding, arrays = look(testing.authentic(6, quality, width=501, height=403).data)
    assert (finding.direction, finding.strength, finding.regions) == (Direction.NEUTRAL, Strength.NONE, ())
    assert finding.details["grids"][0]["x"] == finding.details["grids"][0]["y"] == 0
    record = finding.maps[0]
    assert record.kind is MapKind.HEAT
    assert record.shape == arrays["grid"].shape
    assert arrays["votes"].shape == (403 // 8, 501 // 8, 3)
    assert arrays["votes"].dtype == np.uint8


@pytest.mark.parametrize(("q1", "q2"), [(60, 95), (70, 92), (80, 90), (70, None)])
def test_map_shows_a_part_never_compressed(q1: int, q2: int | None) -> None:
    sample = testing.splice(7, q1, q2, width=512, height=384)
    finding, arrays = look(sample.data)
    assert sample.mask is not None
    assert pixel_auc(finding, arrays["grid"], sample.mask) >= 0.95


@pytest.mark.parametrize(("q1", "q2"), [(70, 95), (80, 90)])
def test_map_shows_a_part_on_another_grid(q1: int, q2: int) -> None:
    sample = testing.grid_paste(8, q1, q2, width=512, height=384)
    finding, arrays = look(sample.data)
    assert sample.mask is not None
    assert pixel_auc(finding, arrays["grid"], sample.mask) >= 0.95


@pytest.mark.parametrize("q1", [70, None])
def test_a_part_on_another_grid_is_named(q1: int | None) -> None:
    # With a background never compressed the part has the only grid there is, and must not pass for the picture's.
    sample = testing.grid_paste(9, q1, None, shift=(2, 6), width=512, height=384)
    finding, arrays = look(sample.data)
    assert sample.mask is not None
    assert finding.direction is Direction.FOR
    assert finding.strength.rank >= Strength.MODERATELY_STRONG.rank
    assert (finding.details["foreign"][0]["x"], finding.details["foreign"][0]["y"]) == (6, 2)
    assert bool(finding.details["foreign"]) == bool(finding.regions)
    best = finding.regions[0]
    assert best.log10_nfa is not None
    assert best.log10_nfa < -20
    assert sample.mask[best.y : best.y + best.height, best.x : best.x + best.width].mean() > 0.5
    assert pixel_auc(finding, arrays["grid"], sample.mask) >= 0.9


def test_a_part_without_the_grid_is_named() -> None:
    sample = testing.splice(10, 70, None, width=512, height=384)
    finding, _ = look(sample.data)
    assert sample.mask is not None
    assert finding.strength.rank >= Strength.MODERATE.rank
    assert finding.details["weaker"][0]["contrast"] >= 0.25
    box = finding.regions[0]
    assert sample.mask[box.y : box.y + box.height, box.x : box.x + box.width].mean() > 0.5


def test_blocks_of_webp_are_not_a_crop() -> None:
    picture = cv2.cvtColor(texture(11, 211, 307, 1.5), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes()
    finding, _ = look(data)
    assert finding.strength is Strength.NONE


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (texture(12, 63, 500), Reason.TOO_SMALL),
        (texture(12, 1, 1), Reason.TOO_SMALL),
        (np.full((200, 300, 3), 90, np.uint8), Reason.TOO_FLAT),
        (np.tile(np.array([[[0], [255]]], np.uint8), (100, 50, 3)), Reason.TOO_FLAT),
    ],
)
def test_abstains_where_nothing_can_be_seen(picture: npt.NDArray[np.uint8], reason: Reason) -> None:
    outcome = grid.examine(Media.open(testing.encode(picture, None)), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is reason


@pytest.mark.parametrize("size", [(64, 64), (65, 71), (127, 64), (64, 900)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for quality in (80, None):
        finding, arrays = look(testing.encode(texture(13, *size), quality))
        assert len(finding.details["grids"]) == 0 or finding.details["grids"][0]["x"] == 0
        assert np.nanmax(arrays["grid"]) < 2


def forms() -> dict[str, bytes]:
    picture = texture(14, 147, 181)
    image = Image.fromarray(picture)
    made = {}
    for name, kind, options in (
        ("grey", "JPEG", {"mode": "L"}),
        ("cmyk", "JPEG", {"mode": "CMYK"}),
        ("progressive", "JPEG", {"progressive": True}),
        ("444", "JPEG", {"subsampling": 0}),
        ("quality 1", "JPEG", {"quality": 1}),
        ("quality 100", "JPEG", {"quality": 100}),
        ("one bit", "PNG", {"mode": "1"}),
        ("palette", "GIF", {"mode": "P"}),
        ("alpha", "PNG", {"mode": "RGBA"}),
        ("tiff", "TIFF", {}),
    ):
        out = io.BytesIO()
        rest: dict[str, Any] = {k: v for k, v in options.items() if k != "mode"}
        image.convert(str(options.get("mode", "RGB"))).save(out, kind, **rest)
        made[name] = out.getvalue()
    factor = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]
    made["411"] = cv2.imencode(".jpg", picture, factor)[1].tobytes()
    made["16 bit"] = cv2.imencode(".png", picture.astype(np.uint16) * 257)[1].tobytes()
    return made


@pytest.mark.parametrize("method", [grid, ghosts, blocking], ids=lambda m: m.METHOD.id)
def test_every_form_of_file_is_judged_or_declined(method: ModuleType) -> None:
    for name, data in forms().items():
        outcome = method.examine(Media.open(data), MemoryMaps())
        msgspec.json.encode(outcome)
        assert isinstance(outcome, Abstention) or outcome.strength is Strength.NONE, name


def test_it_is_registered() -> None:
    assert grid.ANALYSIS in ANALYSES
