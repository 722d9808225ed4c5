"""What a vouching statement says: the record, its rules, and its one form in CBOR.

A statement is made by somebody who did *not* make the media: "received from X, checked on D, unchanged since". It says
nothing of authorship, and names its own maker nowhere: that is the certificate's part.
"""

import unicodedata
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from assay.errors import UsageError
from assay.provenance.model import State
from assay.provenance.vouch import cbor

SCHEMA = "assay/statement/1"

LIMITS = "This does not say who made the file, nor that what it shows is true."
"""Stands in every statement, word for word, so that no reader of one can miss it."""

SHORT, LONG, CHECKS = 500, 4000, 50
"""Characters of a short text and of a note; checks in a statement."""

AHEAD = timedelta(hours=14)
"""No place on Earth is further ahead of UTC: a date later than this is one that nobody has yet."""

_UNSEEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is absent is left out of the CBOR."""


class Seen(_Record, frozen=True):
    """The Content Credentials that the file had when it was vouched for, and what they came to then: ``state`` is the
    verdict over its whole chain.
    """

    state: State
    manifest: str | None = None


class Subject(_Record, frozen=True):
    """The file, byte for byte; ``pixels_sha256`` is that of :attr:`assay.media.Media.pixels_sha256`, for a picture."""

    sha256: bytes
    size: int = msgspec.field(name="bytes")
    format: str
    pixels_sha256: bytes | None = None
    credentials: Seen | None = None


class Received(_Record, frozen=True):
    """From whom (in the voucher's own words, or "an anonymous source"), on which day, and how."""

    from_: str = msgspec.field(name="from")
    on: str
    how: str | None = None


class Check(_Record, frozen=True):
    """Something that the voucher did to convince itself."""

    on: str
    what: str
    result: str | None = None


class Statement(_Record, frozen=True):
    """A statement. Days are ``YYYY-MM-DD``, times ``YYYY-MM-DDTHH:MM:SSZ``, ids ``urn:uuid:…``.

    One that ``withdraws`` another says only that: it has no ``received``, ``checked`` or ``unchanged_since``; any other
    has the first and the last. ``replaces`` names an earlier statement by the same voucher on the same file.
    """

    schema: str
    id: str
    issued: str
    subject: Subject
    limits: str
    received: Received | None = None
    checked: tuple[Check, ...] = ()
    unchanged_since: str | None = None
    note: str | None = None
    expires: str | None = None
    replaces: str | None = None
    withdraws: str | None = None


def new_id() -> str:
    """An identifier that no other statement has."""
    return uuid.uuid4().urn


def encode(statement: Statement) -> bytes:
    """The statement in the core deterministic encoding of CBOR (RFC 8949, 4.2.1)."""
    return cbor.dumps(msgspec.to_builtins(statement, builtin_types=(bytes,)))


def decode(payload: bytes) -> Statement:
    """The statement in a payload. Raises ValueError, with a sentence, for whatever :func:`validate` refuses too."""
    found: Any = cbor.loads(payload)
    try:
        statement = msgspec.convert(found, Statement)
    except msgspec.ValidationError as error:
        raise ValueError(f"this is no statement of Assay: {error}") from None
    try:
        validate(statement)
    except UsageError as error:
        raise ValueError(str(error)) from None
    # Also refuses a default that is spelt out: there is one form for one meaning.
    if encode(statement) != payload:
        raise ValueError("the statement is not in its one form (deterministic CBOR without empty fields)")
    return statement


def validate(statement: Statement) -> None:
    """Raise UsageError, with one sentence for a person, where the statement makes no sense."""
    if statement.schema != SCHEMA:
        raise UsageError(f"The statement is of a schema other than {SCHEMA}, which is all that this version reads")
    if statement.limits != LIMITS:
        raise UsageError("The statement does not say what it does not say, as every statement of this schema must")
    _subject(statement.subject)
    for name in ("id", "replaces", "withdraws"):
        _identifier(getattr(statement, name), name)
    issued = moment(statement.issued, "The time of issue")
    if statement.expires is not None and moment(statement.expires, "The time of expiry") <= issued:
        raise UsageError("The statement expires before it is issued")
    if statement.note is not None:
        check_text(statement.note, "The note", LONG)
    if statement.withdraws is None:
        _custody(statement, (issued + AHEAD).date())
    elif any((statement.received, statement.checked, statement.unchanged_since, statement.expires, statement.replaces)):
        raise UsageError("A statement that withdraws another vouches for nothing itself")


def _custody(statement: Statement, latest: date) -> None:
    received, since = statement.received, statement.unchanged_since
    if received is None or since is None:
        raise UsageError(
            "The statement does not say from whom the file was received, when, and since when it is unchanged"
        )
    check_text(received.from_, "From whom it was received", SHORT)
    if received.how is not None:
        check_text(received.how, "How it was received", SHORT)
    on = day(received.on, "The day of receipt", latest)
    if day(since, "The day since when it is unchanged", latest) < on:
        raise UsageError("The file cannot be vouched for as unchanged since before it was received")
    if len(statement.checked) > CHECKS:
        raise UsageError(f"A statement lists no more than {CHECKS} checks")
    for check in statement.checked:
        check_text(check.what, "What was checked", SHORT)
        if check.result is not None:
            check_text(check.result, "The result of a check", SHORT)
        if day(check.on, "The day of a check", latest) < on:
            raise UsageError("A check cannot be dated before the file was received")


def _subject(subject: Subject) -> None:
    if len(subject.sha256) != 32 or len(subject.pixels_sha256 or bytes(32)) != 32 or subject.size < 0:
        raise UsageError("The statement does not name its file by a SHA-256 of 32 bytes and a size")
    check_text(subject.format, "The format", SHORT)
    if subject.credentials and subject.credentials.manifest is not None:
        check_text(subject.credentials.manifest, "The label of the manifest", SHORT)


def _identifier(value: str | None, name: str) -> None:
    if value is not None:
        try:
            good = uuid.UUID(value).urn == value
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"The field {name} is not the identifier of a statement (urn:uuid:…)")


def check_text(text: str, what: str, most: int) -> str:
    """``text`` as it is. Raises UsageError where it is blank, longer than ``most`` characters, or holds characters that
    a reader cannot see: lines, controls, marks that turn the direction of writing.
    """
    if not text.strip():
        raise UsageError(f"{what} is empty")
    if len(text) > most:
        raise UsageError(f"{what} is {len(text):,} characters long; a statement takes {most:,}")
    if any(c in _TURNING or unicodedata.category(c) in _UNSEEN for c in text):
        raise UsageError(f"{what} holds characters that a reader cannot see; write it on one line of plain text")
    return text


def day(text: str, what: str, latest: date) -> date:
    """A day. Raises UsageError where it is none, or after ``latest``."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise UsageError(f"{what} is no day of the form 2026-11-24")
    if found > latest:
        raise UsageError(f"{what}, {text}, lies in the future")
    return found


def moment(text: str, what: str) -> datetime:
    """A time in UTC. Raises UsageError where it is none."""
    try:
        found = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        found = None
    if found is None or stamp(found) != text:
        raise UsageError(f"{what} is no time of the form 2026-11-24T09:30:00Z")
    return found


def stamp(at: datetime) -> str:
    """A time as statements write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def checks(whats: Iterable[str], on: str) -> tuple[Check, ...]:
    """One check for each text, all of one day."""
    return tuple(Check(on=on, what=what) for what in whats)


__all__ = [
    "LIMITS",
    "SCHEMA",
    "Check",
    "Received",
    "Seen",
    "Statement",
    "Subject",
    "check_text",
    "checks",
    "day",
    "decode",
    "encode",
    "moment",
    "new_id",
    "stamp",
    "validate",
]
