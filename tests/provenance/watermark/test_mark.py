"""From embedding to detection, on a landscape made by code."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import UsageError
from assay.provenance.watermark import ALGORITHM, PAYLOAD_BITS, detect, embed
from assay.provenance.watermark._detect import log10_false_alarm
from assay.provenance.watermark._mask import headroom, mask, similarity
from assay.testing.scene import scene

Bytes = NDArray[np.uint8]
PAYLOAD = 0xC0FFEE0123456789


@pytest.fixture(scope="module")
def picture() -> Bytes:
    return scene(5, 900, 680)


@pytest.fixture(scope="module")
def marked(picture: Bytes) -> Bytes:
    return embed(picture, PAYLOAD)


def saved(rgb: Bytes, quality: int) -> Bytes:
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def sized(rgb: Bytes, x: float, y: float) -> Bytes:
    return np.asarray(cv2.resize(rgb, None, fx=x, fy=y, interpolation=cv2.INTER_AREA), np.uint8)


def turned(rgb: Bytes, degrees: float) -> Bytes:
    height, width = rgb.shape[:2]
    about = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(rgb, about, (width, height)), np.uint8)


def test_the_mark_is_faint(picture: Bytes, marked: Bytes) -> None:
    error = float(np.mean((picture.astype(float) - marked) ** 2))
    assert 10 * np.log10(255**2 / error) >= 42
    assert similarity(picture, marked) >= 0.98
    assert marked.shape == picture.shape
    assert marked.dtype == np.uint8


def test_similarity_is_that_of_scikit_image(picture: Bytes, marked: Bytes) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="missing: scikit-image")
    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (picture, marked))
    assert similarity(picture, marked) == pytest.approx(metrics.structural_similarity(a, b), abs=1e-4)


def test_the_mark_is_stronger_where_it_is_asked_to_be(picture: Bytes) -> None:
    def error(p: Bytes) -> float:
        return float(np.mean((picture.astype(float) - p) ** 2))

    assert error(embed(picture, 1, psnr=48)) < error(embed(picture, 1, psnr=45))


@pytest.mark.parametrize("asked", [44.0, 46.0, 50.0])
def test_the_ratio_is_never_below_what_was_asked_for(picture: Bytes, asked: float) -> None:
    error = float(np.mean((picture.astype(float) - embed(picture, 7, psnr=asked)) ** 2))
    assert asked <= 10 * np.log10(255**2 / error) < asked + 0.3


def test_embedding_is_deterministic(picture: Bytes, marked: Bytes) -> None:
    assert np.array_equal(embed(picture, PAYLOAD), marked)
    assert detect(marked) == detect(marked)


@pytest.mark.parametrize(
    ("attack", "scale", "rotation", "mirrored"),
    [
        pytest.param(lambda p: p, (1, 1), 0, False, id="nothing"),
        pytest.param(lambda p: saved(p, 50), (1, 1), 0, False, id="jpeg 50"),
        pytest.param(lambda p: p[60:500, 70:700], (1, 1), 0, False, id="crop"),
        pytest.param(lambda p: saved(sized(p, 0.5, 0.5), 80), (0.5, 0.5), 0, False, id="half size"),
        pytest.param(lambda p: sized(p, 0.85, 1), (0.85, 1), 0, False, id="aspect"),
        pytest.param(lambda p: turned(p, 5), (1, 1), 5, False, id="turned 5"),
        pytest.param(lambda p: turned(p, -17), (1, 1), -17, False, id="turned 17"),
        pytest.param(np.rot90, (1, 1), 90, False, id="turned 90"),
        pytest.param(lambda p: np.rot90(p, 2), (1, 1), 180, False, id="upside down"),
        pytest.param(lambda p: p[:, ::-1], (1, 1), 0, True, id="mirrored"),
        pytest.param(lambda p: np.roll(p[::-1], 31, axis=1), (1, 1), 180, True, id="flipped and moved"),
    ],
)
def test_the_mark_is_found_again(
    marked: Bytes, attack: Callable[[Bytes], Bytes], scale: tuple[float, float], rotation: float, mirrored: bool
) -> None:
    mark = detect(np.ascontiguousarray(attack(marked)))
    assert mark is not None
    assert mark.payload == PAYLOAD
    assert 0.5 < mark.confidence <= 1
    assert mark.log10_false_alarm < -7
    assert mark.scale == pytest.approx(scale, abs=0.01)
    assert (mark.rotation - rotation + 180) % 360 - 180 == pytest.approx(0, abs=0.3)
    assert mark.mirrored is mirrored


@pytest.mark.parametrize("seed", [0, 1])
def test_a_picture_without_a_mark_has_none(seed: int) -> None:
    assert detect(scene(seed, 420, 300)) is None


def test_noise_and_flat_pictures_have_none() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
    assert detect(noise) is None
    for level in (0, 128, 255):
        assert detect(np.full((300, 420, 3), level, np.uint8)) is None


def test_another_key_finds_nothing(picture: Bytes, marked: Bytes) -> None:
    assert detect(marked, key=b"another") is None
    own = embed(picture[:400, :500], 7, key=b"newsroom")
    assert detect(own) is None
    found = detect(own, key=b"newsroom")
    assert found is not None
    assert found.payload == 7


def test_a_large_picture_is_marked_at_the_size_it_will_be_shown_at(picture: Bytes) -> None:
    large = np.asarray(cv2.resize(picture, (3000, 2267), interpolation=cv2.INTER_CUBIC), np.uint8)
    marked = embed(large, PAYLOAD)
    for side in (3000, 1000, 640):
        mark = detect(saved(sized(marked, side / 3000, side / 3000), 70))
        assert mark is not None
        assert mark.payload == PAYLOAD
        assert mark.scale[0] == pytest.approx(side / 1536, rel=0.01)


def test_a_small_picture_carries_one(picture: Bytes) -> None:
    mark = detect(saved(embed(sized(picture, 0.5, 0.5), 3), 75))
    assert mark is not None
    assert mark.payload == 3


def test_tiny_pictures_are_refused_and_hold_nothing() -> None:
    with pytest.raises(UsageError, match="too small to carry a mark: 300 x 150"):
        embed(np.full((150, 300, 3), 90, np.uint8), 1)
    assert detect(np.zeros((1, 1, 3), np.uint8)) is None
    assert detect(np.zeros((20, 4000, 3), np.uint8)) is None


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_burnt_pictures_are_refused(level: int) -> None:
    with pytest.raises(UsageError, match="black or burnt out"):
        embed(np.full((300, 400, 3), level, np.uint8), 1)


@pytest.mark.parametrize("payload", [-1, 2**PAYLOAD_BITS])
def test_payloads_out_of_range_are_refused(picture: Bytes, payload: int) -> None:
    with pytest.raises(UsageError, match="64 bits"):
        embed(picture, payload)


def test_the_mask_spares_smooth_and_burnt_parts() -> None:
    rng = np.random.default_rng(3)
    grey = np.full((200, 300), 120.0)
    grey[:, 150:] += rng.normal(0, 20, (200, 150))
    picture = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    weights = mask(picture)
    assert float(weights[:, 200:290].mean()) > 3 * float(weights[:, 10:100].mean())
    # Just beside the border the smooth side is spared too.
    assert float(weights[:, 140:146].mean()) < 1.2 * float(weights[:, 10:100].mean())
    assert float(headroom(np.full((50, 50, 3), 255, np.uint8)).max()) <= 0.2


def test_the_bound_falls_with_agreement() -> None:
    # 512 readings and 2**64 words at exp(-18**2 / 2).
    assert log10_false_alarm(18) == pytest.approx(np.log10(512) + 64 * np.log10(2) - 162 / np.log(10))
    assert log10_false_alarm(0) > 0


def test_the_name_is_the_one_that_manifests_use() -> None:
    assert ALGORITHM == "assay.watermark.1"
