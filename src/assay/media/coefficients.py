"""Quantised DCT coefficients of a JPEG, through jpeglib's libjpeg-turbo.

jpeglib's own reader keeps fixed tables for 4 components and 50 markers, which a hostile file overruns, and crashes
where a header is broken. So its library is called directly, on a stream rebuilt from segments that were checked, after
libjpeg-turbo's other front end has decoded the same stream without a warning.
"""

import ctypes
import os
import tempfile
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from jpeglib._bind import CJpegLib

from assay.errors import MediaError
from assay.media.jpeg import Jpeg, divisible
from assay.media.pillow import mute

Blocks = npt.NDArray[np.int16]

#: Block rows worked on at a time, so that the inverse transform needs little memory besides its result.
_ROWS = 64

#: libjpeg refuses wider or higher pictures.
_LARGEST = 65500


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
        from scipy.fft import idctn  # noqa: PLC0415 (takes longer to load than most files to verify)

        rows, columns = self.blocks.shape[:2]
        plane = np.empty((rows * 8, columns * 8), dtype=np.float32)
        steps = self.table.astype(np.float32)
        for top in range(0, rows, _ROWS):
            band = self.blocks[top : top + _ROWS].astype(np.float32) * steps
            spatial = idctn(band, axes=(2, 3), norm="ortho", overwrite_x=True)
            lines = spatial.transpose(0, 2, 1, 3).reshape(len(band) * 8, columns * 8)
            plane[top * 8 : (top + len(band)) * 8] = lines + 128.0
        return plane


def readable(jpeg: Jpeg) -> bool:
    """Whether the coefficients of a JPEG can be had: 8-bit baseline, extended or progressive Huffman coding of 1, 3
    or 4 components whose sampling factors divide the largest, and at most 65,500 pixels a side.
    """
    return (
        jpeg.process in {"baseline", "extended", "progressive"}
        and jpeg.precision == 8
        and len(jpeg.components) in {1, 3, 4}
        and max(jpeg.width, jpeg.height) <= _LARGEST
        and divisible(jpeg)
        and len(jpeg.huffman) > 0
    )


def read(stream: bytes, jpeg: Jpeg) -> tuple[Plane, ...]:
    """All planes: (Y,), (Y, Cb, Cr), (R, G, B), (C, M, Y, K) or (Y, Cb, Cr, K), as ``jpeg.colour`` says.

    ``stream`` is the rebuilt picture, already decoded without a warning; ``jpeg`` is :func:`readable`. Raises
    MediaError where libjpeg cannot read it.
    """
    top = _top(jpeg)
    blocks = [
        np.zeros((*(-(-side * f // (t * 8)) for side, f, t in zip(
            (jpeg.height, jpeg.width), (c.vertical, c.horizontal), top, strict=True)), 8, 8), dtype=np.int16)
        for c in jpeg.components
    ]  # fmt: skip
    descriptor, path = tempfile.mkstemp(suffix=".jpg")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(stream)
        places = [plane.ctypes.data_as(ctypes.c_void_p) for plane in blocks]
        places += [ctypes.c_void_p(None)] * (4 - len(places))
        nothing = ctypes.c_void_p(None)
        with mute():
            status = _library().read_jpeg_dct(ctypes.c_char_p(os.fsencode(path)), *places, nothing, nothing)
    except OSError as error:
        raise MediaError(f"the JPEG's coefficients need a temporary file: {error.strerror}", "unreadable") from error
    finally:
        os.unlink(path)  # noqa: PTH108
    if status == 0:
        raise MediaError("the JPEG's coefficients cannot be read", "malformed")
    return tuple(
        Plane(
            blocks=plane, table=jpeg.table_of(i), height=-(-jpeg.height * c.vertical // top[0]),
            width=-(-jpeg.width * c.horizontal // top[1]), scale=(top[0] // c.vertical, top[1] // c.horizontal),
        )
        for i, (plane, c) in enumerate(zip(blocks, jpeg.components, strict=True))
    )  # fmt: skip


def _top(jpeg: Jpeg) -> tuple[int, int]:
    return max(c.vertical for c in jpeg.components), max(c.horizontal for c in jpeg.components)


@cache
def _library() -> ctypes.CDLL:
    # jpeglib's default is libjpeg 6b, three times slower. Its choice for other callers is left as it was.
    kept = CJpegLib.version
    library: ctypes.CDLL = CJpegLib._bind_lib(version="turbo210")
    CJpegLib.version = kept
    return library


__all__ = ["Plane", "read", "readable"]
