"""A request for a certificate (PKCS #10), for a real authority."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from assay.errors import UsageError
from assay.provenance.certificates.issue import CLAIM_PURPOSES, leaf_extensions, subject
from assay.provenance.certificates.keys import digest_for, encode_key, generate


def request(
    name: str,
    *,
    organisation: str,
    country: str | None = None,
    email: str | None = None,
    algorithm: str = "es256",
    passphrase: str | None = None,
) -> tuple[bytes, bytes]:
    """A request (PEM) that asks for the extensions of the C2PA profile, and the new private key (PEM) that it is for.

    ``email`` goes into the subject's alternative names, as authorities for e-mail certificates want. Raises UsageError
    for a name, country, address or algorithm that cannot be.
    """
    who = subject(name, organisation, country)
    builder = x509.CertificateSigningRequestBuilder().subject_name(who)
    for extension, critical in leaf_extensions(CLAIM_PURPOSES):
        builder = builder.add_extension(extension, critical=critical)
    if email is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_address(email)]), critical=False)
    key = generate(algorithm)
    signed = builder.sign(key, digest_for(key))
    return signed.public_bytes(serialization.Encoding.PEM), encode_key(key, passphrase)


def _address(email: str) -> x509.RFC822Name:
    before, _, after = email.partition("@")
    if not (before and "." in after and email.isascii() and email.isprintable() and " " not in email):
        raise UsageError(f"{email!r} is not an e-mail address")
    return x509.RFC822Name(email)


__all__ = ["request"]
