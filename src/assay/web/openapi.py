"""The OpenAPI page of the resolution service, beyond what its routes say themselves."""

from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    License,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.openapi.spec import Parameter as OpenAPIParameter

from assay import __version__
from assay.provenance.resolution.records import VERSION


def body_of(kind: str, says: str) -> type[Operation]:
    """An operation whose request body is bytes of one kind."""
    schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, min_length=1)

    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody({kind: OpenAPIMediaType(schema=schema)}, description=says, required=True)

    return WithBody


def config() -> OpenAPIConfig:
    """The page: its title, its version and its one security scheme. It is served as JSON and loads nothing."""
    return OpenAPIConfig(
        title="C2PA Soft Binding Resolution API",
        version=VERSION,
        summary=f"As Assay {__version__} serves it",
        description="Finds C2PA manifests again by soft binding (watermark or fingerprint), by file, and by id.",
        license=License(name="Creative Commons Attribution 4.0", url="https://creativecommons.org/licenses/by/4.0/"),
        tags=[Tag(name) for name in ("query", "fetch", "store", "service")],
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer", description="The writer's token.")}
        ),
        render_plugins=[JsonRenderPlugin()],
        path="/schema",
        use_handler_docstrings=True,
    )


def finish(app: Litestar, names: tuple[str, ...]) -> None:
    """Let the page name the algorithms that this service answers for, and say where it takes no other fields."""
    page = app.openapi_schema
    operations = [operation for path in (page.paths or {}).values() for operation in (path.get, path.post) if operation]
    parameters = [parameter for operation in operations for parameter in operation.parameters or []]
    named = [one for one in parameters if isinstance(one, OpenAPIParameter) and one.name in {"alg", "hintAlg"}]
    found: list[Any] = [one.schema for one in named]
    for schema in (page.components.schemas or {}).values():
        if schema.title in {"Binding", "BindingQuery"}:
            found.append((schema.properties or {})["alg"])
        if schema.title == "ReferenceQuery":
            region: Any = (schema.properties or {})["region"]
            for one in region.one_of or [region]:
                one.max_items = 0
        if schema.title in {"Receipt", "Repository"}:
            schema.additional_properties = False
    for schema in found:
        for one in schema.one_of or [schema]:
            if one.type == OpenAPIType.STRING:
                one.enum, one.pattern = list(names), None


__all__ = ["body_of", "config", "finish"]
