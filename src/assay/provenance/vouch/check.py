"""What a statement is worth: whose it is, whether it holds, and whether it is about the file in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay.errors import MediaError, ProvenanceError
from assay.provenance.model import Kind, Reason, Signer
from assay.provenance.path import anchors, listed
from assay.provenance.trust import TrustStore
from assay.provenance.vouch import cose
from assay.provenance.vouch.profile import unfit
from assay.provenance.vouch.statement import LIMITS, Statement, Subject, decode, moment, stamp
from assay.provenance.vouch.subject import measure, pixels
from assay.timestamps import check as check_timestamp

SKEW = timedelta(days=1)
"""How far the voucher's clock may be from others'."""


class Standing(StrEnum):
    """What a statement comes to, lowest first.

    ``broken``: a signature or a rule fails. ``other_file``: it holds, and is about another file. ``lapsed``: it holds,
    but was withdrawn or replaced, or its time is over. Then as in :class:`assay.provenance.model.State`.
    """

    BROKEN = "broken"
    OTHER_FILE = "other_file"
    LAPSED = "lapsed"
    VALID = "valid"
    TRUSTED_RETIRED = "trusted_retired"
    TRUSTED = "trusted"

    @property
    def words(self) -> str:
        """As a person says it."""
        return {
            Standing.BROKEN: "broken",
            Standing.OTHER_FILE: "about another file",
            Standing.LAPSED: "no longer vouched for",
            Standing.VALID: "valid, voucher unknown",
            Standing.TRUSTED_RETIRED: "trusted by a retired list",
            Standing.TRUSTED: "trusted",
        }[self]

    @property
    def rank(self) -> int:
        """0 for ``broken`` to 5 for ``trusted``."""
        return list(Standing).index(self)


class Vouching(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a statement against a file came to.

    ``path`` is the file's and ``sha256`` its digest; none when no file was at hand. ``says`` is what was stated, by
    whom, in one sentence. ``list`` is the trust list that knows the voucher, ``stamped_at`` the time of a trusted
    timestamp, ``at`` the time for which all was judged. ``same_picture`` says, of another file, whether it shows the
    same pixels.
    """

    statement_path: str
    path: str | None
    state: Standing
    says: str
    voucher: Signer
    list: str | None
    statement: dict[str, Any]
    reasons: tuple[Reason, ...]
    stamped_at: str | None
    at: str
    sha256: str | None = None
    same_picture: bool | None = None
    limits: str = LIMITS
    schema: str = "assay/vouching/1"


@dataclass(frozen=True)
class _Judged:
    """A statement without regard to any file."""

    signed: cose.Signed
    statement: Statement
    state: Standing
    list: str | None
    stamped_at: datetime | None
    reasons: tuple[Reason, ...]


def check(
    data: bytes, path: Path | None, trust: TrustStore, *, name: str = "statement", at: datetime | None = None,
    later: Sequence[bytes] = (),
) -> Vouching:  # fmt: skip
    """Judge the statement in ``data``, and whether it is about the file at ``path``. ``name`` is what errors and the
    record call it. ``later`` are other statements, which may withdraw or replace it.

    Opens no connection; revocation is not looked up. Raises MediaError (``malformed``) for what is no statement, and
    as :func:`assay.provenance.vouch.subject.measure` does for the file.
    """
    now = at or datetime.now(UTC)
    judged = _judge(data, trust, now, name)
    reasons, state = list(judged.reasons), judged.state
    if state.rank > Standing.BROKEN.rank:
        ended = _ended(judged, trust, now, later)
        reasons += ended
        if any(r.kind is Kind.FAILURE for r in ended):
            state = Standing.LAPSED
    digest, same = None, None
    if path is not None:
        found = measure(path)
        digest = found.sha256
        if found.sha256 == judged.statement.subject.sha256:
            reasons.append(_good("file", "The file is the one that the statement is about, byte for byte."))
        else:
            same = _same_picture(judged.statement.subject, path, found.format)
            reasons.append(_bad("file.other", _other(same)))
            state = min(state, Standing.OTHER_FILE, key=lambda s: s.rank)
    return Vouching(
        statement_path=name, path=str(path) if path else None, state=state, says=_says(judged.statement),
        voucher=signer(judged.signed), list=judged.list, statement=view(judged.statement), reasons=tuple(reasons),
        stamped_at=stamp(judged.stamped_at) if judged.stamped_at else None, at=stamp(now),
        sha256=digest.hex() if digest else None, same_picture=same,
    )  # fmt: skip


def read(data: bytes, name: str) -> tuple[cose.Signed, Statement]:
    """A statement taken apart, not yet believed. Raises MediaError (``malformed``)."""
    try:
        signed = cose.read(data)
        return signed, decode(signed.payload)
    except ValueError as error:
        raise MediaError(f"{name} is no statement that can be read: {error}", "malformed") from None


def _judge(data: bytes, trust: TrustStore, now: datetime, name: str) -> _Judged:
    signed, statement = read(data, name)
    leaf = signed.chain[0]
    stamped, reasons = _clock(signed, trust)
    reasons += [_signature(signed, statement), _certificate(signed.chain, stamped or now), _in_date(leaf, stamped, now)]
    reasons += _times(statement, stamped, now)
    if any(r.kind is Kind.FAILURE for r in reasons):
        return _Judged(signed, statement, Standing.BROKEN, None, stamped, tuple(reasons))
    found = listed([c.public_bytes(Encoding.DER) for c in signed.chain], trust, stamped or now)
    if found is None:
        says = "No list in use knows the voucher: anybody can make a certificate with any name."
        reasons.append(Reason(code="assay.vouch.untrusted", kind=Kind.INFORMATION, says=says))
        return _Judged(signed, statement, Standing.VALID, None, stamped, tuple(reasons))
    retired = " That list is no longer kept." if found.retired else ""
    reasons.append(_good("trusted", f"The voucher is known to {found.dated}.{retired}"))
    state = Standing.TRUSTED_RETIRED if found.retired else Standing.TRUSTED
    return _Judged(signed, statement, state, found.id, stamped, tuple(reasons))


def _clock(signed: cose.Signed, trust: TrustStore) -> tuple[datetime | None, list[Reason]]:
    """Anybody can put a timestamp there, or take it away: one that does not hold counts for nothing, not against."""
    if signed.token is None:
        says = "No timestamp proves when the statement was signed."
        return None, [Reason(code="assay.vouch.timestamp.none", kind=Kind.INFORMATION, says=says)]
    try:
        at = check_timestamp(signed.token, signed.stamped, _clocks(trust))
    except ProvenanceError as error:
        says = "Its timestamp is not one of an authority in use, and counts for nothing."
        return None, [
            Reason(code="assay.vouch.timestamp.untrusted", kind=Kind.INFORMATION, says=says, detail=str(error))
        ]
    return at, [_good("timestamp", f"A time-stamping authority in use saw the signature at {stamp(at)}.")]


def _clocks(trust: TrustStore) -> list[x509.Certificate]:
    """Roots of time-stamping authorities. Who gives a list for one run means it for both."""
    return [c for one in trust.lists if one.kind == "tsa" or one.origin == "given" for c in anchors(one.pem)]


def _signature(signed: cose.Signed, statement: Statement) -> Reason:
    if not signed.holds():
        return _bad("signature", "The signature is not one by this certificate's key: the statement was changed.")
    named = (cose.issuer_name(signed.chain[0]), cose.subject_name(statement.subject.sha256))
    if (signed.claims[cose.ISS], signed.claims[cose.SUB]) != named:
        return _bad("header", "The header names another voucher or another file than the statement does.")
    return _good("signature", "The statement is as it was signed.")


def _certificate(chain: Sequence[x509.Certificate], at: datetime) -> Reason:
    why = unfit(chain, at)
    if why:
        return _bad("certificate", f"The voucher's certificate may not sign statements: {why}.")
    return _good("certificate", "The voucher's certificate may sign statements.")


def _in_date(leaf: x509.Certificate, stamped: datetime | None, now: datetime) -> Reason:
    until, at = stamp(leaf.not_valid_after_utc), stamped or now
    if leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        when = "when it was signed" if stamped else "at the time asked about"
        return _good("date", f"The voucher's certificate was valid {when}.")
    if at < leaf.not_valid_before_utc:
        return _bad("date", f"The voucher's certificate is valid only from {stamp(leaf.not_valid_before_utc)}.")
    without = "" if stamped else ", and no timestamp in use proves that the statement was signed before"
    return _bad("date", f"The voucher's certificate expired on {until}{without}.")


def _times(statement: Statement, stamped: datetime | None, now: datetime) -> list[Reason]:
    issued = moment(statement.issued, "The time of issue")
    if issued > now + SKEW:
        return [_bad("issued", f"The statement says that it was issued on {statement.issued}, which lies ahead.")]
    if stamped and issued > stamped + SKEW:
        return [_bad("issued", f"The statement says that it was issued on {statement.issued}, after its timestamp.")]
    if stamped and issued < stamped - SKEW:
        says = f"The statement says that it was issued on {statement.issued}; only {stamp(stamped)} is proven."
        return [Reason(code="assay.vouch.issued", kind=Kind.INFORMATION, says=says)]
    return []


def _ended(judged: _Judged, trust: TrustStore, now: datetime, later: Sequence[bytes]) -> list[Reason]:
    statement, reasons = judged.statement, []
    if statement.withdraws:
        reasons.append(_bad("withdrawal", f"This statement vouches for nothing: it withdraws {statement.withdraws}."))
    if statement.expires and moment(statement.expires, "The time of expiry") <= now:
        reasons.append(_bad("expired", f"The voucher stood by it until {statement.expires}."))
    for number, data in enumerate(later, 1):
        other = _judge(data, trust, now, f"later statement {number}")
        named = {other.statement.withdraws: "withdrew", other.statement.replaces: "replaced"}.get(statement.id)
        if named is None:
            continue
        if not _same_voucher(judged, other):
            says = "A later statement says that this one is no more, but it is broken or not by the same voucher."
            reasons.append(Reason(code="assay.vouch.later.other", kind=Kind.INFORMATION, says=says))
        else:
            reasons.append(_bad("later", f"The voucher {named} this statement on {other.statement.issued}."))
    return reasons


def _same_voucher(one: _Judged, other: _Judged) -> bool:
    """By the same key, though its certificate has ended since: who can sign with it can take back what it signed. Or by
    the same name, where a list that knows both vouches for the name.
    """
    first, second = one.signed.chain[0], other.signed.chain[0]
    if first.public_key() == second.public_key() and other.signed.holds():
        return True
    return (
        other.state is not Standing.BROKEN
        and one.list is not None
        and one.list == other.list
        and first.subject == second.subject
    )


def _same_picture(subject: Subject, path: Path, format_: str) -> bool | None:
    return None if subject.pixels_sha256 is None else pixels(path, format_) == subject.pixels_sha256


def _other(same: bool | None) -> str:
    if same:
        return (
            "The file is not the one that the statement is about, though it shows the same picture, pixel for pixel: "
            "something else in it was changed."
        )
    return "The file is not the one that the statement is about, or it was changed since."


def _says(statement: Statement) -> str:
    if statement.withdraws or statement.received is None:
        return f"Withdraws the statement {statement.withdraws}."
    received = statement.received
    how = f", {received.how}" if received.how else ""
    days = list(dict.fromkeys(check.on for check in statement.checked))
    checked = f"; checked on {', '.join(days)}" if days else "; checked nothing that it names"
    return (
        f"Received from {received.from_} on {received.on}{how}{checked}; unchanged since {statement.unchanged_since}."
    )


def signer(signed: cose.Signed) -> Signer:
    """The voucher, from its certificate and from nowhere else."""
    leaf = signed.chain[0]

    def first(name: x509.Name, *oids: x509.ObjectIdentifier) -> str:
        return next((str(a.value) for oid in oids for a in name.get_attributes_for_oid(oid)), "")

    oid = x509.NameOID
    return Signer(
        name=first(leaf.subject, oid.COMMON_NAME), organisation=first(leaf.subject, oid.ORGANIZATION_NAME),
        issuer=first(leaf.issuer, oid.ORGANIZATION_NAME, oid.COMMON_NAME), algorithm=signed.algorithm,
        serial=str(leaf.serial_number), not_before=stamp(leaf.not_valid_before_utc),
        not_after=stamp(leaf.not_valid_after_utc),
    )  # fmt: skip


def view(statement: Statement) -> dict[str, Any]:
    """A statement as plain JSON values; digests in hex."""
    found: dict[str, Any] = msgspec.to_builtins(statement, builtin_types=(bytes,))
    found["subject"] = {k: v.hex() if isinstance(v, bytes) else v for k, v in found["subject"].items()}
    return found


def _good(code: str, says: str) -> Reason:
    return Reason(code=f"assay.vouch.{code}", kind=Kind.SUCCESS, says=says)


def _bad(code: str, says: str) -> Reason:
    return Reason(code=f"assay.vouch.{code}", kind=Kind.FAILURE, says=says)


__all__ = ["Standing", "Vouching", "check", "read", "signer", "view"]
