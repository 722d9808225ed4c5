"""The OpenAPI page says what the log server does (schemathesis)."""

import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.web.conftest import asked
from tests.web.register.serving import claims

from assay.register.database.submitters import Submitters
from assay.register.log import Log, init, open_index
from assay.register.settings import read
from assay.register.submission import Submitter
from assay.web.register.app import App, Limits

PATHS = {
    "/api/v1/submissions": "post",
    "/api/v1/entries": "get",
    "/api/v1/entries/{index}": "get",
    "/api/v1/entries/{index}/batch": "get",
    "/api/v1/entries/{index}/receipt": "get",
    "/api/v1/entries/{index}/cose": "get",
    "/api/v1/manifests/{digest}": "get",
    "/api/v1/anchored/{size}": "get",
    "/api/v1/key": "get",
    "/checkpoint": "get",
    "/health": "get",
}

UNSAYABLE = {"POST /api/v1/submissions", "GET /api/v1/entries"}
"""A schema cannot say that a signature holds, nor that a fingerprint goes with its algorithm."""

FOLDER = tempfile.TemporaryDirectory(prefix="assay-register-conformance-")
"""Schemathesis makes its tests while they are collected, so log and server must be there by then."""


def service() -> App:
    folder = Path(FOLDER.name) / "log"
    init(folder, "example.org/log").close()
    index = open_index(folder, read(folder))
    log = Log.open(folder, index=index)
    log.sequencer.submit(claims(Submitter.generate(), 1, 2, manifest=b"m")).result()
    return App(log, Submitters(index.engine), limits=Limits(requests_per_minute=0), closing=log.close)


APP = service()


async def lasting(scope: Any, receive: Any, send: Any) -> None:
    """The server, which does not end with each client: the checks begin and end it for every request."""
    if scope["type"] != "lifespan":
        await APP(scope, receive, send)
        return
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


SCHEMA = schemathesis.openapi.from_asgi("/schema/openapi.json", lasting)


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    response = asked(APP, "GET", "/schema/openapi.json")
    assert response.headers["content-type"] == "application/vnd.oai.openapi+json"
    found: dict[str, Any] = response.json()
    return found


def test_the_page_has_every_route(page: dict[str, Any]) -> None:
    assert {path: next(iter(item)) for path, item in page["paths"].items()} == PATHS
    operations = [operation for item in page["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(PATHS)
    assert {tag for operation in operations for tag in operation["tags"]} == {"entries", "log", "service"}


def test_a_real_submission_is_one_by_the_page(page: dict[str, Any]) -> None:
    whole = {"$ref": "#/components/schemas/Submission", "components": page["components"]}
    check = jsonschema.Draft202012Validator(whole)
    made = msgspec.json.decode(msgspec.json.encode(claims(Submitter.generate(), 1, 2, manifest=b"m")))
    check.validate(made)
    made["entries"][0]["head"] = made["entries"][0]["head"][:-4]
    assert not check.is_valid(made)


@SCHEMA.parametrize()
@settings(
    max_examples=20, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_requests_by_the_page_are_answered_by_the_page(case: Any) -> None:
    """All checks: no server error, status, type, body and headers as the page says; what is valid is taken, what is
    not is refused, and methods that are not there answer 405.
    """
    label = case.operation.label
    excluded = [positive_data_acceptance] if label in UNSAYABLE else []
    response = case.call()
    case.validate_response(response, excluded_checks=excluded)


def test_the_check_can_fail(tmp_path: Path) -> None:
    """A server that breaks its page is found."""
    init(tmp_path / "log", "example.org/log").close()
    with Log.open(tmp_path / "log") as log:
        index: Any = log.index
        app = App(log, Submitters(index.engine), limits=Limits(requests_per_minute=0))

        def broken(*_: object) -> None:
            raise RuntimeError

        index.search = broken
        schema = schemathesis.openapi.from_asgi("/schema/openapi.json", app)

        @settings(max_examples=10, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
        @given(case=schema["/api/v1/entries"]["GET"].as_strategy())
        def run(case: Any) -> None:
            case.call_and_validate()

        with pytest.raises(BaseException, match="erver error"):
            run()
