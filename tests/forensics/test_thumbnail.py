import cv2
import numpy as np
import numpy.typing as npt
import pytest
from tests.forensics.jpeg_files import after_jfif, as_camera, encode, exif, segment, with_thumbnail

from assay.analysis import MemoryMaps, NoMaps
from assay.evidence import Abstention, Direction, Finding, Reason, Strength
from assay.forensics.structure._register import align, orient, trim_bars
from assay.forensics.structure.thumbnail import SAME, decode, examine
from assay.media import Embedded, Media
from assay.testing import scene

Picture = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480


@pytest.fixture(scope="module")
def picture() -> Picture:
    return scene(11, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def other() -> Picture:
    return scene(12, WIDTH, HEIGHT)


def small(picture: Picture, width: int = 160, height: int = 120) -> Picture:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def found(picture: Picture, thumbnail: Picture, maps: MemoryMaps | None = None) -> Finding:
    outcome = examine(with_thumbnail(picture, thumbnail), maps or MemoryMaps())
    assert isinstance(outcome, Finding)
    return outcome


def pasted(picture: Picture, donor: Picture, box: tuple[int, int, int, int]) -> Picture:
    x, y, w, h = box
    out = picture.copy()
    out[y : y + h, x : x + w] = donor[y : y + h, x : x + w][::-1, ::-1]
    return out


def test_a_thumbnail_of_the_picture_speaks_weakly_against(picture: Picture) -> None:
    finding = found(picture, small(picture))
    assert (finding.direction, finding.strength, finding.regions) == (Direction.AGAINST, Strength.WEAK, ())
    assert finding.details["score"] > 0.95
    assert finding.details["agreement"] > 0.95


@pytest.mark.parametrize("tone", ["gamma", "warm", "dull", "soft", "sharp", "coarse"])
def test_what_cameras_do_to_a_thumbnail_is_allowed_for(picture: Picture, tone: str) -> None:
    view = small(picture).astype(np.float64)
    match tone:
        case "gamma":
            view = 255 * (view / 255) ** 0.7
        case "warm":
            view = view * [1.12, 1.0, 0.88]
        case "dull":
            view = 40 + 0.7 * view
        case "soft":
            view = np.asarray(cv2.GaussianBlur(view, (0, 0), 1.0), np.float64)
        case "sharp":
            view = 1.8 * view - 0.8 * np.asarray(cv2.GaussianBlur(view, (0, 0), 1.0), np.float64)
        case "coarse":
            view = view.round(-1)
    finding = found(picture, np.clip(view, 0, 255).astype(np.uint8))
    assert (finding.direction, finding.regions) == (Direction.AGAINST, ())


def test_a_pasted_part_is_found_where_it_is(picture: Picture, other: Picture) -> None:
    box = (360, 200, 160, 140)
    maps = MemoryMaps()
    finding = found(pasted(picture, other, box), small(picture), maps)
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.MODERATE)
    hits = [r for r in finding.regions if r.x < 520 and r.x + r.width > 360 and r.y < 340 and r.y + r.height > 200]
    assert hits == list(finding.regions) != []
    (record,) = finding.maps
    level = np.asarray(maps.arrays["thumbnail", "difference"], np.float32)
    assert level.shape == record.shape
    cell = record.cell
    inside = level[round(200 / cell) : round(340 / cell), round(360 / cell) : round(520 / cell)]
    assert np.nanmean(inside) > 5 * np.nanmean(level[:, : round(300 / cell)])


def test_another_picture_is_said_to_be_one(picture: Picture, other: Picture) -> None:
    finding = found(picture, small(other))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.MODERATELY_STRONG)
    assert "another picture" in finding.says
    assert finding.details["score"] < SAME
    assert finding.maps == ()


def test_a_crop_is_measured(picture: Picture) -> None:
    x, y, w, h = 40, 30, 480, 360
    finding = found(np.ascontiguousarray(picture[y : y + h, x : x + w]), small(picture))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.MODERATE)
    assert finding.details["frame"] == pytest.approx([-x, -y, WIDTH, HEIGHT], abs=8)
    assert finding.details["overlap"] == pytest.approx(w * h / WIDTH / HEIGHT, abs=0.03)


def test_a_centred_crop_is_weaker(picture: Picture) -> None:
    finding = found(np.ascontiguousarray(picture[60:420, 80:560]), small(picture))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.WEAK)


@pytest.mark.parametrize("bars", ["both", "top"])
def test_black_bars_are_no_crop(bars: str) -> None:
    wide = scene(13, 720, 480)
    view = np.zeros((120, 160, 3), np.uint8)
    top = 7 if bars == "both" else 13
    view[top : top + 107] = small(wide, 160, 107)
    finding = found(wide, view)
    assert finding.direction is Direction.AGAINST
    assert finding.details["bars"][1] >= top


def test_a_dark_sky_is_no_bar() -> None:
    night = small(scene(11, WIDTH, HEIGHT))
    night[:30] = 2
    night[-30:] = 2
    assert trim_bars(night, 4 / 3) == (0, 0, 160, 120)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_turned_thumbnails_are_laid_straight(picture: Picture, turn: int) -> None:
    finding = found(picture, orient(small(picture), turn))
    assert finding.direction is Direction.AGAINST
    back = orient(orient(small(picture), turn), finding.details["turn"])
    assert np.array_equal(back, small(picture))


def test_a_mirrored_picture_is_weak_evidence(picture: Picture) -> None:
    finding = found(np.ascontiguousarray(picture[:, ::-1]), small(picture))
    assert (finding.direction, finding.strength, finding.details["turn"]) == (Direction.FOR, Strength.WEAK, 2)


def test_alignment_is_of_subpixel_accuracy(picture: Picture) -> None:
    alignment, _ = align(picture, small(picture))
    assert alignment.matrix == pytest.approx(np.array([[4, 0, 1.5], [0, 4, 1.5]]), abs=0.4)
    assert alignment.overlap > 0.98


def test_the_map_is_blank_where_the_thumbnail_shows_nothing(picture: Picture) -> None:
    maps = MemoryMaps()
    found(picture, small(np.ascontiguousarray(picture[60:420, 80:560])), maps)
    level = np.asarray(maps.arrays["thumbnail", "difference"], np.float32)
    assert np.isnan(level[:10]).all()
    assert np.isfinite(level[level.shape[0] // 2, level.shape[1] // 2])


def test_uncompressed_jfif_thumbnails_are_read(picture: Picture) -> None:
    view = small(picture, 80, 60)
    data = encode(picture)
    data = data[:2] + segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01" + bytes([80, 60]) + view.tobytes()) + data[20:]
    outcome = examine(Media.open(data), NoMaps())
    assert isinstance(outcome, Finding)
    assert outcome.direction is Direction.AGAINST
    assert decode(Embedded("thumbnail", 0, b"short", "JFIF, uncompressed RGB, 80 x 60")) is None


def test_a_preview_of_another_picture_elsewhere_in_the_file_does_not_count(picture: Picture, other: Picture) -> None:
    data = after_jfif(encode(picture), segment(0xEB, b"JP\0\0" + encode(small(other))))
    outcome = examine(Media.open(data), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.NO_REFERENCE


@pytest.mark.parametrize(
    ("size", "thumbnail", "reason"),
    [
        ((480, 640), None, Reason.NO_REFERENCE),
        ((480, 640), b"\xff\xd8\xff\xe0broken", Reason.NO_REFERENCE),
        ((480, 640), np.zeros((16, 20, 3), np.uint8), Reason.TOO_SMALL),
        ((1, 1), np.zeros((120, 160, 3), np.uint8), Reason.TOO_SMALL),
        ((480, 640), np.full((120, 160, 3), 90, np.uint8), Reason.TOO_FLAT),
    ],
)
def test_it_abstains(picture: Picture, size: tuple[int, int], thumbnail: object, reason: Reason) -> None:
    cut = np.ascontiguousarray(picture[: size[0], : size[1]])
    raw = thumbnail if isinstance(thumbnail, bytes) else b"" if thumbnail is None else encode(np.asarray(thumbnail))
    outcome = examine(Media.open(as_camera(encode(cut), exif("A", "B", thumbnail=raw))), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is reason


@pytest.mark.shared_data
def test_camera_originals_raise_no_moderate_alarm(shared_data) -> None:  # type: ignore[no-untyped-def]
    loud = []
    for path in sorted((shared_data / "camera").glob("*.jpg"))[::9]:
        outcome = examine(Media.open(path), NoMaps())
        if isinstance(outcome, Finding) and outcome.direction is Direction.FOR and outcome.strength.rank >= 2:
            loud.append(path.name)
    assert loud == []
