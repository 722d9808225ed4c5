"""What happens to pictures on their way: the attacks that the marks are measured under."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Attack:
    """``target`` is the share, in per cent, of marks that shall survive; 0 where none was set."""

    name: str
    apply: Callable[[Bytes, np.random.Generator], Bytes]
    target: int = 0


def coded(rgb: Bytes, kind: str, quality: int) -> Bytes:
    """A picture after saving: OpenCV's encoder, 4:2:0 where ``kind`` is ``.jpg``."""
    option = cv2.IMWRITE_JPEG_QUALITY if kind == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    _, data = cv2.imencode(kind, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [option, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def resized(rgb: Bytes, x: float, y: float | None = None) -> Bytes:
    """A picture of ``x`` times the width and ``y`` (or ``x``) times the height, by areas down and bicubic up."""
    y = x if y is None else y
    size = max(1, round(rgb.shape[1] * x)), max(1, round(rgb.shape[0] * y))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if x * y < 1 else cv2.INTER_CUBIC), np.uint8)


def cropped(rgb: Bytes, kept: float, rng: np.random.Generator) -> Bytes:
    """A part, somewhere, with ``kept`` times the width and the height."""
    height, width = rgb.shape[:2]
    rows, columns = round(height * kept), round(width * kept)
    y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    return np.ascontiguousarray(rgb[y : y + rows, x : x + columns])


def rotated(rgb: Bytes, degrees: float, *, expand: bool) -> Bytes:
    """A picture turned, bilinear, with black corners, on its own canvas or on one that holds all of it."""
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    size = width, height
    if expand:
        c, s = abs(turn[0, 0]), abs(turn[0, 1])
        size = round(width * c + height * s), round(width * s + height * c)
        turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(rgb, turn, size, flags=cv2.INTER_LINEAR), np.uint8)


def banner(rgb: Bytes) -> Bytes:
    """An opaque caption bar over the lowest 15 % of the height."""
    out = rgb.copy()
    top = round(rgb.shape[0] * 0.85)
    out[top:] = (20, 24, 60)
    size = (rgb.shape[0] - top) / 60
    cv2.putText(
        out, "BREAKING: river rises", (20, rgb.shape[0] - (rgb.shape[0] - top) // 3), 0, size, (255, 255, 255), 2
    )
    return out


def screenshot(rgb: Bytes) -> Bytes:
    """A picture shown at 0.8 of its size in a viewer, its tones changed a little, and the whole screen saved."""
    shown = resized(rgb, 0.8).astype(np.float32) / 255
    shown = np.clip((np.power(shown, 1.06) - 0.5) * 1.05 + 0.5 + 0.02, 0, 1) * 255
    height, width = shown.shape[:2]
    page = np.full((height + 150, width + 96, 3), 242, np.uint8)
    page[:56] = (52, 60, 72)
    cv2.putText(page, "Pictures  -  viewer", (20, 38), 0, 0.8, (230, 230, 230), 2)
    cv2.putText(page, "12 likes   share   reply", (48, height + 120), 0, 0.8, (60, 60, 60), 2)
    page[76 : 76 + height, 48 : 48 + width] = np.rint(shown)
    return coded(page, ".jpg", 80)


def blurred(rgb: Bytes, sigma: float) -> Bytes:
    """A Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)


def noisy(rgb: Bytes, sigma: float, rng: np.random.Generator) -> Bytes:
    """Gaussian noise over all channels."""
    return np.asarray(np.clip(rgb + rng.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8))


def grey(rgb: Bytes) -> Bytes:
    """No colours."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


ATTACKS = (
    Attack("none", lambda p, _: p, 98),
    Attack("JPEG 75", lambda p, _: coded(p, ".jpg", 75), 98),
    Attack("JPEG 50", lambda p, _: coded(p, ".jpg", 50), 98),
    Attack("JPEG 30", lambda p, _: coded(p, ".jpg", 30), 98),
    Attack("JPEG 15", lambda p, _: coded(p, ".jpg", 15), 90),
    Attack("WebP 50", lambda p, _: coded(p, ".webp", 50), 98),
    Attack("resize 50 %", lambda p, _: resized(p, 0.5), 98),
    Attack("resize 33 %", lambda p, _: resized(p, 0.33), 90),
    Attack("resize 150 %", lambda p, _: resized(p, 1.5)),
    Attack("crop 10 % off each side", lambda p, r: cropped(p, 0.9, r), 98),
    Attack("crop 25 % off each side", lambda p, r: cropped(p, 0.75, r), 98),
    Attack("crop half the area", lambda p, r: cropped(p, 0.5**0.5, r), 90),
    Attack("crop half of each side", lambda p, r: cropped(p, 0.5, r)),
    Attack("crop 75 % off each side", lambda p, r: cropped(p, 0.25, r)),
    Attack("rotate 2, same canvas", lambda p, _: rotated(p, 2, expand=False)),
    Attack("rotate 5, same canvas", lambda p, _: rotated(p, 5, expand=False), 90),
    Attack("rotate 5, larger canvas", lambda p, _: rotated(p, 5, expand=True), 90),
    Attack("rotate 30, larger canvas", lambda p, _: rotated(p, 30, expand=True)),
    Attack("rotate 90", lambda p, _: np.ascontiguousarray(np.rot90(p))),
    Attack("mirror", lambda p, _: np.ascontiguousarray(p[:, ::-1]), 90),
    Attack("aspect 0.9", lambda p, _: resized(p, 0.9, 1), 90),
    Attack("aspect 0.8", lambda p, _: resized(p, 0.8, 1)),
    Attack("blur, sigma 1", lambda p, _: blurred(p, 1), 98),
    Attack("blur, sigma 2", lambda p, _: blurred(p, 2)),
    Attack("median 5", lambda p, _: np.asarray(cv2.medianBlur(p, 5), np.uint8)),
    Attack("noise, sigma 8", lambda p, r: noisy(p, 8, r)),
    Attack("grey", lambda p, _: grey(p)),
    Attack("banner", lambda p, _: banner(p), 98),
    Attack("screenshot", lambda p, _: screenshot(p), 98),
    Attack("crop 10 %, resize 70 %, JPEG 70", lambda p, r: coded(resized(cropped(p, 0.9, r), 0.7), ".jpg", 70), 90),
    Attack("mirror, resize 50 %, JPEG 50", lambda p, _: coded(resized(p[:, ::-1], 0.5), ".jpg", 50)),
)
