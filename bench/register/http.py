"""How fast a log is over HTTP: one server process and one that loads it, on one machine.

    python -m bench.register.http [--seconds 5]

Each figure stands beside that of a bare Granian application, which answers the same requests without doing anything, in
the same run. Submissions are signed beforehand; each claims something new.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.register import leaf
from assay.register.log import init
from assay.register.merkle import leaf_hash, root_of
from assay.register.model import Entry, Submission
from assay.register.remote import RemoteRegister
from assay.register.tiles import entries_path, tile_path

_LENGTH = b"content-length: "


def submissions(count: int, entries: int) -> list[bytes]:
    """Bodies of ``count`` submissions with ``entries`` private claims each."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    owner = leaf.key_hash(public)
    bodies = []
    for _ in range(count):
        heads = [leaf.head(leaf.Kind.CLAIM, secrets.token_bytes(32), leaf.NO_MANIFEST, owner) for _ in range(entries)]
        signature = private.sign(leaf.batch_message(entries, root_of([leaf_hash(head) for head in heads])))
        made = Submission(key=public, signature=signature, entries=tuple(Entry(head=head) for head in heads))
        bodies.append(msgspec.json.encode(made))
    return bodies


def post(body: bytes) -> bytes:
    """A request that hands in."""
    head = f"POST /api/v1/submissions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str) -> bytes:
    """A request that reads."""
    return f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class Client(asyncio.Protocol):
    """One connection, one request at a time, until there are no more or the time is over."""

    def __init__(self, more: Callable[[], bytes | None], took: list[float], done: "asyncio.Future[None]") -> None:
        self._more, self._took, self._done = more, took, done
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: Any = transport
        self._next()

    def _next(self) -> None:
        request = self._more()
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take in an answer, or a part of one."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(_LENGTH) + len(_LENGTH)
        stop = head.find(b"\r", at)
        length = int(head[at : stop if stop > 0 else None])
        if len(self._buffer) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            self._done.set_exception(RuntimeError(self._buffer.decode(errors="replace")[:500]))
            self._transport.close()
            return
        self._buffer = b""
        self._took.append(time.perf_counter() - self._began)
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        """End."""
        if not self._done.done():
            self._done.set_result(None)


def load(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> tuple[float, float, float]:
    """Requests answered in a second, and the median and 99th percentile of their times in seconds."""

    async def run() -> tuple[float, list[float]]:
        loop, took = asyncio.get_running_loop(), list[float]()
        end = time.perf_counter() + seconds

        def more() -> bytes | None:
            return next(requests, None) if time.perf_counter() < end else None

        dones = [loop.create_future() for _ in range(connections)]
        began = time.perf_counter()
        for done in dones:
            await loop.create_connection(lambda done=done: Client(more, took, done), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*dones)
        return time.perf_counter() - began, took

    wall, took = asyncio.run(run())
    took.sort()
    return len(took) / wall, took[len(took) // 2], took[int(len(took) * 0.99)]


@contextlib.contextmanager
def running(*command: str) -> Iterator[int]:
    """A server on a free port, given as the last argument; ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([*command, str(port)], stdout=out, stderr=out, env=os.environ)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            else:
                out.seek(0)
                raise RuntimeError(out.read().decode(errors="replace"))
            yield port
        finally:
            child.terminate()
            child.wait(30)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """What a server costs that does nothing: the bare application of the comparison."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b"x" * (8192 if scope["method"] == "GET" else 256)
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_log(folder: Path, port: int) -> None:
    """A server in this process, without limits for a client."""
    from assay.web.register import serve  # noqa: PLC0415 (only in the child)
    from assay.web.register.app import Limits  # noqa: PLC0415

    serve(folder, port=port, limits=Limits(requests_per_minute=0))


def serve_echo(port: int) -> None:
    """The bare application, listened to in the same way."""
    from assay.web.listening import listen  # noqa: PLC0415 (only in the child)

    listen("bench.register.http:made", msgspec.defstruct("Nothing", [])(), "127.0.0.1", port)


def made() -> Any:
    """The factory of the bare application."""
    return echo


def _cycle(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def measure(seconds: float) -> list[tuple[str, float, float, float, float]]:
    """For each kind of request: name, rate, median, 99th percentile, and the rate of the bare application. The unit is
    entries for what hands in, requests for what reads.
    """
    singles = [post(body) for body in submissions(int(8000 * seconds), 1)]
    hundreds = [post(body) for body in submissions(int(600 * seconds), 100)]
    bare = {}
    with running(sys.executable, "-m", "bench.register.http", "--serve-echo") as port:
        bare["single"] = load(port, _cycle(singles[:1000]), 512, seconds)[0]
        bare["hundred"] = load(port, _cycle(hundreds[:100]), 64, seconds)[0]
        bare["tile"] = load(port, _cycle([get("tile/0/000")]), 32, seconds)[0]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        init(log, "bench.example/log").close()
        with running(sys.executable, "-m", "bench.register.http", "--serve-log", str(log)) as port:
            rate, middle, late = load(port, iter(singles), 512, seconds)
            found.append(("single submissions", rate, middle, late, bare["single"]))
            rate, middle, late = load(port, iter(hundreds), 64, seconds)
            found.append(("entries in posts of 100", 100 * rate, middle, late, 100 * bare["hundred"]))
            register = RemoteRegister(f"http://127.0.0.1:{port}")
            size = int(register.fetch("checkpoint").split(b"\n")[1])
            paths = [path(n) for n in range(size // 256) for path in (lambda n: tile_path(0, n), entries_path)]
            rate, middle, late = load(port, _cycle([get(path) for path in paths]), 32, seconds)
            found.append((f"reads of {len(paths)} tiles and bundles", rate, middle, late, bare["tile"]))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--serve-echo", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--serve-log", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve_echo:
        serve_echo(given.serve_echo)
    elif given.serve_log:
        serve_log(Path(given.serve_log[0]), int(given.serve_log[1]))
    else:
        print(f"{'':40}{'rate/s':>12}{'median ms':>12}{'p99 ms':>12}{'bare/s':>12}{'ratio':>8}")
        for name, rate, middle, late, bare in measure(given.seconds):
            print(f"{name:40}{rate:12,.0f}{1000 * middle:12.1f}{1000 * late:12.1f}{bare:12,.0f}{rate / bare:8.2f}")


if __name__ == "__main__":
    main()
