"""A Bitcoin chain and an OpenTimestamps calendar in small, for tests: blocks with easy targets, real HTTP."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp

EASY = 0x207FFFFF
"""The target of Bitcoin's test chains: every second hash meets it."""
BEGAN = 1_790_000_000
EASE = 1e-10
"""A difficulty below that of such blocks."""


def double(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def mined(root: bytes, previous: bytes, time: int, bits: int = EASY) -> bytes:
    """A header with its proof of work."""
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    front = (
        (0x20000000).to_bytes(4, "little") + previous + root + time.to_bytes(4, "little") + bits.to_bytes(4, "little")
    )
    for nonce in range(1 << 24):
        header = front + nonce.to_bytes(4, "little")
        if int.from_bytes(double(header), "little") <= target:
            return header
    raise AssertionError("no nonce found")


@dataclass
class Bitcoin:
    """Ten minutes a block, from ``start``."""

    start: int = 900_000
    headers: list[bytes] = field(default_factory=list)

    def mine(self, root: bytes = b"\0" * 32, *, bits: int = EASY) -> int:
        """Another block; its height."""
        previous = double(self.headers[-1]) if self.headers else b"\1" * 32
        self.headers.append(mined(root, previous, BEGAN + 600 * len(self.headers), bits))
        return self.start + len(self.headers) - 1

    def by_height(self) -> dict[int, bytes]:
        return {self.start + n: header for n, header in enumerate(self.headers)}

    def name(self, height: int) -> bytes:
        """The hash of a block as explorers show it."""
        return double(self.headers[height - self.start])[::-1]


@dataclass
class Calendar:
    """What a calendar keeps: each digest, and the block that has it once it was mined.

    ``mood``: ``well``, ``down`` (500), ``nonsense``, ``other`` (a timestamp with trailing bytes). ``fat``: so many
    useless branches of 4000 bytes in each answer.
    """

    bitcoin: Bitcoin
    url: str = ""
    mood: str = "well"
    fat: int = 0
    kept: dict[bytes, int | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def submit(self, digest: bytes) -> bytes:
        timestamp = Timestamp(digest)
        place = timestamp.ops.add(OpPrepend(self.url.encode())).ops.add(OpSHA256())
        place.attestations.add(PendingAttestation(self.url))
        self.kept.setdefault(place.msg, None)
        return encoded(timestamp)

    def mine(self) -> int:
        """Put all that waits into one block (one transaction each, one block each here); the last height."""
        height = 0
        for digest, found in self.kept.items():
            if found is None:
                height = self.bitcoin.mine(double(b"tx" + digest + b"end"))
                self.kept[digest] = height
        return height

    def complete(self, digest: bytes) -> bytes | None:
        height = self.kept.get(digest)
        if height is None:
            return None
        timestamp = Timestamp(digest)
        root = timestamp.ops.add(OpPrepend(b"tx")).ops.add(OpAppend(b"end")).ops.add(OpSHA256()).ops.add(OpSHA256())
        root.attestations.add(BitcoinBlockHeaderAttestation(height))
        for n in range(self.fat):
            timestamp.ops.add(OpAppend(bytes([n]) * 4000)).attestations.add(BitcoinBlockHeaderAttestation(n))
        return encoded(timestamp)


def encoded(timestamp: Timestamp) -> bytes:
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return bytes(context.getbytes())


@contextlib.contextmanager
def serving(calendar: Calendar) -> Iterator[Calendar]:
    """Over HTTP as python-opentimestamps asks it, on a free port."""

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        calendar.asked.append(f"{method} {path}")
        found = calendar.submit(body) if method == "POST" else calendar.complete(bytes.fromhex(path.rsplit("/", 1)[1]))
        if calendar.mood == "down":
            return 500, b"down"
        if calendar.mood == "nonsense":
            return 200, b"<html>"
        if found is None:
            return 404, b""
        return 200, found + b"\0" if calendar.mood == "other" else found

    with listening(answer) as url:
        calendar.url = url
        yield calendar


@contextlib.contextmanager
def exploring(bitcoin: Bitcoin, changed: dict[str, bytes] | None = None) -> Iterator[str]:
    """The URL of an explorer with Esplora's API; ``changed`` are paths that answer something else."""

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if changed and path in changed:
            return 200, changed[path]
        kind, name, *_ = path.strip("/").split("/")
        there = bitcoin.by_height()
        if kind == "block-height" and int(name) in there:
            return 200, bitcoin.name(int(name)).hex().encode()
        found = [header for height, header in there.items() if bitcoin.name(height).hex() == name]
        return (200, found[0].hex().encode()) if found else (404, b"Block not found")

    with listening(answer) as url:
        yield url


@contextlib.contextmanager
def listening(answer: Callable[[str, str, bytes], tuple[int, bytes]]) -> Iterator[str]:
    """The URL of a server that answers (method, path, body) with (status, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._reply(b"")

        def _reply(self, body: bytes) -> None:
            status, said = answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
