# ruff: noqa: N815 (the names are those of the specification)
"""What goes over the wire, with the names of the C2PA Soft Binding Resolution API, version 2.4."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from assay.provenance.softbindings import MAX_VALUE

VERSION = "2.4.0"
"""Version of the C2PA specification whose API this is."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9:._+~@!$&'()*,=-]{0,249}$"
ALGORITHM_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$"
BASE64_PATTERN = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$"

Id = Annotated[
    str,
    Meta(
        pattern=ID_PATTERN,
        description="The label of an active C2PA manifest.",
        examples=["urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4"],
    ),
]
Algorithm = Annotated[
    str, Meta(pattern=ALGORITHM_PATTERN, description="A soft binding algorithm.", examples=["org.example.watermark.1"])
]
Value = Annotated[
    str,
    Meta(
        pattern=BASE64_PATTERN,
        min_length=4,
        max_length=(MAX_VALUE + 2) // 3 * 4,
        description="The value of a soft binding, in the form of its algorithm, as base64.",
        examples=["Tz8kQ2QZr4E="],
    ),
]


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """What all share: an unset field is left out."""


class Found(_Wire, frozen=True):
    """A manifest that matches. Without ``endpoint``, the service that was asked has it."""

    manifestId: Id
    endpoint: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET
    similarityScore: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class QueryResult(_Wire, frozen=True):
    """The answer to every question for matches."""

    matches: list[Found]


class BindingQuery(_Wire, frozen=True):
    """The body of POST /matches/byBinding."""

    alg: Algorithm
    value: Value


class ReferenceQuery(_Wire, frozen=True):
    """The body of POST /matches/byReference. No region can be asked for: whole files are looked at."""

    referenceUrl: Annotated[str, Meta(pattern="^https://", max_length=2048, examples=["https://example.org/a.jpg"])]
    assetLength: Annotated[int, Meta(ge=1, le=2**53, description="Bytes; a longer asset is refused.")]
    assetType: Annotated[str, Meta(max_length=128, examples=["image/jpeg"])] | UnsetType = UNSET
    region: Annotated[list[dict[str, Any]], Meta(max_length=0)] | UnsetType = UNSET


class Binding(_Wire, frozen=True):
    """The body of POST and PUT /bindings. ``alg`` is not in the specification, which leaves open what the value is a
    value of; without it, the service's only watermark is meant.
    """

    bindingValue: Value
    manifestId: Id
    alg: Algorithm | UnsetType = UNSET


class Repository(_Wire, frozen=True, forbid_unknown_fields=True):
    """Who has the manifest."""

    uri: Annotated[str, Meta(max_length=2048, extra_json_schema={"format": "uri"})]
    manifestId: Id


class Anchor(_Wire, frozen=True):
    """Where the proof may be verified, and the proof, in a form of the repository's own."""

    uri: Annotated[str, Meta(max_length=2048, extra_json_schema={"format": "uri"})]
    proof: dict[str, Any]
    parameters: dict[str, Any] | UnsetType = UNSET


class Receipt(_Wire, frozen=True, forbid_unknown_fields=True):
    """A repository's word that it has taken a manifest in, with what proves it."""

    context: dict[str, Any] | str = field(name="@context")
    type: Literal["org.c2pa.manifest-receipt"] = field(name="@type")
    repository: Repository
    anchor: Anchor


class VerifiedReceipt(Receipt, frozen=True, forbid_unknown_fields=True):
    """A receipt, and whether it holds; where not, ``error`` says why."""

    verified: bool
    error: str | UnsetType = UNSET


class Created(_Wire, frozen=True):
    """The answer to POST /manifests."""

    manifestId: Id
    receipt: Receipt | UnsetType = UNSET


class AlgorithmName(_Wire, frozen=True):
    """One algorithm of the list."""

    alg: Algorithm


class Algorithms(_Wire, frozen=True):
    """The answer to GET /services/supportedAlgorithms."""

    watermarks: list[AlgorithmName] = []
    fingerprints: list[AlgorithmName] = []


class Health(StrEnum):
    """``degraded``: it answers, but takes nothing in, or soon will not. ``down``: it cannot answer."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Status(_Wire, frozen=True):
    """The answer to GET /services/status."""

    status: Health
    timestamp: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | UnsetType = UNSET


class Capability(StrEnum):
    """What a service may leave out."""

    CONTENT = "queryByContent"
    REFERENCE = "queryByReference"
    MANIFESTS = "storeManifests"
    BINDINGS = "storeBindings"


class Capabilities(_Wire, frozen=True):
    """The answer to GET /services/capabilities."""

    c2paSpecificationVersion: str
    supportedCapabilities: list[Capability]


class WellKnown(_Wire, frozen=True):
    """The answer to GET /.well-known/c2pa-soft-binding-resolution."""

    apiEndpoint: str
    c2paSpecificationVersion: str
    capabilitiesEndpoint: str
    statusEndpoint: str


class Problem(_Wire, frozen=True):
    """Every error, as ``application/problem+json`` (RFC 9457). ``code`` is one word for programs to branch on."""

    type: str
    title: str
    status: int
    detail: str
    code: str
