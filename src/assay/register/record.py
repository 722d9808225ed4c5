"""The record: what a claim says of a file. The log holds only a commitment to it (see :mod:`assay.register.leaf`).

An encoded record is the canonical CBOR list ``[1, SHA-256 of the file, size, media type, [[algorithm, bits], …]]``.
Beside it may stand a *manifest*, such as Content Credentials: it is kept encrypted, off the log. Salt, key and nonce
are derived, so that the same file, manifest and submitter's key always give the same leaf.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assay.errors import RegisterError
from assay.register import cbor
from assay.register.encoding import MAX_SIZE
from assay.register.leaf import NO_MANIFEST, SALT
from assay.register.model import MAX_MANIFEST, MAX_RECORD

VERSION = 1
MAX_FINGERPRINTS = 16
MAX_BITS = 2048
"""Bytes of one fingerprint."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_ALGORITHM = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TAG = 16


@dataclass(frozen=True, slots=True)
class Record:
    """What is claimed of a file. ``digest`` is its SHA-256, 32 bytes; ``media_type`` is in lower case; ``fingerprints``
    are pairs of an algorithm and its bits, put in order here. Raises RegisterError ``malformed``.
    """

    digest: bytes
    size: int
    media_type: str
    fingerprints: tuple[tuple[str, bytes], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprints", tuple(sorted(self.fingerprints)))
        if len(self.digest) != 32:
            raise RegisterError(f"The digest of a record has 32 bytes; this has {len(self.digest)}.", "malformed")
        if not 0 <= self.size <= MAX_SIZE:
            raise RegisterError("The size of a record is not that of a file.", "malformed")
        if not _MEDIA_TYPE.fullmatch(self.media_type):
            raise RegisterError(f"{self.media_type[:60]!r} is not a media type in lower case.", "malformed")
        if len(self.fingerprints) > MAX_FINGERPRINTS or len(set(self.fingerprints)) != len(self.fingerprints):
            raise RegisterError(
                f"A record has at most {MAX_FINGERPRINTS} fingerprints, and none of them twice.", "malformed"
            )
        for algorithm, bits in self.fingerprints:
            if not _ALGORITHM.fullmatch(algorithm) or not 0 < len(bits) <= MAX_BITS:
                raise RegisterError(
                    f"{algorithm[:60]!r} with {len(bits)} bytes is not a fingerprint: its name is in lower case and it "
                    f"has 1 to {MAX_BITS} bytes.",
                    "malformed",
                )

    def encode(self) -> bytes:
        """Canonical CBOR, at most 4096 bytes. Raises RegisterError ``too_large``."""
        data = cbor.encode((VERSION, self.digest, self.size, self.media_type, self.fingerprints))
        if len(data) > MAX_RECORD:
            raise RegisterError(f"A record has at most {MAX_RECORD} bytes; this has {len(data)}.", "too_large")
        return data

    @classmethod
    def parse(cls, data: bytes) -> "Record":
        """Raises RegisterError: ``malformed``, ``too_large``, ``unsupported`` for another version."""
        if len(data) > MAX_RECORD:
            raise RegisterError(f"A record has at most {MAX_RECORD} bytes; this has {len(data)}.", "too_large")
        match cbor.decode(data, "The record"):
            case [int(version), *_] if version != VERSION:
                raise RegisterError(
                    f"The record has version {version}; this Assay knows version {VERSION}.", "unsupported"
                )
            case [int(), bytes(digest), int(size), str(media_type), list(pairs)]:
                fingerprints = tuple(_pair(pair) for pair in pairs)
                record = cls(digest, size, media_type, fingerprints)
                if record.fingerprints != fingerprints:
                    raise RegisterError("The fingerprints of the record are not in order.", "malformed")
                return record
            case _:
                raise RegisterError(
                    "A record is a list of version, digest, size, media type and fingerprints.", "malformed"
                )


def _pair(value: cbor.Value) -> tuple[str, bytes]:
    match value:
        case [str(algorithm), bytes(bits)]:
            return algorithm, bits
        case _:
            raise RegisterError("A fingerprint in a record is a list of an algorithm and bits.", "malformed")


def derive_salt(secret: bytes, record: bytes, manifest: bytes | None = None, *, public: bool = False) -> bytes:
    """The salt of a claim, 32 bytes, from 32 secret bytes of the submitter, an encoded record and a plain manifest.

    A public claim has another salt than a private one of the same file: it is another claim, and gives away nothing of
    the private one.

    Whoever has the submitter's key can derive it again for a file at hand, and nobody else can: the key is to be kept
    as secret after a claim is forgotten as before.
    """
    digest = NO_MANIFEST if manifest is None else hashlib.sha256(manifest).digest()
    return hmac.digest(secret, record + digest + bytes((public,)), "sha256")


def encrypt(salt: bytes, manifest: bytes) -> bytes:
    """A manifest as it is kept: AES-256-GCM, 16 bytes longer. One salt is for one manifest: :func:`derive_salt` sees to
    that. Raises RegisterError ``too_large``.
    """
    if len(manifest) + _TAG > MAX_MANIFEST:
        raise RegisterError(
            f"A manifest has at most {MAX_MANIFEST - _TAG} bytes; this has {len(manifest)}.", "too_large"
        )
    key, nonce = _key(salt)
    return key.encrypt(nonce, manifest, None)


def decrypt(salt: bytes, kept: bytes) -> bytes:
    """The plain manifest. Raises RegisterError: ``key`` where the salt does not open it, ``too_large``."""
    if len(kept) > MAX_MANIFEST:
        raise RegisterError(f"A kept manifest has at most {MAX_MANIFEST} bytes.", "too_large")
    key, nonce = _key(salt)
    try:
        return key.decrypt(nonce, kept, None)
    except (InvalidTag, ValueError):
        raise RegisterError(
            "The salt does not open this manifest: it is another one's, or it was altered.", "key"
        ) from None


def _key(salt: bytes) -> tuple[AESGCM, bytes]:
    if len(salt) != SALT:
        raise RegisterError(f"A salt has {SALT} bytes; this has {len(salt)}.", "malformed")
    derived = HKDF(SHA256(), 44, None, b"assay-register/manifest/v1").derive(salt)
    return AESGCM(derived[:32]), derived[32:]


__all__ = ["MAX_BITS", "MAX_FINGERPRINTS", "Record", "decrypt", "derive_salt", "encrypt"]
