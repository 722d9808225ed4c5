"""The records of provenance: what was found, in words and in the codes of C2PA.

Same habits as :mod:`assay.evidence`: frozen, one definition for Python, ``--json`` and the HTTP API. Strings that come
from a manifest are a stranger's; whoever shows them passes them through :func:`assay.report.words.plain`.
"""

from enum import StrEnum
from typing import Any

import msgspec


class State(StrEnum):
    """What a file's Content Credentials amount to. The five are never mixed up.

    ``none``: there are none. ``broken``: there are, and a signature, a hash or a rule fails. ``valid``: all holds, and
    nobody on any list in use vouches for the signer. ``trusted_retired``: the signer is known only to a list that is
    no longer kept. ``trusted``: the signer is known to a list in use.
    """

    NONE = "none"
    BROKEN = "broken"
    VALID = "valid"
    TRUSTED_RETIRED = "trusted_retired"
    TRUSTED = "trusted"

    @property
    def words(self) -> str:
        """As a person says it."""
        return {
            State.NONE: "no credentials",
            State.BROKEN: "broken",
            State.VALID: "valid, signer unknown",
            State.TRUSTED_RETIRED: "trusted by a retired list",
            State.TRUSTED: "trusted",
        }[self]

    @property
    def rank(self) -> int:
        """0 for ``none`` to 4 for ``trusted``: a policy asks for a rank or more."""
        return list(State).index(self)


class Kind(StrEnum):
    """How a reason counts: as C2PA's three lists of status codes do."""

    SUCCESS = "success"
    INFORMATION = "information"
    FAILURE = "failure"


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What all records share."""


class Signer(_Record, frozen=True):
    """The end-entity certificate of a signature. Times are ISO 8601 in UTC; ``serial`` is decimal."""

    name: str
    organisation: str
    issuer: str
    algorithm: str
    serial: str
    not_before: str | None = None
    not_after: str | None = None


class Reason(_Record, frozen=True):
    """One check: its C2PA status code (or one of ours, which begin with ``assay.``), and what it means in plain words.

    ``manifest`` is the label of the manifest that it is about, ``detail`` what the library said.
    """

    code: str
    kind: Kind
    says: str
    manifest: str | None = None
    detail: str = ""


class Action(_Record, frozen=True):
    """Something that was done, as the signer says: ``action`` is C2PA's word (``c2pa.cropped``)."""

    action: str
    says: str
    when: str | None = None
    software: str | None = None
    source_type: str | None = None


class Ingredient(_Record, frozen=True):
    """A file that went into another, as the signer says. ``manifest`` is the label of its own, where it had one."""

    title: str
    relationship: str
    format: str | None = None
    manifest: str | None = None
    state: State = State.NONE


class SoftBinding(_Record, frozen=True):
    """A watermark or fingerprint that leads back to the manifest. ``value`` is base64."""

    algorithm: str
    value: str


class Manifest(_Record, frozen=True):
    """One manifest of the store. ``depth`` is 0 for the active one, 1 for its ingredients, and so on.

    ``signed_at`` is the time of a trusted timestamp; ``claimed_at`` one that only the signer says.
    ``trained_on`` is what the signer says of training and data mining, entry by entry.
    """

    label: str
    depth: int
    state: State
    signer: Signer | None
    list: str | None
    title: str
    format: str
    generator: str
    signed_at: str | None
    claimed_at: str | None
    actions: tuple[Action, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    soft_bindings: tuple[SoftBinding, ...] = ()
    redacted: tuple[str, ...] = ()
    assertions: tuple[str, ...] = ()
    training: dict[str, str] = {}
    reasons: tuple[Reason, ...] = ()


class Verification(_Record, frozen=True):
    """What verifying one file came to.

    ``state`` is that of the file's active manifest. ``chain`` is the verdict over it and all its ingredients, near and
    far: the lowest of their states, ``broken`` where any is broken. A ``state`` above a ``chain`` of ``broken`` is
    laundering. ``list`` is the id of the trust list that knows the signer. ``reasons`` are the ones to read first;
    each manifest has all its own. ``at`` is the time for which certificates were judged, ``online`` whether the
    network was allowed, ``remote`` a URL that names a manifest elsewhere.
    """

    path: str
    state: State
    chain: State
    says: str
    signer: Signer | None
    list: str | None
    reasons: tuple[Reason, ...]
    manifests: tuple[Manifest, ...]
    format: str
    sha256: str
    at: str
    online: bool
    sidecar: str | None = None
    remote: str | None = None
    signed_at: str | None = None
    engine: dict[str, str] = {}
    schema: str = "assay/verification/1"

    @property
    def laundered(self) -> bool:
        """Whether sound credentials stand over a broken ingredient."""
        return self.chain is State.BROKEN and self.state.rank > State.BROKEN.rank


class Unverified(_Record, frozen=True):
    """The line that stands for a file that could not be verified. ``reason`` is that of the error."""

    path: str
    error: str
    reason: str
    schema: str = "assay/verification/1"


def plain_json(record: msgspec.Struct) -> dict[str, Any]:
    """A record as plain JSON values."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


__all__ = [
    "Action",
    "Ingredient",
    "Kind",
    "Manifest",
    "Reason",
    "Signer",
    "SoftBinding",
    "State",
    "Unverified",
    "Verification",
    "plain_json",
]
