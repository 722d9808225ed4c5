"""Answers about revocation (OCSP, RFC 6960) that the signer stapled to the signature.

The library reads such an answer only where a responder's certificate comes with it. An answer that the authority
signed with its own key needs none; it is read here.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from assay.provenance.claims import ours
from assay.provenance.cose import Header
from assay.provenance.model import Reason
from assay.provenance.path import anchors, issuer_of, load
from assay.provenance.trust import TrustStore

NOT_REVOKED, REVOKED = "signingCredential.ocsp.notRevoked", "signingCredential.ocsp.revoked"


def stapled(header: Header, label: str, trust: TrustStore, *, signed: datetime | None) -> list[Reason]:
    """What the stapled answers say of the signer's certificate. ``signed`` is the time of a trusted timestamp: a
    certificate that was revoked only afterwards was good then.
    """
    if not header.ocsp or not header.chain:
        return []
    certificate, *others = (load(der) for der in header.chain)
    if certificate is None:
        return []
    roots = (c for found in trust.lists if found.kind == "claim" for c in anchors(found.pem))
    issuer = issuer_of(certificate, [*(c for c in others if c is not None), *roots])
    if issuer is None:
        return []
    for der in header.ocsp:
        try:
            answer = ocsp.load_der_ocsp_response(der)
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                continue
            if not _about(answer, certificate, issuer) or not _signed(answer, issuer):
                continue
            return _verdict(answer, label, signed)
        except (ValueError, UnsupportedAlgorithm):
            continue
    return []


def begins(der: bytes) -> datetime:
    """From when a certificate is valid."""
    return x509.load_der_x509_certificate(der).not_valid_before_utc


def _verdict(answer: ocsp.OCSPResponse, label: str, signed: datetime | None) -> list[Reason]:
    said = f"stapled answer of {answer.this_update_utc.isoformat()}"
    if answer.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return [ours(NOT_REVOKED, label, said)]
    if answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        return [ours("signingCredential.ocsp.unknown", label, said)]
    when = answer.revocation_time_utc
    if answer.revocation_reason is x509.ReasonFlags.remove_from_crl or (signed and when and signed < when):
        return [ours(NOT_REVOKED, label, f"{said}: revoked only on {(when or datetime.now(UTC)).isoformat()}")]
    return [ours(REVOKED, label, f"{said}: revoked on {when.isoformat() if when else 'an unknown day'}")]


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


__all__ = ["NOT_REVOKED", "REVOKED", "begins", "stapled"]
