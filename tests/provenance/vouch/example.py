"""The worked example of docs/reference/statement.md, always the same: ``python -m tests.provenance.vouch.example``.

Its keys are no secret and sign nothing else.
"""

from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from assay.provenance.certificates.issue import ca_extensions, leaf_extensions
from assay.provenance.model import State
from assay.provenance.vouch import Check, Received, Seen, Statement, Subject, cose, encode
from assay.provenance.vouch.statement import LIMITS, SCHEMA

FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

SAID = Statement(
    schema=SCHEMA,
    id="urn:uuid:6f1f7c3e-5d0a-4c57-9a3e-0a4b5c6d7e8f",
    issued="2026-11-24T09:30:00Z",
    subject=Subject(
        sha256=bytes(range(32)), size=2_483_112, format="image/jpeg", pixels_sha256=bytes(range(32, 64)),
        credentials=Seen(state=State.NONE),
    ),
    limits=LIMITS,
    received=Received(from_="a reader, known to us", on="2026-11-20", how="by encrypted mail"),
    checked=(
        Check(on="2026-11-21", what="the place, against satellite pictures", result="agrees"),
        Check(on="2026-11-21", what="older copies on the web", result="none found"),
    ),
    unchanged_since="2026-11-20",
)  # fmt: skip


def _name(common: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Daily Planet"), x509.NameAttribute(NameOID.COMMON_NAME, common),
    ])  # fmt: skip


def _certificate(number: int, key: Ed25519PrivateKey, issuer: Ed25519PrivateKey, names: tuple[str, str]) -> Any:
    mine, above = (k.public_key() for k in (key, issuer))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(names[0])).issuer_name(_name(names[1])).public_key(mine).serial_number(number)
        .not_valid_before(FROM).not_valid_after(UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(mine), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    )  # fmt: skip
    parts = (
        ca_extensions(path_length=0)
        if names[0] == names[1]
        else leaf_extensions([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    )
    for extension, critical in parts:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer, None)


def example() -> cose.Signed:
    """The statement above, signed with Ed25519, which always gives the same signature."""
    root, leaf = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    chain = (
        _certificate(2, leaf, root, ("Verification desk", "Root")),
        _certificate(1, root, root, ("Root", "Root")),
    )
    return cose.sign(encode(SAID), cose.subject_name(SAID.subject.sha256), "ed25519", chain, leaf.sign)


_LABELS = {1: "alg", 3: "content type", 15: "CWT claims", 33: "x5chain", 34: "x5t"}


def diagnostic(data: bytes) -> str:
    """A file in the diagnostic notation of CBOR (RFC 8949, 8); long byte strings are cut, and say so."""
    protected, loose, payload, signature = cbor2.loads(data[1:])
    parts = [
        f"<<{_show(cbor2.loads(protected), 2, _LABELS)}>>", _show(loose, 2), f"<<{_show(cbor2.loads(payload), 2)}>>",
        _show(signature, 2),
    ]  # fmt: skip
    notes = ["protected header", "unprotected header", "payload: the statement", "signature"]
    body = ",\n".join(f"  / {note} / {part}" for note, part in zip(notes, parts, strict=True))
    return f"{cbor2.loads(data).tag}([\n{body}\n])"


def _show(item: Any, indent: int, labels: dict[int, str] | None = None) -> str:
    space = "\n" + " " * (indent + 2)
    if isinstance(item, dict) and item:
        named = [(f"/ {labels[k]} / " if labels and k in labels else "", k, v) for k, v in item.items()]
        inside = ",".join(f"{space}{note}{_show(k, 0)}: {_show(v, indent + 2)}" for note, k, v in named)
        return "{" + inside + "\n" + " " * indent + "}"
    if isinstance(item, list) and any(
        isinstance(v, dict | list) or (isinstance(v, bytes) and len(v) > 40) for v in item
    ):
        return "[" + ",".join(f"{space}{_show(v, indent + 2)}" for v in item) + "\n" + " " * indent + "]"
    if isinstance(item, list):
        return "[" + ", ".join(_show(v, indent) for v in item) + "]"
    if isinstance(item, dict):
        return "{}"
    if isinstance(item, bytes):
        return f"h'{item.hex()}'" if len(item) <= 40 else f"h'{item[:12].hex()}' / … {len(item)} bytes /"
    if isinstance(item, str):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(item)


if __name__ == "__main__":
    print(diagnostic(example().encoded()))  # noqa: T201
