"""A disk in memory that loses what was not made durable, an index in memory, and a log run on them step by step."""

import errno
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.register import settings as config
from assay.register.dedupe import Dedupe
from assay.register.disk import Disk
from assay.register.edge import Edge, read_entries
from assay.register.journal import FolderLedger
from assay.register.keys import SignerKey
from assay.register.leaf import Kind, batch_message, commit, head, key_hash
from assay.register.merkle import leaf_hash, root_of
from assay.register.model import Batch, Entry, Hit, Opening, Position, Posted, Query, Row, Submission
from assay.register.objects import FolderObjects
from assay.register.publisher import Publisher, alone
from assay.register.settling import Settler
from assay.register.writer import Checked, Writer, signed

ROOT = Path("/log")


class Crash(BaseException):
    """The machine stops here."""


@dataclass
class Inode:
    """``data`` is what a reader sees; ``pending`` are the writes since ``durable`` was."""

    data: bytes = b""
    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def change(self, offset: int, data: bytes | None) -> None:
        """Write at an offset, or cut off there (None)."""
        self.data = _changed(self.data, offset, data)
        self.pending.append((offset, data))

    def settle(self) -> None:
        self.durable, self.pending = self.data, []


def _changed(old: bytes, offset: int, data: bytes | None) -> bytes:
    if data is None:
        return old[:offset]
    return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]


class SimDisk:
    """A :class:`~assay.register.disk.Disk` in memory. Every call that changes something is one step.

    ``fail`` is asked at each step with its number and what is done; it may raise OSError, or return ``before``,
    ``torn`` or ``after`` to have the machine stop there.
    """

    def __init__(self, names: dict[Path, Inode] | None = None) -> None:
        self.names_now: dict[Path, Inode] = dict(names or {})
        self._durable = dict(self.names_now)
        self._pending: list[dict[Path, Inode | None]] = []
        self._locks: set[Path] = set()
        self.fail: Callable[[int, str], str | None] = lambda step, what: None
        self.steps: list[str] = []

    def _step(self, what: str, apply: Callable[[], None], torn: Callable[[], None] | None = None) -> None:
        self.steps.append(what)
        when = self.fail(len(self.steps) - 1, what)
        if when == "before":
            raise Crash(what)
        if when == "torn":
            (torn or apply)()
            raise Crash(what)
        apply()
        if when == "after":
            raise Crash(what)

    def _inode(self, path: Path) -> Inode:
        if path not in self.names_now:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self.names_now[path]

    def _name(self, change: dict[Path, Inode | None]) -> None:
        for path, inode in change.items():
            if inode is None:
                self.names_now.pop(path, None)
            else:
                self.names_now[path] = inode
        self._pending.append(change)

    def read(self, path: Path, offset: int = 0, length: int = -1) -> bytes:
        data = self._inode(path).data[offset:]
        return data if length < 0 else data[:length]

    def map(self, path: Path) -> memoryview:
        return memoryview(self._inode(path).data)

    def size(self, path: Path) -> int:
        return len(self._inode(path).data)

    def names(self, folder: Path) -> list[str]:
        prefix = f"{folder}/"
        inside = [path.removeprefix(prefix) for path in map(str, self.names_now) if path.startswith(prefix)]
        return sorted({name if not slash else f"{name}/" for name, slash, _ in (p.partition("/") for p in inside)})

    def write(self, path: Path, data: bytes) -> None:
        def some(count: int) -> None:
            inode = Inode()
            self._name({path: inode})
            inode.change(0, data[:count])

        self._step(f"write {path}", lambda: some(len(data)), lambda: some(len(data) // 2))

    def append(self, path: Path, data: bytes) -> None:
        def some(count: int) -> None:
            if path not in self.names_now:
                self._name({path: Inode()})
            inode = self.names_now[path]
            inode.change(len(inode.data), data[:count])

        self._step(f"append {path}", lambda: some(len(data)), lambda: some(len(data) // 2))

    def truncate(self, path: Path, size: int) -> None:
        self._step(f"truncate {path}", lambda: self._inode(path).change(size, None))

    def datasync(self, path: Path) -> None:
        self._step(f"datasync {path}", lambda: self._inode(path).settle())

    def _settle_names(self, within: Callable[[Path], bool]) -> None:
        left: list[dict[Path, Inode | None]] = []
        for change in self._pending:
            if not all(within(path) for path in change):
                left.append(change)
                continue
            for path, inode in change.items():
                if inode is None:
                    self._durable.pop(path, None)
                else:
                    self._durable[path] = inode
        self._pending = left

    def syncdir(self, folder: Path) -> None:
        self._step(f"syncdir {folder}", lambda: self._settle_names(lambda p: p.parent == folder))

    def sync(self, paths: Iterable[Path], root: Path) -> None:
        def all_of_it() -> None:
            files = set(paths)
            for path in files & self.names_now.keys():
                self.names_now[path].settle()
            self._settle_names(lambda p: p in files or p.name.startswith("."))

        self._step(f"sync {root}", all_of_it)

    def rename(self, old: Path, new: Path) -> None:
        self._step(f"rename {new}", lambda: self._name({old: None, new: self._inode(old)}))

    def unlink(self, path: Path) -> None:
        self._inode(path)
        self._step(f"unlink {path}", lambda: self._name({path: None}))

    def lock(self, path: Path) -> Callable[[], None]:
        if path in self._locks:
            raise BlockingIOError
        self._locks.add(path)
        return lambda: self._locks.discard(path)

    def restarted(self, rng: random.Random | None) -> "SimDisk":
        """The disk as it is after the process was killed; with ``rng``, after a loss of power: of what was not made
        durable any part may be there.
        """
        if rng is None:
            new = SimDisk()
            new.names_now, new._durable, new._pending = dict(self.names_now), self._durable, self._pending
            return new
        names = dict(self._durable)
        for change in self._pending:
            if rng.random() < 0.5:
                for path, inode in change.items():
                    if inode is None:
                        names.pop(path, None)
                    else:
                        names[path] = inode
        return SimDisk({path: Inode(found := _torn(inode, rng), found) for path, inode in names.items()})


def _torn(inode: Inode, rng: random.Random) -> bytes:
    data = inode.durable
    for offset, change in inode.pending:
        fate = rng.random()
        if fate < 0.4:
            data = _changed(data, offset, change)
        elif fate < 0.7 and change:
            cut = rng.randrange(len(change))
            data = _changed(data, offset, change[:cut] if rng.random() < 0.5 else bytes(cut) + change[cut:])
    return data


class MemoryIndex:
    """An :class:`~assay.register.ports.Index` in memory, of which nothing is lost."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self._posted: list[Posted] = []

    def cursor(self) -> int:
        return len(self.hits)

    def apply(self, posted: Sequence[Posted], size: int) -> None:
        for one in posted:
            if one.rows[0].index == len(self.hits):
                self._posted.append(one)
            for row in one.rows:
                assert row.index <= len(self.hits)
                if row.index == len(self.hits):
                    self.hits.append(_hit(one, row))
        assert len(self.hits) == size

    def search(self, query: Query) -> list[Hit]:
        return self.hits[query.after + 1 : query.after + 1 + query.limit]

    def get(self, index: int) -> Hit | None:
        return self.hits[index] if index < len(self.hits) else None

    def batch(self, index: int) -> Batch | None:
        raise NotImplementedError

    def forget(self, index: int) -> None:
        raise NotImplementedError

    def condemned(self) -> list[bytes]:
        return []

    def cleared(self, manifests: Sequence[bytes]) -> None:
        raise NotImplementedError

    def posted(self) -> Iterator[Posted]:
        return iter(self._posted)

    def faults(self) -> Iterator[tuple[int | None, str]]:
        return iter(())


def _hit(one: Posted, row: Row) -> Hit:
    return Hit(index=row.index, leaf=row.leaf, key=one.key, seen=one.seen, opening=row.opening)


def submission(rng: random.Random, count: int, *, manifests: int = 0) -> Checked:
    """A submission of random entries as the log takes it in."""
    import hashlib

    private = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    key = private.public_key().public_bytes_raw()
    entries: list[Entry] = []
    for place in range(count):
        record, salt = rng.randbytes(60), rng.randbytes(32)
        manifest = rng.randbytes(300) if place < manifests else None
        digest = hashlib.sha256(manifest).digest() if manifest else bytes(32)
        opening = Opening(record=record, salt=salt) if place % 2 else None
        entries.append(
            Entry(
                head=head(Kind.CLAIM, commit(salt, record), digest, key_hash(key)), opening=opening, manifest=manifest
            )
        )
    heads = [leaf_hash(entry.head) for entry in entries]
    signature = private.sign(batch_message(count, root_of(heads)))
    return Submission(key=key, signature=signature, entries=tuple(entries)), heads


SIGNER = SignerKey("test.example/log", SignerKey.generate("test.example/log").kind, bytes(range(32)))


class Machine:
    """A log on a simulated disk, run step by step in one thread. ``index`` outlives crashes, as a database does."""

    def __init__(self, disk: Disk, index: MemoryIndex, root: Path = ROOT, recent: int = 80) -> None:
        self.disk, self.index, self.root = disk, index, root
        self.objects = FolderObjects(root / "objects", disk)
        self.ledger = FolderLedger(root / "journal", disk, segment=100_000)
        dedupe = Dedupe(root / "dedupe", disk, lambda start, end: read_entries(self.objects, start, end), recent)
        self.writer = Writer(self.ledger, self.objects, SIGNER, dedupe, clock=lambda: 1e9)
        self.publisher = Publisher(self.objects, SIGNER.verifier, alone)
        self.settler = Settler(self.ledger, self.objects, index, dedupe, trim=150)

    @property
    def simulated(self) -> SimDisk:
        """Its disk, where that is one in memory."""
        assert isinstance(self.disk, SimDisk)
        return self.disk

    @classmethod
    def fresh(cls, root: Path = ROOT, disk: Disk | None = None) -> "Machine":
        machine = cls(disk or SimDisk(), MemoryIndex(), root)
        machine.ledger.commit(None, signed(SIGNER, 0, Edge().root).encode(), b"")
        machine.load()
        return machine

    def load(self) -> None:
        self.writer.load()
        self.publisher.load(self.writer.tip)

    def post(self, *batch: Checked) -> list[tuple[Position, ...]]:
        """All that happens to a batch until its submitters are answered."""
        positions = self.writer.sequence(batch)
        self.publish()
        return positions

    def publish(self) -> None:
        tip, full = self.writer.take()
        self.publisher.place(tip, full)
        self.publisher.announce(self.publisher.cosigned(tip))

    def settle(self) -> None:
        published = self.publisher.published
        assert published
        self.settler.settle(published.size)
        self.settler.tidy(published.size)

    def entries(self) -> list[bytes]:
        return list(read_entries(self.objects, 0, self.writer.tip.edge.size))


def folder(path: Path) -> Path:
    """A folder with the settings, key and policy of :data:`SIGNER`, for what looks at those."""
    for name in ("journal", "objects", "dedupe"):
        (path / name).mkdir(parents=True, exist_ok=True)
    (path / "log.toml").write_text(config.render(config.Settings(origin=SIGNER.name)))
    (path / "log.key").write_text(f"{SIGNER}\n")
    (path / "policy").write_text(f"log {SIGNER.verifier}\nquorum none\n")
    return path
