"""A log of its own behind the server's application, asked without a network."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tests.register.posts import record
from tests.web.conftest import asked

from assay.register.database.submitters import Submitters
from assay.register.log import Log, init, open_index
from assay.register.model import Submission
from assay.register.ports import Cosign
from assay.register.settings import read
from assay.register.submission import Submitter
from assay.web.limits import Counter
from assay.web.register.app import App, Limits
from assay.web.register.metrics import Metrics

ORIGIN = "example.org/log"


class Served:
    """The application, the log under it, and its submitters."""

    def __init__(self, app: App, log: Log, submitters: Submitters) -> None:
        self.app, self.log, self.submitters = app, log, submitters

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asked(self.app, method, path, **options)

    def post(self, submission: Submission | bytes, **headers: str) -> httpx.Response:
        body = submission if isinstance(submission, bytes) else msgspec.json.encode(submission)
        return self.ask("POST", "/api/v1/submissions", content=body, headers=headers)

    @property
    def size(self) -> int:
        """Entries that are durable."""
        return self.log.sequencer.status.committed

    def settled(self) -> None:
        """Wait until all that is published is searchable."""
        ready = threading.Event()
        while (status := self.log.sequencer.status).indexed < status.published:
            ready.wait(0.01)


@contextmanager
def served(
    folder: Path, *, limits: Limits | None = None, cosign: Cosign | None = None, clock: Any = None,
    answers: Mapping[str, str] | None = None, counter: Counter | None = None, policy: str | None = None,
    wait: float = 10.0,
) -> Iterator[Served]:  # fmt: skip
    """A server over a new log, or over the one that is there. ``clock`` is that of the quotas; ``policy`` is added to
    the log's own line.
    """
    if not folder.exists():
        init(folder, ORIGIN).close()
        settings = folder / "log.toml"
        settings.write_text(settings.read_text().replace("wait = 10.0", f"wait = {wait}").replace("0.05", "0.0"))
        if policy is not None:
            own = (folder / "policy").read_text().partition("quorum")[0]
            (folder / "policy").write_text(own + policy)
    index = open_index(folder, read(folder))
    metrics = Metrics()
    log = Log.open(folder, index=index, cosign=None if cosign is None else metrics.timed(cosign))
    submitters = Submitters(index.engine, **({} if clock is None else {"clock": clock}))
    app = App(
        log, submitters, limits=limits or Limits(requests_per_minute=0), metrics=metrics, counter=counter,
        answers=lambda: answers or {}, closing=log.close,
    )  # fmt: skip
    try:
        yield Served(app, log, submitters)
    finally:
        asyncio.run(app.close())
        index.close()


def claims(
    submitter: Submitter, *numbers: int, public: bool = True, manifest: bytes | None = None, prints: bytes = b""
) -> Submission:
    """Claims of imaginary files, signed together."""
    given = [(record(number, *([prints] if prints else [])), manifest) for number in numbers]
    return submitter.claims(given, public)[0]


def problem(response: httpx.Response, status: int, code: str) -> str:
    """What a problem says, once it is one of the register's in all its parts."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:assay:register:{code}")
    assert response.headers["cache-control"] == "no-store"
    return str(told["detail"])


class Bridge(httpx.BaseTransport):
    """A transport for synchronous clients that ends in an application."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def run() -> httpx.Response:
            body = request.read()
            answer = await self._inner.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers, content=body)
            )
            content = await answer.aread()
            headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
            return httpx.Response(answer.status_code, headers=headers, content=content)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
