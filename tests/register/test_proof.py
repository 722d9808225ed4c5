"""Proofs in a file: what they say, and what is refused."""

from dataclasses import replace

import pytest

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, SignerKey
from assay.register.merkle import inclusion_proof, leaf_hash, reader_of, root_of
from assay.register.note import Note
from assay.register.proof import MAX_FILE, TlogProof

SIGNER = SignerKey("log.example", KeyType.ED25519, bytes(32))
LEAVES = [leaf_hash(bytes((i,))) for i in range(11)]


def _proof(index: int, extra: bytes | None = None) -> TlogProof:
    text = Checkpoint(SIGNER.name, len(LEAVES), root_of(LEAVES)).text
    path = inclusion_proof(index, len(LEAVES), reader_of(LEAVES))
    return TlogProof(index, tuple(path), Note(text, (SIGNER.sign(text),)), extra)


def _refused(data: bytes, reason: str = "malformed") -> None:
    with pytest.raises(RegisterError) as caught:
        TlogProof.parse(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize("extra", [None, b"", b"x", bytes(range(256))])
@pytest.mark.parametrize("index", [0, 7, 10])
def test_round_trip(index: int, extra: bytes | None) -> None:
    proof = _proof(index, extra)
    again = TlogProof.parse(proof.encode())
    assert again == proof
    assert again.encode() == proof.encode()
    assert again.verify(LEAVES[index]).size == len(LEAVES)


def test_the_form_is_that_of_the_specification() -> None:
    lines = _proof(10, b"more").encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 10"]
    assert lines[5] == ""
    assert lines[6:8] == ["log.example", "11"]
    assert _proof(0).encode().startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n")


def test_another_leaf_index_or_hash_does_not_verify() -> None:
    proof = _proof(4)
    flipped = bytes((proof.proof[0][0] ^ 1,)) + proof.proof[0][1:]
    for wrong, leaf in (
        (proof, LEAVES[5]),
        (proof, LEAVES[4][:31]),
        (replace(proof, index=5), LEAVES[4]),
        (replace(proof, index=11), LEAVES[4]),
        (replace(proof, proof=proof.proof[:-1]), LEAVES[4]),
        (replace(proof, proof=(*proof.proof, bytes(32))), LEAVES[4]),
        (replace(proof, proof=(flipped, *proof.proof[1:])), LEAVES[4]),
    ):
        with pytest.raises(RegisterError) as caught:
            wrong.verify(leaf)
        assert caught.value.reason == "proof"


def test_a_proof_of_a_note_that_is_no_checkpoint() -> None:
    proof = replace(_proof(0), note=Note("hello\n", (SIGNER.sign("hello\n"),)))
    assert TlogProof.parse(proof.encode()) == proof
    with pytest.raises(RegisterError) as caught:
        proof.verify(LEAVES[0])
    assert caught.value.reason == "malformed"


def test_every_truncation_is_refused() -> None:
    data = _proof(3, b"extra").encode()
    for length in range(len(data)):
        with pytest.raises(RegisterError):
            TlogProof.parse(data[:length])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1\n", b"tlog-proof@v1 \n"),
        (b"c2sp.org/", b"C2SP.org/"),
        (b"index 4", b"index 04"),
        (b"index 4", b"index -4"),
        (b"index 4", b"index  4"),
        (b"index 4", b"index 4\r"),
        (b"index 4", b"index 4\nindex 4"),
        (b"index 4\n", b""),
        (b"index 4", b"index 9223372036854775808"),
        (b"extra eA==\n", b"extra eA==\nextra eA==\n"),
        (b"extra eA==\n", b"extra eA\n"),
        (b"extra eA==\n", b"extra eB==\n"),
        (b"extra eA==\n", b"extra\n"),
        (b"extra eA==\nindex 4\n", b"index 4\nextra eA==\n"),
        (b"\n\nlog.example", b"\n\xff\n\nlog.example"),
        (b"\n\nlog.example", b"\nAAAA\n\nlog.example"),
        (b"\n\nlog.example", b"\n\n\nlog.example"),
    ],
)
def test_what_is_not_canonical_is_refused(old: bytes, new: bytes) -> None:
    data = _proof(4, b"x").encode()
    assert old in data
    with pytest.raises(RegisterError):
        TlogProof.parse(data.replace(old, new)).checkpoint  # noqa: B018


def test_limits_and_versions() -> None:
    _refused(b"c2sp.org/tlog-proof@v2\nindex 0\n\n", "unsupported")
    _refused(_proof(0, bytes(MAX_FILE)).encode(), "too_large")
    _refused(replace(_proof(0), proof=(bytes(32),) * 64).encode())
    TlogProof.parse(replace(_proof(0), proof=(bytes(32),) * 63).encode())
