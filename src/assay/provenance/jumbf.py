"""The boxes of a manifest store (ISO 19566-5, JUMBF): just enough to take one manifest or its signature out.

The library reads and checks the store; this serves what it does not tell: the certificates and the revocation answers
in a signature's header (RFC 9052, RFC 9360), and one manifest by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

MAX_BOXES = 100_000
"""Boxes looked at in one store."""

MAX_TIMESTAMP = 65_536

_X5CHAIN = (33, "x5chain")


class JumbfError(ValueError):
    """The boxes do not fit into one another."""


@dataclass(frozen=True)
class Box:
    """A box: its type, where it begins and ends in the data, and where its content begins."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that stand one after the other in ``data[start:end]``. Raises JumbfError."""
    count = 0
    while start < end:
        count += 1
        if start + 8 > end or count > MAX_BOXES:
            raise JumbfError("a box is cut short, or there are too many")
        size, body = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(data[body : body + 8], "big"), body + 8
        stop = end if size == 0 else start + size
        if stop > end or stop < body:
            raise JumbfError("a box is longer than what holds it")
        yield Box(data[start + 4 : start + 8], start, body, stop)
        start = stop


def label(data: bytes, box: Box) -> str | None:
    """The label in the description of a superbox, or None."""
    for inner in boxes(data, box.body, box.end):
        if inner.kind != b"jumd" or not inner.end - inner.body > 17 or not data[inner.body + 16] & 2:
            return None
        return data[inner.body + 17 : inner.end].split(b"\0", 1)[0].decode("utf-8", "replace")
    return None


def manifests(store: bytes) -> dict[str, Box]:
    """The manifests of a store by label. Raises JumbfError."""
    outer = next(boxes(store, 0, len(store)), None)
    if outer is None or outer.kind != b"jumb":
        raise JumbfError("not a manifest store")
    found: dict[str, Box] = {}
    for box in boxes(store, outer.body, outer.end):
        if box.kind == b"jumb" and (name := label(store, box)) is not None:
            found[name] = box
    return found


def alone(store: bytes, box: Box) -> bytes:
    """A store that holds this manifest and nothing else: how the library is asked about one by itself."""
    outer = next(boxes(store, 0, len(store)))
    description = next(boxes(store, outer.body, outer.end))
    content = store[description.start : description.end] + store[box.start : box.end]
    return (len(content) + 8).to_bytes(4, "big") + b"jumb" + content


def signature(store: bytes, manifest: Box) -> bytes | None:
    """The COSE_Sign1 of a manifest, or None where it has none. Raises JumbfError."""
    for box in boxes(store, manifest.body, manifest.end):
        if box.kind == b"jumb" and label(store, box) == "c2pa.signature":
            for inner in boxes(store, box.body, box.end):
                if inner.kind == b"cbor":
                    return store[inner.body : inner.end]
    return None


@dataclass(frozen=True)
class Header:
    """What a signature's header holds: the certificates, signer first, the OCSP answers stapled to it, and its
    timestamp where that is of the older form; all as DER.
    """

    chain: tuple[bytes, ...]
    ocsp: tuple[bytes, ...]
    timestamp: bytes = b""


def header(cose: bytes) -> Header:
    """Read the header of a COSE_Sign1. What is not as it should be is left out, not complained of."""
    try:
        value = cbor2.loads(cose)
        value = getattr(value, "value", value)
        protected, unprotected = cbor2.loads(value[0]), value[1]
    except Exception:  # cbor2 raises what its input makes it raise
        return Header((), ())
    chain: tuple[bytes, ...] = ()
    for part in (protected, unprotected):
        for key in _X5CHAIN:
            if not chain and isinstance(part, Mapping) and key in part:
                chain = _byte_strings(part[key])
    revocation = unprotected.get("rVals") if isinstance(unprotected, Mapping) else None
    answers = _byte_strings(revocation.get("ocspVals")) if isinstance(revocation, Mapping) else ()
    return Header(chain[:16], answers[:16], _timestamp(unprotected))


def _timestamp(unprotected: Any) -> bytes:
    stamp = unprotected.get("sigTst") if isinstance(unprotected, Mapping) else None
    tokens = stamp.get("tstTokens") if isinstance(stamp, Mapping) else None
    first = tokens[0] if isinstance(tokens, list | tuple) and tokens else None
    value = first.get("val") if isinstance(first, Mapping) else None
    return value if isinstance(value, bytes) and len(value) <= MAX_TIMESTAMP else b""


def _byte_strings(value: Any) -> tuple[bytes, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    return tuple(v for v in found if isinstance(v, bytes))


__all__ = ["Box", "Header", "JumbfError", "alone", "boxes", "header", "label", "manifests", "signature"]
