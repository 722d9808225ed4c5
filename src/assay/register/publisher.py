"""From a committed tree to a published one: tiles, then the cosignatures of a quorum, then the checkpoint."""

from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import VerifierKey
from assay.register.merkle import EMPTY, Frontier, consistency_proof
from assay.register.note import Note
from assay.register.ports import Cosign, Objects
from assay.register.tiles import CHECKPOINT, TileTree
from assay.register.writer import Full, Tip


@dataclass(frozen=True)
class Published:
    """What clients see: a cosigned checkpoint."""

    checkpoint: Checkpoint
    note: bytes

    @property
    def size(self) -> int:
        """Its tree size."""
        return self.checkpoint.size


class Publisher:
    """Publishes into objects. Nothing is published that ``cosign`` does not let pass."""

    def __init__(self, objects: Objects, verifier: VerifierKey, cosign: Cosign) -> None:
        self._objects = objects
        self._verifier = verifier
        self._cosign = cosign
        self.published: Published | None = None

    def load(self, tip: Tip) -> None:
        """Read what is published, and check that the committed tree extends it. Raises RegisterError ``damaged``."""
        found = read_published(self._objects, self._verifier)
        if found is None:
            self.published = None
            return
        size, there = tip.edge.size, found.checkpoint
        if there.size > size:
            raise RegisterError(
                f"The journal ends at {size} entries, but {there.size} are published: it has lost some. Do not go on "
                "writing; bring the journal back from a copy. Where it was damaged at its end, a file beside it with "
                "the ending .cut is what is lost.", "damaged",
            )  # fmt: skip
        reader = TileTree(self._objects.get, there.size)
        root = Frontier.at(there.size, reader).root if there.size < size else tip.edge.root
        if root != there.root:
            raise RegisterError(
                f"The published checkpoint of {there.size} entries is not that of this journal: do not go on writing; "
                "run 'assay register fsck'.", "damaged",
            )  # fmt: skip
        self.published = found

    def place(self, tip: Tip, full: Full) -> None:
        """Write the tiles that lead to a tip. Raises RegisterError for what storage raises."""
        for path, data in full:
            self._objects.put(path, data)
        for path, data in tip.edge.partials():
            self._objects.put(path, data)

    def cosigned(self, tip: Tip) -> Note:
        """The checkpoint of a tip, whose tiles are in place, under a quorum. Raises RegisterError ``quorum``."""
        size = tip.edge.size

        def prove(old: int) -> list[bytes]:
            return consistency_proof(old, size, TileTree(self._objects.get, size))

        return self._cosign(tip.note, prove)

    def announce(self, note: Note) -> Published:
        """Put a cosigned checkpoint where clients see it. Raises RegisterError for what storage raises."""
        published = Published(Checkpoint.parse(note.text), note.encode())
        self._objects.put(CHECKPOINT, published.note)
        self.published = published
        return published


def read_published(objects: Objects, verifier: VerifierKey) -> Published | None:
    """The published checkpoint, None where there is none. Raises RegisterError ``damaged`` where the log has not signed
    it.
    """
    try:
        data = objects.get(CHECKPOINT)
    except RegisterError as error:
        if error.reason == "missing":
            return None
        raise
    try:
        note = Note.parse(data)
        if verifier.signed(note) is None:
            raise RegisterError("It is not signed by this log.", "key")
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != verifier.name or (not checkpoint.size and checkpoint.root != EMPTY):
            raise RegisterError("It is of another log.", "key")
    except RegisterError as error:
        raise RegisterError(
            f"The published checkpoint is damaged: {error} 'assay register fsck --repair' has it written again.",
            "damaged",
        ) from error
    return Published(checkpoint, data)


def alone(note: Note, prove: object) -> Note:  # noqa: ARG001 (a Cosign)
    """The cosigning of a log without witnesses: none."""
    return note


__all__ = ["Published", "Publisher", "alone", "read_published"]
