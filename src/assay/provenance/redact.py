"""Take metadata out of a file's bytes before it is signed."""

from collections.abc import Iterable, Mapping
from typing import Any
from assay.errors import ProvenanceError

KINDS: Mapping[str, str] = {}


def from_bytes(data: bytes, mime: str, kinds: Iterable[str]) -> bytes:
    raise ProvenanceError("Metadata cannot be taken out of this kind of file yet.", "unsupported")


def assertions(store: Mapping[str, Any], kinds: Iterable[str]) -> list[str]:
    return []
