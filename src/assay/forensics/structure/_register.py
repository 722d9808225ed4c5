"""Lay a thumbnail over the picture it should show: turn, bars, crop, scale, and tone.

Registration refines each guess with the enhanced correlation coefficient: G. Evangelidis, E. Psarakis, "Parametric
Image Alignment Using Enhanced Correlation Coefficient Maximization", IEEE TPAMI 30(10), 2008,
doi:10.1109/TPAMI.2008.113.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

LONG_SIDE = 256
"""Thumbnails are compared at no more than this many pixels a side; more shows no more at their quality."""

SEARCH_SIDE = 128
"""And searched at no more than this many."""

GOOD = 0.9
"""A correlation at which no further guesses are tried."""

_ECC_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)


@dataclass(frozen=True)
class Alignment:
    """``matrix`` (2, 3) takes (x, y, 1) of the trimmed, turned thumbnail to pixels of the picture. ``turn`` is an
    EXIF orientation, 1 for none. ``correlation`` is that of luma where both exist, ``detail`` that of its band-passed
    detail, ``overlap`` the share of the thumbnail that lies within the picture, ``shown`` the share of the picture
    that lies within the thumbnail.
    """

    matrix: Matrix
    turn: int
    correlation: float
    detail: float
    overlap: float
    shown: float

    @property
    def score(self) -> float:
        """What guesses are ranked by: the less they overlap, the more chance there was to find them by accident."""
        return self.detail if self.overlap >= 0.9 else 0.85 * self.detail * min(1.0, 4.5 * self.overlap)


def trim_bars(thumbnail: Rgb, aspect: float) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is not a bar: one-colour rows or columns at both of two sides.

    ``aspect`` is the picture's width over height. Bars are believed only where what is left comes nearer to it, or
    to its inverse: a night sky over dark ground is no letterbox.
    """
    grey = thumbnail.astype(np.float32).mean(axis=2)
    rows, columns = grey.shape
    top, bottom = _bars(grey)
    left, right = _bars(grey[top : rows - bottom].T)
    width, height = columns - left - right, rows - top - bottom

    def misfit(shape: float) -> float:
        return float(min(abs(np.log(shape / aspect)), abs(np.log(shape * aspect))))

    if misfit(width / height) < misfit(columns / rows) - 0.02:
        return left, top, columns - right, rows - bottom
    return 0, 0, columns, rows


def _bars(grey: Grey) -> tuple[int, int]:
    rows = grey.shape[0]

    def edge(side: Grey) -> int:
        flat = (side.std(axis=1) < 6) & (np.abs(side - np.median(side[0])).mean(axis=1) < 10)
        return rows if flat.all() else int(np.argmin(flat))

    first, last = edge(grey), edge(grey[::-1])
    if first + last > 0.6 * rows:
        return 0, 0
    # A bar stands at both sides, about alike; some cameras put a black one at one side. Two thin rows are no bar.
    both = min(first, last) >= 3 and abs(first - last) <= max(4, 0.5 * max(first, last))
    if not both:
        bar = grey[:first] if first > last else grey[rows - last :]
        if len(bar) < 3 or float(bar[1:-1].mean()) > 16:
            return 0, 0
        first, last = (first, 0) if first > last else (0, last)
    # The row at the bar's edge is blurred.
    return first + (first > 0), last + (last > 0)


def orient(array: Rgb, turn: int) -> Rgb:
    """Turn (rows, columns, ...) as EXIF orientation 1 to 8 asks."""
    if turn in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.ascontiguousarray(np.flip(array, flips[turn]) if turn in flips else array)


def align(picture: Rgb, thumbnail: Rgb) -> tuple[Alignment, Rgb]:
    """The best alignment of a trimmed thumbnail, and the thumbnail as turned for it.

    ``picture`` is (rows, columns, 3), already reduced so that its long side is near that of the thumbnail or above.
    """
    source = _luma(picture)
    best: Alignment | None = None
    # As stored first; then the quarter turns of a camera held upright, the half turn, the mirrors. Only then crops,
    # whose search costs the most by far; crops of mirror images are not looked for.
    for guesses, turns in ((_frames, (1, 6, 8, 3, 2, 4, 5, 7)), (_searched, (1, 6, 8, 3))):
        for turn in turns:
            target = _luma(orient(thumbnail, turn))
            for guess in guesses(source, target):
                found = _refine(source, target, guess, turn)
                # A turn must be clearly better than none.
                if best is None or found.score > best.score + (0.05 if best.turn == 1 != turn else 0):
                    best = found
            if best is not None and best.score >= GOOD:
                return best, orient(thumbnail, best.turn)
    assert best is not None
    return best, orient(thumbnail, best.turn)


def _frames(source: Grey, target: Grey) -> Iterator[Matrix]:
    """The ways cameras make thumbnails: the frame squeezed or kept, and the middle of it."""
    (rows, columns), (height, width) = source.shape, target.shape
    yield _boxed((0, 0), columns / width, rows / height)
    if abs(np.log((columns / rows) / (width / height))) > 0.02:
        scale = min(columns / width, rows / height)
        yield _boxed(((columns - scale * width) / 2, (rows - scale * height) / 2), scale, scale)


def _searched(source: Grey, target: Grey) -> Iterator[Matrix]:
    """Crops: the picture found within the thumbnail, and the thumbnail within the picture, at many scales."""
    found: list[tuple[float, Matrix]] = []
    coarse = min(1.0, SEARCH_SIDE / max(target.shape))
    target = _sized(target, (round(target.shape[1] * coarse), round(target.shape[0] * coarse)))
    (rows, columns), (height, width) = source.shape, target.shape
    full = min(width / columns, height / rows)
    sharp = _bandpass(target)
    for scale in full * np.geomspace(0.3, 1.0, 22):
        size = (round(columns * scale), round(rows * scale))
        if min(size) < 16:
            continue
        small = _bandpass(_sized(source, size))
        scores = cv2.matchTemplate(sharp, small, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(scores)
        found.append((score, np.array([[1 / scale, 0, -x / scale], [0, 1 / scale, -y / scale]])))
    cover = max(width / columns, height / rows)
    for scale in cover * np.geomspace(1.0, 3.0, 22):
        size = (round(columns * scale), round(rows * scale))
        if size[0] < width or size[1] < height:
            continue
        small = _bandpass(_sized(source, size))
        scores = cv2.matchTemplate(small, sharp, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(scores)
        found.append((score, np.array([[1 / scale, 0, x / scale], [0, 1 / scale, y / scale]])))
    found.sort(key=lambda item: -item[0])
    for _, matrix in found[:3]:
        # From pixel centres of the reduced thumbnail to those of the whole.
        yield matrix @ np.array([[coarse, 0, (coarse - 1) / 2], [0, coarse, (coarse - 1) / 2], [0, 0, 1]])


def _sized(source: Grey, size: tuple[int, int]) -> Grey:
    interpolation = cv2.INTER_AREA if size[0] < source.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(source, size, interpolation=interpolation), dtype=np.float32)


def _boxed(corner: tuple[float, float], a: float, d: float) -> Matrix:
    # Pixel centres: thumbnail pixel 0 covers the first ``a`` pixels of the picture.
    return np.array([[a, 0.0, corner[0] + (a - 1) / 2], [0.0, d, corner[1] + (d - 1) / 2]])


def _refine(source: Grey, target: Grey, guess: Matrix, turn: int) -> Alignment:
    """Polish a guess and score it."""
    scale = (abs(guess[0, 0]), abs(guess[1, 1]))
    # Only what the thumbnail can show takes part.
    smooth = source
    if max(scale) > 1.2:
        blurred = cv2.GaussianBlur(source, (0, 0), sigmaX=0.45 * scale[0], sigmaY=0.45 * scale[1])
        smooth = np.asarray(blurred, dtype=np.float32)
    height, width = target.shape
    # The correlation is maximised over small motions of the guess, in thumbnail pixels, where steps are alike.
    start, _ = _warp(smooth, guess, width, height)
    inside = _inside(source.shape, guess, width, height)
    mask = np.where(inside, 255, 0).astype(np.uint8)
    motion = np.eye(2, 3, dtype=np.float32)
    candidates = [guess]
    if int(inside.sum()) >= 256:
        try:
            _, found = cv2.findTransformECC(target, start, motion, cv2.MOTION_AFFINE, _ECC_STEPS, mask, 5)
            step = np.vstack([np.asarray(found, dtype=np.float64), [0, 0, 1]])
            moved = guess @ step
            # ECC may wander off on flat pictures; a small motion only.
            corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64).T
            drift = np.abs(step[:2] @ corners - corners[:2]).max()
            if drift <= 0.12 * max(width, height):
                candidates.append(moved)
        except cv2.error:
            pass
    results = []
    fine = _bandpass(target)
    for matrix in candidates:
        warped, seen = _warp(smooth, matrix, width, height)
        results.append(
            Alignment(
                matrix, turn, correlation(target, warped, seen), correlation(fine, _bandpass(warped), seen),
                float(seen.mean()), _shown(source.shape, matrix, width, height),
            )
        )  # fmt: skip
    return max(results, key=lambda item: item.score)


def _warp(source: Grey, matrix: Matrix, width: int, height: int) -> tuple[Grey, npt.NDArray[np.bool_]]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(source, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.float32), _inside(source.shape, matrix, width, height)


def _inside(source: tuple[int, ...], matrix: Matrix, width: int, height: int) -> npt.NDArray[np.bool_]:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    inside: npt.NDArray[np.bool_] = (u >= -0.6) & (v >= -0.6) & (u <= source[1] - 0.4) & (v <= source[0] - 0.4)
    return inside


def _shown(source: tuple[int, ...], matrix: Matrix, width: int, height: int) -> float:
    """Share of the picture within the thumbnail's frame, by its axis-parallel hull."""
    corners = matrix @ np.array([[0, 0, 1], [width, height, 1]], dtype=np.float64).T
    left, right = sorted(np.clip(corners[0], 0, source[1]))
    top, bottom = sorted(np.clip(corners[1], 0, source[0]))
    return float((right - left) * (bottom - top) / (source[0] * source[1]))


def correlation(a: Grey, b: Grey, inside: npt.NDArray[np.bool_], least: int = 256) -> float:
    """Pearson's correlation over a mask; 0 where the mask is smaller than ``least`` or a side is flat."""
    if int(inside.sum()) < least:
        return 0.0
    x, y = a[inside] - a[inside].mean(), b[inside] - b[inside].mean()
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / norm if norm > 0 else 0.0


def _bandpass(grey: Grey) -> Grey:
    fine = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return np.asarray(fine - cv2.GaussianBlur(grey, (0, 0), 8.0), dtype=np.float32)


def _luma(rgb: Rgb) -> Grey:
    weights = np.array([[0.299, 0.587, 0.114]], dtype=np.float32)
    return np.asarray(cv2.transform(rgb.astype(np.float32), weights), dtype=np.float32).reshape(rgb.shape[:2])
