"""A register in a folder, as its operator has it. Reading works while a server runs; handing in does not."""

import hashlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from assay.errors import RegisterError
from assay.register.keys import VerifierKey
from assay.register.log import Log
from assay.register.model import MAX_MANIFEST, Accepted, Anchor, Batch, Hit, Query, Submission
from assay.register.policy import Policy
from assay.register.ports import Objects
from assay.register.tiles import CHECKPOINT, parse_path
from assay.register.writer import manifest_path


class LocalRegister:
    """The register in the folder ``path``: a :class:`~assay.register.ports.Register`. May be used by several threads.

    Raises RegisterError: ``missing`` where there is no log, and what its storage raises.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = Log.open(path, write=False)
        self._writing = threading.Lock()

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
        """Hand in entries. The log's lock is taken for that long: ``conflict`` where a server or another program
        holds it.
        """
        with self._writing:
            try:
                log = Log.open(self._path)
            except RegisterError as error:
                if error.reason != "conflict":
                    raise
                says = f"{error} Where a server runs over this folder, hand in at its address instead."
                raise RegisterError(says, "conflict") from None
            with log:
                return log.sequencer.submit(submission).result()

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
        return read_manifest(self._log.objects, digest)

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
        """The smallest anchored checkpoint (a cosigned note) that covers ``size`` entries, with its anchors."""
        from assay.register.anchors.keeper import anchored  # noqa: PLC0415 (it loads the formats of anchors)

        return anchored(self._log.objects, size)

    def close(self) -> None:
        """Let go of files."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_manifest(objects: Objects, digest: bytes) -> bytes | None:
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


__all__ = ["LocalRegister", "read_manifest"]
