"""A small log in memory, with all its tiles; it can be made to lie."""

from collections.abc import Sequence

import httpx

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import SignerKey, VerifierKey
from assay.register.leaf import Kind, Leaf
from assay.register.merkle import consistency_proof, leaf_hash, node_hash, reader_of, root_of
from assay.register.note import Note
from assay.register.tiles import CHECKPOINT, WIDTH, encode_bundle, parse_path


def leaves(count: int, start: int = 0) -> list[bytes]:
    """Leaves that are well formed; nobody signed them."""
    return [
        Leaf(Kind.CLAIM, n.to_bytes(32, "big"), bytes(32), b"k" * 32, b"s" * 64).encode()
        for n in range(start, start + count)
    ]


class ToyLog:
    """``shown`` is the checkpoint that it serves, ``broken`` replaces what it serves at a path (None: 404)."""

    def __init__(self, origin: str, entries: Sequence[bytes] = (), *, key: SignerKey | None = None) -> None:
        self.key = key or SignerKey.generate(origin)
        self.entries = list(entries)
        self.broken: dict[str, bytes | None] = {}
        self.asked: list[str] = []
        self._rows: list[list[bytes]] = [[]]
        self.shown: Note = self.note()

    @property
    def verifier(self) -> VerifierKey:
        return self.key.verifier

    @property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries]

    def rows(self) -> list[list[bytes]]:
        """Roots of all complete subtrees, by level, made once a size."""
        if len(self._rows[0]) != len(self.entries):
            rows = [self.hashes]
            while len(rows[-1]) > 1:
                rows.append([node_hash(*rows[-1][n : n + 2]) for n in range(0, len(rows[-1]) - 1, 2)])
            self._rows = rows
        return self._rows

    def note(self, size: int | None = None) -> Note:
        """The log's checkpoint of a size, signed by it alone."""
        size = len(self.entries) if size is None else size
        text = Checkpoint(self.key.name, size, root_of(self.hashes[:size])).text
        return Note(text, (self.key.sign(text),))

    def proof(self, old: int, size: int | None = None) -> list[bytes]:
        return consistency_proof(old, len(self.entries) if size is None else size, reader_of(self.hashes))

    def add(self, entries: Sequence[bytes]) -> Note:
        """Append, and serve the new checkpoint."""
        self.entries += entries
        self.shown = self.note()
        return self.shown

    def fork(self, size: int, entries: Sequence[bytes]) -> "ToyLog":
        """Another history under the same key, that leaves this one after ``size`` entries."""
        return ToyLog(self.key.name, [*self.entries[:size], *entries], key=self.key)

    def fetch(self, path: str) -> bytes:
        self.asked.append(path)
        if path in self.broken:
            data = self.broken[path]
            if data is None:
                raise RegisterError(f"{path} is not there.", "missing")
            return data
        if path == CHECKPOINT:
            return self.shown.encode()
        place = parse_path(path)
        level, start = place.level or 0, place.index * WIDTH
        count = min(WIDTH, max(0, (len(self.entries) >> 8 * level) - start))
        if count < place.width:
            raise RegisterError(f"{path} is not there.", "missing")
        if place.level is None:
            return encode_bundle(self.entries[start : start + place.width])
        return b"".join(self.rows()[8 * level][start : start + place.width])

    def transport(self) -> httpx.MockTransport:
        """Serves the log at the root of any host."""

        def answer(request: httpx.Request) -> httpx.Response:
            try:
                return httpx.Response(200, content=self.fetch(request.url.path[1:]))
            except RegisterError as error:
                return httpx.Response(404 if error.reason == "missing" else 400, text=str(error))

        return httpx.MockTransport(answer)
