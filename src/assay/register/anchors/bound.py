"""What an anchor proves, whose clocks are believed, and how a time is written."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from cryptography import x509

    from assay.register.anchors.evm import Chain
    from assay.register.anchors.headers import Headers

MAX_PROOF = 16_384
"""Bytes of the proof of one anchor that are read."""

Status = Literal["proven", "pending", "unchecked", "invalid"]


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What one anchor says about when the text of a checkpoint was there.

    ``status``: ``proven``; ``pending`` (the authority has the digest, and its proof is not finished); ``unchecked``
    (``says`` names what is missing to check it); ``invalid`` (not about this text, or it does not hold). ``not_after``
    (UTC) is there where it is proven, the accuracy of the clock allowed for. ``who`` names the clock, ``says`` is one
    sentence, ``steps`` what was done, in order.
    """

    kind: str
    status: Status
    who: str
    says: str
    not_after: datetime | None = None
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trust:
    """Whose clocks a verifier believes; what is not there is not believed.

    ``headers``: block headers of Bitcoin. ``authorities``: roots of RFC 3161 authorities. ``chains``: EVM chains.
    """

    headers: "Headers | None" = None
    authorities: "tuple[x509.Certificate, ...]" = ()
    chains: "tuple[Chain, ...]" = ()


def digest_of(text: str) -> bytes:
    """What is anchored: the SHA-256 of the text of a note, its last newline included."""
    return hashlib.sha256(text.encode()).digest()


def written(time: datetime) -> str:
    """A time that is an upper bound, in UTC, seconds rounded up to the minute: ``24 November 2026, 17:40 UTC``."""
    at = time.astimezone(UTC)
    if (at.second or at.microsecond) and at < datetime.max.replace(tzinfo=UTC) - timedelta(minutes=1):
        at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


__all__ = ["MAX_PROOF", "Bound", "Status", "Trust", "digest_of", "written"]
