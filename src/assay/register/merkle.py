"""The Merkle tree of RFC 6962, section 2.1 (SHA-256): roots, inclusion and consistency proofs, made and checked.

What holds of a whole tree holds of the subtrees of draft-ietf-plants-merkle-tree-certs. A *reader* gives the hash of
any complete, aligned subtree, so that proofs are made from a list, from tiles or from a database by the same code.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from assay.errors import RegisterError
from assay.register.encoding import MAX_SIZE

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
    return subtree_consistency_proof(range(old), new, read)


def subtree_consistency_proof(leaves: range, size: int, read: Reader) -> list[bytes]:
    """The proof that ``leaves`` are a subtree of the tree of ``size`` leaves, nearest hash first
    (draft-ietf-plants-merkle-tree-certs, section 4.4). Raises RegisterError ``malformed``.
    """
    start, end = leaves.start, leaves.stop
    if not is_subtree(leaves) or end > size:
        raise RegisterError(f"[{start}, {end}) is no subtree of a tree of {size} leaves.", "malformed")
    proof: list[bytes] = []
    low, high, whole = 0, size, True
    while start != end and (low, high) != (start, end):
        middle = low + _split(high - low)
        if end <= middle:
            proof.append(subtree(middle, high, read))
            high = middle
        else:
            proof.append(subtree(low, middle, read))
            whole = whole and start >= middle
            low, start = middle, max(start, middle)
    if not whole:
        proof.append(subtree(low, high, read))
    return proof[::-1]


def is_subtree(leaves: range) -> bool:
    """Whether these leaves are a subtree: the first index is a multiple of the smallest power of two that is not below
    their number (draft-ietf-plants-merkle-tree-certs, section 4.1). No leaves are one, anywhere.
    """
    start, end = leaves.start, leaves.stop
    return 0 <= start <= end and (start == end or start % (1 << (end - start - 1).bit_length()) == 0)


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to. Raises RegisterError ``proof`` where it has not the right length."""
    if not 0 <= index < size:
        raise RegisterError(f"There is no leaf {index} in a tree of {size}.", "proof")
    if len(proof) > MAX_PROOF or not _hashes(leaf, *proof):
        raise RegisterError("The inclusion proof is too long, or holds something that is no hash.", "proof")
    inner = (index ^ size - 1).bit_length()
    wanted = inner + (index >> inner).bit_count()
    if len(proof) != wanted:
        raise RegisterError(f"The inclusion proof has {len(proof)} hashes; it must have {wanted} here.", "proof")
    sha256, found = hashlib.sha256, leaf
    for level, sibling in enumerate(proof):
        if level >= inner or index >> level & 1:
            found = sha256(b"\1" + sibling + found).digest()
        else:
            found = sha256(b"\1" + found + sibling).digest()
    return found


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """``leaf`` is a leaf hash. Raises RegisterError ``proof``."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise RegisterError("The inclusion proof does not lead to the root of the checkpoint.", "proof")


def verify_subtree_inclusion(index: int, leaves: range, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Whether leaf ``index`` is in the subtree of ``leaves`` with this root. Raises RegisterError ``proof``."""
    if not is_subtree(leaves) or index not in leaves or leaves.stop > MAX_SIZE:
        raise RegisterError(f"Leaf {index} is in no subtree [{leaves.start}, {leaves.stop}).", "proof")
    verify_inclusion(index - leaves.start, leaves.stop - leaves.start, leaf, proof, root)


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raises RegisterError ``proof``. Everything extends the empty tree."""
    if old < 0 or (old == new and old_root != new_root) or (old != new and not _hashes(new_root)):
        raise RegisterError(f"The proof does not show that the tree of {new} leaves extends that of {old}.", "proof")
    verify_subtree_consistency(range(old), new, proof, old_root, new_root)


def verify_subtree_consistency(
    leaves: range, size: int, proof: Sequence[bytes], subtree_root: bytes, root: bytes
) -> None:
    """Whether ``leaves``, with their root, are a subtree of the tree of ``size`` leaves with its root
    (draft-ietf-plants-merkle-tree-certs, section 4.4.3). Raises RegisterError ``proof``.
    """
    start, end = leaves.start, leaves.stop
    wrong = RegisterError(f"The proof does not show that the tree of {size} leaves holds [{start}, {end}).", "proof")
    if not is_subtree(leaves) or not end <= size <= MAX_SIZE:
        raise wrong
    if len(proof) > MAX_PROOF or not _hashes(*proof):
        raise wrong
    if start == end:
        if proof or subtree_root != EMPTY:
            raise wrong
        return
    first, node, last = start, end - 1, size - 1
    while first != node and (node == last or node & 1):
        first, node, last = first >> 1, node >> 1, last >> 1
    siblings = iter(proof)
    part = whole = subtree_root if first == node else next(siblings, b"")
    for sibling in siblings:
        if last == 0:
            raise wrong
        if node & 1 or node == last:
            if first < node:
                part = node_hash(sibling, part)
            whole = node_hash(sibling, whole)
            while not node & 1:
                first, node, last = first >> 1, node >> 1, last >> 1
        else:
            whole = node_hash(whole, sibling)
        first, node, last = first >> 1, node >> 1, last >> 1
    if last or part != subtree_root or whole != root:
        raise wrong


def _hashes(*hashes: bytes) -> bool:
    """Whether all have 32 bytes."""
    return {32}.issuperset(map(len, hashes))


def reader_of(hashes: Sequence[bytes]) -> Reader:
    """A reader over leaf hashes held in memory; every complete subtree is hashed once, here."""
    rows = [list(hashes)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
    return lambda level, index: rows[level][index]


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
    "EMPTY", "MAX_PROOF", "Frontier", "Reader", "consistency_proof", "inclusion_proof", "is_subtree", "leaf_hash",
    "node_hash", "reader_of", "root_from_inclusion", "root_of", "subtree", "subtree_consistency_proof",
    "verify_consistency", "verify_inclusion", "verify_subtree_consistency", "verify_subtree_inclusion",
]  # fmt: skip
