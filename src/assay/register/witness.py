"""A witness (C2SP tlog-witness v1.0.0): cosigns checkpoints of the logs that it knows, each an extension of the last.

Its folder: ``witness.key`` (signer keys, one a line, Ed25519 and ML-DSA-44 of one name), ``policy`` (tlog-policy; its
log lines are the logs that it knows), ``heads.sqlite3`` (the last checkpoint of each log), ``evidence/``.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from assay.errors import RegisterError
from assay.files import write_whole
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import decimal, from_base64
from assay.register.forks import evidence, keep
from assay.register.heads import Head, Heads
from assay.register.http import Answer
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.merkle import MAX_PROOF, verify_consistency
from assay.register.note import MAX_NOTE, Note, Signature
from assay.register.policy import MAX_POLICY, Policy

MAX_BODY = MAX_NOTE + 4096
"""Bytes of a request that are read."""
_KEPT = 8
"""Signatures of a log that are kept with its checkpoint."""
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"
POLICY, HEADS, EVIDENCE = "policy", "heads.sqlite3", "evidence"


class Witness:
    """The witness in a folder. ``clock`` gives POSIX seconds; the times in its cosignatures never go backwards. May be
    used by several threads, and by several processes at once.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open a folder that :func:`create` made. Raises RegisterError ``missing``, ``key``, ``malformed``."""
        self._folder = folder
        self._keys = read_keys(folder / "witness.key")
        self._heads = Heads(folder / HEADS, clock)
        self._policy, self._stamp = read_policy(folder), _stamp(folder)

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The keys by which its cosignatures are known."""
        return tuple(key.verifier for key in self._keys)

    @property
    def logs(self) -> tuple[VerifierKey, ...]:
        """The keys of the logs that it knows. Lines added to ``policy`` count at once."""
        if (stamp := _stamp(self._folder)) != self._stamp:
            self._policy, self._stamp = read_policy(self._folder), stamp
        return tuple(line.key for line in self._policy.logs)

    def head(self, origin: str) -> Head:
        """The last checkpoint of a log that it cosigned, with the cosignatures."""
        return self._heads.get(origin)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer ``add-checkpoint``. Raises RegisterError only where its own storage fails: then it signed nothing."""
        try:
            old, proof, note, checkpoint = _request(body)
        except RegisterError as error:
            return _says(400, str(error))
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            return _says(404, "This witness does not know this log.")
        signed = tuple(s for s in dict.fromkeys(note.signatures) if any(_verifies(key, note.text, s) for key in keys))
        if not signed:
            return _says(403, "No signature verifies under a key that this witness has for this log.")
        if old > checkpoint.size:
            return _says(400, f"The old size, {old}, is above that of the checkpoint, {checkpoint.size}.")
        cosignatures: tuple[Signature, ...] = ()
        refused: Answer | None = None

        def accept(head: Head, now: int) -> Note:
            nonlocal cosignatures, refused
            refused = self._fits(head, old, proof, Note(note.text, signed[:_KEPT]), keys)
            if refused is not None:
                raise RegisterError("It does not fit.", "conflict")
            cosignatures = tuple(key.sign(note.text, now) for key in self._keys)
            return Note(note.text, signed[:_KEPT] + cosignatures)

        try:
            self._heads.advance(checkpoint.origin, accept)
        except RegisterError:
            if refused is None:
                raise
            return refused
        return Answer(200, TEXT, "".join(s.line for s in cosignatures).encode())

    def _fits(self, head: Head, old: int, proof: list[bytes], note: Note, keys: list[VerifierKey]) -> Answer | None:
        """None where the checkpoint extends the last one. What the log signed and does not fit is kept."""
        new = Checkpoint.parse(note.text)
        if new.size == head.size and new.root != head.root:
            if head.note is not None:
                self._keep("fork", head.note, note, keys, root=new.root)
            return Answer(409, SIZE, f"{head.size}\n".encode())
        if old != head.size:
            return Answer(409, SIZE, f"{head.size}\n".encode())
        try:
            verify_consistency(old, new.size, proof, head.root, new.root)
        except RegisterError as error:
            if head.note is not None and new.size > head.size:
                self._keep("unproven", head.note, note, keys, proof=proof)
            return _says(422, str(error))
        return None

    def _keep(
        self, kind: str, one: Note, other: Note, keys: Iterable[VerifierKey], *, root: bytes | None = None,
        proof: Iterable[bytes] = (),
    ) -> None:  # fmt: skip
        seen = ("cosigned by this witness", "handed to this witness")
        keep(self._folder / EVIDENCE, evidence(kind, (seen[0], one), (seen[1], other), keys, root=root, proof=proof))

    def close(self) -> None:
        """Let go of the file."""
        self._heads.close()


def create(folder: Path, name: str, logs: Iterable[VerifierKey] = ()) -> Witness:
    """Make a witness with new keys. Raises RegisterError: ``conflict`` where there is one, ``malformed`` for a name
    that cannot be one, ``unwritable``.
    """
    create_keys(folder / "witness.key", name, (KeyType.COSIGNATURE, KeyType.MLDSA44))
    write_policy(folder, "".join(f"log {key}\n" for key in logs) + "quorum none\n")
    return Witness(folder)


def create_keys(path: Path, name: str, kinds: Iterable[KeyType]) -> None:
    """Make signer keys of one name, one a line, readable by the owner alone. Raises RegisterError ``conflict``,
    ``malformed``, ``unwritable``.
    """
    text = "".join(f"{SignerKey.generate(name, kind)}\n" for kind in kinds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise RegisterError(f"{path} is there already; it is not replaced.", "conflict") from None
    except OSError as error:
        raise RegisterError(f"{path} cannot be written: {error.strerror}.", "unwritable") from None


def read_keys(path: Path) -> tuple[SignerKey, ...]:
    """The signer keys of a file. Raises RegisterError ``missing``, ``key``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RegisterError(f"{path} cannot be read: is this the right folder?", "missing") from None
    return tuple(SignerKey.parse(line) for line in text.splitlines() if line.strip())


def read_policy(folder: Path) -> Policy:
    """The policy of a folder. Raises RegisterError ``missing``, ``malformed``."""
    path = folder / POLICY
    try:
        with path.open("rb") as stream:
            return Policy.parse(stream.read(MAX_POLICY + 1))
    except OSError as error:
        raise RegisterError(f"{path} cannot be read: {error.strerror}.", "missing") from None


def write_policy(folder: Path, text: str) -> Policy:
    """Replace the policy of a folder, where it is one. Raises RegisterError ``malformed``, ``unwritable``."""
    policy = Policy.parse(text)
    try:
        write_whole(folder / POLICY, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise RegisterError(f"{folder / POLICY} cannot be written: {error.strerror}.", "unwritable") from None
    return policy


def add_log(folder: Path, key: VerifierKey, url: str | None = None) -> Policy:
    """Add a log line to a folder's policy. Raises RegisterError ``malformed`` where the key is there already."""
    return write_policy(folder, f"log {key}{f' {url}' if url else ''}\n{read_policy(folder).text}")


def _stamp(folder: Path) -> tuple[int, int]:
    try:
        found = (folder / POLICY).stat()
    except OSError:
        return (0, 0)
    return found.st_ino, found.st_mtime_ns


def _request(body: bytes) -> tuple[int, list[bytes], Note, Checkpoint]:
    """Old size, proof, note and checkpoint. Raises RegisterError ``malformed``."""
    head, blank, rest = body.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        first, lines = "", []
    if not blank or not first.startswith("old "):
        raise RegisterError("The body must be: old SIZE, proof lines, an empty line, and a checkpoint.", "malformed")
    if len(lines) > MAX_PROOF:
        raise RegisterError(f"A proof has at most {MAX_PROOF} lines.", "malformed")
    old = decimal(first[4:], "The old size")
    proof = [from_base64(line, "A hash of the proof", 32) for line in lines]
    note = Note.parse(rest)
    return old, proof, note, Checkpoint.parse(note.text)


def _verifies(key: VerifierKey, text: str, signature: Signature) -> bool:
    try:
        key.check(text, signature)
    except RegisterError:
        return False
    return True


def _says(status: int, text: str) -> Answer:
    return Answer(status, TEXT, f"{text}\n".encode())


__all__ = [
    "EVIDENCE", "HEADS", "MAX_BODY", "POLICY", "Witness", "add_log", "create", "create_keys", "read_keys",
    "read_policy", "write_policy",
]  # fmt: skip
