"""The rules that a certificate chain must keep to sign claims or stamp times: each with its place and its remedy.

``enforced`` says whether the software that signs refuses a chain that breaks the rule: c2pa-python for claims, OpenSSL
for what concerns time-stamping authorities only. A test measures it.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

Severity = Literal["error", "warning"]

PROFILE = "C2PA 2.2, 14.5.1.1"
CHAIN = "C2PA 2.2, 14.5.1.2"
POLICY = "C2PA Certificate Policy"
HOUSE = "good practice"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is broken. ``certificate`` is the number of the certificate in the file, from 1, or none where it is
    about the file; ``subject`` its name, a stranger's text. ``where`` is the place of the rule.
    """

    rule: str
    severity: Severity
    says: str
    fix: str
    where: str
    enforced_by_library: bool
    certificate: int | None = None
    subject: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule: ``title`` says what breaks it, in general; ``fix`` what to do."""

    id: str
    title: str
    where: str
    fix: str
    enforced: bool
    severity: Severity = "error"


_ASK = "Ask the authority for a certificate "

_ALL = (
    # The file
    Rule("unreadable", "The file holds no certificate that can be read", HOUSE,
         "Put the chain into one text file: the leaf's -----BEGIN CERTIFICATE----- block, then each issuer's.", True),
    Rule("der", "The certificate is in binary (DER) and not in text (PEM)", HOUSE,
         "Convert it: openssl x509 -inform der -in FILE -out chain.pem", True),
    Rule("private-key", "A private key is in the file; whatever is signed with it would carry the key", HOUSE,
         "Take it out of the file and keep it secret. If anything was signed with it, or the file was shared, have the "
         "certificate revoked and make a new key.", False),
    Rule("duplicate", "The same certificate stands in the file twice", HOUSE, "Take the second one out.", False,
         "warning"),
    Rule("order", "The certificates are not in order", "RFC 9360, 2",
         "Put the leaf first, then the certificate that issued it, and so on.", True),
    Rule("unrelated", "A certificate does not belong to the chain", "RFC 9360, 2",
         "Take it out, or add the certificate that links it to the others.", False),
    Rule("root-included", "The root is in the chain", "RFC 9360, 2",
         "Take it out: who trusts it has it already, and in the file it is only weight.", False, "warning"),
    Rule("missing-intermediate", "The certificate that issued this one is not in the chain", CHAIN,
         "Add the authority's intermediate certificates: they come with the certificate, or from its web site.", False),
    Rule("key-mismatch", "The private key is not the one that the certificate is for", HOUSE,
         "Use the key that was made with the request for this certificate.", False),
    # What the certificate is
    Rule("version", "The certificate is not of version 3", PROFILE, _ASK + "of version 3.", True),
    Rule("serial", "The serial number is not positive, or longer than 20 octets", "RFC 5280, 4.1.2.2",
         _ASK + "with a serial number of 1 to 20 octets.", False),
    Rule("unique-identifier", "There is an issuerUniqueID or subjectUniqueID", PROFILE,
         _ASK + "without unique identifiers; nobody uses them any more.", True),
    Rule("extensions", "The extensions cannot be read", "RFC 5280, 4.2", _ASK + "that is well formed.", False),
    Rule("signature-algorithm", "It was signed in a way that is not allowed", PROFILE,
         _ASK + "signed with ECDSA or RSA and SHA-256, SHA-384 or SHA-512, or with Ed25519.", True),
    Rule("key-kind", "The key is of a kind that is not allowed", PROFILE,
         "Make a new key: ECDSA on P-256, P-384 or P-521, RSA, or Ed25519 (assay certificates request).", True),
    Rule("key-size", "The RSA key is too short", PROFILE,
         "Make a new key: RSA of 2048 bits or more, or better ECDSA (assay certificates request).", True),
    Rule("organisation", "The subject names no organisation", POLICY,
         _ASK + "whose subject has an organisation (O): it is what readers are shown as the signer.", False, "warning"),
    # Validity
    Rule("expired", "The certificate is no longer valid", "RFC 5280, 4.1.2.5",
         "Renew it: assay certificates create or request makes another.", True),
    Rule("not-yet-valid", "The certificate is not valid yet", "RFC 5280, 4.1.2.5",
         "Wait until then, or set this machine's clock right.", True),
    Rule("issuer-ends-first", "The issuer's certificate ends before this one does", "RFC 5280, 4.1.2.5",
         "Renew both before the issuer's ends, or sign with timestamps.", False, "warning"),
    # Extensions
    Rule("authority-key-identifier", "There is no authority key identifier", PROFILE,
         _ASK + "with the extension authorityKeyIdentifier.", True),
    Rule("authority-key-mismatch", "The authority key identifier is not that of the next certificate",
         "RFC 5280, 4.2.1.1", "Use the intermediate certificate that issued this one; authorities have several.",
         False),
    Rule("subject-key-identifier", "There is no subject key identifier", PROFILE,
         _ASK + "with the extension subjectKeyIdentifier.", False),
    Rule("basic-constraints", "There is no basicConstraints extension", PROFILE,
         _ASK + "with a critical basicConstraints.", False),
    Rule("basic-constraints-critical", "basicConstraints is not critical", "RFC 5280, 4.2.1.9",
         "Use an authority whose certificate has a critical basicConstraints.", False),
    Rule("leaf-is-authority", "The certificate that is to sign is an authority's", CHAIN,
         "Let the authority issue a leaf (CA:FALSE) and sign with that.", True),
    Rule("issuer-is-no-authority", "The issuer is not marked as an authority", PROFILE,
         "Use an authority whose certificate says CA:TRUE.", False),
    Rule("path-length", "There are more certificates below than pathLenConstraint allows", "RFC 5280, 4.2.1.9",
         "Use an issuer that may have as many authorities below it.", False),
    Rule("key-usage", "There is no keyUsage extension", PROFILE, _ASK + "with a critical keyUsage.", True),
    Rule("key-usage-critical", "keyUsage is not critical", PROFILE, _ASK + "whose keyUsage is critical.", False,
         "warning"),
    Rule("digital-signature", "keyUsage does not allow digitalSignature", PROFILE,
         _ASK + "whose keyUsage has digitalSignature.", False),
    Rule("leaf-signs-certificates", "keyUsage lets the leaf sign certificates", PROFILE,
         _ASK + "whose keyUsage has no keyCertSign.", True),
    Rule("issuer-signs-no-certificates", "keyUsage does not let the issuer sign certificates", "RFC 5280, 4.2.1.3",
         "Use an authority whose certificate has keyCertSign.", False),
    Rule("purposes", "There is no extendedKeyUsage extension", PROFILE,
         _ASK + "with an extendedKeyUsage: C2PA claim signing and e-mail protection.", True),
    Rule("any-purpose", "extendedKeyUsage allows any purpose", PROFILE,
         _ASK + "whose extendedKeyUsage names its purposes and has no anyExtendedKeyUsage.", True),
    Rule("mixed-purposes", "extendedKeyUsage has timeStamping or OCSPSigning beside another purpose", PROFILE,
         _ASK + "for signing claims alone; another for the other purpose.", True),
    Rule("server-purpose", "extendedKeyUsage has serverAuth: this is a certificate of a web site", PROFILE,
         _ASK + "for signing content or e-mail (S/MIME), not for a web site (TLS).", False, "warning"),
    Rule("no-claim-purpose", "extendedKeyUsage has none of the purposes that sign claims", CHAIN,
         _ASK + "for C2PA claim signing, e-mail protection or document signing.", True),
    Rule("no-timestamp-purpose", "extendedKeyUsage does not have timeStamping", CHAIN,
         _ASK + "for time-stamping.", True),
    Rule("timestamp-purpose-alone", "extendedKeyUsage has another purpose beside timeStamping", "RFC 3161, 2.3",
         _ASK + "for time-stamping and nothing else.", True),
    Rule("timestamp-purpose-critical", "extendedKeyUsage is not critical", "RFC 3161, 2.3",
         _ASK + "whose extendedKeyUsage is critical.", True),
    # Links
    Rule("self-signed", "The certificate is signed by itself", CHAIN,
         "Have it issued by an authority; assay certificates create makes one for development.", True),
    Rule("signature", "The signature of the next certificate does not fit", "RFC 5280, 6.1.3",
         "Use the certificate of the authority that issued this one, and files that were not changed.", False),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
"""All rules, by id."""

TIMESTAMP_RULES = frozenset(["no-timestamp-purpose", "timestamp-purpose-alone", "timestamp-purpose-critical"])
"""Rules for time-stamping authorities only."""

__all__ = ["RULES", "TIMESTAMP_RULES", "Fault", "Rule", "Severity"]
