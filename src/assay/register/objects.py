"""Objects in a folder: tiles, bundles, the checkpoint, manifests and anchors as files under their paths.

A file is written beside its place and renamed, so that a reader meets it whole or not at all. Only the checkpoint is
durable at once; all else is after :meth:`FolderObjects.sync`, and until then a journal can write it again.
"""

import builtins
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from assay.errors import RegisterError
from assay.register.disk import Disk, OsDisk, told
from assay.register.tiles import CHECKPOINT

_PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_HIDDEN = "."


class FolderObjects:
    """Objects below a folder. Thread-safe."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root
        self._disk = disk or OsDisk()
        self._lock = threading.Lock()
        self._count = itertools.count()
        self._unsynced: set[Path] = set()

    def get(self, path: str) -> bytes:
        """The bytes there. Raises RegisterError ``missing``, ``unwritable`` where they cannot be read."""
        place = self._place(path)
        with told(f"read {path}"):
            return self._disk.read(place)

    def put(self, path: str, data: bytes) -> None:
        """Write whole or not at all. Raises RegisterError ``full``, ``unwritable``.

        The same bytes are not written again, only made durable with the rest: a replaced file could be torn by a loss
        of power that the old one had survived.
        """
        place = self._place(path)
        if path != CHECKPOINT and self._holds(place, data):
            with self._lock:
                self._unsynced.add(place)
            return
        beside = place.with_name(f"{_HIDDEN}{place.name}.{next(self._count)}")
        with told(f"write {path}"):
            try:
                self._disk.write(beside, data)
                if path == CHECKPOINT:
                    self._disk.datasync(beside)
                self._disk.rename(beside, place)
                if path == CHECKPOINT:
                    self._disk.syncdir(place.parent)
            except OSError:
                self._discard(beside)
                raise
        if path != CHECKPOINT:
            with self._lock:
                self._unsynced.add(place)

    def create(self, path: str, data: bytes) -> None:
        """Write where there is nothing. Raises RegisterError ``conflict``, ``full``, ``unwritable``."""
        try:
            there = self.get(path)
        except RegisterError as error:
            if error.reason != "missing":
                raise
            self.put(path, data)
            return
        if there != data:
            raise RegisterError(f"There are other bytes at {path} already.", "conflict")

    def delete(self, path: str) -> None:
        """Remove; nothing there is fine. Raises RegisterError ``unwritable``."""
        place = self._place(path)
        with told(f"remove {path}"):
            try:
                self._disk.unlink(place)
            except FileNotFoundError:
                return
        with self._lock:
            self._unsynced.add(place)

    def list(self, prefix: str) -> Iterator[str]:
        """All paths below a prefix that ends in a slash (or is empty), in order."""
        with told(f"list {prefix or 'the objects'}"):
            names = self._disk.names(self._place(prefix.rstrip("/")) if prefix else self.root)
        for name in names:
            if name.endswith("/"):
                yield from self.list(prefix + name)
            elif not name.startswith(_HIDDEN):
                yield prefix + name

    def sync(self) -> None:
        """Return when all that was written is durable. Raises RegisterError ``full``, ``unwritable``."""
        with self._lock:
            places, self._unsynced = self._unsynced, set()
        try:
            with told("make the objects durable"):
                self._disk.sync(places, self.root)
        except RegisterError:
            with self._lock:
                self._unsynced |= places
            raise

    def unfinished(self, *, remove: bool = False, prefix: str = "") -> builtins.list[str]:
        """Files that a crash left half written. Nobody may be writing."""
        found: builtins.list[str] = []
        for name in self._disk.names(self.root / prefix):
            if name.endswith("/"):
                found += self.unfinished(remove=remove, prefix=prefix + name)
            elif name.startswith(_HIDDEN):
                found.append(prefix + name)
                if remove:
                    self._disk.unlink(self.root / prefix / name)
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _place(self, path: str) -> Path:
        if not _PATH.fullmatch(path):
            raise RegisterError(f"{path[:100]!r} is not the path of an object.", "malformed")
        return self.root / path

    def _holds(self, place: Path, data: bytes) -> bool:
        try:
            return self._disk.read(place) == data
        except OSError:
            return False

    def _discard(self, beside: Path) -> None:
        with suppress(OSError):
            self._disk.unlink(beside)


__all__ = ["FolderObjects"]
