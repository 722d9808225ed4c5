"""Which heads the log holds already, and where: sorted runs in memory-mapped files, and a table of the recent ones.

A run covers the entries of one range of indexes. For each it holds the first eight bytes of the head's RFC 6962 leaf
hash, as a little-endian number, sorted, and beside it the index counted from the start of the range. A hit is therefore
a guess, confirmed from the entry bundle. Runs of like size are merged. All of it can be derived again from the bundles:

    magic       8   "AssayDD1"
    start, end  8+8 the range, little-endian
    check       4   CRC-32 of all that follows, then 4 zero bytes
    keys            8 bytes each, sorted
    places          4 bytes each
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assay.errors import RegisterError
from assay.register.disk import Disk, told
from assay.register.leaf import HEAD
from assay.register.tiles import WIDTH

MAGIC = b"AssayDD1"
_HEADER = struct.Struct("<8sQQII")
SUFFIX = ".run"
RECENT = 65_536
"""Entries in the table of recent ones before a run is written."""
FAN = 8
"""Runs of one size class that are merged into one."""
_CHUNK = 1 << 20

Read = Callable[[int, int], Iterator[bytes]]
"""Given a range of indexes: the entries there, in order. Raises RegisterError."""
Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.uint32]


def head_hash(head: bytes) -> bytes:
    """The RFC 6962 leaf hash of a head: what a submitter's batch is built of, and what duplicates are found by."""
    return sha256(b"\0" + head).digest()


@dataclass(frozen=True)
class Run:
    """A range of entries, on disk."""

    path: Path
    start: int
    end: int
    keys: Keys
    places: Places

    def __len__(self) -> int:
        return self.end - self.start


class Dedupe:
    """The index of heads of a log. One thread changes it; memory holds :data:`RECENT` entries and what is touched of
    the runs.
    """

    def __init__(self, folder: Path, disk: Disk, read: Read, recent: int = RECENT) -> None:
        """``read`` gives entries that the log holds, to confirm hits and to build runs that are lost."""
        self.folder = folder
        self._disk = disk
        self._read = read
        self._bundle = lru_cache(16)(lambda start, end: list(read(start, end)))
        self._limit = recent
        self._runs: list[Run] = []
        self._recent: dict[bytes, int] = {}
        self._frozen: dict[bytes, int] = {}
        self.size = 0

    def load(self, size: int) -> list[str]:
        """Begin with the runs that are on disk, up to ``size`` entries; returns the names of those that are damaged and
        were removed. What no run covers comes from :meth:`add` or, up to ``size``, from the bundles.
        """
        self._runs, self._recent, self._frozen, self.size = [], {}, {}, 0
        self._bundle.cache_clear()
        found: list[Run] = []
        bad: list[str] = []
        with told(f"read {self.folder}"):
            for name in self._disk.names(self.folder):
                if name.startswith("."):
                    self._disk.unlink(self.folder / name)
                elif name.endswith(SUFFIX):
                    try:
                        found.append(open_run(self.folder / name, self._disk))
                    except RegisterError:
                        bad.append(name)
                        self._disk.unlink(self.folder / name)
        for run in sorted(found, key=lambda r: (r.start, -r.end)):
            if run.start == self.size and run.end <= size:
                self._runs.append(run)
                self.size = run.end
            else:
                with told(f"remove {run.path.name}"):
                    self._disk.unlink(run.path)
        return bad

    def fill(self, size: int) -> None:
        """Take in the entries up to ``size`` from the bundles."""
        heads: list[bytes] = []
        for entry in self._read(self.size, size) if size > self.size else ():
            heads.append(head_hash(entry[:HEAD]))
            if len(heads) == self._limit:
                self.add(heads)
                self.tidy(size)
                heads = []
        self.add(heads)

    def find(self, hashes: Sequence[bytes], heads: Sequence[bytes]) -> list[int | None]:
        """The index of each head that the log holds; ``hashes`` are their :func:`head_hash`."""
        recent = self._recent
        found: list[int | None] = [recent.get(h) for h in hashes]
        if frozen := self._frozen:  # looked at before the runs, into which another thread may be moving it
            found = [frozen.get(h) if f is None else f for h, f in zip(hashes, found, strict=True)]
        if self._runs and hashes:
            keys = np.frombuffer(b"".join(hashes), "<u8")[::4]
            for run in self._runs:
                at = np.searchsorted(run.keys, keys)
                hit = run.keys[np.minimum(at, len(run) - 1)] == keys
                for i in np.flatnonzero(hit).tolist():
                    if found[i] is None:
                        found[i] = self._confirmed(run, int(at[i]), keys[i], heads[i])
        return found

    def _confirmed(self, run: Run, at: int, key: np.uint64, head: bytes) -> int | None:
        while at < len(run) and run.keys[at] == key:
            index = run.start + int(run.places[at])
            first = index // WIDTH * WIDTH
            if self._bundle(first, min(first + WIDTH, run.end))[index - first][:HEAD] == head:
                return index
            at += 1
        return None

    def add(self, hashes: Sequence[bytes]) -> None:
        """Take in the heads of the entries that follow, by their :func:`head_hash`."""
        self._recent.update(zip(hashes, range(self.size, self.size + len(hashes)), strict=True))
        self.size += len(hashes)
        if len(self._recent) >= self._limit and not self._frozen:
            self._frozen, self._recent = self._recent, {}

    def tidy(self, placed: int) -> None:
        """Write older entries as a run, and merge runs, where it is time. ``placed`` is the size up to which bundles
        are there to confirm hits from. Raises RegisterError ``full``, ``unwritable``: then all is as before.

        May run beside :meth:`find` and :meth:`add` of another thread.
        """
        frozen, runs = self._frozen, self._runs
        start = runs[-1].end if runs else 0
        if not frozen or start + len(frozen) > placed:
            return
        keys = np.frombuffer(b"".join(frozen), "<u8")[::4]
        places = np.fromiter(frozen.values(), np.int64, len(frozen)) - start
        self._runs = runs = [*runs, self._write(start, start + len(frozen), keys, places)]
        self._frozen = {}
        while (last := runs[-FAN:]) and len(last) == FAN and len(last[0]) < 2 * len(last[-1]):
            start = last[0].start
            keys = np.concatenate([run.keys for run in last])
            places = np.concatenate([run.places.astype(np.int64) + (run.start - start) for run in last])
            self._runs = runs = [*runs[:-FAN], self._write(start, last[-1].end, keys, places)]
            for run in last:
                with told(f"remove {run.path.name}"):
                    self._disk.unlink(run.path)

    def _write(self, start: int, end: int, keys: Keys, places: npt.NDArray[np.int64]) -> Run:
        order = np.argsort(keys, kind="stable")
        data = keys[order].astype("<u8").tobytes() + places[order].astype("<u4").tobytes()
        name = f"{start:020d}-{end:020d}{SUFFIX}"
        with told(f"write {name}"):
            self._disk.write(self.folder / f".{name}", _HEADER.pack(MAGIC, start, end, zlib.crc32(data), 0) + data)
            self._disk.datasync(self.folder / f".{name}")
            self._disk.rename(self.folder / f".{name}", self.folder / name)
            self._disk.syncdir(self.folder)
        return _mapped(self.folder / name, start, end, self._disk)


def open_run(path: Path, disk: Disk) -> Run:
    """A run whose check holds. Raises RegisterError ``damaged``, ``missing``."""
    damaged = RegisterError(f"{path.name} is damaged.", "damaged")
    with told(f"read {path.name}"):
        size = disk.size(path)
        header = disk.read(path, 0, _HEADER.size)
        if len(header) != _HEADER.size:
            raise damaged
        magic, start, end, check, zero = _HEADER.unpack(header)
        count = end - start
        name = f"{start:020d}-{end:020d}{SUFFIX}"
        if magic != MAGIC or zero or name != path.name or count < 1 or size != _HEADER.size + 12 * count:
            raise damaged
        found = 0
        for offset in range(_HEADER.size, size, _CHUNK):
            found = zlib.crc32(disk.read(path, offset, _CHUNK), found)
    if found != check:
        raise damaged
    return _mapped(path, start, end, disk)


def _mapped(path: Path, start: int, end: int, disk: Disk) -> Run:
    count = end - start
    data = disk.map(path)
    keys = np.frombuffer(data, "<u8", count, _HEADER.size)
    return Run(path, start, end, keys, np.frombuffer(data, "<u4", count, _HEADER.size + 8 * count))


__all__ = ["FAN", "RECENT", "SUFFIX", "Dedupe", "Run", "head_hash", "open_run"]
