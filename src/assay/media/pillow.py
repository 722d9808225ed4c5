"""Decoding through Pillow, kept from warning, printing and using memory for whole copies."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from assay.errors import MediaError

Samples = npt.NDArray[np.uint8]

#: Pixels worked on at a time where a whole copy would cost too much memory.
BAND = 4_000_000

_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings and lift its own bound on pixels; ours was checked before. Turns whatever a
    decoder raises into MediaError (``malformed``, ``truncated``, ``out_of_memory``).
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bound, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        except MediaError:
            raise
        except MemoryError:
            raise MediaError("there is not enough memory to decode the picture", "out_of_memory") from None
        except UnidentifiedImageError as error:
            raise MediaError("the picture is broken, or of a variant that is not read", "malformed") from error
        except Exception as error:
            # Decoders raise whatever comes to hand on broken data: struct.error, SyntaxError, EOFError, OSError…
            text = str(error).split("\n")[0] or type(error).__name__
            reason = "truncated" if "truncated" in text.lower() or isinstance(error, EOFError) else "malformed"
            raise MediaError(f"the picture cannot be decoded: {text}", reason) from error
        finally:
            Image.MAX_IMAGE_PIXELS = bound


@contextmanager
def mute() -> Iterator[None]:
    """Send what C libraries print to standard error nowhere, for the time of a call."""
    with _LOCK:
        try:
            kept = os.dup(2)
        except OSError:
            # There is no standard error to guard.
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in slices of about :data:`BAND` pixels."""
    step = max(1, BAND // max(1, width))
    for top in range(0, height, step):
        yield slice(top, min(height, top + step))


def rgb_of(image: Image.Image) -> tuple[Samples, Samples | None]:
    """(H, W, 3) and, where the loaded image has alpha or a transparent colour, (H, W), both uint8."""
    see_through = image.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in image.info
    mode = "RGBA" if see_through else "RGB"
    height, width = image.height, image.width
    samples = np.empty((height, width, 3), dtype=np.uint8)
    alpha = np.empty((height, width), dtype=np.uint8) if see_through else None
    for rows in bands(height, width):
        band = image.crop((0, rows.start, width, rows.stop))
        if band.mode in {"La", "RGBa"}:
            band = band.convert("RGBA" if band.mode == "RGBa" else "LA")
        array = np.asarray(band.convert(mode))
        samples[rows] = array[..., :3]
        if alpha is not None:
            alpha[rows] = array[..., 3]
    return samples, alpha


__all__ = ["bands", "mute", "quiet", "rgb_of"]
