"""The questions that the log server answers under ``/api/v1``, with the framework."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from litestar import Request, Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from assay.errors import RegisterError
from assay.register.local import OpenRegister
from assay.register.model import Batch, Hit, Query
from assay.register.policy import Policy
from assay.register.receipt import issue
from assay.register.record import MAX_BITS
from assay.register.remote import Anchored, Hits, KeyInfo
from assay.web.problems import refusals
from assay.web.register.health import Doctor, Health, page
from assay.web.register.metrics import CONTENT_TYPE, Metrics
from assay.web.register.problems import SERVICE
from assay.web.verifier import verifier_page

MAX_HITS = 1000
"""Entries in one answer to a search."""
MOST = 2**53 - 1
"""The largest number of a question: all that read JSON hold it exactly."""
NO_STORE = [ResponseHeader(name="Cache-Control", value="no-store")]
HEX32 = "^[0-9a-f]{64}$"
T = TypeVar("T")

Serving = NamedDependency[OpenRegister]
Index = Annotated[int, PathParameter(ge=0, le=MOST, description="The index of an entry in the log.")]
Seconds = Annotated[int | None, QueryParameter(ge=0, le=MOST, description="POSIX seconds, the operator's clock.")]
Digest = Annotated[str | None, QueryParameter(pattern=HEX32, description="SHA-256 of the file, in hex.")]
Algorithm = Annotated[
    str | None,
    QueryParameter(pattern="^[a-z0-9][a-z0-9._-]{0,62}$", description="The algorithm of the fingerprint."),
]
Fingerprint = Annotated[
    str | None, QueryParameter(pattern="^([0-9a-f]{2}){1,2048}$", description="A fingerprint, in hex.")
]
Distance = Annotated[
    int, QueryParameter(ge=0, le=8 * MAX_BITS, description="The largest Hamming distance of the fingerprint, in bits.")
]
Signer = Annotated[
    str | None, QueryParameter(pattern=HEX32, description="The submitter's raw Ed25519 key, or its SHA-256, in hex.")
]
After = Annotated[int, QueryParameter(ge=-1, le=MOST, description="Only entries after this index.")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_HITS, description="How many entries at most.")]
ManifestDigest = Annotated[str, PathParameter(pattern=HEX32, description="SHA-256 of the encrypted manifest, in hex.")]
Size = Annotated[int, PathParameter(ge=0, le=MOST, description="Entries that the checkpoint must cover.")]


def _refusals(*statuses: int) -> Any:
    return refusals(*statuses, service=SERVICE)


def _there(found: T | None, what: str) -> T:
    if found is None:
        raise RegisterError(f"There is no {what} here.", "missing")
    return found


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


@get(
    "/api/v1/entries", tags=["entries"], operation_id="search", response_headers=NO_STORE, responses=_refusals(),
    summary="Entries that were found", sync_to_thread=True,
)  # fmt: skip
def search(  # noqa: PLR0917 (the parameters of the API)
    register: Serving,
    digest: Digest = None,
    algorithm: Algorithm = None,
    fingerprint: Fingerprint = None,
    distance: Distance = 0,
    signer: Signer = None,
    since: Seconds = None,
    until: Seconds = None,
    after: After = -1,
    limit: Limit = 100,
) -> Hits:
    """Lowest index first; all that is given must hold. For the next page, give the last index as ``after``. Only public
    entries are found by digest and fingerprint. What is found are claims: who is first is not therefore right.
    """
    asked = Query(
        digest=_bytes(digest), algorithm=algorithm, fingerprint=_bytes(fingerprint), distance=distance,
        signer=_bytes(signer), since=since, until=until, after=after, limit=limit,
    )  # fmt: skip
    return Hits(tuple(register.search(asked)))


@get(
    "/api/v1/entries/{index:int}", tags=["entries"], operation_id="entry", response_headers=NO_STORE,
    responses=_refusals(404), summary="One entry", sync_to_thread=True,
)  # fmt: skip
def entry(register: Serving, index: Index) -> Hit:
    """An entry is here a moment after it is in the log."""
    return _there(register.get(index), "such entry, or not yet,")


@get(
    "/api/v1/entries/{index:int}/batch", tags=["entries"], operation_id="batch", response_headers=NO_STORE,
    responses=_refusals(404), summary="How an entry is part of what was signed", sync_to_thread=True,
)  # fmt: skip
def batch(register: Serving, index: Index) -> Batch:
    """The inclusion path of the entry's head in its submission."""
    return _there(register.batch(index), "such entry, or not yet,")


@get(
    "/api/v1/entries/{index:int}/receipt", tags=["entries"], operation_id="receipt", response_headers=NO_STORE,
    media_type="text/plain", responses=_refusals(404), summary="The receipt of an entry",
    sync_to_thread=True,
)  # fmt: skip
def receipt(register: Serving, index: Index) -> Response[bytes]:
    """A C2SP tlog-proof, with what Assay needs beside it. The opening is in it where the entry is public; who holds the
    opening of a private one puts it in.
    """
    data = issue(register, index).encode()
    headers = {"Content-Disposition": f'attachment; filename="entry-{index}.tlog-proof"'}
    return Response(data, media_type="text/plain", headers=headers)


@get(
    "/api/v1/entries/{index:int}/cose", tags=["entries"], operation_id="cose", response_headers=NO_STORE,
    media_type="application/cose", responses=_refusals(404), summary="A COSE receipt of an entry",
    sync_to_thread=True,
)  # fmt: skip
def cose(register: Serving, index: Index) -> Response[bytes]:
    """RFC 9942, signed by the log alone, over the root of a published checkpoint. No cosignature is in it."""
    headers = {"Content-Disposition": f'attachment; filename="entry-{index}.cose"'}
    return Response(register.cose(index), media_type="application/cose", headers=headers)


@get(
    "/api/v1/manifests/{digest:str}", tags=["entries"], operation_id="manifest", response_headers=NO_STORE,
    media_type="application/octet-stream", responses=_refusals(404), summary="An encrypted manifest",
    sync_to_thread=True,
)  # fmt: skip
def manifest(register: Serving, digest: ManifestDigest) -> Response[bytes]:
    """As it was handed in; until it is forgotten."""
    data = _there(register.manifest(bytes.fromhex(digest)), "such manifest")
    return Response(data, media_type="application/octet-stream")


@get(
    "/api/v1/anchored/{size:int}", tags=["log"], operation_id="anchored", response_headers=NO_STORE,
    responses=_refusals(404), summary="An anchored checkpoint", sync_to_thread=True,
)  # fmt: skip
def anchored(register: Serving, size: Size) -> Anchored:
    """The smallest that covers so many entries, with its anchors."""
    return Anchored(*_there(register.anchored(size), "anchored checkpoint that covers so many entries"))


@get(
    "/api/v1/key", tags=["log"], operation_id="key", response_headers=NO_STORE, responses=_refusals(),
    summary="The log's key and policy", sync_to_thread=False,
)  # fmt: skip
def key(register: Serving, policy: NamedDependency[Policy]) -> KeyInfo:
    """As the log says itself. Whom to trust comes from elsewhere."""
    vkey = register.verifier
    return KeyInfo(str(vkey), vkey.name, policy.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


@get(
    "/health", tags=["service"], operation_id="health", response_headers=NO_STORE, responses=_refusals(),
    summary="How the log is", sync_to_thread=True,
)  # fmt: skip
def health(request: Request[Any, Any, Any], doctor: NamedDependency[Doctor]) -> Health:
    """As a page for people where ``text/html`` is asked for."""
    found = doctor.look()
    if "text/html" in request.headers.get("accept", ""):
        return Response(page(found), media_type="text/html")  # type: ignore[return-value]
    return found


@get("/metrics", include_in_schema=False, sync_to_thread=True)
def metrics(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """For Prometheus."""
    return Response(metrics.page(), media_type=CONTENT_TYPE)


@get("/verify", include_in_schema=False, media_type="text/html", sync_to_thread=True)
def verifier() -> str:
    """The verifier for browsers: one page that loads nothing and sends nothing."""
    return verifier_page()


ROUTES: list[Callable[..., Any] | Any] = [
    search, entry, batch, receipt, cose, manifest, anchored, key, health, metrics, verifier,
]  # fmt: skip

__all__ = ["MAX_HITS", "ROUTES"]
