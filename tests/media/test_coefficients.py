"""Quantised DCT coefficients against the decoder's own pixels."""

import io
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import pytest
from PIL import Image

from assay.errors import MediaError
from assay.media import Media, Plane, jpeg
from assay.media.coefficients import readable

Makers = Mapping[str, Callable[..., bytes]]


def planes(media: Media) -> tuple[Plane, ...]:
    assert media.coefficients is not None
    return media.coefficients


def picture(height: int, width: int) -> Image.Image:
    small = np.random.default_rng(5).integers(60, 200, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (40, 25)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_luma_is_the_inverse_transform(
    make: Makers, size: tuple[int, int], subsampling: int, progressive: bool
) -> None:
    data = make["save"](picture(*size), "JPEG", quality=90, subsampling=subsampling, progressive=progressive)
    media = Media.open(data)
    y, cb, cr = planes(media)
    assert (y.height, y.width, y.scale) == (*size, (1, 1))
    assert y.blocks.shape == (-(-size[0] // 8), -(-size[1] // 8), 8, 8)
    assert cb.scale == cr.scale == {0: (1, 1), 1: (1, 2), 2: (2, 2)}[subsampling]
    assert (cb.height, cb.width) == (-(-size[0] // cb.scale[0]), -(-size[1] // cb.scale[1]))
    assert np.array_equal(y.table, jpeg.parse(data).table_of(0))
    error = np.clip(y.samples()[: size[0], : size[1]], 0, 255) - media.luma
    assert np.abs(error).max() <= 1.01


@pytest.mark.parametrize("factor", [cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440])
def test_odd_sampling(factor: int) -> None:
    array = np.asarray(picture(30, 50))
    data = bytes(cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor])[1])
    media = Media.open(data)
    scale = (1, 4) if factor == cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411 else (2, 1)
    assert [plane.scale for plane in planes(media)] == [(1, 1), scale, scale]
    assert np.abs(planes(media)[0].samples()[:30, :50] - media.luma).max() <= 1.01


def test_grey_and_cmyk(files: dict[str, bytes]) -> None:
    (y,) = planes(Media.open(files["jpeg-grey"]))
    assert y.blocks.shape == (5, 7, 8, 8)
    found = planes(Media.open(files["jpeg-cmyk"]))
    assert len(found) == 4
    # Pillow stores ink inverted, without a transform.
    inks = np.asarray(Image.open(io.BytesIO(files["jpeg-cmyk"])))
    for i, plane in enumerate(found):
        assert np.abs(np.clip(plane.samples()[:40, :56], 0, 255) - (255.0 - inks[..., i])).max() <= 1.01


def test_vertical_frequency_comes_first(make: Makers) -> None:
    rows = np.repeat(np.tile(np.array([[0], [255]], dtype=np.uint8), (8, 1)), 16, axis=1)
    (y,) = planes(Media.open(make["save"](Image.fromarray(rows), "JPEG")))
    assert y.blocks[0, 0, 7, 0] != 0
    assert not y.blocks[0, 0, 0, 1:].any()


def test_restart_markers(make: Makers) -> None:
    data = make["save"](picture(64, 64), "JPEG", restart_marker_blocks=2)
    media = Media.open(data)
    assert jpeg.parse(data).restart_interval == 2
    assert np.abs(planes(media)[0].samples() - media.luma).max() <= 1.01


def test_sampling_that_does_not_divide_has_no_coefficients(make: Makers) -> None:
    data = bytearray(make["save"](picture(48, 48).convert("L").convert("RGB"), "JPEG", subsampling=0))
    start = data.index(b"\xff\xc0")
    data[start + 11], data[start + 14], data[start + 17] = 0x31, 0x21, 0x11
    assert not readable(jpeg.parse(bytes(data)))


def test_other_formats_have_none(files: dict[str, bytes]) -> None:
    assert Media.open(files["png"]).coefficients is None
    assert Media.open(files["png"]).jpeg is None


def test_more_than_fifty_markers(make: Makers, files: dict[str, bytes]) -> None:
    data = files["jpeg"]
    many = data[:2] + make["segment"](0xFE, b"x") * 200 + data[2:]
    assert np.array_equal(planes(Media.open(many))[0].blocks, planes(Media.open(data))[0].blocks)


def test_nothing_is_printed(files: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    for cut in (60, 200):
        with pytest.raises(MediaError):
            Media.open(files["jpeg"][:-cut]).coefficients  # noqa: B018
    assert capfd.readouterr() == ("", "")
