"""The seams of the register: what a storage, an index and a whole register are to those who use them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from assay.register.keys import VerifierKey
from assay.register.model import Accepted, Anchor, Batch, Hit, Posted, Query, Submission
from assay.register.note import Note


class Objects(Protocol):
    """Files under paths: tiles, bundles, the checkpoint, encrypted manifests, anchors. A folder or an S3 bucket.

    Not trusted: whoever reads checks. Raises RegisterError ``missing``, ``full``, ``unwritable``, ``unreachable``.
    """

    def get(self, path: str) -> bytes:
        """The bytes there. ``missing`` where there are none."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write whole or not at all, in place of what is there. Durable after :meth:`sync`."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Write where there is nothing. ``conflict`` where there are other bytes; the same bytes are fine."""
        ...

    def delete(self, path: str) -> None:
        """Remove; nothing there is fine."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All paths below a prefix, in order."""
        ...

    def sync(self) -> None:
        """Return when all that was written is durable."""
        ...


class Ledger(Protocol):
    """The trusted part of a log's storage: the last committed checkpoint, changed by compare-and-swap, and the batches
    not yet everywhere that they belong. A journal in a folder under a lock, or PostgreSQL with staged objects.
    """

    def head(self) -> bytes | None:
        """The last committed checkpoint, a note signed by the log alone; None before the first."""
        ...

    def commit(self, old: bytes | None, new: bytes, batch: bytes) -> None:
        """Make a batch and the checkpoint after it durable, at once, where ``old`` is still the head.

        Raises RegisterError ``conflict`` where it is not: another sequencer writes; and for what storage raises. After
        any error the caller knows nothing: it reads :meth:`head` again.
        """
        ...

    def batches(self, size: int) -> Iterator[tuple[bytes, bytes]]:
        """(checkpoint, batch) of every kept commit that ends above ``size``, in order."""
        ...

    def trim(self, size: int) -> None:
        """Drop batches that end at or below ``size``: they are durable in objects and index."""
        ...

    def close(self) -> None:
        """Let go of the lock."""
        ...


class Index(Protocol):
    """The searchable part: openings, batches, submitters. SQLite or PostgreSQL."""

    def cursor(self) -> int:
        """The size of the log up to which entries are taken in."""
        ...

    def apply(self, posted: Sequence[Posted], size: int) -> None:
        """Take in submissions and set the cursor to ``size``, in one transaction; what is in already is skipped."""
        ...

    def search(self, query: Query) -> list[Hit]:
        """Entries, lowest index first."""
        ...

    def get(self, index: int) -> Hit | None:
        """One entry."""
        ...

    def batch(self, index: int) -> Batch | None:
        """How an entry is part of its batch."""
        ...

    def forget(self, index: int) -> None:
        """Destroy the opening of an entry for good: in the file too, not only in the table."""
        ...

    def condemned(self) -> list[bytes]:
        """SHA-256 of the manifests of forgotten entries whose objects are still to be deleted."""
        ...

    def cleared(self, manifests: Sequence[bytes]) -> None:
        """Say that the objects of these manifests are deleted."""
        ...

    def posted(self) -> Iterator[Posted]:
        """What was taken in, in order, without the openings that are forgotten. Nothing of it is checked."""
        ...

    def faults(self) -> Iterator[tuple[int | None, str]]:
        """What in the index does not fit, though each entry may: the entry, or None, and words about it."""
        ...


class Register(Protocol):
    """A register as its users see it: a folder or a URL. See ``assay.register.access.open_register``."""

    @property
    def verifier(self) -> VerifierKey:
        """The log's key, as the register itself says: trust comes from a policy, not from here."""
        ...

    def fetch(self, path: str) -> bytes:
        """``checkpoint`` or the path of a tile. Raises RegisterError ``missing``, ``unreachable``."""
        ...

    def submit(self, submission: Submission) -> Accepted:
        """Hand in entries; returns when they are published under a quorum. Raises RegisterError."""
        ...

    def search(self, query: Query) -> list[Hit]:
        """Entries, lowest index first."""
        ...

    def get(self, index: int) -> Hit | None:
        """One entry."""
        ...

    def batch(self, index: int) -> Batch | None:
        """How an entry is part of its batch."""
        ...

    def manifest(self, digest: bytes) -> bytes | None:
        """An encrypted manifest by the SHA-256 of its bytes."""
        ...

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
        """The smallest anchored checkpoint (a cosigned note) that covers ``size`` entries, with its anchors."""
        ...

    def cose(self, index: int) -> bytes:
        """A COSE receipt (RFC 9942) of an entry, signed by the log; see :mod:`assay.register.cose`. Not checked here.
        Raises RegisterError ``missing``.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


Cosign = Callable[[Note, Callable[[int], list[bytes]]], Note]
"""Given a checkpoint signed by the log, and what makes the consistency proof from an old size to it: the checkpoint
with the witnesses' cosignatures. Raises RegisterError ``quorum`` where too few of them sign."""


__all__ = ["Cosign", "Index", "Ledger", "Objects", "Register"]
