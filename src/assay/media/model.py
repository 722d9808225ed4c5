"""Bytes in, a Media out: everything an analysis may ask of a picture, decoded once and only when asked for."""

import hashlib
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from assay.errors import MediaError
from assay.media import coefficients, jpeg, jpeg_container, pixels
from assay.media.container import Container
from assay.media.jpeg import Jpeg
from assay.media.limits import Limits
from assay.media.metadata import Metadata
from assay.media.sniff import sniff


class Media:
    """A picture and all that its file holds. Open one with :meth:`open`.

    Arrays are those of the stored picture: EXIF orientation is not applied to them, so that JPEG blocks stay where
    the encoder put them. Use :meth:`upright` to turn an array for showing. Treat every array as read-only.
    """

    def __init__(self, data: bytes, *, name: str, format: str, limits: Limits) -> None:  # noqa: A002
        self.data = data
        self.name = name
        self.format = format
        self.limits = limits

    @classmethod
    def open(
        cls, source: str | PathLike[str] | bytes | BinaryIO, *, name: str | None = None, limits: Limits | None = None
    ) -> "Media":
        """Read a path, bytes or a binary stream, sniff its content and check its header against ``limits``.

        Raises MediaError with a reason; nothing is decoded yet.
        """
        limits = limits or Limits()
        if isinstance(source, bytes):
            data, name = source, name or "<bytes>"
        elif isinstance(source, str | PathLike):
            path = Path(source)
            name = name or str(source)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise MediaError(f"{name}: {error.strerror}", "missing") from error
        else:
            data, name = source.read(limits.max_bytes + 1), name or "<stream>"
        if not data:
            raise MediaError(f"{name}: the file is empty", "empty")
        found = sniff(data[:512])
        if found is None:
            raise MediaError(f"{name}: not a picture format that Assay reads", "unsupported")
        media = cls(data, name=name, format=found, limits=limits)
        media.header  # noqa: B018
        return media

    @cached_property
    def header(self) -> pixels.Header:
        """Size, mode, bit depth, frames and orientation, read without decoding; within the limits."""
        return pixels.read_header(self.data, self.format, self.limits)

    @property
    def width(self) -> int:
        """Columns of the stored picture."""
        return self.header.width

    @property
    def height(self) -> int:
        """Rows of the stored picture."""
        return self.header.height

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8."""
        return self.header.orientation

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pixels_sha256(self) -> str:
        """SHA-256, hex, over ``b"assay-pixels-1"``, the shape and dtype as ASCII, and the stored samples in C order:
        the same for two files that decode to the same picture, whatever their metadata.
        """
        samples = np.ascontiguousarray(self.samples)
        digest = hashlib.sha256(b"assay-pixels-1")
        digest.update(f"{samples.shape}{samples.dtype.str}".encode())
        digest.update(samples.data)
        return digest.hexdigest()

    @cached_property
    def samples(self) -> npt.NDArray[np.uint8 | np.uint16]:
        """(H, W, 3) RGB, uint8 or, for pictures of more than 8 bits, uint16; no colour management, alpha apart."""
        return self._decoded[0]

    @cached_property
    def alpha(self) -> npt.NDArray[np.uint8 | np.uint16] | None:
        """(H, W) alpha in the dtype of ``samples``, None where the picture has none."""
        return self._decoded[1]

    @cached_property
    def _decoded(self) -> pixels.Decoded:
        return pixels.decode(self.data, self.format, self.header, self.limits)

    @property
    def rgb(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB as stored; 16-bit samples lose their low byte."""
        return pixels.to8(self.samples)

    @cached_property
    def luma(self) -> npt.NDArray[np.float32]:
        """(H, W) float32, 0 to 255: for a YCbCr JPEG the decoder's own Y, else BT.601 luma of the RGB samples."""
        return pixels.luma(self)

    @cached_property
    def display(self) -> npt.NDArray[np.uint8]:
        """(H', W', 3) uint8, upright, in sRGB, alpha laid over mid grey: for showing, never for measuring."""
        return pixels.display(self)

    def upright(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Turn an array of the stored picture, or a map of it, as EXIF orientation asks."""
        return pixels.orient(array, self.orientation)

    @cached_property
    def jpeg(self) -> Jpeg | None:
        """Structure of a JPEG, None for other formats."""
        return jpeg.parse(self.data, self.limits) if self.format == "jpeg" else None

    @cached_property
    def coefficients(self) -> tuple[coefficients.Plane, ...] | None:
        """Planes of quantised DCT coefficients of a JPEG (Y first), None for other formats."""
        return coefficients.read(self.data) if self.format == "jpeg" else None

    @cached_property
    def container(self) -> Container:
        """What the file is made of."""
        if self.jpeg is not None:
            return jpeg_container.describe(self.data, self.jpeg, self.limits)
        raise NotImplementedError

    @cached_property
    def metadata(self) -> Metadata:
        """What the file says of itself."""
        from assay.media import metadata  # noqa: PLC0415

        found: Metadata = metadata.read(self)  # type: ignore[attr-defined,unused-ignore]
        return found


__all__ = ["Media"]
