"""Forgeries made in known ways, each with the mask of what was changed.

Every function starts from scenes that were never compressed, so the whole history of the returned file is in its
arguments. Masks are (H, W) bool, True where the picture was altered; None where no one place was.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from assay.testing.scene import scene

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


@dataclass(frozen=True, eq=False)
class Sample:
    """A made picture. ``data`` is a JPEG file (a PNG where the maker was asked for one), ``mask`` what was altered,
    ``kind`` the maker's name, and ``says`` the file's history in one sentence.
    """

    data: bytes
    mask: Mask | None
    kind: str
    says: str


def encode(picture: Picture, quality: int | None, subsampling: str = "4:2:0") -> bytes:
    """Return ``picture`` as a baseline JPEG with the standard tables at ``quality`` 1 to 100, as a PNG for None."""
    out = io.BytesIO()
    if quality is None:
        Image.fromarray(picture).save(out, "PNG", compress_level=1)
    else:
        Image.fromarray(picture).save(out, "JPEG", quality=quality, subsampling=_SUBSAMPLING[subsampling])
    return out.getvalue()


def decode(data: bytes) -> Picture:
    """Return the (H, W, 3) uint8 RGB of a JPEG or PNG."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def region(seed: int, width: int, height: int, share: float = 0.1) -> Mask:
    """Return an irregular blob that covers about ``share`` of the picture, clear of its borders, as a (H, W) mask."""
    rng = np.random.default_rng([seed, 7])
    radius = min(np.sqrt(share * width * height / np.pi), 0.36 * width, 0.36 * height)
    reach_out = 1.3 * radius
    cx = rng.uniform(reach_out, max(width - reach_out, reach_out))
    # Below the sky, where there is something to alter.
    low = min(max(reach_out, 0.42 * height), max(height - reach_out, reach_out))
    cy = rng.uniform(low, max(height - reach_out, low))
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    waves = sum(rng.normal(0, 0.09) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in (2, 3, 4, 5))
    reach = radius * np.clip(1 + waves, 0.7, 1.25)
    outline = np.stack([cx + reach * np.cos(angle), cy + reach * np.sin(angle)], 1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask.astype(bool)


def authentic(
    seed: int, quality: int = 90, *, width: int = 768, height: int = 512, subsampling: str = "4:2:0"
) -> Sample:
    """A scene, compressed once."""
    data = encode(_scene(seed, width, height), quality, subsampling)
    return Sample(data, None, "authentic", f"A scene, compressed once at quality {quality}.")


def resave(
    seed: int, q1: int = 75, q2: int = 92, *, width: int = 768, height: int = 512, subsampling: str = "4:2:0"
) -> Sample:
    """A scene, compressed at ``q1`` and, on the same grid, at ``q2``."""
    data = encode(_jpeg(seed, width, height, q1, subsampling), q2, subsampling)
    return Sample(data, None, "resave", f"A scene, compressed at quality {q1}, then whole again at {q2}.")


def nonaligned(
    seed: int, q1: int = 75, q2: int | None = 92, *, shift: tuple[int, int] = (3, 5), width: int = 768,
    height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A scene, compressed at ``q1``, cropped by ``shift`` = (columns, rows) at its upper left, compressed at ``q2``."""
    dx, dy = shift
    whole = _jpeg(seed, width + dx, height + dy, q1, subsampling)
    says = f"A scene, compressed at quality {q1}, cropped by {dx} columns and {dy} rows, {_saved(q2)}."
    return Sample(encode(np.ascontiguousarray(whole[dy:, dx:]), q2, subsampling), None, "nonaligned", says)


def splice(
    seed: int, q1: int = 70, q2: int | None = 92, *, share: float = 0.1, width: int = 768, height: int = 512,
    subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A scene, compressed at ``q1``; over a part of it another that was never compressed; all compressed at ``q2``.

    Only the background is doubly quantised.
    """
    picture, mask = _jpeg(seed, width, height, q1, subsampling).copy(), region(seed, width, height, share)
    picture[mask] = _scene(_donor(seed), width, height)[mask]
    says = f"Quality {q1} background with a part of an uncompressed scene pasted in, {_saved(q2)}."
    return Sample(encode(picture, q2, subsampling), mask, "splice", says)


def grid_paste(
    seed: int, q1: int | None = 70, q2: int | None = 95, *, q_region: int = 70, shift: tuple[int, int] = (3, 5),
    share: float = 0.1, width: int = 768, height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """As :func:`splice`, but the part comes from a picture compressed at ``q_region`` whose block grid lies ``shift`` =
    (columns, rows) before the background's. ``q1`` None: the background was never compressed.
    """
    dx, dy = shift
    background = _scene(seed, width, height) if q1 is None else _jpeg(seed, width, height, q1, subsampling)
    picture, mask = background.copy(), region(seed, width, height, share)
    part = _jpeg(_donor(seed), width + dx, height + dy, q_region, subsampling)[dy:, dx:]
    picture[mask] = part[mask]
    before = "An uncompressed" if q1 is None else f"Quality {q1}"
    part_of = f"part of a quality {q_region} picture pasted {dx}, {dy} off its grid"
    says = f"{before} background with a {part_of}, {_saved(q2)}."
    return Sample(encode(picture, q2, subsampling), mask, "grid_paste", says)


def double_region(
    seed: int, q_region: int = 60, q2: int | None = 90, *, q1: int | None = None, share: float = 0.1, width: int = 768,
    height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A part compressed at ``q_region``, on the grid, in a picture compressed at ``q2``: the ghost of Farid (2009).

    ``q1`` is the quality of the background before, None for one that was never compressed.
    """
    background = _scene(seed, width, height) if q1 is None else _jpeg(seed, width, height, q1, subsampling)
    picture, mask = background.copy(), region(seed, width, height, share)
    picture[mask] = _jpeg(seed, width, height, q_region, subsampling)[mask]
    before = "an uncompressed" if q1 is None else f"a quality {q1}"
    says = f"A part once compressed at quality {q_region} in {before} picture, {_saved(q2)}."
    return Sample(encode(picture, q2, subsampling), mask, "double_region", says)


def clone(
    seed: int, quality: int | None = 92, *, q1: int | None = None, angle: float = 0, scale: float = 1,
    share: float = 0.06, width: int = 768, height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A part of a scene copied to another place of it, turned by ``angle`` degrees and enlarged by ``scale``.

    The mask covers both the part that was copied and the copy, as it does in CoMoFoD.
    """
    picture = _scene(seed, width, height) if q1 is None else _jpeg(seed, width, height, q1, subsampling)
    rng = np.random.default_rng([seed, 11])
    source = region(seed, width, height, share)
    rows, columns = np.nonzero(source)
    centre = float(columns.mean()), float(rows.mean())
    turn = cv2.getRotationMatrix2D(centre, angle, scale)
    most, target, move = -width * height * 2, source, turn
    for _ in range(60):
        to = rng.uniform(0.15, 0.85) * width, rng.uniform(0.45, 0.85) * height
        # Whole pixels, so that a plain copy stays a plain copy.
        there = np.column_stack([turn[:, :2], turn[:, 2] + np.round([to[0] - centre[0], to[1] - centre[1]])])
        covers = cv2.warpAffine(source.astype(np.uint8), there, (width, height), flags=cv2.INTER_NEAREST) > 0
        clear = np.count_nonzero(covers & ~source) - 2 * np.count_nonzero(covers & source)
        if clear > most:
            most, target, move = int(clear), covers, there
    moved = cv2.warpAffine(picture, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    out = picture.copy()
    out[target] = moved[target]
    turned = "" if angle == 0 and scale == 1 else f", turned by {angle:g} degrees and enlarged {scale:g} times"
    says = f"A part of the scene copied to another place of it{turned}, {_saved(quality)}."
    return Sample(encode(out, quality, subsampling), source | target, "clone", says)


def inpaint(
    seed: int, quality: int | None = 92, *, q1: int | None = None, share: float = 0.03, width: int = 768,
    height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A part of a scene filled in from its surroundings by the method of Telea (2004)."""
    picture = _scene(seed, width, height) if q1 is None else _jpeg(seed, width, height, q1, subsampling)
    mask = region(seed, width, height, share)
    out = np.asarray(cv2.inpaint(picture, mask.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)
    says = f"A part of the scene filled in from its surroundings, {_saved(quality)}."
    return Sample(encode(out, quality, subsampling), mask, "inpaint", says)


def resize(
    seed: int, factor: float = 1.3, quality: int | None = 92, *, q1: int | None = None, width: int = 768,
    height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A scene resampled, whole, by ``factor`` with bicubic interpolation; the result is ``width`` x ``height``."""
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    picture = _scene(seed, *size) if q1 is None else _jpeg(seed, *size, q1, subsampling)
    out = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    says = f"A scene enlarged {factor:g} times, {_saved(quality)}."
    return Sample(encode(out, quality, subsampling), None, "resize", says)


def resized_part(
    seed: int, factor: float = 1.3, quality: int | None = 92, *, q1: int | None = None, share: float = 0.12,
    width: int = 768, height: int = 512, subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A part of another scene, enlarged by ``factor``, pasted in; neither was compressed unless ``q1`` is given."""
    picture = (_scene(seed, width, height) if q1 is None else _jpeg(seed, width, height, q1, subsampling)).copy()
    mask = region(seed, width, height, share)
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    donor = cv2.resize(_scene(_donor(seed), *size), (width, height), interpolation=cv2.INTER_CUBIC)
    picture[mask] = donor[mask]
    says = f"A part of another scene, enlarged {factor:g} times, pasted in, {_saved(quality)}."
    return Sample(encode(picture, quality, subsampling), mask, "resized_part", says)


def noise_paste(
    seed: int, quality: int | None = 92, *, sigma: float = 6, share: float = 0.1, width: int = 768, height: int = 512,
    subsampling: str = "4:2:0",
) -> Sample:  # fmt: skip
    """A part of another scene with ``sigma`` more noise (of 255) pasted in, as from a smaller or darker sensor."""
    picture, mask = _scene(seed, width, height).copy(), region(seed, width, height, share)
    grain = np.random.default_rng([seed, 13]).normal(0, sigma, picture.shape)
    donor = np.clip(np.round(_scene(_donor(seed), width, height) + grain), 0, 255).astype(np.uint8)
    picture[mask] = donor[mask]
    says = f"A part of a noisier scene (sigma {sigma:g} more) pasted in, {_saved(quality)}."
    return Sample(encode(picture, quality, subsampling), mask, "noise_paste", says)


def _saved(quality: int | None) -> str:
    return "saved without loss" if quality is None else f"saved at quality {quality}"


def _donor(seed: int) -> int:
    return seed + 100_003


@lru_cache(maxsize=16)
def _scene(seed: int, width: int, height: int) -> Picture:
    picture = scene(seed, width, height)
    picture.flags.writeable = False
    return picture


def _jpeg(seed: int, width: int, height: int, quality: int, subsampling: str) -> Picture:
    """Return a scene after one JPEG compression."""
    return decode(encode(_scene(seed, width, height), quality, subsampling))


__all__ = [
    "Sample",
    "authentic",
    "clone",
    "decode",
    "double_region",
    "encode",
    "grid_paste",
    "inpaint",
    "noise_paste",
    "nonaligned",
    "region",
    "resave",
    "resize",
    "resized_part",
    "splice",
]
