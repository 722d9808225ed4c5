"""The Merkle tree, against its definition in RFC 6962 written out naively, for every tree up to some size."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pytest

from assay.errors import RegisterError
from assay.register.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_subtree,
    leaf_hash,
    reader_of,
    root_from_inclusion,
    root_of,
    subtree_consistency_proof,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

MOST = 40
LEAVES = [leaf_hash(i.to_bytes(2)) for i in range(300)]
READ = reader_of(LEAVES)


def mth(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    k = max(1 << i for i in range(20) if 1 << i < len(hashes))
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


ROOTS = [mth(LEAVES[:n]) for n in range(MOST + 1)]


def test_leaf_hash_is_that_of_the_rfc() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert ROOTS[0] == EMPTY


@pytest.mark.parametrize("size", [*range(MOST + 1), 255, 256, 257, 300])
def test_roots_three_ways(size: int) -> None:
    assert root_of(LEAVES[:size]) == mth(LEAVES[:size])
    edge = Frontier()
    for leaf in LEAVES[:size]:
        edge.append(leaf)
    assert edge.root == mth(LEAVES[:size])
    assert Frontier.at(size, READ).hashes == edge.hashes


def test_every_inclusion_proof() -> None:
    for size in range(1, MOST):
        for index in range(size):
            proof = inclusion_proof(index, size, READ)
            verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])
            for other in {0, index ^ 1, index + 1, size - 1} - {index}:
                with pytest.raises(RegisterError):
                    verify_inclusion(other, size, LEAVES[index], proof, ROOTS[size])
            for bad in (proof[:-1], [*proof, EMPTY], [EMPTY, *proof], proof[::-1]):
                if bad != proof:
                    with pytest.raises(RegisterError):
                        verify_inclusion(index, size, LEAVES[index], bad, ROOTS[size])


def test_every_consistency_proof() -> None:
    for new in range(MOST):
        for old in range(new + 1):
            proof = consistency_proof(old, new, READ)
            verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
            assert bool(proof) == (0 < old < new)
            if old < new:
                with pytest.raises(RegisterError):
                    verify_consistency(new, old, proof, ROOTS[old], ROOTS[new])
            for bad in (proof[:-1], [*proof, EMPTY]):
                if bad != proof:
                    with pytest.raises(RegisterError):
                        verify_consistency(old, new, bad, ROOTS[old], ROOTS[new])
            if old:
                with pytest.raises(RegisterError):
                    verify_consistency(old, new, proof, EMPTY, ROOTS[new])
                with pytest.raises(RegisterError):
                    verify_consistency(old, new, proof, ROOTS[old], EMPTY)


def test_every_subtree() -> None:
    spans = [range(a, b) for a in range(24) for b in range(a, 24)]
    valid = [span for span in spans if is_subtree(span)]
    assert {(s.start, s.stop) for s in valid if len(s) == 3} == {(0, 3), (4, 7), (8, 11), (12, 15), (16, 19), (20, 23)}
    for span in valid:
        root = mth([LEAVES[i] for i in span])
        for size in range(span.stop, 24):
            proof = subtree_consistency_proof(span, size, READ)
            verify_subtree_consistency(span, size, proof, root, ROOTS[size])
            for bad in (proof[:-1], [*proof, EMPTY]):
                if bad != proof:
                    with pytest.raises(RegisterError):
                        verify_subtree_consistency(span, size, bad, root, ROOTS[size])
            with pytest.raises(RegisterError):
                verify_subtree_consistency(span, size, proof, leaf_hash(b"x"), ROOTS[size])
        for index in span:
            local = reader_of([LEAVES[i] for i in span])
            proof = inclusion_proof(index - span.start, len(span), local)
            verify_subtree_inclusion(index, span, LEAVES[index], proof, root)
            with pytest.raises(RegisterError):
                verify_subtree_inclusion(index + len(span), span, LEAVES[index], proof, root)
    for span in set(spans) - set(valid):
        with pytest.raises(RegisterError):
            subtree_consistency_proof(span, 24, READ)
        with pytest.raises(RegisterError):
            verify_subtree_consistency(span, 24, [], EMPTY, EMPTY)


def test_trees_too_large_to_exist() -> None:
    huge = 2**63
    for index, size in ((0, huge + 1), (huge, 2 * huge), (0, 2**200)):
        with pytest.raises(RegisterError):
            verify_inclusion(index, size, EMPTY, [EMPTY] * 63, EMPTY)
    with pytest.raises(RegisterError):
        root_from_inclusion(0, 2**64, EMPTY, [EMPTY] * 64)
    with pytest.raises(RegisterError):
        verify_consistency(1, 2**200, [EMPTY] * 200, EMPTY, EMPTY)
    assert len(root_from_inclusion(0, huge - 1, EMPTY, [EMPTY] * 63)) == 32


def test_sizes_that_make_no_tree() -> None:
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(RegisterError):
            inclusion_proof(index, size, READ)
        with pytest.raises(RegisterError):
            root_from_inclusion(index, size, EMPTY, [])
    for old, new in ((-1, 3), (4, 3)):
        with pytest.raises(RegisterError):
            consistency_proof(old, new, READ)
        with pytest.raises(RegisterError):
            verify_consistency(old, new, [], EMPTY, EMPTY)
    with pytest.raises(RegisterError):
        Frontier(3, [EMPTY])


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hashes_of_another_length(length: int) -> None:
    wrong = bytes(length)
    proof = inclusion_proof(2, 5, READ)
    for leaf, path in ((wrong, proof), (LEAVES[2], [wrong, *proof[1:]])):
        with pytest.raises(RegisterError):
            root_from_inclusion(2, 5, leaf, path)
    for roots in ((wrong, ROOTS[5]), (ROOTS[3], wrong)):
        with pytest.raises(RegisterError):
            verify_consistency(3, 5, consistency_proof(3, 5, READ), *roots)
    for path in ([], [wrong]):
        with pytest.raises(RegisterError):
            verify_consistency(0, 5, path, wrong, ROOTS[5])


def test_a_frontier_goes_on_from_anywhere() -> None:
    for cut, size in pairwise((0, 1, 7, 8, 200, 256, 300)):
        edge = Frontier.at(cut, READ)
        for leaf in LEAVES[cut:size]:
            edge.append(leaf)
        assert (edge.size, edge.root) == (size, mth(LEAVES[:size]))
