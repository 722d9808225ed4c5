"""Quantisation tables: the published base tables, the IJG scaling and its inverse.

ITU-T T.81 Annex K prints one table for luma and one for chroma; the Independent JPEG Group's library scales them
by a quality of 1 to 100, and most software does the same. MozJPEG scales other base tables by the same rule.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.uint16]

_ANNEX_K_LUMA = (
    "16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99"
)
_ANNEX_K_CHROMA = (
    "17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99 " + "99 " * 32
)
# Published with ImageMagick's quantization-table.xml; the default of MozJPEG, for luma and chroma alike.
_ROBIDOUX = (
    "16 16 16 18 25 37 56 85  16 17 20 27 34 40 53 75  16 20 24 31 43 62 91 135  18 27 31 40 53 74 106 156 "
    "25 34 43 53 69 94 131 189  37 40 62 74 94 124 169 238  56 53 91 106 131 169 226 311  85 75 135 156 189 238 311 418"
)
_MS_SSIM_LUMA = (
    "12 17 20 21 30 34 56 63  18 20 20 26 28 51 61 55  19 20 21 26 33 58 69 55  26 26 26 30 46 87 86 66 "
    "31 33 36 40 46 96 100 73  40 35 46 62 81 100 111 91  46 66 76 86 102 121 120 101  68 90 90 96 113 102 105 103"
)


def _parse(text: str) -> Table:
    return np.array(text.split(), dtype=np.uint16).reshape(8, 8)


STANDARD = "Annex K"
BASES: tuple[tuple[str, str, Table], ...] = (
    (STANDARD, "luma", _parse(_ANNEX_K_LUMA)),
    (STANDARD, "chroma", _parse(_ANNEX_K_CHROMA)),
    ("Robidoux (MozJPEG, ImageMagick)", "any", _parse(_ROBIDOUX)),
    ("MS-SSIM (MozJPEG preset)", "luma", _parse(_MS_SSIM_LUMA)),
    ("flat", "any", np.full((8, 8), 16, dtype=np.uint16)),
)
"""Family, component and (8, 8) base table in raster order; the standard ones come first."""


@dataclass(frozen=True)
class Fit:
    """A scaled base table. ``error`` is the largest difference of an entry, ``mean_error`` the mean absolute one,
    both in quantisation steps; ``error`` 0 is an exact match. ``turned``: it matches with rows and columns
    exchanged, which turning a JPEG by 90 degrees without loss does to its tables.
    """

    family: str
    quality: int
    error: int
    mean_error: float
    turned: bool = False

    @property
    def exact(self) -> bool:
        """Every entry agrees."""
        return self.error == 0

    @property
    def near(self) -> bool:
        """No entry is off by more than one: the same base table, rounded by another rule."""
        return self.error <= 1


def scaled(base: Table, quality: int, limit: int = 255) -> Table:
    """The base table (8, 8) at an IJG quality of 1 to 100, entries held within 1 and ``limit``."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    entries = (base.astype(np.int64) * percent + 50) // 100
    return np.clip(entries, 1, limit).astype(np.uint16)


@cache
def _bank(limit: int) -> npt.NDArray[np.int32]:
    rows = [scaled(base, quality, limit).ravel() for _, _, base in BASES for quality in range(1, 101)]
    return np.stack(rows).astype(np.int32)


def fit(table: Table, *, luma: bool) -> Fit:
    """The scaled base table that ``table`` (8, 8) equals, or else the nearest standard one, by mean difference.

    A standard table of the component asked for wins over others, and the higher quality over the lower: at 100
    all are alike.
    """
    # Without "baseline" libjpeg lets entries pass 255 and writes 16-bit tables.
    limit = 255 if int(table.max()) <= 255 else 32767
    best: Fit | None = None
    for turned in (False, True):
        entries = (table.T if turned else table).astype(np.int32).ravel()
        difference = np.abs(_bank(limit) - entries)
        worst, mean = difference.max(axis=1), difference.mean(axis=1)
        for index in (0, 1, 2, 3, 4) if luma else (1, 0, 2, 3, 4):
            rows = slice(100 * index, 100 * index + 100)
            row = 100 * index + 99 - int(np.argmin(mean[rows][::-1]))
            if best is not None and best.exact:
                return best
            found = Fit(BASES[index][0], row % 100 + 1, int(worst[row]), round(float(mean[row]), 3), turned)
            own = index == (0 if luma else 1)
            # Other families count when they fit exactly; a turned table only when it fits clearly better.
            if best is None or found.exact or (own and found.mean_error < 0.5 * best.mean_error):
                best = found
    assert best is not None
    return best


def digest(table: Table) -> str:
    """16 hex digits of SHA-256 over the 64 entries, raster order, big-endian 16 bit."""
    return hashlib.sha256(np.ascontiguousarray(table, dtype=">u2").tobytes()).hexdigest()[:16]


__all__ = ["BASES", "STANDARD", "Fit", "Table", "digest", "fit", "scaled"]
