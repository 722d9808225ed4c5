"""Keys with certificates of every kind that signs statements; RSA is left to one test, as making it takes a while."""

from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from assay.provenance.certificates import create, load_key

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ed25519")


@dataclass(frozen=True)
class Key:
    """A signer with the shape of :class:`assay.provenance.identity.Identity`'s, made without it."""

    algorithm: str
    chain: tuple[x509.Certificate, ...]
    key: object

    def sign(self, data: bytes) -> bytes:
        """The raw COSE signature."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[self.key.key_size]
            size = (self.key.key_size + 7) // 8
            r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(size) + s.to_bytes(size)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return self.key.sign(data)  # type: ignore[attr-defined, no-any-return]


class _Keys:
    """Made when first asked for."""

    @cache  # noqa: B019 (one instance, as long as the process)
    def __getitem__(self, algorithm: str) -> Key:
        made = create("Desk", organisation="Example News", algorithm=algorithm)
        return Key(algorithm, tuple(x509.load_pem_x509_certificates(made.chain_pem)), load_key(made.key_pem))


KEYS = _Keys()
