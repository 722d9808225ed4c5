"""Quantised DCT coefficients of a JPEG, through jpeglib (libjpeg)."""

import os
import tempfile
from dataclasses import dataclass

import jpeglib
import numpy as np
import numpy.typing as npt
from scipy.fft import idctn

from assay.errors import MediaError

Blocks = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Plane:
    """One colour component. ``blocks``: (block rows, block columns, 8, 8) int16, quantised, [v, h] with v the
    vertical frequency; ``table``: (8, 8) uint16 in the same order. ``height`` and ``width`` in samples, without
    the padding that fills the last blocks; ``scale`` = (vertical, horizontal) picture pixels a sample.
    """

    blocks: Blocks
    table: npt.NDArray[np.uint16]
    height: int
    width: int
    scale: tuple[int, int] = (1, 1)

    def samples(self) -> npt.NDArray[np.float32]:
        """Dequantised inverse DCT, not rounded nor clipped: (8 * block rows, 8 * block columns) float32, with 128
        added.
        """
        values = self.blocks.astype(np.float32) * self.table.astype(np.float32)
        spatial = idctn(values, axes=(2, 3), norm="ortho", overwrite_x=True)
        rows, columns = self.blocks.shape[:2]
        plane: npt.NDArray[np.float32] = spatial.transpose(0, 2, 1, 3).reshape(rows * 8, columns * 8) + 128.0
        return plane


def read(data: bytes) -> tuple[Plane, ...]:
    """All planes of a JPEG: (Y,), (Y, Cb, Cr) or (C, M, Y, K).

    Raises MediaError where libjpeg cannot read the file.
    """
    descriptor, path = tempfile.mkstemp(suffix=".jpg")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        jpeg = jpeglib.read_dct(path)
        planes = [p for p in (jpeg.Y, jpeg.Cb, jpeg.Cr, jpeg.K) if p is not None]
        tables = [np.asarray(jpeg.qt[jpeg.quant_tbl_no[i]]) for i in range(len(planes))]
        factors = np.asarray(jpeg.samp_factor)
        height, width = int(jpeg.height), int(jpeg.width)
    except (OSError, ValueError, IndexError, RuntimeError) as error:
        raise MediaError(f"The JPEG's coefficients cannot be read: {error}", "malformed") from error
    finally:
        os.unlink(path)  # noqa: PTH108
    top = factors.max(axis=0)
    result = []
    for blocks, table, factor in zip(planes, tables, factors, strict=False):
        scale = (int(top[0] // factor[0]), int(top[1] // factor[1]))
        result.append(
            Plane(
                blocks=blocks, table=table.astype(np.uint16), height=-(-height // scale[0]),
                width=-(-width // scale[1]), scale=scale,
            )
        )  # fmt: skip
    return tuple(result)
