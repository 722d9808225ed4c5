"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the text of the note in which a log states its size and root hash."""

from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.encoding import base64_of, decimal, from_base64

MAX_TEXT = 16_384
"""Bytes of the text of a checkpoint that are read."""


@dataclass(frozen=True)
class Checkpoint:
    """A tree head. ``root`` is 32 bytes; ``extensions`` are lines that mean nothing to Assay."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text, final newline included."""
        return "\n".join((self.origin, str(self.size), base64_of(self.root), *self.extensions)) + "\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Raises RegisterError ``malformed``."""
        if len(text) > MAX_TEXT:
            raise RegisterError("The checkpoint is too long.", "malformed")
        *lines, last = text.split("\n")
        if last or len(lines) < 3 or not all(lines):
            raise RegisterError(
                "A checkpoint has at least three lines, none empty, each ended by a newline.", "malformed"
            )
        origin, size, root, *extensions = lines
        return cls(origin, decimal(size, "The tree size"), from_base64(root, "The root hash", 32), tuple(extensions))


__all__ = ["Checkpoint"]
