"""Files with credentials of every kind, sound and broken, made with the library and by hand."""

import functools
import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import cbor2
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, Signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.provenance.pki import Issued, Pki, pki
from tests.provenance.samples import sample

from assay.provenance import engine
from assay.provenance.trust import TrustStore, read_pem

JPEG = "image/jpeg"


def store(*lists: Any) -> TrustStore:
    """A trust store of these lists; with none, of the test root alone."""
    return TrustStore(lists or (mine(),))


def mine(pem: bytes | None = None, name: str = "mine", **changes: Any) -> Any:
    """A list: of the test root unless told otherwise."""
    from dataclasses import replace

    made = read_pem((pem or pki().root_pem).decode(), id=name, title=f"the list “{name}”")
    return replace(made, **changes)


def clocks(name: str = "clocks") -> Any:
    """The list with the test's time-stamping authority."""
    return read_pem(pki().tsa_root_pem.decode(), id=name, title=f"list “{name}”", kind="tsa")


def sign(
    data: bytes | None = None,
    mime: str = JPEG,
    *,
    parent: bytes | None = None,
    parts: Sequence[tuple[str, bytes]] = (),
    update: bool = False,
    by: Pki | Issued | None = None,
    title: str = "picture",
    tsa: str | None = None,
    definition: dict[str, Any] | None = None,
    actions: Sequence[dict[str, Any]] = (),
    source: C2paDigitalSourceType = C2paDigitalSourceType.DIGITAL_CAPTURE,
    embed: bool = True,
    remote: str | None = None,
    thumbnail: bool = False,
    lists: TrustStore | None = None,
    part_mime: str = JPEG,
) -> tuple[bytes, bytes]:
    """The signed file and its manifest store, signed with the library as it is."""
    data = sample(mime) if data is None else data
    who = by or pki()
    content = {"claim_generator_info": [{"name": "Test", "version": "1"}], "title": title, **(definition or {})}
    context = engine.context((lists or store()).anchors(), thumbnail=thumbnail)
    builder = Builder(json.dumps(content), context=context)
    if update:
        builder.set_intent(C2paBuilderIntent.UPDATE)
    elif parent is not None:
        builder.set_intent(C2paBuilderIntent.EDIT)
    else:
        builder.set_intent(C2paBuilderIntent.CREATE, source)
    if parent is not None and not update:
        entry = {"title": "the parent", "relationship": "parentOf"}
        builder.add_ingredient(entry, mime, io.BytesIO(parent))
    for name, part in parts:
        builder.add_ingredient({"title": name, "relationship": "componentOf"}, part_mime, io.BytesIO(part))
    for action in actions:
        builder.add_action(action)
    if not embed:
        builder.set_no_embed()
    if remote:
        builder.set_remote_url(remote)
    out = io.BytesIO()
    info = C2paSignerInfo(who.algorithm.encode(), who.chain_pem, who.key_pem, tsa)
    manifest = builder.sign(Signer.from_info(info), mime, io.BytesIO(data), out)
    return out.getvalue(), bytes(manifest)


@functools.cache
def plain() -> bytes:
    """A JPEG with sound credentials of one manifest."""
    return sign()[0]


@functools.cache
def edited() -> bytes:
    """A JPEG made from :func:`plain`."""
    return sign(plain(), parent=plain())[0]


def tampered(data: bytes) -> bytes:
    """The file with one bit of its content turned over, near its end."""
    changed = bytearray(data)
    changed[-50] ^= 1
    return bytes(changed)


@functools.cache
def laundered() -> bytes:
    """Sound credentials over a broken parent."""
    return sign(tampered(plain()), parent=tampered(plain()))[0]


def _content(data: bytes, name: bytes) -> tuple[int, int]:
    """Where the CBOR of the first box of this label lies."""
    at = data.index(b"cbor", data.index(name + b"\0"))
    return at + 4, at - 4 + struct.unpack(">I", data[at - 4 : at])[0]


def cose(data: bytes) -> list[Any]:
    """The parts of the COSE_Sign1 of the first manifest."""
    start, end = _content(data, b"c2pa.signature")
    return list(cbor2.loads(data[start:end]).value)


def with_cose(data: bytes, parts: list[Any]) -> bytes:
    """The file with another COSE_Sign1 of the same length: it is outside of all hashes, and padded."""
    start, end = _content(data, b"c2pa.signature")
    header = {k: v for k, v in parts[1].items() if not str(k).startswith("pad")}
    for more in ({}, {"pad2": b""}):
        for size in range(end - start):
            made = cbor2.dumps(
                cbor2.CBORTag(18, [parts[0], {**header, **more, "pad": bytes(size)}, parts[2], parts[3]])
            )
            if len(made) == end - start:
                return data[:start] + made + data[end:]
            if len(made) > end - start:
                break
    raise AssertionError("does not fit")


def signed_again(data: bytes, who: Issued, **header: Any) -> bytes:
    """The file with the claim signed by another certificate, of any validity: the library would refuse."""
    start, end = _content(data, b"c2pa.claim.v2")
    chain = [c.public_bytes(serialization.Encoding.DER) for c in x509.load_pem_x509_certificates(who.chain_pem)]
    protected = cbor2.dumps({1: -7, 33: chain})
    key = serialization.load_pem_private_key(who.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = key.sign(cbor2.dumps(["Signature1", protected, b"", data[start:end]]), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signed)
    return with_cose(data, [protected, header, None, r.to_bytes(32, "big") + s.to_bytes(32, "big")])


def stapled(data: bytes, *answers: bytes) -> bytes:
    """The file with OCSP answers stapled to its signature (C2PA 2.2, section 15.8)."""
    parts = cose(data)
    return with_cose(data, [parts[0], {**parts[1], "rVals": {"ocspVals": list(answers)}}, parts[2], parts[3]])
