"""From a signer's certificate to a list that vouches for it (RFC 5280, section 6, as far as lists need it).

The library says whether some list vouches. Which one, where several do, it tells at random; and it judges
certificates only for this moment. Both are found out here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from assay.provenance.cms import signed_with
from assay.provenance.engine import EKU
from assay.provenance.trust import TrustList, TrustStore

MAX_PATH = 8
"""Certificates between a signer's and an anchor."""

TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING.dotted_string
_NAMES = ExtensionOID.NAME_CONSTRAINTS
_UNDERSTOOD = frozenset({
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.CERTIFICATE_POLICIES,
})  # fmt: skip
"""What an authority's certificate may insist on."""


def listed(chain: Iterable[bytes], trust: TrustStore, when: datetime) -> TrustList | None:
    """The list that vouches for the first certificate of ``chain`` (DER, signer first) at ``when``: current lists
    before retired ones. Lists of time-stamping authorities vouch for nobody. None where no list does.
    """
    first, *others = [load(der) for der in chain] or [None]
    if first is None or not _valid(first, when):
        return None
    parsed = [first, *(c for c in others if c is not None)]
    fingerprint = hashlib.sha256(_facts(parsed[0]).der).digest()
    for candidate in trust.claims():
        if fingerprint in allowed(candidate):
            return candidate
        if _is_for(first, EKU) and _leads(parsed, anchors(candidate.pem), when):
            return candidate
    return None


def clock(timestamp: bytes, serial: str, trust: TrustStore, when: datetime) -> TrustList | None:
    """The list that vouches for the authority behind a timestamp of the older form, made at ``when``.

    The library checks that the timestamp belongs to the signature and is sound, and tells the authority's ``serial``
    (decimal), but takes it from anybody. Where two certificates claim that serial nobody is believed, nor one whose key
    did not sign the timestamp, or that is not for timestamps (RFC 3161, 2.3).
    """
    found = _certificates(timestamp)
    mine = [c for c in found if str(c.serial_number) == serial]
    if len(mine) != 1 or not _valid(mine[0], when) or not _is_for(mine[0], {TIME_STAMPING}):
        return None
    if not signed_with(timestamp, mine[0]):
        return None
    lists = sorted(trust.lists, key=lambda x: (x.retired, x.kind != "tsa"))
    chain = [mine[0], *(c for c in found if c is not mine[0])]
    return next((x for x in lists if _leads(chain, anchors(x.pem), when)), None)


def _certificates(data: bytes) -> list[x509.Certificate]:
    """The certificates in a CMS structure, wherever they lie: some are not strict DER, so nothing else is parsed."""
    found: dict[bytes, x509.Certificate] = {}
    at = data.find(b"\x30\x82")
    while at >= 0 and len(found) < 16:
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        certificate = load(data[at:end]) if end <= len(data) else None
        if certificate is not None:
            found[data[at:end]] = certificate
        at = data.find(b"\x30\x82", end if certificate is not None else at + 1)
    return list(found.values())


def within(der: bytes, when: datetime) -> bool:
    """Whether ``when`` lies in the validity of a certificate."""
    certificate = load(der)
    return certificate is not None and _valid(certificate, when)


@lru_cache(maxsize=64)
def anchors(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text."""
    return tuple(x509.load_pem_x509_certificates(pem.encode())) if "BEGIN CERTIFICATE" in pem else ()


def allowed(source: TrustList) -> frozenset[bytes]:
    """SHA-256 of the end-entity certificates that a list names one by one."""
    return source.allowed_hashes


def issuer_of(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The certificate among ``candidates`` that signed this one."""
    for candidate in candidates:
        if candidate.subject == certificate.issuer and _issued(certificate, candidate):
            return candidate
    return None


def _leads(chain: list[x509.Certificate], roots: tuple[x509.Certificate, ...], when: datetime) -> bool:
    """Whether a path of valid CA certificates leads from the first of ``chain`` to one of ``roots``."""
    known = {_facts(root).der for root in roots}
    current, seen = chain[0], {_facts(chain[0]).der}
    for depth in range(MAX_PATH):
        if _facts(current).der in known and depth:
            return True
        ends = [root for root in roots if root.subject == current.issuer and _authority(root, when, depth)]
        if any(_issued(current, root) for root in ends):
            return True
        between = [c for c in chain[1:] if _facts(c).der not in seen and _authority(c, when, depth)]
        following = issuer_of(current, between)
        if following is None:
            return False
        seen.add(_facts(following).der)
        current = following
    return False


@dataclass(frozen=True)
class _Facts:
    """What is asked of a certificate for every file that it stands above, found out once.

    ``issues`` says whether it may issue certificates at all, with ``below`` authorities below it, none for any number.
    """

    der: bytes
    begins: datetime
    ends: datetime
    purposes: frozenset[str]
    issues: bool
    below: int | None


@lru_cache(maxsize=1024)
def _facts(certificate: x509.Certificate) -> _Facts:
    purposes = _purposes(certificate)
    issues, below = _issuing(certificate)
    return _Facts(
        certificate.public_bytes(Encoding.DER), certificate.not_valid_before_utc, certificate.not_valid_after_utc,
        purposes, issues, below,
    )  # fmt: skip


def _purposes(certificate: x509.Certificate) -> frozenset[str]:
    """The extended key usages of a certificate."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(usage.dotted_string for usage in usages)


def _issuing(certificate: x509.Certificate) -> tuple[bool, int | None]:
    """Whether this is an authority's, and how many it may have below it. One that limits the names it may certify, or
    says what is not understood here and must be, is none for us: nobody checked.
    """
    for extension in certificate.extensions:
        if extension.oid == _NAMES or (extension.critical and extension.oid not in _UNDERSTOOD):
            return False, None
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False, None
    return constraints.ca and usage.key_cert_sign, constraints.path_length


def _is_for(certificate: x509.Certificate, purposes: Iterable[str]) -> bool:
    """Whether a certificate is for one of these purposes. The library lets those of clocks and responders, which the
    same authorities hand out, sign claims too.
    """
    return not _facts(certificate).purposes.isdisjoint(purposes)


def _authority(certificate: x509.Certificate, when: datetime, depth: int) -> bool:
    """Whether this may issue certificates at ``when``, with ``depth`` authorities below it."""
    facts = _facts(certificate)
    return facts.issues and (facts.below is None or facts.below >= depth) and facts.begins <= when <= facts.ends


@lru_cache(maxsize=1024)  # the same few certificates stand above the files of a folder; a check takes a millisecond
def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _valid(certificate: x509.Certificate, when: datetime) -> bool:
    facts = _facts(certificate)
    return facts.begins <= when <= facts.ends


@lru_cache(maxsize=256)
def load(der: bytes) -> x509.Certificate | None:
    """A certificate, or None for bytes that are none. A certificate is parsed bit by bit, when it is asked: all that
    is asked of it anywhere is asked here, so that a stranger's bad one raises nothing later.
    """
    try:
        found = x509.load_der_x509_certificate(der)
        _ = found.subject, found.issuer, found.extensions, found.not_valid_before_utc, found.not_valid_after_utc
        _ = found.public_key(), found.serial_number
    except Exception:  # the parser raises a dozen kinds for hostile DER
        return None
    return found


__all__ = ["anchors", "clock", "issuer_of", "listed", "load", "within"]
