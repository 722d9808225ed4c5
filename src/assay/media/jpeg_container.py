"""A JPEG file as a Container: its parts, metadata blocks and the pictures within it (CIPA DC-007 for MPF)."""

from assay.errors import MediaError
from assay.media.container import Container, Embedded, Part, trailing_parts
from assay.media.jpeg import Jpeg, Segment, walk
from assay.media.limits import Limits
from assay.media.tiff_directory import Directory, Tiff

MAX_EMBEDDED = 64

#: Low 24 bits of an MPF individual picture attribute -> what the picture is.
MPF_TYPES = {
    0x030000: "primary", 0x010001: "VGA preview", 0x010002: "full HD preview", 0x020001: "panorama",
    0x020002: "disparity", 0x020003: "multi-angle",
}  # fmt: skip
GAIN_MAPS = (b"hdrgm:", b"hdrgainmap", b"urn:iso:std:iso:ts:21496:-1")


def describe(data: bytes, jpeg: Jpeg, limits: Limits) -> Container:
    """The container of a whole JPEG file whose structure is ``jpeg``. Raises MediaError past the limits."""
    remarks = list(jpeg.remarks)
    payloads = _payloads(jpeg, limits, remarks)
    embedded: list[Embedded] = []
    end = jpeg.end
    for segment in jpeg.segments:
        start = segment.offset + 4
        if segment.note == "Exif":
            embedded += exif_thumbnails(data[start + 6 : start + len(segment.payload)], start + 6, limits)
        elif segment.note in {"JFIF", "JFIF extension"}:
            embedded += _jfif_thumbnail(segment)
        elif segment.note == "MPF":
            pictures = _mpf(data, start + 4, segment.payload[4:], limits, remarks)
            embedded += pictures
            end = max([end, *(picture.offset + len(picture.data) for picture in pictures)])
    for segment in jpeg.segments:
        if 0xE0 <= segment.marker <= 0xEF:
            start = segment.offset + 4
            embedded += previews(data, start, start + len(segment.payload), embedded)
    embedded += previews(data, jpeg.end, len(data), embedded)
    parts = [Part(s.name, s.offset, s.length, s.note) for s in jpeg.segments]
    later = [e for e in embedded if e.offset >= jpeg.end and e.offset < end]
    parts += [Part("MPF picture", e.offset, len(e.data), e.note) for e in later]
    parts += trailing_parts(data, end)
    return Container(
        parts=tuple(sorted(parts, key=lambda part: part.offset)), end=end, size=len(data),
        embedded=tuple(embedded[:MAX_EMBEDDED]), remarks=tuple(remarks), payloads=payloads,
        text=tuple(("Comment", comment) for comment in jpeg.comments),
    )  # fmt: skip


def _payloads(jpeg: Jpeg, limits: Limits, remarks: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    profile: dict[int, bytes] = {}
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    photoshop: list[bytes] = []
    for segment in jpeg.segments:
        payload = segment.payload
        if segment.note == "Exif":
            if "exif" in found:
                remarks.append(f"a second Exif segment at offset {segment.offset}")
            found.setdefault("exif", payload[6:])
        elif segment.note == "XMP":
            found.setdefault("xmp", payload[29:])
        elif segment.note == "extended XMP" and len(payload) >= 75:
            piece = (int.from_bytes(payload[71:75], "big"), payload[75:])
            extended.setdefault(payload[35:67], []).append(piece)
        elif segment.note == "Photoshop":
            photoshop.append(payload[14:])
        elif segment.note == "ICC profile" and len(payload) > 14:
            profile.setdefault(payload[12], payload[14:])
    if photoshop:
        found["photoshop"] = b"".join(photoshop)
    if profile:
        found["icc"] = b"".join(profile[number] for number in sorted(profile))
    if extended:
        # Which one counts is named in the main packet (xmpNote:HasExtendedXMP).
        chosen = next((guid for guid in extended if guid in found.get("xmp", b"")), next(iter(extended)))
        found["xmp_extended"] = b"".join(piece for _, piece in sorted(extended[chosen]))
    for key, block in found.items():
        if len(block) > limits.max_metadata_bytes:
            raise MediaError(f"the {key} block holds {len(block)} bytes, past {limits.max_metadata_bytes}", "too_large")
    return {key: block for key, block in found.items() if block}


def exif_thumbnails(block: bytes, base: int, limits: Limits) -> list[Embedded]:
    """JPEG pictures that the directories of an EXIF block point at; ``base`` is the block's offset in the file."""
    try:
        tiff = Tiff(block, limits)
        directories = list(tiff.directories())
    except MediaError:
        return []
    found = []
    for directory in directories:
        picture = directory_jpeg(tiff, directory)
        if picture is not None:
            offset, picture_data = picture
            kind = "thumbnail" if directory.name == "IFD1" else "preview"
            found.append(Embedded(kind, base + offset, picture_data, f"EXIF {directory.name}"))
    return found


def directory_jpeg(tiff: Tiff, directory: Directory) -> tuple[int, bytes] | None:
    """Offset and bytes of the picture of JPEGInterchangeFormat and its length, where it begins like a JPEG."""
    offset, length = tiff.number(directory, 513), tiff.number(directory, 514)
    found = bytes(tiff.data[offset : offset + length])
    return (offset, found) if offset and length and found.startswith(b"\xff\xd8") else None


def _jfif_thumbnail(segment: Segment) -> list[Embedded]:
    payload, start = segment.payload, segment.offset + 4
    if segment.note == "JFIF" and len(payload) > 14:
        note = f"JFIF, uncompressed RGB, {payload[12]} x {payload[13]}"
        return [Embedded("thumbnail", start + 14, payload[14:], note)] if payload[12] and payload[13] else []
    if segment.note == "JFIF extension" and len(payload) > 6:
        kind = {0x10: "JPEG", 0x11: "palette", 0x13: "RGB"}.get(payload[5])
        if kind:
            return [Embedded("thumbnail", start + 6, payload[6:], f"JFIF extension, {kind}")]
    return []


def _mpf(data: bytes, base: int, block: bytes, limits: Limits, remarks: list[str]) -> list[Embedded]:
    try:
        tiff = Tiff(block, limits)
        directory = next(tiff.directories(), None)
    except MediaError:
        remarks.append("the MPF segment is broken")
        return []
    entry = directory.entries.get(0xB002) if directory else None
    table = tiff.raw(entry) if entry else b""
    order = "little" if tiff.order == "<" else "big"
    found: list[Embedded] = []
    for i in range(0, min(len(table), 16 * MAX_EMBEDDED) - 15, 16):
        attribute, size, offset = (int.from_bytes(table[i + j : i + j + 4], order) for j in (0, 4, 8))  # type: ignore[arg-type]
        if offset == 0:
            continue
        picture = data[base + offset : base + offset + size]
        if len(picture) < size or not picture.startswith(b"\xff\xd8"):
            remarks.append(f"MPF picture {i // 16 + 1} is not where the MPF index says")
            continue
        note = MPF_TYPES.get(attribute & 0xFFFFFF, "undefined")
        gain = any(mark in picture[:65536] for mark in GAIN_MAPS)
        found.append(Embedded("auxiliary" if gain else "mpf", base + offset, picture, "gain map" if gain else note))
    return found


def previews(data: bytes, start: int, end: int, known: list[Embedded]) -> list[Embedded]:
    """Whole JPEG pictures between two offsets that are not among, or within, the ``known``."""
    found: list[Embedded] = []
    at = start
    # Each candidate costs a walk, so their number is bounded.
    for _ in range(MAX_EMBEDDED):
        at = data.find(b"\xff\xd8\xff", at, end)
        if at < 0 or len(found) + len(known) >= MAX_EMBEDDED:
            break
        inside = next((e for e in known if e.offset <= at < e.offset + len(e.data)), None)
        if inside is not None:
            at = inside.offset + len(inside.data)
            continue
        length = _extent(data[at:end])
        if length:
            found.append(Embedded("preview", at, data[at : at + length], "JPEG"))
        at += length or 3
    return found


def _extent(data: bytes) -> int:
    """Length of the JPEG at the start of ``data``, 0 where there is no whole one."""
    last, names = 0, set()
    try:
        for number, segment in enumerate(walk(data, 0, [])):
            names.add(segment.name)
            last = segment.offset + segment.length
            if number > 2000:
                return 0
    except MediaError:
        return 0
    return last if {"SOS", "EOI"} <= names and any(name.startswith("SOF") for name in names) else 0


__all__ = ["describe", "directory_jpeg", "exif_thumbnails", "previews"]
