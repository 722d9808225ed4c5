"""A reference must not become a hand in this network. Names and network are stand-ins; no packet leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tests.provenance.resolution.manifests import ONE, WATERMARK
from tests.provenance.samples import sample

from assay.provenance.store import ManifestStore, Match
from assay.web.fetch import fetch
from assay.web.problems import Refusal

PUBLIC = "93.184.216.34"
Handler = Callable[[httpx.Request], httpx.Response]


class Names:
    """A resolver that knows a few hosts, and remembers what it was asked. Each look-up takes the next answer."""

    def __init__(self, **known: list[list[str]]) -> None:
        self._known = {name.replace("_", "."): list(answers) for name, answers in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        answers = self._known.get(host)
        if not answers:
            raise OSError("no such host")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def get(url: str, handler: Handler, names: Names | None = None, *, limit: int = 1000, seconds: float = 5) -> bytes:
    return asyncio.run(
        fetch(url, limit=limit, seconds=seconds, resolver=names or Names(a_example=[[PUBLIC]]),
              transport=httpx.MockTransport(handler))
    )  # fmt: skip


def refused(url: str, handler: Handler, names: Names | None = None, **options: Any) -> str:
    with pytest.raises(Refusal) as caught:
        get(url, handler, names, **options)
    assert (caught.value.status, caught.value.code) == (400, "reference")
    return caught.value.detail


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"asked {request.url}")


def test_a_public_address_is_asked_where_it_was_checked() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"picture")

    names = Names(a_example=[[PUBLIC], ["127.0.0.1"]])
    assert get("https://a.example/x.jpg?sig=1", handler, names) == b"picture"
    (request,) = asked
    assert request.url.host == PUBLIC, "the connection goes to the address that was checked: no second look-up"
    assert request.headers["host"] == "a.example"
    assert request.extensions["sni_hostname"] == "a.example", "and its certificate must be the host's"
    assert names.asked == ["a.example"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1",
        "2001:0:7f00:1::1", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_of_this_network_are_refused(address: str) -> None:
    detail = refused("https://a.example/", never, Names(a_example=[[address]]))
    assert detail == refused("https://unknown.example/", never), "and nobody learns which names are known here"
    bare = address.partition("%")[0]
    refused(f"https://[{bare}]/" if ":" in bare else f"https://{bare}/", never)


def test_one_private_address_among_public_ones_is_enough() -> None:
    refused("https://a.example/", never, Names(a_example=[[PUBLIC, "10.0.0.1"]]))
    refused("https://a.example/", never, Names(a_example=[["2606:4700::1111", "::1"]]))
    refused("https://a.example/", never, Names(a_example=[[]]))


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700:4700::1111", "::ffff:93.184.216.34"])
def test_public_addresses_of_both_kinds_are_asked(address: str) -> None:
    assert get("https://a.example/", lambda _: httpx.Response(200, content=b"x"), Names(a_example=[[address]])) == b"x"
    bare = f"[{address}]" if ":" in address else address
    assert get(f"https://{bare}/", lambda _: httpx.Response(200, content=b"x"), Names()) == b"x"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/", "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "//a.example/", "",
        "https://", "https://user@a.example/", "https://user:pass@a.example/", "https://a.example:22/",
        "https://a.example:8443/", "https://localhost/", "https://0x7f000001/", "https://2130706433/",
        "https://127.1/", "https://a.example\x00.evil/", "https://[::1/", "https://a.example@127.0.0.1/",
        "https://0177.0.0.1/",
    ],
)  # fmt: skip
def test_addresses_of_another_form_are_refused(url: str) -> None:
    refused(url, never)


class TestRedirects:
    def test_each_hop_is_checked(self) -> None:
        for target in ("https://127.0.0.1/", "https://inner.example/", "http://a.example/", "//[::1]/", "file:///x"):
            names = Names(a_example=[[PUBLIC]], inner_example=[["10.1.1.1"]])
            asked: list[str] = []

            def handler(request: httpx.Request, asked: list[str] = asked, target: str = target) -> httpx.Response:
                asked.append(request.headers["host"])
                return httpx.Response(302, headers={"location": target})

            refused("https://a.example/", handler, names)
            assert asked == ["a.example"]

    def test_a_name_that_changes_between_hops_is_checked_again(self) -> None:
        names = Names(a_example=[[PUBLIC], ["127.0.0.1"]])
        refused("https://a.example/", lambda _: httpx.Response(302, headers={"location": "/again"}), names)
        assert names.asked == ["a.example", "a.example"]

    def test_a_few_are_followed_and_no_more(self) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            number = int(request.url.path[1:] or 0)
            if number == 3:
                return httpx.Response(200, content=b"end")
            return httpx.Response(302, headers={"location": f"/{number + 1}"})

        assert get("https://a.example/", handler) == b"end"
        assert "without end" in refused("https://a.example/", lambda _: httpx.Response(302, headers={"location": "/"}))


class TestBounds:
    def test_no_more_bytes_than_said(self) -> None:
        assert get("https://a.example/", lambda _: httpx.Response(200, content=b"x" * 10), limit=10) == b"x" * 10
        assert "10 bytes" in refused("https://a.example/", lambda _: httpx.Response(200, content=b"x" * 11), limit=10)

    def test_a_flood_is_cut_off(self) -> None:
        class Flood(httpx.AsyncByteStream):
            sent = 0

            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    Flood.sent += 1
                    yield b"x" * 100

        refused("https://a.example/", lambda _: httpx.Response(200, stream=Flood()), limit=1000)
        assert Flood.sent < 20

    def test_a_drip_runs_out_of_time(self) -> None:
        class Drip(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    yield b"x"
                    await asyncio.sleep(0.01)

        detail = refused("https://a.example/", lambda _: httpx.Response(200, stream=Drip()), seconds=0.2, limit=10**6)
        assert "within 0.2 s" in detail

    @pytest.mark.parametrize("status", [204, 401, 404, 500])
    def test_only_what_is_there_is_taken(self, status: int) -> None:
        refused("https://a.example/", lambda _: httpx.Response(status, content=b"x"))

    def test_packed_answers_are_refused(self) -> None:
        headers = {"content-encoding": "gzip"}
        refused("https://a.example/", lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x"), headers=headers))

    def test_a_network_that_fails_tells_nothing(self) -> None:
        def handler(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("connection refused by 10.0.0.7")

        assert "10.0.0.7" not in refused("https://a.example/", handler)


class TestService:
    """POST /matches/byReference."""

    def options(self, handler: Handler, **settings: Any) -> dict[str, Any]:
        return {
            "app": {
                "match_content": lambda data, _: [Match(ONE, WATERMARK, len(data) % 100)],
                "resolver": Names(a_example=[[PUBLIC]]), "transport": httpx.MockTransport(handler),
            },
            "settings": {"fetch_references": True, **settings},
        }  # fmt: skip

    def test_off_unless_it_is_turned_on(self, ask: Any, kept: ManifestStore) -> None:
        body = {"referenceUrl": "https://a.example/x.jpg", "assetLength": 10}
        response = ask("POST", "/matches/byReference", json=body, **self.options(never, fetch_references=False))
        assert (response.status_code, response.json()["code"]) == (403, "not_offered")

    def test_fetched_checked_and_looked_into(self, ask: Any) -> None:
        data = sample("image/jpeg")
        options = self.options(lambda _: httpx.Response(200, content=data))
        body = {"referenceUrl": "https://a.example/x.jpg", "assetLength": len(data)}
        response = ask("POST", "/matches/byReference", json=body, **options)
        assert response.json() == {"matches": [{"manifestId": ONE, "similarityScore": len(data) % 100}]}
        right = ask("POST", "/matches/byReference", json={**body, "assetType": "image/jpeg"}, **options)
        assert right.status_code == 200
        wrong = ask("POST", "/matches/byReference", json={**body, "assetType": "image/png"}, **options)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "reference")
        short = ask("POST", "/matches/byReference", json={**body, "assetLength": len(data) - 1}, **options)
        assert (short.status_code, short.json()["code"]) == (400, "reference")

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"referenceUrl": "http://a.example/"}, 400), ({"referenceUrl": "https://127.0.0.1/"}, 400),
            ({"referenceUrl": "https://localhost/"}, 400), ({"assetLength": 0}, 400), ({"assetLength": -1}, 400),
            ({"assetLength": 2**40}, 413), ({"region": [{"type": "spatial"}]}, 400), ({"referenceUrl": 5}, 400),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, ask: Any, change: dict[str, Any], status: int) -> None:
        body = {"referenceUrl": "https://a.example/x.jpg", "assetLength": 10, **change}
        assert ask("POST", "/matches/byReference", json=body, **self.options(never)).status_code == status
