"""The structure of a TIFF file (TIFF 6.0 and BigTIFF)."""

from assay.errors import MediaError
from assay.media.container import Container, Embedded, Part, Structure, trailing_parts
from assay.media.limits import Limits
from assay.media.tiff_directory import Directory, Tiff

PAYLOADS = {700: "xmp", 33723: "iptc", 34377: "photoshop", 34675: "icc"}
COMPRESSIONS = {
    1: "uncompressed", 2: "CCITT", 3: "CCITT G3", 4: "CCITT G4", 5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "Deflate",
    32773: "PackBits", 32946: "Deflate", 50000: "Zstandard", 50001: "WebP",
}  # fmt: skip
MAX_EMBEDDED = 64

#: Fields without which a picture cannot be decoded: bits, strips, tiles, palette, sample format.
NEEDED = {258, 273, 279, 320, 324, 325, 339}


def parse(data: bytes, limits: Limits) -> Structure:
    """Walk all directories. Raises MediaError (``truncated``, ``malformed``, ``too_large``, ``too_deep``)."""
    size = len(data)
    tiff = Tiff(data, limits)
    directories = list(tiff.directories())
    if not directories or directories[0].name != "IFD0":
        what = f"the TIFF's first directory is due at offset {tiff.first}, but the file ends at {size}"
        raise MediaError(what, "truncated" if tiff.first > size - 2 else "malformed")
    parts = [Part("header", 0, 16 if tiff.big else 8)]
    end = parts[0].length
    payloads = {"exif": data[: limits.max_metadata_bytes]}
    embedded: list[Embedded] = []
    for directory in directories:
        parts.append(Part(directory.name, directory.offset, directory.length, "", directory.depth))
        end = max(end, directory.offset + directory.length)
        first = directory.name == "IFD0"
        if first and directory.cut:
            raise MediaError(f"the TIFF's first directory goes on past the file's end at {size}", "truncated")
        for tag, entry in directory.entries.items():
            if first and tag in NEEDED and entry.offset + entry.length > size:
                raise MediaError(f"the value of TIFF field {tag} lies past the file's end at {size}", "truncated")
            if entry.offset + entry.length <= size:
                end = max(end, entry.offset + entry.length)
            block = tiff.raw(entry) if tag in PAYLOADS and directory.depth == 0 else b""
            if block:
                payloads.setdefault(PAYLOADS[tag], block)
        pixels = _pixels(tiff, directory)
        if pixels is not None:
            parts.append(pixels)
            end = max(end, pixels.offset + pixels.length)
        if len(embedded) < MAX_EMBEDDED and (found := _embedded(tiff, directory, pixels)):
            embedded.append(found)
            end = max(end, found.offset + len(found.data))
    if end > size:
        raise MediaError(f"the TIFF's pixels reach to offset {end}, but the file ends at {size}", "truncated")
    container = Container(
        parts=(*parts, *trailing_parts(data, end)), end=end, size=size, embedded=tuple(embedded),
        remarks=tuple(tiff.remarks), payloads=payloads,
    )  # fmt: skip
    return _structure(tiff, directories, container, limits)


def _structure(tiff: Tiff, directories: list[Directory], container: Container, limits: Limits) -> Structure:
    first = directories[0]
    width, height = tiff.number(first, 256), tiff.number(first, 257)
    samples = tiff.number(first, 277, 1)
    entry = first.entries.get(258)
    depths = (tiff.numbers(entry) if entry else ()) or (1,)
    kind, photometric = tiff.number(first, 339, 1), tiff.number(first, 262, 1)
    if width <= 0 or height <= 0 or not 1 <= samples <= 8 or max(depths) not in {1, 2, 4, 8, 12, 16, 24, 32, 64}:
        raise MediaError(
            f"the TIFF's first directory claims {width} x {height}, {samples} samples of {max(depths)} bits",
            "malformed",
        )
    # Decoders read these without complaint, and wrong.
    if photometric in {8, 9, 10} or samples > 4 or (max(depths) == 16 and tiff.number(first, 284, 1) == 2):
        what = "a TIFF in Lab colours, of more than 4 samples, or with planes of 16 bits"
        raise MediaError(f"{what} is not read", "unsupported")
    # A decoder takes memory for a whole tile, however small the picture is.
    tile = tiff.number(first, 322, 1) * tiff.number(first, 323, 1)
    if tile > limits.max_pixels:
        raise MediaError(f"the TIFF's tiles claim {tile} pixels, past {limits.max_pixels}", "too_large")
    if 273 not in first.entries and 324 not in first.entries and 513 not in first.entries:
        raise MediaError("the TIFF's first directory has no pixels", "malformed")
    mode = {3: "P", 5: "CMYK"}.get(photometric, "RGB" if photometric in {2, 6} else "L")
    if mode == "RGB" and samples >= 4:
        mode = "RGBA"
    elif mode == "L":
        bits = max(depths)
        mode = "F" if kind == 3 else "I" if bits == 32 else "I;16" if bits == 16 else "LA" if samples == 2 else "L"
    pages = sum(directory.depth == 0 for directory in directories)
    return Structure(container, width, height, mode, max(depths), pages, inverted=photometric == 0)


def unturned(data: bytes, limits: Limits) -> bytes:
    """The file with its orientation set to 1: Pillow would turn the pixels, whose stored order is wanted."""
    tiff = Tiff(data, limits)
    first = next(tiff.directories())
    entry = first.entries.get(274)
    if entry is None or tiff.number(first, 274, 1) == 1 or entry.kind not in {3, 4}:
        return data
    upright = (1).to_bytes(entry.length // entry.count, "little" if tiff.order == "<" else "big")
    return b"".join([tiff.data[: entry.offset], upright, tiff.data[entry.offset + len(upright) :]])


def _pixels(tiff: Tiff, directory: Directory) -> Part | None:
    name, places, lengths = ("strips", 273, 279) if 273 in directory.entries else ("tiles", 324, 325)
    if places not in directory.entries or lengths not in directory.entries:
        return None
    offsets = tiff.numbers(directory.entries[places])
    counts = tiff.numbers(directory.entries[lengths])
    pairs = [(offset, count) for offset, count in zip(offsets, counts, strict=False) if count]
    if not pairs:
        return None
    start, end = min(offset for offset, _ in pairs), max(offset + count for offset, count in pairs)
    coding = tiff.number(directory, 259, 1)
    note = f"{len(pairs)} {name}, {COMPRESSIONS.get(coding, f'compression {coding}')}"
    return Part("pixels", start, end - start, note, directory.depth)


def _embedded(tiff: Tiff, directory: Directory, pixels: Part | None) -> Embedded | None:
    """A JPEG that a directory other than the first points at."""
    offset, length = tiff.number(directory, 513), tiff.number(directory, 514)
    if not (offset and length) and pixels is not None and directory.name != "IFD0" and pixels.note.startswith("1 s"):
        offset, length = pixels.offset, pixels.length
    found = bytes(tiff.data[offset : offset + length]) if offset and length else b""
    if not found.startswith(b"\xff\xd8"):
        return None
    small = directory.name != "IFD0" and tiff.number(directory, 254) & 1
    return Embedded("thumbnail" if small else "preview", offset, found, f"TIFF {directory.name}")


__all__ = ["parse", "unturned"]
