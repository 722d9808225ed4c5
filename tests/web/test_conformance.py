"""The OpenAPI page says what the service does (schemathesis), and what the C2PA specification wants."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar import Litestar
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.provenance.resolution.manifests import FINGERPRINT, ONE, WATERMARK
from tests.web.conftest import TOKEN, WHOLE, asked

from assay.provenance.resolution.records import VERSION
from assay.provenance.store import ManifestStore, Match
from assay.web.limits import digest
from assay.web.resolution import create_app
from assay.web.service import Settings

QUERY = {"alg", "maxResults", "hintAlg", "hintValue"}
PATHS: dict[tuple[str, str], set[str]] = {
    ("get", "/matches/byBinding"): {"value", "alg", "maxResults"},
    ("post", "/matches/byBinding"): {"maxResults"},
    ("post", "/matches/byContent"): QUERY,
    ("post", "/matches/byReference"): QUERY,
    ("get", "/manifests/{activeManifestId}"): {"activeManifestId", "returnActiveManifest"},
    ("delete", "/manifests/{activeManifestId}"): {"activeManifestId"},
    ("post", "/manifests"): {"returnReceipt"},
    ("post", "/bindings"): set(),
    ("put", "/bindings"): set(),
    ("get", "/manifests/{activeManifestId}/receipts"): {"activeManifestId"},
    ("post", "/manifests/{activeManifestId}/receipts"): {"activeManifestId"},
    ("get", "/services/supportedAlgorithms"): set(),
    ("get", "/services/status"): set(),
    ("get", "/services/capabilities"): set(),
    ("get", "/.well-known/c2pa-soft-binding-resolution"): set(),
}
"""Every operation of the C2PA Soft Binding Resolution API 2.4, and its parameters."""

FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "QueryResult": ({"matches"}, {"matches"}),
    "Found": ({"manifestId"}, {"manifestId", "endpoint", "similarityScore"}),
    "BindingQuery": ({"alg", "value"}, {"alg", "value"}),
    "ReferenceQuery": ({"referenceUrl", "assetLength"}, {"referenceUrl", "assetLength", "assetType", "region"}),
    "Binding": ({"bindingValue", "manifestId"}, {"bindingValue", "manifestId", "alg"}),
    "Created": ({"manifestId"}, {"manifestId", "receipt"}),
    "Receipt": ({"@context", "@type", "repository", "anchor"}, {"@context", "@type", "repository", "anchor"}),
    "VerifiedReceipt": (
        {"@context", "@type", "repository", "anchor", "verified"},
        {"@context", "@type", "repository", "anchor", "verified", "error"},
    ),
    "Repository": ({"uri", "manifestId"}, {"uri", "manifestId"}),
    "Anchor": ({"uri", "proof"}, {"uri", "proof", "parameters"}),
    "Algorithms": (set(), {"watermarks", "fingerprints"}),
    "AlgorithmName": ({"alg"}, {"alg"}),
    "Status": ({"status"}, {"status", "timestamp"}),
    "Capabilities": (
        {"c2paSpecificationVersion", "supportedCapabilities"}, {"c2paSpecificationVersion", "supportedCapabilities"},
    ),
    "WellKnown": (
        {"apiEndpoint", "c2paSpecificationVersion", "capabilitiesEndpoint", "statusEndpoint"},
        {"apiEndpoint", "c2paSpecificationVersion", "capabilitiesEndpoint", "statusEndpoint"},
    ),
}  # fmt: skip
"""Every object: the fields it must have, and those it may. ``alg`` of a binding is ours."""

UNSAYABLE = {"POST /matches/byContent", "POST /manifests"}
"""A schema cannot say that bytes are a picture or a manifest, so valid requests are refused here."""


FOLDER = tempfile.TemporaryDirectory(prefix="assay-conformance-")
"""Schemathesis makes its tests while they are collected, so store and service must be there by then."""


def service() -> Litestar:
    kept = ManifestStore.open(Path(FOLDER.name) / "store", create=True)
    kept.put(WHOLE)
    chosen = Settings(token=digest(TOKEN), requests_per_minute=0, watermarks=(WATERMARK,), fingerprints=(FINGERPRINT,))
    return create_app(kept, settings=chosen, match_content=lambda *_: [Match(ONE, WATERMARK, 90)])


APP = service()
SCHEMA = schemathesis.openapi.from_asgi("/schema/openapi.json", APP)


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    response = asked(APP, "GET", "/schema/openapi.json")
    assert response.headers["content-type"] == "application/vnd.oai.openapi+json"
    found: dict[str, Any] = response.json()
    return found


def test_operations_and_parameters_are_those_of_the_specification(page: dict[str, Any]) -> None:
    assert page["openapi"].startswith("3.1")
    assert page["info"]["version"] == VERSION == "2.4.0"
    found = {
        (method, path): {parameter["name"] for parameter in operation.get("parameters", [])}
        for path, item in page["paths"].items()
        for method, operation in item.items()
    }
    assert found == PATHS


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_those_of_the_specification(page: dict[str, Any], name: str) -> None:
    schema = page["components"]["schemas"][name]
    assert (set(schema.get("required", [])), set(schema["properties"])) == FIELDS[name]


def test_operation_ids_and_tags_are_those_of_the_specification(page: dict[str, Any]) -> None:
    found = {o["operationId"]: o["tags"][0] for item in page["paths"].values() for o in item.values()}
    assert found == {
        "queryByBinding": "query", "queryByLargeBinding": "query", "uploadFile": "query", "queryByReference": "query",
        "addManifest": "store", "deleteManifest": "store", "associateManifest": "store",
        "updateAssociatedManifest": "store", "getManifestById": "fetch", "getVerifiedReceipt": "fetch",
        "verifyReceipt": "fetch", "getSupportedBindings": "service", "getServiceStatus": "service",
        "getServiceCapabilities": "service", "getWellKnown": "service",
    }  # fmt: skip


def test_the_page_has_examples_and_names_the_algorithms_and_loads_nothing(page: dict[str, Any]) -> None:
    text = json.dumps(page)
    assert text.count('"examples"') > 20
    assert "cdn" not in text
    by = {p["name"]: p["schema"] for p in page["paths"]["/matches/byBinding"]["get"]["parameters"]}
    assert by["alg"]["enum"] == [WATERMARK, FINGERPRINT]
    writes = [o for item in page["paths"].values() for o in item.values() if o["tags"] == ["store"]]
    assert all(operation["security"] == [{"token": []}] for operation in writes)


@SCHEMA.parametrize()
@settings(
    max_examples=20, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_requests_by_the_page_are_answered_by_the_page(case: Any) -> None:
    """All checks: no server error, status, type, body and headers as the page says; what is valid is taken, what is
    not is refused, methods that are not there answer 405, and what needs the token is not done without.
    """
    label = case.operation.label
    excluded = [positive_data_acceptance] if label in UNSAYABLE else []
    response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
    case.validate_response(response, excluded_checks=excluded)


def test_the_check_can_fail(tmp_path: Path) -> None:
    """A service that breaks its page is found."""
    with ManifestStore.open(tmp_path / "store", create=True) as kept:
        app = create_app(kept, settings=Settings(watermarks=(WATERMARK,)))

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError

        kept.by_binding = broken  # type: ignore[method-assign,assignment]
        schema = schemathesis.openapi.from_asgi("/schema/openapi.json", app)

        @settings(max_examples=10, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
        @given(case=schema["/matches/byBinding"]["GET"].as_strategy())
        def run(case: Any) -> None:
            case.call_and_validate()

        with pytest.raises(BaseException, match="erver error"):
            run()
