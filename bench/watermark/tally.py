"""Mark, attack, read: how many payloads come back."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from assay.errors import AssayError
from assay.provenance.watermark import detect, embed
from bench.watermark.attacks import ATTACKS

Bytes = npt.NDArray[np.uint8]


class Marker(Protocol):
    """A method under test. ``payload`` is a number of ``bits`` bits."""

    name: str
    bits: int

    def embed(self, rgb: Bytes, payload: int) -> Bytes:
        """A marked copy."""
        ...

    def detect(self, rgb: Bytes) -> int | None:
        """The payload, or None where the method finds nothing."""
        ...


class Assay:
    """Assay's own."""

    name = "assay"
    bits = 64

    def embed(self, rgb: Bytes, payload: int) -> Bytes:
        """A marked copy at the default strength."""
        return embed(rgb, payload)

    def detect(self, rgb: Bytes) -> int | None:
        """The payload found."""
        mark = detect(rgb)
        return None if mark is None else mark.payload


def psnr(a: Bytes, b: Bytes) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two 8-bit pictures."""
    return float(10 * np.log10(255**2 * a.size / max(cv2.norm(a, b, cv2.NORM_L2SQR), 1e-9)))


def ssim(a: Bytes, b: Bytes) -> float:
    """Scikit-image's structural similarity of 8-bit luma."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (a, b))
    return float(structural_similarity(x, y, data_range=255))  # type: ignore[no-untyped-call,unused-ignore]


@dataclass(frozen=True)
class Shot:
    """A picture to be marked: how to get it is told, rather than the picture, so that another process can."""

    name: str
    take: Callable[[], Bytes]
    index: int


def one(marker: Marker, shot: Shot) -> dict[str, Any]:
    """Mark one picture, attack it in every way and read it."""
    # What runs beside this one shall not count: one thread for what OpenCV does, and processor time.
    cv2.setNumThreads(1)
    rgb = shot.take()
    payload = int(np.random.default_rng(1000 + shot.index).integers(0, 2**63)) >> max(0, 63 - marker.bits)
    begun = time.process_time()
    try:
        marked = marker.embed(rgb, payload)
    except AssayError as error:
        return {"refused": f"{shot.name}: {error}"}
    out: dict[str, Any] = {"embed": time.process_time() - begun, "detect": 0.0, "survived": {}, "wrong": {}}
    out |= {"psnr": psnr(rgb, marked), "ssim": ssim(rgb, marked)}
    for attack in ATTACKS:
        seen = np.ascontiguousarray(attack.apply(marked, np.random.default_rng(shot.index)))
        begun = time.process_time()
        read = marker.detect(seen)
        out["detect"] += time.process_time() - begun
        out["survived"][attack.name] = read == payload
        out["wrong"][attack.name] = read is not None and read != payload
    return out


def measure(marker: Marker, shots: list[Shot], jobs: int = 1) -> dict[str, Any]:
    """Mark pictures, attack each in every way and read it: counts, quality, processor seconds."""
    with ProcessPoolExecutor(jobs) as pool:
        every = list(pool.map(partial(one, marker), shots))
    done = [r for r in every if "refused" not in r]
    values = {what: np.array([r[what] for r in done]) for what in ("psnr", "ssim", "embed", "detect")}
    return {
        "n": len(done),
        "refused": [r["refused"] for r in every if "refused" in r],
        "quality": {
            "psnr_mean": float(values["psnr"].mean()),
            "psnr_min": float(values["psnr"].min()),
            "psnr_max": float(values["psnr"].max()),
            "ssim_mean": float(values["ssim"].mean()),
            "ssim_min": float(values["ssim"].min()),
        },
        "survived": {a.name: sum(r["survived"][a.name] for r in done) for a in ATTACKS},
        "wrong": {a.name: sum(r["wrong"][a.name] for r in done) for a in ATTACKS},
        "cpu_seconds": {
            "embed": float(values["embed"].mean()),
            "detect": float(values["detect"].mean()) / len(ATTACKS),
        },
    }
