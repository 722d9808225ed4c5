"""The one place through which a log on a file system changes anything, so that a test can stand in its way.

Paths are absolute. Nothing is durable before :meth:`Disk.datasync`, :meth:`Disk.syncdir` or :meth:`Disk.sync` says so.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from assay.errors import RegisterError

_BULK = 16
"""Files from which on one flush of the whole file system is cheaper than one of each."""


class Disk(Protocol):
    """What the folder classes ask of a file system. Everything raises OSError."""

    def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        """``length`` bytes from ``offset``, or fewer where the file ends."""
        ...

    def map(self, path: Path) -> memoryview:
        """The whole file, read as it is needed. Later changes to the file may or may not show."""
        ...

    def size(self, path: Path) -> int:
        """Bytes in the file."""
        ...

    def names(self, folder: Path) -> list[str]:
        """What the folder holds, sorted; folders end in a slash. Nothing where there is no such folder."""
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Write a file that nobody reads yet; its folders are made."""
        ...

    def append(self, path: Path, data: bytes) -> None:
        """Write at the end; the file is made where there is none."""
        ...

    def truncate(self, path: Path, size: int) -> None:
        """Cut off what is behind ``size``."""
        ...

    def datasync(self, path: Path) -> None:
        """Return when the file's bytes and its length are durable."""
        ...

    def syncdir(self, folder: Path) -> None:
        """Return when the names in the folder are durable."""
        ...

    def sync(self, paths: Iterable[Path], root: Path) -> None:
        """Return when these files below ``root`` are durable, and their names up to it."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Rename within one folder, in place of what is there."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        ...

    def lock(self, path: Path) -> Callable[[], None]:
        """Take the lock of a file, or raise BlockingIOError; returns what lets go of it."""
        ...


class OsDisk:
    """The file system of this machine."""

    def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        """See :class:`Disk`."""
        with path.open("rb", buffering=0) as stream:
            if offset:
                stream.seek(offset)
            data = stream.read(length)
            while data and length > len(data) and (more := stream.read(length - len(data))):
                data += more
            return data or b""

    def map(self, path: Path) -> memoryview:
        """See :class:`Disk`."""
        with path.open("rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def size(self, path: Path) -> int:
        """See :class:`Disk`."""
        return path.stat().st_size

    def names(self, folder: Path) -> list[str]:
        """See :class:`Disk`."""
        try:
            with os.scandir(folder) as found:
                return sorted(e.name + "/" if e.is_dir() else e.name for e in found)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, path: Path, data: bytes) -> None:
        """See :class:`Disk`."""
        try:
            self._write(path, data, os.O_TRUNC)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, data, os.O_TRUNC)

    def append(self, path: Path, data: bytes) -> None:
        """See :class:`Disk`."""
        self._write(path, data, os.O_APPEND)

    def _write(self, path: Path, data: bytes, flag: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o644)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)

    def truncate(self, path: Path, size: int) -> None:
        """See :class:`Disk`."""
        os.truncate(path, size)

    def datasync(self, path: Path) -> None:
        """See :class:`Disk`."""
        _synced(path, getattr(os, "fdatasync", os.fsync))

    def syncdir(self, folder: Path) -> None:
        """See :class:`Disk`."""
        _synced(folder, os.fsync)

    def sync(self, paths: Iterable[Path], root: Path) -> None:
        """See :class:`Disk`."""
        files = set(paths)
        if len(files) >= _BULK and sys.platform == "linux":
            _synced(root, _syncfs)
            return
        folders: set[Path] = set()
        for path in files:
            with suppress(FileNotFoundError):  # removed since: its folder is made durable below
                _synced(path, os.fsync)
            folders.update(p for p in path.parents if p.is_relative_to(root))
        for folder in sorted(folders, key=lambda p: -len(p.parts)):
            with suppress(FileNotFoundError):
                _synced(folder, os.fsync)

    def rename(self, old: Path, new: Path) -> None:
        """See :class:`Disk`."""
        old.rename(new)

    def unlink(self, path: Path) -> None:
        """See :class:`Disk`."""
        path.unlink()

    def lock(self, path: Path) -> Callable[[], None]:
        """See :class:`Disk`."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return lambda: os.close(descriptor)


def _synced(path: Path, call: Callable[[int], object]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call(descriptor)
    finally:
        os.close(descriptor)


def _syncfs(descriptor: int) -> None:
    """The system call that flushes one file system, which Python does not offer."""
    if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn an OSError into a RegisterError that says what was being done: ``full``, ``missing``, ``unwritable``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RegisterError(f"No space is left to {doing}: free some, and go on.", "full") from error
        reason = "missing" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "unwritable"
        raise RegisterError(f"Could not {doing}: {error.strerror or type(error).__name__}.", reason) from error


__all__ = ["Disk", "OsDisk", "told"]
