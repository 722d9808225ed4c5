"""Signing with a private key as COSE wants it (RFC 9053): ECDSA as r‖s, RSA with PSS, Ed25519."""

from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from assay.errors import ProvenanceError
from assay.provenance.certificates.keys import PrivateKey

DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "es256": hashes.SHA256(), "es384": hashes.SHA384(), "es512": hashes.SHA512(), "ps256": hashes.SHA256(),
    "ps384": hashes.SHA384(), "ps512": hashes.SHA512(),
}  # fmt: skip
"""The digest of each algorithm; Ed25519 brings its own."""

_CURVES = {256: "es256", 384: "es384", 521: "es512"}

Sign = Callable[[bytes], bytes]
"""From the bytes to be signed to the signature, as COSE writes it."""


def algorithm_of(public: object) -> str:
    """C2PA's name of what this public key signs with. Raises ProvenanceError (``key``)."""
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in {"secp256r1", "secp384r1", "secp521r1"}:
        return _CURVES[public.key_size]
    if isinstance(public, rsa.RSAPublicKey):
        return "ps256"
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "ed25519"
    raise ProvenanceError(
        "C2PA signs with P-256, P-384, P-521, RSA or Ed25519; the certificate's key is of another kind.", "certificate"
    )


def certificates_of(chain: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM chain, leaf first. Raises ProvenanceError (``certificate``) where there are none."""
    try:
        found = tuple(x509.load_pem_x509_certificates(chain))
    except ValueError:
        found = ()
    if not found:
        raise ProvenanceError(
            "There is no certificate in the chain: it must be PEM (-----BEGIN CERTIFICATE-----).", "certificate"
        )
    return found


def pss(digest: hashes.HashAlgorithm) -> padding.PSS:
    """The padding of PS256 and its like: the mask uses the same digest, the salt is as long as it."""
    return padding.PSS(padding.MGF1(digest), digest.digest_size)


def raw(der: bytes, algorithm: str) -> bytes:
    """An ECDSA signature from DER to r‖s, each as long as the curve's order."""
    r, s = decode_dss_signature(der)
    size = {"es256": 32, "es384": 48, "es512": 66}[algorithm]
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signing_with(key: PrivateKey, algorithm: str) -> Sign:
    """What signs with this key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        ecdsa = ec.ECDSA(DIGESTS[algorithm])
        return lambda data: raw(key.sign(data, ecdsa), algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        digest = DIGESTS[algorithm]
        return lambda data: key.sign(data, pss(digest), digest)
    return key.sign


def same_key(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the certificate is of this key."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def signed_by(certificate: x509.Certificate, algorithm: str, signature: bytes, data: bytes) -> bool:
    """Whether a signature in COSE's form is of the certificate's key."""
    public = certificate.public_key()
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            public.verify(encode_dss_signature(r, s), data, ec.ECDSA(DIGESTS[algorithm]))
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, data, pss(DIGESTS[algorithm]), DIGESTS[algorithm])
        elif isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True


__all__ = ["DIGESTS", "Sign", "algorithm_of", "certificates_of", "pss", "raw", "same_key", "signed_by", "signing_with"]
