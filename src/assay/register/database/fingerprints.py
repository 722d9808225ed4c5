"""Fingerprints in memory: which are within a Hamming distance of one, by looking at all of them."""

import threading
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sql
from numpy.typing import NDArray

from assay.register.database.tables import FINGERPRINTS

_BLOCK = 1 << 18
"""Fingerprints compared at once."""
_LOAD = 10_000
MAX_ALGORITHMS = 32
"""Algorithms whose fingerprints are held in memory at once."""


@dataclass
class _Column:
    """All values of one length: row i of ``values`` (uint8) belongs to entry ``entries[i]``; ``count`` are in use."""

    entries: NDArray[np.int64]
    values: NDArray[np.uint8]
    count: int = 0

    def add(self, entries: list[int], values: list[bytes]) -> None:
        end = self.count + len(entries)
        if end > len(self.entries):
            room = max(end, 2 * len(self.entries))
            self.entries = np.concatenate([self.entries, np.empty(room - len(self.entries), np.int64)])
            more = np.empty((room - len(self.values), self.values.shape[1]), np.uint8)
            self.values = np.concatenate([self.values, more])
        self.entries[self.count : end] = entries
        self.values[self.count : end] = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
        self.count = end

    def near(self, value: bytes, distance: int, after: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Entries after ``after`` within ``distance`` bits, ascending, and their distances."""
        entries, distances = [], []
        word: type[np.uint64 | np.uint8] = np.uint64 if len(value) % 8 == 0 else np.uint8
        wanted = np.frombuffer(value, word)
        start = int(np.searchsorted(self.entries[: self.count], after, side="right"))
        for at in range(start, self.count, _BLOCK):
            block = self.values[at : min(at + _BLOCK, self.count)].view(word)
            bits = np.bitwise_count(np.bitwise_xor(block, wanted)).sum(axis=1, dtype=np.int64)
            (found,) = np.nonzero(bits <= distance)
            entries.append(self.entries[at + found])
            distances.append(bits[found])
        if not entries:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.concatenate(entries), np.concatenate(distances)


@dataclass
class _Loaded:
    """The fingerprints of one algorithm by their length in bytes, up to and with entry ``last``."""

    last: int = -1
    columns: dict[int, _Column] = field(default_factory=dict)


class Fingerprints:
    """A copy in memory of the table of fingerprints, made when an algorithm is first asked for and added to since.

    8 bytes and the fingerprint itself for each: 160 MB for ten million of 64 bits. What another process forgot stays
    here until this one ends; a search asks the table again before it answers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, _Loaded] = {}

    def near(
        self, connection: sql.Connection, algorithm: str, value: bytes, distance: int, after: int
    ) -> dict[int, int]:
        """Entry to smallest distance in bits, entries ascending; only values as long as ``value`` are compared."""
        with self._lock:
            self._load(connection, algorithm)
            column = self._loaded[algorithm].columns.get(len(value)) if algorithm in self._loaded else None
            if column is None:
                return {}
            entries, distances = column.near(value, distance, after)
        found: dict[int, int] = {}
        for entry, bits in zip(entries.tolist(), distances.tolist(), strict=True):
            found[entry] = min(bits, found.get(entry, bits))
        return found

    def drop(self, entry: int) -> None:
        """Take a forgotten entry out of memory."""
        with self._lock:
            for loaded in self._loaded.values():
                for column in loaded.columns.values():
                    keep = column.entries[: column.count] != entry
                    if not keep.all():
                        column.entries = column.entries[: column.count][keep]
                        column.values = column.values[: column.count][keep]
                        column.count = len(column.entries)

    def _load(self, connection: sql.Connection, algorithm: str) -> None:
        table = FINGERPRINTS.c
        loaded = self._loaded.get(algorithm, _Loaded())
        rows = connection.execute(
            sql.select(table.entry, table.value)
            .where(table.algorithm == algorithm, table.entry > loaded.last)
            .order_by(table.entry)
            .execution_options(yield_per=_LOAD)
        )
        for part in rows.partitions():
            sorted_out: dict[int, tuple[list[int], list[bytes]]] = {}
            for entry, value in part:
                entries, values = sorted_out.setdefault(len(value), ([], []))
                entries.append(entry)
                values.append(bytes(value))
            for length, (entries, values) in sorted_out.items():
                column = loaded.columns.get(length)
                if column is None:
                    column = _Column(np.empty(0, np.int64), np.empty((0, length), np.uint8))
                    loaded.columns[length] = column
                column.add(entries, values)
            loaded.last = part[-1][0]
            # Only what holds something is kept: names that nobody uses cost no memory.
            self._loaded[algorithm] = loaded
        while len(self._loaded) > MAX_ALGORITHMS:
            del self._loaded[next(iter(self._loaded))]


__all__ = ["Fingerprints"]
