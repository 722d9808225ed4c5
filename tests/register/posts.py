"""Entries as a log hands them to its index, made by code."""

import hashlib
from collections.abc import Sequence

from assay.register.leaf import Kind, head
from assay.register.merkle import leaf_hash
from assay.register.model import Opening, Posted, Row, Submission
from assay.register.record import Record
from assay.register.submission import Submitter

ALGORITHM = "org.assay.dct"


def digest(number: int) -> bytes:
    """The digest of an imaginary file."""
    return hashlib.sha256(b"%d" % number).digest()


def record(number: int, *fingerprints: bytes) -> Record:
    """What is claimed of an imaginary file."""
    return Record(digest(number), number, "image/jpeg", tuple((ALGORITHM, f) for f in fingerprints))


def posted(submission: Submission, start: int, seen: int = 1_000) -> Posted:
    """A submission all of whose entries are new, from index ``start``."""
    rows = [
        Row(index=start + at, leaf=entry.head + submission.signature, position=at, opening=entry.opening)
        for at, entry in enumerate(submission.entries)
    ]
    heads = b"".join(leaf_hash(entry.head) for entry in submission.entries)
    return Posted(key=submission.key, signature=submission.signature, heads=heads, rows=tuple(rows), seen=seen)


def claims(
    submitter: Submitter, records: Sequence[Record], start: int, *, public: bool = True, seen: int = 1_000,
    manifest: bytes | None = None,
) -> Posted:  # fmt: skip
    """Claims signed together."""
    submission, _ = submitter.claims([(one, manifest) for one in records], public)
    return posted(submission, start, seen)


def many(key: bytes, start: int, count: int, seen: int = 1_000, fingerprints: Sequence[bytes] = ()) -> Posted:
    """Public claims with signatures that nobody checks here, quickly made."""
    hashed = hashlib.sha256(key).digest()
    heads, rows = [], []
    for at in range(count):
        chosen = fingerprints[at : at + 1]
        opening = Opening(record=record(start + at, *chosen).encode(), salt=digest(start + at + 10**9))
        commitment = hashlib.sha256(opening.salt).digest()
        made = head(Kind.CLAIM, commitment, bytes(32), hashed)
        heads.append(leaf_hash(made))
        rows.append(Row(index=start + at, leaf=made + bytes(64), position=at, opening=opening))
    return Posted(key=key, signature=bytes(64), heads=b"".join(heads), rows=tuple(rows), seen=seen)


def tombstone(submitter: Submitter, of: Posted, at: int, start: int) -> Posted:
    """A tombstone for entry ``at`` of a submission."""
    return posted(submitter.tombstone(leaf_hash(of.rows[at].leaf), "example.org/log"), start)
