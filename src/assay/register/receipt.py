"""The receipt: one file with which anyone can check, offline, that a leaf is in a log and what it says.

A C2SP tlog-proof, so that any reader of those can check inclusion and the signatures on the checkpoint. In ``extra`` is
a canonical CBOR list that Assay needs beside it, none of it believed before it is checked:
``[1, leaf, log key, [submitter's key, count, position, [hash, …]], [record, salt] or null, [[kind, proof], …]]``.
The log key is its type byte and the key; its name is the origin of the checkpoint.
"""

import re
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register import cbor
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, VerifierKey
from assay.register.leaf import Kind, Leaf, check_signature, key_hash
from assay.register.merkle import consistency_proof, inclusion_proof, leaf_hash, root_from_inclusion, verify_consistency
from assay.register.model import MAX_ENTRIES, Anchor, Batch, Opening
from assay.register.note import Note
from assay.register.ports import Register
from assay.register.proof import TlogProof
from assay.register.submission import check_opening
from assay.register.tiles import CHECKPOINT, WIDTH, TileTree, decode_bundle, entries_path, width_of

VERSION = 1
MAX_RECEIPT = 262_144
"""Bytes of a receipt that are read."""
MAX_ANCHORS = 16
_KIND = re.compile(r"[a-z0-9]{1,32}")


@dataclass(frozen=True)
class Receipt:
    """A receipt. ``log`` is the key that the receipt itself names: trust comes from a policy, not from here."""

    leaf: Leaf
    batch: Batch
    log: VerifierKey
    proof: TlogProof
    opening: Opening | None = None
    anchors: tuple[Anchor, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, its signatures not looked at."""
        return self.proof.checkpoint

    def encode(self) -> bytes:
        """The file. Raises RegisterError ``too_large``."""
        batch, opening = self.batch, self.opening
        extra = cbor.encode((
            VERSION, self.leaf.encode(), bytes((self.log.kind,)) + self.log.public,
            (batch.key, batch.count, batch.position, batch.path),
            None if opening is None else (opening.record, opening.salt),
            tuple((anchor.kind, anchor.proof) for anchor in self.anchors),
        ))  # fmt: skip
        data = TlogProof(self.proof.index, self.proof.proof, self.proof.note, extra).encode()
        if len(data) > MAX_RECEIPT:
            raise RegisterError(f"A receipt has at most {MAX_RECEIPT} bytes; this has {len(data)}.", "too_large")
        return data

    @classmethod
    def parse(cls, data: bytes) -> "Receipt":
        """Nothing is verified. Raises RegisterError: ``malformed``, ``too_large``, ``unsupported`` for another version,
        ``key`` for a log key that no log can have.
        """
        if len(data) > MAX_RECEIPT:
            raise RegisterError(f"A receipt has at most {MAX_RECEIPT} bytes; this has {len(data)}.", "too_large")
        proof = TlogProof.parse(data)
        checkpoint = proof.checkpoint
        if proof.extra is None:
            raise RegisterError("This is a tlog-proof, but not a receipt of Assay: it has no extra data.", "malformed")
        match cbor.decode(proof.extra, "The extra data of the receipt"):
            case [int(version), *_] if version != VERSION:
                raise RegisterError(
                    f"The receipt has version {version}; this Assay knows version {VERSION}.", "unsupported"
                )
            case [int(), bytes(leaf), bytes(log), list(batch), opening, list(anchors)]:
                return cls(
                    Leaf.parse(leaf), _batch(batch), _log_key(checkpoint.origin, log),
                    TlogProof(proof.index, proof.proof, proof.note), _opening(opening), _anchors(anchors),
                )  # fmt: skip
            case _:
                raise RegisterError("The extra data of the receipt are not the list that they should be.", "malformed")

    def check(self) -> None:
        """All that needs no file and no policy; :func:`assay.register.verify.verify` explains it step by step.

        Raises RegisterError: ``malformed``, ``mismatch``, ``key``, ``signature``, ``proof``.
        """
        if self.opening is not None:
            check_claim_opening(self.leaf, self.opening)
        check_batch(self.leaf, self.batch)
        self.proof.verify(leaf_hash(self.leaf.encode()))
        check_log(self.log, self.proof.note)


def check_claim_opening(leaf: Leaf, opening: Opening) -> None:
    """Whether an opening opens a leaf. Raises RegisterError: ``malformed``, ``mismatch``, ``too_large``,
    ``unsupported``.
    """
    if leaf.kind is Kind.TOMBSTONE:
        raise RegisterError("A tombstone has no opening.", "malformed")
    check_opening(opening, leaf.commitment)


def check_batch(leaf: Leaf, batch: Batch) -> None:
    """Whether the submitter whom the leaf names signed it, as part of this batch. Raises RegisterError: ``key``,
    ``proof``, ``signature``.
    """
    if key_hash(batch.key) != leaf.key_hash:
        raise RegisterError("The submitter's key is not the one that the leaf names.", "key")
    root = root_from_inclusion(batch.position, batch.count, leaf_hash(leaf.head), batch.path)
    check_signature(batch.key, batch.count, root, leaf.signature)


def check_log(log: VerifierKey, note: Note) -> None:
    """Whether a log signed a checkpoint in its own name. Raises RegisterError: ``key``, ``malformed``,
    ``signature``.
    """
    origin = Checkpoint.parse(note.text).origin
    if log.name != origin:
        raise RegisterError(f"The checkpoint is one of {origin[:80]!r}, not of {log.name[:80]!r}.", "key")
    if log.signed(note) is None:
        raise RegisterError(f"The checkpoint has no signature by the key of {log.name[:80]}.", "signature")


def issue(register: Register, index: int, opening: Opening | None = None, batch: Batch | None = None) -> Receipt:
    """The receipt of an entry, against the smallest anchored checkpoint that covers it, else the newest.

    ``opening`` defaults to what the register itself serves of a public claim, ``batch`` to what it knows. All that
    comes from the register is checked. Raises RegisterError: ``missing`` where there is no such entry, or not in the
    index yet; ``damaged`` where what the register gives does not hold together.
    """
    if index < 0:
        raise RegisterError(f"There is no entry {index}.", "missing")
    anchored = register.anchored(index + 1)
    data, anchors = anchored or (register.fetch(CHECKPOINT), ())
    note = Note.parse(data)
    size = Checkpoint.parse(note.text).size
    if index >= size:
        raise RegisterError(f"There is no entry {index}: the log has {size}.", "missing")
    leaf = Leaf.parse(_entry(register, index, size))
    if opening is None and leaf.kind is Kind.CLAIM:
        hit = register.get(index)
        opening = None if hit is None else hit.opening
    batch = batch or register.batch(index)
    if batch is None:
        raise RegisterError(f"Entry {index} is not in the register's index yet; ask again in a moment.", "missing")
    path = tuple(inclusion_proof(index, size, TileTree(register.fetch, size)))
    receipt = Receipt(leaf, batch, register.verifier, TlogProof(index, path, note), opening, anchors)
    try:
        receipt.check()
    except RegisterError as error:
        raise RegisterError(f"The register gives no receipt that holds for entry {index}: {error}", "damaged") from None
    return receipt


def upgrade(receipt: Receipt, register: Register) -> Receipt:
    """The receipt issued anew, which gets it the anchors that have come since; the opening stays.

    Raises RegisterError: those of :func:`issue` and of :meth:`Receipt.check`; ``key`` where the register is another
    log; ``fork`` where it shows another history than the receipt proves, which is evidence against the log and must be
    kept; ``conflict`` where it shows less than the receipt proves.
    """
    receipt.check()
    if register.verifier != receipt.log:
        raise RegisterError(f"The receipt is one of {receipt.log}, and this register is another.", "key")
    old = receipt.checkpoint
    newest = Checkpoint.parse(Note.parse(register.fetch(CHECKPOINT)).text)
    if newest.size < old.size:
        raise RegisterError(
            f"The register shows {newest.size} entries, and there were {old.size}: it is behind, or has gone back.",
            "conflict",
        )
    _check_history(register, old, newest)
    new = issue(register, receipt.proof.index, receipt.opening, receipt.batch)
    _check_history(register, *sorted((old, new.checkpoint), key=lambda checkpoint: checkpoint.size))
    return new


def _check_history(register: Register, low: Checkpoint, high: Checkpoint) -> None:
    """Whether one checkpoint extends the other, as far as the register shows. Raises RegisterError ``fork``."""
    proof = consistency_proof(low.size, high.size, TileTree(register.fetch, high.size))
    try:
        verify_consistency(low.size, high.size, proof, low.root, high.root)
    except RegisterError:
        raise RegisterError(
            f"The register does not show that what it had at {low.size} entries is in what it has at {high.size}. Keep "
            "the receipt and the register's checkpoint: if both are signed, they are evidence against the log.",
            "fork",
        ) from None


def _entry(register: Register, index: int, size: int) -> bytes:
    """One entry, from the bundle that holds it."""
    bundle, place = divmod(index, WIDTH)
    width = width_of(0, bundle, size)
    try:
        return decode_bundle(register.fetch(entries_path(bundle, width)), width)[place]
    except RegisterError as error:
        if error.reason != "missing" or width == WIDTH:
            raise
    return decode_bundle(register.fetch(entries_path(bundle)), WIDTH)[place]


def _log_key(origin: str, data: bytes) -> VerifierKey:
    if data[:1] not in (bytes((KeyType.ED25519,)), bytes((KeyType.MLDSA44,))):
        raise RegisterError("The log key in the receipt is of a type that no log has.", "unsupported")
    return VerifierKey(origin, KeyType(data[0]), data[1:])


def _batch(value: list[cbor.Value]) -> Batch:
    match value:
        case [bytes(key), int(count), int(position), list(path)] if len(key) == 32 and position < count <= MAX_ENTRIES:
            hashes = tuple(item for item in path if isinstance(item, bytes) and len(item) == 32)
            if len(hashes) == len(path):
                return Batch(key=key, count=count, position=position, path=hashes)
    raise RegisterError(
        "The batch in the receipt is not a key, a number of entries, a place among them and hashes.", "malformed"
    )


def _opening(value: cbor.Value) -> Opening | None:
    match value:
        case None:
            return None
        case [bytes(record), bytes(salt)]:
            return Opening(record=record, salt=salt)
    raise RegisterError("The opening in the receipt is not a record and a salt.", "malformed")


def _anchors(values: list[cbor.Value]) -> tuple[Anchor, ...]:
    found = []
    for value in values:
        match value:
            case [str(kind), bytes(proof)] if _KIND.fullmatch(kind):
                found.append(Anchor(kind=kind, proof=proof))
            case _:
                raise RegisterError("An anchor in the receipt is not a kind and a proof.", "malformed")
    if len(found) > MAX_ANCHORS:
        raise RegisterError(f"A receipt has at most {MAX_ANCHORS} anchors; this has {len(found)}.", "too_large")
    return tuple(found)


__all__ = [
    "MAX_ANCHORS", "MAX_RECEIPT", "Receipt", "check_batch", "check_claim_opening", "check_log", "issue", "upgrade",
]  # fmt: skip
