"""A file of certificates taken apart: what is in it, and in which order it should stand."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs7

from assay.errors import ProvenanceError

MAX_BYTES = 128 * 1024
MAX_CERTIFICATES = 16


@dataclass
class Contents:
    """What a file holds. ``number`` gives each certificate's place in the file, from 1, by fingerprint."""

    certificates: list[x509.Certificate] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    private_keys: int = 0
    binary: bool = False
    hint: str = ""
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def number(self, certificate: x509.Certificate) -> int:
        """Its place in the file, from 1."""
        return self._numbers[certificate.fingerprint(hashes.SHA256())]

    def add(self, der: bytes, number: int) -> None:
        """Another certificate, the ``number``th of the file."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            # The library reads these only when they are asked for; what cannot be read is to be found now.
            _ = certificate.subject, certificate.issuer, certificate.version, certificate.signature_algorithm_oid
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number
        except (ValueError, TypeError, x509.InvalidVersion):
            self.unreadable.append(number)
            return
        fingerprint = certificate.fingerprint(hashes.SHA256())
        if fingerprint in self._numbers:
            self.duplicates.append(number)
            return
        self._numbers[fingerprint] = number
        self.certificates.append(certificate)


def read(data: bytes) -> Contents:
    """Take a file apart. Raises ProvenanceError (``too_large``) for one that no chain would need."""
    if len(data) > MAX_BYTES:
        raise ProvenanceError(f"A certificate chain has at most {MAX_BYTES // 1024} KiB; this is no chain", "too_large")
    contents = Contents()
    if data[:1] == b"\x30":
        contents.binary = True
        contents.add(data, 1)
        if contents.unreadable:
            contents.hint = _container(data)
        return contents
    number = 0
    for label, body in _blocks(data):
        if label.endswith("PRIVATE KEY"):
            contents.private_keys += 1
        elif label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
            number += 1
            if number > MAX_CERTIFICATES:
                raise ProvenanceError(f"More than {MAX_CERTIFICATES} certificates are no chain", "too_large")
            contents.add(body, number)
        else:
            contents.hint = _OTHER.get(label, contents.hint)
    return contents


_OTHER = {
    "PKCS7": "It is a PKCS #7 bundle; convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem",
    "CERTIFICATE REQUEST": "It is a request: send it to an authority, which answers with certificates",
    "NEW CERTIFICATE REQUEST": "It is a request: send it to an authority, which answers with certificates",
    "PUBLIC KEY": "It is a public key without a certificate",
}


def _container(data: bytes) -> str:
    """What a binary file is, where it is not a certificate."""
    if b"\x02\x01\x03\x30" in data[:12]:
        return "It is a PKCS #12 bundle (.p12, .pfx); convert it: openssl pkcs12 -nokeys -in FILE -out chain.pem"
    try:
        pkcs7.load_der_pkcs7_certificates(data)
    except Exception:  # (the library raises errors of many kinds; all mean that it is none)
        return ""
    return "It is a PKCS #7 bundle; convert it: openssl pkcs7 -print_certs -inform der -in FILE -out chain.pem"


def _blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The PEM blocks of a file: label and decoded content (empty where that is not base64)."""
    position = 0
    while (begin := data.find(b"-----BEGIN ", position)) >= 0:
        label_end = data.find(b"-----", begin + 11, begin + 80)
        if label_end < 0:
            position = begin + 11
            continue
        label = data[begin + 11 : label_end].decode("ascii", "replace")
        end = data.find(b"-----END ", label_end)
        body = data[label_end + 5 : end if end >= 0 else len(data)]
        yield label, _base64(body)
        position = end + 9 if end >= 0 else len(data)


def _base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return b""


def extensions(certificate: x509.Certificate) -> x509.Extensions | None:
    """Its extensions; None where they cannot be read."""
    try:
        return certificate.extensions
    except Exception:  # (one twice, a malformed one, a name of unknown kind: the library has an error for each)
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether basicConstraints says so."""
    try:
        found = (extensions(certificate) or x509.Extensions([])).get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


def arrange(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The chain that the certificates make: the leaf, its issuer, and so on. Those that do not link are left out.

    The leaf is the first that issued none of the others and is no authority; failing that, the first.
    """
    issuers = {c.issuer for c in certificates if c.issuer != c.subject}
    leaf = next((c for c in certificates if c.subject not in issuers and not is_authority(c)), certificates[0])
    chain = [leaf]
    while chain[-1].issuer != chain[-1].subject:
        candidates = [c for c in certificates if c.subject == chain[-1].issuer and c not in chain]
        if not candidates:
            break
        # An authority may have two certificates of one name: take the one whose key fits.
        chain.append(next((c for c in candidates if signed_by(chain[-1], c)), candidates[0]))
    return chain


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature on the certificate, and the names fit."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # (a wrong signature, other names, a key or digest that the library does not know)
        return False
    return True


def has_unique_identifier(certificate: x509.Certificate) -> bool:
    """Whether there is an issuerUniqueID or subjectUniqueID: [1] or [2] in TBSCertificate (RFC 5280, 4.1)."""
    data = certificate.tbs_certificate_bytes
    position = _header(data, 0)[0]
    while position < len(data):
        if data[position] in (0x81, 0x82, 0xA1, 0xA2):
            return True
        start, length = _header(data, position)
        position = start + length
    return False


def _header(data: bytes, position: int) -> tuple[int, int]:
    """Where the content of a DER element begins, and its length. The library parsed these bytes before."""
    first = data[position + 1]
    if first < 0x80:
        return position + 2, first
    count = first & 0x7F
    start = position + 2 + count
    return start, int.from_bytes(data[position + 2 : start], "big")


__all__ = ["Contents", "arrange", "extensions", "has_unique_identifier", "is_authority", "read", "signed_by"]
