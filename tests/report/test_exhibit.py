import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.media import Media
from assay.report.exhibit import find_picture, save_picture


def media(width: int, height: int, orientation: int = 1) -> Media:
    """Left half red, right half blue, as stored."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, : width // 2, 0] = 255
    array[:, width // 2 :, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "png", exif=exif.tobytes())
    return Media.open(stream.getvalue())


def test_a_small_picture_is_kept_without_loss(tmp_path: Path) -> None:
    save_picture(media(40, 20), tmp_path)
    path = find_picture(tmp_path)
    assert path is not None
    assert path.name == "picture.png"
    assert np.asarray(Image.open(path))[0, 0].tolist() == [255, 0, 0]


def test_a_large_picture_is_reduced_to_jpeg(tmp_path: Path) -> None:
    save_picture(media(2000, 1000), tmp_path, max_side=800)
    path = find_picture(tmp_path)
    assert path is not None
    assert path.name == "picture.jpg"
    assert Image.open(path).size == (800, 400)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 20)), (3, (40, 20)), (6, (20, 40)), (8, (20, 40))])
def test_it_stands_upright(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    save_picture(media(40, 20, orientation), tmp_path)
    shown = Image.open(tmp_path / "picture.png")
    assert shown.size == size
    left_top = {1: (255, 0, 0), 3: (0, 0, 255), 6: (255, 0, 0), 8: (0, 0, 255)}[orientation]
    assert shown.getpixel((0, 0)) == left_top


def test_no_picture_no_path(tmp_path: Path) -> None:
    assert find_picture(tmp_path) is None
