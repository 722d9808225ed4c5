import gzip
import itertools
from collections.abc import Iterator

import httpx
import pytest

from assay.errors import RegisterError
from assay.register.http import Answer, Http, check_url


def at(handler: object, **options: float) -> Http:
    return Http("http://log.example/one/", transport=httpx.MockTransport(handler), **options)  # type: ignore[arg-type]


def test_what_is_asked_and_what_comes_back() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, text="busy", headers={"Content-Type": "Text/Plain; charset=x", "Retry-After": "7"})

    with at(handler) as server:
        assert server.url == "http://log.example/one"
        assert server.request("POST", "add", 10, b"body") == Answer(503, "text/plain", b"busy", 7)
    assert (str(asked[0].url), asked[0].content) == ("http://log.example/one/add", b"body")


GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("status", "headers", "content", "reason"),
    [
        (404, {}, b"", "missing"),
        (410, {}, b"", "missing"),
        (403, {}, b"", "unreachable"),
        (301, {"Location": "http://other/"}, b"", "unreachable"),
        (200, {}, b"x" * 101, "too_large"),
        (200, GZIP, gzip.compress(bytes(10**7)), "too_large"),
        (200, GZIP, b"no gzip", "unreachable"),
    ],
)
def test_what_is_no_answer(status: int, headers: dict[str, str], content: bytes, reason: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

    with at(handler) as server, pytest.raises(RegisterError) as told:
        server.get("x", 100)
    assert told.value.reason == reason


def test_a_server_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return itertools.repeat(b".")

    clock = itertools.count()
    monkeypatch.setattr("assay.register.http.time.monotonic", lambda: float(next(clock)))
    server = at(lambda _: httpx.Response(200, stream=Drip()), seconds=5)
    with pytest.raises(RegisterError, match="did not answer within 5 s"):
        server.get("x", 10**9)


def test_tiles_are_bounded_by_what_they_can_be() -> None:
    with at(lambda request: httpx.Response(200, content=b"x" * 8193)) as server:
        with pytest.raises(RegisterError) as told:
            server.fetch("tile/0/000")
        assert told.value.reason == "too_large"
        assert len(server.fetch("tile/entries/000")) == 8193
        with pytest.raises(RegisterError) as told:
            server.fetch("../secret")
        assert told.value.reason == "malformed"


@pytest.mark.parametrize(
    "url", ["", "log.example", "ftp://x", "http://", "http://user:word@x/", "http://x/?q", "http://x/#a", "http://x y"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(RegisterError, match="is no address"):
        check_url(url)


def test_what_a_server_says_is_safe_to_show() -> None:
    assert Answer(500, "", "\x1b[2J\u202eoops\nmore".encode()).says() == "it answered 500: '\ufffd[2J\ufffdoops'"
    assert Answer(404, "", b"").says() == "it answered 404"
    assert len(Answer(500, "", b"x" * 10**6).says()) < 150
