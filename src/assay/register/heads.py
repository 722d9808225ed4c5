"""The last checkpoint of each log that a witness, a mirror or a monitor has accepted, in one SQLite file.

Check and persist are one transaction (``BEGIN IMMEDIATE``, ``synchronous = FULL``): two requests at once, in one
process or in two, never both go on from the same old checkpoint.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.merkle import EMPTY
from assay.register.note import Note

_SCHEMA = """CREATE TABLE IF NOT EXISTS heads (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, time INTEGER NOT NULL
) STRICT, WITHOUT ROWID"""
_REASONS = {"SQLITE_FULL": "full", "SQLITE_READONLY": "unwritable", "SQLITE_CANTOPEN": "unwritable",
            "SQLITE_BUSY": "busy", "SQLITE_CORRUPT": "damaged", "SQLITE_NOTADB": "damaged"}  # fmt: skip


@dataclass(frozen=True)
class Head:
    """A checkpoint that was accepted. ``note`` is None and ``root`` that of the empty tree before the first; ``time``
    is when (POSIX seconds).
    """

    size: int = 0
    root: bytes = EMPTY
    note: Note | None = None
    time: int = 0


class Heads:
    """The file. ``clock`` gives POSIX seconds; should it run backwards, the time stands still."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Opens or makes the file. Raises RegisterError ``unwritable``, ``damaged``."""
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        with _told(path):
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)

    def get(self, name: str) -> Head:
        """What was accepted last under a name."""
        with self._lock, _told(self._path):
            return self._get(name)

    def advance(self, name: str, accept: Callable[[Head, int], Note]) -> Head:
        """Replace the last checkpoint by what ``accept`` makes of it, given the time. What ``accept`` raises is raised,
        and nothing is changed. The new checkpoint is durable on return.
        """
        with self._lock, _told(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                (latest,) = self._db.execute("SELECT coalesce(max(time), 0) FROM heads").fetchone()
                now = max(int(self._clock()), latest)
                note = accept(self._get(name), now)
                checkpoint = Checkpoint.parse(note.text)
                self._db.execute(
                    "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?)",
                    (name, checkpoint.size, checkpoint.root, note.encode(), now),
                )
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        return Head(checkpoint.size, checkpoint.root, note, now)

    def _get(self, name: str) -> Head:
        row = self._db.execute("SELECT size, root, note, time FROM heads WHERE name = ?", (name,)).fetchone()
        return Head(row[0], row[1], Note.parse(row[2]), row[3]) if row else Head()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # The extended names begin with the plain one: SQLITE_READONLY_DIRECTORY.
        name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
        raise RegisterError(f"{path.name} cannot be used: {error}.", _REASONS.get(name, "unwritable")) from None


__all__ = ["Head", "Heads"]
