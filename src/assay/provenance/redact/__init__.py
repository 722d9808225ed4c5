"""Take metadata out of a file before it is signed: out of its bytes, and out of the manifests of its past.

Everything is blanked in place, so that no offset in the file moves and no pixel changes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assay.errors import UsageError
from assay.provenance.definition import unknown
from assay.provenance.redact.files import FORMATS, clean

KINDS: Mapping[str, str] = {
    "GPS": "where it was taken, in EXIF and XMP",
    "location": "GPS, and the names of places in XMP and IPTC",
    "serial": "serial numbers of camera and lens, the owner's name, and the maker's notes",
    "thumbnail": "the small pictures in EXIF, XMP and Photoshop's block",
    "EXIF": "all of EXIF but the orientation, and its copy in XMP",
    "XMP": "all of XMP",
    "IPTC": "all of IPTC",
}
"""Names that ``--redact`` knows."""

_GPS = r"\w*(GPS|Latitude|Longitude)\w*"
_KEYS = {
    "GPS": re.compile(_GPS, re.IGNORECASE),
    "location": re.compile(
        rf"{_GPS}|City|State|Country|CountryCode|(content)?Location|Location(Shown|Created)|Sublocation", re.IGNORECASE
    ),
    "serial": re.compile(r"\w*SerialNumber|\w*OwnerName"),
}
_METADATA = re.compile(r"(stds\.exif|stds\.iptc|c2pa\.metadata|cawg\.metadata|stds\.schema-org\.\w+)(\.\w+)*(__\d+)?")
MAX_DEPTH = 32


def names(asked: Iterable[str]) -> tuple[str, ...]:
    """The kinds meant, whatever their case, in the order of :data:`KINDS`. Raises UsageError."""
    known = {kind.lower(): kind for kind in KINDS}
    wanted = [name.strip() for item in asked for name in item.split(",") if name.strip()]
    for name in wanted:
        if name.lower() not in known:
            raise UsageError(unknown("metadata to redact called", name, KINDS))
    return tuple(kind for kind in KINDS if kind.lower() in {name.lower() for name in wanted})


def from_bytes(data: bytes, mime: str, kinds: Iterable[str]) -> bytes:
    """The file without these kinds of metadata, its pixels untouched.

    Raises ProvenanceError (``unsupported``) where that cannot be done safely, MediaError for a broken file.
    """
    return clean(data, mime, frozenset(kinds))


def assertions(store: Mapping[str, Any], kinds: Iterable[str]) -> list[str]:
    """JUMBF URIs of the assertions, in all manifests that the library read, that hold such metadata.

    C2PA redacts whole assertions only.
    """
    asked = frozenset(kinds)
    return [
        f"self#jumbf=/c2pa/{label}/c2pa.assertions/{name}"
        for label, manifest in (store.get("manifests") or {}).items()
        for name, content in (manifest.get("assertion_store") or {}).items()
        if _holds(name, content, asked)
    ]


def _holds(name: str, content: object, kinds: frozenset[str]) -> bool:
    if name.startswith("c2pa.thumbnail."):
        return "thumbnail" in kinds
    if not _METADATA.fullmatch(name):
        return False
    if ("EXIF" in kinds and name.startswith("stds.exif")) or ("IPTC" in kinds and name.startswith("stds.iptc")):
        return True
    patterns = [_KEYS[kind] for kind in kinds if kind in _KEYS]
    for key in _keys(content, 0):
        prefix, _, local = key.rpartition(":")
        if any(p.fullmatch(local) for p in patterns) or ("EXIF" in kinds and prefix in {"exif", "exifEX", "aux"}):
            return True
    return False


def _keys(value: object, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, depth + 1)


__all__ = ["FORMATS", "KINDS", "assertions", "from_bytes", "names"]
