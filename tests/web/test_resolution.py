"""The service, question by question; its client against it; and once over a real socket."""

import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.provenance.resolution.manifests import FINGERPRINT, ONE, TWO, WATERMARK, simple, store
from tests.web.conftest import INGREDIENT, TOKEN, WHOLE, asked, over

from assay.errors import MediaError, ProvenanceError
from assay.provenance.model import SoftBinding
from assay.provenance.resolution import ResolutionClient
from assay.provenance.resolution.receipts import CONTEXT, TYPE
from assay.provenance.store import ManifestStore, Match
from assay.web.limits import Counter, digest
from assay.web.problems import CODES
from assay.web.resolution import create_app
from assay.web.service import Settings

Ask = Callable[..., httpx.Response]
C2PA = {"Content-Type": "application/c2pa"}
JPEG = {"Content-Type": "image/jpeg"}
VALUE = base64.b64encode(b"12345678").decode()


def problem(response: httpx.Response, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:assay:resolver:{code}")
    return str(told["detail"])


class TestQuery:
    def test_by_binding(self, ask: Ask) -> None:
        response = ask("GET", "/matches/byBinding", params={"alg": WATERMARK, "value": VALUE})
        assert response.json() == {"matches": [{"manifestId": ONE, "similarityScore": 100}]}
        assert response.headers["cache-control"] == "no-store"
        by_post = ask("POST", "/matches/byBinding", json={"alg": WATERMARK, "value": VALUE, "later": 1})
        assert by_post.json() == response.json()
        nothing = ask("GET", "/matches/byBinding", params={"alg": WATERMARK, "value": "AAAA"})
        assert nothing.json() == {"matches": []}

    def test_a_value_too_long_for_an_address_goes_by_post(self, ask: Ask) -> None:
        value = base64.b64encode(b"p" * 4000).decode()
        problem(ask("GET", "/matches/byBinding", params={"alg": FINGERPRINT, "value": value}), 414, "query_too_long")
        assert ask("POST", "/matches/byBinding", json={"alg": FINGERPRINT, "value": value}).json() == {"matches": []}
        value = base64.b64encode(b"p" * 1031).decode()
        found = ask("POST", "/matches/byBinding", json={"alg": FINGERPRINT, "value": value}).json()
        assert [match["manifestId"] for match in found["matches"]] == [ONE]

    def test_rivals_are_all_told_first_registered_first(self, ask: Ask, kept: ManifestStore) -> None:
        kept.put(simple(TWO, [(WATERMARK, b"12345678")]))
        params = {"alg": WATERMARK, "value": VALUE}
        found = ask("GET", "/matches/byBinding", params=params).json()["matches"]
        assert [match["manifestId"] for match in found] == [ONE, TWO]
        found = ask("GET", "/matches/byBinding", params={**params, "maxResults": "1"}).json()["matches"]
        assert [match["manifestId"] for match in found] == [ONE]

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"alg": "org.example.other", "value": "AAAA"}, "unsupported_algorithm"),
            ({"alg": "a b", "value": "AAAA"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AAA"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AA_-"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AAAA\n"}, "invalid_request"),
            ({"alg": WATERMARK, "value": ""}, "invalid_request"),
            ({"alg": WATERMARK}, "invalid_request"),
            ({"value": "AAAA"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AAAA", "maxResults": "0"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AAAA", "maxResults": "1001"}, "invalid_request"),
            ({"alg": WATERMARK, "value": "AAAA", "maxResults": "many"}, "invalid_request"),
        ],
    )
    def test_nonsense_is_refused(self, ask: Ask, params: dict[str, str], code: str) -> None:
        assert problem(ask("GET", "/matches/byBinding", params=params), 400, code)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"alg":1,"value":2}', b"[" * 5000])
    def test_a_body_that_is_no_question_is_refused(self, ask: Ask, body: bytes) -> None:
        response = ask("POST", "/matches/byBinding", content=body, headers={"Content-Type": "application/json"})
        problem(response, 400, "invalid_request")

    def test_a_body_must_be_called_what_it_is(self, ask: Ask) -> None:
        response = ask("POST", "/matches/byBinding", content=b"{}", headers={"Content-Type": "text/plain"})
        problem(response, 415, "unsupported_type")


class TestContent:
    def test_what_a_file_leads_to(self, ask: Ask) -> None:
        given: list[bytes] = []

        def look(data: bytes, limit: int) -> list[Match]:
            given.append(data)
            return [Match(TWO, WATERMARK), Match(ONE, WATERMARK), Match(ONE, FINGERPRINT, 87)]

        def found(**params: str) -> Any:
            response = ask(
                "POST", "/matches/byContent", params=params, content=b"picture", headers=JPEG,
                app={"match_content": look},
            )  # fmt: skip
            return response.json()["matches"]

        assert found() == [{"manifestId": TWO}, {"manifestId": ONE, "similarityScore": 87}]
        assert found(alg=WATERMARK) == [{"manifestId": TWO}, {"manifestId": ONE}]
        assert found(alg=FINGERPRINT) == [{"manifestId": ONE, "similarityScore": 87}]
        assert len(found(maxResults="1")) == 1
        assert given == [b"picture"] * 4

    def test_a_hint_is_looked_up_too(self, ask: Ask) -> None:
        response = ask(
            "POST", "/matches/byContent", params={"hintAlg": WATERMARK, "hintValue": VALUE}, content=b"picture",
            headers=JPEG, app={"match_content": lambda *_: []},
        )  # fmt: skip
        assert response.json() == {"matches": [{"manifestId": ONE, "similarityScore": 100}]}
        half = ask(
            "POST", "/matches/byContent", params={"hintAlg": WATERMARK}, content=b"picture", headers=JPEG,
            app={"match_content": lambda *_: []},
        )  # fmt: skip
        problem(half, 400, "invalid_request")

    def test_what_is_no_picture_is_refused(self, ask: Ask) -> None:
        def look(data: bytes, limit: int) -> list[Match]:
            raise MediaError("<bytes>: not a picture format that Assay reads", "unsupported")

        options: dict[str, Any] = {"headers": JPEG, "app": {"match_content": look}}
        problem(ask("POST", "/matches/byContent", content=b"x", **options), 400, "unsupported")
        problem(ask("POST", "/matches/byContent", content=b"", **options), 400, "empty")
        options["headers"] = {"Content-Type": "text/html"}
        problem(ask("POST", "/matches/byContent", content=b"x", **options), 415, "unsupported_type")

    def test_a_decoder_that_crashes_is_a_refusal(self, ask: Ask) -> None:
        def look(data: bytes, limit: int) -> list[Match]:
            raise MediaError("the decoder crashed (SIGSEGV)", "crashed")

        response = ask("POST", "/matches/byContent", content=b"x", headers=JPEG, app={"match_content": look})
        problem(response, 400, "undecodable")

    def test_a_service_may_not_look_into_files(self, ask: Ask) -> None:
        problem(ask("POST", "/matches/byContent", content=b"x", headers=JPEG), 403, "not_offered")

    def test_a_file_too_large_is_refused_before_it_is_read(self, ask: Ask) -> None:
        options: dict[str, Any] = {"headers": JPEG, "settings": {"max_asset": 100}, "app": {"match_content": None}}
        problem(ask("POST", "/matches/byContent", content=b"x" * 101, **options), 413, "too_large")

        async def without_length() -> Any:
            for _ in range(50):
                yield b"x" * 10

        problem(ask("POST", "/matches/byContent", content=without_length(), **options), 413, "too_large")

    def test_only_so_many_are_looked_into_at_once(self, kept: ManifestStore) -> None:
        def look(data: bytes, limit: int) -> list[Match]:
            time.sleep(0.3)
            return []

        app = create_app(kept, match_content=look, settings=Settings(decoders=1))

        async def many() -> list[int]:
            async with httpx.AsyncClient(transport=over(app), base_url="http://localhost") as client:
                asks = [client.post("/matches/byContent", content=b"x", headers=JPEG) for _ in range(5)]
                return sorted([response.status_code for response in await asyncio.gather(*asks)])

        assert asyncio.run(many()) == [200, 200, 503, 503, 503]


class TestFetch:
    def test_a_manifest_store_whole_and_alone(self, ask: Ask) -> None:
        whole = ask("GET", f"/manifests/{ONE}")
        assert whole.content == WHOLE
        assert whole.headers["content-type"] == "application/c2pa"
        assert re.fullmatch(r'"[0-9a-f]{64}"', whole.headers["etag"])
        alone = ask("GET", f"/manifests/{ONE}", params={"returnActiveManifest": "true"}).content
        from assay.provenance.softbindings import contents

        assert contents(WHOLE).labels == (INGREDIENT, ONE)
        assert contents(alone).labels == (ONE,)
        assert contents(alone).bindings == contents(WHOLE).bindings

    @pytest.mark.parametrize(
        "path", [TWO, INGREDIENT, "..", "..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00b", "x" * 400, "a b", "%F0%9F%92%A9"]
    )
    def test_what_is_not_there_is_not_found_and_no_path(self, ask: Ask, path: str) -> None:
        response = ask("GET", f"/manifests/{path}")
        assert response.status_code in (400, 404), response.text
        assert response.headers["content-type"] == "application/problem+json"

    def test_a_damaged_store_tells_no_paths(self, ask: Ask, kept: ManifestStore) -> None:
        (file,) = list((kept.path / "manifests").rglob("*.c2pa"))
        file.write_bytes(b"broken")
        detail = problem(ask("GET", f"/manifests/{ONE}"), 500, "damaged")
        assert str(kept.path) not in detail


class TestStore:
    def test_needs_the_token(self, ask: Ask, kept: ManifestStore) -> None:
        body = {"bindingValue": "AAAA", "manifestId": ONE}
        writes: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/manifests", {"content": simple(TWO), "headers": C2PA}),
            ("DELETE", f"/manifests/{ONE}", {}),
            ("POST", "/bindings", {"json": body}),
            ("PUT", "/bindings", {"json": body}),
        ]
        for method, path, options in writes:
            for token in (None, "wrong", TOKEN[:-1], digest(TOKEN), "Bearer"):
                response = ask(method, path, token=token, **options)
                problem(response, 401, "unauthorised")
                assert response.headers["www-authenticate"] == "Bearer"
            response = ask(method, path, settings={"token": None}, token=TOKEN, **options)
            assert "no token is configured" in problem(response, 403, "read_only")
        assert kept.stats().manifests == 1
        assert kept.stats().bindings == {WATERMARK: 1, FINGERPRINT: 1}

    def test_keep_bind_replace_forget(self, ask: Ask, kept: ManifestStore) -> None:
        response = ask("POST", "/manifests", content=simple(TWO), headers=C2PA, token=TOKEN)
        assert response.json() == {"manifestId": TWO}
        binding = {"bindingValue": "AAAA", "manifestId": TWO}
        assert ask("POST", "/bindings", json=binding, token=TOKEN).status_code == 204
        assert kept.by_binding(WATERMARK, b"\0\0\0") == [Match(TWO, WATERMARK, 100, claimed=True)]
        moved = {"bindingValue": "AAAA", "manifestId": ONE}
        assert ask("PUT", "/bindings", json=moved, token=TOKEN).status_code == 204
        assert kept.by_binding(WATERMARK, b"\0\0\0") == [Match(ONE, WATERMARK, 100, claimed=True)]
        named = {"bindingValue": "AAAA", "manifestId": TWO, "alg": FINGERPRINT}
        assert ask("POST", "/bindings", json=named, token=TOKEN).status_code == 204
        assert kept.by_binding(FINGERPRINT, b"\0\0\0") == [Match(TWO, FINGERPRINT, 100, claimed=True)]
        assert ask("DELETE", f"/manifests/{TWO}", token=TOKEN).status_code == 204
        problem(ask("DELETE", f"/manifests/{TWO}", token=TOKEN), 404, "no_manifest")

    def test_nobody_takes_away_what_a_manifest_declares(self, ask: Ask, kept: ManifestStore) -> None:
        kept.put(simple(TWO))
        assert ask("PUT", "/bindings", json={"bindingValue": VALUE, "manifestId": TWO}, token=TOKEN).status_code == 204
        assert [match.manifest_id for match in kept.by_binding(WATERMARK, b"12345678")] == [ONE, TWO]

    def test_bindings_to_what_is_not_there(self, ask: Ask) -> None:
        body = {"bindingValue": "AAAA", "manifestId": TWO}
        problem(ask("POST", "/bindings", json=body, token=TOKEN), 404, "no_manifest")
        body["manifestId"] = ONE
        problem(ask("PUT", "/bindings", json=body, token=TOKEN), 404, "no_binding")
        body["alg"] = "org.example.other"
        problem(ask("POST", "/bindings", json=body, token=TOKEN), 400, "unsupported_algorithm")
        del body["alg"]
        two = {"watermarks": (WATERMARK, "org.example.watermark.2")}
        problem(ask("POST", "/bindings", json=body, token=TOKEN, settings=two), 400, "unsupported_algorithm")

    def test_what_is_kept_is_not_replaced(self, ask: Ask, kept: ManifestStore) -> None:
        response = ask("POST", "/manifests", content=simple(ONE), headers=C2PA, token=TOKEN)
        problem(response, 409, "conflict")
        assert kept.get(ONE) == WHOLE

    def test_what_is_no_manifest_is_refused(self, ask: Ask) -> None:
        for data, status, code in [(b"x" * 20, 400, "truncated"), (b"", 400, "empty"), (store(), 400, "malformed")]:
            problem(ask("POST", "/manifests", content=data, headers=C2PA, token=TOKEN), status, code)
        hostile = simple(pad=b"x" * 17 * 1024**2)
        problem(ask("POST", "/manifests", content=hostile, headers=C2PA, token=TOKEN), 413, "too_large")
        problem(ask("POST", "/manifests", content=simple(TWO), headers=JPEG, token=TOKEN), 415, "unsupported_type")

    def test_a_full_disk_is_told(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> str:
            raise ProvenanceError("No space is left for the manifest store in /srv/secret.", "full")

        monkeypatch.setattr(ManifestStore, "put", full)
        response = ask("POST", "/manifests", content=simple(TWO), headers=C2PA, token=TOKEN)
        assert problem(response, 507, "full") == "The store is full."

    def test_open_lets_write_but_only_by_the_name_of_this_machine(self, ask: Ask) -> None:
        free = {"free": True, "token": None}
        response = ask("POST", "/manifests", content=simple(TWO), headers=C2PA, settings=free)
        assert response.json() == {"manifestId": TWO}
        for host in ("evil.example", "evil.example:3162", "localhost.evil.example", "127.0.0.1.evil.example:80", ""):
            rebound = ask("GET", "/services/status", headers={"Host": host}, settings=free)
            problem(rebound, 400, "invalid_request")
        for host in ("localhost", "localhost:3162", "127.0.0.1", "127.0.0.1:3162"):
            assert ask("GET", "/services/status", headers={"Host": host}, settings=free).status_code == 200


class Ledger:
    """Receipts with a proof that is easy to check: the digest of the manifest."""

    def __init__(self) -> None:
        self._given: dict[str, list[dict[str, Any]]] = {}

    def issue(self, manifest_id: str, manifest: bytes) -> dict[str, Any]:
        receipt = {
            "@context": CONTEXT,
            "@type": TYPE,
            "repository": {"uri": "https://repo.example", "manifestId": manifest_id},
            "anchor": {"uri": "https://repo.example/log/1", "proof": {"bytes": len(manifest)}},
        }
        self._given.setdefault(manifest_id, []).append(receipt)
        return receipt

    def list(self, manifest_id: str) -> list[dict[str, Any]]:
        return self._given.get(manifest_id, [])

    def verify(self, manifest_id: str, manifest: bytes, receipt: dict[str, Any]) -> str | None:
        return None if receipt["anchor"]["proof"] == {"bytes": len(manifest)} else "The proof does not hold."


class TestReceipts:
    def test_given_fetched_and_verified(self, ask: Ask) -> None:
        app = {"receipts": Ledger()}
        data = simple(TWO)
        given = ask(
            "POST", "/manifests", params={"returnReceipt": "true"}, content=data, headers=C2PA, token=TOKEN, app=app
        ).json()
        assert given["manifestId"] == TWO
        receipt = given["receipt"]
        assert receipt["@type"] == "org.c2pa.manifest-receipt"
        path = f"/manifests/{TWO}/receipts"
        assert ask("GET", path, app=app).json() == {**receipt, "verified": True}
        assert ask("POST", path, json=receipt, app=app).json() == {**receipt, "verified": True}
        forged = {**receipt, "anchor": {**receipt["anchor"], "proof": {"bytes": 1}}}
        told = ask("POST", path, json=forged, app=app).json()
        assert (told["verified"], told["error"]) == (False, "The proof does not hold.")
        other = ask("POST", f"/manifests/{ONE}/receipts", json=receipt, app=app).json()
        assert (other["verified"], other["error"]) == (False, "The receipt is for another manifest.")
        problem(ask("POST", path, json={**receipt, "more": 1}, app=app), 400, "invalid_request")

    def test_none_where_none_are_given(self, ask: Ask) -> None:
        response = ask(
            "POST", "/manifests", params={"returnReceipt": "true"}, content=simple(TWO), headers=C2PA, token=TOKEN
        )
        assert response.json() == {"manifestId": TWO}
        problem(ask("GET", f"/manifests/{TWO}/receipts"), 404, "no_receipt")
        problem(ask("GET", "/manifests/urn:c2pa:none/receipts"), 404, "no_manifest")
        receipt = Ledger().issue(TWO, simple(TWO))
        assert ask("POST", f"/manifests/{TWO}/receipts", json=receipt).json()["verified"] is False


class TestServices:
    def test_what_it_offers_is_what_it_does(self, ask: Ask) -> None:
        def offered(**options: Any) -> list[str]:
            told = ask("GET", "/services/capabilities", **options).json()
            assert told["c2paSpecificationVersion"] == "2.4.0"
            return list(told["supportedCapabilities"])

        look: dict[str, Any] = {"match_content": lambda *_: []}
        assert offered() == ["storeManifests", "storeBindings"]
        assert offered(settings={"token": None}) == []
        assert offered(app=look) == ["queryByContent", "storeManifests", "storeBindings"]
        everything = ["queryByContent", "queryByReference", "storeManifests", "storeBindings"]
        assert offered(app=look, settings={"fetch_references": True}) == everything

    def test_algorithms(self, ask: Ask) -> None:
        told = ask("GET", "/services/supportedAlgorithms").json()
        assert told == {"watermarks": [{"alg": WATERMARK}], "fingerprints": [{"alg": FINGERPRINT}]}

    def test_where_it_begins(self, ask: Ask) -> None:
        path = "/.well-known/c2pa-soft-binding-resolution"
        told = ask("GET", path, settings={"url": "https://repo.example/v1/"}).json()
        assert told == {
            "apiEndpoint": "https://repo.example/v1",
            "c2paSpecificationVersion": "2.4.0",
            "capabilitiesEndpoint": "https://repo.example/v1/services/capabilities",
            "statusEndpoint": "https://repo.example/v1/services/status",
        }
        assert ask("GET", path).json()["apiEndpoint"] == "http://localhost"

    def test_how_it_is(self, ask: Ask, kept: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
        told = ask("GET", "/services/status").json()
        assert told["status"] == "ok"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["timestamp"])
        monkeypatch.setattr("assay.web.service.LOW", 2**62)
        assert ask("GET", "/services/status").json()["status"] == "degraded"
        kept.close()
        (kept.path / "store.sqlite").write_bytes(b"no database, and long enough to be taken for one" * 200)
        assert ask("GET", "/services/status").json()["status"] == "down"


class TestEveryRequest:
    def test_pages_elsewhere_may_read_and_not_write(self, ask: Ask) -> None:
        origin = {"Origin": "https://page.example"}
        assert ask("GET", "/services/status", headers=origin).headers["access-control-allow-origin"] == "*"
        preflight = {**origin, "Access-Control-Request-Method": "DELETE"}
        refused = ask("OPTIONS", f"/manifests/{ONE}", headers=preflight)
        assert "DELETE" not in refused.headers.get("access-control-allow-methods", "")

    def test_what_is_not_there_and_what_may_not_be(self, ask: Ask) -> None:
        problem(ask("GET", "/nothing"), 404, "not_found")
        response = ask("PATCH", "/bindings")
        problem(response, 405, "method_not_allowed")
        assert {"POST", "PUT"} <= set(response.headers["allow"].split(", "))
        assert ask("OPTIONS", "/bindings").headers["allow"] == "OPTIONS, POST, PUT"
        assert ask("GET", "/services/status").headers["x-content-type-options"] == "nosniff"

    def test_a_client_that_asks_too_often_waits(self, kept: ManifestStore) -> None:
        now = [0.0]
        counter = Counter(2, lambda: now[0])
        app = create_app(kept, counter=counter)
        assert [asked(app, "GET", "/services/status").status_code for _ in range(2)] == [200, 200]
        response = asked(app, "GET", "/services/status")
        problem(response, 429, "too_many")
        assert response.headers["retry-after"] == "61"
        now[0] = 61.0
        assert asked(app, "GET", "/services/status").status_code == 200

    def test_an_upload_that_dawdles_is_cut_off(self, ask: Ask) -> None:
        async def slow() -> Any:
            for _ in range(100):
                yield b" "
                await asyncio.sleep(0.05)

        for path, headers in (("/manifests", C2PA), ("/matches/byBinding", {"Content-Type": "application/json"})):
            started = time.monotonic()
            response = ask("POST", path, content=slow(), headers=headers, token=TOKEN, settings={"upload_seconds": 0.2})
            problem(response, 408, "too_slow")
            assert time.monotonic() - started < 3

    def test_what_nobody_thought_of_tells_nothing(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def burst(*_: object) -> None:
            raise RuntimeError("the secret of the house")

        monkeypatch.setattr(ManifestStore, "by_binding", burst)
        response = ask("GET", "/matches/byBinding", params={"alg": WATERMARK, "value": VALUE})
        assert "secret" not in problem(response, 500, "failure")
        assert "RuntimeError" in caplog.text
        assert "secret" not in caplog.text

    def test_the_log_has_no_people_in_it(self, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "assay.web")
        ask("GET", "/matches/byBinding", params={"alg": WATERMARK, "value": VALUE})
        ask("GET", f"/manifests/{ONE}")
        ask("POST", "/bindings", json={"bindingValue": VALUE, "manifestId": ONE}, token=TOKEN)
        lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "assay.web"]
        assert [(line["method"], line["route"], line["status"]) for line in lines] == [
            ("GET", "/matches/byBinding", 200),
            ("GET", "/manifests/{activeManifestId}", 200),
            ("POST", "/bindings", 204),
        ]
        for secret in (VALUE, ONE, TOKEN, digest(TOKEN), "127.0.0.1", WATERMARK):
            assert secret not in caplog.text


class TestClient:
    """The client against the service, as two programs that know only the specification."""

    def client(self, kept: ManifestStore, **options: Any) -> ResolutionClient:
        settings = Settings(token=digest(TOKEN), watermarks=(WATERMARK,), fingerprints=(FINGERPRINT,))
        app = create_app(kept, settings=settings, **options)
        return ResolutionClient("http://localhost/", transport=over(app))

    def test_all_that_it_can_ask(self, kept: ManifestStore) -> None:
        client = self.client(kept, match_content=lambda *_: [Match(ONE, WATERMARK, 99)])
        assert client.by_binding(WATERMARK, b"12345678") == [Match(ONE, WATERMARK, 100)]
        assert client.by_binding(FINGERPRINT, b"p" * 1031) == [Match(ONE, FINGERPRINT, 100)]
        assert client.by_binding(WATERMARK, b"other") == []
        assert client.by_content(b"picture") == [Match(ONE, "", 99)]
        assert client.get(ONE) == WHOLE
        assert client.get(TWO) is None
        assert [one.alg for one in client.algorithms().watermarks] == [WATERMARK]

    def test_put(self, kept: ManifestStore) -> None:
        client = self.client(kept)
        with pytest.raises(ProvenanceError, match="401: Only who has the token"):
            client.put(simple(TWO))
        claimed = SoftBinding(algorithm=WATERMARK, value="AAAA")
        assert client.put(simple(TWO), [claimed], token=TOKEN) == TWO
        assert client.by_binding(WATERMARK, b"\0\0\0") == [Match(TWO, WATERMARK, 100)]
        assert client.put(simple(TWO), token=TOKEN) == TWO
        with pytest.raises(ProvenanceError, match="409"):
            client.put(simple(TWO, pad=b"other"), token=TOKEN)


def test_over_a_real_socket(tmp_path: Path) -> None:
    """``assay resolver serve`` on Granian, in processes of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = (
        "import sys, typer\nfrom assay.cli import resolver\napp = typer.Typer()\napp.callback()(lambda: None)\n"
        "resolver.register(app)\nsys.argv[0] = 'assay'\napp()\n"
    )
    environment = {**os.environ, "ASSAY_RESOLVER_TOKEN": digest(TOKEN)}
    command = [sys.executable, "-c", script, "resolver", "serve", str(tmp_path / "s"), "--port", str(port)]
    command += ["--watermark", WATERMARK]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        client = ResolutionClient(f"http://127.0.0.1:{port}/", timeout=20)
        for _ in range(150):
            try:
                client.algorithms()
                break
            except ProvenanceError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.2)
        assert client.put(simple(TWO, [(WATERMARK, b"id")]), token=TOKEN) == TWO
        assert client.by_binding(WATERMARK, b"id") == [Match(TWO, WATERMARK, 100)]
        assert client.get(TWO) == simple(TWO, [(WATERMARK, b"id")])
        with pytest.raises(ProvenanceError, match="401"):
            client.put(simple(ONE), token="wrong")
        with pytest.raises(ProvenanceError, match="413"):
            client.by_binding(WATERMARK, b"x" * 300_000)
    finally:
        server.terminate()
        server.wait(20)
    assert server.returncode in (0, -15)
    text = (tmp_path / "log").read_text()
    assert '"route": "/matches/byBinding"' in text
    for secret in (TWO, TOKEN, digest(TOKEN), base64.b64encode(b"id").decode()):
        assert secret not in text
    with ManifestStore.open(tmp_path / "s") as kept:
        assert kept.stats().manifests == 1


def test_every_code_is_on_the_page_of_the_api_and_nothing_else() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "reference" / "resolution-api.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.split("## Problems")[1].splitlines() if line.startswith("| `")]
    documented = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    own = ("content", "fetch", "limits", "problems", "resolution", "service")
    web = root / "src" / "assay" / "web"
    sources = "".join((web / f"{name}.py").read_text(encoding="utf-8") for name in own)
    used = set(re.findall(r'(?:Refusal|problem)\(\s*\d{3}, "(\w+)"', sources)) | set(CODES.values())
    assert {"busy", "no_manifest"} <= used
    of_files = {"empty", "malformed", "truncated", "too_deep", "unsupported", "unreadable"}
    assert documented == used | of_files
