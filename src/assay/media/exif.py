"""EXIF (CIPA DC-008, 2.32) and TIFF 6.0 tags, read from hostile bytes: bounded work, remarks instead of errors."""

import math
import struct
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags

from assay.errors import MediaError
from assay.media.limits import Limits
from assay.media.tiff_directory import CODES, SIZES, Entry, Tiff

Value = str | int | float | tuple[Any, ...]

# Where Pillow keeps an older name than the EXIF standard's.
_TAGS = ExifTags.TAGS | {0xA002: "PixelXDimension", 0xA003: "PixelYDimension"}
_GPS = ExifTags.GPSTAGS
_INTEROP = {1: "InteropIndex", 2: "InteropVersion"} | _TAGS
_MAKER_NOTE, _USER_COMMENT, _GPS_TEXT = 0x927C, 0x9286, {0x1B, 0x1C}
_WINDOWS_TEXT = range(0x9C9B, 0x9CA0)
# Offsets of pixel data and of directories: long, and of no use to a reader.
_NO_VALUE = {0x0111, 0x0117, 0x0144, 0x0145, 0x014A, 0x8769, 0x8825, 0xA005, _MAKER_NOTE}
_BLOCKS = {700: "xmp", 33723: "iptc", 34377: "photoshop", 34675: "icc"}
_STRINGS, _RATIONALS = {2, 7}, {5, 10}
_CODES = CODES | {5: "I", 10: "i", 11: "f", 12: "d"}
_MAX_NUMBERS = 1024
_MAX_TEXT = 65536
_MAX_HEX = 256
_MAX_REMARKS = 50


@dataclass
class Exif:
    """What :func:`parse` found; the dicts are those of ``Metadata``. ``blocks`` holds the raw bytes of other metadata
    kept in TIFF tags, under ``xmp``, ``iptc``, ``photoshop`` and ``icc``. ``thumbnail`` has, besides the tags of
    IFD1, ``JpegWidth`` and ``JpegHeight`` where its JPEG says them.
    """

    exif: dict[str, Any] = field(default_factory=dict)
    gps: dict[str, Any] = field(default_factory=dict)
    thumbnail: dict[str, Any] = field(default_factory=dict)
    interop: dict[str, Any] = field(default_factory=dict)
    maker_note: int = 0
    blocks: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def parse(data: bytes, limits: Limits | None = None) -> Exif:
    """Read a TIFF stream: the EXIF block of another format, from its byte order mark on, or a whole TIFF file.

    Never raises: what is broken becomes a remark, what can still be read is read.
    """
    return _Reader(data, limits or Limits()).run()


class _Reader:
    """Values of one stream's directories, within a budget."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self.budget = limits.max_metadata_bytes
        self.found = Exif()

    def remark(self, text: str) -> None:
        if len(self.found.remarks) < _MAX_REMARKS and text not in self.found.remarks:
            self.found.remarks.append(text)

    def run(self) -> Exif:
        found = self.found
        into = {
            "IFD0": (found.exif, _TAGS), "Exif": (found.exif, _TAGS), "GPS": (found.gps, _GPS),
            "Interop": (found.interop, _INTEROP), "IFD1": (found.thumbnail, _TAGS),
        }  # fmt: skip
        try:
            self.tiff = Tiff(self.data, self.limits)
            for directory in self.tiff.directories():
                if directory.name == "IFD2":
                    break
                if directory.name in into:
                    values, names = into[directory.name]
                    for entry in directory.entries.values():
                        self.entry(entry, values, names, directory.name)
        except MediaError as error:
            self.remark(f"EXIF: {error}")
            if not hasattr(self, "tiff"):
                return found
        for remark in self.tiff.remarks:
            self.remark(f"EXIF: {remark}")
        found.gps = _position({name.removeprefix("GPS"): value for name, value in found.gps.items()})
        self.thumbnail_size()
        return found

    def entry(self, entry: Entry, into: dict[str, Any], names: dict[int, str], where: str) -> None:
        """Put the value of one field where it belongs."""
        tag, kind, length, start = entry.tag, entry.kind, entry.length, entry.offset
        name = names.get(tag, f"0x{tag:04X}")
        if kind not in SIZES:
            self.remark(f"EXIF: {where}: {name} has the unknown type {kind}")
            return
        # Some writers, Pillow among them, give UserComment the type BYTE.
        text = kind in _STRINGS or (names is _TAGS and tag == _USER_COMMENT and kind == 1)
        if start + length > len(self.data):
            self.remark(f"EXIF: {where}: {name} reaches past the end of the block")
            if not text or start >= len(self.data):
                return
            length = len(self.data) - start
        if names is _TAGS and tag == _MAKER_NOTE:
            self.found.maker_note = length
        if length == 0 or (names is _TAGS and tag in _NO_VALUE):
            return
        if names is _TAGS and tag in _BLOCKS:
            if length <= self.limits.max_metadata_bytes:
                self.found.blocks.setdefault(_BLOCKS[tag], self.data[start : start + length])
            return
        if text or tag in _WINDOWS_TEXT:
            length = min(length, _MAX_TEXT)
        elif entry.count > _MAX_NUMBERS:
            self.remark(f"EXIF: {where}: {name} holds {entry.count} numbers and was left out")
            return
        self.budget -= length
        if self.budget < 0:
            self.remark("EXIF: more values than the limit allows")
            return
        raw = self.data[start : start + length]
        into[name] = _bytes(raw, tag, kind, names) if text else self.numbers(raw, kind, tag)

    def numbers(self, raw: bytes, kind: int, tag: int) -> Value:
        """One number or a tuple of them; text for Windows' own tags."""
        order = self.tiff.order
        if tag in _WINDOWS_TEXT and kind == 1:
            return _clean(raw.decode("utf-16-be" if order == ">" else "utf-16-le", "replace"))
        code = _CODES[kind]
        values = struct.unpack(f"{order}{len(raw) // struct.calcsize(code)}{code}", raw)
        if kind in _RATIONALS:
            values = tuple(_ratio(a, b) for a, b in zip(values[::2], values[1::2], strict=True))
        return values[0] if len(values) == 1 else values

    def thumbnail_size(self) -> None:
        """Add what the thumbnail's own header says of its size."""
        tags = self.found.thumbnail
        start, length = tags.get("JpegIFOffset"), tags.get("JpegIFByteCount")
        if not (isinstance(start, int) and isinstance(length, int) and length > 0):
            return
        if start + length > len(self.data):
            self.remark("EXIF: the thumbnail reaches past the end of the block")
        size = jpeg_size(self.data[start : start + min(length, 1 << 20)])
        if size:
            tags["JpegWidth"], tags["JpegHeight"] = size


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of the first frame header of a JPEG stream, None where there is none."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _ratio(a: int, b: int) -> float:
    """A rational as a float: 0/0 means unknown, x/0 infinite (EXIF 2.32, SubjectDistance)."""
    if b:
        return a / b
    return math.nan if a == 0 else math.copysign(math.inf, a)


def _clean(text: str) -> str:
    return text.split("\0", 1)[0].strip()


def _text(raw: bytes) -> str:
    try:
        return _clean(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return _clean(raw.decode("latin-1"))


def _bytes(raw: bytes, tag: int, kind: int, names: dict[int, str]) -> str:
    """Text of an ASCII or UNDEFINED value; hex where it is no text."""
    coded = (names is _TAGS and tag == _USER_COMMENT) or (names is _GPS and tag in _GPS_TEXT)
    if coded and raw[:8] in (b"ASCII\0\0\0", b"\0" * 8):
        return _text(raw[8:])
    if coded and raw[:8] == b"UNICODE\0":
        return _unicode(raw[8:])
    if coded and raw[:8] == b"JIS\0\0\0\0\0":
        return _clean(raw[8:].decode("iso2022_jp", "replace"))
    if kind == 2:
        return _text(raw)
    body = raw.rstrip(b"\0")
    if body and all(32 <= b < 127 or b in b"\t\r\n" for b in body):
        return body.decode("ascii").strip()
    return raw[:_MAX_HEX].hex()


def _unicode(raw: bytes) -> str:
    """UTF-16 whose byte order nobody writes down: take the order that gives more ASCII."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _clean(raw.decode("utf-16", "replace"))
    big = raw[0::2].count(0) >= raw[1::2].count(0)
    return _clean(raw.decode("utf-16-be" if big else "utf-16-le", "replace"))


def _position(gps: dict[str, Any]) -> dict[str, Any]:
    """Degrees, minutes and seconds to signed degrees; altitude signed by its reference."""
    for name, negative in (("Latitude", "S"), ("Longitude", "W"), ("DestLatitude", "S"), ("DestLongitude", "W")):
        value = gps.get(name)
        parts = value if isinstance(value, tuple) else (value,)
        if value is None:
            continue
        if not all(isinstance(p, int | float) for p in parts):
            del gps[name]
            continue
        degrees = sum(p / 60**i for i, p in enumerate(parts[:3]))
        gps[name] = -degrees if str(gps.get(f"{name}Ref", "")).upper().startswith(negative) else degrees
    altitude = gps.get("Altitude")
    if isinstance(altitude, int | float) and str(gps.get("AltitudeRef", 0)).strip("\0").lstrip("0") == "1":
        gps["Altitude"] = -altitude
    return gps


__all__ = ["Exif", "jpeg_size", "parse"]
