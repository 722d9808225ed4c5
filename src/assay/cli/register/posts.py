"""Many files into posts of a few megabytes at most, and a receipt for each file out of every answer."""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.cli.register.common import ENDING
from assay.cli.register.measure import Measured
from assay.errors import RegisterError, UsageError
from assay.register.model import MAX_ENTRIES, Accepted, Anchor, Batch, Hit, Opening, Query, Submission
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.ports import Register
from assay.register.receipt import MAX_RECEIPT, Receipt, issue
from assay.register.record import Record
from assay.register.submission import Submitter, batch_of
from assay.register.tiles import CHECKPOINT

MAX_POST = 4 * 1024 * 1024
"""Bytes of manifests in one post, unless a single one is larger."""
Claim = tuple[Record, bytes | None]


@dataclass(frozen=True)
class Registered:
    """One file's place. ``duplicate`` says that the claim was there before, ``forgotten`` that it was taken back."""

    receipt: Receipt
    duplicate: bool = False
    forgotten: bool = False


def claim_of(found: Measured) -> Claim:
    """What is claimed of a file that was measured."""
    return Record(found.digest, found.size, found.media_type, found.fingerprints), found.manifest


def grouped(items: Iterable[tuple[Path, Measured]], most: int = MAX_ENTRIES) -> Iterator[list[tuple[Path, Measured]]]:
    """Files in groups that one post can take."""
    group: list[tuple[Path, Measured]] = []
    weight = 0
    for path, found in items:
        heavy = len(found.manifest or b"")
        if group and (len(group) >= most or weight + heavy > MAX_POST):
            yield group
            group, weight = [], 0
        group.append((path, found))
        weight += heavy
    if group:
        yield group


def post(
    register: Register, who: Submitter, claims: list[Claim], *, public: bool, policy: Policy | None
) -> list[Registered]:
    """Hand claims in, and get a receipt for each, in their order; the same claim twice is handed in once.

    Raises RegisterError as the register does, and ``quorum``, ``key`` or ``signature`` where its answer does not reach
    the policy: then the claims are in the log, and no receipt is given.
    """
    different = list(dict.fromkeys(claims))
    submission, openings = who.claims(different, public=public)
    accepted = register.submit(submission)
    if policy is not None:
        try:
            policy.check(Note.parse(accepted.checkpoint))
        except RegisterError as error:
            raise RegisterError(
                f"The register took the claims in, but its answer does not reach your policy: {error} No receipt was "
                "written; the same command asks again.",
                error.reason,
            ) from None
    fresh = _Fresh(register, accepted)
    made = {
        claim: _registered(fresh, submission, number, opening)
        for number, (claim, opening) in enumerate(zip(different, openings, strict=True))
    }
    return [made[claim] for claim in claims]


def _registered(fresh: "_Fresh", submission: Submission, number: int, opening: Opening) -> Registered:
    position = fresh.accepted.positions[number]
    batch = None if position.duplicate else batch_of(submission, number)
    receipt = issue(fresh, position.index, opening, batch)
    _ours(receipt, submission, number)
    if not position.duplicate:
        return Registered(receipt)
    hit = fresh.get(position.index)
    return Registered(receipt, duplicate=True, forgotten=bool(hit and hit.tombstone is not None))


def _ours(receipt: Receipt, submission: Submission, number: int) -> None:
    """Whether what the register shows at this place is what was handed in."""
    if receipt.leaf.head != submission.entries[number].head:
        raise RegisterError(
            f"The register says that the claim is entry {receipt.proof.index}, but shows another one there.", "damaged"
        )


class _Fresh:
    """The register as it was when it answered: one checkpoint for all receipts of a post, each tile read once."""

    def __init__(self, register: Register, accepted: Accepted) -> None:
        self.accepted = accepted
        self._register = register
        self._kept: dict[str, bytes] = {CHECKPOINT: accepted.checkpoint}
        self.verifier = register.verifier

    def fetch(self, path: str) -> bytes:
        if path not in self._kept:
            self._kept[path] = self._register.fetch(path)
        return self._kept[path]

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:  # noqa: ARG002
        return None

    def submit(self, submission: Submission) -> Accepted:
        return self._register.submit(submission)

    def search(self, query: Query) -> list[Hit]:
        return self._register.search(query)

    def get(self, index: int) -> Hit | None:
        return self._register.get(index)

    def batch(self, index: int) -> Batch | None:
        return self._register.batch(index)

    def manifest(self, digest: bytes) -> bytes | None:
        return self._register.manifest(digest)

    def cose(self, index: int) -> bytes:
        return self._register.cose(index)

    def close(self) -> None:
        """The register stays open."""


def kept_for(path: Path, folder: Path | None) -> Iterator[Path]:
    """Where the receipt of a file may be: beside it, or in the folder; then the same with a number."""
    where = (folder or path.parent) / path.name
    yield where.with_name(where.name + ENDING)
    number = 2
    while True:
        yield where.with_name(f"{where.name}.{number}{ENDING}")
        number += 1


def keep(receipt: Receipt, path: Path, folder: Path | None) -> Path:
    """Write a receipt where there is none yet, or one of the same claim, which then stays; returns where it is.

    Raises RegisterError ``full``, ``unwritable``.
    """
    for place in kept_for(path, folder):
        there = read_receipt(place)
        if there is not None and there.leaf == receipt.leaf and there.log == receipt.log:
            return place
        if there is None and not place.exists():
            save(receipt, place)
            return place
    raise AssertionError("there is always another name")


def found_for(path: Path, folder: Path | None, digest: bytes) -> Iterator[tuple[Path, Receipt]]:
    """The receipts of exactly this file that are kept where :func:`keep` would write them."""
    for place in kept_for(path, folder):
        if not place.exists():
            return
        there = read_receipt(place)
        if there and there.opening and Record.parse(there.opening.record).digest == digest:
            yield place, there


def read_receipt(path: Path) -> Receipt | None:
    """A receipt in a file; None where there is none, or it is no receipt."""
    try:
        with path.open("rb") as stream:
            receipt = Receipt.parse(stream.read(MAX_RECEIPT + 1))
        if receipt.opening is not None:
            Record.parse(receipt.opening.record)
    except (OSError, RegisterError):
        return None
    return receipt


def receipt_of(register: Register, what: str) -> Receipt:
    """The receipt in a file, or of the entry with a number; it is held to what it says.

    Raises UsageError where it is neither, or of another log; RegisterError.
    """
    receipt = read_receipt(Path(what))
    if receipt is not None:
        if receipt.log != register.verifier:
            raise UsageError(f"{what} is a receipt of {receipt.log.name}, not of {register.verifier.name}")
        receipt.check()
        return receipt
    if not what.isascii() or not what.isdecimal() or len(what) > 18:
        raise UsageError(f"{what} is neither a receipt nor the number of an entry")
    return issue(register, int(what))


def save(receipt: Receipt, path: Path) -> None:
    """Write a receipt whole, for its owner alone: what opens a private claim is in it.

    Raises RegisterError ``full``, ``unwritable``.
    """
    data = receipt.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = "full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "unwritable"
        raise RegisterError(f"The receipt {path} cannot be written: {error.strerror}.", reason) from None


__all__ = [
    "Claim", "Registered", "claim_of", "found_for", "grouped", "keep", "post", "read_receipt", "receipt_of", "save",
]  # fmt: skip
