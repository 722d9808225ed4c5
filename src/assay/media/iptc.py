"""Photoshop image resources (Adobe, Photoshop File Formats) and the IPTC-IIM 4.2 datasets that one of them holds."""

import struct
from dataclasses import dataclass, field
from typing import Any

IIM = 0x0404
RESOLUTION = 0x03ED
QUALITY = 0x0406
VERSION = 0x0421
DIGEST = 0x0425
# Names of the commoner image resources, for a person to read.
RESOURCES = {
    0x03E9: "Macintosh print manager", 0x03ED: "Resolution", 0x03EE: "Alpha channel names", 0x03F0: "Caption",
    0x03F2: "Background colour", 0x03F3: "Print flags", 0x03F5: "Colour halftoning", 0x03F8: "Colour transfer",
    0x0400: "Layer state", 0x0402: "Layer groups", 0x0404: "IPTC", 0x0406: "JPEG quality",
    0x0408: "Grid and guides", 0x0409: "Thumbnail (Photoshop 4)", 0x040A: "Copyright flag", 0x040B: "URL",
    0x040C: "Thumbnail", 0x040D: "Global angle", 0x040F: "ICC profile", 0x0410: "Watermark",
    0x0411: "Untagged profile", 0x0414: "Document ids", 0x0416: "Indexed colour count", 0x0419: "Global altitude",
    0x041A: "Slices", 0x041E: "URL list", 0x0421: "Version", 0x0422: "EXIF", 0x0423: "EXIF (3)", 0x0424: "XMP",
    0x0425: "Caption digest", 0x0426: "Print scale", 0x0428: "Pixel aspect ratio", 0x0429: "Layer comps",
    0x042D: "Layer selection", 0x0430: "Layer groups enabled", 0x0435: "Measurement scale", 0x0436: "Timeline",
    0x0438: "Layers shown", 0x043A: "Print information", 0x043B: "Print style", 0x0BB7: "Clipping path name",
    0x2710: "Print flags information",
}  # fmt: skip
_ENVELOPE = {
    0: "EnvelopeVersion", 5: "Destination", 20: "FileFormat", 22: "FileVersion", 30: "ServiceIdentifier",
    40: "EnvelopeNumber", 50: "ProductID", 60: "EnvelopePriority", 70: "DateSent", 80: "TimeSent",
    90: "CodedCharacterSet", 100: "UniqueObjectName",
}  # fmt: skip
_APPLICATION = {
    0: "RecordVersion", 3: "ObjectTypeReference", 4: "ObjectAttributeReference", 5: "ObjectName", 7: "EditStatus",
    8: "EditorialUpdate", 10: "Urgency", 12: "SubjectReference", 15: "Category", 20: "SupplementalCategories",
    22: "FixtureIdentifier", 25: "Keywords", 26: "ContentLocationCode", 27: "ContentLocationName",
    30: "ReleaseDate", 35: "ReleaseTime", 37: "ExpirationDate", 38: "ExpirationTime", 40: "SpecialInstructions",
    42: "ActionAdvised", 45: "ReferenceService", 47: "ReferenceDate", 50: "ReferenceNumber", 55: "DateCreated",
    60: "TimeCreated", 62: "DigitalCreationDate", 63: "DigitalCreationTime", 65: "OriginatingProgram",
    70: "ProgramVersion", 75: "ObjectCycle", 80: "By-line", 85: "By-lineTitle", 90: "City", 92: "Sub-location",
    95: "Province-State", 100: "CountryCode", 101: "CountryName", 103: "OriginalTransmissionReference",
    105: "Headline", 110: "Credit", 115: "Source", 116: "CopyrightNotice", 118: "Contact", 120: "Caption-Abstract",
    121: "LocalCaption", 122: "Writer-Editor", 130: "ImageType", 131: "ImageOrientation",
    135: "LanguageIdentifier",
}  # fmt: skip
_REPEATABLE = {"Destination", "ProductID", "Keywords", "By-line", "SupplementalCategories", "SubjectReference"}
_NUMBERS = {(1, 0), (1, 20), (1, 22), (2, 0)}
_UTF8 = b"\x1b%G"
_SIGNATURES = {b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"}
_MAX_RESOURCES = 1000
_MAX_DATASETS = 5000


@dataclass
class Resources:
    """``data``: id -> the bytes of the first resource of that id. ``info``: what some of them say: ``XResolution``,
    ``YResolution`` (dots an inch), ``JpegQuality`` (0 to 12), ``Writer``, ``CaptionDigest`` (hex).
    """

    data: dict[int, bytes] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def resources(block: bytes) -> Resources:
    """Read a run of 8BIM resources: an APP13 payload, with or without its ``Photoshop 3.0``, or TIFF tag 34377.

    Never raises: what is broken becomes a remark.
    """
    found = Resources()
    at = 14 if block.startswith(b"Photoshop 3.0\0") else 0
    for _ in range(_MAX_RESOURCES):
        if len(block) - at < 12:
            break
        if block[at : at + 4] not in _SIGNATURES:
            if block[at:].strip(b"\0"):
                found.remarks.append("Photoshop: a resource does not begin with 8BIM")
            break
        id_ = int.from_bytes(block[at + 4 : at + 6], "big")
        at += 6
        at += (block[at] + 2) & ~1
        size = int.from_bytes(block[at : at + 4], "big")
        at += 4
        if at + size > len(block):
            found.remarks.append(f"Photoshop: resource 0x{id_:04X} reaches past the end of the block")
        found.data.setdefault(id_, block[at : at + size])
        at += size + (size & 1)
    else:
        found.remarks.append("Photoshop: more resources than Assay reads")
    found.info = _information(found.data)
    return found


def _information(data: dict[int, bytes]) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if len(data.get(RESOLUTION, b"")) >= 16:
        x, y = struct.unpack(">I4xI4x", data[RESOLUTION][:16])
        info |= {"XResolution": x / 65536, "YResolution": y / 65536}
    if len(data.get(QUALITY, b"")) >= 2:
        info["JpegQuality"] = struct.unpack(">h", data[QUALITY][:2])[0] + 4
    if len(data.get(DIGEST, b"")) == 16:
        info["CaptionDigest"] = data[DIGEST].hex()
    version = data.get(VERSION, b"")
    if len(version) >= 9:
        length = min(int.from_bytes(version[5:9], "big"), 200)
        info["Writer"] = version[9 : 9 + 2 * length].decode("utf-16-be", "replace").strip("\0 ")
    return info


def parse(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """The datasets of records 1 and 2 by name, text or, where repeated or repeatable, tuple of text; and remarks.

    Text is UTF-8 where dataset 1:90 says so or the bytes are, else Latin-1. Unknown datasets are named ``2:221``.
    Never raises.
    """
    remarks: list[str] = []
    raw: list[tuple[int, int, bytes]] = []
    at = 0
    while len(data) - at >= 5 and len(raw) < _MAX_DATASETS:
        if data[at] != 0x1C:
            if data[at:].strip(b"\0"):
                remarks.append("IPTC: a dataset does not begin with its tag marker")
            break
        record, number, size = data[at + 1], data[at + 2], int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:
            width = size & 0x7FFF
            if width > 4:
                remarks.append("IPTC: a dataset declares an impossible length")
                break
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        if at + size > len(data):
            remarks.append(f"IPTC: dataset {record}:{number} reaches past the end of the block")
        raw.append((record, number, data[at : at + size]))
        at += size
    utf8 = any((record, number) == (1, 90) and value == _UTF8 for record, number, value in raw)
    gathered: dict[str, list[str | int]] = {}
    for record, number, value in raw:
        table = {1: _ENVELOPE, 2: _APPLICATION}.get(record, {})
        name = table.get(number, f"{record}:{number}")
        gathered.setdefault(name, []).append(_value(record, number, value, utf8))
    values = {n: tuple(v) if len(v) > 1 or n in _REPEATABLE else v[0] for n, v in gathered.items()}
    return values, remarks


def _value(record: int, number: int, value: bytes, utf8: bool) -> str | int:
    if (record, number) in _NUMBERS:
        return int.from_bytes(value[:8], "big")
    if (record, number) == (1, 90):
        return "UTF-8" if value == _UTF8 else value[:32].hex()
    if record > 2:
        return value[:64].hex()
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("utf-8" if utf8 else "latin-1", "replace")
    return text.strip("\0 \r\n\t")


__all__ = ["DIGEST", "IIM", "RESOURCES", "Resources", "parse", "resources"]
