"""Ask a time-stamping authority for a timestamp, and check one."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import rfc3161_client as tsp
from cryptography import x509

from assay.errors import ProvenanceError, UsageError

MAX_REPLY = 256 * 1024
"""Bytes of an answer; real ones have up to ten thousand."""

TIMEOUT = 15.0


def stamp(message: bytes, url: str, *, timeout: float = TIMEOUT) -> bytes:
    """The timestamp token (CMS SignedData, DER) of ``message`` from the authority at ``url``; only a digest goes there.

    The whole exchange takes ``timeout`` seconds at most. Not to be called from within an event loop. Whether the token
    is to be trusted is for :func:`check`. Raises UsageError where ``url`` is not http or https, and ProvenanceError
    (``authority``) where the authority is down or slow, refuses, or answers something else than was asked.
    """
    where = _where(url)
    request = (
        tsp.TimestampRequestBuilder().data(message).hash_algorithm(tsp.HashAlgorithm.SHA256)
        .cert_request(cert_request=True).build()
    )  # fmt: skip
    body = asyncio.run(_post(url, where, request.as_bytes(), timeout))
    reply = _decode(body, where)
    if reply.status not in (tsp.PKIStatus.GRANTED, tsp.PKIStatus.GRANTED_WITH_MODS):
        said = _printable("; ".join(reply.status_string)[:200])
        raise _error(f"The time-stamping authority {where} refused" + (f": {said}" if said else ""))
    info = reply.tst_info
    if info.nonce != request.nonce:
        raise _error(f"The answer of {where} is to another request (its nonce is not ours); ask again")
    if info.message_imprint.message != request.message_imprint.message:
        raise _error(f"The answer of {where} is about other data than was sent")
    return reply.time_stamp_token()


def check(token: bytes, message: bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """The time (UTC) that a trusted authority gives to ``message``.

    ``roots`` are those of authorities that are trusted. Certificates are judged at the time of the timestamp. Raises
    ProvenanceError (``rejected``) where the token is not about this message, or no such authority signed it.
    """
    if not roots:
        raise ProvenanceError("No time-stamping authority is trusted, so no timestamp can be checked", "rejected")
    try:
        reply = tsp.decode_timestamp_response(as_reply(token))
        builder = tsp.VerifierBuilder()
        for root in dict.fromkeys(roots):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(reply, message)
        time = reply.tst_info.gen_time
    except tsp.VerificationError as error:
        raise ProvenanceError(f"The timestamp does not hold: {error}", "rejected") from None
    except ValueError:
        raise ProvenanceError("This is not an RFC 3161 timestamp", "rejected") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


async def _post(url: str, where: str, query: bytes, timeout: float) -> bytes:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        # httpx counts its own time-outs anew with each byte; this one is for all.
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream("POST", url, content=query, headers=headers) as response,
        ):
            return await _body(response, where)
    except (TimeoutError, httpx.TimeoutException):
        raise _error(f"The time-stamping authority {where} did not answer within {timeout:g} s") from None
    except httpx.HTTPError:
        raise _error(f"The time-stamping authority {where} cannot be reached; is the address right?") from None


async def _body(response: httpx.Response, where: str) -> bytes:
    if response.is_redirect:
        raise _error(f"The time-stamping authority {where} has moved; give its new address")
    if not response.is_success:
        raise _error(f"The time-stamping authority {where} answered with the error {response.status_code}")
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind != "application/timestamp-reply":
        said = _printable(kind[:60]) or "nothing that it names"
        raise _error(f"{where} is not a time-stamping authority: it answered with {said}")
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_REPLY:
            raise _error(f"The answer of {where} is longer than any timestamp")
    return body


def _decode(body: bytes, where: str) -> tsp.TimeStampResponse:
    try:
        reply = tsp.decode_timestamp_response(body)
        if reply.status in (tsp.PKIStatus.GRANTED, tsp.PKIStatus.GRANTED_WITH_MODS):
            # Read now, so that what is malformed deeper inside is found here.
            _ = reply.tst_info.nonce, reply.time_stamp_token()
    except ValueError:
        raise _error(f"The answer of {where} cannot be read as a timestamp") from None
    return reply


def as_reply(token: bytes) -> bytes:
    """A token in the envelope that the library reads: ``SEQUENCE { SEQUENCE { INTEGER 0 }, token }``."""
    inside = b"\x30\x03\x02\x01\x00" + token
    length = len(inside)
    if length < 0x80:
        return bytes([0x30, length]) + inside
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(octets)]) + octets + inside


def _where(url: str) -> str:
    """The authority as errors name it: without a user's name, password or query, which may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("The address of a time-stamping authority begins with http:// or https://")
    return f"{parts.scheme}://{_printable(parts.hostname)}{port}{_printable(parts.path)}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _error(message: str) -> ProvenanceError:
    return ProvenanceError(message, "authority")


__all__ = ["as_reply", "check", "stamp"]
