"""The fingerprint: the same picture under what happens to pictures, other pictures, and where two differ."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from bench.fingerprint.changes import CHANGES, crop, paste, resize, turn
from tests.provenance.durables import Picture

from assay import fingerprint
from assay.errors import ProvenanceError
from assay.fingerprint import Comparison, compare, compute
from assay.media import Media
from assay.provenance.watermark import Mark
from assay.testing import scene

PICTURE = scene(1, 768, 512)
OTHER = scene(2, 768, 512)
PRINT = compute(PICTURE)


class TestCompute:
    def test_is_small_and_the_same_for_the_same_pixels(self) -> None:
        assert len(PRINT) == 1031
        assert compute(PICTURE.copy()) == PRINT
        assert compute(OTHER) != PRINT

    def test_records_the_size(self) -> None:
        found = fingerprint.unpack(compute(scene(3, 400, 300)))
        assert (found.width, found.height) == (400, 300)
        assert 1000 < found.votes < 4096

    @pytest.mark.parametrize("data", [b"", b"\1", PRINT[:-1], b"\2" + PRINT[1:], PRINT[:1] + bytes(6) + PRINT[7:]])
    def test_refuses_what_is_no_fingerprint(self, data: bytes) -> None:
        with pytest.raises(ProvenanceError) as caught:
            fingerprint.unpack(data)
        assert caught.value.reason == "unsupported"

    @pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (3000, 2, 3), (7, 9, 3)])
    def test_takes_pictures_of_any_shape(self, shape: tuple[int, int, int]) -> None:
        rng = np.random.default_rng(1)
        data = compute(rng.integers(0, 255, shape, dtype=np.uint8))
        assert compare(data, PICTURE).same is not True
        assert compare(PRINT, rng.integers(0, 255, shape, dtype=np.uint8)).same is not True


class TestCompare:
    @pytest.mark.parametrize("name", CHANGES)
    def test_knows_the_same_picture_after(self, name: str) -> None:
        found = compare(PRINT, np.ascontiguousarray(CHANGES[name](PICTURE)))
        assert found.same is True, found
        assert found.score > fingerprint.SAME

    @pytest.mark.parametrize("change", ["unchanged", "crop 50 %", "mirror", "JPEG 30"])
    @pytest.mark.parametrize("seed", [2, 4])
    def test_knows_another_picture(self, change: str, seed: int) -> None:
        other = CHANGES[change](scene(seed, 640, 480))
        assert compare(PRINT, np.ascontiguousarray(other)).same is False

    def test_abstains_where_there_is_nothing_to_go_by(self) -> None:
        grey = np.full((300, 400, 3), 127, np.uint8)
        assert fingerprint.flat(compute(grey))
        assert compare(compute(grey), PICTURE).same is None
        assert compare(PRINT, grey).same is None

    def test_abstains_over_stripes_which_fit_everywhere(self) -> None:
        wave = 127 + 100 * np.sin(np.arange(768) / 768 * 2 * np.pi * 9)
        stripes = np.repeat(np.tile(wave, (512, 1))[..., None], 3, axis=2).astype(np.uint8)
        assert fingerprint.flat(compute(stripes))
        assert compare(compute(stripes), OTHER).same is None


class TestWhatBecameOfIt:
    def test_a_crop_is_placed(self) -> None:
        found = compare(PRINT, np.ascontiguousarray(PICTURE[64:448, 96:672]))
        assert found.region == pytest.approx((96 / 768, 64 / 512, 0.75, 0.75), abs=0.012)
        assert found.scale == pytest.approx((1.0, 1.0), abs=0.012)
        assert found.covers == pytest.approx(1.0, abs=0.01)
        assert found.differing == ()

    def test_a_mirrored_turned_and_reduced_one(self) -> None:
        found = compare(PRINT, np.ascontiguousarray(resize(np.rot90(PICTURE)[:, ::-1], 0.5)))
        assert found.mirrored
        assert abs(found.turn) == 90
        assert found.scale == pytest.approx((0.5, 0.5), abs=0.01)
        found = compare(PRINT, turn(PICTURE, 5))
        assert found.turn == pytest.approx(5, abs=0.7)
        assert not found.mirrored

    def test_what_was_put_around_it(self) -> None:
        framed = np.full((768, 1024, 3), 240, np.uint8)
        framed[100:612, 120:888] = PICTURE
        found = compare(PRINT, framed)
        assert found.region == (0, 0, 1, 1)
        assert found.covers == pytest.approx(0.5, abs=0.03)
        assert found.placed == pytest.approx((-120 / 768, -100 / 512, 1024 / 768, 1.5), abs=0.03)
        assert found.differing == ()

    def test_a_stretched_one(self) -> None:
        found = compare(PRINT, resize(PICTURE, 0.9, 1.0))
        assert found.scale == pytest.approx((0.9, 1.0), abs=0.012)

    @pytest.mark.parametrize(
        "change",
        [
            lambda p: p[:, ::-1], np.rot90, lambda p: np.rot90(p, 2)[:, ::-1], lambda p: turn(p, 4),
            lambda p: np.rot90(crop(p, 0.3)[:, ::-1]),
        ],
    )  # fmt: skip
    def test_untwisted_it_lies_where_it_says(self, change: Callable[[Picture], Picture]) -> None:
        """Back in its place, the picture is the original again."""
        picture = np.ascontiguousarray(change(PICTURE))
        found = compare(PRINT, picture)
        back = fingerprint.untwisted(picture, found)
        x, y, width, height = found.placed
        size = (round(width * 768), round(height * 512))
        laid = cv2.resize(back, size, interpolation=cv2.INTER_AREA)
        rows, columns = slice(150, 350), slice(250, 500)
        top, left = round(y * 512), round(x * 768)
        part = laid[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        a, b = (cv2.GaussianBlur(p, (0, 0), 4).astype(float).ravel() for p in (part, PICTURE[rows, columns]))
        assert np.corrcoef(a, b)[0, 1] > 0.9

    def test_a_hint_settles_a_size_that_the_search_would_not_try(self) -> None:
        """The watermark says that the picture is a small crop: then nothing is said against it."""
        small = np.ascontiguousarray(PICTURE[200:320, 300:470])
        mark = Mark(1, 1.0, -50.0, (1.0, 1.0), 0.0, mirrored=False)
        assert compare(PRINT, small, hint=mark).same is None
        found = compare(PRINT, turn(PICTURE, 3), hint=Mark(1, 1.0, -50.0, (1.0, 1.0), 3.0, mirrored=False))
        assert found.same
        assert found.turn == pytest.approx(3, abs=0.7)


class TestWhere:
    def test_a_part_from_another_picture(self) -> None:
        found = compare(PRINT, paste(PICTURE, OTHER, 0.12))
        assert found.same
        assert found.differing
        x, y, width, height = found.differing[0]
        side = 0.12**0.5
        assert abs(x - 0.35) < 0.12
        assert abs(y - 0.4) < 0.12
        assert width * height < 2.2 * side * side
        row, column = np.unravel_index(int(np.nanargmin(found.agreement)), found.agreement.shape)
        assert 0.4 <= (row + 0.5) / 64 <= 0.4 + side
        assert 0.35 <= (column + 0.5) / 64 <= 0.35 + side

    def test_a_part_painted_over(self) -> None:
        painted = PICTURE.copy()
        painted[300:450, 200:400] = painted[300:450, 200:400].mean(axis=(0, 1))
        found = compare(PRINT, painted)
        assert found.same
        assert any(abs(x - 0.26) < 0.15 and abs(y - 0.58) < 0.15 for x, y, _, _ in found.differing)

    @pytest.mark.parametrize("name", ["JPEG 30", "resize 33 %", "blur, sigma 3", "gamma 0.6", "crop 25 %", "mirror"])
    def test_nothing_where_nothing_was_put_in(self, name: str) -> None:
        found = compare(PRINT, np.ascontiguousarray(CHANGES[name](PICTURE)))
        assert found.differing == ()

    def test_says_nothing_of_what_is_not_shown(self) -> None:
        found = compare(PRINT, np.ascontiguousarray(PICTURE[:, :500]))
        assert np.isnan(found.agreement[:, 45:]).all()
        assert np.nanmin(found.agreement[:, :35]) > 0.3


@pytest.fixture(scope="module")
def prints() -> list[tuple[str, bytes]]:
    """Twelve landscapes, by their seeds."""
    return [(str(seed), compute(scene(seed, 384, 256))) for seed in range(1, 13)]


class TestSearch:
    @pytest.mark.parametrize(
        "name", ["unchanged", "JPEG 30", "crop 25 %", "crop 50 %", "mirror", "banner", "gamma 0.6"]
    )
    def test_puts_the_right_one_first(self, prints: list[tuple[str, bytes]], name: str) -> None:
        found = fingerprint.search(prints, np.ascontiguousarray(CHANGES[name](scene(5, 384, 256))), limit=3)
        assert found[0][0] == "5"
        assert len(found) == 3
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)

    def test_passes_over_what_is_no_fingerprint(self, prints: list[tuple[str, bytes]]) -> None:
        hostile = [("a", b""), ("b", b"\xff" * 1031), *prints, ("c", bytes(2000))]
        assert fingerprint.search(hostile, scene(5, 384, 256), limit=50)[0][0] == "5"

    def test_an_empty_store(self) -> None:
        assert fingerprint.search([], PICTURE) == []

    def test_goes_over_more_than_one_portion(self, prints: list[tuple[str, bytes]]) -> None:
        many = [(f"{n}-{name}", value) for n in range(100) for name, value in prints if name != "7"]
        many.insert(1050, prints[6])
        assert fingerprint.search(many, scene(7, 384, 256), limit=1)[0][0] == "7"


@pytest.mark.shared_data
def test_camera_originals_are_told_apart(shared_data: object) -> None:
    from pathlib import Path

    paths = sorted((Path(str(shared_data)) / "camera").iterdir())[:3]
    pictures = []
    for path in paths:
        media = Media.open(path)
        pictures.append(resize(np.ascontiguousarray(media.upright(media.rgb)), 0.25))
    prints = [compute(p) for p in pictures]
    for i, picture in enumerate(pictures):
        for j, value in enumerate(prints):
            found: Comparison = compare(value, picture)
            assert found.same is (i == j), (paths[i].name, paths[j].name, found)
