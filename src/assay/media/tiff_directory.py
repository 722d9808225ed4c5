"""Image file directories of TIFF 6.0 and BigTIFF, bounded: EXIF, MPF and TIFF files are all made of them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assay.errors import MediaError
from assay.media.limits import Limits

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
SUB_DIRECTORIES = {330: "SubIFD", 34665: "Exif", 34853: "GPS", 40965: "Interop"}


@dataclass(frozen=True)
class Entry:
    """A field. ``offset`` is where its value lies within the TIFF bytes."""

    tag: int
    kind: int
    count: int
    offset: int

    @property
    def length(self) -> int:
        """Bytes of the value."""
        return SIZES.get(self.kind, 0) * self.count


@dataclass(frozen=True)
class Directory:
    """An IFD. ``name`` is ``IFD0``, ``IFD1``… or that of the pointer that led here. ``length`` in bytes, without
    values kept elsewhere. ``cut`` is True where it goes on past the end of the data.
    """

    name: str
    offset: int
    length: int
    depth: int
    entries: dict[int, Entry]
    cut: bool = False


class Tiff:
    """Reader of directories in ``data``, whose first byte is that of the TIFF header. Raises MediaError
    (``malformed``) where there is no TIFF header.
    """

    def __init__(self, data: bytes | memoryview, limits: Limits) -> None:
        self.data = memoryview(data)
        self.limits = limits
        head = bytes(self.data[:16])
        if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise MediaError("no TIFF header where one is due", "malformed")
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = 43 in (head[2], head[3])
        self.remarks: list[str] = []
        try:
            self.first: int = struct.unpack_from(self.order + ("Q" if self.big else "I"), head, 8 if self.big else 4)[0]
        except struct.error:
            raise MediaError("the TIFF header is cut off", "truncated") from None

    def directories(self) -> Iterator[Directory]:
        """IFD0, what hangs from it, IFD1 and so on; loops end, remarked on, and limits hold.

        Raises MediaError (``too_deep``, ``too_large``) past the limits.
        """
        seen: set[int] = set()
        waiting = [(self.first, "IFD0", 0)]
        pages = 0
        while waiting:
            offset, name, depth = waiting.pop()
            if offset == 0:
                continue
            if offset in seen:
                self.remarks.append(f"{name} at offset {offset} was met before: a loop of directories")
                continue
            seen.add(offset)
            if depth > self.limits.max_depth:
                raise MediaError(f"directories nest deeper than {self.limits.max_depth}", "too_deep")
            if len(seen) > self.limits.max_parts:
                raise MediaError(f"more than {self.limits.max_parts} directories", "too_large")
            found = self._directory(offset, name, depth)
            if found is None:
                continue
            directory, following = found
            if depth == 0:
                pages += 1
                if pages > self.limits.max_frames:
                    raise MediaError(f"more than {self.limits.max_frames} pages", "too_large")
                waiting.append((following, f"IFD{pages}", 0))
            for tag, label in SUB_DIRECTORIES.items():
                if tag in directory.entries:
                    pointers = self.numbers(directory.entries[tag])[:64]
                    waiting.extend((pointer, label, depth + 1) for pointer in reversed(pointers))
            yield directory

    def _directory(self, offset: int, name: str, depth: int) -> tuple[Directory, int] | None:
        head, step, pointer = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        try:
            (count,) = struct.unpack_from(self.order + head, self.data, offset)
        except struct.error:
            self.remarks.append(f"{name} at offset {offset} lies outside the data")
            return None
        start = offset + struct.calcsize(head)
        room = max(0, (len(self.data) - start) // step)
        if count > room:
            self.remarks.append(f"{name} at offset {offset} claims {count} entries, there is room for {room}")
        entries: dict[int, Entry] = {}
        for i in range(min(count, room, 4096)):
            entry = self._entry(start + i * step)
            entries.setdefault(entry.tag, entry)
        end = start + count * step
        try:
            (following,) = struct.unpack_from(self.order + pointer, self.data, end)
            end += struct.calcsize(pointer)
        except (struct.error, OverflowError):
            following, end = 0, len(self.data) + 1
        length = min(end, len(self.data)) - offset
        return Directory(name, offset, length, depth, entries, end > len(self.data)), following

    def _entry(self, at: int) -> Entry:
        if self.big:
            tag, kind, count = struct.unpack_from(self.order + "HHQ", self.data, at)
            inline, form, room = at + 12, "Q", 8
        else:
            tag, kind, count = struct.unpack_from(self.order + "HHI", self.data, at)
            inline, form, room = at + 8, "I", 4
        offset = inline
        if SIZES.get(kind, 0) * count > room:
            (offset,) = struct.unpack_from(self.order + form, self.data, inline)
        return Entry(tag, kind, count, offset)

    def raw(self, entry: Entry) -> bytes:
        """Bytes of the value; empty where it lies outside the data or is past ``max_metadata_bytes``."""
        if entry.length > self.limits.max_metadata_bytes or entry.offset + entry.length > len(self.data):
            return b""
        return bytes(self.data[entry.offset : entry.offset + entry.length])

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """The value as integers; empty where it is none, or broken."""
        code = CODES.get(entry.kind)
        value = self.raw(entry)
        if code is None or not value:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{code}", value)

    def number(self, directory: Directory, tag: int, default: int = 0) -> int:
        """The first integer of a field, ``default`` where there is none."""
        entry = directory.entries.get(tag)
        values = self.numbers(entry) if entry else ()
        return values[0] if values else default


__all__ = ["Directory", "Entry", "Tiff"]
