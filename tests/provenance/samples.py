"""One small valid file of each kind that can carry credentials, made by code."""

import io
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif", "image/tiff", "image/gif")
FILMS = {"video/mp4": ("mp4", "mpeg4"), "video/quicktime": ("mov", "mpeg4"), "video/x-msvideo": ("avi", "mjpeg")}
SOUNDS = {
    "audio/wav": ("wav", "pcm_s16le"), "audio/mpeg": ("mp3", "libmp3lame"), "audio/flac": ("flac", "flac"),
    "audio/mp4": ("ipod", "aac"),
}  # fmt: skip

MIMES = (*PICTURES, "image/svg+xml", *FILMS, *SOUNDS, "application/pdf")
"""All kinds that :func:`sample` makes. JPEG XL is not among them: no encoder is at hand."""

EXTENSIONS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/heic": ".heic", "image/avif": ".avif",
    "image/tiff": ".tif", "image/gif": ".gif", "image/svg+xml": ".svg", "video/mp4": ".mp4", "video/quicktime": ".mov",
    "video/x-msvideo": ".avi", "audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/flac": ".flac", "audio/mp4": ".m4a",
    "application/pdf": ".pdf",
}  # fmt: skip


def landscape(width: int = 320, height: int = 240, seed: int = 1) -> npt.NDArray[np.uint8]:
    """An RGB picture ``(height, width, 3)``: a sky, a sun, hills and a grain."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    picture = np.stack([0.35 + 0.4 * y, 0.5 + 0.3 * y, 0.9 - 0.3 * y], axis=-1)
    picture[(x - 0.75) ** 2 + (y - 0.18) ** 2 < 0.006] = (0.98, 0.9, 0.6)
    for level, colour in ((0.42, (0.3, 0.42, 0.36)), (0.55, (0.2, 0.34, 0.2))):
        hills = level + 0.06 * np.sin(9 * x + 7 * level + seed) + 0.02 * np.sin(31 * x)
        picture[y > hills] = colour
    picture += np.random.default_rng(seed).normal(0, 0.02, picture.shape)
    return (picture.clip(0, 1) * 255).astype(np.uint8)


@cache
def sample(mime: str) -> bytes:
    """A small valid file of this MIME type, always of the same content."""
    if mime in PICTURES:
        return picture(mime, landscape())
    if mime in FILMS:
        return _film(*FILMS[mime])
    if mime in SOUNDS:
        return _sound(*SOUNDS[mime])
    if mime == "image/svg+xml":
        return (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80">'
            b'<rect width="120" height="80" fill="#8ab"/><circle cx="85" cy="25" r="12" fill="#fe9"/></svg>\n'
        )
    if mime == "application/pdf":
        import typst

        made: bytes = typst.compile(b"= A page\nMade by code, for a test.")
        return made
    raise ValueError(mime)


def picture(mime: str, pixels: npt.NDArray[np.uint8], **options: Any) -> bytes:
    """Pixels ``(height, width, 3)`` of RGB in this format."""
    from PIL import Image

    if mime == "image/heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    names = {"image/heic": "HEIF"}
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, names.get(mime, mime.split("/")[1].upper()), **options)
    return stream.getvalue()


def _film(container: str, codec: str) -> bytes:
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as out:
        track: Any = out.add_stream(codec, rate=10)
        track.width, track.height, track.pix_fmt = 160, 120, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(landscape(160, 120, seed=number + 1), format="rgb24")
            for packet in track.encode(frame):
                out.mux(packet)
        for packet in track.encode(None):
            out.mux(packet)
    return stream.getvalue()


def _sound(container: str, codec: str) -> bytes:
    import av

    rate = 44100
    wave = (np.sin(np.arange(rate // 2) * 2 * np.pi * 440 / rate) * 12000).astype(np.int16)[None]
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as out:
        track: Any = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=track.format, layout="mono", rate=rate, frame_size=track.frame_size or 0)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in track.encode(part):
                out.mux(packet)
        for packet in track.encode(None):
            out.mux(packet)
    return stream.getvalue()
