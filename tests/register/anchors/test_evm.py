"""EVM anchors: a real node, a contract of 53 bytes, proofs checked offline, and proofs that were tampered with."""

import dataclasses
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.register.anchors.anvil import KEY, call, mine, running
from tests.register.anchors.chains import listening

from assay.errors import RegisterError
from assay.register.anchors import Anchor, Bound, Trust, check, evm, node, trie
from assay.register.anchors.bound import MAX_PROOF, digest_of
from assay.register.anchors.settings import EvmSettings

NOTE = "log.example/one\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


def checked(proof: bytes, *chains: evm.Chain, text: str = NOTE) -> Bound:
    return check(Anchor(kind="evm", proof=proof), text, Trust(chains=chains))


@dataclass
class World:
    url: str
    settings: EvmSettings
    pending: bytes
    proof: bytes
    chain: evm.Chain


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running() as url:
        key_file = tmp_path_factory.mktemp("key") / "key"
        key_file.write_text(KEY + "\n", encoding="ascii")
        transaction, contract = node.deploy(url, KEY)
        code = call(url, "eth_getCode", contract, "latest")
        assert code == "0x" + node.RUNTIME.hex()
        assert call(url, "eth_getTransactionReceipt", "0x" + transaction.hex())["status"] == "0x1"  # type: ignore[index]
        made = EvmSettings(node=url, contract=contract, key_file=str(key_file))
        # Other transactions in the same block, before and after, so that the path has more than one node.
        call(url, "evm_setAutomine", False)
        other = call(url, "eth_accounts")[1:4]  # type: ignore[index]
        for n in range(40):
            call(
                url,
                "eth_sendTransaction",
                {
                    "from": other[n % 3],
                    "to": other[0],
                    "value": "0x1",
                    "maxPriorityFeePerGas": hex(10**10),
                    "maxFeePerGas": hex(10**11),
                },
            )
        pending = node.stamp(NOTE, made)
        assert node.upgrade(pending, made) == pending, "in no block yet"
        call(url, "anvil_mine", "0x1")
        assert node.upgrade(pending, made) == pending, "not final yet"
        call(url, "evm_setAutomine", True)
        mine(url)
        proof = node.upgrade(pending, made)
        yield World(url, made, pending, proof, node.ask(url, [proof], "a test chain"))


class TestReal:
    def test_proven_offline_against_a_block_hash(self, world: World) -> None:
        found = checked(world.proof, world.chain)
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        height, name = parsed.block
        assert (found.status, found.who) == ("proven", f"block {height} of a test chain")
        assert found.says.startswith(f"Block {height} of a test chain has it, so it was there not later than ")
        assert found.not_after is not None
        assert abs(found.not_after - datetime.now(UTC)) < timedelta(hours=1)
        assert len(parsed.nodes) == 3, "a path with branches"
        assert found.steps[-1] == f"The Keccak-256 of that header is 0x{name.hex()}, a block that is trusted."
        assert call(world.url, "eth_getBlockByNumber", hex(height), False)["hash"] == "0x" + name.hex()  # type: ignore[index]
        assert len(world.proof) < 4096

    def test_every_receipt_of_a_block_can_be_proven(self, world: World) -> None:
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        receipts = call(world.url, "eth_getBlockReceipts", hex(parsed.block[0]))
        values = [node._receipt(one) for one in receipts]  # type: ignore[attr-defined]
        for number, value in enumerate(values):
            root, nodes = trie.prove(values, number)
            assert trie.walk(root, number, nodes) == value

    def test_pending(self, world: World) -> None:
        found = checked(world.pending, world.chain)
        assert (found.status, found.not_after) == ("pending", None)

    def test_without_trust_in_the_block(self, world: World) -> None:
        for chains in (
            (),
            (evm.Chain(1, "another", world.chain.blocks),),
            (dataclasses.replace(world.chain, blocks=frozenset()),),
        ):
            found = checked(world.proof, *chains)
            assert (found.status, found.not_after) == ("unchecked", None)
            assert "trust in the block hash 0x" in found.says

    def test_about_another_text(self, world: World) -> None:
        found = checked(world.proof, world.chain, text=NOTE + "x\n")
        assert (found.status, found.not_after) == ("invalid", None)

    def test_the_contract_takes_32_bytes_and_nothing_else(self, world: World) -> None:
        who = call(world.url, "eth_accounts")[1]  # type: ignore[index]
        for data in ("0x", "0x" + "00" * 31, "0x" + "00" * 33):
            with pytest.raises(AssertionError):
                call(world.url, "eth_call", {"from": who, "to": world.settings.contract, "data": data}, "latest")
        gas = call(world.url, "eth_estimateGas", {"from": who, "to": world.settings.contract, "data": "0x" + "ab" * 32})
        assert int(str(gas), 16) < 24_000

    def test_a_transaction_that_is_not_known(self, world: World) -> None:
        lost = evm.Pending(31338, b"\7" * 32).encode()
        with pytest.raises(RegisterError) as caught:
            node.upgrade(lost, world.settings)
        assert caught.value.reason == "missing"

    def test_a_contract_that_is_none(self, world: World) -> None:
        wrong = EvmSettings(node=world.url, contract="0x" + "12" * 20, key_file=world.settings.key_file)
        pending = node.stamp(NOTE, wrong)
        mine(world.url)
        with pytest.raises(RegisterError, match="is the contract's address right") as caught:
            node.upgrade(pending, wrong)
        assert caught.value.reason == "proof"


class TestTampered:
    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_no_damage_proves_anything(self, world: World, data: st.DataObject) -> None:
        damaged = bytearray(world.proof)
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
        assert checked(bytes(damaged), world.chain).status != "proven"

    def test_parts_left_out_or_added(self, world: World) -> None:
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        for changed in (
            dataclasses.replace(parsed, nodes=parsed.nodes[:-1]),
            dataclasses.replace(parsed, nodes=parsed.nodes[1:]),
            dataclasses.replace(parsed, nodes=(*parsed.nodes, b"\xc0")),
            dataclasses.replace(parsed, nodes=()),
            dataclasses.replace(parsed, number=parsed.number + 1),
            dataclasses.replace(parsed, header=parsed.header[:-1]),
            dataclasses.replace(parsed, header=b"\xc0"),
        ):
            assert checked(changed.encode(), world.chain).status == "invalid"
        assert checked(world.proof + b"\0", world.chain).status == "invalid"
        assert checked(world.proof[:-1], world.chain).status == "invalid"

    def test_the_same_event_in_a_header_of_ones_own(self, world: World) -> None:
        """Whoever makes the whole block has another hash."""
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        fields = trie.decode(parsed.header)
        fields[11] = (1_000_000_000).to_bytes(4, "big")
        forged = dataclasses.replace(parsed, header=trie.encode(fields)).encode()
        found = checked(forged, world.chain)
        assert (found.status, found.not_after) == ("unchecked", None)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_garbage_never_raises(self, garbage: bytes) -> None:
        assert checked(garbage).status == "invalid"
        nested = evm.Proof(1, garbage, 0, (garbage,)).encode()
        assert checked(nested).status == "invalid"

    def test_deep_or_large(self) -> None:
        for header in (b"\xc1" * 9000, b"\xf9\x3a\x98" + b"\xc0" * 15000):
            assert checked(evm.Proof(1, header, 0, ()).encode()).status == "invalid"
        assert checked(b"\x83" * (MAX_PROOF + 1)).status == "invalid"

    def test_a_time_that_cannot_be(self, world: World) -> None:
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        fields = trie.decode(parsed.header)
        for time in (b"\xff" * 8, b"\xff" * 9):
            fields[11] = time
            forged = dataclasses.replace(parsed, header=trie.encode(fields))
            assert checked(forged.encode(), world.chain).status == "invalid"


class TestSecrets:
    def test_neither_key_nor_node_is_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = "f" * 63 + "z"
        monkeypatch.setenv(node.VARIABLE, secret)
        made = EvmSettings(node="http://127.0.0.1:9/v2/hunter2", contract="0x" + "0" * 40)
        assert node.key_of(made) == secret
        with pytest.raises(RegisterError) as caught:
            node.stamp(NOTE, made)
        assert caught.value.reason == "unreachable"
        with pytest.raises(RegisterError) as bad:
            node.Node(made.node).send(secret, b"", None)
        assert bad.value.reason == "key"
        said = f"{caught.value} {bad.value} {made!r} {made.__rich_repr__()}"
        assert "hunter2" not in said
        assert secret not in said
        assert caught.value.__suppress_context__

    def test_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(node.VARIABLE, raising=False)
        for made in (
            EvmSettings(node="http://a", contract=""),
            EvmSettings(node="http://a", contract="", key_file=str(tmp_path / "none")),
        ):
            with pytest.raises(RegisterError) as caught:
                node.key_of(made)
            assert caught.value.reason == "key"

    @pytest.mark.parametrize("url", ["", "ftp://a", "file:///etc/passwd"])
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(RegisterError) as caught:
            node.Node(url)
        assert caught.value.reason == "malformed"


class TestContract:
    def test_it_is_what_its_table_says(self) -> None:
        """Each line of the module's table, in order, is the whole contract."""
        told = bytearray()
        for at, words in re.findall(r"^([0-9a-f]{2})   (.{20})", str(node.__doc__), re.MULTILINE):
            assert int(at, 16) == len(told)
            told += bytes.fromhex("".join(re.findall(r"\b[0-9a-f]{2}\b(?! bytes)", words)))
            told += evm.TOPIC if "(32 bytes)" in words else b""
        assert bytes(told) == node.RUNTIME
        assert len(node.RUNTIME) == 0x35
        assert trie.keccak(b"Anchored(bytes32)") == evm.TOPIC
        assert trie.keccak(b"") != hashlib.sha3_256(b"").digest()


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 300])
def test_tries_of_all_sizes(count: int) -> None:
    values = [digest_of(str(n)) + b"x" for n in range(count)]
    for number in {0, 1, count // 2, count - 1} & set(range(count)):
        root, nodes = trie.prove(values, number)
        assert trie.walk(root, number, nodes) == values[number]
        with pytest.raises(RegisterError):
            trie.walk(root, number + 1, nodes)
        with pytest.raises(RegisterError):
            trie.walk(digest_of("other"), number, nodes)


class Answers:
    """A node that answers what it is told to, and an error else."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, object] = {"eth_chainId": "0x1", **answers}

    def __call__(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        asked = msgspec.json.decode(body)
        found = self.answers.get(asked["method"], msgspec.UNSET)
        if isinstance(found, bytes):
            return 200, found
        error = {"code": 1, "message": "no \x1b[31msuch"}
        said = {"error": error} if found is msgspec.UNSET else {"result": found}
        return 200, msgspec.json.encode({"jsonrpc": "2.0", "id": asked["id"], **said})


class TestNodesThatAnswerNonsense:
    PENDING = evm.Pending(1, b"\7" * 32)
    RECEIPT: ClassVar[dict[str, object]] = {
        "blockNumber": "0x5", "transactionIndex": "0x0", "logs": [{"topics": ["0x" + evm.TOPIC.hex()]}],
    }  # fmt: skip
    BLOCK: ClassVar[dict[str, object]] = {"hash": "0x" + "00" * 32, "number": "0x5", "receiptsRoot": "0x" + "00" * 32}

    def refused(self, **answers: object) -> RegisterError:
        with listening(Answers(**answers)) as url, pytest.raises(RegisterError) as caught:
            node.Node(url).proof(self.PENDING)
        return caught.value

    def test_an_error_is_told_without_its_colours(self) -> None:
        found = self.refused()
        assert found.reason == "unreachable"
        assert str(found).endswith("refuses eth_getTransactionByHash: 'no ?[31msuch'.")

    @pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"<html>", b'{"error": "x"}', b"\xff"])
    def test_no_json_rpc(self, answer: bytes) -> None:
        assert self.refused(eth_getTransactionByHash=answer).reason == "unreachable"

    @pytest.mark.parametrize(
        "answers",
        [
            {"eth_getTransactionReceipt": {"blockNumber": None}},
            {"eth_getTransactionReceipt": {"blockNumber": "zz"}},
            {"eth_getTransactionReceipt": RECEIPT},
            {"eth_getTransactionReceipt": RECEIPT, "eth_getBlockByNumber": None},
            {"eth_getTransactionReceipt": RECEIPT, "eth_getBlockByNumber": BLOCK, "eth_getBlockReceipts": None},
            {"eth_getTransactionReceipt": RECEIPT, "eth_getBlockByNumber": BLOCK, "eth_getBlockReceipts": []},
            {"eth_getTransactionReceipt": RECEIPT, "eth_getBlockByNumber": BLOCK, "eth_getBlockReceipts": [{}]},
            {"eth_getTransactionReceipt": {**RECEIPT, "logs": 5}, "eth_getBlockByNumber": BLOCK},
        ],
    )
    def test_forms_that_are_not_known(self, answers: dict[str, object]) -> None:
        assert self.refused(eth_getTransactionByHash={}, **answers).reason == "unreachable"

    def test_a_block_that_does_not_hold_together(self) -> None:
        receipt = {
            "logs": [], "type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x1", "logsBloom": "0x" + "00" * 256,
        }  # fmt: skip
        found = self.refused(
            eth_getTransactionByHash={}, eth_getTransactionReceipt=self.RECEIPT, eth_getBlockByNumber=self.BLOCK,
            eth_getBlockReceipts=[receipt],
        )  # fmt: skip
        assert found.reason == "proof"

    def test_without_the_word_final_64_blocks_are(self) -> None:
        for newest, final in (("0x46", True), ("0x44", False)):
            answers = Answers(
                eth_blockNumber=newest,
                eth_getTransactionByHash={},
                eth_getTransactionReceipt={**self.RECEIPT, "logs": []},
            )
            with listening(answers) as url:
                if not final:
                    assert node.Node(url).proof(self.PENDING) is None
                    continue
                with pytest.raises(RegisterError):
                    node.Node(url).proof(self.PENDING)

    def test_a_block_that_it_has_not_is_not_believed(self, world: World) -> None:
        parsed = evm.parse(world.proof)
        assert isinstance(parsed, evm.Proof)
        block = {"hash": "0x" + "00" * 32, "number": hex(parsed.block[0])}
        with listening(Answers(eth_chainId=hex(31338), eth_getBlockByNumber=block)) as url:
            assert node.ask(url, [world.proof, world.pending]).blocks == frozenset()
        with listening(Answers(eth_chainId="0x1", eth_getBlockByNumber=block)) as url:
            assert node.ask(url, [world.proof]).blocks == frozenset()


def test_without_the_extra_it_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rlp", None)
    monkeypatch.setitem(sys.modules, "web3", None)
    found = checked(world.proof, world.chain)
    assert (found.status, found.says) == (
        "unchecked",
        "Anchors on an EVM chain need the extra: pip install 'assay[evm]'.",
    )
    with pytest.raises(RegisterError, match="assay\\[evm\\]") as caught:
        node.Node(world.url)
    assert caught.value.reason == "unsupported"
