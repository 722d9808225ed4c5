"""The Merkle tree of RFC 6962, section 2.1 (SHA-256): roots, inclusion and consistency proofs, made and checked.

Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2. A *reader* gives the hash of any complete, aligned subtree,
so that proofs are made from a list, from tiles or from a database by the same code.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from assay.errors import RegisterError

EMPTY = hashlib.sha256().digest()
"""Root of the empty tree."""
MAX_PROOF = 63
"""Hashes in the longest proof that is looked at."""

Reader = Callable[[int, int], bytes]
"""Given (level, index): the root of the complete subtree over leaves [index * 2**level, (index + 1) * 2**level)."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << (size - 1).bit_length() - 1


def subtree(start: int, end: int, read: Reader) -> bytes:
    """Root over leaves [start, end); ``start`` is a multiple of the power of two that is not below their number."""
    count = end - start
    if count == 0:
        return EMPTY
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(count)
    return node_hash(subtree(start, middle, read), subtree(middle, end, read))


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """The inclusion proof of leaf ``index`` in the tree of ``size`` leaves, leaf's sibling first."""
    if not 0 <= index < size:
        raise RegisterError(f"There is no leaf {index} in a tree of {size}.", "missing")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree(middle, end, read))
            end = middle
        else:
            proof.append(subtree(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read: Reader) -> list[bytes]:
    """The proof that the tree of ``new`` leaves extends that of ``old``; empty where ``old`` is 0 or ``new``."""
    if not 0 <= old <= new:
        raise RegisterError(f"A tree of {new} leaves cannot extend one of {old}.", "malformed")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(subtree(middle, end, read))
            end = middle
        else:
            proof.append(subtree(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(subtree(start, end, read))
    return proof[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to. Raises RegisterError ``proof`` where it has not the right length."""
    if not 0 <= index < size:
        raise RegisterError(f"There is no leaf {index} in a tree of {size}.", "proof")
    if len(proof) > MAX_PROOF or any(len(h) != 32 for h in (leaf, *proof)):
        raise RegisterError("The inclusion proof is too long, or holds something that is no hash.", "proof")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise RegisterError("The inclusion proof is too long for this leaf.", "proof")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise RegisterError("The inclusion proof is too short for this leaf.", "proof")
    return found


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """``leaf`` is a leaf hash. Raises RegisterError ``proof``."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise RegisterError("The inclusion proof does not lead to the root of the checkpoint.", "proof")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raises RegisterError ``proof``."""
    wrong = RegisterError(f"The proof does not show that the tree of {new} leaves extends that of {old}.", "proof")
    if not 0 <= old <= new or len(proof) > MAX_PROOF or any(len(h) != 32 for h in (*proof, old_root, new_root)):
        raise wrong
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY):
            raise wrong
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise wrong
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise wrong
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        node >>= 1
        last >>= 1
    if last or first != old_root or second != new_root:
        raise wrong


def reader_of(hashes: Sequence[bytes]) -> Reader:
    """A reader over leaf hashes held in memory."""

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return hashes[index]
        return node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    return read


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    level = list(hashes)
    if not level:
        return EMPTY
    while len(level) > 1:
        pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[-1:] if len(level) & 1 else pairs
    return level[0]


class Frontier:
    """The right edge of a growing tree: enough to append leaves and to say the root."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """``hashes`` are the roots of the complete subtrees that make up the tree, largest first."""
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise RegisterError("These hashes are not the edge of a tree of this size.", "malformed")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        found, size = leaf, self.size
        while size & 1:
            found = node_hash(self.hashes.pop(), found)
            size >>= 1
        self.hashes.append(found)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Root of the tree as it is."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found

    @classmethod
    def at(cls, size: int, read: Reader) -> "Frontier":
        """The edge of the tree of ``size`` leaves, from a reader."""
        hashes, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                hashes.append(read(level, start >> level))
                start += 1 << level
        return cls(size, hashes)


__all__ = [
    "EMPTY", "MAX_PROOF", "Frontier", "Reader", "consistency_proof", "inclusion_proof", "leaf_hash", "node_hash",
    "reader_of", "root_from_inclusion", "root_of", "subtree", "verify_consistency", "verify_inclusion",
]  # fmt: skip
