"""The leaf: what the log holds of a record. 162 bytes, fixed.

    version         1   0x01
    kind            1   0x01 claim, 0x02 tombstone
    commitment     32   claim: HMAC-SHA-256(salt, record); tombstone: leaf hash of the claim that is forgotten
    manifest       32   SHA-256 of the manifest as it is kept, encrypted; zeroes where there is none;
                       tombstone: SHA-256 of the origin of the log that it is for
    key hash       32   SHA-256 of the submitter's raw Ed25519 public key
    signature      64   Ed25519, over the root of the batch in which the leaf was submitted

The first 98 bytes are the *head*. A submitter signs many heads at once: the message is ``assay-register/batch/v1``, a
newline, the number of heads as a big-endian u64, and the RFC 6962 root over the heads. One head is a batch of one. A
receipt carries the head's inclusion path in its batch, so each leaf is checked alone.

The head decides what a duplicate is: the same head again, in whatever batch, is the same claim.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assay.errors import RegisterError
from assay.register.encoding import check_ed25519, small_order

VERSION = 0x01
HEAD = 98
"""Bytes of a head."""
LEAF = 162
"""Bytes of a leaf."""
SALT = 32
NO_MANIFEST = bytes(32)
_BATCH = b"assay-register/batch/v1\n"


class Kind(IntEnum):
    """What a leaf says."""

    CLAIM = 0x01
    TOMBSTONE = 0x02


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf. All fields are 32 bytes but ``signature``, which is 64."""

    kind: Kind
    commitment: bytes
    manifest: bytes
    key_hash: bytes
    signature: bytes

    @property
    def head(self) -> bytes:
        """The first 98 bytes: what is signed."""
        return head(self.kind, self.commitment, self.manifest, self.key_hash)

    def encode(self) -> bytes:
        """162 bytes."""
        return self.head + self.signature

    @classmethod
    def parse(cls, data: bytes) -> "Leaf":
        """Raises RegisterError: ``malformed``, ``unsupported`` for another version or kind."""
        if len(data) != LEAF:
            raise RegisterError(f"A leaf has {LEAF} bytes; this has {len(data)}.", "malformed")
        check_head(data[:HEAD])
        return cls(Kind(data[1]), data[2:34], data[34:66], data[66:98], data[98:])


def head(kind: Kind, commitment: bytes, manifest: bytes, key_hash: bytes) -> bytes:
    """The 98 bytes of a head."""
    return bytes((VERSION, kind)) + commitment + manifest + key_hash


def check_head(data: bytes) -> None:
    """Refuse what is no head. Raises RegisterError: ``malformed``, ``unsupported``."""
    if len(data) != HEAD:
        raise RegisterError(f"The head of a leaf has {HEAD} bytes; this has {len(data)}.", "malformed")
    if data[0] != VERSION:
        raise RegisterError(f"The leaf has version {data[0]}; this Assay knows version {VERSION}.", "unsupported")
    if data[1] not in (Kind.CLAIM, Kind.TOMBSTONE):
        raise RegisterError(f"The leaf is of kind {data[1]}, which this Assay does not know.", "unsupported")


def key_hash(public: bytes) -> bytes:
    """SHA-256 of a raw Ed25519 public key (32 bytes)."""
    return hashlib.sha256(public).digest()


def log_hash(origin: str) -> bytes:
    """SHA-256 of a log's origin. A tombstone holds it, so that none handed in to one log is of use in another."""
    return hashlib.sha256(origin.encode()).digest()


def commit(salt: bytes, record: bytes) -> bytes:
    """The hiding commitment to a record: HMAC-SHA-256, keyed by 32 random or derived bytes."""
    return hmac.digest(salt, record, "sha256")


def batch_message(count: int, root: bytes) -> bytes:
    """What a submitter signs: the number of heads and their RFC 6962 root."""
    return _BATCH + struct.pack(">Q", count) + root


def check_signature(public: bytes, count: int, root: bytes, signature: bytes) -> None:
    """Verify the signature of a batch. Raises RegisterError: ``signature``; ``key`` for a public key that no honest
    submitter can have.
    """
    check_ed25519(public)
    try:
        if small_order(signature[:32]):
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(public).verify(signature, batch_message(count, root))
    except (InvalidSignature, ValueError):
        raise RegisterError("The submitter's signature does not verify.", "signature") from None


__all__ = [
    "HEAD", "LEAF", "NO_MANIFEST", "SALT", "VERSION", "Kind", "Leaf", "batch_message", "check_head", "check_signature",
    "commit", "head", "key_hash", "log_hash",
]  # fmt: skip
