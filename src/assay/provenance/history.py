"""What a file says of its past, and whether a new signature may stand on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec
from c2pa import C2paError, Context, Reader

from assay.errors import ProvenanceError

_NOT_BROKEN = {"signingCredential.untrusted", "timeStamp.untrusted"}
"""Failures that leave a signature whole: nobody on a list vouches for who made it."""


@dataclass(frozen=True)
class History:
    """``label`` is that of the active manifest, empty where it cannot be read, none where there are no credentials.
    ``broken`` is the first C2PA code that says so; ``remote`` means that the credentials are kept elsewhere;
    ``store`` is what the library reads of all manifests.
    """

    label: str | None = None
    broken: str | None = None
    remote: bool = False
    store: Mapping[str, Any] = field(default_factory=dict)


def read(stream: BinaryIO, mime: str, ctx: Context) -> History:
    """The history of a file. Nothing is fetched."""
    stream.seek(0)
    try:
        reader = Reader.try_create(mime, stream, context=ctx)
    except C2paError as error:
        if str(error).startswith("Remote"):
            return History(remote=True)
        return History(label="", broken="credentials that cannot be read")
    finally:
        stream.seek(0)
    if reader is None:
        return History()
    with reader:
        results = msgspec.json.decode(reader.json())
        label = str(results.get("active_manifest") or "")
        return History(label, broken=_broken(results), store=msgspec.json.decode(reader.detailed_json()))


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
                f"{whose} has broken credentials ({history.broken}), and a sound signature on top would hide that. "
                "Go back to the original, or say --over-broken to sign with the break on record.",
                "history",
            )
        return (f"{whose} has broken credentials ({history.broken}); the record shows the break.",)
    return ()


def _broken(results: Mapping[str, Any]) -> str | None:
    """The first code that breaks the active manifest or an ingredient, near or far."""
    found = results.get("validation_results") or {}
    if results.get("validation_state") == "Invalid":
        return next(_failures(found), "Invalid")
    deltas = [d.get("validationDeltas") or {} for d in found.get("ingredientDeltas") or ()]
    recorded = [
        ingredient.get("validation_results") or {}
        for manifest in (results.get("manifests") or {}).values()
        for ingredient in manifest.get("ingredients") or ()
    ]
    for codes in ({"activeManifest": d} for d in deltas):
        for code in _failures(codes):
            return code
    return next((code for codes in recorded for code in _failures(codes)), None)


def _failures(results: Mapping[str, Any]) -> Iterator[str]:
    for status in (results.get("activeManifest") or {}).get("failure") or ():
        code = str(status.get("code", ""))
        if code not in _NOT_BROKEN:
            yield code


__all__ = ["History", "judge", "read"]
