"""Pixels of a JPEG, through libjpeg-turbo, which is not let conceal damage.

libjpeg goes on after damaged data and makes up what is missing. Pixels that a decoder made up would be examined as if a
camera had recorded them, so any damage is an error here. What does no harm to the pixels (a missing end marker, bytes
between segments) is left out by :func:`rebuild` and remarked on.
"""

import io
import re

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from assay.errors import MediaError
from assay.media.jpeg import DHT, DQT, DRI, FRAMES, SOS, Jpeg, divisible
from assay.media.pillow import quiet, rgb_of

_EXTRANEOUS = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_DAC = 0xCC


def rebuild(data: bytes, jpeg: Jpeg, less: int = 0) -> bytes:
    """The same picture without metadata, bytes between segments and trailing data, and with an end marker.

    ``less`` bytes at the end of the last scan are left out.
    """
    pieces = [b"\xff\xd8"]
    if jpeg.jfif is not None:
        pieces.append(_JFIF)
    if jpeg.adobe is not None:
        # libjpeg takes an unknown transform for the usual one, and warns.
        usual = 1 if len(jpeg.components) == 3 else 2
        pieces.append(b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([min(jpeg.adobe, 1) * usual]))
    last = 0
    for segment in jpeg.segments:
        if segment.marker in FRAMES or segment.marker in {DQT, DHT, DRI, _DAC}:
            pieces.append(data[segment.offset : segment.offset + segment.length])
        elif segment.marker == SOS:
            header = segment.offset + 4 + len(segment.payload)
            payload = segment.payload
            if jpeg.process in {"baseline", "extended"}:
                # Some writers leave the progressive fields of a sequential scan wrong; libjpeg warns of it.
                payload = payload[:-3] + b"\0\x3f\0"
            pieces.append(data[segment.offset : segment.offset + 4] + payload)
            pieces.append(data[header : segment.offset + segment.length])
            last = len(pieces) - 1
    pieces[last] = pieces[last][: len(pieces[last]) - less]
    pieces.append(b"\xff\xd9")
    return b"".join(pieces)


class Decoder:
    """Decodes one JPEG, to whichever colours are asked for. ``remarks`` say what was lived with."""

    def __init__(self, data: bytes, jpeg: Jpeg) -> None:
        self.jpeg = jpeg
        self.stream = rebuild(data, jpeg)
        self.remarks: list[str] = []
        self.exact = True
        self._data = data

    def rgb(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8. Raises MediaError (``truncated``, ``malformed``, ``unsupported``)."""
        if self.jpeg.precision != 8 or self.jpeg.process == "lossless":
            what = f"{self.jpeg.precision}-bit " if self.jpeg.precision != 8 else ""
            raise MediaError(f"{what}{self.jpeg.process} JPEG is not read", "unsupported")
        if len(self.jpeg.components) == 2:
            raise MediaError("a JPEG of two colour components is not read", "unsupported")
        if not divisible(self.jpeg):
            raise MediaError("a JPEG whose sampling factors do not divide the largest is not read", "unsupported")
        grey = self.jpeg.colour == "grey"
        try:
            picture = self._strict("GRAY" if grey else "RGB")
        except _OddSamplingError:
            self.exact = False
            return self._pillow()
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if grey else picture, dtype=np.uint8)

    def luma(self) -> npt.NDArray[np.uint8] | None:
        """(H, W) uint8, the decoder's Y, once :meth:`rgb` has succeeded; None where the JPEG has none."""
        if self.jpeg.colour not in {"grey", "ycbcr"}:
            return None
        if self.exact:
            grey: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(self.stream, colorspace="GRAY")[..., 0]
            return grey
        with quiet(), Image.open(io.BytesIO(self.stream), formats=("JPEG",)) as image:
            image.draft("YCbCr" if self.jpeg.colour == "ycbcr" else "L", image.size)
            image.load()
            return np.asarray(image.getchannel(0))

    def inks(self) -> npt.NDArray[np.uint8] | None:
        """(H, W, 4) uint8 CMYK, 255 full ink, once :meth:`rgb` has succeeded; None where the JPEG is no CMYK."""
        if self.jpeg.colour not in {"cmyk", "ycck"} or not self.exact:
            return None
        # Adobe's convention, which nearly all writers keep: stored inverted.
        stored = simplejpeg.decode_jpeg(self.stream, colorspace="CMYK")
        return np.asarray(cv2.bitwise_not(stored), dtype=np.uint8)

    def _strict(self, colours: str) -> npt.NDArray[np.uint8]:
        for _ in range(2):
            try:
                picture: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(self.stream, colorspace=colours)
            except KeyError:
                raise _OddSamplingError from None
            except (ValueError, RuntimeError) as error:
                self._judge(str(error))
            else:
                return picture
        raise MediaError(self._damage("there is data that belongs to no block"), "malformed")

    def _judge(self, message: str) -> None:
        """Return where a second try is worth it, raise otherwise."""
        extra = _EXTRANEOUS.search(message)
        if extra:
            count = int(extra[1])
            self.stream = rebuild(self._data, self.jpeg, count)
            self.remarks.append(f"{count} bytes after the last block of the picture data")
            return
        if "subsampling" in message:
            raise _OddSamplingError
        if "remature end" in message:
            raise MediaError(
                f"the picture data ends at offset {self.jpeg.end}, before all of {self.jpeg.width} x"
                f" {self.jpeg.height} pixels are covered", "truncated",
            )  # fmt: skip
        raise MediaError(self._damage(message), "malformed")

    def _damage(self, what: str) -> str:
        return f"the picture data before offset {self.jpeg.end} is damaged: {what}"

    def _pillow(self) -> npt.NDArray[np.uint8]:
        self.remarks.append("unusual chroma sampling; damage within the picture data would go unnoticed")
        with quiet(), Image.open(io.BytesIO(self.stream), formats=("JPEG",)) as image:
            image.load()
        samples, _ = rgb_of(image)
        return samples


class _OddSamplingError(Exception):
    """The sampling factors are such that TurboJPEG's interface does not take them."""


__all__ = ["Decoder", "rebuild"]
