from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.analysis import heat, view
from assay.evidence import Finding, Map, MapKind, Report
from assay.media.pixels import orient
from assay.report.layers import Layer, blend, layers, opacities, picture, telling, turn, upright_size
from assay.report.maps import FolderMaps


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_turns_with_the_picture(report: Report, orientation: int) -> None:
    subject = msgspec.structs.replace(report.subject, width=12, height=7, orientation=orientation)
    stored = np.zeros((7, 12))
    stored[1:4, 2:7] = 1
    upright = orient(stored, orientation)
    x, y, w, h = (int(n) for n in turn((2, 1, 5, 3), subject))
    expected = np.zeros_like(upright)
    expected[y : y + h, x : x + w] = 1
    assert upright.tolist() == expected.tolist()
    assert upright_size(subject) == upright.shape[::-1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_map_turns_with_the_picture(report: Report, tmp_path: Path, orientation: int) -> None:
    """The one bright cell of a map that begins at (4, 2) must fall on the same pixels as in the stored picture."""
    array = np.zeros((2, 3), np.float32)
    array[0, 2] = 1
    kept = heat(FolderMaps(tmp_path), "m", "n", array, "", low=0, high=1, cell=4, origin=(4, 2))
    subject = msgspec.structs.replace(report.subject, width=20, height=12, orientation=orientation)
    turned = msgspec.structs.replace(report, subject=subject, findings=(Finding(method="m", says="", maps=(kept,)),))
    (layer,) = layers(turned, tmp_path, 1600)
    full = upright_size(subject)
    black = np.zeros((full[1], full[0], 3), np.uint8)
    stored = np.zeros((12, 20))
    stored[2:6, 12:16] = 1
    assert ((blend(black, layer, full, 1.0).max(axis=2) > 200) == orient(stored, orientation).astype(bool)).all()


def of(array: np.ndarray, tmp_path: Path, report: Report, **words: float) -> Layer:
    kept = heat(FolderMaps(tmp_path), "m", "n", array, "", low=0, high=1, **words)  # type: ignore[arg-type]
    one = msgspec.structs.replace(report, findings=(Finding(method="m", says="", maps=(kept,)),))
    return next(layers(one, tmp_path, 1600))


def test_where_a_map_says_little_the_picture_shows_through(report: Report, tmp_path: Path) -> None:
    layer = of(np.array([[0.0, 1.0]], np.float32), tmp_path, report, cell=8)
    assert (layer.pixels[0, 0, 3], layer.pixels[0, 1, 3]) == (0, 255)
    base = np.full((8, 16, 3), 90, np.uint8)
    shown = blend(base, layer, (16, 8), 0.5)
    assert (shown[:, :8] == 90).all()
    assert (shown[:, 8:] != 90).any(axis=2).all()


def test_a_likelihood_ratio_of_one_says_nothing() -> None:
    def levels(low: float, high: float) -> list[int]:
        record = Map(name="n", kind=MapKind.HEAT, meaning="", shape=(1, 1), low=low, high=high)
        return [int(opacities(record)[i]) for i in (0, 127, 255)]

    assert levels(-30, 30) == [0, 0, 255]
    assert levels(-1, 0) == levels(0, 1)
    assert levels(0, 1)[1] > 100
    assert levels(5, 5)[0] == 0


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_sheet_of_panels_is_shown_whole_and_not_over_the_picture(
    report: Report, tmp_path: Path, orientation: int
) -> None:
    sheet = np.full((30, 20, 3), 200, np.uint8)
    kept = view(FolderMaps(tmp_path), "m", "panels", sheet, "")
    subject = msgspec.structs.replace(report.subject, width=400, height=200, orientation=orientation)
    one = msgspec.structs.replace(report, subject=subject, findings=(Finding(method="m", says="", maps=(kept,)),))
    (layer,) = layers(one, tmp_path, 1600)
    full = upright_size(subject)
    assert layer.loose
    assert layer.pixels.shape == sheet.shape
    assert layer.box[3] / layer.box[2] == pytest.approx(1.5)
    shown = blend(np.full((full[1], full[0], 3), 90, np.uint8), layer, full, 1.0)
    assert set(shown.ravel()) == {0, 200}


def test_a_view_that_stops_short_of_the_edge_still_lies_over_the_picture(report: Report, tmp_path: Path) -> None:
    kept = view(FolderMaps(tmp_path), "m", "v", np.zeros((11, 18, 3), np.uint8), "", cell=8)
    subject = msgspec.structs.replace(report.subject, width=150, height=100)
    one = msgspec.structs.replace(report, subject=subject, findings=(Finding(method="m", says="", maps=(kept,)),))
    (layer,) = layers(one, tmp_path, 1600)
    assert not layer.loose
    assert layer.box == (0, 0, 144, 88)


def test_unknown_is_hatched_and_never_looks_like_low(report: Report, tmp_path: Path) -> None:
    layer = of(np.array([[0.0, np.nan]], np.float32), tmp_path, report, cell=8)
    assert layer.unknown is not None
    assert layer.unknown.tolist() == [[False, True]]
    shown = blend(np.zeros((8, 16, 3), np.uint8), layer, (16, 8), 1.0)
    assert not shown[:, :8].any()
    assert set(shown[:, 8:].ravel()) == {170, 215}


def test_a_map_that_hangs_over_the_edge_is_cut(report: Report, tmp_path: Path) -> None:
    layer = of(np.ones((3, 3), np.float32), tmp_path, report, cell=8, origin=(-4, -4))  # type: ignore[arg-type]
    assert blend(np.zeros((16, 16, 3), np.uint8), layer, (16, 16), 1.0).shape == (16, 16, 3)
    away = of(np.ones((1, 1), np.float32), tmp_path, report, cell=8, origin=(90, 90))  # type: ignore[arg-type]
    assert not blend(np.zeros((16, 16, 3), np.uint8), away, (16, 16), 1.0).any()


def test_the_first_heat_map_tells_most() -> None:
    def named(kind: MapKind, file: str | None = "x.png") -> Map:
        return Map(name="n", kind=kind, meaning="", shape=(1, 1), low=0, high=1, file=file)

    view, hot = named(MapKind.VIEW), named(MapKind.HEAT)
    assert telling(Finding(method="m", says="", maps=(view, hot))) == 1
    assert telling(Finding(method="m", says="", maps=(view, view))) == 0
    assert telling(Finding(method="m", says="", maps=(named(MapKind.HEAT, None),))) is None


def test_files_that_are_missing_or_elsewhere_are_left_out(report: Report, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"no picture")
    inner = tmp_path / "inner"
    inner.mkdir()
    record = Map(name="n", kind=MapKind.VIEW, meaning="", shape=(1, 1), low=0, high=1, file="../secret.png")
    gone = msgspec.structs.replace(record, file="gone.png")
    one = msgspec.structs.replace(report, findings=(Finding(method="m", says="", maps=(record, gone)),))
    assert list(layers(one, inner, 1600)) == []
    (inner / "secret.png").write_bytes(b"no picture")
    assert list(layers(one, inner, 1600)) == []
    assert picture(inner) is None
