"""What each certificate of a chain must be, by itself and for its place in the chain."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose_
from cryptography.x509.oid import SignatureAlgorithmOID as Signed

from assay.provenance.certificates import chain as chains
from assay.provenance.certificates.rules import RULES, Fault, Severity
from assay.provenance.engine import EKU

Purpose = Literal["claim", "timestamp"]
E = TypeVar("E", bound=x509.ExtensionType)

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_SIGNED = frozenset([
    Signed.ECDSA_WITH_SHA256, Signed.ECDSA_WITH_SHA384, Signed.ECDSA_WITH_SHA512, Signed.RSA_WITH_SHA256,
    Signed.RSA_WITH_SHA384, Signed.RSA_WITH_SHA512, Signed.RSASSA_PSS, Signed.ED25519,
])  # fmt: skip
_DIGESTS = ("sha256", "sha384", "sha512")
_MIN_RSA = 2048
_CLAIM = frozenset(x509.ObjectIdentifier(oid) for oid in EKU)
_ALONE = frozenset([Purpose_.TIME_STAMPING, Purpose_.OCSP_SIGNING])


def fault_of(
    rule: str, says: str = "", *, severity: Severity | None = None, number: int | None = None, subject: str = ""
) -> Fault:
    """A fault in the words of its rule, or better ones."""
    known = RULES[rule]
    return Fault(
        rule=rule, severity=severity or known.severity, says=says or known.title, fix=known.fix, where=known.where,
        enforced_by_library=known.enforced, certificate=number, subject=subject,
    )  # fmt: skip


def name_of(certificate: x509.Certificate) -> str:
    """The common name of a certificate, or what else there is. A stranger's text."""
    for oid in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            value = attribute.value
            return value if isinstance(value, str) else value.decode("utf-8", "replace")
    return certificate.subject.rfc4514_string() or "(no name)"


@dataclass(frozen=True)
class Place:
    """A certificate where it stands in the chain: 0 is the leaf."""

    certificate: x509.Certificate
    number: int
    depth: int

    def extension(self, kind: type[E]) -> x509.Extension[E] | None:
        """An extension, or None where it is absent."""
        try:
            return (chains.extensions(self.certificate) or x509.Extensions([])).get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return None

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.certificate.subject == self.certificate.issuer

    def fault(self, rule: str, says: str = "", *, severity: Severity | None = None) -> Fault:
        """A fault of this certificate, in the words of its rule or better ones."""
        return fault_of(rule, says, severity=severity, number=self.number, subject=name_of(self.certificate))


def certificate_faults(place: Place, purpose: Purpose, at: datetime) -> Iterator[Fault]:
    """What is wrong with one certificate by itself."""
    yield from _core(place)
    yield from _dates(place, at)
    if place.certificate.version is not x509.Version.v3:
        return  # (such have no extensions; that each is missing would say the same again)
    if chains.extensions(place.certificate) is None:
        yield place.fault("extensions")
        return
    yield from _identifiers(place)
    if place.depth == 0:
        yield from _leaf(place)
        yield from _purposes(place, purpose)
    else:
        yield from _issuer(place)


def _core(place: Place) -> Iterator[Fault]:
    certificate = place.certificate
    if certificate.version is not x509.Version.v3:
        yield place.fault("version")
    if not 0 < certificate.serial_number < 1 << 159:
        yield place.fault("serial")
    if chains.has_unique_identifier(certificate):
        yield place.fault("unique-identifier")
    if certificate.signature_algorithm_oid not in _SIGNED or not _sound_pss(certificate):
        name = certificate.signature_algorithm_oid._name
        yield place.fault("signature-algorithm", f"{RULES['signature-algorithm'].title}: {name}")
    yield from _public_key(place)
    if place.depth == 0 and not certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME):
        yield place.fault("organisation")


def _sound_pss(certificate: x509.Certificate) -> bool:
    """Whether RSASSA-PSS, where it is used, has an allowed digest, and the same in its mask."""
    if certificate.signature_algorithm_oid != Signed.RSASSA_PSS:
        return True
    try:
        digest, parameters = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
    except Exception:  # (parameters that the library does not know)
        return False
    mask = parameters.mgf._algorithm.name if isinstance(parameters, padding.PSS) else ""
    return digest is not None and digest.name in _DIGESTS and mask == digest.name


def _public_key(place: Place) -> Iterator[Fault]:
    try:
        key = place.certificate.public_key()
    except Exception:  # (a kind of key that the library does not know)
        yield place.fault("key-kind")
        return
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA:
            yield place.fault("key-size", f"The RSA key has {key.key_size} bits; {_MIN_RSA} are the least")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES):
            yield place.fault("key-kind", f"The key is on the curve {key.curve.name}, which is not allowed")
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        yield place.fault("key-kind")


def _dates(place: Place, at: datetime) -> Iterator[Fault]:
    begin, end = place.certificate.not_valid_before_utc, place.certificate.not_valid_after_utc
    if at > end:
        yield place.fault("expired", f"The certificate ended on {end:%Y-%m-%d %H:%M} UTC")
    if at < begin:
        yield place.fault("not-yet-valid", f"The certificate begins on {begin:%Y-%m-%d %H:%M} UTC")


def _identifiers(place: Place) -> Iterator[Fault]:
    if not place.self_issued and not place.extension(x509.AuthorityKeyIdentifier):
        yield place.fault("authority-key-identifier")
    if not place.extension(x509.SubjectKeyIdentifier):
        yield place.fault("subject-key-identifier", severity="error" if place.depth else "warning")


def _leaf(place: Place) -> Iterator[Fault]:
    constraints, usage = place.extension(x509.BasicConstraints), place.extension(x509.KeyUsage)
    if constraints is None:
        yield place.fault("basic-constraints", severity="warning")
    elif constraints.value.ca:
        yield place.fault("leaf-is-authority")
    if usage is None:
        yield place.fault("key-usage")
        return
    if not usage.critical:
        yield place.fault("key-usage-critical")
    if not usage.value.digital_signature:
        yield place.fault("digital-signature")
    if usage.value.key_cert_sign and not (constraints and constraints.value.ca):
        yield place.fault("leaf-signs-certificates")


def _issuer(place: Place) -> Iterator[Fault]:
    constraints, usage = place.extension(x509.BasicConstraints), place.extension(x509.KeyUsage)
    if constraints is None:
        yield place.fault("basic-constraints")
    elif not constraints.value.ca:
        yield place.fault("issuer-is-no-authority")
    else:
        if not constraints.critical:
            yield place.fault("basic-constraints-critical")
        allowed = constraints.value.path_length
        if allowed is not None and place.depth - 1 > allowed:
            yield place.fault("path-length", f"pathLenConstraint allows {allowed} authorities below this one; there "
                              f"are {place.depth - 1}")  # fmt: skip
    if usage is None:
        yield place.fault("key-usage")
        return
    if not usage.critical:
        yield place.fault("key-usage-critical")
    if not usage.value.key_cert_sign:
        yield place.fault("issuer-signs-no-certificates")


def _purposes(place: Place, purpose: Purpose) -> Iterator[Fault]:
    extension = place.extension(x509.ExtendedKeyUsage)
    if extension is None:
        yield place.fault("purposes")
        return
    purposes = set(extension.value)
    if Purpose_.ANY_EXTENDED_KEY_USAGE in purposes:
        yield place.fault("any-purpose")
    if purpose == "timestamp":
        yield from _timestamp_purposes(place, purposes, critical=extension.critical)
        return
    if Purpose_.SERVER_AUTH in purposes:
        yield place.fault("server-purpose")
    if purposes & _ALONE and len(purposes) > 1:
        yield place.fault("mixed-purposes")
    if not purposes & _CLAIM:
        yield place.fault("no-claim-purpose", f"{RULES['no-claim-purpose'].title}: it has {_listed(purposes)}")


def _timestamp_purposes(place: Place, purposes: set[x509.ObjectIdentifier], *, critical: bool) -> Iterator[Fault]:
    if Purpose_.TIME_STAMPING not in purposes:
        yield place.fault("no-timestamp-purpose", f"{RULES['no-timestamp-purpose'].title}: it has {_listed(purposes)}")
    elif len(purposes) > 1:
        yield place.fault("timestamp-purpose-alone")
    if not critical:
        yield place.fault("timestamp-purpose-critical")


def _listed(purposes: Iterable[x509.ObjectIdentifier]) -> str:
    unknown = "Unknown OID"
    names = sorted(oid.dotted_string if oid._name == unknown else oid._name for oid in purposes)
    return ", ".join(names)


__all__ = ["Place", "Purpose", "certificate_faults", "fault_of", "name_of"]
