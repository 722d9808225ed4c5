"""The strength of noise, from the finest diagonal detail of a wavelet transform.

Donoho and Johnstone 1994 (doi:10.1093/biomet/81.3.425): for white Gaussian noise the median absolute value of the
finest detail coefficients, divided by 0.6745, is the noise's standard deviation, and the few large coefficients
that the scene makes hardly move it.
"""

import cv2
import numpy as np
import numpy.typing as npt
import pywt

from assay.forensics.lenses._scale import Floats, strips

# The wavelet of Mahdian and Saic 2009; its high-pass filter has unit norm, so noise keeps its deviation.
_HIGH_PASS = np.asarray(pywt.Wavelet("db8").dec_hi, dtype=np.float32)
# The filter's energy lies at its head, about tap 2.6.
_CENTRE = 3
TO_SIGMA = 1 / 0.6745


def diagonal(plane: Floats) -> Floats:
    """HH1 detail of a (rows, columns) plane, not decimated: same shape, each coefficient centred on its pixel."""
    detail = cv2.sepFilter2D(plane, cv2.CV_32F, _HIGH_PASS, _HIGH_PASS, anchor=(_CENTRE, _CENTRE))
    return np.asarray(detail, dtype=np.float32)


def sigma(plane: npt.NDArray[np.uint8 | np.float32]) -> float:
    """Standard deviation of the noise of a plane in its own levels, from evenly spread strips of it."""
    found = [np.abs(diagonal(plane[rows].astype(np.float32))).ravel()[::4] for rows in strips(plane.shape[0])]
    return float(np.median(np.concatenate(found))) * TO_SIGMA


__all__ = ["TO_SIGMA", "diagonal", "sigma"]
