"""Erasure: what is forgotten is gone from the file of the database, not only from its tables."""

import mmap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from assay.register.database.engine import reading, told, writing
from assay.register.database.tables import FINGERPRINTS, OPENINGS, STATE

PATIENCE = 5.0
"""Seconds that readers of SQLite are waited for."""


class Eraser:
    """Destroys openings in two steps: in the transaction that says so, then in the file.

    SQLite overwrites what it deletes (``secure_delete``), but its write-ahead log keeps old pages until it is taken in
    and cut off, and a page that was split or joined may keep a copy of what moved: a few in a thousand do. So the file
    is searched for what is to be gone, and written anew where it is found or where the process that knew it died.
    PostgreSQL writes the tables anew: VACUUM alone leaves bytes in the gaps of a page. Its own write-ahead log, and any
    backup, keep the bytes until they are recycled.
    """

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        self._file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
        self._lock = threading.Lock()
        self._traces: list[bytes] = []
        with reading(engine) as connection:
            unclean = connection.scalar(sql.select(STATE.c.value).where(STATE.c.name == "unclean"))
        self._blind = bool(unclean)
        self.pending = self._blind
        """Whether something that is deleted may still be in the file."""

    def destroy(self, connection: sql.Connection, entries: Sequence[int]) -> list[bytes]:
        """Delete the openings and fingerprints of these entries; returns what to look for in the file, for
        :meth:`wipe`.
        """
        traces: list[bytes] = []
        for entry in entries:
            for row in connection.execute(sql.select(OPENINGS).where(OPENINGS.c.entry == entry)):
                traces += _pieces(bytes(row.salt))
                same = sql.select(OPENINGS.c.entry).where(OPENINGS.c.digest == row.digest, OPENINGS.c.entry != entry)
                # What another entry has too is not gone: then the copy in the index is looked for, which has a number.
                rival = connection.scalar(same.limit(1)) is not None
                traces += [bytes(row.digest) + _number(entry)] if rival else _pieces(bytes(row.digest))
            for row in connection.execute(sql.select(FINGERPRINTS).where(FINGERPRINTS.c.entry == entry)):
                traces.append(row.algorithm.encode() + _number(entry) + bytes(row.value))
            for table in (OPENINGS, FINGERPRINTS):
                connection.execute(sql.delete(table).where(table.c.entry == entry))
        if traces:
            connection.execute(sql.update(STATE).where(STATE.c.name == "unclean").values(value=1))
        return traces

    def wipe(self, traces: Sequence[bytes]) -> None:
        """Make the file forget, after the transaction. Where a reader holds old pages it is left for the next call."""
        with self._lock:
            self._traces += traces
            self.pending = self.pending or bool(self._traces)
            if not self.pending or not (self._vacuum() if self._file is None else self._clean(self._file)):
                return
            with writing(self._engine) as connection:
                connection.execute(sql.update(STATE).where(STATE.c.name == "unclean").values(value=0))
            self._traces.clear()
            self._blind = self.pending = False

    def _clean(self, file: Path) -> bool:
        with told(self._engine), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]
            driver.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")
            try:
                if not self._checkpoint(driver):
                    return False
                if self._blind or self._holds(file):
                    driver.execute("VACUUM")
                    return self._checkpoint(driver)
            finally:
                driver.execute(f"PRAGMA busy_timeout = {waits}")
        return True

    @staticmethod
    def _checkpoint(driver: Any) -> bool:
        """Take in the write-ahead log and cut it off; whether nobody was in the way."""
        return not driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def _holds(self, file: Path) -> bool:
        with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return any(whole.find(trace) >= 0 for trace in self._traces)

    def _vacuum(self) -> bool:
        with told(self._engine), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (FULL) openings, fingerprints")
        return True


def _pieces(value: bytes) -> list[bytes]:
    """Every eighth byte a piece of eight: what is left of 15 bytes in a row holds one."""
    return [value[at : at + 8] for at in range(0, len(value) - 7, 8)]


def _number(value: int) -> bytes:
    """A whole number as SQLite has it in a row: in the fewest bytes of 1, 2, 3, 4, 6 and 8; none for 0 and 1."""
    if value in (0, 1):
        return b""
    return value.to_bytes(next(n for n in (1, 2, 3, 4, 6, 8) if value < 1 << 8 * n - 1), "big")


__all__ = ["PATIENCE", "Eraser"]
