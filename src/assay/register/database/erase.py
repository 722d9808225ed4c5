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
    and cut off, and a page that was split or joined may keep a copy of what moved. So the file is searched for the
    salts, and written anew where one is found or where the process that knew them is gone. PostgreSQL gets a VACUUM:
    its own write-ahead log, and any backup, keep the bytes until they are recycled.
    """

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        self._file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
        self._lock = threading.Lock()
        self._salts: list[bytes] = []
        with reading(engine) as connection:
            unclean = connection.scalar(sql.select(STATE.c.value).where(STATE.c.name == "unclean"))
        self._blind = bool(unclean)
        self.pending = self._blind
        """Whether something that is deleted may still be in the file."""

    def destroy(self, connection: sql.Connection, entries: Sequence[int]) -> list[bytes]:
        """Delete the openings and fingerprints of these entries; returns the salts, for :meth:`wipe`."""
        salts: list[bytes] = []
        for entry in entries:
            salts += map(bytes, connection.scalars(sql.select(OPENINGS.c.salt).where(OPENINGS.c.entry == entry)))
            connection.execute(sql.delete(OPENINGS).where(OPENINGS.c.entry == entry))
            connection.execute(sql.delete(FINGERPRINTS).where(FINGERPRINTS.c.entry == entry))
        if salts:
            connection.execute(sql.update(STATE).where(STATE.c.name == "unclean").values(value=1))
        return salts

    def wipe(self, salts: Sequence[bytes]) -> None:
        """Make the file forget, after the transaction. Where a reader holds old pages it is left for the next call."""
        with self._lock:
            self._salts += salts
            self.pending = self.pending or bool(self._salts)
            if not self.pending or not (self._vacuum() if self._file is None else self._clean(self._file)):
                return
            with writing(self._engine) as connection:
                connection.execute(sql.update(STATE).where(STATE.c.name == "unclean").values(value=0))
            self._salts.clear()
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
            return any(whole.find(salt) >= 0 for salt in self._salts)

    def _vacuum(self) -> bool:
        with told(self._engine), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM openings, fingerprints")
        return True


__all__ = ["PATIENCE", "Eraser"]
