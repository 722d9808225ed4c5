"""Finding entries: which ones a query names, and what is known of them."""

from collections.abc import Iterable, Sequence
from itertools import islice

import sqlalchemy as sql

from assay.errors import RegisterError
from assay.register.database.fingerprints import Fingerprints
from assay.register.database.tables import BATCHES, ENTRIES, OPENINGS, SUBMITTERS, TIMES, TOMBSTONES
from assay.register.encoding import MAX_SIZE
from assay.register.leaf import key_hash
from assay.register.model import MAX_ENTRIES, Hit, Opening, Query

MAX_HITS = 1000
"""Hits in one answer, whatever limit is asked for."""
SLOT = 600
"""Seconds of the operator's clock that share a row of the table of times."""
_CHUNK = 500
_LARGEST = 2**62

_WHOLE = (
    sql.select(
        ENTRIES.c.entry, ENTRIES.c.leaf, BATCHES.c.seen, SUBMITTERS.c.key, SUBMITTERS.c.name,
        OPENINGS.c.record, OPENINGS.c.salt, TOMBSTONES.c.tombstone,
    )
    .join(BATCHES, ENTRIES.c.batch == BATCHES.c.id)
    .join(SUBMITTERS, BATCHES.c.submitter == SUBMITTERS.c.id)
    .outerjoin(OPENINGS, OPENINGS.c.entry == ENTRIES.c.entry)
    .outerjoin(TOMBSTONES, TOMBSTONES.c.entry == ENTRIES.c.entry)
    .order_by(ENTRIES.c.entry)
)  # fmt: skip


def hits(connection: sql.Connection, entries: Iterable[int], distances: dict[int, int] | None = None) -> list[Hit]:
    """What is known of these entries, lowest first; those that are not there are left out."""
    found: list[Hit] = []
    wanted = iter(sorted(entry for entry in entries if 0 <= entry <= MAX_SIZE))
    while chunk := list(islice(wanted, _CHUNK)):
        for row in connection.execute(_WHOLE.where(ENTRIES.c.entry.in_(chunk))):
            opening = None if row.record is None else Opening(record=bytes(row.record), salt=bytes(row.salt))
            distance = None if distances is None else distances.get(row.entry)
            found.append(
                Hit(
                    index=row.entry, leaf=bytes(row.leaf), key=bytes(row.key), seen=row.seen, name=row.name,
                    opening=opening, tombstone=row.tombstone, distance=distance,
                )
            )  # fmt: skip
    return found


def search(connection: sql.Connection, fingerprints: Fingerprints, query: Query) -> list[Hit]:
    """Entries of which all holds that is asked for, lowest index first, at most :data:`MAX_HITS`.

    Raises RegisterError ``malformed`` where a fingerprint comes without its algorithm, or the other way round, and for
    numbers and names that nothing can have.
    """
    if any(abs(n) > _LARGEST for n in (query.after, query.distance, query.since or 0, query.until or 0)):
        raise RegisterError("A number in the search is too large.", "malformed")
    if query.algorithm is not None and not (query.algorithm.isascii() and query.algorithm.isprintable()):
        raise RegisterError("The name of an algorithm has characters that no such name has.", "malformed")
    if (query.fingerprint is None) != (query.algorithm is None):
        raise RegisterError("A search by fingerprint wants the fingerprint and its algorithm.", "malformed")
    limit = min(query.limit, MAX_HITS)
    if limit < 1:
        return []
    batches = _batches(connection, query)
    if batches is None:
        return []
    if query.algorithm is not None and query.fingerprint is not None:
        near = fingerprints.near(connection, query.algorithm, query.fingerprint, query.distance, query.after)
        return hits(connection, _among(connection, near, query, batches, limit), near)
    if query.digest is not None:
        return hits(connection, list(connection.scalars(_opened(query, batches).limit(limit))))
    return hits(connection, _in_batches(connection, batches, query.after, limit))


def _batches(connection: sql.Connection, query: Query) -> list[sql.ColumnElement[bool]] | None:
    """What the batch of an entry must be; None where there can be none."""
    wanted: list[sql.ColumnElement[bool]] = []
    if query.signer is not None:
        # By the key or by its hash: both have 32 bytes, and nobody finds a key that is the hash of another.
        either = SUBMITTERS.c.key_hash.in_([query.signer, key_hash(query.signer)])
        submitter = connection.scalar(sql.select(SUBMITTERS.c.id).where(either))
        if submitter is None:
            return None
        wanted.append(BATCHES.c.submitter == submitter)
    if query.since is not None or query.until is not None:
        slots = []
        if query.since is not None:
            wanted.append(BATCHES.c.seen >= query.since)
            slots.append(TIMES.c.slot >= query.since // SLOT)
        if query.until is not None:
            wanted.append(BATCHES.c.seen <= query.until)
            slots.append(TIMES.c.slot <= query.until // SLOT)
        first, last = connection.execute(
            sql.select(sql.func.min(TIMES.c.first), sql.func.max(TIMES.c.last)).where(*slots)
        ).one()
        if first is None:
            return None
        wanted += [BATCHES.c.id >= first, BATCHES.c.id <= last]
    return wanted


def _opened(query: Query, batches: Sequence[sql.ColumnElement[bool]]) -> sql.Select[tuple[int]]:
    """Public entries, not forgotten, by digest and by what their batch is."""
    found = sql.select(OPENINGS.c.entry).where(OPENINGS.c.entry > query.after).order_by(OPENINGS.c.entry)
    if query.digest is not None:
        found = found.where(OPENINGS.c.digest == query.digest)
    if batches:
        found = found.join(ENTRIES, ENTRIES.c.entry == OPENINGS.c.entry)
        found = found.join(BATCHES, BATCHES.c.id == ENTRIES.c.batch).where(*batches)
    return found


def _among(
    connection: sql.Connection,
    near: Iterable[int],
    query: Query,
    batches: Sequence[sql.ColumnElement[bool]],
    limit: int,
) -> list[int]:
    """The first of these entries that are all the rest of what is asked for."""
    found: list[int] = []
    wanted = iter(near)
    while len(found) < limit and (chunk := list(islice(wanted, _CHUNK))):
        found += connection.scalars(_opened(query, batches).where(OPENINGS.c.entry.in_(chunk)))
    return found[:limit]


def _in_batches(
    connection: sql.Connection, batches: Sequence[sql.ColumnElement[bool]], after: int, limit: int
) -> list[int]:
    """The first entries after one, of batches that are what they must be."""
    found: list[int] = []
    # The batch that ``after`` is in may begin before it. Every batch has an entry at least.
    rows = connection.execute(
        sql.select(BATCHES.c.id, BATCHES.c.rows)
        .where(BATCHES.c.id > after - MAX_ENTRIES, BATCHES.c.id + BATCHES.c.rows > after + 1, *batches)
        .order_by(BATCHES.c.id)
        .limit(limit)
    )
    for first, count in rows:
        found += range(max(first, after + 1), first + count)
    return found[:limit]


__all__ = ["MAX_HITS", "SLOT", "hits", "search"]
