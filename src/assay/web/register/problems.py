"""What the register refuses, and with which status: the reason of a RegisterError is the code of the problem."""

import logging
from typing import Any

from assay.errors import RegisterError
from assay.web.problems import PROBLEM_JSON, Refusal, failure, told

SERVICE = "register"
RETRY = 5
"""Seconds after which who was pushed back may come again."""
STATUS = {
    "malformed": 400, "unsupported": 422, "signature": 403, "proof": 422, "key": 403, "missing": 404, "mismatch": 422,
    "quorum": 503, "conflict": 409, "fork": 503, "busy": 503, "quota": 429, "too_large": 413, "forgotten": 410,
    "unreachable": 503, "unwritable": 503, "full": 507, "damaged": 500,
}  # fmt: skip
"""The status of every reason that a RegisterError can have."""
_OURS = {
    "unreachable": "The register's storage cannot be reached now.",
    "unwritable": "The register's storage cannot be written now.",
    "full": "The register's storage is full.",
    "damaged": "The register's storage holds something else than was written; its operator must run fsck.",
    "fork": "The register's storage shows two histories; its operator must look.",
}
"""What is said instead of the storage's own words, which name folders and hosts of the operator."""

_logger = logging.getLogger("assay.web")

Header = tuple[bytes, bytes]


def refusal(error: RegisterError, retry: int = RETRY) -> Refusal:
    """How a request ends that met this error."""
    status = STATUS.get(error.reason, 500)
    if error.reason in _OURS:
        _logger.error('{"failure": "storage", "reason": "%s"}', error.reason)
    headers = {"Retry-After": str(retry)} if status in (429, 503) else None
    return Refusal(status, error.reason, _OURS.get(error.reason, str(error)), headers)


def as_refusal(error: Exception, retry: int = RETRY) -> Refusal:
    """The same for whatever was raised."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RegisterError):
        return refusal(error, retry)
    return failure(error)


async def answer(send: Any, status: int, headers: list[Header], body: bytes = b"") -> None:
    """Send a whole answer over ASGI."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Any, refused: Refusal) -> None:
    """Send a refusal over ASGI."""
    body = told(refused.status, refused.code, refused.detail, SERVICE)
    headers = [
        (b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"),
        (b"access-control-allow-origin", b"*"),
        *((name.lower().encode(), value.encode()) for name, value in (refused.headers or {}).items()),
    ]  # fmt: skip
    await answer(send, refused.status, headers, body)


__all__ = ["RETRY", "SERVICE", "STATUS", "Header", "answer", "as_refusal", "refusal", "refuse"]
