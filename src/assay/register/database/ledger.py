"""The ledger of a log in PostgreSQL: a compare-and-swap of the checkpoint, beside batches staged as objects.

A commit stages its batch under ``staging/<size>-<SHA-256 of the batch>``, then swaps the checkpoint in one
transaction, if it is still the one that was read. Only PostgreSQL is trusted: a staged batch is read back against the
digest in its name, which the row of its commit holds. What a loser staged is dead once the log has grown past it.
"""

import hashlib
import re
from collections.abc import Iterator

import sqlalchemy as sql

from assay.errors import RegisterError
from assay.register.database.engine import open_engine, reading, writing
from assay.register.database.tables import COMMITS, LOCKS
from assay.register.journal import size_of
from assay.register.ports import Objects

STAGING = "staging/"
_STAGED = re.compile(STAGING + r"([0-9]{20})-[0-9a-f]{64}")


class PostgresLedger:
    """A :class:`~assay.register.ports.Ledger`. Many may be open: of two that commit, one gets ``conflict``."""

    def __init__(self, url: str, origin: str, objects: Objects) -> None:
        """``url``: ``postgresql://…``. Raises RegisterError as :func:`~assay.register.database.engine.open_engine`."""
        self._engine = open_engine(url)
        self._origin = origin
        self._objects = objects

    def head(self) -> bytes | None:
        """The last committed checkpoint; None before the first. Raises RegisterError ``unreachable``."""
        with reading(self._engine) as connection:
            found = connection.scalar(sql.select(LOCKS.c.note).where(LOCKS.c.origin == self._origin))
        return None if found is None else bytes(found)

    def commit(self, old: bytes | None, new: bytes, batch: bytes) -> None:
        """Make a batch and the checkpoint after it durable. Raises RegisterError: ``conflict``, and what the objects
        and the database raise; where the database went away in the middle, only :meth:`head` tells whether it is done.
        """
        size = size_of(new)
        staged = f"{STAGING}{size:020d}-{hashlib.sha256(batch).hexdigest()}"
        self._objects.create(staged, batch)
        self._swap(old, new, size, staged)

    def _swap(self, old: bytes | None, new: bytes, size: int, staged: str) -> None:
        conflict = RegisterError("Another has written to this log in the meantime.", "conflict")
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                # Whatever the server's default: an answer means that it is on the disk.
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            if old is None:
                taken = sql.select(LOCKS.c.origin).where(LOCKS.c.origin == self._origin)
                if connection.scalar(taken) is not None:
                    raise conflict
                try:
                    connection.execute(sql.insert(LOCKS).values(origin=self._origin, note=new))
                except sql.exc.IntegrityError:
                    raise conflict from None
            else:
                swap = sql.update(LOCKS).where(LOCKS.c.origin == self._origin, LOCKS.c.note == old).values(note=new)
                if connection.execute(swap).rowcount != 1:
                    raise conflict
            connection.execute(sql.insert(COMMITS).values(origin=self._origin, size=size, note=new, staged=staged))

    def batches(self, size: int) -> Iterator[tuple[bytes, bytes]]:
        """(checkpoint, batch) of every kept commit that ends above ``size``, in order. Raises RegisterError
        ``damaged`` where a staged batch is gone or is not the one that was committed.
        """
        chosen = sql.select(COMMITS.c.note, COMMITS.c.staged).where(COMMITS.c.origin == self._origin)
        with reading(self._engine) as connection:
            rows = connection.execute(chosen.where(COMMITS.c.size > size).order_by(COMMITS.c.size)).all()
        for note, staged in rows:
            yield bytes(note), self._read(staged)

    def trim(self, size: int) -> None:
        """Drop batches that end at or below ``size``, and what was staged and never committed up to there."""
        with writing(self._engine) as connection:
            connection.execute(sql.delete(COMMITS).where(COMMITS.c.origin == self._origin, COMMITS.c.size <= size))
        head = self.head()
        dead = min(size, size_of(head)) if head is not None else -1
        for path in list(self._objects.list(STAGING)):
            found = _STAGED.fullmatch(path)
            if found and int(found[1]) <= dead:
                self._objects.delete(path)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def _read(self, staged: str) -> bytes:
        try:
            batch = self._objects.get(staged)
        except RegisterError as error:
            if error.reason != "missing":
                raise
            with reading(self._engine) as connection:
                if connection.scalar(sql.select(COMMITS.c.size).where(COMMITS.c.staged == staged)) is None:
                    raise RegisterError("Another has trimmed this log in the meantime.", "conflict") from None
            batch = b""
        if not staged.endswith(hashlib.sha256(batch).hexdigest()):
            raise RegisterError(
                f"The batch {staged} is gone, or is not the one that was committed: do not go on writing; bring it "
                "back from a copy of the bucket.",
                "damaged",
            )
        return batch


__all__ = ["STAGING", "PostgresLedger"]
