"""The file that a statement is about, measured."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MediaError
from assay.media import Limits, Media
from assay.provenance.formats import PICTURES, mime_of
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify
from assay.provenance.vouch.statement import Seen, Subject

UNKNOWN = "application/octet-stream"
"""The format of what is none that Assay knows: anything can be vouched for."""

_PIECE, _HEAD = 1 << 20, 4096


@dataclass(frozen=True)
class Measured:
    """A file's digest, size in bytes and format."""

    sha256: bytes
    size: int
    format: str


def measure(path: Path) -> Measured:
    """Read a file once, a piece at a time. Raises MediaError (``missing``, ``unreadable``, ``empty``)."""
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        if path.exists() and not path.is_file():
            raise MediaError(f"{path} is no plain file", "unreadable")
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                head = head or piece[:_HEAD]
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        raise MediaError(f"{path}: there is no such file", "missing") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", "unreadable") from None
    if not size:
        raise MediaError(f"{path} is empty", "empty")
    return Measured(digest.digest(), size, mime_of(head) or UNKNOWN)


def pixels(path: Path, format_: str) -> bytes | None:
    """The digest of what a picture shows, the same whatever metadata it carries; None where it is no picture that
    Assay decodes.
    """
    if format_ not in PICTURES.values():
        return None
    try:
        return bytes.fromhex(Media.open(path, limits=Limits()).pixels_sha256)
    except (MediaError, MemoryError):
        return None


def seen(path: Path, trust: TrustStore) -> Seen | None:
    """The file's own credentials, as the lists in ``trust`` judge them; None for a file of a kind that has none."""
    try:
        found = verify(path, trust=trust)
    except MediaError:
        return None
    return Seen(state=found.chain, manifest=found.manifests[0].label if found.manifests else None)


def subject_of(path: Path, credentials: Seen | None = None) -> Subject:
    """A file as a statement names it. Raises MediaError."""
    found = measure(path)
    return Subject(
        sha256=found.sha256, size=found.size, format=found.format, pixels_sha256=pixels(path, found.format),
        credentials=credentials,
    )  # fmt: skip


__all__ = ["UNKNOWN", "Measured", "measure", "pixels", "seen", "subject_of"]
