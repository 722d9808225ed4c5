"""What the header of a claim's signature holds and the library does not tell: certificates and revocation answers.

COSE_Sign1 by RFC 9052, certificates by RFC 9360, OCSP answers and older timestamps by the C2PA specification.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

from assay.provenance.keys import signed_by
from assay.provenance.path import load

MAX_TIMESTAMP = 65_536

_X5CHAIN = (33, "x5chain")
_CERTIFICATES = frozenset({*_X5CHAIN, 32, 34, 35, "x5bag", "x5t", "x5u"})
"""Headers that hold or point to certificates."""

_ALGORITHMS: dict[Any, str] = {
    -7: "es256", -35: "es384", -36: "es512", -37: "ps256", -38: "ps384", -39: "ps512", -8: "ed25519", -19: "ed25519",
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a signature's header holds: the certificates, signer first, the OCSP answers stapled to it, and its
    timestamp where that is of the older form; all as DER.
    """

    chain: tuple[bytes, ...]
    ocsp: tuple[bytes, ...]
    timestamp: bytes = b""


def header(cose: bytes, claim: bytes) -> Header:
    """Read the header of a COSE_Sign1 over a claim. What is not as it should be is left out, not complained of.

    Where one chain is all that there is, the library has checked the signature with its first certificate. A header can
    hold two, one that the library checks with and another that somebody else may be vouched for by: then, or where
    anything else points to certificates, a chain is told only if its first key made the signature.
    """
    try:
        value = cbor2.loads(cose, max_depth=16, allow_duplicate_keys=False)
        value = getattr(value, "value", value)
        protected, unprotected, signature = (
            cbor2.loads(value[0], max_depth=16, allow_duplicate_keys=False), value[1], value[3],
        )  # fmt: skip
    except Exception:  # cbor2 raises what its input makes it raise
        return Header((), ())
    chain: tuple[bytes, ...] = ()
    parts = [part for part in (protected, unprotected) if isinstance(part, Mapping)]
    for part in parts:
        for key in _X5CHAIN:
            if not chain and key in part:
                chain = _byte_strings(part[key])
    alone = sum(key in _CERTIFICATES for part in parts for key in part) == 1
    if not alone and chain and not _made_by(chain[0], protected, value[0], claim, signature):
        chain = ()
    revocation = unprotected.get("rVals") if isinstance(unprotected, Mapping) else None
    answers = _byte_strings(revocation.get("ocspVals")) if isinstance(revocation, Mapping) else ()
    return Header(chain[:16], answers[:16], _timestamp(unprotected))


def _made_by(der: bytes, protected: Any, encoded: bytes, claim: bytes, signature: Any) -> bool:
    """Whether a certificate's key made this signature over the claim (RFC 9052, 4.4)."""
    certificate = load(der)
    algorithm = _ALGORITHMS.get(protected.get(1)) if isinstance(protected, Mapping) else None
    if certificate is None or algorithm is None or not isinstance(signature, bytes):
        return False
    data = cbor2.dumps(["Signature1", encoded, b"", claim])
    try:
        return signed_by(certificate, algorithm, signature, data)
    except (ValueError, KeyError, TypeError):
        return False


def _timestamp(unprotected: Any) -> bytes:
    stamp = unprotected.get("sigTst") if isinstance(unprotected, Mapping) else None
    tokens = stamp.get("tstTokens") if isinstance(stamp, Mapping) else None
    first = tokens[0] if isinstance(tokens, list | tuple) and tokens else None
    value = first.get("val") if isinstance(first, Mapping) else None
    return value if isinstance(value, bytes) and len(value) <= MAX_TIMESTAMP else b""


def _byte_strings(value: Any) -> tuple[bytes, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    return tuple(v for v in found if isinstance(v, bytes))


__all__ = ["Header", "header"]
