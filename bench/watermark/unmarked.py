"""False accepts: what the detector says of pictures that carry no mark."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from assay.provenance.watermark import detect
from bench.watermark.attacks import ATTACKS
from bench.watermark.pictures import files

Bytes = npt.NDArray[np.uint8]


def part(rgb: Bytes, rng: np.random.Generator) -> Bytes:
    """A part of a photograph at some scale, somewhere, of 160 to 260 pixels a side, or noise laid out like one."""
    side = rng.uniform(160, 260)
    shape = round(side * rng.uniform(0.8, 1.25)), round(side)
    if rng.random() < 0.04:
        noise = rng.normal(128, rng.uniform(2, 60), (*shape, 3))
        return np.clip(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.3, 3)), 0, 255).astype(np.uint8)
    least = max(shape[0] / rgb.shape[0], shape[1] / rgb.shape[1])
    factors = [rng.uniform(1, max(1, 1 / least))] * 2
    rows, columns = (min(round(s * f), n) for s, n, f in zip(shape, rgb.shape, factors, strict=False))
    y, x = int(rng.integers(0, rgb.shape[0] - rows + 1)), int(rng.integers(0, rgb.shape[1] - columns + 1))
    seen = rgb[y : y + rows, x : x + columns]
    return np.asarray(cv2.resize(seen, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def trials(folder: Path, n: int, seed: int) -> tuple[int, int]:
    """Return the number of trials and of marks found in them.

    Half of the trials look with the public key, half with a key of their own; two of three pictures went through an
    attack first.
    """
    rng = np.random.default_rng(seed)
    paths = files(folder, 99)
    done = found = 0
    while done < n:
        rgb = np.asarray(cv2.imread(str(paths[int(rng.integers(len(paths)))]), cv2.IMREAD_COLOR_RGB), np.uint8)
        for _ in range(min(50, n - done)):
            seen = part(rgb, rng)
            if rng.random() < 2 / 3:
                seen = ATTACKS[int(rng.integers(len(ATTACKS)))].apply(seen, rng)
            key = b"" if rng.random() < 0.5 else rng.bytes(8)
            found += detect(np.ascontiguousarray(seen), key=key) is not None
            done += 1
    return done, found
