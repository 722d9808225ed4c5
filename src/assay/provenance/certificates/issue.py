"""Certificates in the C2PA profile: the specification's chapter "X.509 Certificates", and C2PA's Certificate Policy.

Sources: C2PA Technical Specification 2.x, section "Certificate Profile"; C2PA Certificate Policy, with its profiles for
a root, an issuing authority, a claim signer and a time-stamping authority; RFC 5280; RFC 3161, section 2.3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from assay.errors import UsageError
from assay.provenance.certificates.keys import PrivateKey, digest_for, encode_key, generate
from assay.provenance.engine import C2PA_SIGNING

Extension = tuple[x509.ExtensionType, bool]
"""An extension, and whether it is critical."""

CLAIM_PURPOSES = (x509.ObjectIdentifier(C2PA_SIGNING), ExtendedKeyUsageOID.EMAIL_PROTECTION)
"""C2PA's Certificate Policy asks for its own purpose and one of the older two; every version of the library accepts
e-mail protection."""

TIMESTAMP_PURPOSES = (ExtendedKeyUsageOID.TIME_STAMPING,)

BACKDATED = timedelta(minutes=5)
"""A new certificate is valid from a little earlier, for whoever's clock is slow."""

LEAF_DAYS, INTERMEDIATE_DAYS, ROOT_DAYS = 365, 1826, 3652
"""The Certificate Policy allows 366 days for a claim signer and 1827 for its issuer."""

CA_ALGORITHM = "es384"
"""The Certificate Policy asks for P-384 or P-521, or RSA of 3072 bits, in an authority."""


@dataclass(frozen=True)
class Issuer:
    """A certificate with its private key: whoever signs other certificates."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return pem(self.certificate)


@dataclass(frozen=True)
class Development:
    """A development authority and what it issued. ``chain_pem`` is leaf, then intermediate; ``key_pem`` is the
    leaf's. The authority's own keys are there so that it can issue again. All keys are encrypted if one is.
    """

    name: str
    root_pem: bytes
    chain_pem: bytes
    key_pem: bytes
    intermediate_pem: bytes
    root_key_pem: bytes
    intermediate_key_pem: bytes

    def __repr__(self) -> str:
        """Without keys."""
        return f"Development(name={self.name!r})"


def subject(name: str, organisation: str, country: str | None = None) -> x509.Name:
    """A distinguished name. Raises UsageError for what X.509 cannot hold."""
    parts = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, name)]
    if country:
        parts.insert(0, (NameOID.COUNTRY_NAME, country.upper()))
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise UsageError(f"A country is two letters, such as NL; {country!r} is not")
    for what, value in (("name", name), ("organisation", organisation)):
        if not 0 < len(value.strip()) <= 64:
            raise UsageError(f"The {what} of a certificate has 1 to 64 characters; this one has {len(value.strip())}")
        if any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise UsageError(f"The {what} of a certificate may hold no control characters")
    return x509.Name([x509.NameAttribute(oid, value.strip()) for oid, value in parts])


def ca_extensions(*, path_length: int, purposes: Sequence[x509.ObjectIdentifier] = ()) -> list[Extension]:
    """What marks an authority."""
    extensions: list[Extension] = [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_usage("key_cert_sign", "crl_sign"), True),
    ]
    return extensions + ([(x509.ExtendedKeyUsage(purposes), False)] if purposes else [])


def leaf_extensions(purposes: Sequence[x509.ObjectIdentifier], *, critical: bool = False) -> list[Extension]:
    """What marks one who signs. ``critical`` is about the purposes, as RFC 3161 asks of a time-stamping authority."""
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage("digital_signature", "content_commitment"), True),
        (x509.ExtendedKeyUsage(purposes), critical),
    ]


def _usage(*asserted: str) -> x509.KeyUsage:
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in asserted for bit in bits})


def issue(
    name: x509.Name,
    public_key: CertificatePublicKeyTypes,
    issuer: Issuer | PrivateKey,
    extensions: Iterable[Extension],
    *,
    not_before: datetime,
    not_after: datetime,
) -> x509.Certificate:
    """A certificate signed by ``issuer``; by its own key where that is a key. Key identifiers are added."""
    own = not isinstance(issuer, Issuer)
    key = issuer.key if isinstance(issuer, Issuer) else issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if isinstance(issuer, Issuer) else name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    if not own:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, digest_for(key))


def authority(name: x509.Name, *, not_before: datetime, days: int, path_length: int) -> Issuer:
    """A root of one's own."""
    key = generate(CA_ALGORITHM)
    certificate = issue(
        name, key.public_key(), key, ca_extensions(path_length=path_length),
        not_before=not_before, not_after=not_before + timedelta(days=days),
    )  # fmt: skip
    return Issuer(certificate, key)


def create(
    name: str,
    *,
    organisation: str,
    country: str | None = None,
    algorithm: str = "es256",
    days: int = LEAF_DAYS,
    passphrase: str | None = None,
    not_before: datetime | None = None,
) -> Development:
    """A development authority (root and intermediate) and a leaf that signs claims, in the C2PA profile.

    ``name`` is the leaf's common name. The leaf is valid for ``days`` from ``not_before`` (now when none), its issuers
    longer. Raises UsageError for a name, country, algorithm or number of days that cannot be.
    """
    _days(days)
    start = not_before or datetime.now(UTC) - BACKDATED
    root = authority(
        subject(_shortened(name, " development root"), organisation, country), not_before=start,
        days=max(ROOT_DAYS, days + 2), path_length=1,
    )  # fmt: skip
    key = generate(CA_ALGORITHM)
    certificate = issue(
        subject(_shortened(name, " development intermediate"), organisation, country), key.public_key(), root,
        ca_extensions(path_length=0, purposes=CLAIM_PURPOSES),
        not_before=start, not_after=start + timedelta(days=max(INTERMEDIATE_DAYS, days + 1)),
    )  # fmt: skip
    intermediate = Issuer(certificate, key)
    leaf_key = generate(algorithm)
    leaf = issue(
        subject(name, organisation, country), leaf_key.public_key(), intermediate, leaf_extensions(CLAIM_PURPOSES),
        not_before=start, not_after=start + timedelta(days=days),
    )  # fmt: skip
    return Development(
        name=name,
        root_pem=root.pem,
        chain_pem=pem(leaf) + intermediate.pem,
        key_pem=encode_key(leaf_key, passphrase),
        intermediate_pem=intermediate.pem,
        root_key_pem=encode_key(root.key, passphrase),
        intermediate_key_pem=encode_key(intermediate.key, passphrase),
    )


def create_timestamp_authority(
    name: str,
    *,
    organisation: str,
    country: str | None = None,
    algorithm: str = "ps256",
    days: int = INTERMEDIATE_DAYS,
    passphrase: str | None = None,
    not_before: datetime | None = None,
) -> Development:
    """A root and a leaf that stamps times, with nothing between: a token then needs to carry the leaf only.

    ``chain_pem`` is the leaf alone, ``intermediate_pem`` and its key are empty. Raises UsageError as :func:`create`
    does, and for Ed25519, which few who check timestamps understand.
    """
    _days(days)
    if algorithm == "ed25519":
        raise UsageError("A time-stamping authority signs with RSA (ps256) or ECDSA (es256, es384, es512)")
    start = not_before or datetime.now(UTC) - BACKDATED
    root = authority(
        subject(_shortened(name, " root"), organisation, country), not_before=start,
        days=max(ROOT_DAYS, days + 1), path_length=0,
    )  # fmt: skip
    key = generate(algorithm)
    leaf = issue(
        subject(name, organisation, country), key.public_key(), root,
        leaf_extensions(TIMESTAMP_PURPOSES, critical=True),
        not_before=start, not_after=start + timedelta(days=days),
    )  # fmt: skip
    return Development(
        name=name, root_pem=root.pem, chain_pem=pem(leaf), key_pem=encode_key(key, passphrase),
        intermediate_pem=b"", root_key_pem=encode_key(root.key, passphrase), intermediate_key_pem=b"",
    )  # fmt: skip


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _days(days: int) -> None:
    if not 1 <= days <= 36_500:
        raise UsageError(f"A certificate is valid for 1 to 36,500 days; {days} was asked for")


def _shortened(name: str, ending: str) -> str:
    return name.strip()[: 64 - len(ending)] + ending


__all__ = [
    "CLAIM_PURPOSES",
    "Development",
    "Extension",
    "Issuer",
    "authority",
    "ca_extensions",
    "create",
    "create_timestamp_authority",
    "issue",
    "leaf_extensions",
    "pem",
    "subject",
]
