"""Numbers, hashes and keys as text, in the one form that C2SP allows: whatever is not canonical is refused."""

import base64
import binascii
import re

from assay.errors import RegisterError

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
MAX_SIZE = 2**63 - 1
"""Largest tree size, index or time."""

_P = 2**255 - 19
_LOW_ORDER_Y = frozenset((
    0, 1, _P - 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
))  # fmt: skip
"""The y coordinates of the eight points of Curve25519 (Edwards form) whose order divides 8."""


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


def check_ed25519(public: bytes) -> None:
    """Refuse an Ed25519 public key that is not in canonical form (RFC 8032, section 5.1.3), or under which a signature
    can be forged because its point has a small order. Raises RegisterError ``key``.
    """
    if len(public) != 32:
        raise RegisterError(f"An Ed25519 public key has 32 bytes; this has {len(public)}.", "key")
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    if y >= _P or small_order(public):
        raise RegisterError("The Ed25519 public key is not one that a signer can have: use another key.", "key")


def small_order(point: bytes) -> bool:
    """Whether the point of 32 bytes that a key is, or a signature begins with, has an order that divides 8.

    No honest signer makes such a signature, and verifiers differ on it: so none is accepted that begins with one.
    """
    return int.from_bytes(point, "little") & (1 << 255) - 1 in _LOW_ORDER_Y


__all__ = ["MAX_SIZE", "base64_of", "check_ed25519", "decimal", "from_base64", "small_order"]
