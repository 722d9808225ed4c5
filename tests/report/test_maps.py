from pathlib import Path

import cv2
import numpy as np
import pytest

from assay.analysis import heat, view
from assay.report.maps import FolderMaps


def read(folder: Path, file: str | None) -> np.ndarray:
    assert file is not None
    return np.asarray(cv2.imread(str(folder / file), cv2.IMREAD_UNCHANGED))


def test_heat_runs_from_low_to_high(tmp_path: Path) -> None:
    array = np.array([[-1.0, 0.0, 1.0, 2.0, 3.0]])
    kept = heat(FolderMaps(tmp_path), "ghosts", "worst case", array, "How bad.", low=0, high=2)
    assert kept.file == "ghosts-worst_case.png"
    assert kept.shape == (1, 5)
    assert read(tmp_path, kept.file).tolist() == [[0, 0, 128, 255, 255]]


def test_unknown_cells_are_clear(tmp_path: Path) -> None:
    array = np.array([[0.5, np.nan], [np.inf, 1.0]])
    kept = heat(FolderMaps(tmp_path), "m", "n", array, "", low=0, high=1)
    pixels = read(tmp_path, kept.file)
    assert pixels[..., 3].tolist() == [[255, 0], [255, 255]]
    assert pixels[..., 0].tolist() == [[128, 0], [255, 255]]


def test_a_map_of_one_value_is_not_divided_by_nothing(tmp_path: Path) -> None:
    kept = heat(FolderMaps(tmp_path), "m", "n", np.ones((2, 2)), "", low=1, high=1)
    assert not read(tmp_path, kept.file).any()


def test_colours_of_a_view_stay(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 3), np.uint8)
    array[..., 0] = 200
    kept = view(FolderMaps(tmp_path), "m", "n", array, "")
    assert cv2.cvtColor(read(tmp_path, kept.file), cv2.COLOR_BGR2RGB).tolist() == array.tolist()
    grey = view(FolderMaps(tmp_path), "m", "g", array[..., 0], "")
    assert read(tmp_path, grey.file).shape == (2, 3)


def test_a_long_map_is_averaged_down(tmp_path: Path) -> None:
    array = np.zeros((40, 80), np.float32)
    array[:, ::2] = 1
    kept = heat(FolderMaps(tmp_path, max_side=20), "m", "n", array, "", low=0, high=1, cell=8)
    assert (kept.shape, kept.cell) == ((10, 20), 32)
    assert set(read(tmp_path, kept.file).ravel()) == {128}


def test_unknown_cells_do_not_dim_their_neighbours(tmp_path: Path) -> None:
    array = np.ones((4, 4), np.float32)
    array[0, 0] = np.nan
    array[2:, 2:] = np.nan
    kept = heat(FolderMaps(tmp_path, max_side=2), "m", "n", array, "", low=0, high=1)
    pixels = read(tmp_path, kept.file)
    assert pixels[..., 0].tolist() == [[255, 255], [255, 0]]
    assert pixels[..., 3].tolist() == [[255, 255], [255, 0]]


def test_a_reduced_view_keeps_its_third_axis(tmp_path: Path) -> None:
    kept = view(FolderMaps(tmp_path, max_side=4), "m", "n", np.zeros((8, 6, 3), np.uint8), "")
    assert kept.shape == (4, 3, 3)
    assert kept.cell == 2


@pytest.mark.parametrize("shape", [(0, 5), (0, 0, 3)])
def test_a_map_without_cells_is_not_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert view(FolderMaps(tmp_path), "m", "n", np.zeros(shape, np.uint8), "").file is None


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    kept = view(FolderMaps(tmp_path / "maps"), "m", "../../x", np.zeros((1, 1), np.uint8), "")
    assert [p.name for p in (tmp_path / "maps").iterdir()] == [kept.file]
