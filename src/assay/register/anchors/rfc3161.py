"""RFC 3161: a signed statement of a time-stamping authority, in seconds. The proof is the token (CMS, DER) over the
note text, by its SHA-256; ``openssl ts -verify -token_in`` reads it.
"""

from collections.abc import Sequence
from datetime import timedelta

import rfc3161_client as tsp
from cryptography import x509

from assay.errors import ProvenanceError, RegisterError, UsageError
from assay.register.anchors.bound import MAX_PROOF, Bound, written
from assay.timestamps import check as check_token
from assay.timestamps import stamp as ask_token
from assay.timestamps.client import TIMEOUT, as_reply

KIND = "rfc3161"


def stamp(text: str, url: str, *, timeout: float = TIMEOUT) -> bytes:
    """A token of the authority at ``url``: only a digest goes there. Raises RegisterError ``unreachable``,
    ``malformed`` for an address that is none, ``too_large``.
    """
    try:
        token = ask_token(text.encode(), url, timeout=timeout)
    except UsageError as error:
        raise RegisterError(f"{error}.", "malformed") from None
    except ProvenanceError as error:
        raise RegisterError(f"{error}.", "unreachable") from None
    if len(token) > MAX_PROOF:
        raise RegisterError(f"The timestamp of {len(token)} bytes is too long to keep.", "too_large")
    return token


def check(token: bytes, text: str, roots: Sequence[x509.Certificate]) -> Bound:
    """What the token shows by these roots. Never raises for what is in it."""
    if len(token) > MAX_PROOF:
        return _bound("The timestamp is longer than any that Assay reads.")
    try:
        info = tsp.decode_timestamp_response(as_reply(token)).tst_info
        imprint, policy = info.message_imprint.message, info.policy.dotted_string
        margin = _accuracy(info.accuracy)
    except (ValueError, OverflowError, AttributeError):
        return _bound("The timestamp cannot be read.")
    if not roots:
        says = "There is a timestamp; the root certificate of its authority is needed to check it."
        return Bound(kind=KIND, status="unchecked", who="a time-stamping authority", says=says)
    try:
        time = check_token(token, text.encode(), roots)
        limit = time + margin
    except ProvenanceError as error:
        return _bound(f"The timestamp is not that of a trusted authority for this checkpoint: {error}.")
    except OverflowError:
        return _bound("The timestamp states a time that cannot be.")
    who = _authority(token, text, roots)
    exactly = f"to {margin.total_seconds():g} s" if margin else "without an accuracy"
    steps = (
        f"The token is about the SHA-256 of the checkpoint's text ({imprint.hex()[:16]}…).",
        f"It is signed by {who}; the certificate is one for timestamps and leads to that root.",
        f"It states {time:%Y-%m-%d %H:%M:%S} UTC, {exactly}, under the policy {policy}.",
    )
    says = f"{who[0].upper()}{who[1:]} saw it not later than {written(limit)}, by its own clock."
    return Bound(kind=KIND, status="proven", who=who, says=says, not_after=limit, steps=steps)


def _bound(says: str) -> Bound:
    return Bound(kind=KIND, status="invalid", who="a time-stamping authority", says=says)


def _accuracy(accuracy: tsp.Accuracy | None) -> timedelta:
    if accuracy is None:
        return timedelta()
    return timedelta(
        seconds=accuracy.seconds or 0, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
    )


def _authority(token: bytes, text: str, roots: Sequence[x509.Certificate]) -> str:
    """Named by the root that vouches for it: what else names it in the token, anyone may have put there."""
    for root in roots:
        try:
            check_token(token, text.encode(), [root])
        except ProvenanceError:
            continue
        names = [*root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME), *root.subject]
        name = "".join(c if c.isprintable() else "?" for c in str(names[0].value))[:80] if names else "no name"
        return f"a time-stamping authority under the root {name!r}"
    return "a time-stamping authority under the roots that are trusted"


__all__ = ["KIND", "check", "stamp"]
