"""The structure of a JPEG file (ITU-T T.81): segments, tables, frame, scans."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from assay.errors import MediaError
from assay.media.huffman import STANDARD
from assay.media.limits import Limits

#: A real encoder writes about ten scans; each costs a pass over all coefficients.
MAX_SCANS = 500

#: Scans times pixels: what a progressive file may ask of a decoder, some seconds.
MAX_SCAN_WORK = 4_000_000_000

SOI, EOI, SOS, DQT, DHT, DNL, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDC, 0xDD, 0xFE
FRAMES = {
    0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless",
    0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "lossless",
}  # fmt: skip
HIERARCHICAL = {0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF}
NAMES = {
    0x01: "TEM", 0xC4: "DHT", 0xC8: "JPG", 0xCC: "DAC", 0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS", 0xDB: "DQT",
    0xDC: "DNL", 0xDD: "DRI", 0xDE: "DHP", 0xDF: "EXP", 0xFE: "COM",
}  # fmt: skip

#: (marker or None for any APP, start of the payload) -> note
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0xE0, b"JFIF\0", "JFIF"),
    (0xE0, b"JFXX\0", "JFIF extension"),
    (0xE0, b"AVI1", "AVI1"),
    (0xE1, b"Exif\0", "Exif"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0", "extended XMP"),
    (0xE2, b"ICC_PROFILE\0", "ICC profile"),
    (0xE2, b"MPF\0", "MPF"),
    (0xE2, b"FPXR\0", "FlashPix"),
    (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", "gain map metadata"),
    (0xE3, b"Meta\0", "Meta"),
    (0xE3, b"META\0", "Meta"),
    (0xE3, b"_JPSJPS_", "stereo"),
    (0xEB, b"HDR_RI", "JPEG-HDR"),
    (0xEC, b"Ducky", "Ducky"),
    (0xED, b"Photoshop 3.0\0", "Photoshop"),
    (0xED, b"Adobe_CM", "Adobe colour management"),
    (0xEE, b"Adobe", "Adobe"),
)

#: An 0xFF followed by neither a stuffed zero, a restart number, nor a fill byte ends entropy-coded data.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_ZIGZAG = np.array(
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14,
        21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53,
        60, 61, 54, 47, 55, 62, 63,
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """A marker segment. ``marker`` is the second byte (0xE1 for APP1); ``offset`` that of the 0xFF; ``length``
    counts marker and payload; entropy-coded data after SOS counts to the SOS segment. ``payload`` leaves out marker
    and length field, and for SOS the entropy-coded data.
    """

    marker: int
    name: str
    offset: int
    length: int
    payload: bytes
    note: str = ""


@dataclass(frozen=True)
class Component:
    """A colour component as SOF declares it: id, sampling factors, index of its quantisation table."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class HuffmanTable:
    """``kind`` 0 is DC, 1 AC. ``counts`` are the 16 code-length counts, ``symbols`` follow in order."""

    kind: int
    index: int
    counts: tuple[int, ...]
    symbols: bytes


@dataclass(frozen=True)
class Jpeg:
    """All of a JPEG's header. ``tables``: index -> (8, 8) uint16 in raster (not zigzag) order, as the first scan
    finds them. ``huffman``: every table in the order defined, also those that replace an earlier one.

    ``process`` is ``baseline``, ``extended``, ``progressive``, ``lossless`` or ``arithmetic``. ``adobe`` is the
    colour transform of the Adobe APP14 segment, None where absent. ``standard_huffman`` is True where every table is
    one of Annex K. ``end`` is the offset after EOI, or the file's size where EOI is missing. ``remarks`` are
    departures from T.81 that were lived with.
    """

    segments: tuple[Segment, ...]
    width: int
    height: int
    precision: int
    process: str
    components: tuple[Component, ...]
    tables: dict[int, npt.NDArray[np.uint16]]
    huffman: tuple[HuffmanTable, ...]
    restart_interval: int
    scans: int
    end: int
    adobe: int | None = None
    jfif: tuple[int, int] | None = None
    comments: tuple[str, ...] = ()
    standard_huffman: bool = False
    remarks: tuple[str, ...] = field(default=())

    def table_of(self, component: int) -> npt.NDArray[np.uint16]:
        """Quantisation table (8, 8) of a component by its place in the frame (0 is luma)."""
        return self.tables[self.components[component].table]

    @property
    def colour(self) -> str:
        """``grey``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``, by the rules of libjpeg."""
        count = len(self.components)
        if count == 3:
            if self.jfif is not None:
                return "ycbcr"
            if self.adobe is not None:
                return "rgb" if self.adobe == 0 else "ycbcr"
            return "rgb" if bytes(c.id for c in self.components) == b"RGB" else "ycbcr"
        if count == 4:
            return "ycck" if self.adobe == 2 else "cmyk"
        return "grey"


def walk(data: bytes, start: int, remarks: list[str]) -> Iterator[Segment]:
    """Segments of the JPEG that begins at ``start``, up to and with EOI, whatever they hold.

    Raises MediaError (``truncated``, ``malformed``). Where only EOI is missing, ends with a remark.
    """
    size = len(data)
    yield Segment(SOI, "SOI", start, 2, b"")
    at = start + 2
    scans = 0
    while True:
        if at + 2 > size or data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            found = _MARKER.search(data, at)
            if found is None:
                if scans == 0:
                    raise MediaError(f"the JPEG ends at offset {size}, before any picture data", "truncated")
                remarks.append("the JPEG has no end-of-image marker")
                return
            skipped = data[at : found.start()]
            if skipped.strip(b"\xff"):
                remarks.append(f"{len(skipped)} extraneous bytes at offset {at}")
            at = found.start()
        marker = data[at + 1]
        if marker == EOI:
            yield Segment(EOI, "EOI", at, 2, b"")
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            remarks.append(f"a stray marker 0xFF{marker:02X} at offset {at}")
            yield Segment(marker, NAMES.get(marker, f"RST{marker & 7}"), at, 2, b"")
            at += 2
            continue
        if marker == SOI or 0x02 <= marker <= 0xBF:
            raise MediaError(f"marker 0xFF{marker:02X} has no place at offset {at} of the JPEG", "malformed")
        if at + 4 > size:
            raise MediaError(f"the JPEG ends at offset {size}, within a marker", "truncated")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        name = NAMES.get(marker) or (f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"0x{marker:02X}")
        if marker in FRAMES or marker in HIERARCHICAL:
            name = f"SOF{marker - 0xC0}" if marker < 0xD0 else name
        if length < 2:
            raise MediaError(f"{name} at offset {at} of the JPEG claims a length of {length}", "malformed")
        end = at + 2 + length
        if end > size:
            raise MediaError(
                f"{name} at offset {at} of the JPEG claims {length} bytes, but the file ends at {size}", "truncated"
            )
        payload = data[at + 4 : end]
        if marker == SOS:
            scans += 1
            found = _MARKER.search(data, end)
            end = found.start() if found else size
        yield Segment(marker, name, at, end - at, payload, _note(marker, payload))
        at = end


def _note(marker: int, payload: bytes) -> str:
    for code, start, note in SIGNATURES:
        if marker == code and payload.startswith(start):
            return note
    if marker == 0xEB and payload[:2] == b"JP":
        return "C2PA (JUMBF)" if b"c2pa" in payload[:128] else "JUMBF"
    if 0xE0 <= marker <= 0xEF:
        label = payload[:24].split(b"\0")[0]
        if len(label) > 2 and label.isascii() and label.decode("ascii").isprintable():
            return label.decode("ascii")
    return ""


@dataclass
class _Builder:
    """State of a parse; the fields become those of a Jpeg."""

    segments: list[Segment] = field(default_factory=list)
    frame: Segment | None = None
    width: int = 0
    height: int = 0
    precision: int = 0
    process: str = ""
    components: tuple[Component, ...] = ()
    tables: dict[int, npt.NDArray[np.uint16]] = field(default_factory=dict)
    huffman: list[HuffmanTable] = field(default_factory=list)
    restart: int = 0
    scans: int = 0
    #: component id -> for each of 64 coefficients the lowest bit sent so far
    sent: dict[int, list[int]] = field(default_factory=dict)
    adobe: int | None = None
    jfif: tuple[int, int] | None = None
    comments: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, segment: Segment) -> None:
        self.segments.append(segment)
        marker, payload = segment.marker, segment.payload
        if marker in HIERARCHICAL:
            raise MediaError(f"{segment.name} at offset {segment.offset}: hierarchical JPEG is not read", "unsupported")
        if marker in FRAMES:
            self._frame(segment)
        elif marker == DQT:
            self._quantisation(segment)
        elif marker == DHT:
            self._huffman(segment)
        elif marker == DRI and len(payload) == 2 and self.scans == 0:
            self.restart = int.from_bytes(payload, "big")
        elif marker == SOS:
            self._scan(segment)
        elif marker == COM:
            self.comments.append(_text(payload))
        elif segment.note == "Adobe" and len(payload) >= 12 and self.adobe is None:
            self.adobe = payload[11]
        elif segment.note == "JFIF" and len(payload) >= 7 and self.jfif is None:
            self.jfif = (payload[5], payload[6])

    def _frame(self, segment: Segment) -> None:
        payload = segment.payload
        if self.frame is not None:
            raise _malformed(segment, "a second frame")
        if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
            raise _malformed(segment, "a frame header of the wrong length")
        self.frame = segment
        self.process = FRAMES[segment.marker]
        self.precision, self.height, self.width, count = struct.unpack_from(">BHHB", payload)
        if self.width == 0:
            raise _malformed(segment, "a width of 0")
        if self.height == 0:
            where = f"{segment.name} at offset {segment.offset}"
            raise MediaError(f"{where}: a height of 0 (DNL) is not read", "unsupported")
        if not 1 <= count <= 4:
            raise _malformed(segment, f"{count} colour components")
        self.components = tuple(
            Component(payload[i], payload[i + 1] >> 4, payload[i + 1] & 15, payload[i + 2])
            for i in range(6, 6 + 3 * count, 3)
        )
        for component in self.components:
            if not (1 <= component.horizontal <= 4 and 1 <= component.vertical <= 4 and component.table < 4):
                raise _malformed(segment, f"impossible sampling or table for component {component.id}")

    def _quantisation(self, segment: Segment) -> None:
        payload, at = segment.payload, 0
        while at < len(payload):
            wide, index = payload[at] >> 4, payload[at] & 15
            end = at + 1 + 64 * (1 + wide)
            if wide > 1 or index > 3 or end > len(payload):
                raise _malformed(segment, "a broken quantisation table")
            table = np.zeros(64, dtype=np.uint16)
            table[_ZIGZAG] = np.frombuffer(payload[at + 1 : end], dtype=">u2" if wide else np.uint8)
            if not table.all():
                raise _malformed(segment, "a quantisation step of 0")
            if index in self.tables:
                self.remarks.append(f"DQT at offset {segment.offset} defines table {index} again")
            if self.scans == 0 or index not in self.tables:
                self.tables[index] = table.reshape(8, 8)
            at = end

    def _huffman(self, segment: Segment) -> None:
        payload, at = segment.payload, 0
        while at < len(payload):
            counts = tuple(payload[at + 1 : at + 17])
            end = at + 17 + sum(counts)
            kind, index = payload[at] >> 4, payload[at] & 15
            if len(counts) < 16 or end > len(payload) or kind > 1 or index > 3 or sum(counts) > 256:
                raise _malformed(segment, "a broken Huffman table")
            self.huffman.append(HuffmanTable(kind, index, counts, payload[at + 17 : end]))
            at = end

    def _scan(self, segment: Segment) -> None:
        payload = segment.payload
        if self.frame is None:
            raise _malformed(segment, "a scan before the frame header")
        count = payload[0] if payload else 0
        known = {component.id for component in self.components}
        if not 1 <= count <= 4 or len(payload) != 4 + 2 * count or not set(payload[1 : 1 + 2 * count : 2]) <= known:
            raise _malformed(segment, "a broken scan header")
        first, last, low = payload[-3], min(payload[-2], 63), payload[-1] & 15
        if self.process != "progressive":
            first, last, low = 0, 63, 0
        for component in payload[1 : 1 + 2 * count : 2]:
            bits = self.sent.setdefault(component, [16] * 64)
            bits[first : last + 1] = [min(bit, low) for bit in bits[first : last + 1]]
        self.scans += 1
        if self.scans > MAX_SCANS or self.scans * self.width * self.height > max(
            MAX_SCAN_WORK, 16 * self.width * self.height
        ):
            raise MediaError(
                f"the JPEG asks for more than {self.scans - 1} scans of {self.width} x {self.height}", "malformed"
            )


def _malformed(segment: Segment, what: str) -> MediaError:
    return MediaError(f"{segment.name} at offset {segment.offset} of the JPEG holds {what}", "malformed")


def _text(payload: bytes) -> str:
    raw = payload.rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse(data: bytes, limits: Limits | None = None) -> Jpeg:
    """Structure of a whole JPEG file, without decoding.

    Raises MediaError: ``truncated``, ``malformed``, ``unsupported``, ``too_large``.
    """
    limits = limits or Limits()
    builder = _Builder()
    for segment in walk(data, 0, builder.remarks):
        if len(builder.segments) >= limits.max_parts:
            raise MediaError(f"the JPEG has more than {limits.max_parts} segments", "too_large")
        builder.add(segment)
    if builder.frame is None or builder.scans == 0:
        raise MediaError("the JPEG has no picture data", "malformed")
    absent = {component.id for component in builder.components} - set(builder.sent)
    if absent:
        end = builder.segments[-1].offset
        raise MediaError(f"the JPEG ends at offset {end}, without a scan of component {min(absent)}", "truncated")
    if any(any(bits) for bits in builder.sent.values()):
        builder.remarks.append("the scans leave out part of the coefficients, which a decoder smooths over")
    missing = {component.table for component in builder.components} - set(builder.tables)
    if missing and builder.process != "lossless":
        raise MediaError(f"the JPEG lacks quantisation table {min(missing)}", "malformed")
    standard = set(STANDARD.values())
    last = builder.segments[-1]
    return Jpeg(
        segments=tuple(builder.segments), width=builder.width, height=builder.height,
        precision=builder.precision, process=builder.process, components=builder.components, tables=builder.tables,
        huffman=tuple(builder.huffman), restart_interval=builder.restart, scans=builder.scans,
        end=last.offset + last.length, adobe=builder.adobe, jfif=builder.jfif, comments=tuple(builder.comments),
        standard_huffman=bool(builder.huffman)
        and all((table.counts, table.symbols) in standard for table in builder.huffman),
        remarks=tuple(builder.remarks),
    )  # fmt: skip


def divisible(jpeg: Jpeg) -> bool:
    """Whether every component's sampling factors divide the largest; libjpeg reads no others."""
    highest = max(component.vertical for component in jpeg.components)
    widest = max(component.horizontal for component in jpeg.components)
    return all(highest % c.vertical == 0 and widest % c.horizontal == 0 for c in jpeg.components)


__all__ = ["Component", "HuffmanTable", "Jpeg", "Segment", "divisible", "parse", "walk"]
