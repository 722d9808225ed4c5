"""Which manifest a manifest store is about, and which soft bindings that manifest itself declares.

Read from the structure alone (C2PA specification, 9.2 and 18.10), without checking a signature: whoever believes what
is found here verifies the manifest first.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import cbor2

from assay.errors import MediaError
from assay.provenance import boxes
from assay.provenance.model import SoftBinding

MAX_BYTES = 16 * 1024**2
"""Bytes of a manifest store that is kept or fetched; with a thumbnail one takes 30 KB."""
MAX_VALUE = 64 * 1024
"""Bytes of one soft binding's value."""
MAX_BINDINGS = 256
"""Soft bindings read from one manifest."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+~@!$&'()*,=-]{0,249}")
"""What a manifest id may look like: ``urn:c2pa:…``, and the older ``vendor:urn:uuid:…``; no blank, no slash."""
ALGORITHM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
"""What a soft binding algorithm's name may look like: ``org.example.watermark.1``."""

_ASSERTION = re.compile(r"c2pa\.soft-binding(\.v\d+)?(__\d+)?")


@dataclass(frozen=True)
class Contents:
    """What a manifest store holds: the label of its active manifest, and the bindings that this one declares.
    ``labels`` are those of all manifests in it, and ``active`` is the same store with only the active one.
    """

    manifest_id: str
    labels: tuple[str, ...]
    bindings: tuple[tuple[str, bytes], ...]
    active: bytes


def contents(manifest: bytes) -> Contents:
    """Look into the bytes of a manifest store.

    Raises MediaError: ``empty``, ``too_large``, ``malformed``, ``truncated``, ``too_deep``.
    """
    if not manifest:
        raise MediaError("The manifest is empty.", "empty")
    if len(manifest) > MAX_BYTES:
        raise MediaError(f"The manifest has more than {MAX_BYTES // 1024**2} MB.", "too_large")
    store = boxes.read(manifest)
    if store.uuid != boxes.STORE:
        raise MediaError("This is JUMBF, but no C2PA manifest store.", "malformed")
    manifests = [box for box in store.boxes if box.uuid in boxes.MANIFESTS]
    if not manifests:
        raise MediaError("The C2PA manifest store holds no manifest.", "malformed")
    active = manifests[-1]
    if not active.label or not ID.fullmatch(active.label):
        raise MediaError("The active manifest has no usable label.", "malformed")
    found = dict.fromkeys(_declared(manifest, active))
    alone = manifest if len(manifests) == 1 else boxes.alone(manifest, store, active)
    labels = tuple(box.label for box in manifests if box.label)
    return Contents(active.label, labels, tuple(found), alone)


def _declared(data: bytes, manifest: boxes.Box) -> Iterator[tuple[str, bytes]]:
    assertions = manifest.child(boxes.ASSERTIONS)
    count = 0
    for box in assertions.boxes if assertions else ():
        if not box.label or not _ASSERTION.fullmatch(box.label):
            continue
        for inner in box.boxes:
            if inner.kind == b"cbor":
                for binding in _bindings(inner.content(data)):
                    count += 1
                    if count > MAX_BINDINGS:
                        raise MediaError(f"The manifest declares more than {MAX_BINDINGS} soft bindings.", "too_large")
                    yield binding


def _bindings(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The bindings of one soft-binding assertion: ``{alg, blocks: [{scope, value}], …}``. What is not so is left out:
    an assertion that nobody can read binds nothing.
    """
    if len(body) > MAX_VALUE * 4:
        raise MediaError("A soft binding of the manifest is too large.", "too_large")
    try:
        assertion = cbor2.loads(body, max_depth=16, allow_duplicate_keys=False, strict_hashable_types=True)
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError):
        return
    if not isinstance(assertion, dict):
        return
    algorithm, blocks = assertion.get("alg"), assertion.get("blocks")
    if not isinstance(algorithm, str) or not ALGORITHM.fullmatch(algorithm) or not isinstance(blocks, list):
        return
    for block in blocks:
        value = _value(block.get("value")) if isinstance(block, dict) else None
        if value and len(value) <= MAX_VALUE:
            yield algorithm, value


def _value(value: object) -> bytes | None:
    """The specification wants a byte string. Signers that write JSON leave base64 text, and old ones any text."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return value.encode("utf-8", "surrogatepass")


def decoded(binding: SoftBinding) -> tuple[str, bytes]:
    """Algorithm and value of a record. Raises ValueError where either is not as it must be."""
    if not ALGORITHM.fullmatch(binding.algorithm):
        raise ValueError("the algorithm's name holds characters that no such name has")
    try:
        value = base64.b64decode(binding.value, validate=True)
    except ValueError:
        raise ValueError("the value is not base64") from None
    if not 0 < len(value) <= MAX_VALUE:
        raise ValueError(f"the value must have 1 to {MAX_VALUE:,} bytes")
    return binding.algorithm, value


__all__ = ["ALGORITHM", "ID", "MAX_BINDINGS", "MAX_BYTES", "MAX_VALUE", "Contents", "contents", "decoded"]
