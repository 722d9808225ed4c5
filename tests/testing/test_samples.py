"""The sample maker: its pictures must have exactly the history that they claim."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from scipy import ndimage

from assay import testing
from assay.media import Media
from assay.testing import folder, forge
from assay.testing.__main__ import main
from assay.testing.camera import shoot

SIZE = {"width": 384, "height": 256}
FORGED: dict[str, Callable[..., testing.Sample]] = {
    "splice": testing.splice,
    "grid_paste": testing.grid_paste,
    "double_region": testing.double_region,
    "clone": testing.clone,
    "inpaint": testing.inpaint,
    "resized_part": testing.resized_part,
    "noise_paste": testing.noise_paste,
}


def luma(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return picture.astype(float) @ [0.299, 0.587, 0.114]


def blockiness(picture: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Return the (column, row) at which the 8 x 8 grid starts, by the steps between neighbours' differences."""
    y = luma(picture)

    def phase(step: npt.NDArray[np.float64]) -> int:
        # A step across a block border is larger than those beside it.
        excess = np.abs(step[:, 1:-1]) - 0.5 * (np.abs(step[:, :-2]) + np.abs(step[:, 2:]))
        means = [float(excess[:, k::8].mean()) for k in range(8)]
        return (int(np.argmax(means)) + 2) % 8

    return phase(np.diff(y, axis=1)), phase(np.diff(y, axis=0).T)


def coefficients(data: bytes, v: int, h: int) -> npt.NDArray[np.int64]:
    """Return the quantised luma coefficients (v, h), (block rows, block columns)."""
    planes = Media.open(data).coefficients
    assert planes is not None
    return np.asarray(planes[0].blocks[:, :, v, h], np.int64)


def comb(values: npt.NDArray[np.int64]) -> float:
    """Return how much of the histogram's energy oscillates: near 0 for a smooth fall, large for a comb."""
    counts = np.bincount(np.clip(np.abs(values.ravel()), 0, 24), minlength=25)[2:22].astype(float)
    smooth = ndimage.uniform_filter1d(counts, 5, mode="nearest")
    return float(np.abs(counts - smooth).sum() / counts.sum())


def test_a_scene_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = testing.scene(3, 160, 96), testing.scene(3, 160, 96), testing.scene(4, 160, 96)
    assert first.shape == (96, 160, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 8), (33, 17), (64, 200)])
def test_a_scene_may_have_any_size(width: int, height: int) -> None:
    assert testing.scene(1, width, height).shape == (height, width, 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_is_textured_like_a_photograph_and_hardly_clips(seed: int) -> None:
    y = luma(testing.scene(seed))
    blocks = y.reshape(64, 8, 96, 8).std(axis=(1, 3))
    assert np.mean(blocks > 4) > 0.4, "texture in many blocks"
    assert np.mean(blocks < 3) > 0.05, "and some that are calm"
    assert np.mean((y <= 1) | (y >= 254)) < 0.02
    assert y.std() > 20
    # Edges of a size that only things with outlines have.
    assert np.quantile(np.abs(np.diff(y, axis=1)), 0.999) > 40


def test_noise_grows_with_the_light_in_the_raw_signal() -> None:
    def spread(level: float) -> float:
        flat = np.full((128, 128, 3), level, np.float32)
        linear = (shoot(flat, np.random.default_rng(0))[32:96, 32:96, 1] / 255.0) ** 2.2
        return float(linear.std())

    assert spread(0.4) > 2 * spread(0.05) > 0


def test_three_of_four_samples_of_a_colour_were_interpolated() -> None:
    """In green, sites of one parity are measured and the rest averages: the averages vary less."""
    flat = np.full((128, 128, 3), 0.3, np.float32)
    green = shoot(flat, np.random.default_rng(0))[32:96, 32:96, 1].astype(float)
    measured, averaged = green[0::2, 1::2].var(), green[0::2, 0::2].var()
    assert measured > 2 * averaged


@pytest.mark.parametrize("kind", sorted(FORGED))
def test_forgeries_are_reproducible_and_only_the_masked_part_differs(kind: str) -> None:
    make = FORGED[kind]
    keywords = {"quality": None} if kind in {"clone", "inpaint", "resized_part", "noise_paste"} else {"q2": None}
    sample = make(3, **keywords, **SIZE)
    again = make(3, **keywords, **SIZE)
    assert sample.data == again.data
    assert sample.kind == kind
    assert sample.mask is not None
    assert again.mask is not None
    assert np.array_equal(sample.mask, again.mask)
    assert sample.mask.shape == (256, 384)
    assert 0.01 < sample.mask.mean() < 0.3
    made = testing.decode(sample.data)
    scene = testing.scene(3, **SIZE)
    before = {
        "splice": testing.decode(testing.encode(scene, 70)),
        "grid_paste": testing.decode(testing.encode(scene, 70)),
    }.get(kind, scene)
    changed = np.any(made != before, axis=2)
    assert not changed[~sample.mask].any(), "nothing outside the mask was touched"
    # A clone's mask also covers where it was copied from, which stays as it was.
    assert changed[sample.mask].mean() > (0.35 if kind == "clone" else 0.6)


def test_a_splice_keeps_the_block_grid_of_its_background() -> None:
    sample = testing.splice(3, q1=50, q2=None)
    assert blockiness(testing.decode(sample.data)) == (0, 0)


@pytest.mark.parametrize("shift", [(3, 5), (0, 4), (7, 1)])
def test_a_crop_shifts_the_grid_by_what_was_cut(shift: tuple[int, int]) -> None:
    sample = testing.nonaligned(3, q1=50, q2=None, shift=shift)
    picture = testing.decode(sample.data)
    assert picture.shape == (512, 768, 3)
    assert blockiness(picture) == ((8 - shift[0]) % 8, (8 - shift[1]) % 8)


def test_a_pasted_part_brings_its_own_grid() -> None:
    sample = testing.grid_paste(3, q1=None, q2=None, q_region=40, shift=(3, 5), share=0.3)
    assert sample.mask is not None
    row, column = (int(places.mean()) // 8 * 8 for places in np.nonzero(sample.mask))
    box = np.s_[row - 80 : row + 80, column - 120 : column + 120]
    assert sample.mask[box].all()
    assert blockiness(testing.decode(sample.data)[box]) == (5, 3)


def test_only_the_background_of_a_splice_is_doubly_quantised() -> None:
    sample = testing.splice(3, q1=60, q2=95, share=0.3, subsampling="4:4:4")
    assert sample.mask is not None
    inside = sample.mask.reshape(64, 8, 96, 8).all(axis=(1, 3))
    outside = ~sample.mask.reshape(64, 8, 96, 8).any(axis=(1, 3))
    for v, h in ((0, 1), (1, 0), (1, 1)):
        values = coefficients(sample.data, v, h)
        assert comb(values[outside]) > 3 * comb(values[inside])


def test_a_resave_is_doubly_quantised_and_an_authentic_picture_is_not() -> None:
    twice, once = testing.resave(3, 60, 95), testing.authentic(3, 95)
    assert comb(coefficients(twice.data, 0, 1)) > 3 * comb(coefficients(once.data, 0, 1))
    assert twice.mask is None
    assert once.mask is None


def test_the_part_of_a_ghost_alone_is_stable_under_its_first_quality() -> None:
    """Farid (2009): compressed again as before, the part hardly changes, and its surroundings do."""
    sample = testing.double_region(3, q_region=55, q2=95, share=0.3)
    assert sample.mask is not None
    picture = testing.decode(sample.data)
    change = (luma(picture) - luma(testing.decode(testing.encode(picture, 55)))) ** 2
    inner = ndimage.binary_erosion(sample.mask, iterations=8)
    outer = ~ndimage.binary_dilation(sample.mask, iterations=8)
    # The sky is calm either way, so the part is set against what surrounds it at the same height.
    outer &= inner.any(axis=1)[:, None]
    assert change[inner].mean() < 0.25 * change[outer].mean()


def test_a_clone_repeats_its_source_exactly() -> None:
    sample = testing.clone(3, quality=None)
    assert sample.mask is not None
    labels, count = ndimage.label(sample.mask)
    assert count == 2
    a, b = ndimage.find_objects(labels)
    rows, columns = (min(x.stop - x.start, y.stop - y.start) for x, y in zip(a, b, strict=True))
    picture, both = testing.decode(sample.data).astype(int), labels > 0
    first = np.s_[a[0].start : a[0].start + rows, a[1].start : a[1].start + columns]
    second = np.s_[b[0].start : b[0].start + rows, b[1].start : b[1].start + columns]
    shared = both[first] & both[second]
    assert shared.mean() > 0.5
    assert np.array_equal(picture[first][shared], picture[second][shared])


def test_resizing_leaves_the_size_and_thins_the_fine_detail() -> None:
    sample = testing.resize(3, 1.6, None)
    picture = testing.decode(sample.data)
    assert picture.shape == (512, 768, 3)

    def fine(y: npt.NDArray[np.float64]) -> float:
        spectrum = np.abs(np.fft.fft2(y))[:, 320:448]
        return float(spectrum.mean())

    assert fine(luma(picture)) < 0.5 * fine(luma(testing.scene(3)))


@pytest.mark.parametrize(("subsampling", "sampling"), [("4:4:4", (1, 1)), ("4:2:2", (2, 1)), ("4:2:0", (2, 2))])
def test_quality_and_subsampling_are_what_was_asked_for(subsampling: str, sampling: tuple[int, int]) -> None:
    sample = testing.authentic(3, 50, subsampling=subsampling, **SIZE)
    with Image.open(io.BytesIO(sample.data)) as picture:
        assert isinstance(picture, JpegImageFile)
        assert picture.quantization[0][0] == 16, "quality 50 is the table of Annex K itself"
        assert picture.layer[0][1:3] == sampling


def test_a_region_lies_inside_and_has_about_the_share_asked_for() -> None:
    for seed in range(12):
        mask = testing.region(seed, 768, 512, 0.1)
        assert 0.05 < mask.mean() < 0.16
        assert mask[1:-1, 1:-1].sum() == mask.sum(), "clear of the borders"


def test_the_folder_has_a_sample_of_each_kind_with_its_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "made"
    small = {name: getattr(forge, name)(5, **SIZE) for name in (*FORGED, "authentic", "resave", "nonaligned", "resize")}
    monkeypatch.setattr("assay.testing.folder.samples", lambda seed: small)
    assert main([str(root)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(small)
    index = {entry["file"]: entry for entry in json.loads((root / "index.json").read_text())}
    assert set(index) == {f"{name}.jpg" for name in small}
    for name, sample in small.items():
        entry = index[f"{name}.jpg"]
        assert (root / entry["file"]).read_bytes() == sample.data
        assert entry["kind"] == name
        assert (entry["mask"] is None) == (sample.mask is None)
        if sample.mask is not None:
            assert np.array_equal(np.array(Image.open(root / entry["mask"])) == 255, sample.mask)


def test_stripping_leaves_a_smaller_picture_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(forge.authentic(5).data)
    before, after = Image.open(tmp_path / "a.jpg"), Image.open(folder.strip(tmp_path, "a.jpg"))
    kept = [side - side // 12 for side in before.size]
    assert after.size == tuple(round(side * 0.75) for side in kept)
    assert not after.getexif()
