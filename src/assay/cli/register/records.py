"""What the commands of ``assay register`` write as JSON."""

from typing import Literal

import msgspec

from assay.register.look import Claim
from assay.register.verify import Verdict, Verification

State = Literal["registered", "duplicate", "kept", "forgotten"]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """One file that is in the register. ``state``: ``registered``; ``duplicate`` (the claim was there already);
    ``kept`` (its receipt was here already, and nothing was sent); ``forgotten`` (it was there, and was taken back).
    """

    path: str
    sha256: str
    state: State
    public: bool
    index: int
    receipt: str
    log: str
    origin: str
    fingerprints: tuple[str, ...] = ()
    manifest: bool = False
    note: str | None = None
    schema: str = "assay/register-added/1"


class NotAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read. ``reason`` is one word."""

    path: str
    error: str
    reason: str
    schema: str = "assay/register-added/1"


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that was taken back. ``erased`` says that the register shows nothing of it any more."""

    index: int
    tombstone: int
    erased: bool
    log: str
    schema: str = "assay/register-forgotten/1"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new log. ``log`` is its verifier key, in the form of signed notes."""

    log: str
    origin: str
    folder: str
    schema: str = "assay/register-log/1"


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A submitter's key. ``public`` is the raw Ed25519 key in hex, ``key`` its SHA-256: how claims name it."""

    public: str
    key: str
    file: str
    schema: str = "assay/register-key/1"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who claims a file, or what was found in another way. ``says`` is one sentence. ``judged`` says whether a policy
    was there to judge by; ``unsound`` and ``more`` are as in :class:`~assay.register.look.Found`.
    """

    says: str
    log: str
    at: str
    claims: tuple[Claim, ...]
    path: str | None = None
    sha256: str | None = None
    judged: bool = False
    unsound: int = 0
    more: bool = False
    schema: str = "assay/register-claims/1"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt against a file: what it proves, and whether the policy accepts it."""

    receipt: str
    path: str | None
    verdict: Verdict
    verification: Verification
    schema: str = "assay/register-verified/1"


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt issued anew. ``changed`` says whether it says more than before, ``anchors`` which kinds it has,
    ``cose`` where its COSE receipt was written.
    """

    receipt: str
    index: int
    size: int
    anchors: tuple[str, ...]
    changed: bool
    cose: str | None = None
    log: str
    schema: str = "assay/register-proven/1"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was handed in with a claim, decrypted: where it was written, its size and the SHA-256 of it in hex."""

    index: int
    manifest: str
    bytes: int
    sha256: str
    log: str
    schema: str = "assay/register-manifest/1"


__all__ = ["Added", "Claims", "Forgotten", "KeyShown", "Made", "NotAdded", "Proven", "State", "Taken", "Verified"]
