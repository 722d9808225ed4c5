"""The parts of a check of a whole log: its tree from the entries up, its index of heads, and its searchable index."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.dedupe import SUFFIX, Run, head_hash, open_run
from assay.register.disk import Disk
from assay.register.edge import Edge
from assay.register.leaf import HEAD, LEAF, check_signature, commit, key_hash
from assay.register.merkle import leaf_hash, root_of
from assay.register.model import Posted, Row
from assay.register.ports import Index, Objects
from assay.register.tiles import (
    CHECKPOINT,
    HASH,
    WIDTH,
    decode_bundle,
    decode_tile,
    encode_bundle,
    entries_path,
    tile_path,
    width_of,
)

ENTRIES = "tile/entries/"
COPY = "bring it back from a copy or a mirror of the log"
DERIVED = "'assay register fsck --repair' derives it again from the entries"


class Say(Protocol):
    """Takes note of a damage."""

    def __call__(self, where: str, says: str, remedy: str, *, index: int | None = None, repaired: bool = False) -> None:
        """See :class:`assay.register.fsck.Damage`."""
        ...


class Tree:
    """Computes a tree from its bundles, and compares every tile with what it should be. ``journal`` holds the entries
    that the journal still keeps, by index: they are believed before the bundles.
    """

    def __init__(self, objects: Objects, journal: Mapping[int, bytes], say: Say, repair: bool) -> None:
        self._objects, self._journal, self._say, self._repair = objects, journal, say, repair
        self.edge = Edge()

    def walk(self, checkpoint: Checkpoint) -> Iterator[tuple[int, list[bytes] | None]]:
        """(index of the first, entries) of each bundle, None where they are lost. Says what is damaged."""
        size = checkpoint.size
        for bundle in range(-(-size // WIDTH)):
            start, width = bundle * WIDTH, width_of(0, bundle, size)
            entries, stored = self._bundle(bundle, width), self._hashes(0, bundle, width)
            hashes = None if entries is None else [leaf_hash(entry) for entry in entries]
            true = hashes if hashes == stored else self._judge(bundle, hashes, stored, checkpoint)
            if true is None:
                self._say(tile_path(0, bundle, width), "Both bundle and tile are lost: what is behind them cannot be "
                          "checked.", COPY, index=start)  # fmt: skip
                return
            if hashes is not None and true is not hashes:
                entries, at = None, next(i for i in range(width) if hashes[i] != true[i])
                self._say(entries_path(bundle, width), f"Entry {start + at} is not the one that the tree holds.", COPY,
                          index=start + at)  # fmt: skip
            self.edge, full = self.edge.extend(entries or [b""] * width, true)
            for path, data in full:
                if not path.startswith(ENTRIES):
                    self._compare(path, data, start)
            yield start, entries
        for path, data in self.edge.partials():
            if not path.startswith(ENTRIES):
                self._compare(path, data, size // WIDTH * WIDTH)
        if self.edge.root != checkpoint.root:
            self._say(CHECKPOINT, f"The {size} entries do not lead to the root of the checkpoint.", COPY)

    def follow(self, head: Checkpoint) -> Iterator[tuple[int, list[bytes] | None]]:
        """Go on from what is published to what is committed, with the entries of the journal."""
        start = self.edge.size
        entries = [self._journal[index] for index in range(start, head.size) if index in self._journal]
        self.edge, _ = self.edge.extend(entries)
        if (self.edge.size, self.edge.root) != (head.size, head.root):
            self._say("journal", f"Its entries from {start} on do not lead to its checkpoint of {head.size}.", COPY,
                      index=start)  # fmt: skip
        yield start, entries

    def _bundle(self, bundle: int, width: int) -> list[bytes] | None:
        """The entries of a bundle, None where it cannot be read. Where the journal has them all, they are put back."""
        start, path = bundle * WIDTH, entries_path(bundle, width)
        entries: list[bytes] | None = None
        says = "is missing."
        try:
            entries = decode_bundle(self._get(path, 2 + LEAF), width)
            if any(len(entry) != LEAF for entry in entries):
                raise RegisterError("It holds something that is no leaf.", "malformed")
        except RegisterError as error:
            if error.reason != "missing":
                says, entries = f"is damaged: {error}", None
        known = [self._journal[index] for index in range(start, start + width) if index in self._journal]
        whole = f"The bundle of entries {start} to {start + width - 1} "
        if len(known) == width and entries != known:
            says = says if entries is None else "holds other entries than the journal."
            self._derive(path, whole + says, encode_bundle(known), start)
            return known
        if entries is None:
            self._say(path, whole + says, COPY, index=start)
        return entries

    def _hashes(self, level: int, index: int, width: int) -> list[bytes] | None:
        try:
            return decode_tile(self._get(tile_path(level, index, width), HASH), width)
        except RegisterError:
            return None  # told where tiles are compared with what they should be

    def _get(self, path: str, stride: int) -> bytes:
        """A tile or bundle; where a partial one is gone, its part of the full one."""
        try:
            return self._objects.get(path)
        except RegisterError as error:
            full, partial, width = path.partition(".p/")
            if error.reason != "missing" or not partial:
                raise
            return self._objects.get(full)[: int(width) * stride]

    def _judge(
        self, bundle: int, hashes: list[bytes] | None, stored: list[bytes] | None, checkpoint: Checkpoint
    ) -> list[bytes] | None:
        """Which of two rows of hashes is that of the tree: the one that the tile above holds, or the checkpoint."""
        if hashes is None or stored is None:
            return hashes or stored
        above = self._hashes(1, bundle // WIDTH, width_of(1, bundle // WIDTH, checkpoint.size))
        if len(hashes) < WIDTH:
            right = [
                row for row in (hashes, stored) if self.edge.extend([b""] * len(row), row)[0].root == checkpoint.root
            ]
        else:
            right = [row for row in (hashes, stored) if above and root_of(row) == above[bundle % WIDTH]]
        return right[0] if right else hashes

    def _compare(self, path: str, data: bytes, start: int) -> None:
        try:
            if self._get(path, HASH) == data:
                return
            says = "holds other hashes than its entries lead to."
        except RegisterError as error:
            says = "is missing." if error.reason == "missing" else f"cannot be read: {error}"
        self._derive(path, f"The tile {path} {says}", data, start)

    def _derive(self, path: str, says: str, data: bytes, start: int) -> None:
        if self._repair:
            self._objects.put(path, data)
        self._say(path, says, DERIVED, index=start, repaired=self._repair)


class Heads:
    """Compares the runs of the index of heads with the entries, and removes damaged ones where it may."""

    def __init__(self, folder: Path, disk: Disk, say: Say, repair: bool) -> None:
        self._folder, self._disk, self._say, self._repair = folder, disk, say, repair
        self._names = [name for name in disk.names(folder) if name.endswith(SUFFIX) and not name.startswith(".")]
        self._run: Run | None = None
        self._keys: npt.NDArray[np.uint64] | None = None
        self._wrong = False

    def feed(self, start: int, entries: Sequence[bytes] | None) -> None:
        """Take the next entries, in order."""
        for index, entry in enumerate(entries or (), start):
            if self._run is None or index >= self._run.end:
                self._next(index)
            if self._run is None or self._keys is None or index < self._run.start or self._wrong:
                continue
            key = int.from_bytes(head_hash(entry[:HEAD])[:8], "little")
            if int(self._keys[index - self._run.start]) != key:
                self._wrong = True
                self._bad(self._run.path.name, f"names another head for entry {index}.", index)

    def finish(self, size: int) -> None:
        """Look at the runs that no entry led to."""
        while self._names:
            name = self._names.pop(0)
            try:
                run = open_run(self._folder / name, self._disk)
                if run.end > size:
                    self._bad(name, f"covers entries up to {run.end}, and the log has {size}.", None)
            except RegisterError as error:
                self._bad(name, f"does not check: {error}", None)

    def _next(self, index: int) -> None:
        self._run = self._keys = None
        self._wrong = False
        while self._names and int(self._names[0][:20] if self._names[0][:20].isdecimal() else "0") <= index:
            name = self._names.pop(0)
            try:
                run = open_run(self._folder / name, self._disk)
            except RegisterError as error:
                self._bad(name, f"does not check: {error}", None)
                continue
            if run.end > index:
                self._run = run
                self._keys = np.zeros(len(run), np.uint64)
                self._keys[run.places[run.places < len(run)]] = run.keys[run.places < len(run)]
                return

    def _bad(self, name: str, says: str, index: int | None) -> None:
        if self._repair:
            self._disk.unlink(self._folder / name)
        self._say(
            f"{self._folder.name}/{name}", f"The index of heads {says}",
            "'assay register fsck --repair' removes it, and opening the log derives it again", index=index,
            repaired=self._repair,
        )  # fmt: skip


class Rows:
    """Compares the rows of the searchable index with the entries, and checks the submitters' signatures, one a batch:
    what the index tells of a batch is what is signed.
    """

    def __init__(self, index: Index, say: Say) -> None:
        """Raises RegisterError for what the index raises."""
        self.cursor = self._end = index.cursor()
        self._say = say
        with _of_their_kind():
            for entry, says in index.faults():
                self._bad(entry, says)
        self._rows = self._all(index)
        self._row = self._next()

    def _all(self, index: Index) -> Iterator[tuple[Row, Posted]]:
        for one in index.posted():
            if one.rows:
                yield from ((row, one) for row in one.rows)

    def _next(self) -> tuple[Row, Posted] | None:
        try:
            with _of_their_kind():
                return next(self._rows, None)
        except RegisterError:
            self._end = 0  # what is behind cannot be read: told once
            raise

    def feed(self, start: int, entries: Sequence[bytes] | None) -> None:
        """Take the next entries, in order. Raises RegisterError for what the index raises."""
        for index, entry in enumerate(entries or (), start):
            if index >= self._end:
                return
            while self._row is not None and self._row[0].index < index:
                self._row = self._next()
            if self._row is None or self._row[0].index != index:
                self._bad(index, "is not there, or not in a batch that is, though later ones are")
                continue
            row, one = self._row
            if row is one.rows[0] and not _is_signed(one):
                self._bad(index, "begins a batch whose signature does not verify")
            heads = one.heads[32 * row.position : 32 * row.position + 32] if row.position >= 0 else b""
            if row.leaf != entry:
                self._bad(index, "is not the one that the log holds")
            elif (entry[HEAD:], entry[66:HEAD], leaf_hash(entry[:HEAD])) != (one.signature, key_hash(one.key), heads):
                self._bad(index, "is not the one that its batch has at its place")
            elif row.opening and commit(row.opening.salt, row.opening.record) != entry[2:34]:
                self._bad(index, "has an opening that does not open it")

    def _bad(self, index: int | None, says: str) -> None:
        name = "The index" if index is None else f"Entry {index}"
        self._say("index", f"{name} {says}.", "bring the index back from a copy", index=index)


@contextmanager
def _of_their_kind() -> Iterator[None]:
    """SQLite keeps anything in any column: after damage, text or a number where bytes should be."""
    try:
        yield
    except (TypeError, ValueError, OverflowError):
        raise RegisterError("The index holds a value of another kind than it should.", "damaged") from None


def _is_signed(one: Posted) -> bool:
    heads = [one.heads[at : at + 32] for at in range(0, len(one.heads), 32)]
    try:
        check_signature(one.key, len(heads), root_of(heads), one.signature)
    except RegisterError:
        return False
    return True


__all__ = ["COPY", "DERIVED", "Heads", "Rows", "Say", "Tree"]
