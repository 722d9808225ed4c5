"""The searchable part of a register in SQL: an :class:`~assay.register.ports.Index`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from assay.errors import RegisterError
from assay.register import merkle
from assay.register.database import audit
from assay.register.database.engine import lock, open_engine, reading, writing
from assay.register.database.erase import Eraser
from assay.register.database.fingerprints import Fingerprints
from assay.register.database.search import SLOT, hits, search
from assay.register.database.tables import (
    BATCHES,
    CONDEMNED,
    ENTRIES,
    FINGERPRINTS,
    OPENINGS,
    STATE,
    SUBMITTERS,
    TIMES,
    TOMBSTONES,
)
from assay.register.encoding import MAX_SIZE
from assay.register.leaf import LEAF, NO_MANIFEST, Kind, Leaf, key_hash
from assay.register.model import Batch, Hit, Posted, Query, Row
from assay.register.record import Record

_CHUNK = 500


class SqlIndex:
    """An index in SQLite (a path, ``sqlite:///…``) or PostgreSQL (``postgresql://…``). Threads may share it.

    ``operator`` is the raw Ed25519 public key whose tombstones count for every entry. All methods raise RegisterError
    ``full``, ``unwritable``, ``unreachable``, ``busy`` or ``damaged`` for what the database cannot do.
    """

    def __init__(self, where: str | Path, operator: bytes | None = None) -> None:
        """Open, make or upgrade. Raises RegisterError ``unsupported`` where a newer Assay made it."""
        self.engine = open_engine(where)
        self._operator = None if operator is None else key_hash(operator)
        self._fingerprints = Fingerprints()
        self._eraser = Eraser(self.engine)

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()

    def cursor(self) -> int:
        """The size of the log up to which entries are taken in."""
        with reading(self.engine) as connection:
            return int(connection.execute(sql.select(STATE.c.value).where(STATE.c.name == "cursor")).scalar_one())

    def apply(self, posted: Sequence[Posted], size: int) -> None:
        """Take in submissions and set the cursor to ``size``, in one transaction; what is in already is skipped.

        A tombstone marks its entry and destroys the opening, where the submitter of the entry or the operator signed
        it. Raises RegisterError ``conflict`` where entries between the cursor and ``size`` are missing or come twice.
        """
        forgotten: list[int] = []
        with writing(self.engine) as connection:
            cursor = lock(connection)
            if size <= cursor:
                return
            fresh = [p for p in posted if p.rows and p.rows[-1].index >= cursor]
            if [row.index for p in fresh for row in p.rows] != list(range(cursor, size)):
                raise RegisterError(
                    f"The entries handed to the index are not those from {cursor} to {size}, in order.", "conflict"
                )
            submitters = _submitters(connection, {p.key for p in fresh})
            _insert(connection, BATCHES, [_batch(p, submitters) for p in fresh])
            _insert(connection, ENTRIES, [_entry(p, row) for p in fresh for row in p.rows])
            self._open(connection, [row for p in fresh for row in p.rows])
            _times(connection, fresh)
            buried: dict[int, bytes] = {}
            for row in (row for p in fresh for row in p.rows if row.leaf[1] == Kind.TOMBSTONE):
                buried |= self._bury(connection, row)
            _condemn(connection, buried)
            forgotten += buried
            connection.execute(sql.update(STATE).where(STATE.c.name == "cursor").values(value=size))
            traces = self._eraser.destroy(connection, forgotten)
        self._wipe(forgotten, traces)

    def search(self, query: Query) -> list[Hit]:
        """Entries, lowest index first, at most 1000; the next page is asked for with ``after``.

        ``signer`` is a raw key or its hash. Raises RegisterError ``malformed``.
        """
        with reading(self.engine) as connection:
            return search(connection, self._fingerprints, query)

    def get(self, index: int) -> Hit | None:
        """One entry."""
        with reading(self.engine) as connection:
            return next(iter(hits(connection, [index])), None)

    def by_leaf_hash(self, leaf_hash: bytes) -> Hit | None:
        """The entry whose leaf has this hash (RFC 6962), 32 bytes; the first, where a log holds a leaf twice."""
        with reading(self.engine) as connection:
            found = _by_leaf_hash(connection, leaf_hash)
            return None if found is None else next(iter(hits(connection, [found[0]])), None)

    def batch(self, index: int) -> Batch | None:
        """How an entry is part of its batch, with the inclusion path of its head."""
        if not 0 <= index <= MAX_SIZE:
            return None
        with reading(self.engine) as connection:
            row = connection.execute(
                sql.select(ENTRIES.c.position, BATCHES.c.heads, SUBMITTERS.c.key)
                .join(BATCHES, ENTRIES.c.batch == BATCHES.c.id)
                .join(SUBMITTERS, BATCHES.c.submitter == SUBMITTERS.c.id)
                .where(ENTRIES.c.entry == index)
            ).one_or_none()
        if row is None:
            return None
        heads = [bytes(row.heads[i : i + 32]) for i in range(0, len(row.heads), 32)]
        path = merkle.inclusion_proof(row.position, len(heads), merkle.reader_of(heads))
        return Batch(key=bytes(row.key), count=len(heads), position=row.position, path=tuple(path))

    def forget(self, index: int) -> None:
        """Destroy the opening of an entry for good, and its fingerprints: in the file too, not only in the table.

        The manifest is put among :meth:`condemned`. Raises RegisterError: ``missing`` where there is no such entry;
        ``busy`` where a reader keeps the old bytes in the file, though the tables have them no more: call it again.
        """
        with writing(self.engine) as connection:
            hit = next(iter(hits(connection, [index])), None)
            if hit is None:
                raise RegisterError(f"The register has no entry {index}.", "missing")
            _condemn(connection, {index: hit.leaf})
            traces = self._eraser.destroy(connection, [index])
        self._wipe([index], traces)
        if self._eraser.pending:
            raise RegisterError(
                f"Entry {index} is forgotten, but a reader holds its old bytes in the file; forget it once more.",
                "busy",
            )

    def condemned(self) -> list[bytes]:
        """SHA-256 of the manifests whose objects are still to be deleted: ``manifests/<hex>``."""
        with reading(self.engine) as connection:
            return [bytes(m) for m in connection.scalars(sql.select(CONDEMNED.c.manifest))]

    def cleared(self, manifests: Sequence[bytes]) -> None:
        """Say that the objects of these manifests are deleted."""
        with writing(self.engine) as connection:
            for manifest in manifests:
                connection.execute(sql.delete(CONDEMNED).where(CONDEMNED.c.manifest == manifest))

    def posted(self) -> Iterator[Posted]:
        """What was taken in, in order, without what is forgotten."""
        return audit.posted(self.engine)

    def faults(self) -> Iterator[tuple[int | None, str]]:
        """What in the database does not fit, though each entry may: the entry, or None, and words about it."""
        return audit.faults(self.engine, self._operator)

    def _open(self, connection: sql.Connection, rows: Sequence[Row]) -> None:
        openings: list[dict[str, Any]] = []
        fingerprints: list[dict[str, Any]] = []
        for row in rows:
            if row.opening is None:
                continue
            record, salt = row.opening.record, row.opening.salt
            told = Record.parse(record)
            openings.append({"entry": row.index, "record": record, "salt": salt, "digest": told.digest})
            for algorithm, value in told.fingerprints:
                fingerprints.append({"algorithm": algorithm, "entry": row.index, "value": value})
        _insert(connection, OPENINGS, openings)
        _insert(connection, FINGERPRINTS, fingerprints)

    def _bury(self, connection: sql.Connection, row: Row) -> dict[int, bytes]:
        """Mark what a tombstone is for; the entry whose opening is to be destroyed, with its leaf, or nothing."""
        stone = Leaf.parse(row.leaf)
        found = _by_leaf_hash(connection, stone.commitment)
        if found is None:
            return {}
        index, target = found[0], Leaf.parse(found[1])
        if target.kind != Kind.CLAIM or stone.key_hash not in (target.key_hash, self._operator):
            return {}
        if connection.scalar(sql.select(TOMBSTONES.c.tombstone).where(TOMBSTONES.c.entry == index)) is None:
            connection.execute(sql.insert(TOMBSTONES).values(entry=index, tombstone=row.index))
        return dict([found])

    def _wipe(self, forgotten: Sequence[int], traces: Sequence[bytes]) -> None:
        for index in forgotten:
            self._fingerprints.drop(index)
        self._eraser.wipe(traces)


def _insert(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    if rows and connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    elif rows:
        connection.execute(sql.insert(table), rows)


def _copy(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    """Write rows with COPY: many times faster than INSERT where they are many."""
    columns = ", ".join(f'"{name}"' for name in rows[0])
    statement = f'COPY "{table.name}" ({columns}) FROM STDIN'
    driver: Any = connection.connection.driver_connection
    base: Any = connection.dialect.dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    except base.Error as error:
        raise sql.exc.DBAPIError.instance(statement, None, error, base.Error) from error


def _tag(leaf_hash: bytes) -> int:
    return int.from_bytes(leaf_hash[:8], "big", signed=True)


def _batch(posted: Posted, submitters: dict[bytes, int]) -> dict[str, Any]:
    return {
        "id": posted.rows[0].index, "rows": len(posted.rows), "submitter": submitters[posted.key],
        "seen": posted.seen, "heads": posted.heads, "signature": posted.signature,
    }  # fmt: skip


def _entry(posted: Posted, row: Row) -> dict[str, Any]:
    if len(row.leaf) != LEAF:
        raise RegisterError(f"Leaf {row.index} has {len(row.leaf)} bytes; it must have {LEAF}.", "malformed")
    return {
        "entry": row.index, "leaf": row.leaf, "tag": _tag(merkle.leaf_hash(row.leaf)),
        "batch": posted.rows[0].index, "position": row.position,
    }  # fmt: skip


def _submitters(connection: sql.Connection, keys: set[bytes]) -> dict[bytes, int]:
    """The number of each key; keys that are new get one."""
    wanted = sorted(keys)

    def read() -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for at in range(0, len(wanted), _CHUNK):
            hashes = [key_hash(k) for k in wanted[at : at + _CHUNK]]
            chosen = sql.select(SUBMITTERS.c.key, SUBMITTERS.c.id).where(SUBMITTERS.c.key_hash.in_(hashes))
            found |= {bytes(key): number for key, number in connection.execute(chosen)}
        return found

    found = read()
    new = [{"key": k, "key_hash": key_hash(k)} for k in wanted if k not in found]
    if not new:
        return found
    _insert(connection, SUBMITTERS, new)
    return read()


def _times(connection: sql.Connection, posted: Sequence[Posted]) -> None:
    """Widen the slots of time that these batches fall into."""
    slots: dict[int, tuple[int, int]] = {}
    for one in posted:
        first, slot = one.rows[0].index, one.seen // SLOT
        slots[slot] = (slots.get(slot, (first, first))[0], first)
    for slot, (first, last) in slots.items():
        changed = connection.execute(sql.update(TIMES).where(TIMES.c.slot == slot).values(last=last))
        if not changed.rowcount:
            connection.execute(sql.insert(TIMES).values(slot=slot, first=first, last=last))


def _by_leaf_hash(connection: sql.Connection, leaf_hash: bytes) -> tuple[int, bytes] | None:
    chosen = sql.select(ENTRIES.c.entry, ENTRIES.c.leaf).where(ENTRIES.c.tag == _tag(leaf_hash))
    for entry, leaf in connection.execute(chosen.order_by(ENTRIES.c.entry)):
        if merkle.leaf_hash(bytes(leaf)) == leaf_hash:
            return entry, bytes(leaf)
    return None


def _condemn(connection: sql.Connection, leaves: dict[int, bytes]) -> None:
    """Have the manifests of forgotten entries deleted, each only with the first entry that names it: anybody can copy
    the digest out of another's leaf, and forget that copy. All entries are read, once, however many are forgotten.
    """
    named = {index: found for index, leaf in leaves.items() if (found := Leaf.parse(leaf).manifest) != NO_MANIFEST}
    if not named:
        return
    manifest = sql.func.substr(ENTRIES.c.leaf, 35, 32, type_=sql.LargeBinary)
    wanted = sql.select(sql.func.min(ENTRIES.c.entry), manifest.label("manifest")).where(
        ENTRIES.c.entry <= max(named), manifest.in_(sorted(set(named.values())))
    )
    known = {bytes(found) for found in connection.scalars(sql.select(CONDEMNED.c.manifest))}
    for first, found in connection.execute(wanted.group_by(sql.text("manifest"))).all():
        if first in named and bytes(found) not in known:
            connection.execute(sql.insert(CONDEMNED).values(manifest=bytes(found)))


__all__ = ["SqlIndex"]
