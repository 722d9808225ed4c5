"""A signed statement: COSE_Sign1 (RFC 9052) with the certificates in it (RFC 9360), fit for a transparency register
(RFC 9943) to take as it is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay.errors import ProvenanceError
from assay.provenance.keys import Sign, algorithm_of, signed_by
from assay.provenance.vouch import cbor

CONTENT_TYPE = "application/vnd.assay.statement+cbor"

ALG, CRIT, TYPE, CLAIMS, X5CHAIN, X5T, CTT, RECEIPTS = 1, 2, 3, 15, 33, 34, 270, 394
"""Labels of header parameters. 270 is an RFC 3161 token over the signature (RFC 9921), 394 a register's receipts."""

ISS, SUB = 1, 2
"""Claims of RFC 9597: who states, and of what."""

ALGORITHMS = {"es256": -7, "es384": -35, "es512": -36, "ps256": -37, "ed25519": -8}

_ECDSA = {"es256": 64, "es384": 96, "es512": 132}
"""Bytes of a signature: r and s side by side."""

SHA_256 = -16

LONGEST_CHAIN = 8

TAG = b"\xd2"
"""Tag 18 in CBOR: COSE_Sign1."""


@dataclass(frozen=True)
class Signed:
    """A signed statement, taken apart. ``chain`` is the signer's certificate first; ``token`` the DER of a timestamp,
    over :attr:`stamped`; ``receipts`` what a register added, not looked at here.
    """

    protected: bytes
    payload: bytes
    signature: bytes
    algorithm: str
    chain: tuple[x509.Certificate, ...]
    claims: Mapping[int, str] = field(default_factory=dict)
    token: bytes | None = None
    receipts: tuple[bytes, ...] = ()

    @property
    def to_sign(self) -> bytes:
        """What the signature is over (RFC 9052, 4.4)."""
        return cbor.dumps(["Signature1", self.protected, b"", self.payload])

    @property
    def stamped(self) -> bytes:
        """What a timestamp is over: the signature as a CBOR byte string, its head included (RFC 9921, 3.1)."""
        return cbor.dumps(self.signature)

    def holds(self) -> bool:
        """Whether the signature is one by the key of the first certificate over this payload and header."""
        try:
            fits = algorithm_of(self.chain[0].public_key()) == self.algorithm
        except ProvenanceError:
            return False
        # Another length would be another spelling of the same signature.
        fits = fits and len(self.signature) == _ECDSA.get(self.algorithm, len(self.signature))
        return fits and signed_by(self.chain[0], self.algorithm, self.signature, self.to_sign)

    def encoded(self) -> bytes:
        """The whole file."""
        loose: dict[int, Any] = {}
        if self.token is not None:
            loose[CTT] = self.token
        if self.receipts:
            loose[RECEIPTS] = list(self.receipts)
        return TAG + cbor.dumps([self.protected, loose, self.payload, self.signature])


def subject_name(sha256: bytes) -> str:
    """What a statement is about, as a register files it."""
    return f"urn:sha256:{sha256.hex()}"


def sign(payload: bytes, about: str, algorithm: str, chain: tuple[x509.Certificate, ...],
         signer: Sign) -> Signed:  # fmt: skip
    """Sign ``payload``. ``signer`` gives the raw COSE signature (r and s side by side for ECDSA) over its argument."""
    ders = [c.public_bytes(Encoding.DER) for c in chain]
    protected = cbor.dumps({
        ALG: ALGORITHMS[algorithm],
        TYPE: CONTENT_TYPE,
        CLAIMS: {ISS: issuer_name(chain[0]), SUB: about},
        # One certificate stands by itself, several in a list (RFC 9360, 2).
        X5CHAIN: ders if len(ders) > 1 else ders[0],
        X5T: [SHA_256, hashlib.sha256(ders[0]).digest()],
    })  # fmt: skip
    unsigned = Signed(protected, payload, b"", algorithm, chain)
    return Signed(protected, payload, signer(unsigned.to_sign), algorithm, chain, _claims(cbor.loads(protected)))


def issuer_name(leaf: x509.Certificate) -> str:
    """The signer's distinguished name (RFC 4514), which RFC 9943 asks for as the issuer beside certificates."""
    return leaf.subject.rfc4514_string()


def read(data: bytes) -> Signed:
    """Take a file apart. Raises ValueError, with a sentence, for anything that is not exactly a signed statement."""
    if not data.startswith(TAG):
        raise ValueError("it does not begin as a signed statement (COSE_Sign1, tag 18) does")
    parts = cbor.loads(data[1:])
    if not (isinstance(parts, list) and len(parts) == 4 and isinstance(parts[1], dict)
            and all(isinstance(parts[i], bytes) for i in (0, 2, 3))):  # fmt: skip
        raise ValueError("it is no COSE_Sign1 with its payload in it")
    protected, loose, payload, signature = parts
    header = cbor.loads(protected)
    if not isinstance(header, dict):
        raise ValueError("its protected header is no map")
    _critical(header)
    if header.get(TYPE) != CONTENT_TYPE:
        raise ValueError(f"it does not say that it holds a statement ({CONTENT_TYPE})")
    algorithm = next((name for name, number in ALGORITHMS.items() if number == header.get(ALG)), None)
    if algorithm is None:
        raise ValueError("its signature algorithm is none of ES256, ES384, ES512, PS256 and Ed25519")
    token, receipts = _loose(loose)
    return Signed(protected, payload, signature, algorithm, _chain(header), _claims(header), token, receipts)


def _critical(header: Mapping[Any, Any]) -> None:
    if CRIT in header:
        listed, known = header[CRIT], [label for label in (ALG, TYPE, CLAIMS, X5CHAIN, X5T) if label in header]
        if not isinstance(listed, list) or not listed or any(label not in known for label in listed):
            raise ValueError("it marks as critical what this version of Assay does not understand")


def _claims(header: Mapping[Any, Any]) -> dict[int, str]:
    claims = header.get(CLAIMS)
    if not isinstance(claims, dict) or any(not isinstance(claims.get(label), str) for label in (ISS, SUB)):
        raise ValueError("its header does not say who states and of what")
    return {label: claims[label] for label in (ISS, SUB)}


def _loose(header: Mapping[Any, Any]) -> tuple[bytes | None, tuple[bytes, ...]]:
    """The part that is not signed holds a token, receipts, and nothing else: anybody could have put it there."""
    token, receipts = header.get(CTT), header.get(RECEIPTS, [])
    if set(header) - {CTT, RECEIPTS}:
        raise ValueError("its unprotected header holds more than a timestamp and receipts")
    if not isinstance(token, bytes | None):
        raise ValueError("its timestamp is no byte string")
    if not isinstance(receipts, list) or not all(isinstance(r, bytes) for r in receipts):
        raise ValueError("its receipts are no list of byte strings")
    return token, tuple(receipts)


def _chain(header: Mapping[Any, Any]) -> tuple[x509.Certificate, ...]:
    found = header.get(X5CHAIN)
    ders = [found] if isinstance(found, bytes) else found
    if not isinstance(ders, list) or not 1 <= len(ders) <= LONGEST_CHAIN or not all(isinstance(d, bytes) for d in ders):
        raise ValueError(f"its header holds no chain of 1 to {LONGEST_CHAIN} certificates")
    if isinstance(found, list) and len(found) == 1:
        raise ValueError("its one certificate stands in a list, which RFC 9360 forbids")
    if X5T in header and header[X5T] != [SHA_256, hashlib.sha256(ders[0]).digest()]:
        raise ValueError("the digest of the certificate in its header is that of another")
    try:
        chain = tuple(x509.load_der_x509_certificate(der) for der in ders)
        for certificate in chain:
            certificate.public_key(), certificate.subject, certificate.issuer, certificate.extensions
    except Exception as error:  # the parser raises a dozen kinds for hostile DER
        raise ValueError(f"a certificate in it cannot be read: {type(error).__name__}") from None
    return chain


__all__ = ["CONTENT_TYPE", "Signed", "issuer_name", "read", "sign", "subject_name"]
