"""COSE receipts: made, read by the library's own verifier and by ours, and tampered with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from scitt_cose import build_receipt, sign_sign1, verify_receipt

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.cose import MAX_RECEIPT, CoseInclusion, check_cose_receipt, cose_receipt
from assay.register.keys import KeyType, SignerKey
from assay.register.merkle import inclusion_proof, leaf_hash, reader_of, root_of
from assay.register.note import Note
from assay.register.proof import TlogProof

SIGNER = SignerKey("log.example/one", KeyType.ED25519, bytes(range(32)))
ENTRIES = [bytes((i,)) * 162 for i in range(13)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOT = root_of(LEAVES)
PRIVATE = Ed25519PrivateKey.from_private_bytes(SIGNER.secret)
PRIVATE_PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC_PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _proof(index: int, signer: SignerKey = SIGNER, origin: str = SIGNER.name) -> TlogProof:
    text = Checkpoint(origin, len(LEAVES), ROOT).text
    path = tuple(inclusion_proof(index, len(LEAVES), reader_of(LEAVES)))
    return TlogProof(index, path, Note(text, (signer.sign(text),)))


RECEIPT = cose_receipt(ENTRIES[5], _proof(5), SIGNER)


def _refused(receipt: bytes, reason: str, entry: bytes = ENTRIES[5], signer: SignerKey = SIGNER) -> None:
    with pytest.raises(RegisterError) as caught:
        check_cose_receipt(receipt, entry, signer.verifier)
    assert caught.value.reason == reason


@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_two_verifiers_agree(index: int) -> None:
    receipt = cose_receipt(ENTRIES[index], _proof(index), SIGNER)
    assert check_cose_receipt(receipt, ENTRIES[index], SIGNER.verifier) == CoseInclusion(index, len(ENTRIES), ROOT)
    theirs = verify_receipt(receipt, leaf_entry_hex=ENTRIES[index].hex(), log_public_key_pem=PUBLIC_PEM)
    assert theirs.ok
    assert (theirs.leaf_index, theirs.tree_size, theirs.root) == (index, len(ENTRIES), ROOT.hex())
    assert (theirs.issuer, theirs.subject) == (SIGNER.name, LEAVES[index].hex())
    assert theirs.protected_header_ext == {4: SIGNER.verifier.key_id}


def test_the_same_bytes_as_the_library_makes() -> None:
    theirs = build_receipt(
        leaf_entry_hex=ENTRIES[5].hex(),
        leaf_index=5,
        tree_entries_hex=[entry.hex() for entry in ENTRIES],
        alg="EdDSA",
        log_private_key_pem=PRIVATE_PEM,
        iss=SIGNER.name,
        sub=LEAVES[5].hex(),
        kid=SIGNER.verifier.key_id,
    )
    assert theirs == RECEIPT


def test_it_is_a_receipt_of_the_rfc() -> None:
    message = cbor2.loads(RECEIPT)
    protected, unprotected, payload, signature = message.value
    assert message.tag == 18
    assert payload is None
    assert len(signature) == 64
    assert cbor2.loads(protected)[1] == -8
    assert cbor2.loads(protected)[395] == 1
    (inclusion,) = unprotected[396][-1]
    assert cbor2.loads(inclusion)[:2] in ([len(ENTRIES), 5], (len(ENTRIES), 5))


def test_another_entry_or_key() -> None:
    _refused(RECEIPT, "signature", entry=ENTRIES[6])
    _refused(RECEIPT, "signature", entry=b"")
    _refused(RECEIPT, "signature", signer=replace(SIGNER, secret=bytes(32)))
    _refused(RECEIPT, "key", signer=replace(SIGNER, name="log.example/two"))
    _refused(RECEIPT, "key", signer=replace(SIGNER, kind=KeyType.MLDSA44))


def test_no_flipped_bit_and_no_cut_goes_unseen() -> None:
    for place in range(len(RECEIPT)):
        for changed in (
            RECEIPT[:place] + bytes((RECEIPT[place] ^ 1,)) + RECEIPT[place + 1 :],
            RECEIPT[:place],
        ):
            try:
                found = check_cose_receipt(changed, ENTRIES[5], SIGNER.verifier)
            except RegisterError:
                continue
            # The tree size is not signed: only one that the same path fits to the same root can stand in its place.
            assert (found.index, found.root) == (5, ROOT)
    _refused(RECEIPT + b"\0", "malformed")
    _refused(b"", "malformed")
    _refused(bytes(MAX_RECEIPT + 1), "too_large")
    _refused(b"\x81" * MAX_RECEIPT, "malformed")


def _signed(protected: dict[Any, Any], payload: bytes = ROOT, detached: bool = True) -> bytes:
    inclusion = cbor2.dumps([len(ENTRIES), 5, list(_proof(5).proof)])
    made: bytes = sign_sign1(
        payload,
        alg="EdDSA",
        private_key_pem=PRIVATE_PEM,
        protected=protected,
        unprotected={396: {-1: [inclusion]}},
        detached=detached,
    )
    return made


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: _signed({395: 1, 15: {1: SIGNER.name}}), None),
        (lambda: _signed({395: 2, 15: {1: SIGNER.name}}), "unsupported"),
        (lambda: _signed({395: 3, 15: {1: SIGNER.name}}), "unsupported"),
        (lambda: _signed({15: {1: SIGNER.name}}), "unsupported"),
        (lambda: _signed({395: 1, 15: {1: "log.example/two"}}), "key"),
        (lambda: _signed({395: 1}), "key"),
        (lambda: _signed({395: 1, 15: {1: SIGNER.name}, 2: [99], 99: 1}), "signature"),
        (lambda: _signed({395: 1, 15: {1: SIGNER.name}}, payload=bytes(32)), "signature"),
        (lambda: _signed({395: 1, 15: {1: SIGNER.name}}, detached=False), "malformed"),
        (lambda: cbor2.dumps([1, 2, 3, 4]), "malformed"),
        (lambda: cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps(7), {}, None, b""])), "malformed"),
        (lambda: cbor2.dumps(cbor2.CBORTag(18, [b"", {}, None, b""])), "malformed"),
    ],
)
def test_what_the_log_might_sign_but_never_does(make: Callable[[], bytes], reason: str | None) -> None:
    if reason is None:
        assert check_cose_receipt(make(), ENTRIES[5], SIGNER.verifier).index == 5
    else:
        _refused(make(), reason)


def test_the_log_signs_only_what_it_has_published() -> None:
    thief = replace(SIGNER, secret=bytes(32))
    for entry, proof, signer, reason in (
        (ENTRIES[6], _proof(5), SIGNER, "proof"),
        (ENTRIES[5], _proof(5, signer=thief), SIGNER, "key"),
        (ENTRIES[5], _proof(5, origin="log.example/two"), SIGNER, "key"),
        (ENTRIES[5], _proof(5), replace(SIGNER, kind=KeyType.MLDSA44), "key"),
        (ENTRIES[5], replace(_proof(5), note=Note("x\n", ())), SIGNER, "malformed"),
    ):
        with pytest.raises(RegisterError) as caught:
            cose_receipt(entry, proof, signer)
        assert caught.value.reason == reason
