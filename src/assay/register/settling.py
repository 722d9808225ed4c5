"""Behind publishing: entries go into the index, and the journal lets go of what is everywhere it belongs."""

from assay.register import staging
from assay.register.dedupe import Dedupe
from assay.register.journal import size_of
from assay.register.leaf import Kind
from assay.register.model import Posted
from assay.register.ports import Index, Ledger, Objects
from assay.register.tiles import WIDTH, entries_path, tile_path
from assay.register.writer import manifest_path

TRIM = 16_384
"""Entries after which the objects are made durable and the journal is trimmed."""
CHUNK = 4_096
"""Entries that the index takes in at once, as far as batches let it."""


class Settler:
    """Fills the index and trims the ledger. One thread calls it."""

    def __init__(self, ledger: Ledger, objects: Objects, index: Index, dedupe: Dedupe, trim: int = TRIM) -> None:
        self._ledger = ledger
        self._objects = objects
        self._index = index
        self._dedupe = dedupe
        self._trim = trim
        self._trimmed = 0
        self._due = True

    def settle(self, published: int) -> int:
        """Take what is published into the index, then trim: the first time, where it is worth it, and where something
        is forgotten. Returns the size up to which the index is filled. Raises RegisterError for what storage and index
        raise.
        """
        cursor, forgotten = self._fill(published)
        self._due = self._due or forgotten or cursor - self._trimmed >= self._trim
        if self._due:
            self._objects.sync()
            self._ledger.trim(cursor)
            clear(self._index, self._objects)
            self._clean(self._trimmed or max(0, cursor - self._trim), cursor)
            self._trimmed, self._due = cursor, False
        return cursor

    def tidy(self, placed: int) -> None:
        """Keep the index of heads in order."""
        self._dedupe.tidy(placed)

    def _fill(self, published: int) -> tuple[int, bool]:
        """How far the index is now, and whether something was forgotten on the way: then the journal, which holds
        openings too, is to be trimmed at once.
        """
        forgotten = False
        cursor = self._index.cursor()
        if cursor >= published:
            return cursor, forgotten
        posted: list[Posted] = []
        begin = end = cursor
        for note, blob in self._ledger.batches(cursor):
            size = size_of(note)
            if size > published:
                break
            staged = staging.decode(blob)
            posted += staged.posted
            forgotten = forgotten or any(leaf[1] == Kind.TOMBSTONE for leaf in staged.leaves)
            end = size
            if end - begin >= CHUNK:
                self._index.apply(posted, end)
                posted, begin = [], end
        if end > begin:
            self._index.apply(posted, end)
        return end, forgotten

    def _clean(self, start: int, end: int) -> None:
        """Remove the partial tiles of what has become full and durable."""
        level = 0
        while start != end:
            for index in range(start // WIDTH, end // WIDTH):
                for full in (tile_path(level, index), entries_path(index))[: 2 if level == 0 else 1]:
                    for path in list(self._objects.list(f"{full}.p/")):
                        self._objects.delete(path)
            start, end, level = start // WIDTH, end // WIDTH, level + 1


def clear(index: Index, objects: Objects) -> None:
    """Delete the manifests of what is forgotten. Raises RegisterError for what index and storage raise."""
    condemned = index.condemned()
    for manifest in condemned:
        objects.delete(manifest_path(manifest))
    if condemned:
        index.cleared(condemned)


__all__ = ["CHUNK", "TRIM", "Settler", "clear"]
