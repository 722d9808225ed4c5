"""Merkle-Patricia tries of Ethereum, as far as receipts need them: keys are the RLP of their numbers, values are long.

Since a receipt has more than 31 bytes no node stands inside another: each is named by its Keccak-256. What has another
form is refused. Source: the Ethereum yellow paper, appendices B, C and D.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from Cryptodome.Hash import keccak as _keccak

from assay.errors import RegisterError

MAX_NODES = 16


def keccak(data: bytes) -> bytes:
    """Keccak-256, as Ethereum has it (not SHA3-256)."""
    return _keccak.new(digest_bits=256, data=data).digest()


def decode(data: bytes) -> Any:
    """RLP: bytes, or a list of such. Raises RegisterError: ``malformed``, ``unsupported`` without the extra."""
    rlp = _library()
    try:
        return rlp.decode(data, strict=True)
    except (rlp.exceptions.RLPException, RecursionError):
        raise RegisterError("It is not RLP.", "malformed") from None


def encode(item: Any) -> bytes:
    """RLP of bytes, of a number not below zero, or of a list of such."""
    return bytes(_library().encode(item))


def walk(root: bytes, number: int, nodes: Sequence[bytes]) -> bytes:
    """The value of a number, by the nodes on the path to it, the root's first. Raises RegisterError ``proof``."""
    path, wanted = _nibbles(encode(number)), root
    for at, data in enumerate(nodes[:MAX_NODES]):
        if keccak(data) != wanted:
            break
        node = decode(data)
        last = at == len(nodes) - 1
        if isinstance(node, list) and len(node) == 17 and path and isinstance(node[path[0]], bytes):
            wanted, path = node[path[0]], path[1:]
        elif isinstance(node, list) and len(node) == 2 and all(isinstance(part, bytes) and part for part in node):
            leaf, prefix = _unpacked(node[0])
            if path[: len(prefix)] != prefix:
                break
            path = path[len(prefix) :]
            if leaf and last and not path:
                return bytes(node[1])
            if leaf:
                break
            wanted = node[1]
        else:
            break
    raise RegisterError("The path does not lead from the root to the receipt.", "proof")


def prove(values: Sequence[bytes], number: int) -> tuple[bytes, list[bytes]]:
    """The root over values (each of more than 31 bytes) by their numbers, and the nodes on the path to one of them."""
    nodes: dict[bytes, bytes] = {}

    def build(items: list[tuple[tuple[int, ...], bytes]]) -> bytes:
        first = items[0][0]
        if len(items) == 1:
            node: list[Any] = [_packed(first, leaf=True), items[0][1]]
        elif shared := len(list(takewhile(lambda pair: pair[0] == pair[1], zip(first, items[-1][0], strict=False)))):
            below = build([(key[shared:], value) for key, value in items])
            node = [_packed(first[:shared], leaf=False), below]
        else:
            # No key begins another: RLP of a number says its own length. So no value stands in a branch.
            node = [b""] * 17
            for nibble in range(16):
                under = [(key[1:], value) for key, value in items if key[0] == nibble]
                node[nibble] = build(under) if under else b""
        data = encode(node)
        name = keccak(data)
        nodes[name] = data
        return name

    root = build(sorted((_nibbles(encode(n)), value) for n, value in enumerate(values)))
    path, wanted, found = _nibbles(encode(number)), root, []
    while True:
        found.append(nodes[wanted])
        node = decode(nodes[wanted])
        if len(node) == 17:
            wanted, path = node[path[0]], path[1:]
            continue
        leaf, prefix = _unpacked(node[0])
        if leaf:
            return root, found
        wanted, path = node[1], path[len(prefix) :]


def _library() -> Any:
    try:
        import rlp  # noqa: PLC0415
        import rlp.exceptions  # noqa: PLC0415
    except ImportError:
        raise RegisterError(
            "Anchors on an EVM chain need the extra: pip install 'assay[evm]'.", "unsupported"
        ) from None
    return rlp


def _nibbles(data: bytes) -> tuple[int, ...]:
    return tuple(half for byte in data for half in (byte >> 4, byte & 15))


def _packed(path: tuple[int, ...], *, leaf: bool) -> bytes:
    """Appendix C: a flag (2 for a leaf, 1 for an odd length), then the path."""
    flag = 2 * leaf + len(path) % 2
    halves = (flag, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes(halves[n] << 4 | halves[n + 1] for n in range(0, len(halves), 2))


def _unpacked(data: bytes) -> tuple[bool, tuple[int, ...]]:
    halves = _nibbles(data)
    leaf, odd = bool(halves[0] & 2), halves[0] & 1
    if halves[0] > 3 or (not odd and halves[1]):
        raise RegisterError("A node of the path is not in a form that is allowed.", "proof")
    return leaf, halves[1:] if odd else halves[2:]


__all__ = ["decode", "encode", "keccak", "prove", "walk"]
