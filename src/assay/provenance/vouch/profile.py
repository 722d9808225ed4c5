"""Whether certificates may sign statements: the rules are those for whoever signs a manifest."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from assay.provenance.certificates import lint

_UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}

_ELSEWHERE = {"expired", "not-yet-valid", "missing-intermediate"}
"""Rules that are about time, which a timestamp changes, and about who vouches, which is the lists' part."""


def unfit(chain: Sequence[x509.Certificate], at: datetime) -> str | None:
    """Why a chain, signer first, may not sign statements, or None: a rule of C2PA's profile that the signer's own
    certificate breaks, or something critical in any of them that is not understood here.
    """
    if any(e.critical and e.oid not in _UNDERSTOOD for certificate in chain for e in certificate.extensions):
        return "a critical extension is not understood here"
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    for fault in lint(pem, at=at):
        if fault.severity == "error" and fault.certificate == 1 and fault.rule not in _ELSEWHERE:
            return fault.says[:1].lower() + fault.says[1:] if fault.says[:2].istitle() else fault.says
    return None


__all__ = ["unfit"]
