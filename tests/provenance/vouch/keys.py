"""Keys with certificates of every kind that signs statements, each made when first asked for."""

from dataclasses import dataclass
from functools import cache

from cryptography import x509

from assay.provenance.certificates import create, load_key
from assay.provenance.keys import Sign, signing_with

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ed25519")


@dataclass(frozen=True)
class Key:
    """What signs, and its certificates."""

    algorithm: str
    chain: tuple[x509.Certificate, ...]
    sign: Sign


@cache
def key(algorithm: str) -> Key:
    """One for this algorithm, the same for the whole run."""
    made = create("Desk", organisation="Example News", algorithm=algorithm)
    chain = tuple(x509.load_pem_x509_certificates(made.chain_pem))
    return Key(algorithm, chain, signing_with(load_key(made.key_pem), algorithm))
