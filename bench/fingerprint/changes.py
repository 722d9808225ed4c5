"""What happens to pictures on their way: each takes and returns (H, W, 3) uint8."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def jpeg(picture: Picture, quality: int) -> Picture:
    """Saved as JPEG and read again."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1], np.uint8)


def crop(picture: Picture, gone: float, right: float = 0.3, down: float = 0.6) -> Picture:
    """The share ``gone`` of the area cut away."""
    height, width = picture.shape[:2]
    side = np.sqrt(1 - gone)
    rows, columns = int(height * side), int(width * side)
    y, x = int((height - rows) * down), int((width - columns) * right)
    return picture[y : y + rows, x : x + columns]


def resize(picture: Picture, x: float, y: float | None = None) -> Picture:
    """Scaled down."""
    return np.asarray(cv2.resize(picture, None, fx=x, fy=y or x, interpolation=cv2.INTER_AREA), np.uint8)


def turn(picture: Picture, degrees: float) -> Picture:
    """Turned, and cut to the largest rectangle of the same shape without empty corners."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turned = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC)
    c, s = np.cos(np.radians(degrees)), abs(np.sin(np.radians(degrees)))
    share = min(1 / (c + s * height / width), 1 / (c + s * width / height))
    rows, columns = int(height * share) - 2, int(width * share) - 2
    y, x = (height - rows) // 2, (width - columns) // 2
    return np.asarray(turned[y : y + rows, x : x + columns], np.uint8)


def banner(picture: Picture) -> Picture:
    """A seventh of the height painted over, with words."""
    height = len(picture)
    out = picture.copy()
    deep = height // 7
    out[-deep:] = (20, 20, 140)
    cv2.putText(out, "BREAKING NEWS", (20, height - deep // 3), 0, height / 500, (255, 255, 255), 3)
    return out


def frame(picture: Picture) -> Picture:
    """Shown in the page of an app: a wide border with lines of text."""
    height, width = picture.shape[:2]
    out = np.full((int(height * 1.3), int(width * 1.2), 3), 240, np.uint8)
    y, x = int(height * 0.18), int(width * 0.1)
    out[y : y + height, x : x + width] = picture
    for line in range(5):
        where = (x, y - 20 - line * height // 30)
        cv2.putText(out, "words of the app", where, 0, height / 900, (30, 30, 30), 2)
    return out


def telephone(picture: Picture) -> Picture:
    """A screenshot of a telephone held upright: as wide as the screen, black above and below."""
    height, width = picture.shape[:2]
    side = min(540 / width, 1100 / height)
    small = resize(picture, side)
    out = np.full((1170, 540, 3), 10, np.uint8)
    y, x = (1170 - len(small)) // 2, (540 - small.shape[1]) // 2
    out[y : y + len(small), x : x + small.shape[1]] = small
    return out


def gamma(picture: Picture, power: float) -> Picture:
    """A tone curve."""
    return np.asarray(np.rint(255 * (picture / 255.0) ** power), np.uint8)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "unchanged": lambda p: p,
    "JPEG 30": lambda p: jpeg(p, 30),
    "resize 33 %": lambda p: resize(p, 0.33),
    "crop 10 %": lambda p: crop(p, 0.1),
    "crop 25 %": lambda p: crop(p, 0.25),
    "crop 50 %": lambda p: crop(p, 0.5),
    "crop 75 %": lambda p: crop(p, 0.75),
    "mirror": lambda p: p[:, ::-1],
    "quarter turn": np.rot90,
    "turn 2 degrees": lambda p: turn(p, 2),
    "turn 5 degrees": lambda p: turn(p, 5),
    "aspect × 0.9": lambda p: resize(p, 0.9, 1.0),
    "gamma 0.6": lambda p: gamma(p, 0.6),
    "blur, sigma 3": lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), 3), np.uint8),
    "banner": banner,
    "frame": frame,
    "screenshot": telephone,
    "crop 25 %, mirror, resize 50 %, JPEG 40": lambda p: jpeg(resize(crop(p, 0.25)[:, ::-1], 0.5), 40),
}
"""Ways in which it stays the same picture."""


def paste(picture: Picture, other: Picture, share: float) -> Picture:
    """A part of ``other`` in its own place, over ``share`` of the area, saved as JPEG 70."""
    height, width = picture.shape[:2]
    rows, columns = int(height * np.sqrt(share)), int(width * np.sqrt(share))
    y, x = int(height * 0.4), int(width * 0.35)
    out = picture.copy()
    out[y : y + rows, x : x + columns] = cv2.resize(other, (width, height))[y : y + rows, x : x + columns]
    return jpeg(out, 70)


__all__ = ["CHANGES", "Picture", "paste"]
