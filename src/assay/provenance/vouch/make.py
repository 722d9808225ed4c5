"""Make a statement: put together, signed, given its time, and read again before anybody gets it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from assay.errors import ProvenanceError, UsageError
from assay.provenance.identity import Identity
from assay.provenance.keys import certificates_of
from assay.provenance.vouch import cose
from assay.provenance.vouch.check import read
from assay.provenance.vouch.profile import unfit
from assay.provenance.vouch.statement import (
    LIMITS,
    SCHEMA,
    Check,
    Received,
    Statement,
    Subject,
    encode,
    new_id,
    stamp,
    validate,
)
from assay.timestamps import stamp as ask_timestamp


def vouch(
    subject: Subject,
    identity: Identity,
    *,
    received: Received,
    checked: Sequence[Check] = (),
    unchanged_since: str | None = None,
    note: str | None = None,
    expires: str | None = None,
    replaces: str | None = None,
    tsa: str | None = None,
    now: datetime | None = None,
) -> bytes:
    """A signed statement on ``subject``. ``unchanged_since`` is the day of receipt when none; ``tsa`` the URL of a
    time-stamping authority, which gets a digest of the signature and nothing else.

    Raises UsageError where the statement would make no sense, ProvenanceError where it cannot be signed or stamped.
    """
    said = _statement(
        subject, now, received=received, checked=tuple(checked), unchanged_since=unchanged_since or received.on,
        note=note, expires=expires, replaces=replaces,
    )  # fmt: skip
    return _signed(said, identity, tsa)


def rehearse(*, received: Received, unchanged_since: str | None = None, **rest: Any) -> None:
    """Raise UsageError where :func:`vouch` would, whatever the file: before a large one is read."""
    somebody = Subject(sha256=bytes(32), size=0, format="any")
    validate(_statement(somebody, None, received=received, unchanged_since=unchanged_since or received.on, **rest))


def _statement(subject: Subject, now: datetime | None, **rest: Any) -> Statement:
    issued = stamp(now or datetime.now(UTC))
    return Statement(schema=SCHEMA, id=new_id(), issued=issued, subject=subject, limits=LIMITS, **rest)


def withdraw(
    earlier: Statement, identity: Identity, *, note: str | None = None, tsa: str | None = None,
    now: datetime | None = None,
) -> bytes:  # fmt: skip
    """A signed statement that takes ``earlier`` back; errors as :func:`vouch`."""
    if earlier.withdraws:
        raise UsageError("That statement is a withdrawal itself; vouch anew instead")
    return _signed(_statement(earlier.subject, now, note=note, withdraws=earlier.id), identity, tsa)


def _signed(statement: Statement, identity: Identity, tsa: str | None) -> bytes:
    validate(statement)
    chain = certificates_of(identity.chain)
    why = unfit(chain, datetime.now(UTC))
    if why:
        raise ProvenanceError(f"The certificate of {identity.name} may not sign statements: {why}", "certificate")
    if len(chain) > cose.LONGEST_CHAIN:
        raise ProvenanceError(
            f"The chain of {identity.name} has {len(chain)} certificates; {cose.LONGEST_CHAIN} are the most",
            "certificate",
        )
    about = cose.subject_name(statement.subject.sha256)
    signed = cose.sign(encode(statement), about, identity.algorithm, chain, identity.sign)
    if tsa:
        signed = replace(signed, token=ask_timestamp(signed.stamped, tsa))
    data = signed.encoded()
    # A token or a service may sign with another key than it says; nobody should learn that from a reader.
    again, found = read(data, "the statement just made")
    if not again.holds() or found != statement:
        raise ProvenanceError(f"What {identity.name} signed does not verify; nothing was written", "rejected")
    return data


__all__ = ["rehearse", "vouch", "withdraw"]
