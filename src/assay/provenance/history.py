"""What a file says of its past, and whether a new signature may stand on it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from c2pa import C2paError, Context, Reader

from assay.errors import MediaError, ProvenanceError
from assay.media import jpeg
from assay.provenance.model import State
from assay.provenance.softbindings import MAX_BYTES
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify

HEADER = 1 << 16
"""Bytes of a JPEG in which its scan must begin for it to be plain."""
SIDECAR = ".c2pa"
_APP1 = 0xE1
_NOT_PLAIN = {0xEB, *range(0xC2, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
"""APP11, and the frames that may have several scans with segments between them."""


@dataclass(frozen=True)
class History:
    """``label`` is that of the active manifest, empty where it cannot be read, none where there are no credentials.
    ``broken`` says in words what is broken, near or far; ``remote`` means that the credentials are kept elsewhere;
    ``store`` is what the library reads of all manifests.
    """

    label: str | None = None
    broken: str | None = None
    remote: bool = False
    store: Mapping[str, Any] = field(default_factory=dict)


def read(stream: BinaryIO, mime: str, ctx: Context, trust: TrustStore) -> History:
    """The history of a file, judged by the lists in ``trust``. Nothing is fetched. A file without credentials costs
    little: nothing of it is hashed. Raises MediaError for a file that is damaged and has none.
    """
    stream.seek(0)
    if mime == "image/jpeg" and _plain(stream):
        return History()
    try:
        reader = Reader.try_create(mime, stream, context=ctx)
    except C2paError as error:
        if str(error).startswith("Remote"):
            return History(remote=True)
        return _judged(stream, trust, label="", store={})
    finally:
        stream.seek(0)
    if reader is None:
        return History()
    with reader:
        store = msgspec.json.decode(reader.detailed_json())
    return _judged(stream, trust, label=str(store.get("active_manifest") or ""), store=store)


def _plain(stream: BinaryIO) -> bool:
    """Whether a JPEG of one scan has nothing before it where credentials, or their address, could be. The library
    would read the whole file for that; most files that are signed are plain, and this says so in no time.
    """
    head = stream.read(HEADER)
    stream.seek(0)
    try:
        for segment in jpeg.walk(head, 0, []):
            if segment.marker == jpeg.SOS:
                return True
            if segment.marker in _NOT_PLAIN or (segment.marker == _APP1 and b"provenance" in segment.payload):
                return False
    except MediaError:
        pass
    return False


def _judged(stream: BinaryIO, trust: TrustStore, *, label: str, store: Mapping[str, Any]) -> History:
    """What the chain verdict says. Raises MediaError for a file that is damaged and has no credentials."""
    try:
        found = verify(stream.getvalue() if isinstance(stream, io.BytesIO) else stream.name, trust=trust)
    finally:
        stream.seek(0)
    return History(label, broken=found.says if found.chain is State.BROKEN else None, store=store)


def judge(history: History, whose: str, *, over_broken: bool) -> tuple[str, ...]:
    """What the signer must know of this history. Raises ProvenanceError (``history``) where signing would hide a break
    or leave credentials behind, unless ``over_broken``.
    """
    if history.remote:
        if not over_broken:
            raise ProvenanceError(
                f"{whose} names credentials that are kept elsewhere, and nothing is fetched here: signing would leave "
                "them behind. Get it with its credentials inside, or say --over-broken to sign without them.",
                "history",
            )
        return (f"{whose} names credentials that are kept elsewhere; this record does not hold them.",)
    if history.broken:
        if not over_broken:
            raise ProvenanceError(
                f"{whose} has broken credentials, and a sound signature on top would hide that. Go back to the "
                f"original, or say --over-broken to sign with the break on record. What is broken: {history.broken}",
                "history",
            )
        return (f"{whose} has broken credentials, and the record shows it: {history.broken}",)
    return ()


def beside(source: Path, stream: BinaryIO, mime: str, ctx: Context, *, over_broken: bool) -> tuple[str, ...]:
    """What the signer must know of credentials that lie beside the file (``photo.c2pa``) and are about these bytes.

    The library takes a parent's history from inside a file alone. Raises ProvenanceError (``history``) unless
    ``over_broken``, since signing would leave them behind.
    """
    sidecar = source.with_suffix(SIDECAR)
    if sidecar == source or not sidecar.is_file() or not _about(sidecar, stream, mime, ctx):
        return ()
    if not over_broken:
        raise ProvenanceError(
            f"{source} has credentials beside it, in {sidecar.name}, and signing would leave them behind. Get it with "
            "its credentials inside, or say --over-broken to sign without them.",
            "history",
        )
    return (f"{source} has credentials beside it, in {sidecar.name}; this record does not hold them.",)


def _about(sidecar: Path, stream: BinaryIO, mime: str, ctx: Context) -> bool:
    """Whether the manifest in a sidecar is bound to these bytes: ``photo.c2pa`` may be that of ``photo.png``."""
    try:
        with sidecar.open("rb") as opened:
            manifest = opened.read(MAX_BYTES)
        stream.seek(0)
        with Reader(mime, stream, manifest, context=ctx) as reader:
            results = reader.get_validation_results() or {}
    except (C2paError, OSError):
        return False
    finally:
        stream.seek(0)
    found = (results.get("activeManifest") or {}).get("success") or ()
    return any(str(one.get("code")).endswith("Hash.match") for one in found)


__all__ = ["History", "beside", "judge", "read"]
