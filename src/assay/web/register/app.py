"""The log server as an ASGI application: tiles at the root, the API under ``/api/v1``, a page of health, metrics."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import ResponseHeader
from litestar.di import Provide

from assay.errors import RegisterError
from assay.register.anchors.keeper import AnchorStatus
from assay.register.local import OpenRegister
from assay.register.log import Log
from assay.register.tiles import CHECKPOINT
from assay.web.limits import Counter, allow, limited
from assay.web.limits import log as log_request
from assay.web.problems import handlers
from assay.web.register.health import Doctor
from assay.web.register.intake import PATH, Intake, Meter
from assay.web.register.metrics import Metrics
from assay.web.register.page import config
from assay.web.register.problems import SERVICE, refusal
from assay.web.register.reads import Reads
from assay.web.register.routes import ROUTES


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server lets through. ``requests_per_minute`` is for each client, 0 for any number, and not for tiles.
    ``max_body`` is in bytes, ``upload_seconds`` the time it may take to arrive, ``max_held`` the bytes of submissions
    that are on their way together.
    """

    requests_per_minute: int = 600
    max_body: int = 16 * 1024 * 1024
    upload_seconds: float = 60.0
    max_held: int = 256 * 1024 * 1024


class App:
    """The application over a log that is open to write. Closing the log is the caller's."""

    def __init__(
        self,
        log: Log,
        meter: Meter,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        answers: Callable[[], Mapping[str, str]] = dict,
        anchors: Callable[[], tuple[AnchorStatus, ...]] = tuple,
        closing: Callable[[], None] = lambda: None,
        counter: Counter | None = None,
    ) -> None:
        """``answers`` tells what each witness said last, ``anchors`` how it goes with those; ``closing`` is called when
        all requests are answered and the server ends.
        """
        limits, metrics = limits or Limits(), metrics or Metrics()
        counter = counter or Counter(limits.requests_per_minute)
        doctor, register = Doctor(log, metrics, answers, anchors), OpenRegister(log)
        metrics.state(doctor.gauges)
        self._closing = closing
        self._reads = Reads(register.fetch, count=metrics.read)
        self._intake = Intake(
            log.sequencer.submit, meter, counter, metrics,
            seconds=limits.upload_seconds, max_body=limits.max_body, max_held=limits.max_held,
        )  # fmt: skip
        given = {"register": register, "policy": log.policy, "doctor": doctor, "metrics": metrics}
        self._rest = Litestar(
            route_handlers=ROUTES,
            dependencies={name: Provide(_always(one), sync_to_thread=False) for name, one in given.items()},
            exception_handlers=handlers(SERVICE, {RegisterError: refusal}),
            middleware=[limited(counter, limits.upload_seconds)],
            before_send=[allow, log_request],
            cors_config=CORSConfig(allow_origins=["*"], allow_methods=["GET"], max_age=3600),
            response_headers=[ResponseHeader(name="X-Content-Type-Options", value="nosniff")],
            openapi_config=config(),
            on_shutdown=[self.close],
            logging_config=None,
            debug=False,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if path == PATH:
            await self._intake(scope, receive, send)
        elif path.startswith("/tile/") or path == f"/{CHECKPOINT}":
            await self._reads(scope, send)
        else:
            await self._rest(scope, receive, send)

    async def close(self) -> None:
        """End, and publish what is committed."""
        await asyncio.to_thread(self._intake.close)
        await asyncio.to_thread(self._closing)
        self._reads.close()


def _always(one: Any) -> Callable[[], Any]:
    return lambda: one


__all__ = ["App", "Limits"]
