"""Says what is wrong with a certificate chain, where the library says only that it is invalid."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from assay.provenance.certificates import chain as chains
from assay.provenance.certificates.checks import Place, Purpose, certificate_faults, fault_of, name_of
from assay.provenance.certificates.keys import load_key
from assay.provenance.certificates.rules import RULES, Fault


def lint(
    chain_pem: bytes,
    *,
    at: datetime | None = None,
    purpose: Purpose = "claim",
    roots: bytes | None = None,
    key_pem: bytes | None = None,
    passphrase: str | None = None,
) -> tuple[Fault, ...]:
    """What is wrong with a chain (leaf first, PEM), worst first; empty where it fits the C2PA profile.

    ``at`` is the time to judge validity for (now when none). ``roots`` (PEM) are those that the chain should lead to;
    ``key_pem`` is the leaf's private key, to see whether they belong together. Raises ProvenanceError for a file that
    is far too large, and for a key that cannot be read.

    Sources: C2PA Technical Specification 2.2, section 14.5.1; C2PA Certificate Policy; RFC 5280; RFC 3161, 2.3.
    """
    contents = chains.read(chain_pem)
    faults = list(_file(contents))
    if contents.certificates:
        ordered = chains.arrange(contents.certificates)
        places = [Place(c, contents.number(c), depth) for depth, c in enumerate(ordered)]
        faults += _links(places, contents, chains.read(roots).certificates if roots else [])
        if key_pem is not None:
            faults += _key(places[0], key_pem, passphrase)
        for place in places:
            faults += certificate_faults(place, purpose, at or datetime.now(UTC))
        faults += _validity_of_issuers(places)
    return tuple(sorted(faults, key=lambda f: (f.severity != "error", f.certificate or 0)))


def _file(contents: chains.Contents) -> Iterator[Fault]:
    if contents.private_keys:
        yield fault_of("private-key")
    if contents.binary and contents.certificates:
        yield fault_of("der")
    for number in contents.unreadable:
        if not contents.hint:
            yield fault_of("unreadable", "This certificate is damaged or cut short", number=number)
    if contents.hint or not (contents.certificates or contents.unreadable):
        says = f"{RULES['unreadable'].title}. {contents.hint}" if contents.hint else ""
        yield fault_of("unreadable", says)
    for number in contents.duplicates:
        yield fault_of("duplicate", number=number)


def _links(places: Sequence[Place], contents: chains.Contents, roots: Sequence[x509.Certificate]) -> Iterator[Fault]:
    numbers = [place.number for place in places]
    if numbers != sorted(numbers):
        yield fault_of("order", f"{RULES['order'].title}: they should stand {', '.join(map(str, numbers))}")
    for child, parent in pairwise(places):
        if not chains.signed_by(child.certificate, parent.certificate):
            yield child.fault("signature", f"Its signature was not made by certificate {parent.number} "
                              f"({name_of(parent.certificate)}), whose name it gives as its issuer")  # fmt: skip
        elif not _same_key(child, parent):
            yield child.fault("authority-key-mismatch")
    strangers = [c for c in contents.certificates if contents.number(c) not in numbers]
    leaf, top = places[0], places[-1]
    if leaf.self_issued:
        yield leaf.fault("self-signed")
    elif top.self_issued:
        yield top.fault("root-included")
    elif (strangers and any(map(chains.is_authority, strangers))) or (
        roots and not any(chains.signed_by(top.certificate, root) for root in roots)
    ):
        also = "" if strangers or not roots else "; nor is it a root that was given"
        yield top.fault("missing-intermediate", f"{_issuer_missing(top)}{also}")
    elif not roots and len(places) == 1:
        says = f"{_issuer_missing(top)}; unless that is itself a root, nobody can trace this certificate"
        yield top.fault("missing-intermediate", says, severity="warning")
    for stranger in strangers:
        yield Place(stranger, contents.number(stranger), 0).fault("unrelated")


def _issuer_missing(place: Place) -> str:
    issuer = place.certificate.issuer.rfc4514_string()
    return f"{RULES['missing-intermediate'].title}: {issuer}"


def _key(leaf: Place, key_pem: bytes, passphrase: str | None) -> Iterator[Fault]:
    mine = load_key(key_pem, passphrase).public_key()
    encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    # Compared as bytes, so that it does not matter whether the certificate's key is of a kind that is known.
    if mine.public_bytes(*encoding) not in leaf.certificate.tbs_certificate_bytes:
        yield leaf.fault("key-mismatch")


def _same_key(child: Place, parent: Place) -> bool:
    """Whether the child's authority key identifier is the parent's subject key identifier, as far as both are there."""
    wanted, known = child.extension(x509.AuthorityKeyIdentifier), parent.extension(x509.SubjectKeyIdentifier)
    if wanted is None or known is None or wanted.value.key_identifier is None:
        return True
    return wanted.value.key_identifier == known.value.digest


def _validity_of_issuers(places: Sequence[Place]) -> Iterator[Fault]:
    for child, parent in pairwise(places):
        ends, sooner = child.certificate.not_valid_after_utc, parent.certificate.not_valid_after_utc
        if sooner < ends:
            yield child.fault("issuer-ends-first", f"The issuer's certificate ends on {sooner:%Y-%m-%d}, this one only "
                              f"on {ends:%Y-%m-%d}")  # fmt: skip


__all__ = ["Purpose", "lint", "name_of"]
