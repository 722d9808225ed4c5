"""From what is named on the command line to the pictures meant."""

from pathlib import Path

import pytest

from assay.cli.examine import plan
from assay.cli.inputs import expand
from assay.errors import UsageError
from assay.media import Limits

JPEG = b"\xff\xd8\xff\xe0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"text under a picture's name")
    (tmp_path / "b" / "no-extension").write_bytes(JPEG)
    (tmp_path / "notes.txt").write_bytes(b"notes")
    (tmp_path / ".hidden" / "c.jpg").write_bytes(JPEG)
    (tmp_path / ".d.jpg").write_bytes(JPEG)
    return tmp_path


def test_a_folder_gives_what_is_a_picture_by_name_or_by_content(folder: Path) -> None:
    assert expand([str(folder)]) == [str(folder / "a.jpg"), str(folder / "b" / "no-extension")]


def test_a_folder_without_pictures_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no picture in the folder"):
        expand([str(tmp_path)])


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "b" / "loop").symlink_to(folder)
    assert len(expand([str(folder)])) == 2


def test_globs_and_duplicates(folder: Path) -> None:
    assert expand([f"{folder}/*.jpg", str(folder / "a.jpg")]) == [str(folder / "a.jpg")]
    assert expand([f"{folder}/**/no-*"]) == [str(folder / "b" / "no-extension")]


def test_a_missing_path_and_a_glob_without_match_stay_to_be_reported() -> None:
    assert expand(["nowhere.jpg", "nowhere/*.jpg", "-"]) == ["nowhere.jpg", "nowhere/*.jpg", "-"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "photo[1].jpg"
    odd.write_bytes(JPEG)
    assert expand([str(odd)]) == [str(odd)]


def test_outputs_of_one_picture_are_files_and_of_several_folders(tmp_path: Path) -> None:
    out = {"html": tmp_path / "out", "pdf": None, "maps": tmp_path / "maps"}
    (one,) = plan(["x.jpg"], Limits(), **out)
    assert (one.outputs.html, one.outputs.maps) == (tmp_path / "out", tmp_path / "maps")
    first, second = plan(["a/x.jpg", "b/X.jpg"], Limits(), **out)
    assert first.outputs.html == tmp_path / "out" / "x_jpg.html"
    assert second.outputs.html == tmp_path / "out" / "X_jpg-2.html"
    assert second.outputs.maps == tmp_path / "maps" / "X_jpg-2"


def test_an_output_in_the_way_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="need a folder"):
        plan(["x.jpg", "y.jpg"], Limits(), html=file, pdf=None, maps=None)
    with pytest.raises(UsageError, match="is a folder"):
        plan(["x.jpg"], Limits(), html=None, pdf=tmp_path, maps=None)
    with pytest.raises(UsageError, match="needs a folder"):
        plan(["x.jpg"], Limits(), html=None, pdf=None, maps=file)
