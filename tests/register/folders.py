"""The files of a log, made from its entries in the plainest way: what other code is compared with."""

from collections.abc import Sequence

from assay.register.merkle import leaf_hash, root_of
from assay.register.tiles import WIDTH, encode_bundle, entries_path, tile_path


def tiles_of(entries: Sequence[bytes]) -> dict[str, bytes]:
    """Every tile and bundle of the tree of these entries, by path."""
    files: dict[str, bytes] = {}
    for i in range(0, len(entries), WIDTH):
        bundle = entries[i : i + WIDTH]
        files[entries_path(i // WIDTH, len(bundle))] = encode_bundle(bundle)
    level, row = 0, [leaf_hash(entry) for entry in entries]
    while row:
        tiles = [row[i : i + WIDTH] for i in range(0, len(row), WIDTH)]
        files |= {tile_path(level, i, len(tile)): b"".join(tile) for i, tile in enumerate(tiles)}
        level, row = level + 1, [root_of(tile) for tile in tiles if len(tile) == WIDTH]
    return files
