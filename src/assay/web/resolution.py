"""The C2PA Soft Binding Resolution API as an ASGI application."""

import hashlib
from typing import Annotated, Any

from litestar import Litestar, Request, Response, delete, get, post, put
from litestar.config.cors import CORSConfig
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter

from assay.provenance.resolution import records
from assay.provenance.resolution.receipts import Receipts
from assay.provenance.softbindings import MAX_BYTES
from assay.provenance.store import MAX_MATCHES, ManifestStore
from assay.web.fetch import Resolver, resolve
from assay.web.limits import Counter, allow, limited, log, of_type, writers
from assay.web.openapi import body_of, config, finish
from assay.web.problems import Refusal, handlers, refusals
from assay.web.service import MatchContent, Service, Settings

LONGEST_VALUE = 4096
"""Characters of a value in the address of a question; a longer one goes by POST."""
C2PA = "application/c2pa"
NO_STORE = [ResponseHeader(name="Cache-Control", value="no-store")]
WRITES: list[dict[str, list[str]]] = [{"token": []}]
"""Security requirement of the routes that write."""

Serving = NamedDependency[Service]
Algorithm = Annotated[
    str, QueryParameter(name="alg", pattern=records.ALGORITHM_PATTERN, description="The soft binding algorithm.")
]
OptionalAlgorithm = Annotated[
    str | None, QueryParameter(name="alg", pattern=records.ALGORITHM_PATTERN, description="Only by this algorithm.")
]
Limit = Annotated[int, QueryParameter(name="maxResults", ge=1, le=MAX_MATCHES, description="How many matches at most.")]
HintAlgorithm = Annotated[
    str | None, QueryParameter(name="hintAlg", pattern=records.ALGORITHM_PATTERN, description="Algorithm of the hint.")
]
HintValue = Annotated[
    str | None,
    QueryParameter(
        name="hintValue", pattern=records.BASE64_PATTERN, min_length=4, description="A soft binding known already."
    ),
]
Id = Annotated[
    str,
    PathParameter(pattern=records.ID_PATTERN, description="The label of an active manifest.", examples=[
        Example(summary="A label", value="urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4")]),
]  # fmt: skip


def create_app(
    store: ManifestStore,
    *,
    match_content: MatchContent | None = None,
    receipts: Receipts | None = None,
    settings: Settings | None = None,
    resolver: Resolver = resolve,
    transport: Any = None,
    counter: Counter | None = None,
) -> Litestar:
    """The service over ``store``.

    Without ``match_content`` it looks into no files. ``resolver``, ``transport`` and ``counter`` stand in for names,
    network and clock.
    """
    settings = settings or Settings()
    service = Service(
        store, settings, match_content=match_content, receipts=receipts,
        resolver=resolver, transport=transport,
    )  # fmt: skip
    counter = counter or Counter(settings.requests_per_minute)
    app = Litestar(
        route_handlers=[*_queries(settings), *_stored(settings), *_fetches(), *SERVICES],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers=handlers(),
        middleware=[limited(counter, settings.upload_seconds, here=settings.free)],
        before_send=[allow, log],
        cors_config=CORSConfig(allow_origins=["*"], allow_methods=["GET"], max_age=3600),
        response_headers=[ResponseHeader(name="X-Content-Type-Options", value="nosniff")],
        request_max_body_size=settings.max_json,
        openapi_config=config(),
        logging_config=None,
        debug=False,
    )
    finish(app, service.algorithms)
    return app


def _queries(settings: Settings) -> list[Any]:
    json_body = of_type("application/json")

    @get(
        "/matches/byBinding", tags=["query"], operation_id="queryByBinding", response_headers=NO_STORE,
        responses=refusals(414), summary="Manifests that a soft binding leads to",
    )  # fmt: skip
    async def query_by_binding(
        service: Serving,
        alg: Algorithm,
        value: Annotated[
            str, QueryParameter(name="value", pattern=records.BASE64_PATTERN, min_length=4, description="Base64.")
        ],
        limit: Limit = 10,
    ) -> records.QueryResult:
        """Given one soft binding, find zero or more manifests."""
        if len(value) > LONGEST_VALUE:
            raise Refusal(414, "query_too_long", "Send a value of this length by POST.")
        return await service.by_binding(alg, value, limit)

    @post(
        "/matches/byBinding", tags=["query"], operation_id="queryByLargeBinding", status_code=200,
        response_headers=NO_STORE, guards=[json_body], responses=refusals(408, 413, 415),
        summary="Manifests that a soft binding leads to, for large values",
    )  # fmt: skip
    async def query_by_large_binding(
        service: Serving, data: JSONBody[records.BindingQuery], limit: Limit = 10
    ) -> records.QueryResult:
        """The same question with the binding in the body."""
        return await service.by_binding(data.alg, data.value, limit)

    @post(
        "/matches/byContent", tags=["query"], operation_id="uploadFile", status_code=200, response_headers=NO_STORE,
        guards=[of_type("image/*")], responses=refusals(403, 408, 413, 415), summary="Manifests that a file leads to",
        operation_class=body_of("image/*", "The picture itself."), request_max_body_size=settings.max_asset,
    )  # fmt: skip
    async def query_by_content(  # noqa: PLR0917 (the parameters of the API)
        request: Request[Any, Any, Any],
        service: Serving,
        alg: OptionalAlgorithm = None,
        limit: Limit = 10,
        hint_alg: HintAlgorithm = None,
        hint_value: HintValue = None,
    ) -> records.QueryResult:
        """Look for watermark and fingerprint in the file, and find the manifests that they lead to. The file is not
        kept.
        """
        data = await request.body()
        return await service.by_content(data, limit, algorithm=alg, hint=(hint_alg, hint_value))

    @post(
        "/matches/byReference", tags=["query"], operation_id="queryByReference", status_code=200,
        response_headers=NO_STORE, guards=[json_body], responses=refusals(403, 408, 413, 415),
        summary="Manifests that a file at an address leads to",
    )  # fmt: skip
    async def query_by_reference(  # noqa: PLR0917 (the parameters of the API)
        service: Serving,
        data: JSONBody[records.ReferenceQuery],
        alg: OptionalAlgorithm = None,
        limit: Limit = 10,
        hint_alg: HintAlgorithm = None,
        hint_value: HintValue = None,
    ) -> records.QueryResult:
        """Fetch a file and do the same, where the service offers that. Only https addresses on public hosts."""
        kind = data.assetType if isinstance(data.assetType, str) else None
        return await service.by_reference(
            data.referenceUrl, data.assetLength, kind, limit, algorithm=alg, hint=(hint_alg, hint_value)
        )

    return [query_by_binding, query_by_large_binding, query_by_content, query_by_reference]


def _stored(settings: Settings) -> list[Any]:
    may_write = writers(settings.token, free=settings.free)
    json_body = of_type("application/json")

    @post(
        "/manifests", tags=["store"], operation_id="addManifest", status_code=200, response_headers=NO_STORE,
        guards=[may_write, of_type(C2PA)], responses=refusals(401, 403, 408, 409, 413, 415, 507), security=WRITES,
        summary="Keep a manifest store", operation_class=body_of(C2PA, "The manifest store."),
        request_max_body_size=MAX_BYTES,
    )  # fmt: skip
    async def add_manifest(
        request: Request[Any, Any, Any],
        service: Serving,
        want_receipt: Annotated[bool, QueryParameter(name="returnReceipt", description="Ask for a receipt.")] = False,
    ) -> records.Created:
        """The soft bindings that its active manifest declares lead to it at once. What is kept is not replaced."""
        return await service.put(await request.body(), receipt=want_receipt)

    @delete(
        "/manifests/{activeManifestId:str}", tags=["store"], operation_id="deleteManifest", guards=[may_write],
        responses=refusals(401, 403, 404), security=WRITES, summary="Forget a manifest store",
    )  # fmt: skip
    async def delete_manifest(service: Serving, activeManifestId: Id) -> None:
        """Its soft bindings lead to it no longer."""
        await service.delete(activeManifestId)

    @post(
        "/bindings", tags=["store"], operation_id="associateManifest", status_code=204, guards=[may_write, json_body],
        responses=refusals(401, 403, 404, 408, 413, 415, 507), security=WRITES, summary="Bind a value to a manifest",
    )  # fmt: skip
    async def associate_manifest(service: Serving, data: JSONBody[records.Binding]) -> None:
        """Stands beside all that the value leads to already."""
        await service.bind(data, replace=False)

    @put(
        "/bindings", tags=["store"], operation_id="updateAssociatedManifest", status_code=204,
        guards=[may_write, json_body], responses=refusals(401, 403, 404, 408, 413, 415, 507), security=WRITES,
        summary="Bind a value to another manifest",
    )  # fmt: skip
    async def update_associated_manifest(service: Serving, data: JSONBody[records.Binding]) -> None:
        """Takes the place of other bindings of that value, except of those that a manifest declares itself."""
        await service.bind(data, replace=True)

    return [add_manifest, delete_manifest, associate_manifest, update_associated_manifest]


def _fetches() -> list[Any]:
    @get(
        "/manifests/{activeManifestId:str}", tags=["fetch"], operation_id="getManifestById", media_type=C2PA,
        responses=refusals(404), summary="A manifest store",
    )  # fmt: skip
    async def get_manifest(
        service: Serving,
        activeManifestId: Id,
        active: Annotated[bool, QueryParameter(name="returnActiveManifest", description="No ingredients.")] = False,
    ) -> Response[bytes]:
        """The whole store, or one with only the active manifest; then the manifests of its ingredients are missing,
        and a verifier will say so.
        """
        found = await service.manifest(activeManifestId, active=active)
        headers = {"Cache-Control": "public, max-age=300", "ETag": f'"{hashlib.sha256(found).hexdigest()}"'}
        return Response(found, media_type=C2PA, headers=headers)

    @get(
        "/manifests/{activeManifestId:str}/receipts", tags=["fetch"], operation_id="getVerifiedReceipt",
        response_headers=NO_STORE, responses=refusals(404), summary="The receipt of a manifest store",
    )  # fmt: skip
    async def get_verified_receipt(service: Serving, activeManifestId: Id) -> records.VerifiedReceipt:
        """The newest, verified now."""
        return await service.receipt(activeManifestId)

    @post(
        "/manifests/{activeManifestId:str}/receipts", tags=["fetch"], operation_id="verifyReceipt", status_code=200,
        response_headers=NO_STORE, guards=[of_type("application/json")], responses=refusals(404, 408, 413, 415),
        summary="Whether a receipt holds",
    )  # fmt: skip
    async def verify_receipt(
        service: Serving, activeManifestId: Id, data: JSONBody[records.Receipt]
    ) -> records.VerifiedReceipt:
        """Verify a receipt against a manifest that is kept here."""
        return await service.verify(activeManifestId, data)

    return [get_manifest, get_verified_receipt, verify_receipt]


@get(
    "/services/supportedAlgorithms", tags=["service"], operation_id="getSupportedBindings", responses=refusals(),
    summary="Algorithms that are answered for",
)  # fmt: skip
async def get_supported_bindings(service: Serving) -> records.Algorithms:
    """By value, to the bit; a picture that was altered since is found by its file."""
    return records.Algorithms(
        watermarks=[records.AlgorithmName(alg=name) for name in service.settings.watermarks],
        fingerprints=[records.AlgorithmName(alg=name) for name in service.settings.fingerprints],
    )


@get(
    "/services/status", tags=["service"], operation_id="getServiceStatus", response_headers=NO_STORE,
    responses=refusals(), summary="How the service is",
)  # fmt: skip
async def get_status(service: Serving) -> records.Status:
    """``degraded``: it answers, but little space is left or nothing can be written."""
    return await service.status()


@get(
    "/services/capabilities", tags=["service"], operation_id="getServiceCapabilities", responses=refusals(),
    summary="What the service offers",
)  # fmt: skip
async def get_capabilities(service: Serving) -> records.Capabilities:
    """Beyond looking up soft bindings and fetching manifests."""
    return records.Capabilities(c2paSpecificationVersion=records.VERSION, supportedCapabilities=service.capabilities)


@get(
    "/.well-known/c2pa-soft-binding-resolution", tags=["service"], operation_id="getWellKnown",
    response_headers=NO_STORE, responses=refusals(), summary="Where the API begins",
)  # fmt: skip
async def get_well_known(request: Request[Any, Any, Any], service: Serving) -> records.WellKnown:
    """For clients that know only the host (RFC 8615)."""
    base = (service.settings.url or str(request.base_url)).rstrip("/")
    return records.WellKnown(
        apiEndpoint=base,
        c2paSpecificationVersion=records.VERSION,
        capabilitiesEndpoint=f"{base}/services/capabilities",
        statusEndpoint=f"{base}/services/status",
    )


SERVICES = [get_supported_bindings, get_status, get_capabilities, get_well_known]

__all__ = ["Service", "Settings", "create_app"]
