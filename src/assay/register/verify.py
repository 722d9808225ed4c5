"""What a receipt proves, step by step, and whether a policy accepts it: two questions, answered apart.

:func:`verify` needs only the receipt, and the file's digest; :func:`judge` asks a policy whether the log and enough of
its witnesses are ones that somebody vouches for. Nothing here opens a connection.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from assay.errors import RegisterError
from assay.register.anchors import Bound, Trust
from assay.register.anchors import check as check_anchor
from assay.register.encoding import base64_of
from assay.register.leaf import Kind
from assay.register.merkle import leaf_hash
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.receipt import Receipt, check_batch, check_claim_opening, check_log
from assay.register.record import Record
from assay.register.window import Window, window

_ANCHORS = "anchors"
_SUBMITTER = {
    "key": "The submitter's key in the receipt is not the one that the leaf names, or none that a signer can have.",
    "proof": "The leaf is not part of the batch that its submitter signed.",
    "signature": "The submitter's signature does not verify.",
}
CAUTION = "A claim is no proof that what the file shows is true, nor that whoever holds the key made it."


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. ``ok`` is None where there was nothing to look at, or it is for a policy to say; ``reason``
    is that of a :class:`~assay.errors.RegisterError` where it is False.
    """

    name: str
    ok: bool | None
    says: str
    reason: str | None = None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What the record says. Digest and fingerprints are hex; a fingerprint is its algorithm and its bits."""

    digest: str
    size: int
    media_type: str
    fingerprints: tuple[tuple[str, str], ...]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of each step, and the facts of the receipt, which hold as far as the steps do.

    ``sound``: no step failed, but for anchors, which only add to what is known of the time. ``submitter`` is the
    SHA-256 of the submitter's key, ``leaf`` the leaf hash, ``forgets`` the leaf hash that a tombstone names: all hex.
    ``log`` is the verifier key that the receipt names, ``root`` base64 as in the checkpoint, ``checkpoint`` the note.
    """

    steps: tuple[Step, ...]
    sound: bool
    kind: Literal["claim", "tombstone"]
    index: int
    leaf: str
    submitter: str
    claimed: Claimed | None
    forgets: str | None
    origin: str
    size: int
    root: str
    log: str
    checkpoint: bytes
    bounds: tuple[Bound, ...]
    schema: str = "assay/register-verification/1"


class Witnessed(msgspec.Struct, frozen=True, kw_only=True):
    """A witness that counts: its name in the policy, its verifier key, and its time (POSIX seconds; 0 for none)."""

    name: str
    key: str
    time: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``trusted``: sound, and the policy accepts the checkpoint. ``refused``: sound, and it does not. ``unvouched``:
    sound, and no policy was given. ``unsound``: a step failed. ``reason`` is that of the error where there is one.
    """

    state: Literal["trusted", "refused", "unvouched", "unsound"]
    says: str
    reason: str | None = None
    witnesses: tuple[Witnessed, ...] = ()
    window: Window | None = None
    schema: str = "assay/register-verdict/1"


def verify(receipt: Receipt, digest: bytes | None = None, trust: Trust | None = None) -> Verification:
    """Look at everything in a receipt. ``digest`` is the SHA-256 of the file at hand, ``trust`` the clocks that are
    believed of anchors. Never raises for what the receipt holds.
    """
    record = _record(receipt)
    checkpoint = receipt.checkpoint
    text = receipt.proof.note.text
    bounds = tuple(check_anchor(anchor, text, trust or Trust()) for anchor in receipt.anchors)
    steps = (
        _file(receipt, record, digest), _opening(receipt), _submitter(receipt), _inclusion(receipt), _log(receipt),
        _cosignatures(receipt), _anchors(bounds),
    )  # fmt: skip
    leaf = receipt.leaf
    tombstone = leaf.kind is Kind.TOMBSTONE
    return Verification(
        steps=steps, sound=all(step.ok is not False or step.name == _ANCHORS for step in steps),
        kind="tombstone" if tombstone else "claim", index=receipt.proof.index,
        leaf=leaf_hash(leaf.encode()).hex(), submitter=leaf.key_hash.hex(), claimed=_claimed(record),
        forgets=leaf.commitment.hex() if tombstone else None, origin=checkpoint.origin, size=checkpoint.size,
        root=base64_of(checkpoint.root), log=str(receipt.log), checkpoint=receipt.proof.note.encode(), bounds=bounds,
    )  # fmt: skip


def judge(verification: Verification, policy: Policy | None) -> Verdict:
    """Whether a policy accepts what was verified. Never raises."""
    bad = next((step for step in verification.steps if step.ok is False and step.name != _ANCHORS), None)
    if bad is not None:
        return Verdict(state="unsound", says=f"This receipt proves nothing here. {bad.says}", reason=bad.reason)
    if policy is None:
        return Verdict(
            state="unvouched",
            says=f"The receipt is sound in itself, but nobody vouches for the log {verification.origin}: whoever runs "
            "it may show others another history. Give a policy that names the log and its witnesses.",
        )
    try:
        found = policy.check(Note.parse(verification.checkpoint))
    except RegisterError as error:
        return Verdict(state="refused", says=f"The policy does not accept this receipt. {error}", reason=error.reason)
    witnesses = tuple(
        Witnessed(name=_printable(name), key=str(key), time=time) for name, (key, time) in found.witnesses.items()
    )
    when = window([(witness.name, witness.time) for witness in witnesses if witness.time], verification.bounds)
    return Verdict(
        state="trusted", says=f"{_said(verification)} {when.says} {CAUTION}", witnesses=witnesses, window=when
    )


def _said(verification: Verification) -> str:
    """Who said what."""
    who = f"The holder of key {verification.submitter[:16]}…"
    if verification.forgets is not None:
        return f"{who} declared the claim with leaf hash {verification.forgets} forgotten."
    if verification.claimed is None:
        return f"{who} made a claim whose opening is not in the receipt: of which file is not told."
    file = next(step for step in verification.steps if step.name == "file")
    return f"{who} claimed {'this file' if file.ok else f'the file with SHA-256 {verification.claimed.digest}'}."


def _record(receipt: Receipt) -> Record | None:
    try:
        return None if receipt.opening is None else Record.parse(receipt.opening.record)
    except RegisterError:
        return None


def _claimed(record: Record | None) -> Claimed | None:
    if record is None:
        return None
    fingerprints = tuple((algorithm, bits.hex()) for algorithm, bits in record.fingerprints)
    return Claimed(
        digest=record.digest.hex(), size=record.size, media_type=record.media_type, fingerprints=fingerprints
    )


def _file(receipt: Receipt, record: Record | None, digest: bytes | None) -> Step:
    if receipt.leaf.kind is Kind.TOMBSTONE:
        return _nothing("This is the receipt of a tombstone: it says that a claim is forgotten.", digest)
    if receipt.opening is None:
        return _nothing("The receipt holds no opening, so it cannot be tied to a file.", digest)
    if record is None:
        return Step(name="file", ok=False, says="The record in the receipt cannot be read.", reason="malformed")
    claimed = record.digest.hex()
    if digest is None:
        return Step(
            name="file", ok=None, says=f"No file was given. The receipt is about the one with SHA-256 {claimed}."
        )
    if digest != record.digest:
        says = f"This is another file: its SHA-256 is {digest.hex()}, and the receipt is about {claimed}."
        return Step(name="file", ok=False, says=says, reason="mismatch")
    return Step(name="file", ok=True, says=f"The file is the one of the record: its SHA-256 is {claimed}.")


def _nothing(says: str, digest: bytes | None) -> Step:
    """A receipt of no file that is known fails where a file is at hand."""
    if digest is None:
        return Step(name="file", ok=None, says=says)
    return Step(name="file", ok=False, says=says, reason="mismatch")


def _opening(receipt: Receipt) -> Step:
    if receipt.opening is None:
        says = "There is nothing to open." if receipt.leaf.kind is Kind.TOMBSTONE else "What was claimed stays hidden."
        return Step(name="opening", ok=None, says=says)
    try:
        check_claim_opening(receipt.leaf, receipt.opening)
    except RegisterError as error:
        says = "Record and salt do not open the commitment in the leaf: this is not what was claimed."
        return Step(name="opening", ok=False, says=says, reason=error.reason)
    says = "Record and salt open the commitment in the leaf: this is what was claimed."
    return Step(name="opening", ok=True, says=says)


def _submitter(receipt: Receipt) -> Step:
    count = receipt.batch.count
    try:
        check_batch(receipt.leaf, receipt.batch)
    except RegisterError as error:
        return Step(name="submitter", ok=False, says=_SUBMITTER[error.reason], reason=error.reason)
    together = "alone" if count == 1 else f"in a batch of {count}"
    says = f"The holder of key {receipt.leaf.key_hash.hex()[:16]}… signed the leaf, {together}."
    return Step(name="submitter", ok=True, says=says)


def _inclusion(receipt: Receipt) -> Step:
    try:
        checkpoint = receipt.proof.verify(leaf_hash(receipt.leaf.encode()))
    except RegisterError as error:
        says = "The proof does not lead from the leaf to the root of the checkpoint."
        return Step(name="inclusion", ok=False, says=says, reason=error.reason)
    says = f"The leaf is entry {receipt.proof.index}, counted from 0, of a log of {checkpoint.size}."
    return Step(name="inclusion", ok=True, says=says)


def _log(receipt: Receipt) -> Step:
    key = f"{receipt.log.name} with key {receipt.log.key_id.hex()}"
    try:
        check_log(receipt.log, receipt.proof.note)
    except RegisterError as error:
        says = f"The checkpoint has no signature that holds of the log {key}."
        return Step(name="log", ok=False, says=says, reason=error.reason)
    return Step(name="log", ok=True, says=f"The checkpoint is signed by the log {key}, as the receipt names it.")


def _cosignatures(receipt: Receipt) -> Step:
    names = dict.fromkeys(
        signature.name for signature in receipt.proof.note.signatures if not receipt.log.matches(signature)
    )
    if not names:
        return Step(name="cosignatures", ok=None, says="The checkpoint bears no other signature.")
    says = (
        f"The checkpoint also bears signatures in the names of {', '.join(names)}: a policy says which of them count."
    )
    return Step(name="cosignatures", ok=None, says=says)


def _anchors(bounds: Sequence[Bound]) -> Step:
    if not bounds:
        return Step(name=_ANCHORS, ok=None, says="The checkpoint has no anchor in this receipt.")
    states = {bound.status for bound in bounds}
    ok = False if "invalid" in states else True if "proven" in states else None
    return Step(
        name=_ANCHORS, ok=ok, says=" ".join(bound.says for bound in bounds), reason="proof" if ok is False else None
    )


def _printable(name: str) -> str:
    """A name of a policy, which may be octets that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


__all__ = ["CAUTION", "Claimed", "Step", "Verdict", "Verification", "Witnessed", "judge", "verify"]
