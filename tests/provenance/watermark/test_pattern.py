"""The tile: what it carries, and that it stays the same."""

import hashlib

import numpy as np
import pytest

from assay.provenance.watermark._codec import CODED_BITS, encode
from assay.provenance.watermark._pattern import CHIPS, PERIOD, PILOT_SHARE, PILOTS, pattern


def lines(tile: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    x, y = frequencies.T
    return np.asarray(np.fft.fft2(tile)[y % PERIOD, x % PERIOD] / PERIOD**2)


def test_a_tile_has_mean_0_and_variance_1() -> None:
    tile = pattern().tile(pattern().lines(12345))
    assert tile.shape == (PERIOD, PERIOD)
    assert float(tile.mean()) == pytest.approx(0, abs=1e-6)
    assert float(tile.std()) == pytest.approx(1, abs=1e-5)


def test_the_tile_shows_its_chips_and_pilots() -> None:
    shape = pattern()
    tile = shape.tile(shape.lines(2**64 - 1))
    carried = lines(tile, shape.carriers)
    chips = np.stack([carried.real, carried.imag], axis=1).reshape(-1)
    assert np.array_equal(np.sign(chips), shape.chips(encode(2**64 - 1)))
    assert np.allclose(np.angle(lines(tile, shape.pilots) / shape.phases), 0, atol=1e-4)
    assert 2 * np.sum(np.abs(lines(tile, shape.pilots)) ** 2) == pytest.approx(PILOT_SHARE, rel=1e-4)


def test_the_pilot_does_not_depend_on_the_payload() -> None:
    shape = pattern()
    assert np.allclose(
        lines(shape.tile(shape.lines(0)), shape.pilots),
        lines(shape.tile(shape.lines(2**64 - 1)), shape.pilots),
        atol=1e-6,
    )


def test_no_line_is_used_twice() -> None:
    shape = pattern()
    used = [tuple(f) for f in np.concatenate([shape.pilots, shape.carriers])]
    assert len(used) == PILOTS + CHIPS // 2
    assert len({*used, *((-x, -y) for x, y in used)}) == 2 * len(used)


def test_every_bit_has_a_chip_in_either_half() -> None:
    order = pattern().order
    assert sorted(order[:CODED_BITS]) == sorted(order[CODED_BITS:]) == list(range(CODED_BITS))
    radius = np.hypot(*pattern().carriers.T)
    assert radius[: CODED_BITS // 2].max() <= radius[CODED_BITS // 2 :].min()


def test_the_pilot_has_no_symmetry_that_would_hide_a_mirror_or_a_quarter_turn() -> None:
    pilots = pattern().pilots
    used = {tuple(f) for f in np.concatenate([pilots, -pilots])}
    for image in ((-1, 0, 0, 1), (0, 1, 1, 0), (0, -1, 1, 0)):
        a, b, c, d = image
        same = sum((a * x + b * y, c * x + d * y) in used for x, y in pilots)
        assert same < PILOTS / 2


def test_other_keys_have_other_patterns() -> None:
    one, two = pattern(b""), pattern(b"newsroom")
    assert not np.array_equal(one.pilots, two.pilots)
    assert abs(float(one.signs @ two.signs)) < 5 * CHIPS**0.5


def test_the_public_pattern_never_changes() -> None:
    # Marks made by earlier versions must stay readable: a change here is a new algorithm, with a new name.
    shape = pattern()
    parts = [shape.pilots, shape.carriers, shape.order, shape.signs.astype(np.int64)]
    digest = hashlib.sha256(b"".join(part.astype("<i8").tobytes() for part in parts))
    digest.update(np.rint(np.angle(shape.phases) * 1e6).astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "f9c0adca922e7092"
