"""Signed notes (C2SP signed-note v1.0.0): a text, a blank line, and signature lines. Nothing is verified here."""

import re
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.encoding import base64_of, from_base64

DASH = "\N{EM DASH} "
MAX_NOTE = 262_144
"""Bytes of a note that are read."""
MAX_SIGNATURES = 64
"""Signature lines of a note that are read; the specification asks for at least 16."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def check_name(name: str) -> str:
    """A key name: not empty, no Unicode space, no plus, no control character, and fit for UTF-8. Raises RegisterError
    ``malformed``.
    """
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 or 0xD800 <= ord(c) < 0xE000 for c in name):
        raise RegisterError(
            f"{name[:60]!r} cannot be a key name: it is empty, or has a space or a plus in it.", "malformed"
        )
    return name


@dataclass(frozen=True)
class Signature:
    """One signature line. ``key_id`` is 4 bytes; ``blob`` is what follows it, in the form of the key's type."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{DASH}{self.name} {base64_of(self.key_id + self.blob)}\n"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """One line without its newline. Raises RegisterError ``malformed``."""
        name, space, text = line.removeprefix(DASH).partition(" ")
        if not line.startswith(DASH) or not space:
            raise RegisterError("A signature line is not of the form '\N{EM DASH} name base64'.", "malformed")
        data = from_base64(text, "A signature")
        if len(data) < 5:
            raise RegisterError("A signature is too short to hold a key ID.", "malformed")
        return cls(check_name(name), data[:4], data[4:])


@dataclass(frozen=True)
class Note:
    """A note. ``text`` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note as UTF-8."""
        return (self.text + "\n" + "".join(s.line for s in self.signatures)).encode()

    def with_signatures(self, more: tuple[Signature, ...]) -> "Note":
        """The note with signatures added; those that it has already are not added again."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Raises RegisterError ``malformed``."""
        if len(data) > MAX_NOTE:
            raise RegisterError(f"A note of {len(data)} bytes is too long.", "malformed")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise RegisterError("The note is not UTF-8.", "malformed") from None
        if _CONTROL.search(whole):
            raise RegisterError("The note holds control characters.", "malformed")
        text, blank, rest = whole.rpartition("\n\n")
        if not blank or not rest.endswith("\n"):
            raise RegisterError("The note has no signatures after a blank line.", "malformed")
        return cls(text + "\n", signature_lines(rest))


def signature_lines(text: str) -> tuple[Signature, ...]:
    """One or more signature lines, each ended by a newline. Raises RegisterError ``malformed``."""
    *lines, last = text.split("\n")
    if last or not lines:
        raise RegisterError("A signature line is not ended by a newline.", "malformed")
    if len(lines) > MAX_SIGNATURES:
        raise RegisterError(f"More than {MAX_SIGNATURES} signatures.", "malformed")
    return tuple(Signature.parse(line) for line in lines)


__all__ = ["MAX_NOTE", "MAX_SIGNATURES", "Note", "Signature", "check_name", "signature_lines"]
