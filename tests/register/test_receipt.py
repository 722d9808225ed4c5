"""Receipts: made from a register that is not believed, read from files that are not believed."""

import dataclasses
from pathlib import Path

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.register.receipts import ALICE, ORIGIN, PICTURE, MemoryRegister, record, scene

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of, from_base64
from assay.register.keys import KeyType, SignerKey
from assay.register.local import LocalRegister
from assay.register.log import init
from assay.register.merkle import leaf_hash
from assay.register.model import Anchor
from assay.register.note import Note
from assay.register.proof import TlogProof
from assay.register.receipt import MAX_RECEIPT, Receipt, issue, upgrade
from assay.register.record import decrypt
from assay.register.submission import batch_of

SCENE = scene([KeyType.COSIGNATURE, KeyType.MLDSA44], batch=5)
RECEIPT = issue(SCENE.register, SCENE.index, SCENE.opening)
FILE = RECEIPT.encode()


def reason(data: bytes) -> str:
    with pytest.raises(RegisterError) as caught:
        Receipt.parse(data)
    return caught.value.reason


def with_extra(extra: bytes) -> bytes:
    lines = FILE.split(b"\n")
    return b"\n".join([lines[0], b"extra " + base64_of(extra).encode(), *lines[2:]])


def extra_of(data: bytes) -> list[object]:
    text = data.split(b"\n")[1].decode().removeprefix("extra ")
    value = cbor2.loads(from_base64(text, "It"))
    assert isinstance(value, list)
    return value


def but(**fields: object) -> Receipt:
    return dataclasses.replace(RECEIPT, **fields)  # type: ignore[arg-type]


def altered(place: int, value: object) -> bytes:
    extra = extra_of(FILE)
    extra[place] = value
    return with_extra(cbor2.dumps(extra))


@pytest.mark.parametrize("kinds", [[], [KeyType.COSIGNATURE] * 3, [KeyType.MLDSA44]])
@pytest.mark.parametrize(("before", "batch", "after"), [(0, 1, 0), (0, 3, 2), (255, 1, 0), (300, 20, 500)])
def test_a_receipt_of_any_entry_holds_and_comes_back(kinds: list[KeyType], before: int, batch: int, after: int) -> None:
    made = scene(kinds, before=before, batch=batch, after=after)
    receipt = issue(made.register, made.index, made.opening)
    again = Receipt.parse(receipt.encode())
    again.check()
    assert again == receipt
    assert again.encode() == receipt.encode()
    assert (again.proof.index, again.opening) == (made.index, made.opening)


def test_any_reader_of_tlog_proofs_can_check_inclusion() -> None:
    proof = TlogProof.parse(FILE)
    assert proof.verify(leaf_hash(RECEIPT.leaf.encode())).text == SCENE.register.note().text
    assert SCENE.register.verifier.signed(proof.note) == 0


def test_a_public_claim_brings_its_opening_and_a_private_one_none() -> None:
    register = MemoryRegister()
    for public in (True, False):
        submission, openings = ALICE.claims([(record(b"%d" % public), None)], public)
        index = register.submit(submission).positions[0].index
        assert issue(register, index).opening == (openings[0] if public else None)


def test_a_receipt_is_issued_against_the_smallest_anchored_checkpoint_that_covers_it() -> None:
    made = scene(after=500)
    anchor = Anchor(kind="opentimestamps", proof=b"proof")
    made.register.anchors = {made.index: (), made.index + 5: (anchor,), made.index + 100: ()}
    receipt = issue(made.register, made.index, made.opening)
    assert receipt.checkpoint.size == made.index + 5
    assert receipt.anchors == (anchor,)
    assert Receipt.parse(receipt.encode()) == receipt


def test_there_is_no_receipt_of_what_is_not_there() -> None:
    for index in (-1, len(SCENE.register.leaves)):
        with pytest.raises(RegisterError, match="no entry") as caught:
            issue(SCENE.register, index)
        assert caught.value.reason == "missing"
    made = scene()
    made.register.batches.clear()
    with pytest.raises(RegisterError, match="again in a moment"):
        issue(made.register, made.index)


def test_nothing_that_a_register_says_is_believed() -> None:
    other = ALICE.claims([(record(b"other"), None)])[1][0]
    with pytest.raises(RegisterError, match="does not open") as caught:
        issue(SCENE.register, SCENE.index, other)
    assert caught.value.reason == "damaged"

    made = scene(batch=2)
    made.register.batches[made.index] = made.register.batches[made.index - 1]
    with pytest.raises(RegisterError, match="does not verify"):
        issue(made.register, made.index, made.opening)

    class Flipped(MemoryRegister):
        def fetch(self, path: str) -> bytes:
            data = super().fetch(path)
            return data[:-1] + bytes((data[-1] ^ 1,)) if path.startswith("tile/0") else data

    made = scene()
    bad = Flipped(**vars(made.register))
    with pytest.raises(RegisterError, match="does not lead") as caught:
        issue(bad, made.index, made.opening)
    assert caught.value.reason == "damaged"


def test_an_upgrade_brings_a_newer_checkpoint_and_keeps_the_opening() -> None:
    made = scene(after=3)
    old = issue(made.register, made.index, made.opening)
    made.register.fill(600)
    new = upgrade(old, made.register)
    assert (old.checkpoint.size, new.checkpoint.size) == (made.index + 4, made.index + 604)
    assert (new.opening, new.leaf, new.batch) == (old.opening, old.leaf, old.batch)
    new.check()


def test_an_upgrade_may_go_back_to_an_older_checkpoint_that_is_anchored() -> None:
    made = scene(after=300)
    old = issue(made.register, made.index, made.opening)
    made.register.anchors[made.index + 7] = (Anchor(kind="rfc3161", proof=b"token"),)
    new = upgrade(old, made.register)
    assert new.checkpoint.size == made.index + 7 < old.checkpoint.size
    assert new.anchors


def test_an_upgrade_finds_a_fork() -> None:
    made = scene(before=10, after=3)
    old = issue(made.register, made.index, made.opening)
    made.register.leaves[3] = b"another".ljust(162, b".")
    for more in (0, 500):
        made.register.fill(more)
        with pytest.raises(RegisterError, match="evidence") as caught:
            upgrade(old, made.register)
        assert caught.value.reason == "fork"


def test_an_upgrade_finds_that_the_leaf_itself_was_exchanged() -> None:
    made = scene()
    old = issue(made.register, made.index, made.opening)
    other = made.register.submit(ALICE.tombstone(bytes(32), "example.org/log")).positions[0].index
    made.register.leaves[made.index], made.register.batches[made.index] = (
        made.register.leaves[other], made.register.batches[other],
    )  # fmt: skip
    issue(made.register, made.index)
    with pytest.raises(RegisterError) as caught:
        upgrade(old, made.register)
    assert caught.value.reason == "fork"


def test_an_upgrade_takes_no_anchored_checkpoint_of_another_history() -> None:
    made = scene()
    old = issue(made.register, made.index, made.opening)
    other = scene(before=made.index, after=9).register
    other.leaves[made.index] = made.register.leaves[made.index]

    class TwoFaced(MemoryRegister):
        def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
            return other.note(made.index + 1).encode(), ()

    other.leaves[3] = b"another".ljust(162, b".")
    with pytest.raises(RegisterError) as caught:
        upgrade(old, TwoFaced(**vars(made.register)))
    assert caught.value.reason == "damaged"


def test_partial_tiles_that_are_gone_are_read_from_full_ones() -> None:
    class Tidy(MemoryRegister):
        def fetch(self, path: str) -> bytes:
            if ".p/" in path and (int(path.split("/")[2][:3]) + 1) * 256 <= len(self.leaves):
                raise RegisterError("It is gone.", "missing")
            return super().fetch(path)

    made = scene(after=600)
    register = Tidy(**vars(made.register))
    register.anchors[made.index + 4] = ()
    receipt = issue(register, made.index, made.opening)
    assert receipt.checkpoint.size == made.index + 4
    receipt.check()
    with pytest.raises(RegisterError, match="gone"):
        register.fetch("tile/entries/000.p/14")
    register.leaves.clear()
    with pytest.raises(RegisterError) as caught:
        issue(register, made.index, made.opening)
    assert caught.value.reason == "missing"


def test_an_upgrade_refuses_a_register_that_went_back_or_is_another() -> None:
    made = scene(after=100)
    old = issue(made.register, made.index, made.opening)
    del made.register.leaves[-50:]
    with pytest.raises(RegisterError, match="gone back") as caught:
        upgrade(old, made.register)
    assert caught.value.reason == "conflict"
    made.register.signer = SignerKey.generate("register.example/test")
    with pytest.raises(RegisterError) as caught:
        upgrade(old, made.register)
    assert caught.value.reason == "key"


def test_a_receipt_that_does_not_hold_is_no_evidence_of_a_fork() -> None:
    text = Checkpoint("register.example/test", 11, bytes(32)).text
    note = Note(text, (SCENE.register.signer.sign(text + "other"),))
    forged = Receipt(RECEIPT.leaf, RECEIPT.batch, RECEIPT.log, TlogProof(10, (), note), RECEIPT.opening)
    with pytest.raises(RegisterError) as caught:
        upgrade(forged, SCENE.register)
    assert caught.value.reason == "proof"


@given(st.integers(0, len(FILE) - 1))
def test_a_receipt_cut_anywhere_is_refused_or_lacks_witnesses(at: int) -> None:
    """Signature lines at the end may be taken off whole: it is for a policy to miss them."""
    try:
        receipt = Receipt.parse(FILE[:at])
    except RegisterError:
        return
    assert receipt.encode() == FILE[:at]
    assert len(receipt.proof.note.signatures) < len(RECEIPT.proof.note.signatures)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_whatever_is_read_has_one_form(at: int, bit: int) -> None:
    data = FILE[:at] + bytes((FILE[at] ^ 1 << bit,)) + FILE[at + 1 :]
    try:
        receipt = Receipt.parse(data)
    except RegisterError:
        return
    assert receipt.encode() == data


@given(st.binary(max_size=400))
def test_any_extra_data_is_refused_or_comes_back(extra: bytes) -> None:
    try:
        receipt = Receipt.parse(with_extra(extra))
    except RegisterError:
        return
    assert receipt.encode() == with_extra(extra)


BATCH = extra_of(FILE)[3]
assert isinstance(BATCH, list)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "malformed"),
        (b"c2sp.org/tlog-proof@v2" + FILE[22:], "unsupported"),
        (FILE + b"\n", "malformed"),
        (FILE + b"x", "malformed"),
        (b" " * (MAX_RECEIPT + 1), "too_large"),
        (b"\n".join(FILE.split(b"\n")[:1] + FILE.split(b"\n")[2:]), "malformed"),
        (with_extra(cbor2.dumps(extra_of(FILE)) + b"\0"), "malformed"),
        (with_extra(cbor2.dumps(extra_of(FILE))[:-1]), "malformed"),
        (with_extra(b"\x86\x18\x01" + cbor2.dumps(extra_of(FILE))[2:]), "malformed"),
        (with_extra(cbor2.dumps({"a": 1})), "unsupported"),
        (altered(0, 2), "unsupported"),
        (altered(1, RECEIPT.leaf.encode()[:-1]), "malformed"),
        (altered(1, b"\2" + RECEIPT.leaf.encode()[1:]), "unsupported"),
        (altered(2, b"\4" + RECEIPT.log.public), "unsupported"),
        (altered(2, b"\1" + RECEIPT.log.public[1:]), "malformed"),
        (altered(2, b"\1" + bytes(32)), "key"),
        (altered(2, b""), "unsupported"),
        (altered(3, [ALICE.public[1:], *BATCH[1:]]), "malformed"),
        (altered(3, [ALICE.public, 5, 5, BATCH[3]]), "malformed"),
        (altered(3, [ALICE.public, 2000, 5, BATCH[3]]), "malformed"),
        (altered(3, [ALICE.public, 5, 4, [b"short"]]), "malformed"),
        (altered(4, [b"", b"", b""]), "malformed"),
        (altered(4, 0), "malformed"),
        (altered(5, [["opentimestamps"]]), "malformed"),
        (altered(5, [["Open Timestamps", b""]]), "malformed"),
        (altered(5, [["evm", b""]] * 17), "too_large"),
        (altered(5, None), "malformed"),
    ],
)
def test_a_bad_receipt_is_refused(data: bytes, expected: str) -> None:
    assert reason(data) == expected


def test_a_receipt_that_would_be_too_large_is_not_made() -> None:
    anchors = tuple(Anchor(kind="evm", proof=bytes(16_384)) for _ in range(16))
    with pytest.raises(RegisterError) as caught:
        Receipt(RECEIPT.leaf, RECEIPT.batch, RECEIPT.log, RECEIPT.proof, None, anchors).encode()
    assert caught.value.reason == "too_large"


def test_what_does_not_hold_together_is_told_apart() -> None:
    bob = issue(scene().register, 10)
    for receipt, expected in [
        (but(opening=ALICE.claims([(record(PICTURE + b"!"), None)])[1][0]), "mismatch"),
        (but(batch=msgspec.structs.replace(RECEIPT.batch, key=b"\3" * 32)), "key"),
        (but(batch=msgspec.structs.replace(RECEIPT.batch, path=())), "proof"),
        (but(batch=msgspec.structs.replace(RECEIPT.batch, position=0)), "proof"),
        (but(proof=bob.proof), "proof"),
        (but(log=SignerKey.generate(RECEIPT.log.name).verifier), "signature"),
        (but(log=SignerKey.generate("elsewhere").verifier), "key"),
    ]:
        with pytest.raises(RegisterError) as caught:
            receipt.check()
        assert caught.value.reason == expected


def test_a_log_in_a_folder_gives_receipts_that_hold_and_can_be_issued_anew(tmp_path: Path) -> None:
    init(tmp_path / "log", ORIGIN).close()
    submission, openings = ALICE.claims([(record(b"%d" % i), b"manifest %d" % i) for i in range(3)], public=True)
    with LocalRegister(tmp_path / "log") as register:
        first = register.submit(submission).positions
        receipts = [issue(register, position.index) for position in first]
        assert [receipt.opening for receipt in receipts] == openings
        assert [receipt.batch for receipt in receipts] == [batch_of(submission, i) for i in range(3)]
        kept = register.manifest(receipts[1].leaf.manifest)
        assert decrypt(openings[1].salt, kept or b"") == b"manifest 1"
        register.submit(ALICE.claims([(record(b"%d" % i), None) for i in range(300)])[0])
        again = register.submit(submission).positions
        assert [(p.index, p.duplicate) for p in again] == [(p.index, True) for p in first]
        for receipt in receipts:
            new = upgrade(Receipt.parse(receipt.encode()), register)
            assert new.checkpoint.size == 303
            assert (new.leaf, new.opening) == (receipt.leaf, receipt.opening)
