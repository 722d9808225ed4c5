"""Put anchors on an EVM chain, and ask a node about them. Needs the extra ``evm``; opens connections when called.

The contract, by hand, so that anyone can read it whole. It stores nothing, has no owner, and takes no other input:

==== ==================== ============================================================
at   bytes                what it does
==== ==================== ============================================================
00   60 20 36 14 60 0b 57 if the input has 32 bytes, go on at 0b
07   60 00 80 fd          else undo all and end
0b   5b                   (a place that may be jumped to)
0c   60 00 35             the input, the digest: the second topic
0f   7f (32 bytes)        Keccak-256 of ``Anchored(bytes32)``: the first topic
30   60 00 80 a2          LOG2 with no data
34   00                   end
==== ==================== ============================================================

To Solidity it is ``event Anchored(bytes32 indexed digest)``, emitted by a fallback function. An event costs about
23,000 gas.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assay.errors import RegisterError
from assay.register.anchors.bound import digest_of
from assay.register.anchors.evm import TOPIC, Chain, Pending, Proof, parse
from assay.register.anchors.settings import EvmSettings
from assay.register.anchors.trie import encode, keccak, prove

if TYPE_CHECKING:
    from web3 import Web3

VARIABLE = "ASSAY_EVM_KEY"
SECONDS = 30
RUNTIME = bytes.fromhex("60203614600b57600080fd5b6000357f") + TOPIC + bytes.fromhex("600080a200")
CREATION = bytes.fromhex("603580600b6000396000f3") + RUNTIME
"""Copies the 0x35 bytes after itself to memory and returns them: the contract."""
DEPTH = 64
"""Blocks on top of one that make it final where a node knows no such word."""
_FIELDS = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot",
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
_NUMBERS = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas",
}  # fmt: skip


class Node:
    """A node's JSON-RPC. The URL may hold a secret: errors name the host alone."""

    def __init__(self, url: str) -> None:
        """Raises RegisterError: ``malformed`` for an address that is none, ``unsupported`` without the extra."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RegisterError("The address of an EVM node begins with http:// or https://.", "malformed")
        self.host = parts.hostname
        self._web3 = _connected(url)

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a call. Raises RegisterError ``unreachable``."""
        from web3.types import RPCEndpoint  # noqa: PLC0415

        try:
            answer: Any = self._web3.provider.make_request(RPCEndpoint(method), list(params))
        except Exception as error:  # What the library and those under it raise has no common root, and names the URL.
            raise RegisterError(
                f"The EVM node at {self.host} cannot be asked ({type(error).__name__}).", "unreachable"
            ) from None
        if not isinstance(answer, dict) or "result" not in answer:
            said = answer.get("error") if isinstance(answer, dict) else None
            words = str(said.get("message", ""))[:120] if isinstance(said, dict) else ""
            shown = "".join(c if c.isprintable() else "?" for c in words)
            raise RegisterError(f"The EVM node at {self.host} refuses {method}: {shown!r}.", "unreachable")
        return answer["result"]

    def chain(self) -> int:
        """The chain's number. Raises RegisterError ``unreachable``."""
        return self._number(self.ask("eth_chainId"))

    def final(self) -> int:
        """The height of the last block that the node holds final. Raises RegisterError ``unreachable``."""
        try:
            return self._number(self._block("finalized")["number"])
        except RegisterError:
            return self._number(self.ask("eth_blockNumber")) - DEPTH

    def hash_of(self, height: int) -> bytes:
        """The hash of a block. Raises RegisterError ``unreachable``."""
        return self._bytes(self._block(hex(height))["hash"])

    def send(self, key: str, data: bytes, to: str | None) -> bytes:
        """Sign and send a transaction; its hash. Raises RegisterError ``key``, ``unreachable``."""
        try:
            account = self._web3.eth.account.from_key(key)
        except Exception:  # Whatever it says may hold the key.
            raise RegisterError("The key of the EVM account is not one: 64 hex digits.", "key") from None
        call: dict[str, Any] = {"from": account.address, "data": "0x" + data.hex(), **({"to": to} if to else {})}
        tip = self._number(self.ask("eth_maxPriorityFeePerGas"))
        base = self._number(self._block("latest").get("baseFeePerGas", "0x0"))
        gas = self._number(self.ask("eth_estimateGas", call))
        nonce = self._number(self.ask("eth_getTransactionCount", account.address, "pending"))
        transaction = {
            "data": call["data"], "gas": gas + gas // 4, "nonce": nonce, "chainId": self.chain(), "value": 0,
            "maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip, **({"to": to} if to else {}),
        }  # fmt: skip
        try:
            signed = account.sign_transaction(transaction)
        except Exception as error:
            raise RegisterError(f"The transaction cannot be signed ({type(error).__name__}).", "malformed") from None
        return self._bytes(self.ask("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()))

    def proof(self, pending: Pending) -> Proof | None:
        """The proof of a transaction; None while its block is not final.

        Raises RegisterError: ``missing`` where the node does not know it (any more), ``proof`` where it made no event,
        or what the node answers does not hold together, ``unreachable``.
        """
        name = "0x" + pending.transaction.hex()
        if self.ask("eth_getTransactionByHash", name) is None:
            raise RegisterError(f"The EVM node at {self.host} does not know the transaction {name}.", "missing")
        receipt = self.ask("eth_getTransactionReceipt", name)
        if receipt is None or self._number(receipt["blockNumber"]) > self.final():
            return None
        block = self._block(receipt["blockNumber"])
        try:
            if not any(log["topics"][:1] == ["0x" + TOPIC.hex()] for log in receipt["logs"]):
                raise RegisterError(f"The transaction {name} made no event: is the contract's address right?", "proof")
            values = [_receipt(one) for one in self.ask("eth_getBlockReceipts", receipt["blockNumber"])]
            header = _header(block)
            number = self._number(receipt["transactionIndex"])
            root, nodes = prove(values, number)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise RegisterError(f"The EVM node at {self.host} answers in a form not known.", "unreachable") from None
        if keccak(header) != self._bytes(block["hash"]) or root != self._bytes(block["receiptsRoot"]):
            raise RegisterError(f"What the EVM node at {self.host} says of a block does not hold together.", "proof")
        return Proof(pending.chain, header, number, tuple(nodes))

    def _block(self, name: str) -> dict[str, Any]:
        found = self.ask("eth_getBlockByNumber", name, False)
        if not isinstance(found, dict) or not isinstance(found.get("hash"), str):
            raise RegisterError(f"The EVM node at {self.host} does not know that block.", "unreachable")
        return found

    def _number(self, text: Any) -> int:
        try:
            return int(text, 16)
        except (TypeError, ValueError):
            raise RegisterError(f"The EVM node at {self.host} answers in a form not known.", "unreachable") from None

    def _bytes(self, text: Any) -> bytes:
        try:
            return bytes.fromhex(text.removeprefix("0x"))
        except (AttributeError, ValueError):
            raise RegisterError(f"The EVM node at {self.host} answers in a form not known.", "unreachable") from None


def deploy(url: str, key: str) -> tuple[bytes, str]:
    """Put the contract on a chain: (hash of the transaction, address that the contract will have), to be called once.

    Raises RegisterError: ``key``, ``unreachable``, ``unsupported``.
    """
    from web3 import Web3  # noqa: PLC0415

    node = Node(url)
    transaction = node.send(key, CREATION, None)
    sent = node.ask("eth_getTransactionByHash", "0x" + transaction.hex())
    who, nonce = bytes.fromhex(sent["from"].removeprefix("0x")), int(sent["nonce"], 16)
    return transaction, str(Web3.to_checksum_address(keccak(encode([who, nonce]))[12:].hex()))


def stamp(text: str, settings: EvmSettings) -> bytes:
    """Send the event; a pending proof. Raises RegisterError: ``key``, ``unreachable``, ``unsupported``."""
    node = Node(settings.node)
    return Pending(node.chain(), node.send(key_of(settings), digest_of(text), settings.contract)).encode()


def upgrade(proof: bytes, settings: EvmSettings) -> bytes:
    """The full proof where the block is final, else the same. Raises as :meth:`Node.proof` does."""
    pending = parse(proof)
    if isinstance(pending, Proof):
        return proof
    full = Node(settings.node).proof(pending)
    return proof if full is None else full.encode()


def ask(url: str, proofs: Sequence[bytes], name: str | None = None) -> Chain:
    """What a node says of the blocks of proofs: the chain with those that it has, final, under their hashes.

    Whoever runs the node is believed. Raises RegisterError: ``malformed``, ``unreachable``, ``unsupported``.
    """
    node = Node(url)
    chain, final, found = node.chain(), node.final(), set()
    for data in proofs:
        proof = parse(data)
        if isinstance(proof, Proof) and proof.chain == chain:
            height, block = proof.block
            if height <= final and node.hash_of(height) == block:
                found.add(block)
    return Chain(chain, name or f"the EVM chain {chain} (by the node at {node.host})", frozenset(found))


def key_of(settings: EvmSettings) -> str:
    """The account's key. Raises RegisterError ``key``."""
    if not settings.key_file:
        key = os.environ.get(VARIABLE, "")
    else:
        try:
            key = Path(settings.key_file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise RegisterError(f"The key of the EVM account in {settings.key_file} cannot be read.", "key") from None
    if not key.strip():
        raise RegisterError(f"There is no key for the EVM account: name a key_file, or set {VARIABLE}.", "key")
    return key.strip()


def _connected(url: str) -> "Web3":
    try:
        from web3 import HTTPProvider, Web3  # noqa: PLC0415
    except ImportError:
        raise RegisterError(
            "Anchors on an EVM chain need the extra: pip install 'assay[evm]'.", "unsupported"
        ) from None
    return Web3(HTTPProvider(url, request_kwargs={"timeout": SECONDS}))


def _field(name: str, text: str) -> bytes:
    """Numbers without leading zeroes, the rest as it is."""
    if name in _NUMBERS:
        number = int(text, 16)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes.fromhex(text.removeprefix("0x"))


def _header(block: dict[str, Any]) -> bytes:
    return encode([_field(name, block[name]) for name in _FIELDS if block.get(name) is not None])


def _receipt(one: dict[str, Any]) -> bytes:
    """EIP-2718: a type before the RLP, save for the first kind of transaction."""
    logs = [
        [_field("", log["address"]), [_field("", topic) for topic in log["topics"]], _field("", log["data"])]
        for log in one["logs"]
    ]
    kind = int(one.get("type") or "0x0", 16)
    status = int(one["status"], 16)
    body = encode([status, int(one["cumulativeGasUsed"], 16), _field("", one["logsBloom"]), logs])
    return bytes([kind]) + body if kind else body


__all__ = ["CREATION", "RUNTIME", "VARIABLE", "Node", "ask", "deploy", "key_of", "stamp", "upgrade"]
