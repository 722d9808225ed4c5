"""The records that cross the lines of the register: what is handed in, what comes back, what is looked for.

msgspec Structs, frozen; in JSON, bytes are standard base64.
"""

import msgspec

MAX_ENTRIES = 1024
"""Entries in one submission."""
MAX_RECORD = 4096
"""Bytes of an encoded record."""
MAX_MANIFEST = 8 * 1024 * 1024
"""Bytes of an encrypted manifest."""


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """What all share."""


class Opening(_Model, frozen=True):
    """What opens a commitment: ``commitment = HMAC-SHA-256(salt, record)``. Whoever holds it can show what was claimed.

    ``record`` is an encoded :class:`~assay.register.record.Record`; ``salt`` has 32 bytes. The key of the encrypted
    manifest is derived from the salt.
    """

    record: bytes
    salt: bytes

    def __repr__(self) -> str:
        """Without what must not reach a log of errors: who has the salt can open the claim."""
        return "Opening(…)"


class Entry(_Model, frozen=True):
    """One entry as it is handed in. ``head`` has 98 bytes (see :mod:`assay.register.leaf`); ``opening`` makes a claim
    public: without it the log learns nothing of the picture. ``manifest`` is encrypted already.
    """

    head: bytes
    opening: Opening | None = None
    manifest: bytes | None = None


class Submission(_Model, frozen=True):
    """Entries of one submitter, signed once. ``key`` is a raw Ed25519 public key; ``signature`` is over
    :func:`assay.register.leaf.batch_message` of the RFC 6962 root over the heads.
    """

    key: bytes
    signature: bytes
    entries: tuple[Entry, ...]


class Position(_Model, frozen=True):
    """Where an entry is. ``duplicate`` says that it was there already: the same head, handed in before."""

    index: int
    duplicate: bool = False


class Accepted(_Model, frozen=True):
    """The answer to a submission: one position for each entry, in order, and the cosigned checkpoint (a signed note)
    that covers them all.
    """

    positions: tuple[Position, ...]
    checkpoint: bytes


class Batch(_Model, frozen=True):
    """How a leaf is part of what its submitter signed: the head's inclusion path in its batch (RFC 6962)."""

    key: bytes
    count: int
    position: int
    path: tuple[bytes, ...]


class Anchor(_Model, frozen=True):
    """A proof by somebody else's clock that the text of a checkpoint was there. ``kind``: ``opentimestamps``,
    ``rfc3161``, ``evm``; what is anchored is the SHA-256 of the note text, signatures not included.
    """

    kind: str
    proof: bytes


class Query(_Model, frozen=True):
    """What to look for; all that is given must hold. ``since`` and ``until`` are POSIX seconds by the operator's clock.
    ``distance`` is the largest Hamming distance, in bits, of a fingerprint. ``after``: the index to go on after.
    """

    digest: bytes | None = None
    algorithm: str | None = None
    fingerprint: bytes | None = None
    distance: int = 0
    signer: bytes | None = None
    since: int | None = None
    until: int | None = None
    after: int = -1
    limit: int = 100


class Hit(_Model, frozen=True):
    """One entry that a search found. ``seen`` (POSIX seconds) is the operator's clock and proves nothing. ``opening``
    is there for public records that are not forgotten; ``tombstone`` is the index of the leaf that forgets this one.
    ``name`` is what the operator calls the submitter; ``distance`` that of the fingerprint asked for.
    """

    index: int
    leaf: bytes
    key: bytes
    seen: int
    name: str | None = None
    opening: Opening | None = None
    tombstone: int | None = None
    distance: int | None = None


class Row(_Model, frozen=True):
    """One entry on its way into the index. ``heads`` and ``count`` stand in the row's batch, not here."""

    index: int
    leaf: bytes
    position: int
    opening: Opening | None = None


class Posted(_Model, frozen=True):
    """What the journal keeps of one submission beside the leaves, and the index takes over.

    ``heads`` are the RFC 6962 leaf hashes of all heads of the submission, 32 bytes each, in one string; ``rows`` the
    entries that were new; ``seen`` the operator's clock, POSIX seconds.
    """

    key: bytes
    signature: bytes
    heads: bytes
    rows: tuple[Row, ...]
    seen: int


__all__ = [
    "MAX_ENTRIES", "MAX_MANIFEST", "MAX_RECORD", "Accepted", "Anchor", "Batch", "Entry", "Hit", "Opening", "Position",
    "Posted", "Query", "Row", "Submission",
]  # fmt: skip
