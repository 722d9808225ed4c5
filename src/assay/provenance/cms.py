"""Who signed a timestamp of the older form: CMS SignedData by RFC 5652, as far as RFC 3161 uses it.

The library tells the authority's serial number alone, which anybody can have. Written here, as some tokens in real
files are not strict DER, which other readers insist on. What is not as it should be is not believed.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

Part = tuple[int, bytes, bytes]
"""A value in BER: its tag, what it holds, and the whole of it."""

_SEQUENCE, _SET, _OID, _OCTETS, _ATTRIBUTES = 0x30, 0x31, 0x06, 0x04, 0xA0
_PSS = bytes.fromhex("2a864886f70d01010a")
_DIGESTS: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(), bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}  # fmt: skip
_MOST = 64


def signed_with(token: bytes, certificate: x509.Certificate) -> bool:
    """Whether the key of a certificate signed a timestamp, which has one signer (RFC 3161, 2.4.2).

    ``token`` is a TimeStampToken or the TimeStampResp around one. Whether it belongs to anything is not looked at.
    """
    try:
        digest, scheme, attributes, signature = _signer(token)
        key, data = certificate.public_key(), bytes([_SET]) + attributes[1:]
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
            key.verify(signature, data, pss if scheme == _PSS else padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            return False
    except (ValueError, KeyError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _signer(token: bytes) -> tuple[hashes.HashAlgorithm, bytes, bytes, bytes]:
    """Digest, signature algorithm, signed attributes and signature of the one signer. Raises ValueError, KeyError."""
    parts = _parts(_only(token, _SEQUENCE))
    if parts[0][0] != _OID:
        parts = _parts(_at(parts, 1, _SEQUENCE))
    signed = _parts(_only(_at(parts, 1, _ATTRIBUTES), _SEQUENCE))
    one = _parts(_only(_at(signed, -1, _SET), _SEQUENCE))
    digest = _DIGESTS[_at(_parts(_at(one, 2, _SEQUENCE)), 0, _OID)]
    _at(one, 3, _ATTRIBUTES)
    scheme = _at(_parts(_at(one, 4, _SEQUENCE)), 0, _OID)
    return digest, scheme, one[3][2], _at(one, 5, _OCTETS)


def _at(parts: list[Part], place: int, tag: int) -> bytes:
    if not -1 <= place < len(parts) or parts[place][0] != tag:
        raise ValueError("not the structure of a timestamp")
    return parts[place][1]


def _only(data: bytes, tag: int) -> bytes:
    parts = _parts(data)
    if len(parts) != 1:
        raise ValueError("more than one")
    return _at(parts, 0, tag)


def _parts(data: bytes) -> list[Part]:
    """The values that stand one after another. Raises ValueError, for lengths that are not given too."""
    found: list[Part] = []
    at = 0
    while at < len(data):
        length, body = data[at + 1] if at + 1 < len(data) else 0x80, at + 2
        if length >= 0x80:
            size = length & 0x7F
            body += size
            length = int.from_bytes(data[at + 2 : body], "big")
            if not 1 <= size <= 4 or body > len(data):
                raise ValueError("a length that cannot be")
        if body + length > len(data) or len(found) >= _MOST:
            raise ValueError("longer than what holds it")
        found.append((data[at], data[body : body + length], data[at : body + length]))
        at = body + length
    if not found:
        raise ValueError("empty")
    return found


__all__ = ["signed_with"]
