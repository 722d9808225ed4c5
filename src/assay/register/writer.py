"""From submissions to a committed batch: duplicates, leaves, the new checkpoint, one durable step.

One thread sequences; another takes what is to be written to the objects. After any error the memory is not believed:
:meth:`Writer.load` builds it anew from ledger and objects.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register import staging
from assay.register.checkpoint import Checkpoint
from assay.register.dedupe import Dedupe, head_hash
from assay.register.edge import Edge, read_edge
from assay.register.keys import SignerKey
from assay.register.leaf import HEAD
from assay.register.model import Position, Posted, Row, Submission
from assay.register.note import Note
from assay.register.ports import Ledger, Objects
from assay.register.tiles import WIDTH

Full = list[tuple[str, bytes]]
"""Paths and bytes of tiles and bundles that are full."""

Checked = tuple[Submission, list[bytes]]
"""A submission, and what :func:`assay.register.submission.check` returned for it."""


@dataclass(frozen=True)
class Tip:
    """The tree as it is committed: a checkpoint signed by the log alone, and the edge of its tree."""

    note: Note
    edge: Edge


class Writer:
    """Sequences into a ledger. ``clock`` (POSIX seconds) is only written down, never compared."""

    def __init__(
        self,
        ledger: Ledger,
        objects: Objects,
        signer: SignerKey,
        dedupe: Dedupe,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._signer = signer
        self._dedupe = dedupe
        self._clock = clock
        self._lock = threading.Lock()
        self._tip: Tip | None = None
        self._full: Full = []

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self._signer.name

    @property
    def tip(self) -> Tip:
        """The last committed state. Raises RegisterError ``conflict`` before :meth:`load`."""
        if self._tip is None:
            raise RegisterError("The log is not loaded.", "conflict")
        return self._tip

    def take(self) -> tuple[Tip, Full]:
        """The last committed state, and what has become full since the last call."""
        with self._lock:
            full, self._full = self._full, []
            return self.tip, full

    def load(self) -> None:
        """Build everything from ledger and objects: batches that the ledger still keeps are written to the objects
        again. Raises RegisterError: ``damaged`` where the parts do not fit, and for what storage raises.
        """
        self._tip = None
        note = self._ledger.head()
        if note is None:
            raise RegisterError("The journal of this log is empty: bring it back from a copy.", "damaged")
        head = self._checked(note)
        edge: Edge | None = None
        sizes: list[int] = []
        for then, blob in self._ledger.batches(0):
            staged = staging.decode(blob)
            if edge is None:
                edge = read_edge(self._objects, staged.start)
                self._dedupe.load(head.size)
                self._dedupe.fill(staged.start)
            edge = self._replay(edge, staged, Checkpoint.parse(Note.parse(then).text))
            sizes.append(edge.size)
        if edge is None:
            edge = read_edge(self._objects, head.size)
            self._dedupe.load(head.size)
            self._dedupe.fill(head.size)
        if (edge.size, edge.root) != (head.size, head.root):
            raise RegisterError(
                f"The tiles do not lead to the checkpoint of {head.size} entries: run 'assay register fsck'.", "damaged"
            )
        for path, data in dict(part for size in sizes for part in edge.partials(size)).items():
            self._objects.put(path, data)
        with self._lock:
            self._tip, self._full = Tip(Note.parse(note), edge), []

    def _checked(self, note: bytes) -> Checkpoint:
        head = Note.parse(note)
        if self._signer.verifier.signed(head) is None:
            raise RegisterError("The journal is not of this log: its checkpoint is not signed by log.key.", "key")
        return Checkpoint.parse(head.text)

    def _replay(self, edge: Edge, staged: staging.Staged, then: Checkpoint) -> Edge:
        leaves = staged.leaves
        if staged.start != edge.size:
            raise RegisterError(f"The journal has a gap: no batch begins at entry {edge.size}.", "damaged")
        new, full = edge.extend(leaves)
        if (new.size, new.root) != (then.size, then.root):
            raise RegisterError(
                f"The batch of entries {edge.size} to {new.size} does not lead to its checkpoint: the tiles before it "
                "are damaged. Run 'assay register fsck'.", "damaged",
            )  # fmt: skip
        for path, data in full:
            self._objects.put(path, data)
            stride = len(data) // WIDTH
            for partial in list(self._objects.list(f"{path}.p/")):  # a loss of power may have torn those too
                self._objects.put(partial, data[: int(partial.rpartition("/")[2]) * stride])
        if new.size > self._dedupe.size:
            self._dedupe.add([head_hash(leaf[:HEAD]) for leaf in leaves[self._dedupe.size - edge.size :]])
        return new

    def sequence(self, batch: Sequence[Checked]) -> list[tuple[Position, ...]]:
        """Commit a batch; the positions of each submission in it.

        Returns when all is durable, not yet published. Entries that are there already get their position; where all
        are, nothing is committed. Raises RegisterError for what storage raises: then :meth:`load` comes next.
        """
        tip = self.tip
        heads = [entry.head for one, _ in batch for entry in one.entries]
        hashes = [found for _, each in batch for found in each]
        known = self._dedupe.find(hashes, heads)
        seen = int(self._clock())
        fresh: dict[bytes, int] = {}
        posted: list[Posted] = []
        leaves: list[bytes] = []
        answers: list[tuple[Position, ...]] = []
        at, size = 0, tip.edge.size
        for one, each in batch:
            rows: list[Row] = []
            positions: list[Position] = []
            for place, entry in enumerate(one.entries):
                key, index = hashes[at], known[at]
                at += 1
                if index is None:
                    index = fresh.get(key)
                if index is not None:
                    positions.append(Position(index=index, duplicate=True))
                    continue
                fresh[key] = size
                leaf = entry.head + one.signature
                leaves.append(leaf)
                rows.append(Row(index=size, leaf=leaf, position=place, opening=entry.opening))
                positions.append(Position(index=size))
                size += 1
            if rows:
                signed_heads = b"".join(each)
                posted.append(
                    Posted(key=one.key, signature=one.signature, heads=signed_heads, rows=tuple(rows), seen=seen)
                )
            answers.append(tuple(positions))
        if leaves:
            self._manifests(batch, answers)
            self._commit(tip, leaves, posted)
            self._dedupe.add(list(fresh))
        return answers

    def _manifests(self, batch: Sequence[Checked], answers: Sequence[tuple[Position, ...]]) -> None:
        """Make new manifests durable before a leaf names them."""
        found = False
        for (one, _), positions in zip(batch, answers, strict=True):
            for entry, position in zip(one.entries, positions, strict=True):
                if entry.manifest is not None and not position.duplicate:
                    self._objects.put(manifest_path(entry.head[34:66]), entry.manifest)
                    found = True
        if found:
            self._objects.sync()

    def _commit(self, tip: Tip, leaves: list[bytes], posted: list[Posted]) -> None:
        edge, full = tip.edge.extend(leaves)
        note = signed(self._signer, edge.size, edge.root)
        self._ledger.commit(tip.note.encode(), note.encode(), staging.encode(tip.edge.size, posted))
        with self._lock:
            self._tip = Tip(note, edge)
            self._full += full


def signed(signer: SignerKey, size: int, root: bytes) -> Note:
    """A checkpoint signed by the log alone. The origin is the name of its key."""
    text = Checkpoint(signer.name, size, root).text
    return Note(text, (signer.sign(text),))


def manifest_path(digest: bytes) -> str:
    """Where an encrypted manifest is kept, by the SHA-256 of its bytes."""
    return f"manifests/{digest.hex()}"


__all__ = ["Checked", "Full", "Tip", "Writer", "manifest_path", "signed"]
