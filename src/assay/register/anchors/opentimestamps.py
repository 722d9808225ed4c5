"""OpenTimestamps: a digest put into a Bitcoin block by calendars, many at once, for nothing.

A proof is a detached ``.ots`` file over the SHA-256 of the note text; other tools read it. A calendar first answers
with a promise (pending), and hours later with the path to a block: :func:`upgrade` fetches that. It is checked against
block headers, without a node (:mod:`assay.register.anchors.headers`).

Format: python-opentimestamps, the library that defines it.
"""

import contextlib
import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import (
    BytesDeserializationContext,
    BytesSerializationContext,
    DeserializationError,
)
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from assay.errors import RegisterError
from assay.register.anchors.bound import MAX_PROOF, Bound, digest_of, written
from assay.register.anchors.headers import MAX_HEIGHT, Evidence, Headers
from assay.register.http import Http

KIND = "opentimestamps"
MAX_ANSWER = 4096
"""Bytes of the answer of a calendar that are read: twice those of a path to a block, and a quarter of a proof, so that
none can take the room of the others.
"""
KNOWN = ("*.calendar.opentimestamps.org", "*.calendar.eternitywall.com", "*.calendar.catallaxy.com")
"""Hosts of calendars that a proof may send us to, beside those that were asked: pools answer in the name of these."""
ACCURACY = timedelta(hours=2)
"""How far the time of a block may be off: a node refuses one that is more than two hours ahead of its own clock."""
NONCE = 16

Connect = Callable[[str], Http]


def stamp(text: str, calendars: Sequence[str], needed: int, connect: Connect = Http) -> bytes:
    """A new proof, pending, from all calendars that answer. Only a digest goes there, with a nonce in it.

    Raises RegisterError ``unreachable`` where fewer than ``needed`` answer.
    """
    timestamp = Timestamp(digest_of(text))
    salted = timestamp.ops.add(OpAppend(os.urandom(NONCE))).ops.add(OpSHA256())
    failures = []
    for url in calendars:
        try:
            with connect(url) as calendar:
                answer = calendar.request("POST", "digest", MAX_ANSWER, salted.msg)
                if answer.status != 200:
                    raise RegisterError(
                        f"The calendar {calendar.url} gives no timestamp: {answer.says()}.", "unreachable"
                    )
            salted.merge(_timestamp(answer.body, salted.msg))
        except RegisterError as error:
            failures.append(str(error))
    if len(calendars) - len(failures) < max(needed, 1):
        raise RegisterError(
            f"{len(calendars) - len(failures)} of {len(calendars)} calendars answered; {max(needed, 1)} must. "
            + " ".join(failures),
            "unreachable",
        )
    return _encode(DetachedTimestampFile(OpSHA256(), timestamp))


def upgrade(proof: bytes, calendars: Sequence[str], needed: int, connect: Connect = Http) -> bytes:
    """The proof with what the calendars that it names have come to know since; the same bytes where that is nothing.

    Only the calendars given, and those of :data:`KNOWN`, are asked. Once ``needed`` calendars have led to blocks, those
    paths alone are kept: with two or more, one that lies costs nothing. A calendar that is down or answers nonsense
    stops nothing. Raises RegisterError ``malformed`` where the proof itself cannot be read.
    """
    best, answered = proof, set()
    for place, attestation in list(_attestations(_decode(proof).timestamp)):
        if isinstance(attestation, PendingAttestation) and _may_ask(attestation.uri, calendars):
            with contextlib.suppress(RegisterError):
                more = _ask(place.msg, attestation.uri, connect)
                best = _with(best, place.msg, more)
                if _blocks(more):
                    answered.add(attestation.uri.rstrip("/"))
    detached = _decode(best)
    if len(answered) >= max(needed, 1):
        _prune(detached.timestamp)
    return _encode(detached)


def _ask(message: bytes, uri: str, connect: Connect) -> Any:
    """What one calendar knows of a digest now. Raises RegisterError, ``missing`` where that is nothing yet."""
    with connect(uri) as calendar:
        return _timestamp(calendar.get(f"timestamp/{message.hex()}", MAX_ANSWER), message)


def _with(proof: bytes, message: bytes, more: Any) -> bytes:
    """The proof with more about a digest that a calendar promised. Raises RegisterError where it does not fit in."""
    detached = _decode(proof)
    for place, attestation in list(_attestations(detached.timestamp)):
        if place.msg == message and isinstance(attestation, PendingAttestation):
            place.merge(more)
    merged = _encode(detached)
    _decode(merged)
    return merged


def blocks(proof: bytes) -> int:
    """How many paths in it lead to blocks: not that they hold. Raises RegisterError ``malformed``."""
    return _blocks(_decode(proof).timestamp)


def heights(proof: bytes) -> set[int]:
    """The blocks whose headers are needed to check it. Raises RegisterError ``malformed``."""
    return {a.height for _, a in _attestations(_decode(proof).timestamp) if _in_block(a)}


def finished(proof: bytes) -> bool:
    """Whether it leads to blocks and nothing in it waits. Raises RegisterError ``malformed``."""
    found = [a for _, a in _attestations(_decode(proof).timestamp)]
    return any(map(_in_block, found)) and not any(isinstance(a, PendingAttestation) for a in found)


def check(proof: bytes, text: str, headers: Headers | None) -> Bound:
    """What the proof shows by these headers: the earliest block that holds. Never raises for what is in the proof."""
    try:
        detached = _decode(proof)
    except RegisterError as error:
        return _bound("invalid", f"The OpenTimestamps proof cannot be read: {error}")
    if not isinstance(detached.file_hash_op, OpSHA256) or detached.file_digest != digest_of(text):
        return _bound("invalid", "The OpenTimestamps proof is about something else than this checkpoint.")
    steps = ["The proof begins at the SHA-256 of the checkpoint's text."]
    attestations = list(_attestations(detached.timestamp))
    found = sorted({(a.height, p.msg) for p, a in attestations if _in_block(a)})
    if not found:
        waiting = sorted(
            {urlsplit(a.uri).hostname or "?" for _, a in attestations if isinstance(a, PendingAttestation)}
        )
        if not waiting:
            return _bound("unchecked", "The OpenTimestamps proof leads to no Bitcoin block.", steps)
        says = f"{' and '.join(waiting)} promised to put it into a Bitcoin block; the proof is not upgraded yet."
        return _bound("pending", says, steps, who="calendars of OpenTimestamps")
    if headers is None:
        says = f"Block {found[0][0]} of the Bitcoin chain is said to have it; block headers are needed to check that."
        return _bound("unchecked", says, steps, who=_name(found[0][0]))
    return _against(found, headers, steps)


def _against(found: list[tuple[int, bytes]], headers: Headers, steps: list[str]) -> Bound:
    others: list[Bound] = []
    for height, root in found:
        try:
            # The walk along the chain is long: it is only for a block whose root is the one of the proof.
            header = headers.get(height)
            evidence = headers.evidence(height) if header and header.root == root else None
        except RegisterError as error:
            others.append(_bound("unchecked", f"The block headers do not hold together: {error}", steps, _name(height)))
            continue
        if header is None:
            says = f"Block {height} of the Bitcoin chain is said to have it; its header is not among those given."
            others.append(_bound("unchecked", says, steps, _name(height)))
        elif evidence is None:
            says = f"The proof does not lead to the Merkle root of block {height} of the Bitcoin chain."
            others.append(_bound("invalid", says, steps, _name(height)))
        elif not headers.believed(evidence):
            says = (
                f"The header given for block {height} has a difficulty of {evidence.header.difficulty:.3g}, below the "
                f"{headers.difficulty:.3g} that is asked for, and does not lead to a block that is trusted."
            )
            others.append(_bound("unchecked", says, steps, _name(height)))
        else:
            return _proven(height, evidence, steps)
    return next((b for b in others if b.status == "unchecked"), others[0])


def _proven(height: int, evidence: Evidence, steps: list[str]) -> Bound:
    hard = f"{evidence.header.difficulty * 2**32:.1e}"
    steps = [
        *steps,
        f"Its operations lead to the Merkle root in the header of block {height}.",
        f"That header has its proof of work: about {hard} hashes at difficulty {evidence.header.difficulty:.3g}.",
        "It leads, hash by hash, to the block that is trusted." if evidence.linked
        else "It does not lead to a block that is trusted: its own work is what speaks for it.",
        f"Of the headers given, {evidence.after or 'none'} {'builds' if evidence.after < 2 else 'build'} on it.",
    ]  # fmt: skip
    limit = evidence.time + ACCURACY
    says = (
        f"{_name(height)[0].upper()}{_name(height)[1:]} has it, so it was there not later than about {written(limit)}: "
        f"the time in the block is {evidence.time:%Y-%m-%d %H:%M:%S} UTC, and such times are right to about two hours."
    )
    return Bound(kind=KIND, status="proven", who=_name(height), says=says, not_after=limit, steps=tuple(steps))


def _name(height: int) -> str:
    return f"block {height} of the Bitcoin chain"


def _bound(status: Any, says: str, steps: Sequence[str] = (), who: str = "OpenTimestamps") -> Bound:
    return Bound(kind=KIND, status=status, who=who, says=says, steps=tuple(steps))


def _decode(proof: bytes) -> Any:
    if len(proof) > MAX_PROOF:
        raise RegisterError(f"An OpenTimestamps proof has at most {MAX_PROOF} bytes.", "too_large")
    return _read(lambda: DetachedTimestampFile.deserialize(BytesDeserializationContext(proof)))


def _timestamp(answer: bytes, message: bytes) -> Any:
    """What a calendar answers: operations upon ``message``, with nothing after them."""

    def read() -> Any:
        context = BytesDeserializationContext(answer)
        timestamp = Timestamp.deserialize(context, message)
        context.assert_eof()
        return timestamp

    return _read(read)


def _read(read: Callable[[], Any]) -> Any:
    # The library bounds depth (256) and lengths (4096 bytes a message), and lets other errors through.
    try:
        return read()
    except (DeserializationError, ValueError, TypeError, OverflowError, AssertionError, RecursionError):
        raise RegisterError("It is not an OpenTimestamps proof in a form that Assay knows.", "malformed") from None


def _encode(detached: Any) -> bytes:
    context = BytesSerializationContext()
    detached.serialize(context)
    return bytes(context.getbytes())


def _attestations(timestamp: Any) -> Iterator[tuple[Any, Any]]:
    """(where, attestation) of all in the tree; the library bounds its depth."""
    for attestation in timestamp.attestations:
        yield timestamp, attestation
    for below in timestamp.ops.values():
        yield from _attestations(below)


def _blocks(timestamp: Any) -> int:
    return len({(p.msg, a.height) for p, a in _attestations(timestamp) if _in_block(a)})


def _in_block(attestation: Any) -> bool:
    """Whether it names a block. The library reads heights of any length, longer than Python writes in decimal."""
    return isinstance(attestation, BitcoinBlockHeaderAttestation) and attestation.height < MAX_HEIGHT


def _prune(timestamp: Any) -> None:
    """Keep what leads to blocks."""
    timestamp.attestations = set(filter(_in_block, timestamp.attestations))
    for op, below in list(timestamp.ops.items()):
        if _blocks(below):
            _prune(below)
        else:
            del timestamp.ops[op]


def _may_ask(uri: str, calendars: Sequence[str]) -> bool:
    """A proof must not send us anywhere its maker likes."""
    parts = urlsplit(uri)
    if any(uri.rstrip("/") == url.rstrip("/") for url in calendars):
        return True
    return parts.scheme == "https" and any(fnmatch.fnmatch(parts.netloc, host) for host in KNOWN)


__all__ = ["ACCURACY", "KIND", "KNOWN", "Connect", "blocks", "check", "finished", "heights", "stamp", "upgrade"]
