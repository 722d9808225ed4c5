"""Fields of EXIF taken out of a TIFF structure (TIFF 6.0, EXIF 3.0) in place: the entry goes, its value becomes zeros,
and nothing else moves.
"""

import struct
from collections.abc import Iterator

from assay.errors import ProvenanceError
from assay.media import Limits
from assay.media.tiff_directory import Directory, Entry, Tiff
from assay.provenance.redact import packets

ORIENTATION, GPS, EXIF, INTEROP = 0x0112, 0x8825, 0x8769, 0xA005
XMP, IPTC, PHOTOSHOP = 700, 33723, 34377
SERIAL = frozenset([0x927C, 0xA430, 0xA431, 0xA435, 0xC62F, 0xC634])
"""Maker's note, owner, body and lens serial numbers, DNG's serial number and its copy of the maker's note."""

STRUCTURE = frozenset([
    *range(254, 260), 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 301, 317, 318,
    319, 320, 321, *range(322, 326), 330, 332, 334, 336, 338, 339, 340, 341, 342, 347, *range(512, 522), 529, 530, 531,
    532, XMP, IPTC, PHOTOSHOP, 34675,
])  # fmt: skip
"""Fields without which a picture cannot be drawn as it was, and those that hold other blocks."""

_BULK = ((273, 279), (324, 325), (513, 514))
"""Fields that say where a picture lies: offsets and lengths."""


def blank(block: bytearray, kinds: frozenset[str], *, whole_file: bool = False) -> None:
    """Blank these kinds in a TIFF structure: the payload of EXIF, or a TIFF file.

    Raises ProvenanceError (``unsupported``) where a value to blank lies over something to keep, or the structure is
    not sound; MediaError where there is no TIFF header.
    """
    tiff = Tiff(bytes(block), Limits())
    directories = list(tiff.directories())
    if tiff.big or any(directory.cut for directory in directories):
        raise ProvenanceError("The EXIF of the file is damaged or of a kind that is not taken apart.", "unsupported")
    gone = {d.offset: _unwanted(d, kinds, whole_file=whole_file) for d in directories}
    thumbnails = not whole_file and bool(kinds & {"thumbnail", "EXIF"})
    wipe: list[tuple[int, int]] = []
    keep: list[tuple[int, int]] = []
    for directory in directories:
        drop = gone[directory.offset]
        table = (directory.offset, directory.offset + directory.length)
        (wipe if drop >= set(directory.entries) and _hangs(directory, thumbnails) else keep).append(table)
        for tag, entry in directory.entries.items():
            if entry.length > 4:
                (wipe if tag in drop else keep).append((entry.offset, entry.offset + entry.length))
        pictures = list(_pictures(tiff, directory))
        (wipe if thumbnails and directory.name == "IFD1" else keep).extend(pictures)
    _apart(wipe, keep, len(block))
    for directory in reversed(directories):
        _drop(block, tiff.order, directory, gone[directory.offset], last=thumbnails and directory.name == "IFD0")
    for start, end in wipe:
        block[start:end] = bytes(end - start)
    if not whole_file and any(gone.values()):
        _empty_gaps(block, [(0, 8), *keep])
    for directory in directories:
        _inner_blocks(block, directory, gone[directory.offset], kinds)


def _hangs(directory: Directory, thumbnails: bool) -> bool:
    """Whether nothing leads to this directory any more once all its fields are gone."""
    return directory.name in {"GPS", "Exif", "Interop"} or (thumbnails and directory.name == "IFD1")


def _unwanted(directory: Directory, kinds: frozenset[str], *, whole_file: bool) -> set[int]:
    """Fields of a directory to take out."""
    tags = set(directory.entries)
    if directory.name == "GPS":
        return tags if kinds & {"GPS", "location", "EXIF"} else set()
    if "EXIF" in kinds and directory.name in {"Exif", "Interop"}:
        return tags
    if not whole_file and directory.name == "IFD1" and kinds & {"thumbnail", "EXIF"}:
        return tags
    drop = set(tags & SERIAL) if "serial" in kinds else set()
    if kinds & {"GPS", "location"}:
        drop |= tags & {GPS}
    if "EXIF" in kinds:
        drop |= tags - STRUCTURE
    return drop


def _pictures(tiff: Tiff, directory: Directory) -> Iterator[tuple[int, int]]:
    for where, lengths in _BULK:
        if where in directory.entries and lengths in directory.entries:
            starts, sizes = tiff.numbers(directory.entries[where]), tiff.numbers(directory.entries[lengths])
            yield from ((start, start + size) for start, size in zip(starts, sizes, strict=False))


def _apart(wipe: list[tuple[int, int]], keep: list[tuple[int, int]], size: int) -> None:
    """Raises ProvenanceError where a range to wipe overlaps one to keep, or leaves the block."""
    marks = sorted([(start, end, True) for start, end in wipe] + [(start, end, False) for start, end in keep])
    reach = {True: 0, False: 0}
    for start, end, wiped in marks:
        if end > start:
            if start < reach[not wiped] or (wiped and end > size):
                raise ProvenanceError(
                    "The EXIF of the file is tangled: what is to go lies over what is to stay.", "unsupported"
                )
            reach[wiped] = max(reach[wiped], end)


def _empty_gaps(block: bytearray, keep: list[tuple[int, int]]) -> None:
    """Blank what nothing leads to: what other programs took out may lie there still. Not for a TIFF file, where parts
    of the picture may be led to in ways that are not known here.
    """
    at, size = 0, len(block)
    for start, end in sorted([*keep, (size, size)]):
        start = min(start, size)  # noqa: PLW2901 (a damaged field may lead beyond the block)
        if start > at:
            block[at:start] = bytes(start - at)
        at = max(at, end)


def _drop(block: bytearray, order: str, directory: Directory, tags: set[int], *, last: bool) -> None:
    """Take entries out of a directory's table: the others move up, zeros follow. ``last``: no directory comes after."""
    at = directory.offset
    (count,) = struct.unpack_from(order + "H", block, at)
    slots = [bytes(block[at + 2 + 12 * i : at + 14 + 12 * i]) for i in range(count)]
    kept = [slot for slot in slots if struct.unpack_from(order + "H", slot)[0] not in tags]
    following = bytes(4) if last else bytes(block[at + 2 + 12 * count : at + 6 + 12 * count])
    table = struct.pack(order + "H", len(kept)) + b"".join(kept) + following
    block[at : at + 6 + 12 * count] = table.ljust(6 + 12 * count, b"\0")


def _inner_blocks(block: bytearray, directory: Directory, gone: set[int], kinds: frozenset[str]) -> None:
    """XMP, IPTC and Photoshop's resources that a TIFF file keeps in fields."""
    for tag, work in ((XMP, packets.xmp), (IPTC, packets.iptc), (PHOTOSHOP, packets.photoshop)):
        entry: Entry | None = directory.entries.get(tag)
        if entry is not None and tag not in gone and entry.length > 4:
            part = bytes(block[entry.offset : entry.offset + entry.length])
            block[entry.offset : entry.offset + entry.length] = work(part, kinds)


__all__ = ["blank"]
