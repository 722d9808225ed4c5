"""A witness as an ASGI application: ``POST /add-checkpoint`` as C2SP tlog-witness wants it, in plain text.

``GET /<SHA-256 of the origin, in hex>/checkpoint`` gives the last checkpoint of a log that it cosigned, for monitors:
tlog-witness leaves open how they ask, and this is how tlog-mirror does. ``GET /keys`` gives its verifier keys.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException
from litestar.params import PathParameter

from assay.errors import RegisterError
from assay.register.http import Answer
from assay.register.witness import MAX_BODY, Witness
from assay.web.limits import Counter, limited, log
from assay.web.listening import CONFIGURATION, listen, log_lines
from assay.web.problems import Refusal, failure

PER_MINUTE = 600
"""Requests a minute that one client may make; a log asks once for each of its checkpoints."""
SECONDS = 20.0
"""Seconds within which a request must have arrived."""
TEXT = "text/plain; charset=utf-8"


class Configuration(msgspec.Struct, frozen=True):
    """What to serve: the folder of a witness, and the requests a minute of one client (0: any number)."""

    folder: str
    per_minute: int = PER_MINUTE


def create_app(witness: Witness, *, counter: Counter | None = None, seconds: float = SECONDS) -> Litestar:
    """The service of one witness."""

    @post("/add-checkpoint", status_code=200)
    async def add_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Cosign a checkpoint, or say why not."""
        answer = await sync_to_thread(witness.add_checkpoint, await request.body())
        return _response(answer)

    @get("/{digest:str}/checkpoint", sync_to_thread=True)
    def checkpoint(digest: Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$")]) -> Response[bytes]:
        """The last checkpoint of a log that this witness cosigned."""
        for origin in dict.fromkeys(key.name for key in witness.logs):
            if hashlib.sha256(origin.encode()).hexdigest() == digest:
                note = witness.head(origin).note
                if note is not None:
                    return _response(Answer(200, TEXT, note.encode()))
        return _response(Answer(404, TEXT, b"This witness has cosigned no checkpoint of such a log.\n"))

    @get("/keys", sync_to_thread=False)
    def keys() -> Response[bytes]:
        """The verifier keys, one a line."""
        return _response(Answer(200, TEXT, "".join(f"{key}\n" for key in witness.verifiers).encode()))

    return Litestar(
        route_handlers=[add_checkpoint, checkpoint, keys],
        exception_handlers={Refusal: _refused, HTTPException: _http, RegisterError: _storage, Exception: _failed},
        middleware=[limited(counter or Counter(PER_MINUTE), seconds)],
        before_send=[log],
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _response(answer: Answer, headers: dict[str, str] | None = None) -> Response[bytes]:
    # As a header: the framework would add a charset to every text/, and the size of a tree has none.
    given = {"Content-Type": answer.kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(answer.body, status_code=answer.status, headers={**given, **(headers or {})})


def _refused(_: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    return _response(Answer(error.status, TEXT, f"{error.detail}\n".encode()), error.headers)


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    says = {404: "There is nothing here.", 405: "Not by this method.", 413: "The body is too large."}
    return _response(Answer(error.status_code, TEXT, f"{says.get(error.status_code, 'Not understood.')}\n".encode()))


def _storage(_: Request[Any, Any, Any], error: RegisterError) -> Response[bytes]:
    # Its own words name files of this machine.
    failure(error)
    return _response(Answer(503, TEXT, b"The witness cannot use its storage now.\n"), {"Retry-After": "5"})


def _failed(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _response(Answer(500, TEXT, f"{failure(error).detail}\n".encode()))


def application() -> Litestar:
    """The application that the environment describes."""
    configuration = msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration)
    log_lines()
    return create_app(Witness(Path(configuration.folder)), counter=Counter(configuration.per_minute))


def serve(configuration: Configuration, host: str, port: int) -> None:
    """Answer until stopped."""
    listen("assay.web.witness:application", configuration, host, port)


__all__ = ["Configuration", "application", "create_app", "serve"]
