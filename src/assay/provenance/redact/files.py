"""Where JPEG, PNG, WebP and TIFF files keep their metadata, and what is left of it."""

import re
import struct
import zlib

from assay.errors import MediaError, ProvenanceError
from assay.media import Limits, jpeg, png, riff
from assay.media.container import Container, inflate
from assay.provenance.redact import packets
from assay.provenance.redact.directories import blank

FORMATS = ("image/jpeg", "image/png", "image/webp", "image/tiff")
"""Kinds of file out of which metadata can be taken."""

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED, _PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
_EXTENDED_HEAD = len(_EXTENDED) + 40
_MAX_TAIL = 64
"""JPEGs in the tail of another that are looked into."""
_RAW = re.compile(r"Raw profile type (exif|app1|xmp|iptc|8bim)", re.IGNORECASE)
_GPS = r"(exif:)?GPS.*|Latitude|Longitude|Altitude"
_TEXT = {"GPS": _GPS, "location": rf"{_GPS}|Location|City|Country", "EXIF": r"exif:.*"}


def clean(data: bytes, mime: str, kinds: frozenset[str]) -> bytes:
    """The file without these kinds. Raises ProvenanceError (``unsupported``), MediaError."""
    if mime == "image/jpeg":
        return _jpeg(data, kinds)
    if mime == "image/png":
        return _png(data, kinds)
    if mime == "image/webp":
        return _webp(data, kinds)
    if mime == "image/tiff":
        block = bytearray(data)
        blank(block, kinds, whole_file=True)
        return bytes(block)
    raise ProvenanceError(
        "Metadata can be taken out of JPEG, PNG, WebP and TIFF files only: take it out with another program first.",
        "unsupported",
    )


def _jpeg(data: bytes, kinds: frozenset[str]) -> bytes:
    out = bytearray(data)
    end = _stream(out, data, 0, kinds)
    for _ in range(_MAX_TAIL):
        at = data.find(b"\xff\xd8\xff", end)
        if at < 0:
            break
        try:
            end = _stream(out, data, at, kinds)
        except MediaError:  # three bytes that only look like a JPEG
            end = at + 3
    tail = bytes(out[_end(data) :])
    if b"ftyp" in tail or any(mark in data[end:] for mark in (_EXIF, _XMP, _PHOTOSHOP)):
        raise ProvenanceError(
            "The JPEG carries a film or another file in its tail, with metadata that cannot be taken out here: remove "
            "it first.", "unsupported",
        )  # fmt: skip
    return bytes(out)


def _end(data: bytes) -> int:
    last = list(jpeg.walk(data, 0, []))[-1]
    return last.offset + last.length


def _stream(out: bytearray, data: bytes, start: int, kinds: frozenset[str]) -> int:
    """Clean one JPEG stream in ``out``; where it ends."""
    end = start
    for number, segment in enumerate(jpeg.walk(data, start, [])):
        if number > Limits.max_parts:
            raise MediaError(f"the JPEG has more than {Limits.max_parts} segments", "too_large")
        end = segment.offset + segment.length
        body, payload = segment.offset + 4, segment.payload
        if segment.marker == 0xE1 and payload.startswith(_EXIF):
            inner = bytearray(payload[6:])
            blank(inner, kinds)
            out[body + 6 : body + len(payload)] = inner
        elif segment.marker == 0xE1 and payload.startswith(_XMP):
            head = len(_XMP)
            out[body + head : body + len(payload)] = packets.xmp(payload[head:], kinds)
        elif segment.marker == 0xE1 and payload.startswith(_EXTENDED):
            if "XMP" not in kinds and kinds - {"IPTC"}:
                raise ProvenanceError(
                    "The file has extended XMP, which can be taken out only as a whole: add XMP to --redact.",
                    "unsupported",
                )
            if "XMP" in kinds:
                out[body + _EXTENDED_HEAD : body + len(payload)] = b" " * max(0, len(payload) - _EXTENDED_HEAD)
        elif segment.marker == 0xED and payload.startswith(_PHOTOSHOP):
            head = len(_PHOTOSHOP)
            out[body + head : body + len(payload)] = packets.photoshop(payload[head:], kinds)
    return end


def _no_tail(data: bytes, container: Container) -> None:
    """Raises ProvenanceError where a file goes on past its end: with another file, or the rest of a larger one."""
    if data[container.end :].strip(b"\0"):
        raise ProvenanceError(
            "The file goes on past the end of its picture, with data that cannot be taken apart here: remove it first.",
            "unsupported",
        )


def _png(data: bytes, kinds: frozenset[str]) -> bytes:
    container = png.parse(data, Limits()).container
    _no_tail(data, container)
    pieces: list[bytes] = []
    for part in container.parts:
        raw = data[part.offset : part.offset + part.length]
        if part.name in {"eXIf", "iTXt", "tEXt", "zTXt"}:
            body = _chunk(part.name, raw[8:-4], kinds)
            if body is None:
                continue
            kind = part.name.encode("ascii")
            raw = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        pieces.append(raw)
    return b"".join(pieces)


def _chunk(name: str, body: bytes, kinds: frozenset[str]) -> bytes | None:
    """What is left of a chunk; none where it goes."""
    if name == "eXIf":
        prefix = _EXIF if body.startswith(_EXIF) else b""
        inner = bytearray(body[len(prefix) :])
        blank(inner, kinds)
        return prefix + bytes(inner)
    keyword = body.split(b"\0", 1)[0].decode("latin-1")
    if _RAW.fullmatch(keyword) or any(re.fullmatch(_TEXT[k], keyword, re.IGNORECASE) for k in kinds if k in _TEXT):
        return None
    if keyword != "XML:com.adobe.xmp":
        return body
    if name != "iTXt":  # not where XMP belongs, but readers take it from there
        return None
    head, packed = body[: len(keyword) + 1], body[len(keyword) + 1 : len(keyword) + 2] == b"\1"
    pieces = body[len(head) + 2 :].split(b"\0", 2)
    if len(pieces) < 3:
        return None
    packet = (inflate(pieces[2], Limits()) or b"") if packed else pieces[2]
    return head + b"\0\0" + pieces[0] + b"\0" + pieces[1] + b"\0" + packets.xmp(packet, kinds)


def _webp(data: bytes, kinds: frozenset[str]) -> bytes:
    out = bytearray(data)
    container = riff.parse(data, Limits()).container
    _no_tail(data, container)
    for part in container.parts:
        size = int.from_bytes(data[part.offset + 4 : part.offset + 8], "little")
        start = part.offset + 8
        body = data[start : start + size]
        if part.name == "EXIF":
            head = len(_EXIF) if body.startswith(_EXIF) else 0
            inner = bytearray(body[head:])
            blank(inner, kinds)
            out[start + head : start + size] = inner
        elif part.name == "XMP":
            out[start : start + size] = packets.xmp(body, kinds)
    return bytes(out)


__all__ = ["FORMATS", "clean"]
