import random
from itertools import pairwise

import pytest
from tests.register.simulated import ROOT, SimDisk

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.edge import Edge, read_edge, read_entries
from assay.register.leaf import LEAF
from assay.register.merkle import leaf_hash, reader_of, root_of, subtree
from assay.register.objects import FolderObjects
from assay.register.tiles import TileTree, TrustedTree

ENTRIES = [random.Random(3).randbytes(LEAF) for _ in range(1)] + [
    number.to_bytes(4, "big") + random.Random(number).randbytes(LEAF - 4) for number in range(1, 70_000)
]
HASHES = [leaf_hash(entry) for entry in ENTRIES]


def kept(sizes: list[int]) -> tuple[Edge, FolderObjects]:
    objects, edge = FolderObjects(ROOT, SimDisk()), Edge()
    for start, end in pairwise([0, *sizes]):
        edge, full = edge.extend(ENTRIES[start:end])
        for path, data in (*full, *edge.partials()):
            objects.put(path, data)
    return edge, objects


@pytest.mark.parametrize(
    "sizes",
    [[1], [255], [256], [257], [1, 2, 3, 600], [250, 260, 511, 512, 513], [66_000], [300, 65_535, 65_536, 65_537]],
)
def test_tiles_and_root_are_those_of_the_tree(sizes: list[int]) -> None:
    edge, objects = kept(sizes)
    size = sizes[-1]
    assert edge.root == root_of(HASHES[:size])
    TrustedTree(objects.get, Checkpoint("x", size, edge.root))
    tree, known = TileTree(objects.get, size), reader_of(HASHES[:size])
    for level in range(size.bit_length()):
        assert tree(level, (size >> level) - 1) == known(level, (size >> level) - 1)
    assert list(read_entries(objects, 0, size)) == ENTRIES[:size]
    assert list(read_entries(objects, size // 3, size // 2)) == ENTRIES[size // 3 : size // 2]


def test_the_empty_tree() -> None:
    assert Edge().root == root_of([])
    assert list(Edge().partials()) == []


def test_an_edge_is_read_from_tiles_of_a_larger_tree() -> None:
    sizes = [700, 900, 66_000]
    _, objects = kept(sizes)
    for size in (1, 256, 300, 511, 512, 650, 700, 890, 65_700, 66_000):
        edge = read_edge(objects, size)
        assert edge.root == subtree(0, size, reader_of(HASHES))
        more, _ = edge.extend(ENTRIES[size : size + 300])
        assert more.root == subtree(0, size + 300, reader_of(HASHES))


def test_partials_of_smaller_trees() -> None:
    edge, _ = Edge().extend(ENTRIES[:700])
    paths = [path for path, _ in edge.partials(600)]
    assert paths == ["tile/0/002.p/88", "tile/entries/002.p/88", "tile/1/000.p/2"]


def test_lost_and_cut_tiles_are_named() -> None:
    _, objects = kept([700])
    objects.put("tile/0/002.p/188", bytes(31))
    with pytest.raises(RegisterError, match=r"tile/0/002\.p/188 is damaged") as caught:
        read_edge(objects, 700)
    assert caught.value.reason == "damaged"
    objects.delete("tile/0/002.p/188")
    with pytest.raises(RegisterError) as caught:
        read_edge(objects, 700)
    assert caught.value.reason == "missing"
