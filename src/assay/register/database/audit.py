"""What an index holds, given back in the order in which it was taken in, and what in its tables does not fit."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sql

from assay.errors import RegisterError
from assay.register.database.engine import reading
from assay.register.database.search import SLOT
from assay.register.database.tables import (
    BATCHES,
    CONDEMNED,
    ENTRIES,
    FINGERPRINTS,
    OPENINGS,
    SUBMITTERS,
    TIMES,
    TOMBSTONES,
)
from assay.register.leaf import LEAF, Kind
from assay.register.merkle import leaf_hash
from assay.register.model import Opening, Posted, Row
from assay.register.record import Record

_PAGE = 64
_ROWS = 1000

Fault = tuple[int | None, str]
"""The entry that is concerned, and what is wrong, as the end of a sentence that begins with it or with the index."""


def posted(engine: sql.Engine) -> Iterator[Posted]:
    """All submissions, as they were handed to :meth:`~assay.register.ports.Index.apply`, but for what is forgotten."""
    last = -1
    chosen = sql.select(BATCHES, SUBMITTERS.c.key).outerjoin(SUBMITTERS, BATCHES.c.submitter == SUBMITTERS.c.id)
    while True:
        with reading(engine) as connection:
            page = connection.execute(chosen.where(BATCHES.c.id > last).order_by(BATCHES.c.id).limit(_PAGE)).all()
            if not page:
                return
            end = page[-1].id + page[-1].rows
            found: dict[int, list[Row]] = {}
            for row in connection.execute(
                sql.select(ENTRIES, OPENINGS.c.record, OPENINGS.c.salt)
                .outerjoin(OPENINGS, OPENINGS.c.entry == ENTRIES.c.entry)
                .where(ENTRIES.c.entry >= page[0].id, ENTRIES.c.entry < end)
                .order_by(ENTRIES.c.entry)
            ):
                opening = None if row.record is None else Opening(record=bytes(row.record), salt=bytes(row.salt))
                found.setdefault(row.batch, []).append(
                    Row(index=row.entry, leaf=bytes(row.leaf), position=row.position, opening=opening)
                )
        for one in page:
            rows = [row for row in found.get(one.id, []) if one.id <= row.index < one.id + one.rows]
            yield Posted(
                key=bytes(one.key or b""), signature=bytes(one.signature), heads=bytes(one.heads), rows=tuple(rows),
                seen=one.seen,
            )  # fmt: skip
        last = page[-1].id


def faults(engine: sql.Engine, operator: bytes | None) -> Iterator[Fault]:
    """What is wrong with the file, and with what is derived from other rows. ``operator`` is the hash of a key."""
    with reading(engine) as connection:
        if connection.dialect.name == "sqlite":
            for (says,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
                if says != "ok":
                    yield None, f"is damaged in its file: {says}"
        for row in _streamed(connection, sql.select(SUBMITTERS.c.key, SUBMITTERS.c.key_hash)):
            if sha256(row.key).digest() != row.key_hash:
                yield None, f"has a submitter under a hash that is not that of the key: {bytes(row.key_hash).hex()}"
        yield from _times(connection)
        yield from _openings(connection)
        yield from _stones(connection, operator)


def _streamed(connection: sql.Connection, chosen: sql.Select[Any]) -> sql.CursorResult[Any]:
    return connection.execute(chosen.execution_options(yield_per=_ROWS))


def _times(connection: sql.Connection) -> Iterator[Fault]:
    slots: dict[int, tuple[int, int]] = {}
    for row in _streamed(connection, sql.select(BATCHES.c.id, BATCHES.c.seen).order_by(BATCHES.c.id)):
        slot = row.seen // SLOT
        slots[slot] = (slots.get(slot, (row.id, row.id))[0], row.id)
    if slots != {row.slot: (row.first, row.last) for row in connection.execute(sql.select(TIMES))}:
        yield None, "has a table of times that is not that of its batches"


def _openings(connection: sql.Connection) -> Iterator[Fault]:
    """The digests and fingerprints of records that are searched for."""
    algorithms = list(connection.scalars(sql.select(FINGERPRINTS.c.algorithm).distinct()))
    matched, last = 0, -1
    while page := connection.execute(
        sql.select(OPENINGS).where(OPENINGS.c.entry > last).order_by(OPENINGS.c.entry).limit(_ROWS)
    ).all():
        there: dict[int, set[tuple[str, bytes]]] = {}
        first, last = page[0].entry, page[-1].entry
        for algorithm in algorithms:
            within = FINGERPRINTS.c.entry.between(first, last)
            for row in connection.execute(
                sql.select(FINGERPRINTS).where(FINGERPRINTS.c.algorithm == algorithm, within)
            ):
                there.setdefault(row.entry, set()).add((row.algorithm, bytes(row.value)))
        for row in page:
            found = there.get(row.entry, set())
            matched += len(found)
            try:
                told = Record.parse(bytes(row.record))
            except RegisterError:
                yield row.entry, "has a record that cannot be read"
                continue
            if told.digest != bytes(row.digest) or set(told.fingerprints) != found:
                yield row.entry, "is not found by the digest or the fingerprints of its record"
    if matched != connection.scalar(sql.select(sql.func.count()).select_from(FINGERPRINTS)):
        yield None, "has fingerprints of entries that have no record"


def _stones(connection: sql.Connection, operator: bytes | None) -> Iterator[Fault]:
    """The numbers by which leaves are found, and what is forgotten."""
    buried = {row.entry: row.tombstone for row in connection.execute(sql.select(TOMBSTONES))}
    condemned = {bytes(manifest) for manifest in connection.scalars(sql.select(CONDEMNED.c.manifest))}
    stones: dict[bytes, tuple[int, bytes]] = {}
    chosen = sql.select(ENTRIES, OPENINGS.c.entry.label("opened")).outerjoin(
        OPENINGS, OPENINGS.c.entry == ENTRIES.c.entry
    )
    # From the end: a tombstone comes before what it is for.
    for row in _streamed(connection, chosen.order_by(ENTRIES.c.entry.desc())):
        leaf = bytes(row.leaf)
        if len(leaf) != LEAF:
            continue  # told where it is compared with the log's
        hashed = leaf_hash(leaf)
        if int.from_bytes(hashed[:8], "big", signed=True) != row.tag:
            yield row.entry, "is not found by the hash of its leaf"
        if leaf[1] == Kind.TOMBSTONE:
            stones[leaf[2:34] + leaf[66:98]] = (row.entry, leaf)
            continue
        valid = [stones.pop(hashed + key)[0] for key in {leaf[66:98], operator or b""} if hashed + key in stones]
        if buried.pop(row.entry, None) != min(valid, default=None):
            yield row.entry, "is marked as forgotten where no tombstone says so, or not where one does"
        if row.opened is not None and (valid or leaf[34:66] in condemned):
            yield row.entry, "is forgotten, but its opening is still there"
    if buried:
        yield min(buried), "is marked as forgotten, but is no claim that the index has"


__all__ = ["Fault", "faults", "posted"]
