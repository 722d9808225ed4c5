"""Bytes in, a Media out: everything an analysis may ask of a picture, decoded once and only when asked for."""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from assay.errors import MediaError
from assay.media import bmp, coefficients, display, gif, isobmff, jpeg_container, metadata, pixels, png, riff, tiff
from assay.media import jpeg as jpeg_structure
from assay.media.container import Container, Structure
from assay.media.jpeg import Jpeg
from assay.media.jpeg_pixels import Decoder
from assay.media.limits import Limits
from assay.media.metadata import Metadata
from assay.media.sniff import sniff
from assay.media.source import check, read_path, read_stream

PARSERS: dict[str, Callable[[bytes, Limits], Structure]] = {
    "png": png.parse, "webp": riff.parse, "heic": isobmff.parse, "avif": isobmff.parse, "tiff": tiff.parse,
    "gif": gif.parse, "bmp": bmp.parse,
}  # fmt: skip


class Media:
    """A picture and all that its file holds. Open one with :meth:`open`.

    Arrays are those of the stored picture: EXIF orientation is not applied to them, so that JPEG blocks stay where
    the encoder put them (HEIC alone comes turned as its own properties ask). Use :meth:`upright` to turn an array for
    showing. Treat every array as read-only. Whatever decodes raises MediaError where the file is damaged.
    """

    def __init__(self, data: bytes, *, name: str, format: str, limits: Limits) -> None:  # noqa: A002
        self.data = data
        self.name = name
        self.format = format
        self.limits = limits
        self._noticed: list[str] = []

    @classmethod
    def open(
        cls,
        source: str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
        *,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> "Media":
        """Read a path, bytes or a binary stream, sniff its content, walk its structure and check its header against
        ``limits``.

        Raises MediaError with a reason; nothing is decoded yet, so damage within the coded pixels shows later.
        """
        limits = limits or Limits()
        if isinstance(source, str | PathLike):
            name = name or str(source)
            with _naming(name):
                data = read_path(source, limits)
        elif isinstance(source, bytes | bytearray | memoryview):
            name = name or "<bytes>"
            with _naming(name):
                data = check(bytes(source), limits)
        else:
            name = name or "<stream>"
            with _naming(name):
                data = read_stream(source, limits)
        found = sniff(data[:512])
        if found is None:
            raise MediaError(f"{name}: not a picture format that Assay reads", "unsupported")
        media = cls(data, name=name, format=found, limits=limits)
        media.header  # noqa: B018
        return media

    @cached_property
    def _structure(self) -> Structure:
        with _naming(self.name):
            if self.jpeg is None:
                return PARSERS[self.format](self.data, self.limits)
            container = jpeg_container.describe(self.data, self.jpeg, self.limits)
            return pixels.jpeg_structure(self.jpeg, container, self.data, self.limits)

    @cached_property
    def header(self) -> pixels.Header:
        """Size, mode, bit depth, frames and orientation, read without decoding; within the limits."""
        with _naming(self.name):
            return pixels.header_of(self._structure, self.format, self.data, self.limits)

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

    @property
    def remarks(self) -> tuple[str, ...]:
        """Departures from the format that were lived with: those of the container, and those met in decoding so far."""
        return (*self.container.remarks, *self._noticed)

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
        with _naming(self.name):
            if self._decoder is None:
                found = pixels.decode(self.data, self.format, self._structure, self.limits)
                if found[0].shape[:2] != (self.height, self.width):
                    raise MediaError("the picture is not of the size that its header claims", "malformed")
                return found
            samples = self._decoder.rgb()
            self._noticed += self._decoder.remarks
            return samples, None

    @cached_property
    def _decoder(self) -> Decoder | None:
        return Decoder(self.data, self.jpeg) if self.jpeg is not None else None

    @cached_property
    def rgb(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB as stored; 16-bit samples lose their low byte."""
        return pixels.to8(self.samples)

    @cached_property
    def luma(self) -> npt.NDArray[np.float32]:
        """(H, W) float32, 0 to 255: for a YCbCr JPEG the decoder's own Y, else BT.601 luma of the RGB samples."""
        rgb = self.rgb
        with _naming(self.name):
            own = self._decoder.luma() if self._decoder is not None else None
        return pixels.luma(rgb) if own is None else own.astype(np.float32)

    @cached_property
    def display(self) -> npt.NDArray[np.uint8]:
        """(H', W', 3) uint8, upright, in sRGB, alpha laid over mid grey: for showing, never for measuring."""
        rgb, profile, transform = self.rgb, self.container.payloads.get("icc"), None
        alpha = pixels.to8(self.alpha) if self.alpha is not None else None
        inks = self._decoder.inks() if self._decoder is not None else None
        if profile is not None:
            try:
                transform = display.transform_of(profile)
            except ValueError as error:
                self._noticed.append(str(error))
        grey = self.header.mode in {"L", "LA", "I", "F", "I;16", "1"}
        if transform is not None and transform[0] == "L" and not grey:
            transform = None
        return self.upright(display.render(rgb, alpha, inks, transform))  # type: ignore[return-value]

    def upright(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Turn an array of the stored picture, or a map of it, as EXIF orientation asks."""
        return pixels.orient(array, self.orientation)

    @cached_property
    def jpeg(self) -> Jpeg | None:
        """Structure of a JPEG, None for other formats."""
        with _naming(self.name):
            return jpeg_structure.parse(self.data, self.limits) if self.format == "jpeg" else None

    @cached_property
    def coefficients(self) -> tuple[coefficients.Plane, ...] | None:
        """Planes of quantised DCT coefficients of a JPEG: (Y,), (Y, Cb, Cr), or, as ``jpeg.colour`` says, others.

        None for other formats, and for a JPEG whose coefficients cannot be had: arithmetic coding, sampling factors
        that do not divide the largest, a side of more than 65,500 pixels, no Huffman tables.
        """
        if self.jpeg is None or self._decoder is None or not coefficients.readable(self.jpeg):
            return None
        # Decoding first: only a stream without damage goes to the reader of coefficients.
        self.samples  # noqa: B018
        with _naming(self.name):
            return coefficients.read(self._decoder.stream, self.jpeg)

    @property
    def container(self) -> Container:
        """What the file is made of."""
        return self._structure.container

    @cached_property
    def metadata(self) -> Metadata:
        """What the file says of itself."""
        with _naming(self.name):
            return metadata.read(self)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put the file's name before the message of a MediaError, once."""
    try:
        yield
    except MediaError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise MediaError(f"{name}: {error}", error.reason) from error
    except MemoryError:
        raise MediaError(f"{name}: there is not enough memory", "out_of_memory") from None
    except (struct.error, IndexError, KeyError, ValueError, OverflowError, RecursionError) as error:
        # A parser met something it did not foresee; for whoever asks, the file is malformed all the same.
        raise MediaError(f"{name}: cannot be read: {error}", "malformed") from error


__all__ = ["Media"]
