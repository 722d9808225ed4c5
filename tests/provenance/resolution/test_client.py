"""The client against servers that lie, dawdle and drown; against the real one: tests/web/test_resolution.py."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tests.provenance.resolution.manifests import ONE, TWO, WATERMARK, manifest, simple, store

from assay.errors import MediaError, ProvenanceError
from assay.provenance.model import SoftBinding
from assay.provenance.resolution import ResolutionClient
from assay.provenance.softbindings import MAX_BYTES
from assay.provenance.store import Match

URL = "https://repo.example/v1"
Handler = Callable[[httpx.Request], Any]


def answering(handler: Handler, **options: Any) -> ResolutionClient:
    return ResolutionClient(URL, transport=httpx.MockTransport(handler), **{"timeout": 5, **options})


def says(status: int = 200, body: Any = None, kind: str = "application/json", **headers: str) -> Handler:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content, headers={"content-type": kind, **headers})


def packed(_: httpx.Request) -> httpx.Response:
    body = gzip.compress(b" " * 100_000 + b'{"matches": []}')
    return httpx.Response(200, content=body, headers={"content-type": "application/json", "content-encoding": "gzip"})


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ProvenanceError) as caught:
        call()
    assert caught.value.reason == "authority"
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    assert text.endswith(".")
    return text


class TestQuestions:
    def test_a_short_value_goes_in_the_address(self) -> None:
        asked: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            found = {"manifestId": ONE, "similarityScore": 93, "endpoint": "https://other.example/v1", "more": 1}
            return httpx.Response(200, json={"matches": [found, {"manifestId": TWO}], "x": {}})

        found = answering(handler).by_binding(WATERMARK, b"\xfb\xff", limit=7)
        assert found == [Match(ONE, WATERMARK, 93, "https://other.example/v1"), Match(TWO, WATERMARK)]
        (request,) = asked
        assert (request.method, request.url.path) == ("GET", "/v1/matches/byBinding")
        assert dict(request.url.params) == {"alg": WATERMARK, "value": "+/8=", "maxResults": "7"}
        assert "authorization" not in request.headers

    def test_a_long_value_goes_in_the_body(self) -> None:
        asked: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json={"matches": []})

        assert answering(handler).by_binding(WATERMARK, b"x" * 1031) == []
        assert asked[0].method == "POST"
        body = json.loads(asked[0].content)
        assert body == {"alg": WATERMARK, "value": base64.b64encode(b"x" * 1031).decode()}

    def test_content_is_sent_as_it_is(self) -> None:
        asked: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json={"matches": [{"manifestId": ONE}]})

        found = answering(handler).by_content(b"picture", 3, mime="image/png", algorithm=WATERMARK)
        assert found == [Match(ONE, WATERMARK)]
        assert asked[0].content == b"picture"
        assert asked[0].headers["content-type"] == "image/png"
        assert dict(asked[0].url.params) == {"maxResults": "3", "alg": WATERMARK}

    def test_put_sends_the_secret_only_where_it_is_given(self) -> None:
        asked: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if request.url.path.endswith("/bindings"):
                return httpx.Response(204)
            return httpx.Response(200, json={"manifestId": ONE})

        client = answering(handler)
        binding = SoftBinding(algorithm=WATERMARK, value="AAAA")
        assert client.put(simple(), [binding], token="secret") == ONE
        assert [request.headers["authorization"] for request in asked] == ["Bearer secret"] * 2
        assert json.loads(asked[1].content) == {"alg": WATERMARK, "bindingValue": "AAAA", "manifestId": ONE}
        client.put(simple())
        assert "authorization" not in asked[2].headers
        with pytest.raises(MediaError):
            client.put(b"no manifest")
        assert len(asked) == 3

    def test_no_more_matches_than_asked_for(self) -> None:
        many = {"matches": [{"manifestId": f"urn:c2pa:{n}"} for n in range(50)]}
        assert len(answering(says(body=many)).by_binding(WATERMARK, b"1", limit=5)) == 5

    def test_get_brings_the_bytes_or_none(self) -> None:
        data = store(manifest(TWO), manifest(ONE))
        kind = "application/c2pa"
        assert answering(says(body=data, kind=kind)).get(ONE) == data
        assert answering(says(body=data, kind=kind)).get(TWO) == data
        assert answering(says(404, {})).get(ONE) is None

    def test_an_id_that_cannot_be_is_not_asked_for(self) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            raise AssertionError(request.url)

        for hostile in ("../../services/status", "a/b", "", "a?b", "a#b", "a b"):
            assert answering(handler).get(hostile) is None

    def test_an_id_is_quoted(self) -> None:
        asked: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.raw_path.decode())
            return httpx.Response(404)

        answering(handler).get("urn:c2pa:1+2&3")
        assert asked == ["/v1/manifests/urn:c2pa:1%2B2%263"]


class TestHostile:
    @pytest.mark.parametrize(
        "handler",
        [
            says(body=b"<html>"),
            says(body=b'{"matches": [{"manifestId": "a'),
            says(body=b"[" * 100_000),
            says(body=b"\xff\xfe\x00"),
            says(body=[]),
            says(body={}),
            says(body={"matches": {}}),
            says(body={"matches": [{}]}),
            says(body={"matches": [{"manifestId": 5}]}),
            says(body={"matches": [{"manifestId": "../../etc"}]}),
            says(body={"matches": [{"manifestId": "\u001b[2Jx"}]}),
            says(body={"matches": [{"manifestId": "x" * 300}]}),
            says(body={"matches": [{"manifestId": ONE, "similarityScore": 101}]}),
            says(body={"matches": [{"manifestId": ONE, "similarityScore": "100"}]}),
            says(body={"matches": [{"manifestId": ONE, "endpoint": "http://169.254.169.254/"}]}),
            says(body={"matches": [{"manifestId": ONE, "endpoint": "file:///etc/passwd"}]}),
            says(body={"matches": [{"manifestId": ONE, "endpoint": "https://a:b@c/"}]}),
            says(body={"matches": [{"manifestId": ONE, "endpoint": "https://" + "x" * 3000}]}),
            says(body={"matches": [{"manifestId": f"urn:{n}"} for n in range(1001)]}),
            says(body={"matches": []}, kind="text/html"),
            says(body=b'{"matches": []}' + b" " * 2 * 1024**2),
            says(500, {"detail": "boom"}),
            says(200, b"", kind="application/json"),
            says(302, b"", location="https://evil.example/v1/matches/byBinding"),
            says(302, b"", location="http://repo.example/v1/matches/byBinding"),
            says(302, b"", location="/v1/matches/byBinding"),
            packed,
        ],
    )
    def test_nonsense_is_refused_in_one_sentence(self, handler: Handler) -> None:
        assert "repo.example" in refusal(lambda: answering(handler).by_binding(WATERMARK, b"1"))

    @pytest.mark.parametrize(
        "handler",
        [
            says(body=b"\xff\xd8\xff", kind="application/c2pa"),
            says(body=simple(TWO), kind="application/c2pa"),
            says(body=simple(ONE), kind="application/octet-stream"),
            says(body=b"\0" * (MAX_BYTES + 1), kind="application/c2pa"),
            says(403, {}),
        ],
    )
    def test_another_manifest_than_the_one_asked_for_is_refused(self, handler: Handler) -> None:
        refusal(lambda: answering(handler).get(ONE))

    def test_what_a_server_says_of_its_refusal_is_made_safe(self) -> None:
        text = refusal(
            lambda: answering(says(403, {"detail": "No\x1b[31m way\u202e\n" + "!" * 900})).by_binding(WATERMARK, b"1")
        )
        assert "No[31m way" in text
        assert "\x1b" not in text
        assert "\u202e" not in text

    def test_an_id_of_its_own_for_what_was_put_is_refused(self) -> None:
        refusal(lambda: answering(says(body={"manifestId": TWO})).put(simple(ONE)))

    def test_a_server_that_drips_runs_out_of_time(self) -> None:
        class Drip(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    yield b" "
                    await asyncio.sleep(0.01)

        client = answering(
            lambda _: httpx.Response(200, stream=Drip(), headers={"content-type": "application/json"}), timeout=0.3
        )
        assert "within 0.3 s" in refusal(lambda: client.by_binding(WATERMARK, b"1"))

    def test_a_server_that_does_not_answer_runs_out_of_time(self) -> None:
        async def handler(_: httpx.Request) -> httpx.Response:
            await asyncio.sleep(30)
            return httpx.Response(200)

        assert "within 0.2 s" in refusal(lambda: answering(handler, timeout=0.2).by_binding(WATERMARK, b"1"))

    def test_a_server_without_end_is_cut_off(self) -> None:
        class Flood(httpx.AsyncByteStream):
            sent = 0

            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    Flood.sent += 1
                    yield b" " * 65_536

        refusal(lambda: answering(lambda _: httpx.Response(200, stream=Flood())).by_binding(WATERMARK, b"1"))
        assert Flood.sent < 30

    def test_no_server_at_all(self) -> None:
        refusal(lambda: ResolutionClient("http://127.0.0.1:9/", timeout=5).by_binding(WATERMARK, b"1"))


class TestRedirects:
    def test_within_the_host_they_are_followed(self) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/services/supportedAlgorithms":
                return httpx.Response(307, headers={"location": "/v2/algorithms"})
            return httpx.Response(200, json={"watermarks": [{"alg": WATERMARK}]})

        assert answering(handler).algorithms().watermarks[0].alg == WATERMARK

    def test_a_secret_is_not_sent_on(self) -> None:
        asked: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(307, headers={"location": "https://evil.example/manifests"})

        refusal(lambda: answering(handler).put(simple(), token="secret"))
        assert asked == ["repo.example"]


class TestAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://repo.example/", "ftp://repo.example/", "file:///etc/passwd", "repo.example", "", "https://",
            "https://a:b@repo.example/", "https://repo.example/?a=b", "https://repo.example/#a", "http://10.0.0.1/",
            "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "https://[::1", "http://\x00/",
        ],
    )  # fmt: skip
    def test_what_may_not_be_asked_is_refused(self, url: str) -> None:
        refusal(lambda: ResolutionClient(url))

    @pytest.mark.parametrize(
        "url", ["https://repo.example", "http://127.0.0.1:3162/", "http://[::1]:3162/v1/", "http://localhost"]
    )
    def test_https_and_this_machine_may(self, url: str) -> None:
        assert ResolutionClient(url).host

    def test_plain_http_where_it_is_said(self) -> None:
        assert ResolutionClient("http://10.0.0.1/", insecure=True).host == "10.0.0.1"
