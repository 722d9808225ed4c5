"""Mark, attack, read: how many payloads come back."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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


@dataclass
class Quality:
    """PSNR over the three channels and SSIM of luma, of every marked picture."""

    psnr: list[float]
    ssim: list[float]

    def record(self) -> dict[str, float]:
        """What is written down."""
        return {
            "psnr_mean": float(np.mean(self.psnr)),
            "psnr_min": float(np.min(self.psnr)),
            "psnr_max": float(np.max(self.psnr)),
            "ssim_mean": float(np.mean(self.ssim)),
            "ssim_min": float(np.min(self.ssim)),
        }


def psnr(a: Bytes, b: Bytes) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two 8-bit pictures."""
    return float(10 * np.log10(255**2 * a.size / max(cv2.norm(a, b, cv2.NORM_L2SQR), 1e-9)))


def ssim(a: Bytes, b: Bytes) -> float:
    """Scikit-image's structural similarity of 8-bit luma."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (a, b))
    return float(structural_similarity(x, y, data_range=255))  # type: ignore[no-untyped-call,unused-ignore]


def measure(
    marker: Marker, pictures: Iterable[tuple[str, Bytes]], say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Mark pictures, attack each in every way and read it: counts, quality, processor seconds."""
    quality = Quality([], [])
    survived = dict.fromkeys((a.name for a in ATTACKS), 0)
    wrong = dict.fromkeys((a.name for a in ATTACKS), 0)
    refused: list[str] = []
    took = {"embed": [0.0, 0], "detect": [0.0, 0]}
    for index, (name, rgb) in enumerate(pictures):
        payload = int(np.random.default_rng(1000 + index).integers(0, 2**63)) >> max(0, 63 - marker.bits)
        begun = time.process_time()
        try:
            marked = marker.embed(rgb, payload)
        except AssayError as error:
            refused.append(f"{name}: {error}")
            continue
        took["embed"][0] += time.process_time() - begun
        took["embed"][1] += 1
        quality.psnr.append(psnr(rgb, marked))
        quality.ssim.append(ssim(rgb, marked))
        for attack in ATTACKS:
            seen = np.ascontiguousarray(attack.apply(marked, np.random.default_rng(index)))
            begun = time.process_time()
            read = marker.detect(seen)
            took["detect"][0] += time.process_time() - begun
            took["detect"][1] += 1
            survived[attack.name] += read == payload
            wrong[attack.name] += read is not None and read != payload
        say(f"{marker.name}: {index + 1} {name}")
    return {
        "n": len(quality.psnr),
        "refused": refused,
        "quality": quality.record(),
        "survived": survived,
        "wrong": wrong,
        "cpu_seconds": {what: total / max(count, 1) for what, (total, count) in took.items()},
    }
