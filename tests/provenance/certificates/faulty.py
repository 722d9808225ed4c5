"""Chains that break one rule each, and what c2pa-python makes of them."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
from c2pa import (
    Builder,
    C2paBuilderIntent,
    C2paDigitalSourceType,
    C2paError,
    C2paSignerInfo,
    Reader,
    Signer,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as P
from tests.provenance.pki import ORGANISATION, Pki, pki, remade

from assay.provenance.certificates import encode_key
from assay.provenance.certificates.issue import (
    CLAIM_PURPOSES,
    Issuer,
    ca_extensions,
    issue,
    leaf_extensions,
    pem,
    subject,
)
from assay.provenance.engine import Anchors, context

NOW = datetime.now(UTC)
ROOT = {"roots": pki().root_pem}


@dataclass(frozen=True)
class Faulty:
    """A chain and key to sign with; ``ask`` are the linter's other arguments, ``root`` the anchor to read with."""

    chain: bytes
    key: bytes
    algorithm: str = "es256"
    ask: dict[str, Any] = field(default_factory=dict)
    root: bytes = pki().root_pem


@dataclass(frozen=True)
class Measured:
    """What the library does: whether it signs, and what it then says of the file."""

    signs: bool
    state: str
    error: str = ""
    file: bytes = b""


def measure(case: Faulty) -> Measured:
    """Sign a small picture with a chain, and read it."""
    picture = cv2.imencode(".jpg", np.full((32, 32, 3), 99, np.uint8))[1].tobytes()
    here = context([Anchors("urn:test", case.root.decode())])
    builder = Builder(json.dumps({"claim_generator_info": [{"name": "Test"}]}), context=here)
    builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
    out = io.BytesIO()
    try:
        signer = Signer.from_info(C2paSignerInfo(case.algorithm.encode(), case.chain, case.key, None))
        builder.sign(signer, "image/jpeg", io.BytesIO(picture), out)
    except C2paError as error:
        return Measured(False, "-", str(error))
    state = Reader("image/jpeg", io.BytesIO(out.getvalue()), context=here).get_validation_state()
    return Measured(True, str(state), file=out.getvalue())


def _good() -> Faulty:
    return Faulty(pki().chain_pem, pki().key_pem, ask=dict(ROOT))


def _variant(**options: Any) -> Callable[[], Faulty]:
    def make() -> Faulty:
        made = pki().issue(**options)
        return Faulty(made.chain_pem, made.key_pem, made.algorithm, dict(ROOT))

    return make


def _under(make_issuer: Callable[[Pki], Issuer], **options: Any) -> Callable[[], Faulty]:
    def make() -> Faulty:
        return _variant(issuer=make_issuer(pki()), **options)()

    return make


def _intermediate(**how: Any) -> Callable[[Pki], Issuer]:
    def make(p: Pki) -> Issuer:
        return Issuer(remade(p.intermediate.certificate, p.root, **how), p.intermediate.key)

    return make


def _with_key(key: Any) -> Faulty:
    p = pki()
    leaf = issue(
        subject("Odd key", ORGANISATION), key.public_key(), p.intermediate, leaf_extensions(CLAIM_PURPOSES),
        not_before=NOW - timedelta(hours=1), not_after=NOW + timedelta(days=30),
    )  # fmt: skip
    algorithm = "ps256" if isinstance(key, rsa.RSAPrivateKey) else "es256"
    return Faulty(pem(leaf) + p.intermediate.pem, encode_key(key), algorithm, dict(ROOT))


def _self_signed() -> Faulty:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = issue(
        subject("Alone", ORGANISATION), key.public_key(), key, leaf_extensions(CLAIM_PURPOSES),
        not_before=NOW - timedelta(hours=1), not_after=NOW + timedelta(days=30),
    )  # fmt: skip
    return Faulty(pem(leaf), encode_key(key), root=pem(leaf))


def _path_length() -> Faulty:
    p = pki()
    key = ec.generate_private_key(ec.SECP384R1())
    lower = issue(
        subject("Too low", ORGANISATION), key.public_key(), p.intermediate, ca_extensions(path_length=0),
        not_before=NOW - timedelta(hours=1), not_after=NOW + timedelta(days=900),
    )  # fmt: skip
    made = p.issue(issuer=Issuer(lower, key))
    return Faulty(made.chain_pem + p.intermediate.pem, made.key_pem, ask=dict(ROOT))


def _other_signer() -> Faulty:
    """An intermediate of the right name and the wrong key."""
    p = pki()
    key = ec.generate_private_key(ec.SECP384R1())
    impostor = issue(
        p.intermediate.certificate.subject, key.public_key(), p.root, ca_extensions(path_length=0),
        not_before=NOW - timedelta(hours=1), not_after=NOW + timedelta(days=900),
    )  # fmt: skip
    return Faulty(pem(p.leaf) + pem(impostor), p.key_pem, ask=dict(ROOT))


def usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


# Certificates that no builder makes: the DER is taken apart and signed again.


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def elements(data: bytes) -> Iterator[bytes]:
    """The elements inside a DER element."""

    def header(at: int) -> tuple[int, int]:
        first = data[at + 1]
        if first < 0x80:
            return at + 2, first
        count = first & 0x7F
        return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")

    position, _ = header(0)
    while position < len(data):
        start, size = header(position)
        yield data[position : start + size]
        position = start + size


def surgery(edit: Callable[[list[bytes]], list[bytes]], digest: hashes.HashAlgorithm | None = None) -> Faulty:
    """The good leaf with its TBSCertificate edited element by element, signed anew by its issuer."""
    p = pki()
    key = p.intermediate.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    parts = edit(list(elements(p.leaf.tbs_certificate_bytes)))
    algorithm = next(part for part in parts if part[:2] == b"\x30\x0a" and b"\x2a\x86\x48\xce\x3d\x04" in part)
    tbs = der(0x30, b"".join(parts))
    signature = key.sign(tbs, ec.ECDSA(digest or hashes.SHA384()))
    whole = der(0x30, tbs + algorithm + der(0x03, b"\0" + signature))
    return Faulty(to_pem(whole) + p.intermediate.pem, p.key_pem, ask=dict(ROOT))


def to_pem(data: bytes) -> bytes:
    import base64

    lines = base64.encodebytes(data).replace(b"\n", b"")
    body = b"\n".join(lines[i : i + 64] for i in range(0, len(lines), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


# Elements of TBSCertificate: version, serial, signature, issuer, validity, subject, key, extensions.
_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def _sha1() -> Faulty:
    p = pki()
    key = p.intermediate.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    parts = list(elements(p.leaf.tbs_certificate_bytes))
    parts[2] = _SHA1
    tbs = der(0x30, b"".join(parts))
    whole = der(0x30, tbs + _SHA1 + der(0x03, b"\0" + key.sign(tbs, ec.ECDSA(hashes.SHA1()))))
    return Faulty(to_pem(whole) + p.intermediate.pem, p.key_pem, ask=dict(ROOT))


def _twice(parts: list[bytes]) -> list[bytes]:
    """The first extension again after the last."""
    (inner,) = elements(parts[-1])
    listed = list(elements(inner))
    return [*parts[:-1], der(0xA3, der(0x30, b"".join([*listed, listed[0]])))]


def _root_too() -> Faulty:
    return replace(_good(), chain=pki().chain_pem + pki().root_pem)


def _expired() -> Faulty:
    made = pki().expired()
    return Faulty(made.chain_pem, made.key_pem, ask=dict(ROOT))


CASES: dict[str, Callable[[], Faulty]] = {
    "unreadable": lambda: replace(_good(), chain=b"no certificate at all\n"),
    "der": lambda: replace(_good(), chain=pki().leaf.public_bytes(serialization.Encoding.DER)),
    "private-key": lambda: replace(_good(), chain=pki().chain_pem + pki().key_pem),
    "duplicate": lambda: replace(_good(), chain=pem(pki().leaf) + pki().chain_pem),
    "order": lambda: replace(_good(), chain=pki().intermediate.pem + pem(pki().leaf)),
    "unrelated": lambda: replace(_good(), chain=pki().chain_pem + pki().tsa.chain_pem),
    "root-included": _root_too,
    "missing-intermediate": _variant(intermediate=False),
    "key-mismatch": lambda: replace(_good(), key=pki().issue().key_pem, ask={**ROOT, "key_pem": pki().issue().key_pem}),
    "version": lambda: surgery(lambda parts: parts[1:-1]),
    "serial": lambda: surgery(lambda parts: [parts[0], der(2, b"\x01" * 21), *parts[2:]]),
    "unique-identifier": lambda: surgery(lambda parts: [*parts[:-1], b"\x82\x02\x00\xaa", parts[-1]]),
    "extensions": lambda: surgery(_twice),
    "signature-algorithm": _sha1,
    "key-kind": lambda: _with_key(ec.generate_private_key(ec.SECP256K1())),
    "key-size": lambda: _with_key(rsa.generate_private_key(65537, 1024)),
    "organisation": _variant(organisation=None),
    "expired": _expired,
    "not-yet-valid": _variant(not_before=NOW + timedelta(days=10)),
    "issuer-ends-first": _variant(not_after=NOW + timedelta(days=3000)),
    "authority-key-identifier": _variant(drop=[x509.AuthorityKeyIdentifier]),
    "authority-key-mismatch": _variant(instead=[(x509.AuthorityKeyIdentifier(b"\1" * 20, None, None), False)]),
    "subject-key-identifier": _under(_intermediate(drop=[x509.SubjectKeyIdentifier])),
    "basic-constraints": _under(_intermediate(drop=[x509.BasicConstraints])),
    "basic-constraints-critical": _under(_intermediate(instead=[(x509.BasicConstraints(True, 0), False)])),
    "leaf-is-authority": _variant(instead=[(x509.BasicConstraints(True, 0), True)]),
    "issuer-is-no-authority": _under(
        _intermediate(instead=[(x509.BasicConstraints(False, None), True), (usage(digital_signature=True), True)])
    ),
    "path-length": _path_length,
    "key-usage": _variant(drop=[x509.KeyUsage]),
    "key-usage-critical": _variant(instead=[(usage(digital_signature=True), False)]),
    "digital-signature": _variant(instead=[(usage(content_commitment=True), True)]),
    "leaf-signs-certificates": _variant(instead=[(usage(digital_signature=True, key_cert_sign=True), True)]),
    "issuer-signs-no-certificates": _under(_intermediate(instead=[(usage(crl_sign=True), True)])),
    "purposes": _variant(purposes=()),
    "any-purpose": _variant(purposes=(P.EMAIL_PROTECTION, P.ANY_EXTENDED_KEY_USAGE)),
    "mixed-purposes": _variant(purposes=(P.EMAIL_PROTECTION, P.TIME_STAMPING)),
    "server-purpose": _variant(purposes=(P.EMAIL_PROTECTION, P.SERVER_AUTH)),
    "no-claim-purpose": _variant(purposes=(P.CLIENT_AUTH,)),
    "self-signed": _self_signed,
    "signature": _other_signer,
}
"""By rule, a chain that breaks it."""

ALSO = {"issuer-is-no-authority": {"issuer-signs-no-certificates"}, "signature-algorithm": {"signature"}}
"""Other rules that such a chain cannot but break."""
