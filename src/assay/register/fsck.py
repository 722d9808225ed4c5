"""Prove a log whole: every byte that it keeps is checked against what it follows from, and each damage told in words.

Bundles are read once, in order, and the whole tree is computed from them. What can be derived again (tiles, runs of the
index of heads) can be repaired; entries cannot, unless the journal still holds them.
"""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from assay.errors import RegisterError
from assay.register import settings as config
from assay.register import staging
from assay.register.checkpoint import Checkpoint
from assay.register.disk import Disk, OsDisk
from assay.register.journal import FolderLedger, size_of
from assay.register.keys import VerifierKey
from assay.register.log import (
    DEDUPE,
    JOURNAL,
    KEY,
    POLICY,
    open_index,
    open_ledger,
    open_objects,
    read_key,
    read_policy,
)  # fmt: skip
from assay.register.note import Note
from assay.register.objects import FolderObjects
from assay.register.ports import Index, Ledger, Objects
from assay.register.publisher import read_published
from assay.register.soundness import COPY, DERIVED, Heads, Rows, Tree
from assay.register.tiles import CHECKPOINT, WIDTH, parse_path, width_of

Progress = Callable[[int, int], None]
"""Told now and then: entries looked at, entries in all."""


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. ``where`` is a file in the folder of the log, or an object; ``index`` the entry that it
    is about; ``repaired`` whether it is put right now.
    """

    where: str
    says: str
    remedy: str
    index: int | None = None
    repaired: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``entries`` were checked; ``left`` are files that nothing needs and that a crash left behind."""

    origin: str
    entries: int
    published: int
    damages: tuple[Damage, ...]
    left: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong that is not repaired."""
        return all(damage.repaired for damage in self.damages)


STOP = "do not go on writing; bring the journal back from a copy"
OPEN = "'assay register fsck --repair' removes it, and opening the log publishes it again"


def fsck(
    path: Path, progress: Progress | None = None, *, repair: bool = False, index: Index | None = None,
    disk: Disk | None = None,
) -> Report:  # fmt: skip
    """Check a log that no server holds. ``repair`` writes again what can be derived, and removes what is left over.

    Raises RegisterError only where there is nothing to check: ``missing``, and ``conflict`` where a server holds it.
    """
    return _Check(path, progress or _silent, repair, disk or OsDisk()).run(index)


def _silent(done: int, total: int) -> None:
    """Tells nobody."""


class _Check:
    def __init__(self, path: Path, progress: Progress, repair: bool, disk: Disk) -> None:
        self._path, self._progress, self._repair, self._disk = path, progress, repair, disk
        self._damages: list[Damage] = []
        self._left: list[str] = []

    def run(self, index: Index | None) -> Report:
        entries = published = 0
        try:
            settings = config.read(self._path)
        except RegisterError as error:
            if error.reason == "missing":
                raise
            self._say(config.FILE, str(error), "correct the file, or bring it back from a copy")
            return Report(origin="", entries=0, published=0, damages=tuple(self._damages))
        try:
            verifier = read_key(self._path, settings).verifier
        except RegisterError as error:
            self._say(KEY, str(error), "bring the key back from a copy: without it the log cannot grow")
            return Report(origin=settings.origin, entries=0, published=0, damages=tuple(self._damages))
        with self._guard(POLICY, COPY):
            if verifier not in [line.key for line in read_policy(self._path).logs]:
                self._say(POLICY, "The policy does not name this log's own key.", f"add the line: log {verifier}")
        objects = open_objects(self._path, settings, self._disk)
        ledger: Ledger | None = None
        head: Checkpoint | None = None
        try:
            with self._guard(JOURNAL, STOP):
                ledger = open_ledger(self._path, settings, objects, self._disk)
                note = ledger.head()
                if note is None:
                    raise RegisterError("The journal is empty.", "damaged")
                if verifier.signed(Note.parse(note)) is None:
                    raise RegisterError("The journal ends in a checkpoint that this log did not sign.", "key")
                head = Checkpoint.parse(Note.parse(note).text)
            cuts = ledger.cuts if isinstance(ledger, FolderLedger) else []
            shown = self._published(objects, verifier, head, [path.name for path in cuts])
            journal = self._journal(ledger) if ledger and head else {}
            published = shown.size if shown else 0
            with contextlib.ExitStack() as closing:
                rows: Rows | None = None
                with self._guard("index", "bring the index back from a copy"):
                    if index is None:
                        database = open_index(self._path, settings)
                        closing.callback(database.close)
                        index = database
                    rows = Rows(index, self._say)
                entries = self._tree(objects, shown, head, journal, rows)
            if cuts and isinstance(ledger, FolderLedger) and not self._damages:
                # As many as are published are there without it: nobody was answered for what is in it.
                self._left += [f"{JOURNAL}/{path.name}" for path in cuts]
                if self._repair:
                    ledger.clear()
        finally:
            if ledger is not None:
                ledger.close()
            objects.close()
        return Report(
            origin=settings.origin, entries=entries, published=published, damages=tuple(self._damages),
            left=tuple(self._left),
        )  # fmt: skip

    def _say(self, where: str, says: str, remedy: str, *, index: int | None = None, repaired: bool = False) -> None:
        self._damages.append(Damage(where=where, says=says, remedy=remedy, index=index, repaired=repaired))

    @contextmanager
    def _guard(self, where: str, remedy: str) -> Iterator[None]:
        """Take what goes wrong as a damage, but for a lock that another holds."""
        try:
            yield
        except RegisterError as error:
            if error.reason == "conflict":
                raise
            self._say(where, str(error), remedy)

    def _published(
        self, objects: Objects, verifier: VerifierKey, head: Checkpoint | None, cuts: Sequence[str]
    ) -> Checkpoint | None:
        try:
            found = read_published(objects, verifier)
        except RegisterError as error:
            if self._repair:
                objects.delete(CHECKPOINT)
            self._say(CHECKPOINT, str(error), OPEN, repaired=self._repair)
            return None
        if found is None:
            self._say(CHECKPOINT, "There is no published checkpoint.", "open the log: it publishes one")
            return None
        if head and found.size > head.size:
            lost = f" What was cut off its end is kept: {', '.join(cuts)}." if cuts else ""
            self._say(JOURNAL, f"The journal ends at {head.size} entries, but {found.size} are published.{lost}", STOP)
        return found.checkpoint

    def _journal(self, ledger: Ledger) -> dict[int, bytes]:
        """The entries that the journal still keeps, by index."""
        kept: dict[int, bytes] = {}
        with self._guard(JOURNAL, STOP):
            for note, blob in ledger.batches(0):
                staged = staging.decode(blob)
                kept.update(enumerate(staged.leaves, staged.start))
                if max(kept, default=-1) + 1 != size_of(note):
                    raise RegisterError(
                        f"The batch from entry {staged.start} is not that of its checkpoint.", "damaged"
                    )
        return kept

    def _tree(
        self, objects: Objects, shown: Checkpoint | None, head: Checkpoint | None, journal: dict[int, bytes],
        rows: Rows | None,
    ) -> int:  # fmt: skip
        first = shown or head
        if first is None:
            return 0
        tree = Tree(objects, journal, self._say, self._repair)
        heads = Heads(self._path / DEDUPE, self._disk, self._say, self._repair)
        manifests, bad = self._manifests(objects)
        parts = tree.walk(first)
        if head and head.size > first.size:
            parts = itertools.chain(parts, tree.follow(head))
        total = max(first.size, head.size if head else 0)
        for start, entries in parts:
            heads.feed(start, entries)
            if rows is not None:
                with self._guard("index", "bring the index back from a copy"):
                    rows.feed(start, entries)
            if manifests:
                manifests.difference_update(entry[34:66].hex() for entry in entries or ())
            self._progress(min(start + WIDTH, total), total)
        heads.finish(total)
        if rows is not None:
            self._cursor(rows.cursor, first, head, journal)
        for name in sorted(bad - manifests):
            self._say(f"manifests/{name}", "The manifest holds other bytes than its name says.",
                      "bring it back from a copy: the entry stands without it")  # fmt: skip
        if not self._damages:
            self._sweep(objects, first, manifests)
        return tree.edge.size

    def _cursor(self, cursor: int, shown: Checkpoint, head: Checkpoint | None, journal: dict[int, bytes]) -> None:
        if cursor > shown.size:
            self._say("index", f"The index has {cursor} entries, but {shown.size} are published.",
                      "bring the index back from a copy")  # fmt: skip
        elif head and cursor < min(journal, default=head.size):
            self._say("index", f"The index ends at entry {cursor}, and the journal no longer keeps those behind it.",
                      "bring the index back from a copy", index=cursor)  # fmt: skip

    def _manifests(self, objects: Objects) -> tuple[set[str], set[str]]:
        """The names of all manifests, and of those whose bytes are not the ones that the name says."""
        found: set[str] = set()
        bad: set[str] = set()
        for path in objects.list("manifests/"):
            name = path.removeprefix("manifests/")
            found.add(name)
            if hashlib.sha256(objects.get(path)).hexdigest() != name:
                bad.add(name)
        return found, bad

    def _sweep(self, objects: Objects, shown: Checkpoint, manifests: set[str]) -> None:
        """What a crash left behind: manifests that no entry names, files half written, partial tiles of full ones."""
        self._left += [f"manifests/{name}" for name in sorted(manifests)]
        for path in objects.list("tile/"):
            with suppress(RegisterError):
                tile = parse_path(path)
                if tile.width < WIDTH == width_of(tile.level or 0, tile.index, shown.size):
                    self._left.append(path)
                    whole = objects.get(path.partition(".p/")[0])
                    if objects.get(path) != whole[: tile.width * (len(whole) // WIDTH)]:
                        self._say(path, f"{path} is no part of the full one.", DERIVED, index=tile.index * WIDTH,
                                  repaired=self._repair)  # fmt: skip
        if self._repair:
            for path in self._left:
                objects.delete(path)
        if isinstance(objects, FolderObjects):
            self._left += objects.unfinished(remove=self._repair)


__all__ = ["Damage", "Progress", "Report", "fsck"]
