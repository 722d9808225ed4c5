"""Decoded samples, luma and what a screen should show."""

import io
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from assay.errors import MediaError
from assay.media import Limits, Media

Array = npt.NDArray[np.uint8]
Makers = Mapping[str, Callable[..., bytes]]


@pytest.fixture(scope="module")
def colours() -> Array:
    small = np.random.default_rng(3).integers(90, 170, (5, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (33, 21), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}), ("WEBP", {"lossless": True}),
    ],
)  # fmt: skip
def test_lossless_formats_give_back_what_went_in(
    make: Makers,
    colours: Array,
    format: str,  # noqa: A002
    options: dict[str, object],
) -> None:
    media = Media.open(make["save"](Image.fromarray(colours), format, **options))
    assert media.samples.dtype == np.uint8
    assert np.array_equal(media.samples, colours)
    assert media.alpha is None
    expected = colours @ np.array([0.299, 0.587, 0.114])
    assert media.luma.dtype == np.float32
    assert np.abs(media.luma - expected).max() < 1e-3


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.usefixtures("files")
def test_lossy_formats_come_close(make: Makers, colours: Array, format: str) -> None:  # noqa: A002
    media = Media.open(make["save"](Image.fromarray(colours), format, quality=95))
    assert (media.height, media.width) == media.rgb.shape[:2] == (21, 33)
    assert np.abs(media.rgb.astype(int) - colours).mean() < 4


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_stay(extension: str, channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65535, (9, 11, channels), dtype=np.uint16)
    media = Media.open(bytes(cv2.imencode(extension, deep)[1]))
    assert media.samples.dtype == np.uint16
    assert media.header.bits == 16
    expected = np.repeat(deep, 3, axis=2) if channels == 1 else deep[..., 2::-1]
    assert np.array_equal(media.samples, expected)
    assert np.array_equal(media.rgb, (expected >> 8).astype(np.uint8))
    if channels == 4:
        assert media.alpha is not None
        assert np.array_equal(media.alpha, deep[..., 3])


def test_ten_bit_heic_stays_deep(files: dict[str, bytes]) -> None:
    import pillow_heif

    deep = np.full((32, 32, 3), 40_000, dtype=np.uint16)
    stream = io.BytesIO()
    pillow_heif.encode("RGB;16", (32, 32), deep.tobytes(), stream, quality=-1)
    media = Media.open(stream.getvalue())
    assert media.header.bits == 10
    assert media.samples.dtype == np.uint16
    assert abs(int(media.samples[16, 16, 0]) - 40_000) < 600


def test_palette_with_transparency(make: Makers) -> None:
    indexed = Image.new("P", (4, 2), 1)
    indexed.putpalette([0, 0, 0, 10, 200, 30])
    indexed.putpixel((0, 0), 0)
    for format in ("PNG", "GIF"):  # noqa: A001
        media = Media.open(make["save"](indexed, format, transparency=0))
        assert media.rgb[1, 1].tolist() == [10, 200, 30]
        assert media.alpha is not None
        assert media.alpha[0].tolist() == [0, 255, 255, 255]


def test_alpha_modes(make: Makers) -> None:
    for mode, value in (("LA", (90, 64)), ("RGBA", (90, 90, 90, 64))):
        media = Media.open(make["save"](Image.new(mode, (3, 3), value), "PNG"))
        assert media.rgb[0, 0].tolist() == [90, 90, 90]
        assert media.alpha is not None
        assert media.alpha[0, 0] == 64
        shown = round((90 * 64 + 128 * 191) / 255)
        assert media.display[0, 0].tolist() == [shown] * 3


def test_one_bit_and_float_and_wide_integers(make: Makers) -> None:
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], dtype=np.uint8)).convert("1")
    for format in ("PNG", "TIFF", "BMP"):  # noqa: A001
        assert Media.open(make["save"](bits, format)).rgb[..., 0].tolist() == [[0, 255], [255, 0]]
    ramp = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32))
    assert Media.open(make["save"](ramp, "TIFF")).rgb[0, :, 0].tolist() == [0, 127, 255, 0]
    wide = Image.fromarray(np.array([[0, 1 << 30, (1 << 31) - 1]], dtype=np.int32))
    assert Media.open(make["save"](wide, "TIFF")).rgb[0, :, 0].tolist() == [0, 64, 127]


def test_cmyk_turns_into_sensible_rgb(make: Makers) -> None:
    inks = Image.new("CMYK", (16, 16), (0, 200, 200, 30))
    expected = [225, 49, 49]
    for format in ("JPEG", "TIFF"):  # noqa: A001
        media = Media.open(make["save"](inks, format))
        assert media.header.mode == "CMYK"
        assert np.abs(media.rgb[8, 8].astype(int) - expected).max() <= 4
        assert np.abs(media.luma - (media.rgb @ np.array([0.299, 0.587, 0.114]))).max() < 0.01


def test_an_animation_gives_its_first_frame(make: Makers, colours: Array) -> None:
    second = Image.fromarray(255 - colours)
    for format, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})):  # noqa: A001
        data = make["save"](Image.fromarray(colours), format, save_all=True, append_images=[second], **options)
        media = Media.open(data)
        assert media.header.frames == 2
        assert np.abs(media.rgb.astype(int) - colours).mean() < (8 if format == "GIF" else 0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_agrees_with_pillow(make: Makers, colours: Array, orientation: int) -> None:
    from PIL import ImageOps

    meta = Image.Exif()
    meta[0x0112] = orientation
    for format in ("PNG", "JPEG", "WEBP", "TIFF"):  # noqa: A001
        data = make["save"](Image.fromarray(colours), format, exif=meta)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        media = Media.open(data)
        assert media.orientation == orientation
        assert media.rgb.shape == colours.shape
        assert np.array_equal(media.display, expected), format


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("files")
def test_avif_and_heic_turn_by_their_own_properties(make: Makers, colours: Array, orientation: int) -> None:
    block = make["exif"](orientation)
    shown = Media.open(make["save"](Image.fromarray(colours), "PNG", exif=block)).display
    for format in ("AVIF", "HEIF"):  # noqa: A001
        data = make["save"](Image.fromarray(colours), format, exif=b"Exif\0\0" + block, quality=95)
        display = Media.open(data).display
        assert display.shape == shown.shape
        assert np.abs(display.astype(int) - shown).mean() < 5, format


def test_impossible_orientation_counts_as_none(make: Makers) -> None:
    data = make["save"](Image.new("RGB", (4, 4)), "PNG", exif=make["exif"](77))
    assert Media.open(data).orientation == 1


def test_display_follows_the_profile(make: Makers) -> None:
    # A profile whose red and blue are exchanged shows plainly whether it is used.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = {tag: lab.index(tag, 128) for tag in (b"rXYZ", b"bXYZ")}
    swapped = bytearray(lab)
    swapped[at[b"rXYZ"] : at[b"rXYZ"] + 4], swapped[at[b"bXYZ"] : at[b"bXYZ"] + 4] = b"bXYZ", b"rXYZ"
    media = Media.open(make["save"](Image.new("RGB", (8, 8), (250, 10, 10)), "PNG", icc_profile=bytes(swapped)))
    assert media.rgb[0, 0].tolist() == [250, 10, 10]
    assert media.display[0, 0, 2] > 200
    assert media.display[0, 0, 0] < 60


def test_a_broken_profile_is_remarked_on(make: Makers) -> None:
    media = Media.open(make["save"](Image.new("RGB", (8, 8), (250, 10, 10)), "PNG", icc_profile=b"junk" * 40))
    assert media.display[0, 0].tolist() == [250, 10, 10]
    assert any("ICC profile" in remark for remark in media.remarks)


def test_digests(make: Makers, colours: Array) -> None:
    import hashlib

    plain = make["save"](Image.fromarray(colours), "PNG")
    media, other = Media.open(plain), Media.open(make["save"](Image.fromarray(colours), "BMP"))
    assert media.sha256 == hashlib.sha256(plain).hexdigest()
    expected = hashlib.sha256(b"assay-pixels-1" + f"{colours.shape}|u1".encode() + colours.tobytes()).hexdigest()
    assert media.pixels_sha256 == other.pixels_sha256 == expected
    assert media.sha256 != other.sha256


def odd_sampling(make: Makers, factors: tuple[int, int, int]) -> bytes:
    """A flat picture of 24 x 8, whose blocks all say "no difference, end of block"."""
    data = make["save"](Image.new("RGB", (24, 8), (128, 128, 128)), "JPEG", subsampling=0)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    bits = "001010" * factors[0] + "0000" * (factors[1] + factors[2])
    bits += "1" * (-len(bits) % 8)
    odd = bytearray(data[: scan + 14] + int(bits, 2).to_bytes(len(bits) // 8, "big") + b"\xff\xd9")
    for i, factor in enumerate(factors):
        odd[frame + 11 + 3 * i] = factor << 4 | 1
    return bytes(odd)


def test_sampling_that_turbojpeg_does_not_take(make: Makers) -> None:
    media = Media.open(odd_sampling(make, (3, 1, 1)))
    assert np.all(media.rgb == 128)
    assert np.all(media.luma == 128)
    assert media.coefficients is not None
    assert [plane.scale for plane in media.coefficients] == [(1, 1), (1, 3), (1, 3)]
    assert "unusual chroma sampling" in media.remarks[0]


def test_sampling_that_libjpeg_does_not_take(make: Makers) -> None:
    media = Media.open(odd_sampling(make, (3, 2, 1)))
    assert media.coefficients is None
    with pytest.raises(MediaError) as caught:
        media.rgb  # noqa: B018
    assert caught.value.reason == "unsupported"


def test_limits_hold_before_decoding(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        with pytest.raises(MediaError) as caught:
            Media.open(data, limits=Limits(max_pixels=56 * 40 - 1))
        assert caught.value.reason == "too_large", name
        with pytest.raises(MediaError) as caught:
            Media.open(data, limits=Limits(max_decoded_bytes=len(data) + 3000))
        assert caught.value.reason == "too_large", name
