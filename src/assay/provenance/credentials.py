"""The method ``credentials``: what the file's Content Credentials say, and how far that can be relied on."""

from typing import Any

from msgspec.structs import replace

from assay.analysis import Analysis, Maps, abstain
from assay.errors import MediaError
from assay.evidence import Direction, Finding, Method, Outcome, Strength
from assay.evidence import Reason as Why
from assay.media import Media
from assay.provenance import codes
from assay.provenance.model import Kind, Manifest, State, Verification, plain_json
from assay.provenance.trust import TrustStore, default_store
from assay.provenance.verify import verify

CARD = Method(
    id="credentials",
    version="1",
    title="Content Credentials",
    group="provenance",
    looks_at="The signed statements in the file (C2PA): who signed it, whether it is as it was when it was signed, "
    "what it was made from and what was done to it, and whether a trust list knows the signer.",
    fooled_by="A signature says who vouches, not that the picture is true: a signed photograph may show a screen, a "
    "scene that was staged, or a print. A stolen or careless signing key vouches for anything. Credentials can be "
    "stripped from any file, and most networks do that. A caption added to an honest photograph after signing "
    "breaks the credentials as a forgery does.",
    ignore="That a picture has no credentials: most have none. That a signer is unknown: whoever signs with his own "
    "certificate is.",
    source="C2PA, Content Credentials: C2PA Technical Specification 2.2 (2025), through c2pa-rs; the verdict over the "
    "history is Assay's own.",
)

_CERTIFICATE = frozenset({
    "signingCredential.expired", "signingCredential.invalid", "signingCredential.revoked",
    "signingCredential.ocsp.revoked", "signingCredential.ocsp.unknown", "claimSignature.outsideValidity",
    "assay.exclusion.covers_header", "algorithm.unsupported",
})  # fmt: skip
"""Failures that say nothing of the content: the rest of the checks held."""

_NO_CHANGE = frozenset({
    "c2pa.created", "c2pa.opened", "c2pa.published", "c2pa.repackaged", "c2pa.transcoded", "c2pa.converted",
    "c2pa.managed", "c2pa.saved", "c2pa.copied", "c2pa.watermarked", "c2pa.watermarked.bound", "c2pa.redacted",
    "c2pa.watermarked.unbound", "c2pa.edited.metadata", "c2pa.version_updated", "c2pa.printed", "c2pa.produced",
    "c2pa.unknown",
})  # fmt: skip
"""Actions that leave what a picture shows as it is."""

_CAPTURED = frozenset({"digitalCapture", "computationalCapture"})
MAX_MANIFESTS, MAX_EACH = 40, 60
_LEFT_OUT = ("path", "says", "sha256", "at", "online", "sidecar", "schema")


def run(media: Media, maps: Maps, *, trust: TrustStore | None = None) -> Outcome:  # noqa: ARG001
    """Verify the file offline, with the lists of this machine; ``trust`` overrides them."""
    try:
        found = verify(media.data, trust=trust or default_store(), name=media.name, sha256=media.sha256)
    except MediaError as error:
        if error.reason == "unsupported":
            return abstain(CARD, Why.NOT_APPLICABLE, "A file of this kind cannot carry Content Credentials.")
        return abstain(CARD, Why.FAILED, "The file is too damaged to look for Content Credentials in it.")
    if found.state is State.NONE:
        return abstain(CARD, Why.NOT_APPLICABLE, found.says)
    direction, strength, more = _weigh(found)
    says = f"{found.says} {more}".strip()
    return Finding(method=CARD.id, says=says, direction=direction, strength=strength, details=details(found))


def _weigh(found: Verification) -> tuple[Direction, Strength, str]:
    """What the verdict speaks for, and a sentence on why not more."""
    if found.state is State.BROKEN:
        return _broken(found)
    if found.laundered:
        parent = found.manifests[0].ingredients
        near = any(i.state is State.BROKEN and i.relationship == "parentOf" for i in parent)
        content = any(r.code in codes.CONTENT for r in found.reasons)
        return Direction.FOR, Strength.MODERATE if near and content else Strength.WEAK, ""
    vouched = found.chain.rank >= State.TRUSTED_RETIRED.rank
    generated = _first(found, lambda kind: kind in codes.GENERATED)
    if generated:
        says = f"The signed history itself declares: {generated}."
        return Direction.FOR, Strength.STRONG if vouched else Strength.MODERATE, says
    edits = list(dict.fromkeys(a.says for m in found.manifests for a in m.actions if a.action not in _NO_CHANGE))
    if edits:
        says = f"The signed history itself declares edits ({', '.join(edits[:6])}), which is no sign of deceit."
        return Direction.FOR, Strength.WEAK, says
    if not vouched:
        return Direction.NEUTRAL, Strength.NONE, ""
    says = "A signature says who vouches for the file, not that what it shows is true."
    captured = bool(_first(found, lambda kind: kind in _CAPTURED)) and found.chain is State.TRUSTED
    return Direction.AGAINST, Strength.MODERATE if captured else Strength.WEAK, says


def _broken(found: Verification) -> tuple[Direction, Strength, str]:
    failing = {r.code for r in found.reasons if r.kind is Kind.FAILURE and r.manifest in {None, _label(found)}}
    failing.discard("signingCredential.untrusted")
    if failing & codes.CONTENT:
        return Direction.FOR, Strength.MODERATE, "Any change breaks it, even a caption added without ill will."
    if failing and failing <= _CERTIFICATE:
        return Direction.NEUTRAL, Strength.NONE, "That says nothing of whether the picture was altered."
    return Direction.FOR, Strength.WEAK, ""


def _label(found: Verification) -> str | None:
    return found.manifests[0].label if found.manifests else None


def _first(found: Verification, wanted: Any) -> str:
    """What the first declared source of a wanted kind is, in words."""
    for manifest in found.manifests:
        for action in manifest.actions:
            if action.source_type and wanted(codes.last(action.source_type)):
                where = "" if manifest.depth == 0 else " (a file that went into it)"
                return f"{codes.source(action.source_type)}{where}"
    return ""


def details(found: Verification) -> dict[str, Any]:
    """The verification as plain JSON, without what the report has already and without its bulk."""
    short = replace(found, manifests=tuple(_short(m) for m in found.manifests[:MAX_MANIFESTS]))
    return {key: value for key, value in plain_json(short).items() if key not in _LEFT_OUT}


def _short(manifest: Manifest) -> Manifest:
    return replace(
        manifest, actions=manifest.actions[:MAX_EACH], ingredients=manifest.ingredients[:MAX_EACH],
        assertions=manifest.assertions[:MAX_EACH], soft_bindings=manifest.soft_bindings[:4],
        reasons=tuple(r for r in manifest.reasons if r.kind is not Kind.SUCCESS)[:MAX_EACH],
    )  # fmt: skip


ANALYSIS = Analysis(CARD, run)

__all__ = ["ANALYSIS", "CARD", "details", "run"]
