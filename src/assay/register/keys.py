"""Keys of signed notes: verifier keys (``name+hash+key``), signer keys, and the three kinds of signature they make.

Ed25519 over the text (type 0x01, C2SP signed-note), timestamped Ed25519 cosignatures (0x04) and timestamped ML-DSA-44
cosignatures (0x06, both C2SP tlog-cosignature v1.0.1).
"""

import hashlib
import secrets
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import MAX_SIZE, base64_of, check_ed25519, from_base64, small_order
from assay.register.note import Note, Signature, check_name


class KeyType(IntEnum):
    """The signature type byte."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    MLDSA44 = 0x06


_PUBLIC = {KeyType.ED25519: 32, KeyType.COSIGNATURE: 32, KeyType.MLDSA44: 1312}
_BLOB = {KeyType.ED25519: 64, KeyType.COSIGNATURE: 72, KeyType.MLDSA44: 2428}


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The 4-byte key ID."""
    return hashlib.sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:4]


def _cosigned(kind: KeyType, name: str, time: int, text: str) -> bytes:
    """The message that a cosignature signs."""
    if kind is KeyType.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    head = Checkpoint.parse(text)
    signer, origin = name.encode(), head.origin.encode()
    if len(signer) > 255 or len(origin) > 255:
        raise RegisterError("An ML-DSA-44 cosignature takes names of at most 255 bytes.", "malformed")
    return b"".join((
        b"subtree/v1\n\0", bytes((len(signer),)), signer, struct.pack(">Q", time),
        bytes((len(origin),)), origin, struct.pack(">QQ", 0, head.size), head.root,
    ))  # fmt: skip


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name. ``public`` is 32 bytes, or 1312 for ML-DSA-44.

    Raises RegisterError: ``malformed`` for a wrong name or length, ``key`` for an Ed25519 key of small order or not in
    canonical form.
    """

    name: str
    kind: KeyType
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != _PUBLIC[self.kind]:
            raise RegisterError("The verifier key has the wrong length.", "malformed")
        if self.kind is not KeyType.MLDSA44:
            check_ed25519(self.public)

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that name the key, not a strong hash."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64_of(bytes((self.kind,)) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """A ``vkey``: name, key ID in hex, and base64 of type and key, joined by pluses.

        Raises RegisterError: ``malformed``, ``unsupported`` for another type of key, ``key`` for a weak one.
        """
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise RegisterError("A verifier key has the form name+hash+key.", "malformed")
        data = from_base64(parts[2], "The verifier key")
        try:
            kind = KeyType(data[0])
        except (ValueError, IndexError):
            raise RegisterError("The verifier key is of a type that Assay does not know.", "unsupported") from None
        key = cls(parts[0], kind, data[1:])
        if key.key_id.hex() != parts[1]:
            raise RegisterError("The hash in the verifier key is not that of its name and key.", "malformed")
        return key

    @cached_property
    def _public(self) -> Ed25519PublicKey | MLDSA44PublicKey:
        if self.kind is KeyType.MLDSA44:
            return MLDSA44PublicKey.from_public_bytes(self.public)
        return Ed25519PublicKey.from_public_bytes(self.public)

    def matches(self, signature: Signature) -> bool:
        """Whether the signature claims to be by this key."""
        return signature.name == self.name and signature.key_id == self.key_id

    def check(self, text: str, signature: Signature) -> int | None:
        """Verify one signature over a note's text; returns the time of a cosignature (POSIX seconds), None for a plain
        signature. Raises RegisterError ``signature``.
        """
        blob, time = signature.blob, None
        wrong = RegisterError(f"The signature of {self.name} does not verify.", "signature")
        if not self.matches(signature) or len(blob) != _BLOB[self.kind]:
            raise wrong
        message = text.encode()
        if self.kind is not KeyType.ED25519:
            (time,) = struct.unpack(">Q", blob[:8])
            blob = blob[8:]
            if time > MAX_SIZE:
                raise wrong
            message = _cosigned(self.kind, self.name, time, text)
        if self.kind is not KeyType.MLDSA44 and small_order(blob[:32]):
            raise wrong
        try:
            self._public.verify(blob, message)
        except (InvalidSignature, ValueError):
            raise wrong from None
        return time

    def signed(self, note: Note) -> int | None:
        """Whether this key signed the note: the time of its cosignature, 0 for a signature without a time, None where
        it has none. Where it cosigned more than once, the earliest time: the note was there by then.

        Raises RegisterError ``signature`` where any line of this key does not verify (signed-note, "Signatures").
        """
        lines = {signature for signature in note.signatures if self.matches(signature)}
        return min((self.check(note.text, line) or 0 for line in lines), default=None)


@dataclass(frozen=True)
class SignerKey:
    """A private key with its name. ``secret`` is the 32-byte seed, of either algorithm.

    Raises RegisterError: ``malformed`` for a wrong name, ``key`` for a wrong length.
    """

    name: str
    kind: KeyType
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.secret) != 32:
            raise RegisterError("The secret of a signer key has 32 bytes.", "key")

    @classmethod
    def generate(cls, name: str, kind: KeyType = KeyType.ED25519) -> "SignerKey":
        """A new key from the system's randomness."""
        return cls(name, kind, secrets.token_bytes(32))

    @cached_property
    def _private(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        if self.kind is KeyType.MLDSA44:
            return MLDSA44PrivateKey.from_seed_bytes(self.secret)
        return Ed25519PrivateKey.from_private_bytes(self.secret)

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self._private.public_key().public_bytes_raw())

    def __str__(self) -> str:
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{base64_of(bytes((self.kind,)) + self.secret)}"

    @classmethod
    def parse(cls, text: str) -> "SignerKey":
        """The text form of Go's ``note`` package: ``PRIVATE+KEY+name+hash+key``. Raises RegisterError ``key``, never
        with any of the text in it.
        """
        parts = text.strip().split("+", 4)
        try:
            if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
                raise ValueError
            data = from_base64(parts[4], "The key", 33)
            key = cls(parts[2], KeyType(data[0]), data[1:])
            if key.verifier.key_id.hex() != parts[3]:
                raise ValueError
        except (ValueError, RegisterError):
            raise RegisterError("This is not a signer key of the form PRIVATE+KEY+name+hash+key.", "key") from None
        return key

    def sign(self, text: str, time: int = 0) -> Signature:
        """Sign a note's text; ``time`` (POSIX seconds) goes into a cosignature and is not looked at by a plain one."""
        if self.kind is KeyType.ED25519:
            return Signature(self.name, self.verifier.key_id, self._private.sign(text.encode()))
        blob = struct.pack(">Q", time) + self._private.sign(_cosigned(self.kind, self.name, time, text))
        return Signature(self.name, self.verifier.key_id, blob)


__all__ = ["KeyType", "SignerKey", "VerifierKey", "key_id"]
