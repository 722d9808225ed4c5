"""Private keys of the kinds that C2PA allows: made, written and read. No error here shows a key or a passphrase."""

from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from assay.errors import ProvenanceError, UsageError

Algorithm = Literal["es256", "es384", "es512", "ps256", "ed25519"]
Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: tuple[Algorithm, ...] = ("es256", "es384", "es512", "ps256", "ed25519")
"""Names that C2PA gives to the kinds of signature that Assay makes keys for."""

RSA_BITS = 3072
_CURVES: dict[str, ec.EllipticCurve] = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}


def generate(algorithm: str) -> PrivateKey:
    """A new private key for this kind of signature. Raises UsageError for one that is not in :data:`ALGORITHMS`."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ps256":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    raise UsageError(f"There is no algorithm {algorithm!r}; choose one of {', '.join(ALGORITHMS)}")


def digest_for(key: PrivateKey) -> Digest | None:
    """The digest that a certificate signed with this key uses; none for Ed25519, which brings its own."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.key_size <= 256:
            return hashes.SHA256()
        return hashes.SHA384() if key.key_size <= 384 else hashes.SHA512()
    return hashes.SHA256()


def encode_key(key: PrivateKey, passphrase: str | None = None) -> bytes:
    """PKCS #8 as PEM, encrypted where there is a passphrase."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def load_key(pem: bytes, passphrase: str | None = None) -> PrivateKey:
    """Read a private key from PEM (PKCS #8, SEC 1 or PKCS #1).

    Raises ProvenanceError: reason ``passphrase`` where one is needed or wrong, ``key`` where this is no such key,
    ``unsupported`` where it is of a kind that C2PA does not sign with.
    """
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise ProvenanceError("The private key is encrypted: give its passphrase", "passphrase")
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError):
        if encrypted:
            raise ProvenanceError("The passphrase does not open the private key", "passphrase") from None
        raise ProvenanceError("This is not a private key in PEM (-----BEGIN PRIVATE KEY-----)", "key") from None
    except UnsupportedAlgorithm:
        raise ProvenanceError("The private key is of a kind that cannot be read here", "unsupported") from None
    if not isinstance(key, PrivateKey):
        raise ProvenanceError("C2PA signs with ECDSA, RSA or Ed25519 keys only; this key is of another kind", "key")
    return key


__all__ = ["ALGORITHMS", "Algorithm", "Digest", "PrivateKey", "digest_for", "encode_key", "generate", "load_key"]
