"""Serial numbers of timestamps: kept on disk, never given twice, whoever asks at once."""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from assay.errors import ProvenanceError

WAIT = 10
"""Seconds to wait for another process that is taking a number."""


class Serials:
    """A counter in an SQLite file. It begins at a random number, so that one begun anew (a lost file) does not repeat
    what was given before; RFC 3161 asks that no two timestamps of an authority share a serial number.
    """

    def __init__(self, path: Path) -> None:
        """Raises ProvenanceError (``unwritable``) where the file cannot be made."""
        self._path = path
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS serial (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER)"
            )
            database.execute("INSERT OR IGNORE INTO serial VALUES (1, ?)", (secrets.randbits(61) + 1,))

    def take(self) -> int:
        """The next number; it is on disk, and nobody else will get it, when this returns."""
        with self._open() as database:
            (number,) = database.execute("UPDATE serial SET last = last + 1 RETURNING last").fetchone()
        return int(number)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=WAIT)) as database, database:
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except sqlite3.Error as error:
            raise ProvenanceError(
                f"The serial numbers in {self._path} cannot be kept: {error}", "unwritable"
            ) from error


__all__ = ["Serials"]
