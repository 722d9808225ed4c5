"""Receipts, sound and broken, with what must come of each: both verifiers, Python's and the browser's, must agree.

``python -m tests.register.receipt_vectors`` writes them as JSON, for verifiers in other languages.
"""

import base64
import dataclasses
import hashlib
import struct
import sys
from collections.abc import Iterator

import cbor2
import msgspec
from tests.register.receipts import (
    ALICE,
    ORIGIN,
    PICTURE,
    TIME,
    policy_of,
    record,
    scene,
    small_point_signature,
    witnesses,
)

from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of
from assay.register.keys import KeyType, SignerKey
from assay.register.leaf import Kind, Leaf, batch_message, commit, head
from assay.register.merkle import leaf_hash
from assay.register.model import Anchor, Batch, Opening
from assay.register.note import Note, Signature
from assay.register.receipt import Receipt, issue
from assay.register.record import Record

ED, ML = KeyType.COSIGNATURE, KeyType.MLDSA44
DIGEST = hashlib.sha256(PICTURE).digest()


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One case. ``digest`` (hex) is that of the file at hand. ``parse`` is the reason why the receipt, or else the
    policy, cannot be read; where both can, ``failed`` are the steps that fail, ``state`` and ``reason`` the verdict.
    """

    name: str
    receipt: bytes
    digest: str | None = DIGEST.hex()
    policy: str | None = None
    parse: str | None = None
    failed: tuple[str, ...] = ()
    state: str | None = None
    reason: str | None = None


def vectors() -> list[Vector]:
    """All of them."""
    return [*_sound(), *_broken(), *_unreadable(), *_policies()]


def _receipt(kinds: tuple[KeyType, ...] = (), **options: int) -> tuple[Receipt, str]:
    made = scene(kinds, **options)
    return issue(made.register, made.index, made.opening), made.policy


def _but(receipt: Receipt, **fields: object) -> Receipt:
    return dataclasses.replace(receipt, **fields)  # type: ignore[arg-type]


def _with_note(receipt: Receipt, note: Note) -> Receipt:
    return _but(receipt, proof=dataclasses.replace(receipt.proof, note=note))


def flip(data: bytes, at: int = 0) -> bytes:
    """The same with one bit flipped."""
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _sound() -> Iterator[Vector]:
    for kinds in ((), (ED,), (ED, ED, ED), (ML,), (ML, ML, ML), (ED, ML)):
        receipt, policy = _receipt(kinds, batch=3)
        name = f"sound, witnesses {'+'.join(kind.name for kind in kinds) or 'none'}"
        yield Vector(name=name, receipt=receipt.encode(), policy=policy, state="trusted")
    receipt, policy = _receipt((ED,), before=700, batch=100, after=3000)
    yield Vector(name="sound, in a large tree", receipt=receipt.encode(), policy=policy, state="trusted")
    receipt, policy = _receipt(before=0, after=0)
    yield Vector(name="sound, the only leaf", receipt=receipt.encode(), policy=policy, state="trusted")
    yield Vector(name="sound, no policy", receipt=receipt.encode(), state="unvouched")
    yield Vector(name="sound, no file", receipt=receipt.encode(), digest=None, policy=policy, state="trusted")
    hidden = _but(receipt, opening=None)
    yield Vector(name="hidden, no file", receipt=hidden.encode(), digest=None, policy=policy, state="trusted")
    many = scene()
    many.register.submit(ALICE.tombstone(b"\5" * 32, "example.org/log"))
    stone = issue(many.register, len(many.register.leaves) - 1)
    yield Vector(name="tombstone", receipt=stone.encode(), digest=None, policy=many.policy, state="trusted")
    anchored = _but(receipt, anchors=(Anchor(kind="somethingelse", proof=b"?"),))
    yield Vector(name="anchor of an unknown kind", receipt=anchored.encode(), policy=policy, state="trusted")
    note = receipt.proof.note.with_signatures((Signature("someone.else", b"1234", b"what this is, nobody knows"),))
    strange = _with_note(receipt, note)
    yield Vector(name="signature of a stranger", receipt=strange.encode(), policy=policy, state="trusted")


def _broken() -> Iterator[Vector]:
    receipt, policy = _receipt((ED, ED), batch=4, before=20)

    def case(name: str, broken: Receipt, *failed: str, reason: str, digest: str | None = DIGEST.hex()) -> Vector:
        return Vector(
            name=name, receipt=broken.encode(), digest=digest, policy=policy, failed=failed, state="unsound",
            reason=reason,
        )  # fmt: skip

    leaf, batch, proof = receipt.leaf, receipt.batch, receipt.proof
    opening = receipt.opening or Opening(record=b"", salt=b"")
    yield case("another file", receipt, "file", reason="mismatch", digest=hashlib.sha256(b"another").hexdigest())
    yield case("hidden, with a file", _but(receipt, opening=None), "file", reason="mismatch")
    salted = _but(receipt, opening=Opening(record=opening.record, salt=flip(opening.salt)))
    yield case("other salt", salted, "opening", reason="mismatch")
    short = _but(receipt, opening=Opening(record=opening.record, salt=opening.salt[1:]))
    yield case("short salt", short, "opening", reason="malformed")
    longer = Record(DIGEST, len(PICTURE) + 1, "image/jpeg", record(PICTURE).fingerprints).encode()
    yield case(
        "other size claimed", _but(receipt, opening=Opening(record=longer, salt=opening.salt)), "opening",
        reason="mismatch",
    )  # fmt: skip
    for name, data in _records().items():
        broken = _but(receipt, opening=Opening(record=data, salt=opening.salt))
        yield case(name, broken, "file", "opening", reason="malformed")
    stone = _but(receipt, leaf=Leaf(Kind.TOMBSTONE, leaf.commitment, leaf.manifest, leaf.key_hash, leaf.signature))
    yield case("claim turned tombstone", stone, "file", "opening", "submitter", "inclusion", reason="mismatch")
    signed = dataclasses.replace(leaf, signature=flip(leaf.signature, 9))
    yield case("other signature", _but(receipt, leaf=signed), "submitter", "inclusion", reason="signature")
    manifest = dataclasses.replace(leaf, manifest=b"\1" * 32)
    yield case("other manifest", _but(receipt, leaf=manifest), "submitter", "inclusion", reason="signature")
    for name, changed, reason in (
        ("another's key", {"key": flip(batch.key)}, "key"),
        ("batch path too short", {"path": batch.path[1:]}, "proof"),
        ("batch path too long", {"path": (*batch.path, bytes(32))}, "proof"),
        ("other batch path", {"path": (flip(batch.path[0]), *batch.path[1:])}, "signature"),
        ("other batch size", {"count": 3, "position": 2, "path": batch.path[:1]}, "signature"),
        ("other place in the batch", {"position": 1}, "signature"),
    ):
        yield case(name, _but(receipt, batch=msgspec.structs.replace(batch, **changed)), "submitter", reason=reason)
    for name, changed in (
        ("other index", {"index": proof.index + 1}),
        ("index beyond the tree", {"index": 10_000}),
        ("proof too short", {"proof": proof.proof[1:]}),
        ("proof too long", {"proof": (*proof.proof, bytes(32))}),
        ("other proof", {"proof": (flip(proof.proof[0]), *proof.proof[1:])}),
    ):
        yield case(name, _but(receipt, proof=dataclasses.replace(proof, **changed)), "inclusion", reason="proof")
    forged = _with_note(receipt, Note(Checkpoint(ORIGIN, proof.checkpoint.size, bytes(32)).text, proof.note.signatures))
    yield case("other root", forged, "inclusion", "log", reason="proof")
    first, *rest = proof.note.signatures
    bad = Signature(first.name, first.key_id, flip(first.blob))
    yield case(
        "log signature broken", _with_note(receipt, Note(proof.note.text, (bad, *rest))), "log", reason="signature"
    )
    yield case("two log signatures, one broken", _with_note(receipt, Note(proof.note.text, (first, bad))), "log",
               reason="signature")  # fmt: skip
    unsigned = _with_note(receipt, Note(proof.note.text, tuple(rest)))
    yield case("no log signature", unsigned, "log", reason="signature")
    other = _but(receipt, log=SignerKey.generate(ORIGIN).verifier)
    yield case("other log key", other, "log", reason="signature")
    pointed = _small_point(receipt)
    yield case("submitter's signature with a small point", pointed, "submitter", "inclusion", reason="signature")
    yield case("weak submitter key", _weak(receipt), "submitter", "inclusion", reason="key")


def _records() -> dict[str, bytes]:
    """Records that cannot be read."""
    good = record(PICTURE).encode()
    return {
        "record with more after it": good + b"\0",
        "record cut off": good[:-1],
        "record not canonical": good[:1] + b"\x18\1" + good[2:],
        "record of another version": good[:1] + b"\2" + good[2:],
        "record with fingerprints out of order": cbor2.dumps([1, DIGEST, 9, "image/jpeg", [["b", b"1"], ["a", b"1"]]]),
        "record with a float": cbor2.dumps([1, DIGEST, 9.5, "image/jpeg", []]),
        "record with a capital": cbor2.dumps([1, DIGEST, 9, "image/JPEG", []]),
        "record too large": cbor2.dumps([1, DIGEST, 9, "image/jpeg", [[f"a{i}", bytes(1024)] for i in range(5)]]),
    }


def _weak(receipt: Receipt) -> Receipt:
    """A leaf by a key of small order, under which the all-zero signature over anything may verify."""
    key = b"\1" + bytes(31)
    salt = b"\6" * 32
    encoded = record(PICTURE).encode()
    digest = hashlib.sha256(key).digest()
    leaf = Leaf(Kind.CLAIM, commit(salt, encoded), bytes(32), digest, key + bytes(32))
    batch = Batch(key=key, count=1, position=0, path=())
    return _but(receipt, leaf=leaf, batch=batch, opening=Opening(record=encoded, salt=salt))


def _small_point(receipt: Receipt) -> Receipt:
    """A leaf that its submitter signed in a way that no honest signer does, and that verifiers differ on."""
    seed = b"\7" * 32
    salt = b"\6" * 32
    encoded = record(PICTURE).encode()
    key = SignerKey("anyone", KeyType.ED25519, seed).verifier.public
    named = hashlib.sha256(key).digest()
    hashed = leaf_hash(head(Kind.CLAIM, commit(salt, encoded), bytes(32), named))
    signature = small_point_signature(seed, batch_message(1, hashed))
    leaf = Leaf(Kind.CLAIM, commit(salt, encoded), bytes(32), named, signature)
    batch = Batch(key=key, count=1, position=0, path=())
    return _but(receipt, leaf=leaf, batch=batch, opening=Opening(record=encoded, salt=salt))


def _unreadable() -> Iterator[Vector]:
    receipt, policy = _receipt((ED,), batch=2)
    file = receipt.encode()
    lines = file.split(b"\n")
    extra = cbor2.loads(base64.b64decode(lines[1].removeprefix(b"extra ")))

    def line(at: int, data: bytes | None) -> bytes:
        return b"\n".join([*lines[:at], *([] if data is None else [data]), *lines[at + 1 :]])

    def coded(value: object) -> bytes:
        return line(1, b"extra " + base64_of(value if isinstance(value, bytes) else cbor2.dumps(value)).encode())

    def changed(place: int, value: object) -> bytes:
        return coded([*extra[:place], value, *extra[place + 1 :]])

    index = receipt.proof.index
    encoded = cbor2.dumps(extra)
    blank = lines.index(b"")
    unreadable: list[tuple[str, bytes, str]] = [
        ("empty file", b"", "malformed"),
        ("some other file", b"\xff\xd8\xff\xe0 not a receipt", "malformed"),
        ("another version of tlog-proof", line(0, b"c2sp.org/tlog-proof@v2"), "unsupported"),
        ("cut in the proof", file[: file.index(b"index")], "malformed"),
        ("cut in a signature", file[:-5], "malformed"),
        ("a line more", file + b"\n", "malformed"),
        ("carriage returns", file.replace(b"\n", b"\r\n"), "malformed"),
        ("too large", file + b" " * 262_144, "too_large"),
        ("no extra data", line(1, None), "malformed"),
        ("base64 not canonical", line(1, lines[1].rstrip(b"=") + b"="), "malformed"),
        ("base64 with a space", line(1, lines[1] + b" "), "malformed"),
        ("index with a zero before it", line(2, b"index 0%d" % index), "malformed"),
        ("index with a sign", line(2, b"index +%d" % index), "malformed"),
        ("index too large", line(2, b"index 9223372036854775808"), "malformed"),
        ("a hash too short", line(3, base64_of(bytes(31)).encode()), "malformed"),
        ("64 hashes", b"\n".join(lines[:3] + [base64_of(bytes(32)).encode()] * 64 + lines[blank:]), "malformed"),
        ("tree size with a zero before it", line(blank + 2, b"0" + lines[blank + 2]), "malformed"),
        ("extra with more after it", coded(encoded + b"\0"), "malformed"),
        ("extra cut off", coded(encoded[:-1]), "malformed"),
        ("extra not canonical", coded(encoded[:1] + b"\x18\1" + encoded[2:]), "malformed"),
        ("extra of indefinite length", coded(b"\x9f" + encoded[1:] + b"\xff"), "malformed"),
        ("extra is a map", coded({"a": 1}), "unsupported"),
        ("extra is a number", coded(7), "malformed"),
        ("another version of receipt", changed(0, 2), "unsupported"),
        ("leaf cut off", changed(1, extra[1][:-1]), "malformed"),
        ("leaf of another version", changed(1, b"\2" + extra[1][1:]), "unsupported"),
        ("leaf of another kind", changed(1, b"\1\7" + extra[1][2:]), "unsupported"),
        ("log key of a witness", changed(2, b"\4" + extra[2][1:]), "unsupported"),
        ("log key of small order", changed(2, b"\1" + bytes(32)), "key"),
        ("log key not canonical", changed(2, b"\1" + b"\xff" * 32), "key"),
        ("log key cut off", changed(2, extra[2][:-1]), "malformed"),
        ("batch without entries", changed(3, [extra[3][0], 0, 0, []]), "malformed"),
        ("batch too large", changed(3, [extra[3][0], 1025, 0, []]), "malformed"),
        ("batch path of no hashes", changed(3, [*extra[3][:3], [b"x"]]), "malformed"),
        ("opening of three", changed(4, [b"", b"", b""]), "malformed"),
        ("anchor of one", changed(5, [["evm"]]), "malformed"),
        ("17 anchors", changed(5, [["evm", b""]] * 17), "too_large"),
    ]
    for name, data, reason in unreadable:
        yield Vector(name=name, receipt=data, policy=policy, parse=reason)


def _policies() -> Iterator[Vector]:
    kinds = (ED, ED, ML)
    made = scene(kinds, batch=2)
    receipt = issue(made.register, made.index, made.opening)
    signers = witnesses(*kinds)
    log = made.register.verifier
    proof = receipt.proof
    log_line, *cosigned = proof.note.signatures

    def case(name: str, text: str, state: str, reason: str | None = None, broken: Receipt = receipt) -> Vector:
        return Vector(name=name, receipt=broken.encode(), policy=text, state=state, reason=reason)

    def signed(*signatures: Signature) -> Receipt:
        return _with_note(receipt, Note(proof.note.text, (log_line, *signatures)))

    two, three = (policy_of(log, signers, n) for n in (2, 3))
    yield case("two of three, all there", two, "trusted")
    yield case("two of three, two there", two, "trusted", broken=signed(*cosigned[1:]))
    yield case("two of three, one there", two, "refused", "quorum", signed(cosigned[2]))
    yield case("three of three, two there", three, "refused", "quorum", signed(*cosigned[:2]))
    yield case("three of three, none there", three, "refused", "quorum", signed())
    yield case(
        "a witness cosigned twice",
        two,
        "refused",
        "quorum",
        signed(cosigned[0], signers[0].sign(proof.note.text, TIME + 99)),
    )
    yield case("a witness's earlier time counts", policy_of(log, signers[:1], 1), "trusted",
               broken=signed(signers[0].sign(proof.note.text, TIME + 9999), cosigned[0]))  # fmt: skip
    for at, kind in ((0, "Ed25519"), (2, "ML-DSA-44")):
        one = cosigned[at]
        bad = Signature(one.name, one.key_id, flip(one.blob, 20))
        rest = [signature for signature in cosigned if signature is not one]
        yield case(f"broken {kind} cosignature of a known witness", two, "refused", "signature", signed(bad, *rest))
        timed = Signature(one.name, one.key_id, flip(one.blob, 7))
        yield case(f"{kind} cosignature with another time", two, "refused", "signature", signed(timed, *rest))
    short = Signature(cosigned[0].name, cosigned[0].key_id, cosigned[0].blob[:-1])
    yield case("cosignature cut off", two, "refused", "signature", signed(short, *cosigned[1:]))
    late = signers[0].sign(proof.note.text, 2**63)
    yield case("cosignature with an impossible time", two, "refused", "signature", signed(late, *cosigned[1:]))
    text = proof.note.text
    point = small_point_signature(signers[0].secret, f"cosignature/v1\ntime {TIME}\n{text}".encode())
    small = Signature(cosigned[0].name, cosigned[0].key_id, struct.pack(">Q", TIME) + point)
    yield case("cosignature with a small point", two, "refused", "signature", signed(small, *cosigned[1:]))
    quantum = SignerKey(ORIGIN, ML, b"\x08" * 32)
    for extension, state, why in (("", "trusted", None), ("an extension\n", "refused", "key")):
        longer = Note(text + extension, (quantum.sign(text), signers[2].sign(text, TIME)))
        yield case(
            f"a log that signs with ML-DSA-44 alone, extension {extension!r}",
            policy_of(quantum.verifier, signers[2:], 1), state, why,
            _but(_with_note(receipt, longer), log=quantum.verifier),
        )  # fmt: skip
    longest = text + "\N{MUSICAL SYMBOL G CLEF}" * (16_384 - len(text) - 1) + "\n"
    many = Note(longest, (made.register.signer.sign(longest), signers[0].sign(longest, TIME)))
    whole = _with_note(receipt, many)
    yield case("a text of as many characters as are read", policy_of(log, signers[:1], 1), "trusted", broken=whole)
    untimed = signers[2].sign(proof.note.text, 0)
    yield case("cosignature without a time", policy_of(log, signers[2:], 1), "trusted", broken=signed(untimed))
    for last in (253_402_300_739, 253_402_300_740, 2**63 - 1):
        far = signed(signers[0].sign(proof.note.text, last))
        yield case(f"cosignature at {last}", policy_of(log, signers[:1], 1), "trusted", broken=far)
    other = SignerKey.generate(ORIGIN).verifier
    yield case("another log of the same name", policy_of(other, signers, 2), "refused", "key")
    elsewhere = SignerKey.generate("register.example/other").verifier
    yield case("another log", policy_of(elsewhere, signers, 2), "refused", "key")
    keys = [signer.verifier for signer in signers]
    nested = (
        f"# comment\n\tlog {log} https://register.example/\nlog {elsewhere}\n\nwitness a {keys[0]} https://a.example\n"
        f"witness b {keys[1]}\nwitness c {keys[2]}\ngroup ab any a b\ngroup all all ab c\nquorum all\n"
    )
    yield case("groups in groups", nested, "trusted")
    yield case("groups in groups, c missing", nested, "refused", "quorum", signed(*cosigned[:2]))
    yield case("groups in groups, a missing", nested, "trusted", broken=signed(*cosigned[1:]))
    start = f"log {log}\nwitness a {keys[0]}\nwitness b {keys[1]}\n"
    wrong = str(keys[2]).replace("+", "+0", 1)
    for name, text, reason in (
        ("policy without a quorum", start, "malformed"),
        ("policy with two quorums", start + "quorum none\nquorum a\n", "malformed"),
        ("policy with an unknown name", start + "quorum z\n", "malformed"),
        ("policy with a name twice", start + f"witness a {keys[2]}\nquorum a\n", "malformed"),
        ("policy with a key twice", start + f"witness z {keys[0]}\nquorum a\n", "malformed"),
        ("policy with a member twice", start + "group g all a a\nquorum g\n", "malformed"),
        ("policy with a member in two groups", start + "group g all a b\ngroup h any a\nquorum g\n", "malformed"),
        ("policy with a group before its member", start + "group g all c\nquorum g\n", "malformed"),
        ("policy that asks for more than there are", start + "group g 3 a b\nquorum g\n", "malformed"),
        ("policy that asks for none of a group", start + "group g 0 a b\nquorum g\n", "malformed"),
        ("policy with a threshold not canonical", start + "group g 01 a b\nquorum g\n", "malformed"),
        ("policy with an empty group", start + "group g all\nquorum g\n", "malformed"),
        ("policy with none as a name", start + f"witness none {keys[2]}\nquorum a\n", "malformed"),
        ("policy with a strange line", start + "trust me\nquorum a\n", "malformed"),
        ("policy with a carriage return", start + "quorum a\r\n", "malformed"),
        ("policy with a log as a witness", start + f"witness l {elsewhere}\nquorum a\n", "malformed"),
        ("policy with a witness as a log", start + f"log {keys[1]}\nquorum a\n", "malformed"),
        ("policy with a wrong key hash", start + f"witness z {wrong}\nquorum a\n", "malformed"),
        ("policy with a key of an unknown type", start + "witness z x+00000000+CQ==\nquorum a\n", "unsupported"),
    ):
        yield Vector(name=name, receipt=receipt.encode(), policy=text, parse=reason)


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(vectors())).decode() + "\n")
