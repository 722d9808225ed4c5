"""What a receipt proves, in words; and that no policy is no trust."""

import hashlib
from collections import Counter

import msgspec
import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from tests.register.anchors.chains import EASE, Bitcoin
from tests.register.receipt_vectors import DIGEST, Vector, flip, vectors
from tests.register.receipts import ALICE, PICTURE, policy, scene

from assay.errors import RegisterError
from assay.register.anchors import Trust
from assay.register.anchors.bound import digest_of
from assay.register.anchors.headers import Headers
from assay.register.keys import KeyType
from assay.register.model import Anchor
from assay.register.policy import Policy
from assay.register.receipt import Receipt, issue
from assay.register.verify import CAUTION, Step, Verdict, Verification, judge, verify

STEPS = ["file", "opening", "submitter", "inclusion", "log", "cosignatures", "anchors"]
VECTORS = vectors()


def outcome(vector: Vector) -> tuple[Verification, Verdict] | str:
    try:
        receipt = Receipt.parse(vector.receipt)
        trusted = None if vector.policy is None else Policy.parse(vector.policy)
    except RegisterError as error:
        return error.reason
    found = verify(receipt, None if vector.digest is None else bytes.fromhex(vector.digest))
    return found, judge(found, trusted)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_each_vector_comes_out_as_it_must(vector: Vector) -> None:
    found = outcome(vector)
    if isinstance(found, str):
        assert found == vector.parse
        return
    verification, verdict = found
    assert vector.parse is None
    assert [step.name for step in verification.steps] == STEPS
    assert tuple(step.name for step in verification.steps if step.ok is False) == vector.failed
    assert (verdict.state, verdict.reason) == (vector.state, vector.reason)
    assert verification.sound == (not vector.failed)


def test_the_vectors_are_many_and_of_all_kinds() -> None:
    assert len({vector.name for vector in VECTORS}) == len(VECTORS) >= 100
    counted = Counter(vector.state or vector.parse for vector in VECTORS)
    assert {"trusted", "refused", "unvouched", "unsound", "malformed", "unsupported", "key", "too_large"} <= {*counted}


def test_it_is_explained_in_plain_words() -> None:
    made = scene([KeyType.COSIGNATURE, KeyType.MLDSA44], batch=3, before=10, after=5)
    found = verify(issue(made.register, made.index, made.opening), DIGEST)
    key = ALICE.key_hash.hex()[:16]
    log = f"register.example/test with key {made.register.verifier.key_id.hex()}"
    assert [step.says for step in found.steps] == [
        f"The file is the one of the record: its SHA-256 is {DIGEST.hex()}.",
        "Record and salt open the commitment in the leaf: this is what was claimed.",
        f"The holder of key {key}… signed the leaf, in a batch of 3.",
        "The leaf is entry 12, counted from 0, of a log of 18.",
        f"The checkpoint is signed by the log {log}, as the receipt names it.",
        "The checkpoint also bears signatures in the names of witness1.example, witness2.example: a policy says which "
        "of them count.",
        "The checkpoint has no anchor in this receipt.",
    ]
    assert [step.ok for step in found.steps] == [True, True, True, True, True, None, None]
    verdict = judge(found, policy(made))
    assert verdict.says.startswith(f"The holder of key {key}… claimed this file. ")
    assert verdict.says.endswith(CAUTION)
    assert [(w.name, w.time) for w in verdict.witnesses] == [("w1", 1_790_000_000), ("w2", 1_790_000_001)]
    assert verdict.window is not None
    assert verdict.window.not_after is not None
    assert verdict.window.not_after.timestamp() == 1_790_000_001
    assert not verdict.window.anchored


def test_no_word_says_that_anything_is_true() -> None:
    for vector in VECTORS:
        found = outcome(vector)
        if not isinstance(found, str):
            words = " ".join([found[1].says, *(step.says for step in found[0].steps)]).replace(CAUTION, "").lower()
            assert not any(word in words for word in (" true", "authentic", "genuine", "original", "real "))


def test_without_a_policy_nobody_vouches() -> None:
    made = scene([KeyType.COSIGNATURE])
    verdict = judge(verify(issue(made.register, made.index, made.opening), DIGEST), None)
    assert (verdict.state, verdict.witnesses, verdict.window) == ("unvouched", (), None)
    assert "nobody vouches for the log register.example/test" in verdict.says


def test_below_quorum_it_is_refused_and_says_who_is_missing() -> None:
    made = scene([KeyType.COSIGNATURE] * 3)
    made.register.cosigners = made.register.cosigners[:1]
    verdict = judge(verify(issue(made.register, made.index, made.opening), DIGEST), policy(made))
    assert (verdict.state, verdict.reason) == ("refused", "quorum")
    assert "'w2'" in verdict.says
    assert "'w3'" in verdict.says


def test_which_file_is_told_only_where_it_is_known() -> None:
    made = scene()
    receipt = issue(made.register, made.index, made.opening)
    assert f"claimed the file with SHA-256 {DIGEST.hex()}." in judge(verify(receipt), policy(made)).says
    hidden = issue(made.register, made.index)
    assert "of which file is not told" in judge(verify(hidden), policy(made)).says
    made.register.submit(ALICE.tombstone(bytes(32), "example.org/log"))
    stone = verify(issue(made.register, len(made.register.leaves) - 1))
    assert (stone.kind, stone.forgets, stone.claimed) == ("tombstone", "00" * 32, None)
    assert f"declared the claim with leaf hash {'00' * 32} forgotten." in judge(stone, policy(made)).says


def test_an_anchor_that_does_not_hold_is_told_and_left_out_of_account() -> None:
    made = scene([KeyType.COSIGNATURE])
    size = len(made.register.leaves)
    made.register.anchors[size] = (Anchor(kind="opentimestamps", proof=b"no proof at all"),)
    found = verify(issue(made.register, made.index, made.opening), DIGEST)
    anchors = found.steps[-1]
    assert (anchors.name, anchors.ok, anchors.reason) == ("anchors", False, "proof")
    verdict = judge(found, policy(made))
    assert verdict.state == "trusted"
    assert verdict.window is not None
    assert not verdict.window.anchored


def test_it_goes_through_json_and_back() -> None:
    made = scene([KeyType.MLDSA44])
    found = verify(issue(made.register, made.index, made.opening), DIGEST)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Verification) == found
    verdict = judge(found, policy(made))
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    assert found.claimed is not None
    assert (found.claimed.digest, found.claimed.media_type) == (DIGEST.hex(), "image/jpeg")
    assert found.claimed.fingerprints == (("pdq", bytes(range(32)).hex()),)


def test_no_flipped_bit_of_a_receipt_is_trusted_for_what_it_is_not() -> None:
    """Whatever a change leaves trusted says the same as before."""
    made = scene([KeyType.COSIGNATURE], batch=2)
    data, trusted = issue(made.register, made.index, made.opening).encode(), policy(made)
    before = judge(verify(Receipt.parse(data), DIGEST), trusted)
    for at in range(len(data)):
        try:
            found = verify(Receipt.parse(flip(data, at)), DIGEST)
        except RegisterError:
            continue
        verdict = judge(found, trusted)
        assert verdict == before or verdict.state in {"unsound", "refused"}, at


def test_a_picture_that_was_altered_is_not_the_one_of_the_receipt() -> None:
    made = scene()
    altered = hashlib.sha256(PICTURE + b".").digest()
    step = verify(issue(made.register, made.index, made.opening), altered).steps[0]
    says = f"This is another file: its SHA-256 is {altered.hex()}, and the receipt is about {DIGEST.hex()}."
    assert step == Step(name="file", ok=False, says=says, reason="mismatch")


def test_an_anchor_that_holds_bounds_the_time() -> None:
    made = scene([KeyType.COSIGNATURE], after=7)
    size = len(made.register.leaves) - 2
    bitcoin = Bitcoin()
    timestamp = Timestamp(digest_of(made.register.note(size).text))
    root = timestamp.ops.add(OpSHA256())
    root.attestations.add(BitcoinBlockHeaderAttestation(bitcoin.mine(root.msg)))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    made.register.anchors[size] = (Anchor(kind="opentimestamps", proof=context.getbytes()),)
    receipt = Receipt.parse(issue(made.register, made.index, made.opening).encode())
    trust = Trust(headers=Headers(bitcoin.by_height(), difficulty=EASE))

    found = verify(receipt, DIGEST, trust)
    assert (found.size, found.steps[-1].ok) == (size, True)
    verdict = judge(found, policy(made))
    assert verdict.window is not None
    assert verdict.window.anchored
    assert "claimed this file. Recorded not later than about " in verdict.says
    assert "block 900000 of the Bitcoin chain" in verdict.says

    unchecked = verify(receipt, DIGEST)
    assert unchecked.steps[-1].ok is None
    assert "block headers are needed" in unchecked.steps[-1].says
    assert "no anchor is proven" in judge(unchecked, policy(made)).says
