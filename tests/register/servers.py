"""ASGI applications behind real sockets of this machine, each in a thread of its own."""

import asyncio
import socket
import threading
import time
from contextlib import closing, suppress
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """One application that answers at ``url`` until it is stopped; started again, it answers at the same place."""

    def __init__(self, app: Any, port: int | None = None) -> None:
        self.app, self.port = app, port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: Server | None = None
        self.start()

    def start(self) -> None:
        server = self._server = Server(
            self.app, address="127.0.0.1", port=self.port, interface=Interfaces.ASGINL, http=HTTPModes.http1,
            websockets=False, log_level=LogLevels.critical,
        )  # fmt: skip

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        self._thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        self._thread.start()
        for _ in range(2000):
            with closing(socket.socket()) as probe, suppress(OSError):
                probe.connect(("127.0.0.1", self.port))
                return
            time.sleep(0.005)
        raise AssertionError("The server does not answer.")

    def stop(self) -> None:
        if self._server is not None:
            self._loop.call_soon_threadsafe(self._server.stop)
            self._thread.join(10)
            assert not self._thread.is_alive()
            self._server = None

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
