"""Tiles: paths, bundles, hashes read from them, and tiles that lie."""

from collections.abc import Callable

import pytest
from tests.register.folders import tiles_of

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.merkle import consistency_proof, inclusion_proof, leaf_hash, reader_of, root_of
from assay.register.tiles import (
    TilePath,
    TileTree,
    TrustedTree,
    decode_bundle,
    decode_tile,
    encode_bundle,
    entries_path,
    parse_path,
    tile_path,
    width_of,
)

ENTRIES = [i.to_bytes(3) * (i % 4) for i in range(66_700)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = {size: root_of(LEAVES[:size]) for size in (0, 1, 255, 256, 257, 700, 65_536, 66_000, 66_700)}
FILES = {size: tiles_of(ENTRIES[:size]) for size in ROOTS}


def _fetch(files: dict[str, bytes]) -> Callable[[str], bytes]:
    def fetch(path: str) -> bytes:
        if path not in files:
            raise RegisterError(f"There is no {path}.", "missing")
        return files[path]

    return fetch


def _checkpoint(size: int) -> Checkpoint:
    return Checkpoint("log.example", size, ROOTS[size])


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("tile/0/000", TilePath(0, 0, 256)),
        ("tile/0/x001/x234/067", TilePath(0, 1234067, 256)),
        ("tile/63/999.p/255", TilePath(63, 999, 255)),
        ("tile/entries/x001/000.p/1", TilePath(None, 1000, 1)),
    ],
)
def test_paths(path: str, named: TilePath) -> None:
    assert parse_path(path) == named
    if named.level is None:
        assert entries_path(named.index, named.width) == path
    else:
        assert tile_path(named.level, named.index, named.width) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001",
        "tile/0/X001/001",
        "tile/0/001/",
        "/tile/0/001",
        "tile/0/001.p",
        "tile/0/001.p/0",
        "tile/0/001.p/01",
        "tile/0/001.p/256",
        "tile/0/001.p/257",
        "tile/0/001.p/1000",
        "tile/0/001.p/1/",
        "tile//001",
        "tile/0/../001",
        "tile/entries/x000/000",
        "tile/entry/000",
        "tile/0/001\n",
        "tile/0/\N{ARABIC-INDIC DIGIT ONE}00",
        "tile/8/0/001",
        "checkpoint",
        "tile/0/" + "x999/" * 6 + "999",
    ],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(RegisterError) as caught:
        parse_path(path)
    assert caught.value.reason == "malformed"


def test_the_widths_of_the_example_of_the_specification() -> None:
    size = 70_000
    assert [width_of(0, i, size) for i in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [width_of(1, i, size) for i in (0, 1, 2)] == [256, 17, 0]
    assert [width_of(2, i, size) for i in (0, 1)] == [1, 0]
    assert (width_of(0, 0, 256), width_of(1, 0, 256)) == (256, 1)


def test_bundles() -> None:
    entries = [b"", b"x", bytes(65_535)]
    data = encode_bundle(entries)
    assert data[:5] == b"\0\0\0\1x"
    assert decode_bundle(data, 3) == entries
    assert decode_bundle(b"", 0) == []
    for bad, count in (
        (data, 2),
        (data, 4),
        (data[:-1], 3),
        (data + b"\0", 3),
        (data + b"\0\0", 3),
        (b"", 1),
        (b"\0", 1),
        (b"\0\2x", 1),
    ):
        with pytest.raises(RegisterError) as caught:
            decode_bundle(bad, count)
        assert caught.value.reason == "malformed"


def test_tiles_of_hashes() -> None:
    assert decode_tile(bytes(64), 2) == [bytes(32)] * 2
    for data, count in ((bytes(63), 2), (bytes(64), 1), (bytes(64), 3), (b"", 1)):
        with pytest.raises(RegisterError):
            decode_tile(data, count)


@pytest.mark.parametrize("size", [s for s in ROOTS if s])
def test_proofs_from_tiles_are_those_from_leaves(size: int) -> None:
    read = reader_of(LEAVES[:size])
    for tree in (TileTree(_fetch(FILES[size]), size), TrustedTree(_fetch(FILES[size]), _checkpoint(size), cache=2)):
        for index in {0, 1, 254, 255, 256, size // 2, size - 2, size - 1}:
            if 0 <= index < size:
                assert inclusion_proof(index, size, tree) == inclusion_proof(index, size, read)
                assert consistency_proof(index + 1, size, tree) == consistency_proof(index + 1, size, read)


def test_a_partial_tile_that_is_gone_is_read_from_the_full_one() -> None:
    later = {path: data for path, data in FILES[66_700].items() if ".p/" not in path}
    later |= {path: data for path, data in FILES[65_536].items() if path not in later}
    size = 700
    tree = TrustedTree(_fetch(later), _checkpoint(size))
    assert inclusion_proof(699, size, tree) == inclusion_proof(699, size, reader_of(LEAVES[:size]))
    assert list(tree.entries(510, 700)) == ENTRIES[510:700]


def test_hashes_that_are_not_in_the_tree() -> None:
    tree = TileTree(_fetch(FILES[66_700]), 700)
    assert tree(8, 1) == root_of(LEAVES[256:512])
    assert tree(2, 174) == root_of(LEAVES[696:700])
    for level, index in ((0, 700), (2, 175), (8, 2), (9, 1), (10, 0), (16, 0), (63, 0)):
        with pytest.raises(RegisterError) as caught:
            tree(level, index)
        assert caught.value.reason == "missing"


def test_tiles_that_are_gone_or_cut_off() -> None:
    size = 700
    for change in (None, b"", bytes(32 * 255)):
        files = dict(FILES[size])
        if change is None:
            del files["tile/0/000"]
        else:
            files["tile/0/000"] = change
        with pytest.raises(RegisterError) as caught:
            inclusion_proof(3, size, TileTree(_fetch(files), size))
        assert caught.value.reason == ("missing" if change is None else "malformed")


@pytest.mark.parametrize("size", [257, 700, 66_000])
def test_no_flipped_bit_in_a_tile_goes_unseen(size: int) -> None:
    """Of each kind of tile, one bit of each eighth hash: whoever asks for what is in that tile is told."""
    tiles = [path for path in FILES[size] if "entries" not in path]
    full = [path for path in tiles if ".p/" not in path]
    for path in [*full[:2], *full[-2:], *(p for p in tiles if ".p/" in p)]:
        named = parse_path(path)
        assert named.level is not None
        for place in {*range(0, named.width, 61), named.width - 1}:
            files = dict(FILES[size])
            data = bytearray(files[path])
            data[32 * place + 7] ^= 4
            files[path] = bytes(data)
            with pytest.raises(RegisterError) as caught:
                TrustedTree(_fetch(files), _checkpoint(size))(8 * named.level, named.index * 256 + place)
            assert caught.value.reason == "proof"


def test_a_tree_under_another_root() -> None:
    with pytest.raises(RegisterError) as caught:
        TrustedTree(_fetch(FILES[700]), Checkpoint("log.example", 700, ROOTS[257]))
    assert caught.value.reason == "proof"
    with pytest.raises(RegisterError):
        TrustedTree(_fetch(FILES[700]), Checkpoint("log.example", 257, ROOTS[700]))


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (255, 257), (256, 512), (0, 700), (699, 700), (700, 700)])
def test_entries(start: int, end: int) -> None:
    fetched: list[str] = []

    def fetch(path: str) -> bytes:
        fetched.append(path)
        return _fetch(FILES[700])(path)

    assert list(TrustedTree(fetch, _checkpoint(700)).entries(start, end)) == ENTRIES[start:end]
    assert len(fetched) == len(set(fetched))


def test_entries_that_are_not_those_of_the_tree() -> None:
    for path in ("tile/entries/001", "tile/entries/002.p/188"):
        files = dict(FILES[700])
        files[path] = files[path][:-1] + bytes((files[path][-1] ^ 1,))
        entries = TrustedTree(_fetch(files), _checkpoint(700)).entries(200, 700)
        with pytest.raises(RegisterError) as caught:
            list(entries)
        assert caught.value.reason == "proof"
    for start, end in ((-1, 3), (3, 2), (0, 701)):
        with pytest.raises(RegisterError):
            list(TrustedTree(_fetch(FILES[700]), _checkpoint(700)).entries(start, end))
