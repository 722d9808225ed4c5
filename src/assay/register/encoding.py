"""Numbers, hashes and keys as text, in the one form that C2SP allows: whatever is not canonical is refused."""

import base64
import binascii
import re

from assay.errors import RegisterError

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
MAX_SIZE = 2**63 - 1
"""Largest tree size, index or time."""


def decimal(text: str, what: str) -> int:
    """A number as ASCII decimal without sign, spaces or leading zeroes. Raises RegisterError ``malformed``."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise RegisterError(f"{what} is {text[:40]!r}, not a canonical decimal number.", "malformed")
    return int(text)


def base64_of(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, what: str, length: int | None = None) -> bytes:
    """The bytes of canonical standard base64: with padding, unused bits zero. Raises RegisterError ``malformed``, also
    where there are not ``length`` bytes.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise RegisterError(f"{what} is not base64.", "malformed") from None
    if base64_of(data) != text:
        raise RegisterError(f"{what} is not canonical base64.", "malformed")
    if length is not None and len(data) != length:
        raise RegisterError(f"{what} has {len(data)} bytes; it must have {length}.", "malformed")
    return data


__all__ = ["MAX_SIZE", "base64_of", "decimal", "from_base64"]
