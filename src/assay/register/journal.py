r"""The ledger of a log in a folder: an append-only journal, one fdatasync a commit, and a lock for its one writer.

The journal is a row of segments, ``<20 digits>.journal``, named by the number of the commit that they were begun with,
of frames:

    magic       4   "AJ1\n"
    length      4   of the payload, big-endian
    check       4   CRC-32 of the payload, begun with the check of the commit before it (0 for the first)
    guard       4   CRC-32 of the twelve bytes above
    payload         msgpack: [number of the commit, check before it, checkpoint (a note), batch]

A last frame that is cut short or does not check is what a crash in the middle of a commit leaves: nobody was told of
it, and it is cut off. A damaged byte in the last commit looks the same. So what is cut off is first kept beside, as
``<segment>.<offset>.<CRC-32>.cut``, until the log has published more than it had then. Anything else that does not
check is damage, and the journal does not open. An empty batch is that of a commit that nothing needs any more.
"""

import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.disk import Disk, OsDisk, told
from assay.register.note import Note

MAGIC = b"AJ1\n"
_HEADER = struct.Struct(">4sIII")
SEGMENT = 16 * 1024 * 1024
"""Bytes after which a segment is closed and the next one begun."""
MAX_PAYLOAD = 256 * 1024 * 1024
SUFFIX = ".journal"
CUT = ".cut"
LOCK = "lock"


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    number: int
    before: int
    note: bytes
    batch: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a commit lies: ``size`` is that of its checkpoint, ``end`` the offset behind it."""

    path: Path
    offset: int
    end: int
    number: int
    size: int
    check: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Payload)


def size_of(note: bytes) -> int:
    """The tree size that a checkpoint states. Raises RegisterError ``malformed``."""
    return Checkpoint.parse(Note.parse(note).text).size


class FolderLedger:
    """A ledger in a folder. Thread-safe; one at a time may be open."""

    def __init__(self, folder: Path, disk: Disk | None = None, segment: int = SEGMENT) -> None:
        """Take the lock and read the journal. Raises RegisterError: ``conflict`` where another holds the lock,
        ``damaged``, ``unwritable``.
        """
        self.folder = folder
        self._disk = disk or OsDisk()
        self._segment = segment
        self._lock = threading.RLock()
        self._frames: list[Frame] = []
        self._head: bytes | None = None
        self._open = True
        self._opened = 0
        self._doubt: tuple[Path, int] | None = None
        with told(f"lock {folder / LOCK}"):
            try:
                self._unlock = self._disk.lock(folder / LOCK)
            except BlockingIOError:
                raise RegisterError(
                    "A server holds this log; hand in to its URL instead, or stop it first.", "conflict"
                ) from None
        try:
            self._recover()
        except BaseException:
            self._unlock()
            raise

    def head(self) -> bytes | None:
        """The last committed checkpoint; None before the first. Raises RegisterError as opening does."""
        with self._lock:
            if not self._open:
                raise RegisterError("The log is closed.", "conflict")
            if self._doubt is not None:
                self._recover()
            return self._head

    def commit(self, old: bytes | None, new: bytes, batch: bytes) -> None:
        """Make a batch and the checkpoint after it durable. Raises RegisterError: ``conflict``, ``full``,
        ``unwritable``; after an error, what was written is cut off before anything else is done.
        """
        with self._lock:
            if self.head() != old:
                raise RegisterError("Another has written to this log in the meantime.", "conflict")
            last = self._frames[-1] if self._frames else None
            number, before = (last.number + 1, last.check) if last else (0, 0)
            fresh = last is None or last.end >= self._segment
            path = self.folder / f"{number:020d}{SUFFIX}" if fresh or last is None else last.path
            offset = 0 if fresh or last is None else last.end
            frame, data = _frame(path, offset, _Payload(number, before, new, batch))
            if len(data) - _HEADER.size > MAX_PAYLOAD:
                raise RegisterError("The batch is too large for the journal.", "too_large")
            self._doubt = (path, offset)
            with told("write to the journal"):
                self._disk.append(path, data)
                self._disk.datasync(path)
                if fresh:
                    self._disk.syncdir(self.folder)
            self._frames.append(frame)
            self._head, self._doubt = new, None

    def batches(self, size: int) -> Iterator[tuple[bytes, bytes]]:
        """(checkpoint, batch) of every kept commit that ends above ``size``, in order. Raises RegisterError
        ``damaged``.
        """
        number = -1
        while (payload := self._next(size, number)) is not None:
            number = payload.number
            if payload.batch:
                yield payload.note, payload.batch

    def _next(self, size: int, number: int) -> _Payload | None:
        """The first kept commit behind ``number`` that ends above ``size``, looked up each time: they move."""
        with self._lock:
            at = max(0, number + 1 - self._frames[0].number) if self._frames else 0
            while at < len(self._frames) and self._frames[at].size <= size:
                at += 1
            if at == len(self._frames):
                return None
            frame = self._frames[at]
            with told(f"read {frame.path.name}"):
                data = self._disk.read(frame.path, frame.offset, frame.end - frame.offset)
        found, payload = frame_at(data, 0)
        if found is None or found.check != frame.check:
            raise _damaged(frame.path, frame.offset)
        return payload

    def trim(self, size: int) -> None:
        """Forget commits that end at or below ``size``, but for the last one's checkpoint: segments are removed, and
        the last one is written anew without them. ``size`` is published: where that is more than the journal had when
        it was opened, what was cut off then is removed too.
        """
        with self._lock:
            if self._doubt is not None or not self._open or not self._frames:
                return
            last = self._frames[-1].path
            ends = {frame.path: frame.size for frame in self._frames}
            for path in sorted(ends):
                if ends[path] > size or path == last:
                    break
                with told(f"remove {path.name}"):
                    self._disk.unlink(path)
                self._frames = [frame for frame in self._frames if frame.path != path]
            if self._frames[0].path == last and self._frames[0].size <= size:
                self._shorten(last, size)
            if size > self._opened:
                self.clear()

    @property
    def cuts(self) -> list[Path]:
        """What was cut off the end, and is kept."""
        with told(f"read {self.folder}"):
            return [self.folder / name for name in self._disk.names(self.folder) if name.endswith(CUT)]

    def clear(self) -> None:
        """Remove what was cut off: it was never published."""
        for path in self.cuts:
            with told(f"remove {path.name}"):
                self._disk.unlink(path)

    def _shorten(self, path: Path, size: int) -> None:
        kept = [frame for frame in self._frames if frame.size > size]
        begin = kept[0].offset if kept else 0
        if kept:
            data = self._disk.read(path, begin, kept[-1].end - begin)
        else:
            # Nothing follows the last commit, so it may be another: one without the batch, and the openings in it.
            old = self._frames[-1]
            frame, data = _frame(path, 0, _Payload(old.number, old.check, self._head or b"", b""))
            if len(self._frames) == 1 and old.end - old.offset == len(data):
                return
            kept = [frame]
        beside = path.with_name(f".{path.name}")
        with told(f"shorten {path.name}"):
            self._disk.write(beside, data)
            self._disk.datasync(beside)
            self._disk.rename(beside, path)
            self._disk.syncdir(self.folder)
        self._frames = [replace(frame, offset=frame.offset - begin, end=frame.end - begin) for frame in kept]

    def close(self) -> None:
        """Let go of the lock."""
        with self._lock:
            if self._open:
                self._open = False
                self._unlock()

    def _recover(self) -> None:
        """Read the journal anew, without what a failed commit wrote: after a failed fdatasync the system may show bytes
        that are not on the disk and never will be. What a crash cut short is cut off, and the rest made durable.
        """
        if self._doubt is not None:
            self._cut(*self._doubt)
        with told("clear the journal of what a crash left"):
            for name in self._disk.names(self.folder):
                if name.startswith("."):
                    self._disk.unlink(self.folder / name)
        self._frames, self._head, torn = scan(self.folder, self._disk)
        if torn is not None:
            self._keep(*torn)
            self._cut(*torn)
        elif self._frames:
            with told("make the journal durable"):
                self._disk.datasync(self._frames[-1].path)
                self._disk.syncdir(self.folder)
        self._doubt = None
        self._opened = self._frames[-1].size if self._frames else 0

    def _keep(self, path: Path, offset: int) -> None:
        """Keep what is about to be cut off. The name says what is in it, so that nothing else is overwritten."""
        with told(f"keep what is cut off {path.name}"):
            if data := self._disk.read(path, offset):
                beside = path.with_name(f"{path.name}.{offset}.{zlib.crc32(data):08x}{CUT}")
                self._disk.write(beside, data)
                self._disk.datasync(beside)
                self._disk.syncdir(self.folder)

    def _cut(self, path: Path, offset: int) -> None:
        with told("cut off what a crash left at the end of the journal"):
            try:
                if offset:
                    self._disk.truncate(path, offset)
                    self._disk.datasync(path)
                else:
                    self._disk.unlink(path)
            except FileNotFoundError:
                if offset:
                    raise
            self._disk.syncdir(self.folder)


def _frame(path: Path, offset: int, payload: _Payload) -> tuple[Frame, bytes]:
    """A frame, and its bytes."""
    raw = _encoder.encode(payload)
    check = zlib.crc32(raw, payload.before)
    header = MAGIC + struct.pack(">II", len(raw), check)
    data = header + struct.pack(">I", zlib.crc32(header)) + raw
    return Frame(path, offset, offset + len(data), payload.number, size_of(payload.note), check), data


def frame_at(data: bytes, offset: int) -> tuple[Frame | None, _Payload | None]:
    """The frame at an offset (its ``path`` is empty), or None where there is no whole one that checks."""
    if len(data) - offset < _HEADER.size:
        return None, None
    magic, length, check, guard = _HEADER.unpack_from(data, offset)
    begin = offset + _HEADER.size
    if magic != MAGIC or zlib.crc32(data[offset : begin - 4]) != guard or length > len(data) - begin:
        return None, None
    raw = data[begin : begin + length]
    try:
        payload = _decoder.decode(raw)
        if zlib.crc32(raw, payload.before) != check:
            return None, None
        return Frame(Path(), offset, begin + length, payload.number, size_of(payload.note), check), payload
    except (msgspec.DecodeError, RegisterError):
        return None, None


def scan(folder: Path, disk: Disk) -> tuple[list[Frame], bytes | None, tuple[Path, int] | None]:
    """All frames of a journal, the last checkpoint, and where a torn end begins. Raises RegisterError ``damaged``."""
    frames: list[Frame] = []
    head: bytes | None = None
    with told(f"read {folder}"):
        paths = [folder / name for name in disk.names(folder) if _is_segment(name)]
    for path in paths:
        with told(f"read {path.name}"):
            data = disk.read(path)
        offset = 0
        while offset < len(data) or not data:
            found, payload = frame_at(data, offset)
            if found is None or payload is None:
                if path != paths[-1] or _later(data, offset):
                    raise _damaged(path, offset)
                return frames, head, (path, offset)
            last = frames[-1] if frames else None
            if last and (payload.number, payload.before) != (last.number + 1, last.check):
                raise _damaged(path, offset)
            frames.append(Frame(path, offset, found.end, found.number, found.size, found.check))
            head, offset = payload.note, found.end
    return frames, head, None


def _is_segment(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def _later(data: bytes, offset: int) -> bool:
    """Whether a whole frame lies anywhere behind a broken one: then the broken one was not the last write."""
    at = offset
    while (at := data.find(MAGIC, at + 1)) >= 0:
        if frame_at(data, at)[0] is not None:
            return True
    return False


def _damaged(path: Path, offset: int) -> RegisterError:
    return RegisterError(
        f"The journal is damaged: {path.name} does not check at byte {offset}. Do not go on writing: run "
        "'assay register fsck', and bring the file back from a copy.",
        "damaged",
    )


__all__ = ["CUT", "LOCK", "MAGIC", "SEGMENT", "SUFFIX", "FolderLedger", "Frame", "frame_at", "scan", "size_of"]
