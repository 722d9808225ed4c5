"""Manifest stores made byte by byte: the right boxes with labels and soft bindings, and nothing signed."""

import struct
from collections.abc import Sequence
from typing import Any

import cbor2

TAIL = bytes.fromhex("00110010800000AA00389B71")
WATERMARK, FINGERPRINT = "org.example.watermark.1", "org.example.fingerprint.1"
ONE, TWO, THREE = (f"urn:c2pa:{n}0000000-0000-4000-8000-000000000000" for n in "123")


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def superbox(uuid: bytes, label: str | None, *content: bytes) -> bytes:
    named = b"\x03" + label.encode() + b"\0" if label is not None else b"\0"
    return box(b"jumb", box(b"jumd", uuid + TAIL, named), *content)


def soft_binding(algorithm: Any, *values: Any, label: str = "c2pa.soft-binding", **more: Any) -> bytes:
    """A soft-binding assertion."""
    blocks = [{"scope": {}, "value": value} for value in values]
    body = cbor2.dumps({"alg": algorithm, "blocks": blocks, "pad": b"", **more})
    return superbox(b"cbor", label, box(b"cbor", body))


def manifest(label: str, *assertions: bytes, kind: bytes = b"c2ma") -> bytes:
    """One manifest box with assertions."""
    claim = superbox(b"c2cl", "c2pa.claim.v2", box(b"cbor", cbor2.dumps({"instanceID": label})))
    return superbox(kind, label, superbox(b"c2as", "c2pa.assertions", *assertions), claim)


def store(*manifests: bytes) -> bytes:
    """A manifest store; the last manifest is the active one."""
    return superbox(b"c2pa", "c2pa", *manifests)


def simple(label: str = ONE, bindings: Sequence[tuple[str, bytes]] = (), pad: bytes = b"") -> bytes:
    """A store of one manifest that declares these bindings; ``pad`` makes its bytes differ."""
    more = [superbox(b"json", "org.example.pad", box(b"json", pad))] if pad else []
    made = [soft_binding(a, v, label=f"c2pa.soft-binding__{n}") for n, (a, v) in enumerate(bindings)]
    return store(manifest(label, *made, *more))
