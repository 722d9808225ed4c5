"""The lenses show what was put into a picture, and never judge."""

import io
import json
from types import ModuleType
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from assay.analysis import MemoryMaps
from assay.evidence import Abstention, Direction, Finding, MapKind, Outcome, Reason, Strength
from assay.forensics import ANALYSES
from assay.forensics.lenses import (
    bit_planes,
    colour_channels,
    error_level,
    level_sweep,
    luminance_gradient,
    noise_residual,
    wavelet,
)
from assay.media import Media

LENSES: tuple[ModuleType, ...] = (
    error_level, luminance_gradient, noise_residual, bit_planes, wavelet, colour_channels, level_sweep,
)  # fmt: skip
Array = npt.NDArray[Any]


def png(picture: Array) -> Media:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=1)
    return Media.open(out.getvalue(), name="made.png")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def look(lens: ModuleType, media: Media) -> tuple[Finding, dict[str, Array]]:
    maps = MemoryMaps()
    outcome: Outcome = lens.examine(media, maps)
    assert isinstance(outcome, Finding)
    return outcome, {name: array for (_, name), array in maps.arrays.items()}


def scene(height: int = 301, width: int = 405) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    base = np.stack([100 + 60 * np.sin(x / 31), 110 + y / 4, 90 + 50 * np.cos((x + y) / 47)], axis=2)
    return np.clip(base + rng.normal(0, 3, base.shape), 0, 255).astype(np.uint8)


def odd() -> dict[str, bytes]:
    picture = Image.fromarray(scene(61, 83))
    deep = np.arange(40 * 50 * 3, dtype=np.uint16).reshape(40, 50, 3) * 10
    return {
        "one pixel": saved(Image.new("RGB", (1, 1), (9, 200, 30)), "PNG"),
        "one row": saved(picture.crop((0, 0, 83, 1)), "PNG"),
        "one column": saved(picture.crop((0, 0, 1, 61)), "PNG"),
        "one colour": saved(Image.new("RGB", (70, 50), (255, 0, 0)), "PNG"),
        "black": saved(Image.new("RGB", (70, 50)), "PNG"),
        "white": saved(Image.new("RGB", (70, 50), (255, 255, 255)), "PNG"),
        "grey": saved(picture.convert("L"), "PNG"),
        "grey JPEG": saved(picture.convert("L"), "JPEG"),
        "alpha": saved(picture.convert("RGBA"), "PNG"),
        "palette": saved(picture.convert("P"), "PNG"),
        "CMYK": saved(picture.convert("CMYK"), "JPEG"),
        "4:2:0": saved(picture, "JPEG", subsampling=2),
        "4:4:4": saved(picture, "JPEG", subsampling=0),
        "progressive": saved(picture, "JPEG", progressive=True),
        "16 bit": cv2.imencode(".png", deep)[1].tobytes(),
    }


ODD = odd()


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.METHOD.id)
@pytest.mark.parametrize("kind", ODD)
def test_shows_any_picture_and_never_judges(lens: ModuleType, kind: str) -> None:
    media = Media.open(ODD[kind])
    maps = MemoryMaps()
    outcome: Outcome = lens.examine(media, maps)
    json.dumps(msgspec.to_builtins(outcome))
    if isinstance(outcome, Abstention):
        assert outcome.reason is Reason.NOT_APPLICABLE
        assert lens is colour_channels
        return
    assert outcome.method == lens.METHOD.id
    assert (outcome.direction, outcome.strength, outcome.llr) == (Direction.NEUTRAL, Strength.NONE, None)
    assert outcome.regions == ()
    assert outcome.maps
    for record in outcome.maps:
        array = maps.arrays[lens.METHOD.id, record.name]
        assert record.kind is MapKind.VIEW
        assert array.dtype == np.uint8
        assert array.shape[:2] == (media.height, media.width), "a view covers the stored picture"
        assert record.shape == array.shape


def test_are_registered_as_lenses_with_few_views() -> None:
    known = {analysis.id: analysis for analysis in ANALYSES}
    media, views = png(scene()), 0
    for lens in LENSES:
        analysis = known[lens.METHOD.id]
        assert analysis is lens.ANALYSIS
        assert analysis.needs_maps
        assert analysis.card.group == "lenses"
        views += len(look(lens, media)[0].maps)
    assert views <= 24


BANDED = (error_level, luminance_gradient, noise_residual, wavelet, colour_channels)


@pytest.mark.parametrize("lens", BANDED, ids=lambda lens: lens.METHOD.id)
def test_bands_leave_no_seams(lens: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    media = png(scene(600, 64))
    whole = look(lens, media)[1]
    real = lens.__dict__["bands"]
    monkeypatch.setattr(lens, "bands", lambda height, rows=0, margin=0: real(height, 64, margin))
    for name, array in look(lens, media)[1].items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_error_level_is_nought_for_a_fixed_point() -> None:
    picture = scene(64, 96)
    for _ in range(60):
        code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                                              cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])[1]  # fmt: skip
        picture = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
    rgb = np.ascontiguousarray(picture[..., ::-1])
    assert error_level.error(rgb, 90).max() == 0
    assert error_level.error(rgb, 75).max() > 0
    finding, views = look(error_level, png(rgb))
    assert views["quality_90"].max() == 0
    assert finding.details["quality_90"]["mean_error"] == 0


def test_error_level_is_the_same_for_tiles_and_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = scene(72, 200)
    whole = error_level.error(rgb, 75)
    monkeypatch.setattr(error_level, "_COLUMNS", 64)
    np.testing.assert_array_equal(error_level.error(rgb, 75), whole)


def test_error_level_is_brighter_where_a_part_was_not_compressed() -> None:
    compressed = Image.open(io.BytesIO(saved(Image.fromarray(scene(256, 256)), "JPEG", quality=75, subsampling=0)))
    picture = np.array(compressed.convert("RGB"))
    picture[64:128, 64:128] = scene(256, 256)[64:128, 64:128]
    view = look(error_level, png(picture))[1]["quality_75"].astype(float)
    assert view[64:128, 64:128].mean() > 3 * view[160:].mean()


@pytest.mark.parametrize(("right", "down", "hue"), [(1, 0, 0), (0, 1, 90), (-1, 0, 180), (0, -1, 270), (1, 1, 45)])
def test_gradient_of_a_ramp_points_up_it(right: int, down: int, hue: int) -> None:
    y, x = np.mgrid[:80, :80].astype(np.float32)
    ramp = 125 + right * (x - 40) + down * (y - 40)
    steepness, direction = luminance_gradient.gradient(ramp)
    np.testing.assert_allclose(steepness[1:-1, 1:-1], np.hypot(right, down), rtol=1e-4)
    np.testing.assert_allclose((direction[1:-1, 1:-1] - hue + 180) % 360, 180, atol=0.2)
    view = look(luminance_gradient, png(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)))[1]["gradient"]
    shown = cv2.cvtColor(view, cv2.COLOR_RGB2HSV)[20:60, 20:60, 0].astype(int) * 2
    assert np.abs((shown - hue + 180) % 360 - 180).max() <= 4


def test_gradient_leaves_flat_ground_black() -> None:
    finding, views = look(luminance_gradient, png(np.full((50, 60, 3), 77, np.uint8)))
    assert views["gradient"].max() == 0
    assert finding.details["flat_share"] == 1


def test_noise_residual_measures_noise_and_leaves_the_scene_out() -> None:
    rng = np.random.default_rng(3)
    clean = np.repeat(np.repeat(rng.integers(60, 190, (6, 8, 3)), 50, 0), 50, 1).astype(np.float64)
    noisy = np.clip(np.rint(clean + rng.normal(0, (2, 4, 6), clean.shape)), 0, 255).astype(np.uint8)
    finding, views = look(noise_residual, png(noisy))
    measured = [finding.details["sigma"][name] for name in "rgb"]
    np.testing.assert_allclose(measured, (2, 4, 6), rtol=0.1)
    shown = views["residual"].astype(float) - 127.5
    # Block means differ by tens of levels in the picture, and by next to nothing in the residual.
    means = shown.reshape(6, 50, 8, 50, 3).mean(axis=(1, 3))
    assert np.abs(means).max() < 2
    assert shown[..., 2].std() > 2 * shown[..., 0].std()


def test_noise_residual_shows_a_part_without_noise() -> None:
    picture = np.clip(np.random.default_rng(4).normal(120, 5, (200, 200, 3)), 0, 255).astype(np.uint8)
    picture[50:100, 50:100] = 120
    shown = look(noise_residual, png(picture))[1]["residual"].astype(float)
    assert shown[55:95, 55:95].std() == 0
    assert shown[120:].std() > 20


def test_bit_planes_of_a_ramp_are_exact() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    finding, views = look(bit_planes, png(np.stack([ramp, ramp[:, ::-1], np.full_like(ramp, 5)], axis=2)))
    for bit in bit_planes.SHOWN:
        expected = ((ramp >> bit) & 1) * 255
        np.testing.assert_array_equal(views[f"bit_{bit}"][..., 0], expected)
        np.testing.assert_array_equal(views[f"bit_{bit}"][..., 1], expected[:, ::-1])
        assert (views[f"bit_{bit}"][..., 2] == (255 if bit in {0, 2} else 0)).all()
    assert finding.details["r"]["ones"] == [0.5] * 8
    # Plane k of a ramp changes once every 2 ** k levels: 255, 127, 63, … times in 255 steps.
    assert finding.details["r"]["changes"] == [round((2 ** (8 - k) - 1) / 255, 4) for k in range(8)]
    assert finding.details["b"]["ones"] == [1, 0, 1, 0, 0, 0, 0, 0]
    assert finding.details["b"]["changes"] == [0] * 8


def test_bit_planes_go_down_to_the_lowest_of_16_bits() -> None:
    deep = np.full((20, 30, 3), 0x4000, np.uint16)
    deep[5:10, 5:10] |= 1
    media = png(scene(20, 30))
    media.samples = deep
    finding, views = look(bit_planes, media)
    assert (views["bit_0"][5:10, 5:10] == 255).all()
    assert views["bit_0"].sum() == 25 * 3 * 255
    assert len(finding.details["g"]["ones"]) == 16
    assert finding.details["g"]["ones"][14] == 1


@pytest.mark.parametrize("noise", [1.5, 3.0, 8.0])
def test_wavelet_measures_known_noise(noise: float) -> None:
    plane = np.clip(np.rint(np.random.default_rng(5).normal(128, noise, (512, 512))), 0, 255).astype(np.uint8)
    finding, _ = look(wavelet, png(np.repeat(plane[..., None], 3, axis=2)))
    assert finding.details["sigma"] == pytest.approx(noise, rel=0.1)
    assert finding.details["block_sigma"]["p50"] == pytest.approx(noise, rel=0.1)


def test_wavelet_shows_where_the_noise_is_stronger() -> None:
    rng = np.random.default_rng(6)
    plane = rng.normal(128, 2, (320, 416)).astype(np.float32)
    plane[96:192, 128:256] = rng.normal(128, 7, (96, 128))
    levels = wavelet.noise_level(plane)
    assert levels.shape == (10, 13)
    inside = np.zeros_like(levels, dtype=bool)
    inside[3:6, 4:8] = True
    assert levels[inside].min() > 1.8 * levels[~inside].max()
    cut = wavelet.noise_level(np.ascontiguousarray(plane[:311, :401]))
    assert cut.shape == (10, 13)
    np.testing.assert_allclose(cut[-1, -1], 2, rtol=0.5)


def test_wavelet_puts_detail_in_its_scale_and_place() -> None:
    rng = np.random.default_rng(7)
    picture = np.full((256, 384), 128, np.float32)
    picture[:, 128:256] = np.kron(rng.normal(128, 20, (64, 32)), np.ones((4, 4)))
    picture[:, 256:] = rng.normal(128, 20, (256, 128))
    fine, _, coarse = wavelet.detail(picture)
    assert fine.shape == (128, 192)
    assert coarse.shape == (32, 48)
    assert np.median(fine[:, 4:60]) < 1e-3
    # Squares of 4 pixels hold far less of the finest detail than noise by the pixel, and more of the coarse.
    assert np.median(fine[:, 70:122]) < 0.4 * np.median(fine[:, 134:])
    assert np.median(coarse[:, 18:30]) > 1.5 * np.median(coarse[:, 34:])
    view = look(wavelet, png(np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)))[1]["detail"]
    assert view[:, :96].max() == 0


def test_channels_of_a_picture_on_one_line_have_one_component() -> None:
    along = np.random.default_rng(8).integers(0, 41, (60, 70, 1))
    picture = (np.array([20, 40, 30]) + along * np.array([4, 2, 1])).astype(np.uint8)
    finding, views = look(colour_channels, png(picture))
    np.testing.assert_allclose(finding.details["components"][0], np.array([4, 2, 1]) / np.sqrt(21), atol=1e-4)
    assert finding.details["explained"] == pytest.approx([1, 0, 0], abs=1e-6)
    # What is left is the same everywhere.
    assert np.ptp(views["pc2"]) <= 1
    assert np.ptp(views["pc3"]) <= 1
    assert np.corrcoef(views["pc1"].ravel(), along.ravel())[0, 1] > 0.999


def test_channels_show_themselves() -> None:
    picture = np.full((40, 60, 3), 120, np.uint8)
    picture[:20, :30] = (255, 0, 0)
    picture[20:, :30] = (0, 0, 255)
    _, views = look(colour_channels, png(picture))
    np.testing.assert_array_equal(views["red"], picture[..., 0])
    np.testing.assert_array_equal(views["blue"], picture[..., 2])
    assert views["cr"][5, 5] == 255
    assert views["cb"][30, 5] == 255
    assert abs(int(views["cb"][5, 50]) - 128) <= 1
    assert tuple(views["hue"][5, 5]) == (255, 0, 0)
    assert tuple(views["hue"][5, 50]) == (255, 255, 255)


def test_lab_brings_out_a_faint_cast() -> None:
    picture = np.full((60, 60, 3), 130, np.uint8)
    picture[20:40, 20:40] += np.array([6, 0, 0], np.uint8)
    view = look(colour_channels, png(picture))[1]["lab"].astype(int)
    change = np.abs(view[30, 30] - view[5, 5]).max()
    assert change >= 25, "six levels, all but invisible, become plain"


def test_channels_of_a_grey_picture_are_not_shown() -> None:
    outcome = colour_channels.examine(png(np.full((9, 9), 100, np.uint8)), MemoryMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.NOT_APPLICABLE


@pytest.mark.parametrize(("level", "name"), [(2, "shadows"), (252, "highlights"), (130, "sweep")])
def test_level_sweep_reveals_a_square_of_two_levels(level: int, name: str) -> None:
    picture = np.full((100, 100, 3), level, np.uint8)
    picture[40:60, 40:60] += 2
    view = look(level_sweep, png(picture))[1][name].astype(int)
    assert abs(view[50, 50, 0] - view[5, 5, 0]) >= 30
    assert (view[40:60, 40:60] == view[50, 50]).all()


def test_level_sweep_sees_below_a_level_of_8_bits() -> None:
    deep = np.full((100, 100, 3), 1000, np.uint16)
    deep[40:60, 40:60] = 1004
    media = png(scene(100, 100))
    media.samples = deep
    finding, views = look(level_sweep, media)
    assert finding.details["bits"] == 16
    assert abs(int(views["shadows"][50, 50, 0]) - int(views["shadows"][5, 5, 0])) >= 60


def test_level_sweep_counts_the_gaps_of_a_stretched_picture() -> None:
    plain = np.tile(np.arange(50, 150, dtype=np.uint8), (20, 1))
    assert look(level_sweep, png(np.repeat(plain[..., None], 3, 2)))[0].details["levels_skipped"] == 0
    stretched = ((plain.astype(int) - 50) * 2).astype(np.uint8)
    assert look(level_sweep, png(np.repeat(stretched[..., None], 3, 2)))[0].details["levels_skipped"] == 99


def test_level_tables_are_exact() -> None:
    table = level_sweep.window(256, 100, 115)
    assert (table[:101] == 0).all()
    assert (table[115:] == 255).all()
    assert table[105] == 85
    saw = level_sweep.sawtooth(256)
    assert saw[:16].tolist() == [17 * k for k in range(16)]
    np.testing.assert_array_equal(saw[16:32], saw[:16])
    assert len(level_sweep.sawtooth(65536)) == 65536
