"""Answers about revocation (OCSP, RFC 6960) that the signer stapled to the signature.

The library reads such an answer only where a responder's certificate comes with it, and takes it from anybody whom a
list knows: the signer himself may say that he was not revoked. Here it must be the authority that issued the
certificate, or a responder that this authority certified.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from assay.provenance.claims import ours
from assay.provenance.cose import Header
from assay.provenance.model import Reason
from assay.provenance.path import anchors, issuer_of, load
from assay.provenance.trust import TrustStore

NOT_REVOKED, REVOKED = "signingCredential.ocsp.notRevoked", "signingCredential.ocsp.revoked"
UNKNOWN, IGNORED = "signingCredential.ocsp.unknown", "assay.ocsp.ignored"
BAD = frozenset({REVOKED, UNKNOWN, "signingCredential.revoked"})
_WEIGHT = (REVOKED, UNKNOWN, NOT_REVOKED)

_UNTIL = timedelta(days=1)
"""How long an answer holds that does not say so."""

_SKEW = timedelta(minutes=5)
"""How far ahead an authority's clock may be."""


def stapled(
    header: Header, label: str, trust: TrustStore, *, signed: datetime | None, now: datetime
) -> list[Reason] | None:
    """What the stapled answers say of the signer's certificate; None where none is stapled, or its issuer is not known.

    ``signed`` is the time of a trusted timestamp: a certificate that was revoked only afterwards was good then. One
    answer that it was revoked outweighs all that it was not, and these count only for their own time.
    """
    certificate, *others = (load(der) for der in header.chain) if header.chain else (None,)
    if not header.ocsp or certificate is None:
        return None
    roots = (c for found in trust.lists if found.kind == "claim" for c in anchors(found.pem))
    issuer = issuer_of(certificate, [*(c for c in others if c is not None), *roots])
    if issuer is None:
        return None
    found = [r for der in header.ocsp if (r := _answer(der, certificate, issuer, label, signed, now)) is not None]
    return [min(found, key=lambda r: _WEIGHT.index(r.code), default=ours(IGNORED, label))]


def _answer(  # noqa: PLR0917
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, label: str, signed: datetime | None,
    now: datetime,
) -> Reason | None:  # fmt: skip
    """What one answer says, where it is about this certificate and by somebody who may give it."""
    try:
        answer = ocsp.load_der_ocsp_response(der)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        if not _about(answer, certificate, issuer) or not _signed(answer, issuer):
            return None
        return _verdict(answer, label, signed, now)
    except Exception:  # the parser raises a dozen kinds for hostile DER
        return None


def begins(der: bytes) -> datetime:
    """From when a certificate is valid."""
    return x509.load_der_x509_certificate(der).not_valid_before_utc


def _verdict(answer: ocsp.OCSPResponse, label: str, signed: datetime | None, now: datetime) -> Reason | None:
    said = f"stapled answer of {answer.this_update_utc.isoformat()}"
    when, status = answer.revocation_time_utc, answer.certificate_status
    if status is ocsp.OCSPCertStatus.REVOKED and answer.revocation_reason is not x509.ReasonFlags.remove_from_crl:
        if signed is None or when is None or signed >= when:
            return ours(REVOKED, label, f"{said}: revoked on {when.isoformat() if when else 'an unknown day'}")
        return ours(NOT_REVOKED, label, f"{said}: revoked only on {when.isoformat()}")
    if status is ocsp.OCSPCertStatus.UNKNOWN:
        return ours(UNKNOWN, label, said)
    until = answer.next_update_utc or answer.this_update_utc + _UNTIL
    timely = answer.this_update_utc <= now + _SKEW and (signed or now) <= until
    return ours(NOT_REVOKED, label, said) if timely else None


def _about(answer: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the answer is about this certificate of this issuer."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, answer.hash_algorithm).build()
    return (
        answer.serial_number == asked.serial_number
        and answer.issuer_key_hash == asked.issuer_key_hash
        and answer.issuer_name_hash == asked.issuer_name_hash
    )


def _signed(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the issuer, or a responder that it certified for this, signed the answer."""
    return any(_by(answer, key) for key in [issuer, *_responders(answer.certificates, issuer)])


def _responders(found: Iterable[x509.Certificate], issuer: x509.Certificate) -> list[x509.Certificate]:
    chosen = []
    for certificate in found:
        if load(certificate.public_bytes(Encoding.DER)) is None:
            continue
        try:
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (x509.ExtensionNotFound, ValueError):
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in usage and issuer_of(certificate, [issuer]) is not None:
            chosen.append(certificate)
    return chosen


def _by(answer: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    key, algorithm = certificate.public_key(), answer.signature_hash_algorithm
    signature, data = answer.signature, answer.tbs_response_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm or hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, TypeError):
        return False
    return True


__all__ = ["BAD", "NOT_REVOKED", "REVOKED", "begins", "stapled"]
