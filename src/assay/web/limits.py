"""What every request passes: a time to arrive in, a number a minute, who may write, and a log without people in it."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from assay.web.problems import Refusal

WINDOW = 60
"""Seconds over which requests are counted."""
MAX_CLIENTS = 100_000
"""Clients counted one by one; those beyond share one count."""

HERE = {"localhost", "127.0.0.1"}
"""Names by which a service that lets everybody write is asked."""

_logger = logging.getLogger("assay.web")
_STARTED = "assay.started"


class Counter:
    """Counts requests a minute for each client: an IPv4 address, or the /64 of an IPv6 address, which is one line.
    Addresses stay in memory, a minute at most. ``clock`` gives seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._window = -1.0
        self._counts: dict[str, int] = {}

    def wait(self, client: str) -> int:
        """Count a request. 0 where it may pass, else the seconds until the next may."""
        now = self._clock()
        if self._limit and now // WINDOW != self._window:
            self._window = now // WINDOW
            self._counts.clear()
        key = _line(client)
        if key not in self._counts and len(self._counts) >= MAX_CLIENTS:
            key = "others"
        self._counts[key] = self._counts.get(key, 0) + 1
        if not self._limit or self._counts[key] <= self._limit:
            return 0
        return int(WINDOW - now % WINDOW) + 1


def _line(client: str) -> str:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def limited(counter: Counter, seconds: float, *, here: bool = False) -> Callable[[ASGIApp], ASGIApp]:
    """Middleware: refuse clients that ask too often, and bodies that take longer than ``seconds`` to arrive. With
    ``here``, refuse all that do not call this machine by its own name: a page elsewhere that lets its name point to
    this machine is no way in.
    """

    def wrap(app: ASGIApp) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"][_STARTED] = time.monotonic()
            wait = counter.wait((scope.get("client") or ("",))[0])
            if wait:
                says = "This client has asked too often; try again later."
                raise Refusal(429, "too_many", says, {"Retry-After": str(wait)})
            if here and Headers.from_scope(scope).get("host", "").rsplit(":", 1)[0] not in HERE:
                raise Refusal(400, "invalid_request", "Ask this service by the name localhost or 127.0.0.1.")
            deadline = time.monotonic() + seconds
            whole = False

            async def receive_in_time() -> Any:
                nonlocal whole
                if whole:
                    return await receive()
                try:
                    async with asyncio.timeout(deadline - time.monotonic()):
                        message = await receive()
                except TimeoutError:
                    raise Refusal(408, "too_slow", f"The request did not arrive within {seconds:g} s.") from None
                whole = message["type"] != "http.request" or not message.get("more_body")
                return message

            await app(scope, receive_in_time, send)

        return run

    return wrap


async def log(message: Message, scope: Scope) -> None:
    """One line a request: which route, never which address, identifier, value or file."""
    if message["type"] != "http.response.start":
        return
    started = scope["state"].get(_STARTED)
    line = {
        "method": scope.get("method"),
        "route": scope.get("path_template") or "other",
        "status": message["status"],
        "ms": None if started is None else round((time.monotonic() - started) * 1000),
    }
    _logger.info(json.dumps(line))


async def allow(message: Message, scope: Scope) -> None:
    """Name all methods of a path in ``Allow``: the framework's answer to OPTIONS knows those registered first."""
    if message["type"] == "http.response.start" and scope.get("method") == "OPTIONS":
        path = scope.get("path_template")
        methods = {
            method for route in scope["litestar_app"].routes if route.path_format == path for method in route.methods
        }
        headers = MutableScopeHeaders.from_message(message)
        if methods and "allow" in headers:
            headers["allow"] = ", ".join(sorted(methods))


def digest(token: str) -> str:
    """A token in the form in which it is kept: ``sha256:`` and the digest. Tokens are random and long, so a slow hash
    would protect nothing more.
    """
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def writers(token: str | None, *, free: bool) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """A guard of the routes that write. ``token`` is the digest of the one secret that lets in; ``free`` lets all."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if free:
            return
        if not token:
            raise Refusal(403, "read_only", "This service takes nothing in: no token is configured.")
        scheme, _blank, secret = connection.headers.get("authorization", "").partition(" ")
        given = digest(secret.strip()) if scheme.lower() == "bearer" else ""
        if not hmac.compare_digest(given, token):
            says = "Only who has the token may write here; send it as: Authorization: Bearer …"
            raise Refusal(401, "unauthorised", says, {"WWW-Authenticate": "Bearer"})

    return guard


def of_type(wanted: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """A guard of routes whose body is of one type, or of a kind such as ``image/*``."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        kind = connection.headers.get("content-type", "").split(";")[0].strip().lower()
        if not (kind.startswith(wanted[:-1]) if wanted.endswith("/*") else kind == wanted):
            raise Refusal(415, "unsupported_type", f"The body must be {wanted}, and be called so by Content-Type.")

    return guard


__all__ = ["Counter", "allow", "digest", "limited", "log", "of_type", "writers"]
