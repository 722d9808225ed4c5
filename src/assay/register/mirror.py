"""A mirror (C2SP tlog-mirror): a full copy of logs, each entry and tile verified, cosigned once it is all there.

It pulls by tlog-tiles. The tiles of a checkpoint hang from its root, so each is checked as it comes, and what is kept
is never wrong; a pull that was interrupted goes on where it stopped. A log that shows another history is refused, and
both checkpoints are kept.

Its folder: ``mirror.key`` (signer keys, one a line), ``policy`` (tlog-policy: the logs with their addresses, and the
quorum that the mirror wants to see), ``heads.sqlite3``, ``evidence/``, and ``logs/<SHA-256 of the origin, in hex>/``;
where there is a file ``objects``, it names an S3 bucket that has the copies instead.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from assay.errors import RegisterError
from assay.files import write_whole
from assay.register.checkpoint import Checkpoint
from assay.register.forks import compare, evidence, keep
from assay.register.heads import Head, Heads
from assay.register.http import SECONDS, Http
from assay.register.keys import KeyType, VerifierKey
from assay.register.note import MAX_SIGNATURES, Note
from assay.register.objects import FolderObjects
from assay.register.policy import LogLine, Policy
from assay.register.ports import Objects
from assay.register.tiles import (
    CHECKPOINT,
    WIDTH,
    Fetch,
    TrustedTree,
    encode_bundle,
    entries_path,
    tile_path,
    width_of,
)
from assay.register.witness import EVIDENCE, HEADS, create_keys, read_keys, read_policy, write_policy

if TYPE_CHECKING:
    from assay.register.s3 import S3Objects

OBJECTS = "objects"
THREADS = 8
"""Bundles that are fetched at once."""
_OTHERS = MAX_SIGNATURES - 8
"""Signatures by others that a mirror keeps with a checkpoint."""

Progress = Callable[[int, int], None]
"""Told how many bundles of how many are there."""
Storage = Callable[[str], "FolderObjects | S3Objects"]
"""Given the name of a log's folder: where its tiles are kept."""


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: the size of the copy before and after."""

    origin: str
    old: int
    size: int


def name_of(origin: str) -> str:
    """Where a log is kept and served: the SHA-256 of its origin, in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Mirror:
    """The mirror in a folder. ``storage`` keeps tiles elsewhere; ``clock`` gives POSIX seconds; ``transport`` stands in
    for the network. One process pulls at a time; any number serve.
    """

    def __init__(
        self, folder: Path, *, storage: Storage | None = None, clock: Callable[[], float] = time.time,
        seconds: float = SECONDS, transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Open a folder that :func:`create` made. Raises RegisterError ``missing``, ``key``, ``malformed``."""
        self._folder, self._seconds, self._transport = folder, seconds, transport
        self._keys = read_keys(folder / "mirror.key")
        self._heads = Heads(folder / HEADS, clock)
        self._storage = storage or _storage(folder)
        self._stores: dict[str, FolderObjects | S3Objects] = {}

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The keys by which its cosignatures are known."""
        return tuple(key.verifier for key in self._keys)

    @property
    def policy(self) -> Policy:
        """Which logs it copies, and what it asks of their checkpoints; read anew each time."""
        return read_policy(self._folder)

    def head(self, origin: str) -> Head:
        """The checkpoint of the copy of a log, cosigned by the mirror."""
        return self._heads.get(origin)

    def store(self, origin: str) -> Objects:
        """Where the copy of a log is kept."""
        return self._stores.setdefault(origin, self._storage(name_of(origin)))

    def fetch(self, origin: str, path: str) -> bytes:
        """The cosigned checkpoint, or a tile. Raises RegisterError ``missing``."""
        if path != CHECKPOINT:
            return self.store(origin).get(path)
        note = self.head(origin).note
        if note is None:
            raise RegisterError("There is no copy of this log yet.", "missing")
        return note.encode()

    def pull(self, line: LogLine, progress: Progress = lambda _done, _all: None) -> Pulled:
        """Bring the copy of one log up to date.

        Raises RegisterError: ``fork`` where the log shows another history (evidence is kept), ``conflict`` where it
        shows an older state than before (kept too), ``proof`` where a tile or an entry does not lead to the root,
        ``quorum``, ``signature``, ``key``, ``unreachable``, ``missing`` and what storage raises. The copy is then as it
        was.
        """
        if line.url is None:
            raise RegisterError(f"The policy has no address for {line.key.name}.", "missing")
        with Http(line.url, seconds=self._seconds, transport=self._transport) as http:
            note = Note.parse(http.fetch(CHECKPOINT))
            policy = self.policy
            checkpoint = policy.check(note).checkpoint
            if checkpoint.origin != line.key.name:
                raise RegisterError(f"{line.url} is the log {checkpoint.origin}, not {line.key.name}.", "mismatch")
            head = self.head(checkpoint.origin)
            if head.note is not None:
                keys = [log.key for log in policy.logs if log.key.name == checkpoint.origin]
                self._same_history(head, note, http, keys)
            store = self.store(checkpoint.origin)
            self._copy(head.size, TrustedTree(http.fetch, checkpoint, cache=256), store, progress)
        self._publish(head, note, store)
        return Pulled(checkpoint.origin, head.size, checkpoint.size)

    def _same_history(self, head: Head, note: Note, http: Http, keys: Iterable[VerifierKey]) -> None:
        assert head.note is not None
        mine, new = Checkpoint.parse(head.note.text), Checkpoint.parse(note.text)
        fetch: Fetch = http.fetch if new.size > head.size else self.store(new.origin).get
        seen = (("the mirror's copy", head.note), (http.url, note))
        fork = compare(mine, new, fetch)
        if fork is not None:
            place = keep(self._folder / EVIDENCE, evidence("fork", *seen, keys, root=fork.root, proof=fork.proof))
            raise RegisterError(
                f"{new.origin} shows a history of {new.size} entries that does not fit the {mine.size} entries copied "
                f"before. Both signed checkpoints are in {place.name}.", "fork",
            )  # fmt: skip
        if new.size < mine.size:
            place = keep(self._folder / EVIDENCE, evidence("rollback", *seen, keys))
            raise RegisterError(
                f"{new.origin} shows {new.size} entries, and had shown {mine.size} before. Both signed checkpoints are "
                f"in {place.name}.", "conflict",
            )  # fmt: skip

    def _copy(self, old: int, tree: TrustedTree, store: Objects, progress: Progress) -> None:
        """Fetch, check and write all tiles and bundles beyond the old size."""
        size = tree.size
        bundles = range(old // WIDTH, -(-size // WIDTH))
        with ThreadPoolExecutor(THREADS, thread_name_prefix="mirror") as pool:
            try:
                for done, _ in enumerate(pool.map(lambda index: _bundle(index, tree, store), bundles), 1):
                    progress(done, len(bundles))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        level = 1
        while size >> 8 * level:
            for index in range((old >> 8 * level) // WIDTH, -(-(size >> 8 * level) // WIDTH)):
                width = width_of(level, index, size)
                store.put(tile_path(level, index, width), tree.rows(level, index, width)[0])
            level += 1
        store.sync()

    def _publish(self, head: Head, note: Note, store: Objects) -> None:
        own = {(key.name, key.verifier.key_id) for key in self._keys}

        def accept(now: Head, time: int) -> Note:
            if (now.size, now.root) != (head.size, head.root):
                raise RegisterError("Another process pulls this log too.", "conflict")
            others = tuple(s for s in note.signatures if (s.name, s.key_id) not in own)[:_OTHERS]
            return Note(note.text, others + tuple(key.sign(note.text, time) for key in self._keys))

        new = self._heads.advance(Checkpoint.parse(note.text).origin, accept)
        assert new.note is not None
        store.put(CHECKPOINT, new.note.encode())
        _tidy(head.size, new.size, store)

    def close(self) -> None:
        """Let go of files and connections."""
        for store in self._stores.values():
            store.close()
        self._heads.close()


def _bundle(index: int, tree: TrustedTree, store: Objects) -> None:
    """Copy one bundle and its tile of leaf hashes. Where both are here already, whole, nothing is fetched."""
    width = width_of(0, index, tree.size)
    bundle, tile = entries_path(index, width), tile_path(0, index, width)
    if width == WIDTH and _is_here(index, tree, store):
        return
    hashes = tree.rows(0, index, width)[0]
    entries = list(tree.entries(index * WIDTH, index * WIDTH + width))
    store.put(bundle, encode_bundle(entries))
    store.put(tile, hashes)


def _is_here(index: int, tree: TrustedTree, store: Objects) -> bool:
    """Whether a full bundle and its tile are in storage, and are those of the tree."""
    checkpoint = Checkpoint("", WIDTH, tree(8, index))
    paths = {"tile/0/000": tile_path(0, index), "tile/1/000.p/1": "", "tile/entries/000": entries_path(index)}

    def fetch(path: str) -> bytes:
        # The bundle alone is a tree of 256 leaves, whose root stands in the tree already.
        return store.get(paths[path]) if paths[path] else checkpoint.root

    try:
        for _ in TrustedTree(fetch, checkpoint).entries(0, WIDTH):
            pass
    except RegisterError:
        return False
    return True


def _tidy(old: int, size: int, store: Objects) -> None:
    """Remove partial tiles whose full tile is there now: readers take that (tlog-tiles, "Partial Tiles")."""
    level = 0
    while old >> 8 * level:
        index, width = divmod(old >> 8 * level, WIDTH)
        if width and width_of(level, index, size) == WIDTH:
            for full in (tile_path(level, index), *([entries_path(index)] if level == 0 else [])):
                for path in list(store.list(f"{full}.p/")):
                    store.delete(path)
        level += 1


def verify(mirror: Mirror, origin: str) -> int:
    """Read a whole copy and check it against its checkpoint; returns its size. Raises RegisterError."""
    head = mirror.head(origin)
    checkpoint = Checkpoint(origin, head.size, head.root)
    tree = TrustedTree(mirror.store(origin).get, checkpoint)
    for _ in tree.entries(0, head.size):
        pass
    return head.size


def _storage(folder: Path) -> Storage:
    try:
        url = (folder / OBJECTS).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return lambda name: FolderObjects(folder / "logs" / name)
    except (OSError, UnicodeDecodeError):
        raise RegisterError(f"{folder / OBJECTS} cannot be read.", "missing") from None
    from assay.register.s3 import S3Objects  # noqa: PLC0415 (it loads the S3 client)

    return lambda name: S3Objects(f"{url.rstrip('/')}/{name}")


def create(folder: Path, name: str, logs: Iterable[LogLine] = (), objects: str | None = None) -> Mirror:
    """Make a mirror with new keys; ``objects`` is the ``s3://bucket/prefix`` that is to have the copies, where it is
    not the folder. Raises RegisterError: ``conflict`` where there is one, ``malformed``, ``unsupported``,
    ``unwritable``.
    """
    if objects is not None and not objects.startswith("s3://"):
        raise RegisterError(f"{objects[:100]!r} is no address such as s3://bucket/prefix.", "unsupported")
    create_keys(folder / "mirror.key", name, (KeyType.MLDSA44, KeyType.COSIGNATURE))
    lines = (f"log {line.key}{f' {line.url}' if line.url else ''}\n" for line in logs)
    write_policy(folder, "".join(lines) + "quorum none\n")
    if objects is not None:
        try:
            write_whole(folder / OBJECTS, f"{objects}\n".encode())
        except OSError as error:
            raise RegisterError(f"{folder / OBJECTS} cannot be written: {error.strerror}.", "unwritable") from None
    return Mirror(folder)


__all__ = ["Mirror", "Pulled", "create", "name_of", "verify"]
