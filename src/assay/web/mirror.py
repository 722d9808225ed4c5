"""A mirror as an ASGI application: each log below ``/<SHA-256 of its origin, in hex>/``, as C2SP tlog-mirror wants it.

``/keys`` gives the mirror's verifier keys, ``/logs`` the origins that it copies with their names and sizes. Beside it
all logs are pulled at an interval.
"""

import asyncio
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from assay.errors import RegisterError
from assay.register.mirror import Mirror, name_of
from assay.web.listening import CONFIGURATION, listen, log_lines
from assay.web.problems import Refusal
from assay.web.register.problems import Header, answer, as_refusal, refuse
from assay.web.register.reads import Reads

EVERY = 60.0
"""Seconds between two pulls."""
_PATH = re.compile(r"/([0-9a-f]{64})(/.*)")
_TEXT: list[Header] = [
    (b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff"),
]  # fmt: skip
_logger = logging.getLogger("assay.web")

App = Callable[[Any, Any, Any], Any]


class Configuration(msgspec.Struct, frozen=True):
    """What to serve: the folder of a mirror; and the seconds between two pulls (0: none)."""

    folder: str
    every: float = EVERY


def create_app(mirror: Mirror, *, every: float = 0) -> App:
    """The service of one mirror; with ``every``, it pulls while it runs."""
    reads: dict[str, Reads] = {}
    stop = threading.Event()

    def of(name: str) -> Reads:
        origins = {name_of(line.key.name): line.key.name for line in mirror.policy.logs}
        if name not in origins:
            raise Refusal(404, "missing", "This mirror has no such log.")
        return reads.setdefault(name, Reads(lambda path: mirror.fetch(origins[name], path)))

    async def lifespan(receive: Any, send: Any) -> None:
        thread = threading.Thread(target=_pulls, args=(mirror, every, stop), daemon=True)
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if every:
                    thread.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                stop.set()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        try:
            if found := _PATH.fullmatch(scope["path"]):
                inner = {**scope, "path": found[2], "raw_path": scope.get("raw_path", b"")[65:]}
                await (await asyncio.to_thread(of, found[1]))(inner, send)
            elif scope["path"] in ("/keys", "/logs") and scope["method"] in ("GET", "HEAD"):
                body = await asyncio.to_thread(_keys if scope["path"] == "/keys" else _logs, mirror)
                await answer(send, 200, _TEXT, b"" if scope["method"] == "HEAD" else body)
            else:
                raise Refusal(404, "missing", "There is nothing here: logs are below the SHA-256 of their origin.")
        except Exception as error:
            await refuse(send, as_refusal(error))

    return app


def _keys(mirror: Mirror) -> bytes:
    return "".join(f"{key}\n" for key in mirror.verifiers).encode()


def _logs(mirror: Mirror) -> bytes:
    origins = dict.fromkeys(line.key.name for line in mirror.policy.logs)
    return "".join(f"{name_of(origin)} {mirror.head(origin).size} {origin}\n" for origin in origins).encode()


def _pulls(mirror: Mirror, every: float, stop: threading.Event) -> None:
    while True:
        with _logged():
            for line in mirror.policy.logs:
                with _logged():
                    pulled = mirror.pull(line)
                    _logger.info(json.dumps({"pulled": pulled.origin, "from": pulled.old, "to": pulled.size}))
        if stop.wait(every):
            return


@contextmanager
def _logged() -> Iterator[None]:
    """One log that fails does not keep the others from being pulled, nor this one the next time."""
    try:
        yield
    except RegisterError as error:
        _logger.error(json.dumps({"failure": error.reason, "says": str(error)}))
    except Exception as error:
        as_refusal(error)


def application() -> App:
    """The application that the environment describes."""
    configuration = msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration)
    log_lines()
    return create_app(Mirror(Path(configuration.folder)), every=configuration.every)


def serve(configuration: Configuration, host: str, port: int) -> None:
    """Answer and pull until stopped."""
    listen("assay.web.mirror:application", configuration, host, port)


__all__ = ["EVERY", "Configuration", "application", "create_app", "serve"]
