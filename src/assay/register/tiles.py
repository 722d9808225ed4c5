"""Tiles and entry bundles (C2SP tlog-tiles v0.1.0): their paths, their form, and hashes read from them."""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.merkle import Frontier, leaf_hash, node_hash

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


def _load(fetch: Fetch, level: int, index: int, width: int) -> list[bytes]:
    """A tile and the hashes above it, up to where its own number of hashes lets them be: rows of joined hashes, the
    tile itself first. A partial tile that is gone is read from the full one.
    """
    try:
        data = fetch(tile_path(level, index, width))
    except RegisterError as error:
        if error.reason != "missing" or width == WIDTH:
            raise
        data = b"".join(decode_tile(fetch(tile_path(level, index)), WIDTH)[:width])
    row = decode_tile(data, width)
    rows = [data]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        rows.append(b"".join(row))
    return rows


class TileTree:
    """Hashes of the tree of ``size`` leaves, read from tiles: a :data:`~assay.register.merkle.Reader`.

    Tiles are believed as they come; :class:`TrustedTree` checks them. ``cache`` is the number of tiles that are kept,
    16 KB each. Raises RegisterError ``missing`` for hashes that are not in the tree, ``malformed``, and what ``fetch``
    raises.
    """

    def __init__(self, fetch: Fetch, size: int, cache: int = 64) -> None:
        self.size = size
        self.rows: Callable[[int, int, int], list[bytes]] = lru_cache(cache)(partial(_load, fetch))

    def __call__(self, level: int, index: int) -> bytes:
        """Root of the complete subtree ``index`` at ``level`` (powers of two)."""
        tile_level, inner = level >> 3, level & 7
        tile, place = index << inner >> 8, index << inner & 255
        width = (self.size >> 8 * tile_level) - tile * WIDTH
        if place + (1 << inner) > width:
            raise RegisterError(f"A tree of {self.size} has no complete subtree {index} at level {level}.", "missing")
        at = (place >> inner) * HASH
        return self.rows(tile_level, tile, min(width, WIDTH))[inner][at : at + HASH]


class TrustedTree(TileTree):
    """A tree read from tiles that nobody vouches for, every one checked against the root of a checkpoint.

    First the right edge is read and hashed to the root. Then each tile hangs from what is known: a full tile from the
    tile above it, a partial one from the edge. So no proof that is made from it can be poisoned. Raises RegisterError
    ``proof`` where a tile does not lead to the root.
    """

    def __init__(self, fetch: Fetch, checkpoint: Checkpoint, cache: int = 64) -> None:
        super().__init__(fetch, checkpoint.size, cache)
        self._fetch = fetch
        self._unchecked = TileTree(fetch, checkpoint.size, 16)
        edge = Frontier.at(checkpoint.size, self._unchecked)
        if edge.root != checkpoint.root:
            raise RegisterError("The tiles do not lead to the root of the checkpoint.", "proof")
        levels = (level for level in reversed(range(edge.size.bit_length())) if edge.size >> level & 1)
        self._edge = dict(zip(levels, edge.hashes, strict=True))
        self.rows = lru_cache(cache)(self._checked)

    def _checked(self, level: int, index: int, width: int) -> list[bytes]:
        rows = self._unchecked.rows(level, index, width)
        if width == WIDTH:
            known = rows[8] == self(8 * (level + 1), index)
        else:
            known = all(
                rows[inner][-HASH:] == self._edge[8 * level + inner] for inner in range(8) if width >> inner & 1
            )
        if not known:
            raise RegisterError(f"{tile_path(level, index, width)} does not lead to the root.", "proof")
        return rows

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Entries [start, end), each checked against its leaf hash. Raises RegisterError: ``proof``, ``missing``,
        ``malformed``.
        """
        if not 0 <= start <= end <= self.size:
            raise RegisterError(f"A tree of {self.size} has no entries [{start}, {end}).", "missing")
        for bundle in range(start // WIDTH, -(-end // WIDTH)):
            first, width = bundle * WIDTH, width_of(0, bundle, self.size)
            entries = self._bundle(bundle, width)
            if b"".join(map(leaf_hash, entries)) != self.rows(0, bundle, width)[0]:
                raise RegisterError(f"{entries_path(bundle, width)} does not hold the entries of the tree.", "proof")
            yield from entries[max(0, start - first) : end - first]

    def _bundle(self, index: int, width: int) -> list[bytes]:
        try:
            return decode_bundle(self._fetch(entries_path(index, width)), width)
        except RegisterError as error:
            if error.reason != "missing" or width == WIDTH:
                raise
        return decode_bundle(self._fetch(entries_path(index)), WIDTH)[:width]


__all__ = [
    "CHECKPOINT", "HASH", "WIDTH", "Fetch", "TilePath", "TileTree", "TrustedTree", "decode_bundle", "decode_tile",
    "encode_bundle", "entries_path", "parse_path", "tile_path", "width_of",
]  # fmt: skip
