"""Submissions: heads signed together by one submitter, made on one side and checked on the other."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assay.errors import RegisterError
from assay.register import leaf
from assay.register.merkle import inclusion_proof, leaf_hash, reader_of, root_of
from assay.register.model import MAX_ENTRIES, MAX_MANIFEST, Batch, Entry, Opening, Submission
from assay.register.record import Record, derive_salt, encrypt

_MAX_PEM = 16_384


class Submitter:
    """A submitter's Ed25519 key. Nothing of the private half shows in ``repr`` or in an error."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        """The raw public key, 32 bytes."""
        self.key_hash = leaf.key_hash(self.public)
        """SHA-256 of the public key: how leaves name the submitter."""
        info = b"assay-register/salt/v1"
        self._secret = HKDF(SHA256(), 32, None, info).derive(private.private_bytes_raw())

    def __repr__(self) -> str:
        return f"Submitter({self.key_hash.hex()})"

    @classmethod
    def generate(cls) -> "Submitter":
        """A new key that is kept nowhere."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def create(cls, path: Path) -> "Submitter":
        """Make a key and keep it: PKCS#8 PEM that only its owner may read, there whole or not at all.

        Raises RegisterError: ``conflict`` where there is a file already, ``full``, ``unwritable``.
        """
        made = cls.generate()
        pem = made._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            _write_secret(path, pem)
        except OSError as error:
            reason = "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "unwritable"
            raise RegisterError(f"The key cannot be written to {path}: {error.strerror}.", reason) from None
        return made

    @classmethod
    def load(cls, path: Path) -> "Submitter":
        """Raises RegisterError: ``missing``, ``key`` where there is no plain Ed25519 key in PEM."""
        try:
            with path.open("rb") as file:
                pem = file.read(_MAX_PEM + 1)
        except FileNotFoundError:
            raise RegisterError(f"There is no key at {path}.", "missing") from None
        except OSError as error:
            raise RegisterError(f"The key at {path} cannot be read: {error.strerror}.", "key") from None
        try:
            private = serialization.load_pem_private_key(pem[:_MAX_PEM], None)
        except TypeError:
            raise RegisterError(f"The key at {path} is encrypted; a submitter's key is not.", "key") from None
        except Exception:  # the library's own kinds are many, and their texts may show what was read
            raise RegisterError(f"{path} holds no private key in PEM.", "key") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise RegisterError(f"The key at {path} is not an Ed25519 key.", "key")
        return cls(private)

    def claims(
        self, claims: Sequence[tuple[Record, bytes | None]], public: bool = False
    ) -> tuple[Submission, list[Opening]]:
        """Claim records, each with a plain manifest or None; ``public`` hands the openings to the log. The openings are
        in the order of the claims, for their owner to keep.

        Raises RegisterError: ``malformed`` for none, or one twice; ``too_large``.
        """
        openings, entries = [], []
        for record, manifest in claims:
            encoded = record.encode()
            opening = Opening(record=encoded, salt=derive_salt(self._secret, encoded, manifest, public=public))
            kept = None if manifest is None else encrypt(opening.salt, manifest)
            digest = leaf.NO_MANIFEST if kept is None else hashlib.sha256(kept).digest()
            made = leaf.head(leaf.Kind.CLAIM, leaf.commit(opening.salt, encoded), digest, self.key_hash)
            entries.append(Entry(head=made, opening=opening if public else None, manifest=kept))
            openings.append(opening)
        return self._signed(entries), openings

    def tombstone(self, forgotten: bytes, origin: str) -> Submission:
        """Say that a claim, named by its leaf hash (32 bytes), is forgotten in the log of that origin."""
        if len(forgotten) != 32:
            raise RegisterError(f"A leaf hash has 32 bytes; this has {len(forgotten)}.", "malformed")
        head = leaf.head(leaf.Kind.TOMBSTONE, forgotten, leaf.log_hash(origin), self.key_hash)
        return self._signed([Entry(head=head)])

    def _signed(self, entries: list[Entry]) -> Submission:
        _count(len(entries))
        hashes = [leaf_hash(entry.head) for entry in entries]
        if len(set(hashes)) != len(hashes):
            raise RegisterError("A file is claimed twice in one submission; claim it once.", "malformed")
        signature = self._private.sign(leaf.batch_message(len(hashes), root_of(hashes)))
        return Submission(key=self.public, signature=signature, entries=tuple(entries))


def check(submission: Submission) -> list[bytes]:
    """All that a log asks of a submission before it takes any of it; returns the RFC 6962 leaf hashes of its heads.

    Raises RegisterError, naming the entry, counted from 1: ``malformed``, ``unsupported``, ``too_large``, ``key`` (a
    head of another key), ``mismatch`` (an opening or a manifest that is not the one of its head), ``signature``.
    """
    entries = submission.entries
    count = len(entries)
    _count(count)
    if len(submission.key) != 32 or len(submission.signature) != 64:
        raise RegisterError("A submission has a key of 32 bytes and a signature of 64.", "malformed")
    owner = leaf.key_hash(submission.key)
    hashes: dict[bytes, None] = {}
    for number, entry in enumerate(entries, 1):
        try:
            _check_entry(entry, owner)
        except RegisterError as error:
            raise RegisterError(f"Entry {number} of {count}: {error}", error.reason) from None
        hashes[leaf_hash(entry.head)] = None
        if len(hashes) != number:
            raise RegisterError(f"Entry {number} of {count}: The same head stands before it.", "malformed")
    found = list(hashes)
    leaf.check_signature(submission.key, count, root_of(found), submission.signature)
    return found


def batch_of(submission: Submission, position: int) -> Batch:
    """How the entry at a position, counted from 0, is part of what was signed. Raises RegisterError ``missing``."""
    hashes = [leaf_hash(entry.head) for entry in submission.entries]
    path = inclusion_proof(position, len(hashes), reader_of(hashes))
    return Batch(key=submission.key, count=len(hashes), position=position, path=tuple(path))


def _check_entry(entry: Entry, owner: bytes) -> None:
    head, opening, manifest = entry.head, entry.opening, entry.manifest
    leaf.check_head(head)
    if head[66 : leaf.HEAD] != owner:
        raise RegisterError("Its head names another key than the submission's.", "key")
    if opening is None and manifest is None:
        return
    if head[1] == leaf.Kind.TOMBSTONE:
        raise RegisterError("A tombstone has no opening and no manifest.", "malformed")
    if opening is not None:
        check_opening(opening, head[2:34])
    if manifest is not None:
        if len(manifest) > MAX_MANIFEST:
            raise RegisterError(f"A manifest has at most {MAX_MANIFEST} bytes.", "too_large")
        if hashlib.sha256(manifest).digest() != head[34:66]:
            raise RegisterError("Its manifest is not the one whose digest is in the head.", "mismatch")


def check_opening(opening: Opening, commitment: bytes) -> Record:
    """The record of an opening that opens this commitment. Raises RegisterError: ``malformed``, ``too_large``,
    ``unsupported``, ``mismatch``.
    """
    if len(opening.salt) != leaf.SALT:
        raise RegisterError(f"A salt has {leaf.SALT} bytes; this has {len(opening.salt)}.", "malformed")
    record = Record.parse(opening.record)
    if leaf.commit(opening.salt, opening.record) != commitment:
        raise RegisterError("The opening does not open the commitment.", "mismatch")
    return record


def _count(count: int) -> None:
    if count == 0:
        raise RegisterError("A submission has at least one entry.", "malformed")
    if count > MAX_ENTRIES:
        raise RegisterError(f"A submission has at most {MAX_ENTRIES} entries; this has {count}.", "too_large")


def _write_secret(path: Path, data: bytes) -> None:
    """Put a new file in place whole, for its owner alone. Raises OSError; RegisterError ``conflict``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, path)  # unlike a rename, never over what is there
        except FileExistsError:
            raise RegisterError(f"{path} is there already; a key is never written over.", "conflict") from None
    finally:
        Path(name).unlink()


__all__ = ["Submitter", "batch_of", "check", "check_opening"]
