"""A small reader of JUMBF boxes (ISO/IEC 19566-5), enough to find what a C2PA manifest store holds.

It checks structure only: whether a signature or a hash holds is for the C2PA library to say.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assay.errors import MediaError

MAX_DEPTH = 12
"""Levels of superboxes. A manifest store needs four."""
MAX_BOXES = 200_000
"""Boxes in one store: a thousand ingredients need about 25,000."""
MAX_LABEL = 1024

_TAIL = "-0011-0010-8000-00AA00389B71"
STORE = f"63327061{_TAIL}"
MANIFEST = f"63326D61{_TAIL}"
UPDATE_MANIFEST = f"6332756D{_TAIL}"
COMPRESSED_MANIFEST = f"6332636D{_TAIL}"
ASSERTIONS = f"63326173{_TAIL}"
CLAIM = f"6332636C{_TAIL}"
SIGNATURE = f"63326373{_TAIL}"
CBOR = f"63626F72{_TAIL}"
MANIFESTS = (MANIFEST, UPDATE_MANIFEST, COMPRESSED_MANIFEST)
"""Content types of the boxes that are manifests: standard, update, compressed (C2PA specification, 11.1)."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the file: ``kind`` is its four characters, ``start`` and ``end`` where it lies (header included),
    ``body`` where its content begins. Of a superbox, ``uuid`` is the content type, and ``boxes`` what follows the
    description.
    """

    kind: bytes
    start: int
    body: int
    end: int
    uuid: str = ""
    label: str | None = None
    boxes: tuple["Box", ...] = ()

    def content(self, data: bytes) -> bytes:
        """What the box holds, of the ``data`` it was read from."""
        return data[self.body : self.end]

    def child(self, uuid: str) -> "Box | None":
        """The first superbox in this one with that content type."""
        return next((box for box in self.boxes if box.uuid == uuid), None)


def read(data: bytes) -> Box:
    """The superbox that ``data`` is, with all in it.

    Raises MediaError: ``truncated`` (a box is longer than what holds it), ``malformed``, ``too_deep``, ``too_large``
    (too many boxes).
    """
    boxes = list(_Reader(data).inside(0, len(data), 0))
    if len(boxes) != 1 or boxes[0].kind != b"jumb":
        raise MediaError("This is not one JUMBF box.", "malformed")
    return boxes[0]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0

    def inside(self, start: int, end: int, depth: int) -> Iterator[Box]:
        if depth > MAX_DEPTH:
            raise MediaError(f"Its JUMBF boxes are nested deeper than {MAX_DEPTH} levels.", "too_deep")
        while start < end:
            self._count += 1
            if self._count > MAX_BOXES:
                raise MediaError(f"It holds more than {MAX_BOXES:,} JUMBF boxes.", "too_large")
            box = self._box(start, end, depth)
            yield box
            start = box.end

    def _box(self, start: int, limit: int, depth: int) -> Box:
        if limit - start < 8:
            raise MediaError("A JUMBF box is cut short.", "truncated")
        length, kind = struct.unpack_from(">I4s", self._data, start)
        body = start + 8
        if length == 1:
            if limit - start < 16:
                raise MediaError("A JUMBF box is cut short.", "truncated")
            (length,) = struct.unpack_from(">Q", self._data, body)
            body += 8
        end = limit if length == 0 else start + length
        if end < body:
            raise MediaError("A JUMBF box is shorter than its own header.", "malformed")
        if end > limit:
            raise MediaError("A JUMBF box is longer than what holds it.", "truncated")
        if kind != b"jumb":
            return Box(kind, start, body, end)
        inside = self.inside(body, end, depth + 1)
        first = next(inside, None)
        if first is None or first.kind != b"jumd":
            raise MediaError("A JUMBF superbox does not begin with its description.", "malformed")
        uuid, label = _description(first.content(self._data))
        return Box(kind, start, body, end, uuid, label, tuple(inside))


def _description(body: bytes) -> tuple[str, str | None]:
    """Content type and label of a description box: 16 bytes, one of toggles (bit 1: a label), the label to a zero."""
    if len(body) < 17:
        raise MediaError("A JUMBF description is cut short.", "truncated")
    raw = body[:16].hex().upper()
    uuid = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
    if not body[16] & 2:
        return uuid, None
    label, zero, _ = body[17 : 17 + MAX_LABEL + 1].partition(b"\0")
    if not zero:
        raise MediaError("A JUMBF label does not end, or is too long.", "malformed")
    try:
        return uuid, label.decode("utf-8")
    except UnicodeDecodeError:
        raise MediaError("A JUMBF label is not UTF-8.", "malformed") from None


def manifests(store: Box) -> dict[str, Box]:
    """The manifests of a store by label; those without one are left out, of two of one label the last counts."""
    return {box.label: box for box in store.boxes if box.uuid in MANIFESTS and box.label}


def signature(data: bytes, manifest: Box) -> bytes | None:
    """The COSE_Sign1 of a manifest, or None where it has none."""
    return _cbor(data, manifest.child(SIGNATURE))


def claim(data: bytes, manifest: Box) -> bytes | None:
    """The claim of a manifest, which its signature is over, or None where it has none."""
    return _cbor(data, manifest.child(CLAIM))


def _cbor(data: bytes, found: Box | None) -> bytes | None:
    inner = next((box for box in found.boxes if box.kind == b"cbor"), None) if found else None
    return inner.content(data) if inner else None


def alone(data: bytes, store: Box, manifest: Box) -> bytes:
    """A store of one manifest: the description of ``store`` and the box of ``manifest``, byte for byte."""
    description = data[store.body : store.boxes[0].start]
    box = data[manifest.start : manifest.end]
    if struct.unpack_from(">I", box)[0] == 0:
        box = struct.pack(">I", len(box)) + box[4:]
    return struct.pack(">I4s", 8 + len(description) + len(box), b"jumb") + description + box


__all__ = [
    "ASSERTIONS",
    "CBOR",
    "CLAIM",
    "COMPRESSED_MANIFEST",
    "MANIFEST",
    "MANIFESTS",
    "MAX_BOXES",
    "MAX_DEPTH",
    "SIGNATURE",
    "STORE",
    "UPDATE_MANIFEST",
    "Box",
    "alone",
    "claim",
    "manifests",
    "read",
    "signature",
]
