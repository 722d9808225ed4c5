"""The growing right edge of a tree, by tiles: what it takes to append entries, write tiles and say the root."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from assay.errors import RegisterError
from assay.register.leaf import LEAF
from assay.register.merkle import EMPTY
from assay.register.ports import Objects
from assay.register.tiles import (
    HASH,
    WIDTH,
    decode_bundle,
    decode_tile,
    entries_path,
    tile_path,
    width_of,
)

_LENGTH = LEAF.to_bytes(2, "big")


class _Row:
    """The unfilled tile of one level: its hashes, and the roots of the complete subtrees over them, largest first."""

    __slots__ = ("hashes", "roots")

    def __init__(self, hashes: Iterable[bytes] = (), roots: Iterable[bytes] | None = None) -> None:
        self.hashes: list[bytes] = []
        self.roots: list[bytes] = []
        if roots is None:
            self.push(list(hashes))
        else:
            self.hashes, self.roots = list(hashes), list(roots)

    def push(self, more: list[bytes]) -> None:
        if len(more) == WIDTH and not self.hashes:
            level = more
            while len(level) > 1:
                level = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
            self.hashes, self.roots = list(more), level
            return
        roots, width = self.roots, len(self.hashes)
        for found in more:
            place, node = width, found
            while place & 1:
                node = sha256(b"\1" + roots.pop() + node).digest()
                place >>= 1
            roots.append(node)
            width += 1
        self.hashes += more


class Edge:
    """The edge of the tree of ``size`` leaves. :meth:`extend` leaves the edge as it is and returns another."""

    def __init__(self, size: int = 0, rows: Iterable[Iterable[bytes]] = (), entries: Iterable[bytes] = ()) -> None:
        """``rows`` are the hashes of the unfilled tile of each level, ``entries`` those of the unfilled bundle."""
        self.size = size
        self._rows = [_Row(row) for row in rows]
        self._entries = list(entries)

    @property
    def root(self) -> bytes:
        """Root of the tree."""
        found: bytes | None = None
        for row in self._rows:
            for left in reversed(row.roots):
                found = left if found is None else sha256(b"\1" + left + found).digest()
        return EMPTY if found is None else found

    def extend(self, entries: list[bytes], hashes: list[bytes] | None = None) -> tuple["Edge", list[tuple[str, bytes]]]:
        """The edge with entries appended, and the (path, bytes) of every tile and bundle that they filled. ``hashes``
        are the entries' leaf hashes, where they are known.
        """
        if hashes is None:
            hashes = [sha256(b"\0" + entry).digest() for entry in entries]
        new = Edge()
        new._rows = [_Row(row.hashes, row.roots) for row in self._rows]
        full: list[tuple[str, bytes]] = []
        bundle, index = self._entries + entries, self.size // WIDTH
        while len(bundle) >= WIDTH:
            full.append((entries_path(index), _bundle(bundle[:WIDTH])))
            bundle, index = bundle[WIDTH:], index + 1
        new._entries = bundle
        new._append(0, self.size, hashes, full)
        new.size = self.size + len(entries)
        return new, full

    def _append(self, level: int, count: int, hashes: list[bytes], full: list[tuple[str, bytes]]) -> None:
        if level == len(self._rows):
            self._rows.append(_Row())
        carried: list[bytes] = []
        at, index = 0, count // WIDTH
        while at < len(hashes):
            row = self._rows[level]
            room = WIDTH - len(row.hashes)
            row.push(hashes[at : at + room])
            at += room
            if len(row.hashes) == WIDTH:
                full.append((tile_path(level, index), b"".join(row.hashes)))
                carried += row.roots
                self._rows[level] = _Row()
                index += 1
        if carried:
            self._append(level + 1, count // WIDTH, carried, full)

    def partials(self, size: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(path, bytes) of the partial tiles and the partial bundle of the tree of ``size`` leaves, at most that of the
        edge, as far as the tiles are not full at the edge.
        """
        size = self.size if size is None else size
        for level, row in enumerate(self._rows):
            index = (self.size >> 8 * level) // WIDTH
            width = min(width_of(level, index, size), len(row.hashes))
            if width:
                yield tile_path(level, index, width), b"".join(row.hashes[:width])
                if level == 0:
                    yield entries_path(index, width), _bundle(self._entries[:width])


def _bundle(entries: list[bytes]) -> bytes:
    return _LENGTH + _LENGTH.join(entries)


def read_edge(objects: Objects, size: int) -> Edge:
    """The edge at ``size`` from the tiles of that tree or of a larger one. The caller checks the root.

    Of the partial tiles that are wide enough the narrowest is taken: it is the oldest, and durable if any is. Raises
    RegisterError ``damaged`` where a tile is gone or has the wrong length.
    """
    rows: list[list[bytes]] = []
    level = 0
    while size >> 8 * level:
        index = (size >> 8 * level) // WIDTH
        width = (size >> 8 * level) % WIDTH
        rows.append(_tile(objects, tile_path(level, index), width) if width else [])
        level += 1
    width = size % WIDTH
    entries = _entries(objects, entries_path(size // WIDTH), width) if width else []
    return Edge(size, rows, entries)


def read_entries(objects: Objects, start: int, end: int) -> Iterator[bytes]:
    """Entries [start, end), from the bundles. Raises RegisterError ``missing``, ``damaged``."""
    while start < end:
        index, first = divmod(start, WIDTH)
        width = min(end - index * WIDTH, WIDTH)
        yield from _entries(objects, entries_path(index), width)[first:]
        start = index * WIDTH + width


def _tile(objects: Objects, full: str, width: int) -> list[bytes]:
    path, found = _narrowest(objects, full, width)
    data = objects.get(path)
    if len(data) != found * HASH:
        raise RegisterError(f"{path} is damaged: it has {len(data)} bytes. Run 'assay register fsck'.", "damaged")
    return decode_tile(data, found)[:width]


def _entries(objects: Objects, full: str, width: int) -> list[bytes]:
    path, found = (full, WIDTH) if width == WIDTH else _narrowest(objects, full, width)
    data = objects.get(path)
    try:
        return decode_bundle(data, found)[:width]
    except RegisterError as error:
        raise RegisterError(f"{path} is damaged. Run 'assay register fsck'.", "damaged") from error


def _narrowest(objects: Objects, full: str, width: int) -> tuple[str, int]:
    prefix = f"{full}.p/"
    widths = [int(name) for p in objects.list(prefix) if (name := p.removeprefix(prefix)).isdecimal()]
    found = min((w for w in widths if width <= w < WIDTH), default=WIDTH)
    if found < WIDTH:
        return f"{prefix}{found}", found
    return full, WIDTH


__all__ = ["Edge", "read_edge", "read_entries"]
