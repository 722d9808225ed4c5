"""A register in a folder, as its operator has it. Reading works while a server runs; handing in does not."""

import hashlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from assay.errors import RegisterError
from assay.register.cose import cose_receipt
from assay.register.keys import VerifierKey
from assay.register.log import Log
from assay.register.model import MAX_MANIFEST, Accepted, Anchor, Batch, Hit, Query, Submission
from assay.register.policy import Policy
from assay.register.ports import Objects
from assay.register.receipt import issue
from assay.register.tiles import CHECKPOINT, parse_path
from assay.register.writer import manifest_path


class OpenRegister:
    """The register over an open log: a :class:`~assay.register.ports.Register`. May be used by several threads.

    Raises RegisterError: what the log's storage raises.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    @property
    def verifier(self) -> VerifierKey:
        """The log's key, as the register itself says: trust comes from a policy, not from here."""
        return self._log.verifier

    @property
    def policy(self) -> Policy:
        """The policy in the folder."""
        return self._log.policy

    def fetch(self, path: str) -> bytes:
        """``checkpoint`` or the path of a tile."""
        if path != CHECKPOINT:
            parse_path(path)
        return self._log.objects.get(path)

    def submit(self, submission: Submission) -> Accepted:
        """Hand in entries; ``conflict`` where the log is open only to read."""
        return self._log.sequencer.submit(submission).result()

    def search(self, query: Query) -> list[Hit]:
        """Entries, lowest index first."""
        return self._log.index.search(query)

    def get(self, index: int) -> Hit | None:
        """One entry."""
        return self._log.index.get(index)

    def batch(self, index: int) -> Batch | None:
        """How an entry is part of its batch."""
        return self._log.index.batch(index)

    def manifest(self, digest: bytes) -> bytes | None:
        """An encrypted manifest by the SHA-256 of its bytes."""
        return _manifest(self._log.objects, digest)

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
        """The smallest anchored checkpoint (a cosigned note) that covers ``size`` entries, with its anchors."""
        from assay.register.anchors.keeper import anchored  # noqa: PLC0415 (it loads the formats of anchors)

        return anchored(self._log.objects, size)

    def cose(self, index: int) -> bytes:
        """A COSE receipt of an entry, signed with the log's key over the root of a checkpoint that it has published."""
        receipt = issue(self, index)
        return cose_receipt(receipt.leaf.encode(), receipt.proof, self._log.signer)

    def close(self) -> None:
        """Let go of files."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalRegister(OpenRegister):
    """The register in the folder ``path``. Raises RegisterError ``missing`` where there is no log."""

    def __init__(self, path: Path) -> None:
        super().__init__(Log.open(path, write=False))
        self._path = path
        self._writing = threading.Lock()

    def submit(self, submission: Submission) -> Accepted:
        """Hand in entries. The log's lock is taken for that long: ``conflict`` where a server or another program
        holds it.
        """
        with self._writing, Log.open(self._path) as log:
            return log.sequencer.submit(submission).result()


def _manifest(objects: Objects, digest: bytes) -> bytes | None:
    """An encrypted manifest out of a log's objects. Raises RegisterError ``damaged`` where it is another."""
    try:
        data = objects.get(manifest_path(digest))
    except RegisterError as error:
        if error.reason == "missing":
            return None
        raise
    if len(data) > MAX_MANIFEST or hashlib.sha256(data).digest() != digest:
        raise RegisterError(f"The manifest {digest.hex()} is not what was handed in: it is damaged.", "damaged")
    return data


__all__ = ["LocalRegister", "OpenRegister"]
