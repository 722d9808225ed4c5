"""Whether certificates may sign statements: the rules are those for whoever signs a manifest."""

from collections.abc import Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from assay.provenance.engine import EKU

_UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_FORBIDDEN = {
    _ANY, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING,
}  # fmt: skip

E = TypeVar("E", bound=x509.ExtensionType)


def unfit(chain: Sequence[x509.Certificate]) -> str | None:
    """Why a chain, signer first, may not sign statements, or None. C2PA's certificate profile for the signer; of the
    authorities above it, that they allow its purpose and ask for nothing that is not understood here.
    """
    if any(e.critical and e.oid not in _UNDERSTOOD for certificate in chain for e in certificate.extensions):
        return "a certificate has a critical extension that Assay does not understand"
    leaf, purposes = chain[0], _part(chain[0], x509.ExtendedKeyUsage)
    usage, basic = _part(leaf, x509.KeyUsage), _part(leaf, x509.BasicConstraints)
    if leaf.version is not x509.Version.v3:
        return "it is not of version 3"
    if basic is not None and basic.ca:
        return "it is an authority's"
    if usage is None or not usage.digital_signature or usage.key_cert_sign:
        return "its key usage is not digital signature"
    if purposes is None or not _allowed(purposes):
        return "it names no purpose that C2PA allows for signing"
    if set(purposes) & _FORBIDDEN:
        return "it is also for a purpose that C2PA forbids beside signing"
    for authority in chain[1:]:
        above = _part(authority, x509.ExtendedKeyUsage)
        if above is not None and not (_allowed(above) or _ANY in above):
            return "the authority that issued it may not do so for this purpose"
    return None


def _allowed(purposes: x509.ExtendedKeyUsage) -> bool:
    return any(purpose.dotted_string in EKU for purpose in purposes)


def _part(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


__all__ = ["unfit"]
