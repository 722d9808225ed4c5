"""Refusals and failures as ``application/problem+json`` (RFC 9457), with codes that stay."""

import logging
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example

from assay.errors import MediaError, ProvenanceError
from assay.provenance.resolution.records import Problem

PROBLEM_JSON = "application/problem+json"

CODES = {
    400: "invalid_request", 401: "unauthorised", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    408: "too_slow", 409: "conflict", 413: "too_large", 414: "query_too_long", 415: "unsupported_type", 429: "too_many",
    500: "failure", 503: "unavailable", 507: "full",
}  # fmt: skip
"""The code of each status, where nothing more exact is known."""

RESOLVER = "resolver"
"""The service whose problems these are, unless another is named: it stands in their ``type``."""
_STORE = {"conflict": 409, "rejected": 400, "missing": 404, "full": 507}
_logger = logging.getLogger("assay.web")


class Refusal(Exception):  # noqa: N818 (a refusal is no error)
    """A request that is not answered. ``detail`` is one sentence for a person, ``code`` one word for a program."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers


def told(status: int, code: str, detail: str, service: str = RESOLVER) -> bytes:
    """The body that tells of a problem."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:assay:{service}:{code}", title=HTTPStatus(status).phrase, status=status, detail=detail, code=code
        )
    )


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, *, service: str = RESOLVER
) -> Response[bytes]:
    """The answer that tells of a problem."""
    return Response(
        told(status, code, detail, service),
        status_code=status,
        media_type=PROBLEM_JSON,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )


def failure(error: Exception) -> Refusal:
    """What nobody thought of: where it happened is logged, and nothing of what was asked."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _logger.error(msgspec.json.encode({"failure": type(error).__name__, "where": where}).decode())
    return Refusal(500, "failure", "The service failed; the failure is logged.")


def _http(error: HTTPException) -> Refusal:
    status = error.status_code
    detail = error.detail.partition(" for path ")[0]
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        keys = [str(part["key"]) for part in error.extra if isinstance(part, dict) and "key" in part]
        detail = f"Not as the API wants it: {', '.join(keys) or 'the body'}."
    if status >= 500:
        return failure(error)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in ("allow", "retry-after")}
    return Refusal(status, CODES.get(status, "refused"), detail[:500] or HTTPStatus(status).phrase, headers)


def _store(error: ProvenanceError) -> Refusal:
    status = _STORE.get(error.reason, 503)
    # The store's own words name folders of this machine.
    says = {507: "The store is full.", 503: "The store cannot be used now."}.get(status, str(error))
    return Refusal(status, CODES[status], says)


def _media(error: MediaError) -> Refusal:
    if error.reason == "too_large":
        return Refusal(413, "too_large", str(error))
    if error.reason in ("timeout", "crashed", "out_of_memory"):
        return Refusal(400, "undecodable", "The file could not be decoded.")
    return Refusal(400, error.reason, str(error))


def _too_deep(_: RecursionError) -> Refusal:
    return Refusal(400, "invalid_request", "The body is nested too deeply.")


def handlers(
    service: str = RESOLVER, more: Mapping[type[Exception], Callable[[Any], Refusal]] | None = None
) -> dict[int | type[Exception], Any]:
    """The exception handlers of a service; ``more`` says how it refuses for errors of its own."""

    def tell(refuse: Callable[[Any], Refusal]) -> Any:
        def handler(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
            found = refuse(error)
            return problem(found.status, found.code, found.detail, found.headers, service=service)

        return handler

    known: dict[type[Exception], Callable[[Any], Refusal]] = {
        Refusal: lambda refusal: refusal,
        HTTPException: _http,
        ProvenanceError: _store,
        MediaError: _media,
        RecursionError: _too_deep,
        Exception: failure,
        **(more or {}),
    }
    return {kind: tell(refuse) for kind, refuse in known.items()}


def refusals(*statuses: int, service: str = RESOLVER) -> dict[int, ResponseSpec]:
    """What the OpenAPI page says of these statuses; 400, 429, 500 and 503 can befall every request."""
    return {status: _spec(status, service) for status in sorted({400, 429, 500, 503, *statuses})}


def _spec(status: int, service: str) -> ResponseSpec:
    phrase, code = HTTPStatus(status).phrase, CODES[status]
    example = Problem(
        type=f"urn:assay:{service}:{code}", title=phrase, status=status, detail="One sentence says why.", code=code
    )
    return ResponseSpec(
        Problem, description=phrase, media_type=PROBLEM_JSON, generate_examples=False,
        examples=[Example(summary=phrase, value=msgspec.to_builtins(example))],
    )  # fmt: skip


__all__ = ["CODES", "PROBLEM_JSON", "MediaType", "Refusal", "failure", "handlers", "problem", "refusals", "told"]
