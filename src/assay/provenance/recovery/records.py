"""The records of a recovery. Strings that come from manifests and stores are a stranger's, as in
:mod:`assay.provenance.model`.
"""

from enum import StrEnum

import msgspec

from assay.provenance.model import Verification

SCHEMA = "assay/recovery/1"


class Verdict(StrEnum):
    """What a manifest that was found is to the picture, the best first.

    ``exact``: it is about these very bytes. ``same_picture``: its fingerprint agrees with the picture, whose bytes have
    changed. ``edited``: it agrees, but a place differs. ``unconfirmed``: that cannot be told, or the manifest is itself
    broken. ``transplanted``: the watermark leads to the manifest of another picture. ``not_found``: nothing leads to
    any manifest.
    """

    EXACT = "exact"
    SAME_PICTURE = "same_picture"
    EDITED = "edited"
    UNCONFIRMED = "unconfirmed"
    TRANSPLANTED = "transplanted"
    NOT_FOUND = "not_found"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Verdict).index(self)

    @property
    def confirmed(self) -> bool:
        """Whether the credentials are those of this picture, as it is."""
        return self in {Verdict.EXACT, Verdict.SAME_PICTURE}


class FoundBy(StrEnum):
    """What led to a manifest."""

    WATERMARK = "watermark"
    FINGERPRINT = "fingerprint"
    CONTENT = "content"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What all records share."""


class Seen(_Record, frozen=True):
    """The watermark read from the picture. ``identifier`` is hex; ``log10_false_alarm`` the logarithm of the chance of
    such a mark where there is none.
    """

    algorithm: str
    identifier: str
    confidence: float
    log10_false_alarm: float


class Likeness(_Record, frozen=True):
    """The picture against the fingerprint in a manifest: as :class:`assay.fingerprint.Comparison`, but for
    the map. Boxes are (x, y, width, height) as shares of the original.
    """

    same: bool | None
    score: float
    says: str
    region: tuple[float, float, float, float]
    covers: float
    mirrored: bool
    turn: float
    scale: tuple[float, float]
    differing: tuple[tuple[float, float, float, float], ...] = ()


class Candidate(_Record, frozen=True):
    """One manifest that something led to. ``score`` is what the store said of the match, 0 to 100. ``claimed`` means
    that only whoever put it there says that the watermark or fingerprint is its own; ``sound`` that its signature and
    its statements are as they were signed; ``list`` is the trust list that knows its signer, if any.
    """

    manifest_id: str
    found_by: FoundBy
    verdict: Verdict
    says: str
    score: int | None = None
    claimed: bool = False
    sound: bool = False
    signer: str | None = None
    list: str | None = None
    title: str = ""
    likeness: Likeness | None = None


class Recovery(_Record, frozen=True):
    """What looking for the lost credentials of one picture came to.

    ``manifest_id``, ``found_by``, ``verification`` and ``likeness`` are those of the best candidate. ``verification``
    is of that manifest against the bytes of the file, so it is ``broken`` where they have changed. ``own`` is what the
    file itself carries. ``changes`` say what has happened to the picture since it was signed, ``warnings`` what must
    not be missed. ``candidates`` are all manifests that were found, best first.
    """

    path: str
    sha256: str
    format: str
    width: int
    height: int
    verdict: Verdict
    says: str
    store: str
    found_by: FoundBy | None = None
    manifest_id: str | None = None
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    watermark: Seen | None = None
    likeness: Likeness | None = None
    candidates: tuple[Candidate, ...] = ()
    verification: Verification | None = None
    own: Verification | None = None
    engine: dict[str, str] = {}
    schema: str = SCHEMA


class Unrecovered(_Record, frozen=True):
    """The line that stands for a file that could not be looked at. ``reason`` is that of the error."""

    path: str
    error: str
    reason: str
    schema: str = SCHEMA


__all__ = ["SCHEMA", "Candidate", "FoundBy", "Likeness", "Recovery", "Seen", "Unrecovered", "Verdict"]
