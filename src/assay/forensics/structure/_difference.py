"""Where a thumbnail and the picture laid over it differ by more than making a thumbnail explains."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.forensics.structure._register import Alignment, Rgb

Field = npt.NDArray[np.float32]

_ROUNDS = 6
_WINDOW = 7


@dataclass(frozen=True)
class Difference:
    """``level``: (rows, columns) of the thumbnail, grey levels by which it leaves the picture's own local range,
    averaged over a window; NaN outside the overlap. ``ratio``: the same over what is usual in this pair for a place
    as busy. ``agreement``: share of the thumbnail's variance that the picture explains, 0 to 1. ``shown``: the
    picture as the thumbnail should show it, tone apart.
    """

    level: Field
    ratio: Field
    agreement: float
    shown: Rgb


def compare(picture: Rgb, thumbnail: Rgb, alignment: Alignment) -> Difference:
    """Predict the thumbnail from the picture (rows, columns, 3) and measure what is left.

    The tone of a thumbnail is its camera's own, so a smooth map of colour and of place in the frame is fitted first,
    robustly. The blur, ringing and half a pixel of misplacement that remain keep every pixel within the range of its
    neighbours; only what leaves that range counts, either way.
    """
    height, width = thumbnail.shape[:2]
    shown, inside = _warped(picture, alignment, width, height)
    target = _ycc(thumbnail)
    source = _ycc(shown)
    inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    inside[:2], inside[-2:], inside[:, :2], inside[:, -2:] = False, False, False, False
    if int(inside.sum()) < 256:
        empty = np.full((height, width), np.nan, dtype=np.float32)
        return Difference(empty, empty, 0.0, shown)
    predicted = _predict(source, target, inside)
    luma = _excess(predicted[..., 0], target[..., 0], 1.0, 3, inside)
    # Chroma is stored at half size and coarsely quantised.
    chroma = np.maximum(*(_excess(predicted[..., c], target[..., c], 2.0, 5, inside) for c in (1, 2)))
    level = np.maximum(luma, chroma)
    busy = _busy(predicted[..., 0], target[..., 0])
    usual = _usual(level, busy, inside)
    residual = (target[..., 0] - predicted[..., 0])[inside]
    variance = float(target[..., 0][inside].var())
    # The robust spread, so that an altered part does not hide that the rest agrees.
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    agreement = max(0.0, 1.0 - spread * spread / variance) if variance > 0 else 0.0
    level = np.where(inside, level, np.nan).astype(np.float32)
    return Difference(level, (level / usual).astype(np.float32), agreement, shown)


def _warped(picture: Rgb, alignment: Alignment, width: int, height: int) -> tuple[Rgb, npt.NDArray[np.bool_]]:
    matrix = alignment.matrix
    scale = np.abs(np.linalg.svd(matrix[:, :2], compute_uv=False))
    reduced, place = picture, matrix
    factor = float(min(scale))
    if factor > 1.5:
        # Average to twice the thumbnail's grid, so that sampling does not alias.
        shrink = 2 / factor
        rows, columns = (max(1, round(n * shrink)) for n in picture.shape[:2])
        reduced = np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        sx, sy = columns / picture.shape[1], rows / picture.shape[0]
        place = matrix * np.array([[sx], [sy]])
        place[:, 2] += np.array([(sx - 1) / 2, (sy - 1) / 2])
        scale = scale * shrink
    sigma = 0.4 * float(max(scale))
    if sigma > 0.5:
        reduced = np.asarray(cv2.GaussianBlur(reduced, (0, 0), sigma), dtype=np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpAffine(reduced, place, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(
        np.full(reduced.shape[:2], 255, np.uint8), place, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(shown, dtype=np.uint8), seen > 200


def _ycc(rgb: Rgb) -> Field:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), dtype=np.float32)


def _predict(source: Field, target: Field, inside: npt.NDArray[np.bool_]) -> Field:
    """The source, corrected by a robust least-squares fit (Huber weights) of what differs, on colour and place."""
    height, width = inside.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    blurred, wanted = (
        np.stack([cv2.GaussianBlur(v[..., c], (0, 0), 1.5) for c in range(3)], axis=-1) for v in (source, target)
    )
    luma, red, blue = (blurred[..., c] / 255 - (0 if c == 0 else 0.5) for c in range(3))
    radius = x * x + y * y
    terms = (
        np.ones_like(luma), luma, luma**2, luma**3, red, blue, luma * red, luma * blue, red**2, blue**2, red * blue,
        x, y, radius, luma * x, luma * y, luma * radius,
    )  # fmt: skip
    features = np.stack([t.astype(np.float32) for t in terms], axis=-1)
    known = features[inside]
    # Where the picture has little of a colour, the fit stays near "no change".
    ridge = 3e-4 * len(known) * np.eye(known.shape[1], dtype=np.float64)
    result = np.empty_like(target)
    for channel in range(3):
        values = (wanted - blurred)[..., channel][inside]
        weights = np.ones(len(values), dtype=np.float32)
        solution = np.zeros(known.shape[1], dtype=np.float32)
        for _ in range(_ROUNDS):
            weighted = known * weights[:, None]
            normal = (weighted.T @ known).astype(np.float64) + ridge
            solution = np.linalg.solve(normal, (weighted.T @ values).astype(np.float64)).astype(np.float32)
            residual = np.abs(values - known @ solution)
            spread = max(1.0, 1.4826 * float(np.median(residual)))
            weights = (1.5 * spread / np.maximum(residual, 1.5 * spread)).astype(np.float32)
        result[..., channel] = source[..., channel] + features @ solution
    return np.clip(result, 0, 255)


def _excess(a: Field, b: Field, sigma: float, size: int, inside: npt.NDArray[np.bool_]) -> Field:
    """Window mean of how far each of two channels leaves the local range of the other, the larger."""
    a, b = (np.asarray(cv2.GaussianBlur(v, (0, 0), sigma), dtype=np.float32) for v in (a, b))
    kernel = np.ones((size, size), np.uint8)
    weight = cv2.boxFilter(inside.astype(np.float32), -1, (_WINDOW, _WINDOW), normalize=False)
    worst = np.zeros_like(a)
    for p, q in ((a, b), (b, a)):
        high, low = cv2.dilate(p, kernel), cv2.erode(p, kernel)
        out = np.where(inside, np.maximum(0, np.maximum(q - high, low - q)), 0).astype(np.float32)
        total = cv2.boxFilter(out, -1, (_WINDOW, _WINDOW), normalize=False)
        worst = np.maximum(worst, total / np.maximum(weight, 1))
    return worst.astype(np.float32)


def _busy(a: Field, b: Field) -> Field:
    """Window mean of the steeper of two gradients, grey levels a pixel."""
    steep = []
    for channel in (a, b):
        dx, dy = cv2.Sobel(channel, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(channel, cv2.CV_32F, 0, 1, scale=0.125)
        steep.append(cv2.boxFilter(cv2.magnitude(dx, dy), -1, (_WINDOW, _WINDOW)))
    return np.asarray(np.minimum(*steep), dtype=np.float32)


def _usual(level: Field, busy: Field, inside: npt.NDArray[np.bool_]) -> Field:
    """What excess is usual at each place: a floor and a share of the gradient, from the pair's own medians."""
    floor = max(1.0, 1.4826 * float(np.median(level[inside])))
    steep = inside & (busy > np.median(busy[inside]))
    slope = float(np.median(level[steep] / np.maximum(busy[steep], 1))) if steep.any() else 0.0
    return np.asarray(np.sqrt(floor**2 + (1.4826 * slope * busy) ** 2), dtype=np.float32)
