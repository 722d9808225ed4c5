"""Packaged watermarks at their own defaults, where they are installed.

They are no dependency of the project. A virtual environment of their own does::

    pip install numpy opencv-python-headless PyWavelets scikit-image numba scipy blind-watermark
    pip install --no-deps invisible-watermark

``--no-deps``, since the package asks for torch; rivaGan wants it and is left out. None of them says that there is no
mark: they return bits of whatever they are given.
"""

import contextlib
import importlib
import importlib.util
import io
import sys
import types
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.watermark.tally import Marker

Bytes = npt.NDArray[np.uint8]


class Invisible:
    """``invisible-watermark``, method dwtDct or dwtDctSvd, 64 bits."""

    bits = 63

    def __init__(self, method: str) -> None:
        self.name = f"invisible-watermark {method}"
        self.method = method

    def embed(self, rgb: Bytes, payload: int) -> Bytes:
        """A marked copy."""
        encoder = _imwatermark().WatermarkEncoder()
        encoder.set_watermark("bytes", payload.to_bytes(8, "big"))
        bgr = encoder.encode(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), self.method)
        return np.asarray(cv2.cvtColor(np.asarray(bgr, np.uint8), cv2.COLOR_BGR2RGB), np.uint8)

    def detect(self, rgb: Bytes) -> int | None:
        """Bits, whatever they are; None where the package cannot."""
        decoder = _imwatermark().WatermarkDecoder("bytes", 64)
        try:
            return int.from_bytes(decoder.decode(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), self.method), "big")
        except Exception:  # a small picture, which the package refuses with an error of its own
            return None


class Blind:
    """``blind-watermark``, 64 bits, its default passwords."""

    name = "blind-watermark"
    bits = 63

    def embed(self, rgb: Bytes, payload: int) -> Bytes:
        """A marked copy, through a file, since that is how the package gives 8-bit pictures."""
        WaterMark = importlib.import_module("blind_watermark").WaterMark
        with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            mark = WaterMark(password_wm=1, password_img=1)
            mark.read_img(img=cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
            mark.read_wm([bool(payload >> n & 1) for n in range(64)], mode="bit")
            mark.embed(str(Path(folder) / "out.png"))
            return np.asarray(cv2.imread(str(Path(folder) / "out.png"), cv2.IMREAD_COLOR_RGB), np.uint8)

    def detect(self, rgb: Bytes) -> int | None:
        """Bits, whatever they are; None where the package cannot."""
        WaterMark = importlib.import_module("blind_watermark").WaterMark
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                mark = WaterMark(password_wm=1, password_img=1)
                bits = mark.extract(embed_img=cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), wm_shape=64, mode="bit")
        except Exception:  # fewer blocks than bits, for one
            return None
        return sum(int(bit > 0.5) << n for n, bit in enumerate(bits))


def present() -> tuple[list[Marker], list[str]]:
    """Return the peers that are installed and what there is to say about the others."""
    found: list[Marker] = []
    said = ["invisible-watermark rivaGan: left out, it needs torch"]
    if importlib.util.find_spec("imwatermark"):
        found += [Invisible("dwtDct"), Invisible("dwtDctSvd")]
    else:
        said.append("invisible-watermark: not installed")
    if importlib.util.find_spec("blind_watermark"):
        # It sets how processes start when it is imported, which can be done once only: before there are any.
        importlib.import_module("blind_watermark")
        found.append(Blind())
    else:
        said.append("blind-watermark: not installed")
    return found, said


def _imwatermark() -> Any:
    # The package imports torch for rivaGan as it loads; the two methods that are measured never touch it.
    sys.modules.setdefault("torch", types.ModuleType("torch"))
    return importlib.import_module("imwatermark")
