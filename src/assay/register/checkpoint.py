"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the text of the note in which a log states its size and root hash."""

import re
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.encoding import base64_of, decimal, from_base64
from assay.register.merkle import EMPTY

MAX_TEXT = 16_384
"""Characters of the text of a checkpoint that are read."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


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
        if _CONTROL.search(text):
            raise RegisterError("The checkpoint holds control characters.", "malformed")
        *lines, last = text.split("\n")
        if last or len(lines) < 3 or not all(lines):
            raise RegisterError(
                "A checkpoint has at least three lines, none empty, each ended by a newline.", "malformed"
            )
        origin, size, root, *extensions = lines
        found = cls(origin, decimal(size, "The tree size"), from_base64(root, "The root hash", 32), tuple(extensions))
        if found.size == 0 and found.root != EMPTY:
            raise RegisterError(
                "The checkpoint states another root for an empty tree than such a tree has.", "malformed"
            )
        return found


__all__ = ["Checkpoint"]
