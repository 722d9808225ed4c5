"""The OpenAPI page of the log server: what the routes say themselves, and what is served beside the framework."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License, Tag

from assay import __version__
from assay.register.leaf import HEAD, SALT
from assay.register.model import MAX_ENTRIES, Accepted, Submission
from assay.register.tiles import CHECKPOINT
from assay.web.problems import PROBLEM_JSON
from assay.web.register.intake import PATH

_REF = "#/components/schemas/{name}"


class _Page(JsonRenderPlugin):
    """JSON that loads nothing."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The framework's page, completed."""
        _, models = msgspec.json.schema_components([Submission, Accepted], ref_template=_REF)
        _bound(models)
        components = openapi_schema["components"]
        whole = {
            **openapi_schema,
            "paths": {**openapi_schema["paths"], PATH: {"post": _submissions()}, f"/{CHECKPOINT}": {"get": _tip()}},
            "components": {**components, "schemas": {**components["schemas"], **models}},
        }
        return super().render(request, whole)


def config() -> OpenAPIConfig:
    """Title, version and tags."""
    return OpenAPIConfig(
        title="Assay register",
        version="1",
        summary=f"As Assay {__version__} serves it",
        description=(
            "A witnessed transparency log of claims to media. Tiles are served at the root, as C2SP tlog-tiles says."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[Tag(name) for name in ("entries", "log", "service")],
        render_plugins=[_Page()],
        path="/schema",
        use_handler_docstrings=True,
    )


def _bound(models: dict[str, Any]) -> None:
    """Say the lengths that are checked."""
    lengths = {"head": HEAD, "key": 32, "signature": 64, "salt": SALT}
    for model in models.values():
        for name, field in model.get("properties", {}).items():
            if name in lengths:
                size = (lengths[name] + 2) // 3 * 4
                field |= {"minLength": size, "maxLength": size}
    models["Submission"]["properties"]["entries"] |= {"minItems": 1, "maxItems": MAX_ENTRIES}


def _submissions() -> dict[str, Any]:
    return {
        "tags": ["entries"],
        "operationId": "submit",
        "summary": "Hand in entries",
        "description": (
            "One entry or many, signed once by their submitter: that signature is the authentication. The answer comes "
            "when all of them are published under the policy's quorum. What was handed in before has its old position. "
            "After 503, hand the same in again."
        ),
        "parameters": [
            {
                "name": "Prefer", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "`wait=N`: seconds to wait at most (RFC 7240).",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF.format(name="Submission")}}},
        },
        "responses": {
            "200": {
                "description": "Positions, in the order of the entries, and the checkpoint that covers them.",
                "content": {"application/json": {"schema": {"$ref": _REF.format(name="Accepted")}}},
            },
            **_problems(400, 403, 408, 413, 422, 429, 500, 503, 507),
        },
    }  # fmt: skip


def _tip() -> dict[str, Any]:
    return {
        "tags": ["log"],
        "operationId": "checkpoint",
        "summary": "The newest checkpoint",
        "description": "A signed note with the cosignatures of witnesses.",
        "responses": {
            "200": {"description": "The note.", "content": {"text/plain": {"schema": {"type": "string"}}}},
            **_problems(404, 500, 503),
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Problem")}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {PROBLEM_JSON: {"schema": schema}}}
        for status in statuses
    }


__all__ = ["config"]
