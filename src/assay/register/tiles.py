"""Tiles and entry bundles (C2SP tlog-tiles v0.1.0): their paths, their form, and hashes read from them."""

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.merkle import Frontier, Reader, node_hash

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
HASH = 32
CHECKPOINT = "checkpoint"

Fetch = Callable[[str], bytes]
"""Given a path such as ``tile/0/x001/234``: the bytes there. Raises RegisterError ``missing`` where there are none."""

_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def _number(index: int) -> str:
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    return "/".join(parts)


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Path of a tile of hashes; ``width`` below 256 for a partial one."""
    return f"tile/{level}/{_number(index)}" + (f".p/{width}" if width < WIDTH else "")


def entries_path(index: int, width: int = WIDTH) -> str:
    """Path of an entry bundle."""
    return f"tile/entries/{_number(index)}" + (f".p/{width}" if width < WIDTH else "")


@dataclass(frozen=True)
class TilePath:
    """What a path names. ``level`` is None for an entry bundle."""

    level: int | None
    index: int
    width: int


def parse_path(path: str) -> TilePath:
    """The one canonical form, no other. Raises RegisterError ``malformed``."""
    found = _PATH.fullmatch(path)
    if found:
        level = None if found[1] == "entries" else int(found[1])
        index, width = int(found[2].replace("/", "").replace("x", "")), int(found[3] or WIDTH)
        again = entries_path(index, width) if level is None else tile_path(level, index, width)
        if again == path and width <= WIDTH and index < 2**56:
            return TilePath(level, index, width)
    raise RegisterError(f"{path[:100]!r} is not the path of a tile.", "malformed")


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each after its length as a big-endian u16."""
    return b"".join(struct.pack(">H", len(e)) + e for e in entries)


def decode_bundle(data: bytes, count: int) -> list[bytes]:
    """The ``count`` entries of a bundle. Raises RegisterError ``malformed`` where it holds fewer or more."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < count:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            break
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) != count:
        raise RegisterError(f"An entry bundle does not hold the {count} entries that it should.", "malformed")
    return entries


def decode_tile(data: bytes, count: int) -> list[bytes]:
    """The ``count`` hashes of a tile. Raises RegisterError ``malformed``."""
    if len(data) != count * HASH:
        raise RegisterError(f"A tile of {count} hashes has {len(data)} bytes.", "malformed")
    return [data[i : i + HASH] for i in range(0, len(data), HASH)]


def width_of(level: int, index: int, size: int) -> int:
    """Hashes in tile ``index`` of ``level`` in a tree of ``size``: 0 where there is no such tile."""
    return max(0, min(WIDTH, (size >> 8 * level) - index * WIDTH))


class TileTree:
    """Hashes of the tree of ``size`` leaves, read from tiles: a :data:`~assay.register.merkle.Reader`.

    Tiles are believed as they come; :meth:`trusted` checks them against a root. A partial tile that is gone is read
    from the full one. ``cache`` is the number of decoded tiles that are kept.
    """

    def __init__(self, fetch: Fetch, size: int, cache: int = 64) -> None:
        self.size = size
        self._fetch = fetch
        self._cache = cache
        self._tiles: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        """Root of the complete subtree ``index`` at ``level`` (powers of two)."""
        tile_level, inner = divmod(level, 8)
        tile, place = divmod(index << inner, WIDTH)
        rows = self._rows(tile_level, tile)
        return rows[inner][place >> inner]

    def _rows(self, level: int, index: int) -> list[list[bytes]]:
        key = (level, index)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        width = width_of(level, index, self.size)
        if not width:
            raise RegisterError(f"A tree of {self.size} has no tile {index} at level {level}.", "missing")
        rows = [self._read(level, index, width)]
        while len(rows[-1]) > 1:
            row = rows[-1]
            rows.append([node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
        self._tiles[key] = rows
        if len(self._tiles) > self._cache:
            self._tiles.popitem(last=False)
        return rows

    def _read(self, level: int, index: int, width: int) -> list[bytes]:
        try:
            return decode_tile(self._fetch(tile_path(level, index, width)), width)
        except RegisterError as error:
            if error.reason != "missing" or width == WIDTH:
                raise
        return decode_tile(self._fetch(tile_path(level, index)), WIDTH)[:width]


def read_frontier(fetch: Fetch, checkpoint: Checkpoint) -> Frontier:
    """The edge of the tree of a checkpoint, checked against its root. Raises RegisterError ``proof``."""
    reader: Reader = TileTree(fetch, checkpoint.size)
    edge = Frontier.at(checkpoint.size, reader)
    if edge.root != checkpoint.root:
        raise RegisterError("The tiles do not lead to the root of the checkpoint.", "proof")
    return edge


__all__ = [
    "CHECKPOINT", "HASH", "WIDTH", "Fetch", "TilePath", "TileTree", "decode_bundle", "decode_tile", "encode_bundle",
    "entries_path", "parse_path", "read_frontier", "tile_path", "width_of",
]  # fmt: skip
