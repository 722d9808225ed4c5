"""The structure of a PNG file (ISO/IEC 15948, PNG third edition)."""

import struct
import zlib
from collections.abc import Iterable

from assay.errors import MediaError
from assay.media.container import Container, Part, Structure, inflate, trailing_parts
from assay.media.limits import Limits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = {"IHDR", "PLTE", "IDAT", "IEND"}
#: colour type -> Pillow mode, samples a pixel, bit depths allowed
COLOURS = {
    0: ("L", 1, {1, 2, 4, 8, 16}),
    2: ("RGB", 3, {8, 16}),
    3: ("P", 1, {1, 2, 4, 8}),
    4: ("LA", 2, {8, 16}),
    6: ("RGBA", 4, {8, 16}),
}
NOTES = {
    "IHDR": "header", "PLTE": "palette", "IDAT": "picture data", "IEND": "end", "tRNS": "transparency",
    "iCCP": "ICC profile", "eXIf": "Exif", "acTL": "animation", "fcTL": "frame", "fdAT": "frame data",
    "caBX": "C2PA (JUMBF)", "tIME": "time", "pHYs": "pixel density",
}  # fmt: skip
#: (x start, y start, x step, y step) of the seven passes of Adam7
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def parse(data: bytes, limits: Limits) -> Structure:
    """Walk all chunks. Raises MediaError (``truncated``, ``malformed``, ``too_large``)."""
    parts: list[Part] = []
    remarks: list[str] = []
    payloads: dict[str, bytes] = {}
    text: list[tuple[str, str]] = []
    grown = 0
    at, size, frames = 8, len(data), 1
    while not parts or parts[-1].name != "IEND":
        if at + 12 > size:
            what = "its IEND chunk" if at >= size else f"the rest of the chunk at offset {at}"
            raise MediaError(f"the PNG ends at offset {size}, without {what}", "truncated")
        if len(parts) >= limits.max_parts:
            raise MediaError(f"the PNG has more than {limits.max_parts} chunks", "too_large")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha():
            raise MediaError(f"no chunk at offset {at} of the PNG", "malformed")
        name = kind.decode("ascii")
        if end > size:
            raise MediaError(
                f"chunk {name} at offset {at} of the PNG claims {length} bytes, but the file ends at {size}",
                "truncated",
            )
        body = data[at + 8 : at + 8 + length] if name != "IDAT" else b""
        right = zlib.crc32(memoryview(data)[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if not right and name in CRITICAL:
            raise MediaError(f"chunk {name} at offset {at} of the PNG has a wrong checksum", "malformed")
        if not right:
            remarks.append(f"chunk {name} at offset {at} has a wrong checksum")
        if (name == "IHDR") != (not parts):
            raise MediaError(f"chunk {name} has no place at offset {at} of the PNG", "malformed")
        note = NOTES.get(name, "")
        if name == "acTL" and length == 8:
            frames = min(int.from_bytes(body[:4], "big"), limits.max_frames)
        elif name == "eXIf":
            payloads.setdefault("exif", body.removeprefix(b"Exif\0\0"))
        elif name == "iCCP":
            profile = inflate(body.partition(b"\0")[2][1:], limits)
            if profile:
                payloads.setdefault("icc", profile)
            else:
                remarks.append("the ICC profile cannot be decompressed")
        elif name in {"tEXt", "zTXt", "iTXt"}:
            pair = _text(name, body, limits)
            if pair is None:
                remarks.append(f"chunk {name} at offset {at} is broken")
            else:
                keyword, value = pair
                note = keyword
                grown += len(value)
                if grown > limits.max_metadata_bytes:
                    raise MediaError(f"the PNG's text grows past {limits.max_metadata_bytes} bytes", "too_large")
                if keyword == "XML:com.adobe.xmp":
                    payloads.setdefault("xmp", value)
                else:
                    text.append((keyword, value.decode("utf-8" if name == "iTXt" else "latin-1", "replace")))
        parts.append(Part(name, at, end - at, note))
        at = end
    names = [part.name for part in parts]
    if "IDAT" not in names:
        raise MediaError("the PNG has no picture data", "malformed")
    width, height, bits, mode = _header(data, parts[0])
    if mode == "P" and "PLTE" not in names:
        raise MediaError("the PNG lacks its palette", "malformed")
    container = Container(
        parts=(Part("signature", 0, 8), *parts, *trailing_parts(data, at)), end=at, size=size,
        remarks=tuple(remarks), payloads={key: value for key, value in payloads.items() if value}, text=tuple(text),
    )  # fmt: skip
    return Structure(container, width, height, mode, bits, max(1, frames))


def _header(data: bytes, part: Part) -> tuple[int, int, int, str]:
    if part.length != 25:
        raise MediaError("the PNG's header has the wrong length", "malformed")
    width, height, bits, colour, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if not (0 < width < 2**31 and 0 < height < 2**31) or colour not in COLOURS or bits not in COLOURS[colour][2]:
        raise MediaError(f"the PNG's header claims {width} x {height}, colour {colour}, {bits} bits", "malformed")
    if compression or filtering or interlace > 1:
        raise MediaError("the PNG's header asks for an unknown compression, filter or interlace", "malformed")
    return width, height, bits, COLOURS[colour][0]


def _text(name: str, body: bytes, limits: Limits) -> tuple[str, bytes] | None:
    keyword, found, rest = body.partition(b"\0")
    if not found:
        return None
    label = keyword.decode("latin-1")
    value: bytes | None = rest
    if name == "zTXt":
        value = inflate(rest[1:], limits)
    elif name == "iTXt":
        packed = rest[:1] == b"\1"
        pieces = rest[2:].split(b"\0", 2)
        if len(pieces) < 3:
            return None
        value = inflate(pieces[2], limits) if packed else pieces[2]
    return None if value is None or len(value) > limits.max_metadata_bytes else (label, value)


def bare(data: bytes, parts: Iterable[Part]) -> bytes:
    """The PNG with nothing but what its pixels need, so that a decoder meets no metadata."""
    wanted = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND"}
    view = memoryview(data)
    return b"".join([SIGNATURE, *(view[p.offset : p.offset + p.length] for p in parts if p.name in wanted)])


def check_data(data: bytes, structure: Structure) -> None:
    """Inflate the picture data, keeping none of it, and see whether it is whole.

    Raises MediaError (``truncated``, ``malformed``).
    """
    colour, interlace = data[25], data[28]
    bits = COLOURS[colour][1] * structure.bits
    passes = ADAM7 if interlace else ((0, 0, 1, 1),)
    expected = 0
    for x, y, across, down in passes:
        columns, rows = -(-(structure.width - x) // across), -(-(structure.height - y) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + (columns * bits + 7) // 8)
    stream, got = zlib.decompressobj(), 0
    try:
        for part in structure.container.parts:
            if part.name != "IDAT":
                continue
            piece: bytes | memoryview = memoryview(data)[part.offset + 8 : part.offset + part.length - 4]
            while piece and got < expected:
                got += len(stream.decompress(piece, 1 << 20))
                piece = stream.unconsumed_tail
    except zlib.error as error:
        raise MediaError(f"the PNG's picture data is broken: {error}", "malformed") from error
    if got < expected:
        raise MediaError(f"the PNG's picture data holds {got} of {expected} bytes", "truncated")


__all__ = ["bare", "check_data", "parse"]
