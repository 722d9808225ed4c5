"""What is lost when a picture is compressed again at many qualities: the kernel beneath ``jpeg_ghosts``."""

import numba
import numpy as np
import numpy.typing as npt

from assay.forensics.compression._blocks import BASIS, luma_table
from assay.forensics.compression._dct_zeros import in_bands

Floats = npt.NDArray[np.float32]

# Adding and taking away 1.5 * 2^23 rounds a float32 to the nearest whole number, in vector code.
_ROUND = np.float32(12582912.0)


@numba.njit("void(float32[:, :], float32[:, ::1], float32[:, ::1], float32[:, :, ::1])", cache=True, nogil=True)
def _losses(luma: Floats, basis: Floats, steps: Floats, out: Floats) -> None:
    half = np.empty((8, 8), np.float32)
    values = np.empty(64, np.float32)
    # One sum a coefficient, so that the loop over them becomes vector code.
    sums = np.empty(steps.shape, np.float32)
    inverse = np.float32(1) / steps
    for cell_row in range(out.shape[0]):
        for cell_column in range(out.shape[1]):
            sums[:] = 0
            for part in range(4):
                y = 16 * cell_row + 8 * (part >> 1)
                x = 16 * cell_column + 8 * (part & 1)
                for i in range(8):
                    for j in range(8):
                        total = np.float32(0)
                        for k in range(8):
                            total += basis[i, k] * (luma[y + k, x + j] - np.float32(128))
                        half[i, j] = total
                for i in range(8):
                    for j in range(8):
                        total = np.float32(0)
                        for k in range(8):
                            total += half[i, k] * basis[j, k]
                        values[8 * i + j] = total
                values[0] = 0
                for q in range(steps.shape[0]):
                    step, rise, part_sum = steps[q], inverse[q], sums[q]
                    for k in range(64):
                        scaled = values[k] * rise[k]
                        rest = (scaled - ((scaled + _ROUND) - _ROUND)) * step[k]
                        part_sum[k] += rest * rest
            for q in range(steps.shape[0]):
                total = np.float32(0)
                for k in range(64):
                    total += sums[q, k]
                out[cell_row, cell_column, q] = total / np.float32(256)


def losses(luma: Floats, qualities: range, origin: tuple[int, int] = (0, 0)) -> Floats:
    """Mean squared difference between a picture and itself compressed anew, DC apart, in cells of 16x16 pixels.

    ``luma`` (rows, columns) 0 to 255; ``qualities`` of the standard luma table; ``origin`` = (column, row) at which the
    new grid begins. Returns (cells down, cells across, qualities) float32, in squared grey levels.

    The DCT keeps squared differences (Parseval), so they are summed over the rounded coefficients and no file is
    written: what is left out is the rounding of the decoded samples to whole numbers, about 1/12. The DC is left out
    too: in a flat sky its rounding is one number for all cells, and makes ghosts of nothing.
    """
    x, y = origin
    rows, columns = (luma.shape[0] - y) // 16, (luma.shape[1] - x) // 16
    luma = np.ascontiguousarray(luma, dtype=np.float32)[y:, x:]
    steps = np.stack([luma_table(q).ravel() for q in qualities]).astype(np.float32)
    basis = np.ascontiguousarray(BASIS, dtype=np.float32)
    out = np.zeros((rows, columns, len(qualities)), np.float32)
    in_bands(rows, lambda a, b: _losses(luma[16 * a : 16 * b], basis, steps, out[a:b]), 16)
    return out


__all__ = ["losses"]
