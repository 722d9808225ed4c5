"""What is claimed of a file: its digest, size and kind, its fingerprint where it is a picture, its credentials."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MediaError

SECONDS = 300.0
"""That one file may take."""
BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Task:
    """A file to measure. ``fingerprint`` asks for one where it is a picture, ``manifest`` for its credentials."""

    path: Path
    fingerprint: bool = True
    manifest: bool = False


@dataclass(frozen=True)
class Measured:
    """``digest`` is the SHA-256, 32 bytes; ``fingerprints`` pairs of algorithm and bytes; ``note`` what a person should
    know.
    """

    digest: bytes
    size: int
    media_type: str
    fingerprints: tuple[tuple[str, bytes], ...] = ()
    manifest: bytes | None = None
    note: str | None = None


def measure(task: Task) -> Measured | MediaError:
    """In a worker: the file is a stranger's."""
    from assay.media.sniff import sniff  # noqa: PLC0415 (loads slowly)
    from assay.provenance.formats import mime_of_stream  # noqa: PLC0415

    try:
        with task.path.open("rb") as stream:
            picture = sniff(stream.read(512))
            mime = f"image/{picture}" if picture else mime_of_stream(stream) or BINARY
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").digest()
            size = stream.tell()
        prints, note = _prints(task.path) if picture and task.fingerprint else ((), None)
        return Measured(digest, size, mime, prints, _manifest(task.path) if task.manifest else None, note)
    except OSError as error:
        return MediaError(f"{task.path} cannot be read: {error.strerror or error}", "missing")
    except MediaError as error:
        return error


def _prints(path: Path) -> tuple[tuple[tuple[str, bytes], ...], str | None]:
    import numpy as np  # noqa: PLC0415

    from assay import fingerprint  # noqa: PLC0415
    from assay.media import Media  # noqa: PLC0415

    try:
        media = Media.open(path)
        value = fingerprint.compute(np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8))
    except MediaError:
        return (), "The picture cannot be decoded: it is found by its exact bytes only."
    if fingerprint.telling(fingerprint.unpack(value)) < fingerprint.SAME:  # not even the same picture would be known
        return (), "The picture has too little structure for a fingerprint: it is found by its exact bytes only."
    return ((fingerprint.ALGORITHM, value),), None


def _manifest(path: Path) -> bytes | None:
    from assay.provenance.embedded import embedded  # noqa: PLC0415

    return embedded(path)


__all__ = ["SECONDS", "Measured", "Task", "measure"]
