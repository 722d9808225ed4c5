"""Ask logs, witnesses and mirrors over HTTP: bodies bounded, connections kept alive, every failure a RegisterError."""

import re
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from assay.errors import RegisterError
from assay.register.tiles import CHECKPOINT, parse_path

SECONDS = 30.0
"""How long one request may take, all in all, unless told otherwise."""
MAX_ANSWER = 65_536
"""Bytes of the answer to a POST that are read."""
MAX_BUNDLE = 256 * (2 + 65_535)
"""Bytes of the largest entry bundle that tlog-tiles allows."""
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


@dataclass(frozen=True)
class Answer:
    """What a server answered: the status, the media type without parameters, the body, and the seconds after which the
    server asks to come again, where it says so.
    """

    status: int
    kind: str
    body: bytes
    retry: int | None = None

    def says(self) -> str:
        """Status and first line of the answer, made safe to show."""
        line = self.body[:200].decode("utf-8", "replace").strip().partition("\n")[0]
        words = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)[:120]
        return f"it answered {self.status}" + (f": {words!r}" if words else "")


def check_url(url: str) -> str:
    """The address of a service without its last slash. Raises RegisterError ``malformed``."""
    if not _ADDRESS.fullmatch(url):
        raise RegisterError(f"{url[:200]!r} is no address such as https://example.org/log.", "malformed")
    return url.rstrip("/")


class Http:
    """One server. ``seconds`` bounds a whole request, however slowly the server sends; ``transport`` stands in for the
    network. Redirections are not followed. May be used by several threads.
    """

    def __init__(self, url: str, *, seconds: float = SECONDS, transport: httpx.BaseTransport | None = None) -> None:
        self.url = check_url(url)
        self._seconds = seconds
        self._client = httpx.Client(
            transport=transport, trust_env=False, follow_redirects=False, headers={"User-Agent": "assay-register"},
            limits=httpx.Limits(max_keepalive_connections=8, keepalive_expiry=60),
        )  # fmt: skip

    def request(self, method: str, path: str, limit: int, body: bytes | None = None) -> Answer:
        """Ask once. Raises RegisterError: ``unreachable``, ``too_large`` for an answer of more than ``limit`` bytes."""
        deadline = time.monotonic() + self._seconds
        url = f"{self.url}/{path}"
        try:
            with self._client.stream(method, url, content=body, timeout=self._seconds) as response:
                read = bytearray()
                for chunk in response.iter_bytes():
                    read += chunk
                    if len(read) > limit:
                        raise RegisterError(f"{url} answers with more than {limit:,} bytes.", "too_large")
                    if time.monotonic() > deadline:
                        raise RegisterError(f"{url} did not answer within {self._seconds:g} s.", "unreachable")
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                later = response.headers.get("retry-after", "")
                retry = int(later) if re.fullmatch(r"[0-9]{1,6}", later) else None
                return Answer(response.status_code, kind, bytes(read), retry)
        except httpx.TimeoutException:
            raise RegisterError(f"{url} did not answer within {self._seconds:g} s.", "unreachable") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise RegisterError(f"{url} cannot be reached ({type(error).__name__}).", "unreachable") from None

    def get(self, path: str, limit: int) -> bytes:
        """The bytes at a path. Raises RegisterError: ``missing``, ``unreachable``, ``too_large``."""
        answer = self.request("GET", path, limit)
        if answer.status in (404, 410):
            raise RegisterError(f"{self.url}/{path} is not there.", "missing")
        if answer.status != 200:
            raise RegisterError(f"{self.url}/{path} cannot be had: {answer.says()}.", "unreachable")
        return answer.body

    def fetch(self, path: str) -> bytes:
        """``checkpoint`` or a tile or bundle, bounded by what such a thing can be: a
        :data:`~assay.register.tiles.Fetch`.
        """
        if path == CHECKPOINT:
            return self.get(path, MAX_ANSWER * 4)
        place = parse_path(path)
        return self.get(path, MAX_BUNDLE if place.level is None else place.width * 32)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["MAX_ANSWER", "MAX_BUNDLE", "SECONDS", "Answer", "Http", "check_url"]
