"""A log event of a contract on an EVM chain, proven against the hash of a block.

The contract takes 32 bytes and emits ``Anchored(bytes32 indexed digest)`` (:mod:`assay.register.anchors.node`). A proof
holds the block's header, and the path from its receipts' root to the receipt with the event: so it is checked offline
against a block hash that the user trusts, and whose contract it was does not matter.

Needs the extra ``evm``. A proof is CBOR: ``[0, chain, hash of the transaction]`` while it waits, then
``[1, chain, header (RLP), number of the transaction, [nodes (RLP)]]``. Sources: the Ethereum yellow paper, 4.3 and
appendix D; EIP-2718 (typed receipts).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assay.errors import RegisterError
from assay.register import cbor
from assay.register.anchors.bound import MAX_PROOF, Bound, Status, digest_of, written
from assay.register.anchors.trie import decode, keccak, walk

KIND = "evm"
TOPIC = bytes.fromhex("c8f7565859107929ba4b285bfb17dfba069f69ab64447f49d6fecb70f6bd552b")
"""Keccak-256 of ``Anchored(bytes32)``."""


@dataclass(frozen=True)
class Chain:
    """A chain that a verifier believes: its number (EIP-155), what to call it, and the hashes of blocks in it."""

    id: int
    name: str
    blocks: frozenset[bytes]


@dataclass(frozen=True)
class Pending:
    """A transaction that was sent."""

    chain: int
    transaction: bytes

    def encode(self) -> bytes:
        """As it is kept."""
        return cbor.encode([0, self.chain, self.transaction])


@dataclass(frozen=True)
class Proof:
    """A header and the path to a receipt. ``number``: the transaction's in its block."""

    chain: int
    header: bytes
    number: int
    nodes: tuple[bytes, ...]

    def encode(self) -> bytes:
        """As it is kept."""
        return cbor.encode((1, self.chain, self.header, self.number, list(self.nodes)))

    @property
    def block(self) -> tuple[int, bytes]:
        """(height, hash) of the block. Raises RegisterError ``malformed``, ``unsupported``."""
        return int.from_bytes(self._fields()[8], "big"), keccak(self.header)

    @property
    def time(self) -> datetime:
        """When the block was made, by its chain's clock. Raises RegisterError ``malformed``, ``unsupported``."""
        try:
            return datetime.fromtimestamp(int.from_bytes(self._fields()[11], "big"), UTC)
        except (OverflowError, OSError, ValueError):
            raise RegisterError("The block has a time that cannot be.", "malformed") from None

    def receipt(self) -> list[Any]:
        """The receipt: status, gas, bloom, logs. Raises RegisterError ``malformed``, ``proof``, ``unsupported``."""
        data = walk(self._fields()[5], self.number, self.nodes)
        receipt = decode(data[1:] if data[:1] < b"\x80" else data)
        if not isinstance(receipt, list) or len(receipt) != 4 or not isinstance(receipt[3], list):
            raise RegisterError("The receipt is not in a form that Assay knows.", "malformed")
        return receipt

    def _fields(self) -> list[bytes]:
        fields = decode(self.header)
        if not isinstance(fields, list) or len(fields) < 15 or not all(isinstance(one, bytes) for one in fields):
            raise RegisterError("The header is not that of a block.", "malformed")
        if len(fields[5]) != 32 or len(fields[8]) > 8 or len(fields[11]) > 8:
            raise RegisterError("The header is not that of a block.", "malformed")
        return fields


def parse(data: bytes) -> Pending | Proof:
    """Raises RegisterError: ``malformed``, ``too_large``."""
    if len(data) > MAX_PROOF:
        raise RegisterError(f"A proof has at most {MAX_PROOF} bytes.", "too_large")
    try:
        parts = cbor.decode(data, "The proof")
    except RegisterError as error:
        raise RegisterError(str(error), "malformed") from None
    match parts:
        case [0, int(chain), bytes(transaction)] if len(transaction) == 32:
            return Pending(chain, transaction)
        case [1, int(chain), bytes(header), int(number), list(nodes)] if number < 2**32:
            path = tuple(node for node in nodes if isinstance(node, bytes))
            if len(path) == len(nodes):
                return Proof(chain, header, number, path)
    raise RegisterError("The proof is not in the form that Assay makes.", "malformed")


def check(data: bytes, text: str, chains: Sequence[Chain]) -> Bound:
    """What the proof shows by these chains. Never raises for what is in it."""
    try:
        proof = parse(data)
        if isinstance(proof, Pending):
            says = f"The transaction 0x{proof.transaction.hex()} is sent; it is in no block yet that is final."
            return _bound("pending", says, f"the EVM chain {proof.chain}")
        (height, name), time, receipt = proof.block, proof.time, proof.receipt()
    except RegisterError as error:
        if error.reason == "unsupported":
            return _bound("unchecked", str(error))
        return _bound("invalid", f"The proof of the EVM chain does not hold: {error}")
    if not any(_anchors(log, digest_of(text)) for log in receipt[3]):
        return _bound("invalid", "The proof of the EVM chain is about something else than this checkpoint.")
    chain = next((one for one in chains if one.id == proof.chain), None)
    if chain is None or name not in chain.blocks:
        who = f"block {height} of the EVM chain {proof.chain}"
        says = f"{who[0].upper()}{who[1:]} is said to have it; trust in the block hash 0x{name.hex()} is needed."
        return _bound("unchecked", says, who)
    who = f"block {height} of {chain.name}"
    steps = (
        "The event Anchored with the SHA-256 of the checkpoint's text is in a receipt.",
        f"The path of {len(proof.nodes)} nodes leads from that receipt to the receipts' root in the block's header.",
        f"The Keccak-256 of that header is 0x{name.hex()}, a block that is trusted.",
    )
    says = f"{who[0].upper()}{who[1:]} has it, so it was there not later than {written(time)}, by that chain's clock."
    return Bound(kind=KIND, status="proven", who=who, says=says, not_after=time, steps=steps)


def _anchors(log: Any, digest: bytes) -> bool:
    return isinstance(log, list) and len(log) == 3 and log[1] == [TOPIC, digest]


def _bound(status: Status, says: str, who: str = "an EVM chain") -> Bound:
    return Bound(kind=KIND, status=status, who=who, says=says)


__all__ = ["KIND", "TOPIC", "Chain", "Pending", "Proof", "check", "parse"]
