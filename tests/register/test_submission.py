"""Submissions: what a submitter signs, and what a log refuses."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from assay.errors import RegisterError
from assay.register import leaf
from assay.register.merkle import leaf_hash, root_from_inclusion, root_of
from assay.register.model import MAX_ENTRIES, MAX_MANIFEST, Entry, Opening, Submission
from assay.register.record import Record, decrypt
from assay.register.submission import Submitter, batch_of, check

ALICE, BOB = Submitter.generate(), Submitter.generate()


def record(number: int) -> Record:
    return Record(hashlib.sha256(str(number).encode()).digest(), number, "image/png")


def made(count: int = 3, public: bool = False, manifest: bytes | None = None) -> Submission:
    return ALICE.claims([(record(i), manifest) for i in range(count)], public)[0]


def changed(submission: Submission, number: int, **fields: object) -> Submission:
    entries = list(submission.entries)
    entries[number] = msgspec.structs.replace(entries[number], **fields)
    return msgspec.structs.replace(submission, entries=tuple(entries))


def flipped(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize("count", [1, 2, 3, 100, MAX_ENTRIES])
def test_what_a_submitter_makes_is_accepted(count: int) -> None:
    submission = made(count, public=count < 4, manifest=b"credentials" if count < 4 else None)
    assert check(submission) == [leaf_hash(entry.head) for entry in submission.entries]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_each_leaf_leads_to_what_was_signed(count: int) -> None:
    submission = made(count)
    root = root_of([leaf_hash(entry.head) for entry in submission.entries])
    for position in {0, 1 % count, count - 1}:
        batch = batch_of(submission, position)
        head = submission.entries[position].head
        assert root_from_inclusion(batch.position, batch.count, leaf_hash(head), batch.path) == root
        leaf.check_signature(batch.key, batch.count, root, submission.signature)
    with pytest.raises(RegisterError) as caught:
        batch_of(submission, count)
    assert caught.value.reason == "missing"


def test_the_same_claim_is_the_same_head_and_a_public_one_another() -> None:
    assert [entry.head for entry in made(3).entries] == [entry.head for entry in made(3).entries]
    assert not {entry.head for entry in made(3).entries} & {entry.head for entry in made(3, public=True).entries}
    with_manifest = made(3, manifest=b"credentials")
    assert with_manifest == made(3, manifest=b"credentials")
    assert with_manifest.entries[0].head != made(3).entries[0].head


def test_a_private_claim_hands_over_nothing_of_the_record() -> None:
    submission, openings = ALICE.claims([(record(1), b"credentials")])
    sent = msgspec.msgpack.encode(submission)
    for secret in (openings[0].record, openings[0].salt, record(1).digest, b"credentials"):
        assert secret not in sent
    head = submission.entries[0].head
    assert leaf.commit(openings[0].salt, openings[0].record) == head[2:34]
    assert decrypt(openings[0].salt, submission.entries[0].manifest or b"") == b"credentials"


def test_another_key_makes_another_commitment_of_the_same_file() -> None:
    mine, theirs = (by.claims([(record(1), None)])[0].entries[0].head for by in (ALICE, BOB))
    assert mine[2:34] != theirs[2:34]


def test_a_tombstone_names_the_leaf_that_is_forgotten() -> None:
    submission = ALICE.tombstone(b"\7" * 32, "example.org/log")
    check(submission)
    made = leaf.Leaf.parse(submission.entries[0].head + submission.signature)
    assert (made.kind, made.commitment, made.key_hash) == (leaf.Kind.TOMBSTONE, b"\7" * 32, ALICE.key_hash)
    assert made.manifest == leaf.log_hash("example.org/log")
    with pytest.raises(RegisterError, match="32 bytes"):
        ALICE.tombstone(b"short", "example.org/log")


PUBLIC = made(3, public=True, manifest=b"credentials")
FIRST = PUBLIC.entries[0]
OPENING = FIRST.opening or Opening(record=b"", salt=b"")
TOMBSTONE = ALICE.tombstone(bytes(32), "example.org/log")
BAD: dict[str, tuple[Callable[[], Submission], str, str]] = {
    "none": (lambda: msgspec.structs.replace(PUBLIC, entries=()), "malformed", "at least one"),
    "too many": (
        lambda: msgspec.structs.replace(PUBLIC, entries=tuple(Entry(head=bytes(98)) for _ in range(MAX_ENTRIES + 1))),
        "too_large",
        "1025",
    ),
    "short key": (lambda: msgspec.structs.replace(PUBLIC, key=bytes(31)), "malformed", "32 bytes"),
    "short signature": (lambda: msgspec.structs.replace(PUBLIC, signature=bytes(63)), "malformed", "64"),
    "wrong signature": (
        lambda: msgspec.structs.replace(PUBLIC, signature=flipped(PUBLIC.signature)),
        "signature",
        "does not verify",
    ),
    "another's key": (lambda: msgspec.structs.replace(PUBLIC, key=BOB.public), "key", "Entry 1 of 3"),
    "one more": (
        lambda: msgspec.structs.replace(PUBLIC, entries=PUBLIC.entries + made(4).entries[3:]),
        "signature",
        "does not verify",
    ),
    "one less": (lambda: msgspec.structs.replace(PUBLIC, entries=PUBLIC.entries[:2]), "signature", "does not verify"),
    "other order": (
        lambda: msgspec.structs.replace(PUBLIC, entries=PUBLIC.entries[::-1]),
        "signature",
        "does not verify",
    ),
    "repeated": (
        lambda: msgspec.structs.replace(PUBLIC, entries=(FIRST, *PUBLIC.entries)),
        "malformed",
        "Entry 2 of 4: The same head",
    ),
    "short head": (lambda: changed(PUBLIC, 1, head=FIRST.head[:-1]), "malformed", "Entry 2 of 3: The head"),
    "version": (lambda: changed(PUBLIC, 2, head=b"\2" + FIRST.head[1:]), "unsupported", "Entry 3 of 3: .* version 2"),
    "kind": (lambda: changed(PUBLIC, 2, head=b"\1\3" + FIRST.head[2:]), "unsupported", "kind 3"),
    "tombstone with manifest digest": (
        lambda: changed(PUBLIC, 2, head=b"\1\2" + FIRST.head[2:]),
        "malformed",
        "tombstone",
    ),
    "opening of another": (lambda: changed(PUBLIC, 1, opening=OPENING), "mismatch", "Entry 2 of 3: The opening"),
    "other salt": (
        lambda: changed(PUBLIC, 0, opening=Opening(record=OPENING.record, salt=bytes(32))),
        "mismatch",
        "opening",
    ),
    "short salt": (
        lambda: changed(PUBLIC, 0, opening=Opening(record=OPENING.record, salt=bytes(31))),
        "malformed",
        "salt",
    ),
    "no record": (
        lambda: changed(PUBLIC, 0, opening=Opening(record=b"\x80", salt=OPENING.salt)),
        "malformed",
        "A record is",
    ),
    "huge record": (
        lambda: changed(PUBLIC, 0, opening=Opening(record=bytes(5000), salt=OPENING.salt)),
        "too_large",
        "4096",
    ),
    "other manifest": (lambda: changed(PUBLIC, 0, manifest=b"other"), "mismatch", "manifest"),
    "manifest that the head knows nothing of": (lambda: changed(made(1), 0, manifest=b"x"), "mismatch", "manifest"),
    "huge manifest": (lambda: changed(PUBLIC, 0, manifest=bytes(MAX_MANIFEST + 1)), "too_large", "manifest"),
    "tombstone with opening": (lambda: changed(TOMBSTONE, 0, opening=OPENING), "malformed", "no opening"),
    "tombstone with manifest": (lambda: changed(TOMBSTONE, 0, manifest=b""), "malformed", "no manifest"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_submission_is_refused(name: str) -> None:
    make, reason, words = BAD[name]
    with pytest.raises(RegisterError, match=words) as caught:
        check(make())
    assert caught.value.reason == reason


def test_a_head_signed_twice_over_in_one_batch_is_refused_though_the_signature_holds() -> None:
    heads = [FIRST.head, FIRST.head]
    message = leaf.batch_message(2, root_of([leaf_hash(head) for head in heads]))
    submission = Submission(
        key=ALICE.public, signature=ALICE._private.sign(message), entries=tuple(Entry(head=head) for head in heads)
    )
    with pytest.raises(RegisterError, match="same head"):
        check(submission)


def test_a_submitter_makes_no_submission_that_would_be_refused() -> None:
    refused: list[tuple[list[tuple[Record, bytes | None]], str]] = [
        ([], "malformed"),
        ([(record(1), None), (record(1), None)], "malformed"),
        ([(record(i), None) for i in range(MAX_ENTRIES + 1)], "too_large"),
        ([(record(1), bytes(MAX_MANIFEST))], "too_large"),
    ]
    for claims, reason in refused:
        with pytest.raises(RegisterError) as caught:
            ALICE.claims(claims)
        assert caught.value.reason == reason


def test_a_key_is_kept_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "submitter.pem"
    submitter = Submitter.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["submitter.pem"]
    again = Submitter.load(path)
    assert (again.public, again.key_hash) == (submitter.public, hashlib.sha256(submitter.public).digest())
    assert again.claims([(record(1), b"m")]) == submitter.claims([(record(1), b"m")])


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "submitter.pem"
    Submitter.create(path)
    before = path.read_bytes()
    with pytest.raises(RegisterError) as caught:
        Submitter.create(path)
    assert caught.value.reason == "conflict"
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RegisterError) as caught:
        Submitter.create(tmp_path / "file" / "submitter.pem")
    assert caught.value.reason == "unwritable"


def test_what_is_no_key_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    p256 = generate_private_key(SECP256R1())
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    plain = ALICE._private.private_bytes(*forms, serialization.NoEncryption())
    files = {
        "garbage": b"secret words",
        "empty": b"",
        "cut": plain[:60],
        "p256": p256.private_bytes(*forms, serialization.NoEncryption()),
        "locked": ALICE._private.private_bytes(*forms, serialization.BestAvailableEncryption(b"x")),
        "huge": b"\n" * 20_000 + plain,
    }
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(RegisterError) as caught:
            Submitter.load(path)
        assert caught.value.reason == "key", name
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    with pytest.raises(RegisterError) as caught:
        Submitter.load(tmp_path / "nowhere")
    assert caught.value.reason == "missing"
    with pytest.raises(RegisterError) as caught:
        Submitter.load(tmp_path)
    assert caught.value.reason == "key"


def test_nothing_private_shows() -> None:
    secret = ALICE._private.private_bytes_raw().hex()
    assert secret not in repr(ALICE)
    assert repr(ALICE) == f"Submitter({ALICE.key_hash.hex()})"
    submission, (opening,) = ALICE.claims([(record(1), None)], public=True)
    for shown in (repr(opening), str(opening), repr(submission), f"{submission.entries}"):
        assert repr(opening.salt)[2:-1] not in shown
        assert repr(opening.record)[2:-1] not in shown
