"""Keys of notes: their text forms, the three kinds of signature, and what is refused."""

import struct
from dataclasses import replace

import pytest

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of
from assay.register.keys import KeyType, SignerKey, VerifierKey, key_id
from assay.register.note import Note, Signature

TEXT = Checkpoint("log.example", 5, bytes(range(32))).text
SIGNERS = [SignerKey("w.example", kind, bytes(range(32))) for kind in KeyType]
LOG, WITNESS, QUANTUM = SIGNERS
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The keys in the documentation of Go's package golang.org/x/mod/sumdb/note (BSD licence), and a note by them."""
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_go_keys_and_note() -> None:
    signer = SignerKey.parse(GO_SIGNER)
    verifier = VerifierKey.parse(GO_VERIFIER)
    assert signer.verifier == verifier
    assert (str(signer), str(verifier)) == (GO_SIGNER, GO_VERIFIER)
    note = Note.parse(GO_NOTE.encode())
    assert verifier.signed(note) == 0
    assert note.signatures == (signer.sign(note.text),)


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda s: s.kind.name)
def test_each_kind_signs_and_is_checked(signer: SignerKey) -> None:
    signature = signer.sign(TEXT, 1_679_315_147)
    assert signer.verifier.check(TEXT, signature) == (None if signer is LOG else 1_679_315_147)
    assert signature.key_id == key_id("w.example", signer.kind, signer.verifier.public)
    for changed in (TEXT.replace("5", "6"), TEXT.replace("log.", "log2.")):
        with pytest.raises(RegisterError) as caught:
            signer.verifier.check(changed, signature)
        assert caught.value.reason == "signature"
    for bad in (
        replace(signature, blob=signature.blob[:-1]),
        replace(signature, blob=signature.blob + b"\0"),
        replace(signature, blob=bytes((signature.blob[0] ^ 1,)) + signature.blob[1:]),
        replace(signature, name="other.example"),
        replace(signature, key_id=bytes(4)),
    ):
        with pytest.raises(RegisterError) as caught:
            signer.verifier.check(TEXT, bad)
        assert caught.value.reason == "signature"


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda s: s.kind.name)
def test_text_forms(signer: SignerKey) -> None:
    assert SignerKey.parse(str(signer)) == signer
    assert SignerKey.parse(str(signer) + "\n") == signer
    assert VerifierKey.parse(str(signer.verifier)) == signer.verifier
    assert signer.secret.hex() not in repr(signer)
    assert base64_of(signer.secret)[:20] not in repr(signer)


def test_the_message_of_an_ed25519_cosignature() -> None:
    """It is signed as the specification prints it: header line, time line, note text."""
    signature = WITNESS.sign(TEXT, 1_679_315_147)
    plain = replace(WITNESS, kind=KeyType.ED25519).sign(f"cosignature/v1\ntime 1679315147\n{TEXT}")
    assert signature.blob == struct.pack(">Q", 1_679_315_147) + plain.blob


def test_an_mldsa_cosignature_does_not_cover_extensions_but_commits_to_names() -> None:
    signature = QUANTUM.sign(TEXT, 7)
    assert QUANTUM.verifier.check(TEXT + "extension\n", signature) == 7
    renamed = replace(QUANTUM, name="v.example").verifier
    with pytest.raises(RegisterError):
        renamed.check(TEXT, Signature(renamed.name, renamed.key_id, signature.blob))
    long = replace(QUANTUM, name="w" * 256)
    with pytest.raises(RegisterError, match="255"):
        long.sign(TEXT, 7)
    with pytest.raises(RegisterError):
        QUANTUM.sign("no checkpoint\n", 7)


@pytest.mark.parametrize("signer", [WITNESS, QUANTUM], ids=lambda s: s.kind.name)
def test_a_time_beyond_63_bits_is_refused(signer: SignerKey) -> None:
    with pytest.raises(RegisterError):
        signer.verifier.check(TEXT, signer.sign(TEXT, 2**63))
    assert signer.verifier.check(TEXT, signer.sign(TEXT, 2**63 - 1)) == 2**63 - 1


def test_every_line_of_a_known_key_must_verify() -> None:
    good = WITNESS.sign(TEXT, 20)
    bad = replace(good, blob=good.blob[:-1] + bytes((good.blob[-1] ^ 1,)))
    stranger = Signature(good.name, bytes(4), b"nonsense")
    alike = Signature("other.example", good.key_id, b"nonsense")
    verifier = WITNESS.verifier
    assert verifier.signed(Note(TEXT, (stranger, good, alike, good))) == 20
    assert verifier.signed(Note(TEXT, (stranger, alike))) is None
    for lines in ((good, bad), (bad, good), (bad,)):
        with pytest.raises(RegisterError) as caught:
            verifier.signed(Note(TEXT, lines))
        assert caught.value.reason == "signature"


def test_the_earliest_of_several_times() -> None:
    lines = tuple(WITNESS.sign(TEXT, time) for time in (30, 10, 20))
    assert WITNESS.verifier.signed(Note(TEXT, lines)) == 10


def test_one_key_of_two_kinds_makes_two_signatures() -> None:
    assert LOG.verifier.key_id != WITNESS.verifier.key_id
    assert WITNESS.verifier.signed(Note(TEXT, (LOG.sign(TEXT),))) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed"),
        ("name", "malformed"),
        ("name+c74f20a3", "malformed"),
        (GO_VERIFIER.replace("c74f20a3", "c74f20a4"), "malformed"),
        (GO_VERIFIER.replace("c74f20a3", "C74F20A3"), "malformed"),
        (GO_VERIFIER.replace("Peter", "Petra"), "malformed"),
        (GO_VERIFIER.replace("PeterNeumann", ""), "malformed"),
        (GO_VERIFIER.replace("rN", "r N"), "malformed"),
        (GO_VERIFIER + "\n", "malformed"),
        (GO_VERIFIER + "+", "malformed"),
        (GO_VERIFIER[:-4], "malformed"),
        (GO_VERIFIER + "AAAA", "malformed"),
        ("n+00000000+", "unsupported"),
        ("n+00000000+Ag==", "unsupported"),
        ("n+00000000+//8=", "unsupported"),
        ("n+00000000+AQ==", "malformed"),
        ("n+00000000+Bg==", "malformed"),
    ],
)
def test_what_is_no_verifier_key(text: str, reason: str) -> None:
    with pytest.raises(RegisterError) as caught:
        VerifierKey.parse(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("kind", [KeyType.ED25519, KeyType.COSIGNATURE])
@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 1])
def test_weak_verifier_keys(kind: KeyType, y: int) -> None:
    public = y.to_bytes(32, "little")
    text = f"n+{key_id('n', kind, public).hex()}+{base64_of(bytes((kind,)) + public)}"
    with pytest.raises(RegisterError) as caught:
        VerifierKey.parse(text)
    assert caught.value.reason == "key"


@pytest.mark.parametrize(
    "text",
    [
        "",
        GO_VERIFIER,
        GO_SIGNER.replace("PRIVATE", "private"),
        GO_SIGNER.replace("c74f20a3", "00000000"),
        GO_SIGNER.replace("PeterNeumann", "Peter Neumann"),
        GO_SIGNER[:-4],
        GO_SIGNER.replace("+AY", "+AQ"),
        GO_SIGNER.replace("+AYE", "+/4E"),
        GO_SIGNER + "=",
    ],
)
def test_what_is_no_signer_key_and_no_secret_in_the_error(text: str) -> None:
    with pytest.raises(RegisterError) as caught:
        SignerKey.parse(text)
    assert caught.value.reason == "key"
    assert caught.value.__cause__ is None
    assert "FALVFGyNhPJEMzD1QIDr" not in str(caught.value)


def test_keys_are_made_anew() -> None:
    first, second = SignerKey.generate("a"), SignerKey.generate("a")
    assert first != second
    assert SignerKey.parse(str(first)) == first
    for name, secret in (("a b", bytes(32)), ("a", bytes(31)), ("a", b"")):
        with pytest.raises(RegisterError):
            SignerKey(name, KeyType.ED25519, secret)
    with pytest.raises(RegisterError):
        VerifierKey("a b", KeyType.ED25519, first.verifier.public)
    with pytest.raises(RegisterError):
        VerifierKey("a", KeyType.MLDSA44, first.verifier.public)
