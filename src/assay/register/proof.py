"""Proofs of inclusion for offline use (C2SP tlog-proof): where an entry is, how it leads to the root, and the cosigned
checkpoint. Assay's receipts are such proofs with something in ``extra``.
"""

from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of, decimal, from_base64
from assay.register.merkle import MAX_PROOF, verify_inclusion
from assay.register.note import Note

HEADER = "c2sp.org/tlog-proof@v1"
MAX_FILE = 1_048_576
"""Bytes of a proof that are read."""


@dataclass(frozen=True)
class TlogProof:
    """A proof. ``proof`` are hashes of 32 bytes, leaf's sibling first; ``extra`` is not authenticated by anything here;
    None where the line is absent.
    """

    index: int
    proof: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The text of the proof, in UTF-8."""
        extra = [] if self.extra is None else [f"extra {base64_of(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(base64_of, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.encode()

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """Raises RegisterError: ``malformed``, ``too_large``, ``unsupported`` for another version."""
        if len(data) > MAX_FILE:
            raise RegisterError(f"The proof has more than {MAX_FILE} bytes.", "too_large")
        head, blank, note = data.partition(b"\n\n")
        try:
            header, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise RegisterError("This is not a tlog-proof.", "malformed") from None
        if header != HEADER:
            if header.startswith("c2sp.org/tlog-proof@"):
                raise RegisterError(f"Assay knows {HEADER}, not {header[:40]!r}.", "unsupported")
            raise RegisterError(f"This is not a tlog-proof: its first line is not {HEADER}.", "malformed")
        if not blank:
            raise RegisterError("The proof is cut off: it has no checkpoint after a blank line.", "malformed")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = from_base64(lines.pop(0).removeprefix("extra "), "The extra data")
        if not lines or not lines[0].startswith("index "):
            raise RegisterError("The proof has no index line.", "malformed")
        index = decimal(lines[0].removeprefix("index "), "The index")
        if len(lines) > MAX_PROOF + 1:
            raise RegisterError(f"The proof has more than {MAX_PROOF} hashes.", "malformed")
        hashes = tuple(from_base64(line, "A hash of the proof", 32) for line in lines[1:])
        return cls(index, hashes, Note.parse(note), extra)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, its signatures not looked at. Raises RegisterError ``malformed``."""
        return Checkpoint.parse(self.note.text)

    def verify(self, leaf_hash: bytes) -> Checkpoint:
        """Whether the proof leads from this leaf hash (32 bytes) to the root of its checkpoint; returns that. The
        signatures are for a :class:`~assay.register.policy.Policy` to check. Raises RegisterError: ``malformed``,
        ``proof``.
        """
        checkpoint = self.checkpoint
        verify_inclusion(self.index, checkpoint.size, leaf_hash, self.proof, checkpoint.root)
        return checkpoint


__all__ = ["HEADER", "TlogProof"]
