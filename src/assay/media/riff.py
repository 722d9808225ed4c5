"""The structure of a WebP file: RIFF chunks (RFC 9649)."""

import struct

from assay.errors import MediaError
from assay.media.container import Container, Part, Structure, trailing_parts
from assay.media.limits import Limits

NOTES = {
    "VP8X": "features", "VP8 ": "picture, lossy", "VP8L": "picture, lossless", "ALPH": "alpha",
    "ANIM": "animation", "ANMF": "frame", "ICCP": "ICC profile", "EXIF": "Exif", "XMP ": "XMP", "C2PA": "C2PA (JUMBF)",
}  # fmt: skip
PAYLOADS = {"ICCP": "icc", "EXIF": "exif", "XMP ": "xmp"}


def parse(data: bytes, limits: Limits) -> Structure:
    """Walk all chunks. Raises MediaError (``truncated``, ``malformed``, ``too_large``)."""
    size = len(data)
    if size < 20:
        raise MediaError(f"the WebP ends at offset {size}, within its header", "truncated")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > size:
        raise MediaError(f"the WebP claims {end} bytes, but the file ends at {size}", "truncated")
    parts = [Part("RIFF", 0, 12)]
    payloads: dict[str, bytes] = {}
    remarks: list[str] = []
    extent: tuple[int, int] | None = None
    alpha, frames, pictures = False, 0, 0
    at = 12
    while at + 8 <= end:
        if len(parts) >= limits.max_parts:
            raise MediaError(f"the WebP has more than {limits.max_parts} chunks", "too_large")
        kind, length = struct.unpack_from("<4sI", data, at)
        name, start = kind.decode("latin-1"), at + 8
        if start + length > end:
            raise MediaError(
                f"chunk {name.strip()!r} at offset {at} of the WebP claims {length} bytes, but the file ends at {end}",
                "truncated",
            )
        parts.append(Part(name.strip(), at, 8 + length + (length & 1), NOTES.get(name, "")))
        if name == "VP8X" and length >= 10 and extent is None:
            alpha = bool(data[start] & 0x10)
            extent = (1 + _24(data, start + 4), 1 + _24(data, start + 7))
        elif name in {"VP8 ", "VP8L"}:
            pictures += 1
            inner = _lossy(data, start, length) if name == "VP8 " else _lossless(data, start, length)
            alpha = alpha or (name == "VP8L" and bool(data[start + 4] & 0x10))
            extent = extent or inner
        elif name == "ANMF":
            frames += 1
            if frames > limits.max_frames:
                raise MediaError(f"the WebP has more than {limits.max_frames} frames", "too_large")
        elif name in PAYLOADS and length <= limits.max_metadata_bytes:
            block = data[start : start + length]
            payloads.setdefault(PAYLOADS[name], block.removeprefix(b"Exif\0\0") if name == "EXIF" else block)
        at = parts[-1].offset + parts[-1].length
    if extent is None or not (pictures or frames):
        raise MediaError("the WebP holds no picture", "malformed")
    if at < end:
        remarks.append(f"{end - at} bytes at offset {at} are no chunk")
    # A last chunk of odd length whose padding byte is not counted is met in the wild.
    end = min(max(end, at), size)
    container = Container(
        parts=(*parts, *trailing_parts(data, end)), end=end, size=size, remarks=tuple(remarks),
        payloads={key: value for key, value in payloads.items() if value},
    )  # fmt: skip
    return Structure(container, *extent, "RGBA" if alpha else "RGB", 8, max(1, frames))


def _24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _lossy(data: bytes, start: int, length: int) -> tuple[int, int]:
    if length < 10 or data[start + 3 : start + 6] != b"\x9d\x01\x2a":
        raise MediaError(f"the lossy picture at offset {start} of the WebP is broken", "malformed")
    width, height = struct.unpack_from("<HH", data, start + 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless(data: bytes, start: int, length: int) -> tuple[int, int]:
    if length < 5 or data[start] != 0x2F:
        raise MediaError(f"the lossless picture at offset {start} of the WebP is broken", "malformed")
    bits = int.from_bytes(data[start + 1 : start + 5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


__all__ = ["parse"]
