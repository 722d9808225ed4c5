"""The authority over HTTP, as RFC 3161 section 3.4 has it: a query is posted, a reply comes back."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from assay.errors import ProvenanceError
from assay.timestamps.authority import Authority, BusyError

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MAX_QUERY = 8 * 1024
"""Bytes of a request; real ones have about a hundred."""

PATIENCE = 10
"""Seconds that a client may take over its request."""

CLIENTS = 64
"""Connections open at the same time; more are closed at once."""

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
"""Methods that a line of the log names; what else a client may write there is its own business."""


class Server(ThreadingHTTPServer):
    """Listens when made, answers in :meth:`serve_forever`, ends on :meth:`shutdown` (from another thread) and
    :meth:`server_close`, which waits for the answers under way. ``log`` gets a line a request, without addresses.

    Raises OSError where the address cannot be had.
    """

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, authority: Authority, host: str, port: int, log: Callable[[str], object]) -> None:
        self.authority = authority
        self.log = log
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[0], self.server_address[1]
        text = host if isinstance(host, str) else host.decode()
        return f"http://[{text}]:{port}/" if ":" in text else f"http://{text}:{port}/"

    def server_bind(self) -> None:
        """Without the reverse look-up of the name that the standard library makes here: it may hang."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Whether there is room for one more."""
        return len(self._open) < CLIENTS

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Remember that the connection is open."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Forget it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening; no more is read of anyone, and the answers under way go out first."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that goes away is no event worth a traceback."""
        self.log("connection lost")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "assay-tsa", ""
    timeout = PATIENCE

    def setup(self) -> None:
        """Begin, and allow for the whole request what the standard library allows for each byte of it."""
        super().setup()
        self._end = threading.Timer(self.timeout, self._read_no_more)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        """End."""
        self._end.cancel()
        super().finish()

    def _read_no_more(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def do_POST(self) -> None:
        """A timestamp."""
        refusal = self._refusal()
        if refusal:
            return self._say(*refusal)
        wanted = int(self.headers["Content-Length"])
        query = self.rfile.read(wanted)
        if len(query) < wanted:
            raise ConnectionAbortedError("the request did not arrive whole")
        try:
            reply = self.server.authority.reply(query)
        except BusyError as error:
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except ProvenanceError as error:
            return self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        return self._send(HTTPStatus.OK, reply, REPLY)

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        if self.path.split("?")[0] != "/":
            return HTTPStatus.NOT_FOUND, "Timestamps are given at / and nowhere else."
        if self.headers.get_content_type() != QUERY:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"A timestamp request has the content type {QUERY}."
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            return HTTPStatus.LENGTH_REQUIRED, "A timestamp request has a Content-Length."
        if len(length) > 9 or int(length) > MAX_QUERY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A timestamp request has at most {MAX_QUERY} bytes."
        return None

    def do_GET(self) -> None:
        """Whether all is well, at ``/health``."""
        if self.path.split("?")[0] != "/health":
            return self._not_post()
        authority = self.server.authority
        well = authority.in_date()
        state = {
            "status": "ok" if well else "certificate out of date",
            "policy": authority.identity.policy,
            "certificate_until": authority.certificate.not_valid_after_utc.isoformat(),
        }
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return self._send(status, json.dumps(state).encode(), "application/json")

    def _not_post(self) -> None:
        says = f"This is an RFC 3161 time-stamping authority: POST a request of type {QUERY} to /."
        self._say(HTTPStatus.METHOD_NOT_ALLOWED, says)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the standard library refuses (another method, a request that is none), as plain text too."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            return self._not_post()
        return self._say(HTTPStatus(code), "This is not an HTTP request that can be answered.")

    def _say(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, f"{sentence}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        # One request a connection: nobody needs two timestamps in a hurry, the body of a refused request was not read,
        # and a connection that idles would delay the end of the server.
        self.close_connection = True
        self.server.log(f"{self.command if self.command in METHODS else '?'} {status.value}")
        self.send_response_only(status)
        self.send_header("Server", self.server_version)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The standard library's own lines hold addresses: none of them."""


__all__ = ["MAX_QUERY", "QUERY", "REPLY", "Server"]
