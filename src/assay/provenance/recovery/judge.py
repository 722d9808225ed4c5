"""What a manifest is to a picture, and the records that say so."""

from assay.fingerprint import Comparison
from assay.provenance import watermark
from assay.provenance.codes import CONTENT
from assay.provenance.judge import UNTRUSTED
from assay.provenance.model import Kind, Signer, State, Verification
from assay.provenance.recovery.records import FoundBy, Likeness, Seen, Verdict
from assay.provenance.watermark import Mark


def sound(found: Verification) -> bool:
    """Whether nothing fails but that the content is another."""
    if not found.manifests:
        return False
    failures = {r.code for r in found.manifests[0].reasons if r.kind is Kind.FAILURE}
    return failures <= CONTENT | {UNTRUSTED}


def judge(found: Verification, comparison: Comparison | None, by: FoundBy, own: Verification) -> tuple[Verdict, str]:
    """What a manifest is to the picture."""
    if not sound(found):
        return Verdict.UNCONFIRMED, f"The manifest that was found is itself broken. {found.says}"
    if found.state is not State.BROKEN:
        says = "These are the credentials of this file: they are about its very bytes, which were not changed."
        if found.laundered:
            says += " But something that went into it was broken when it was signed."
        return Verdict.EXACT, says
    if comparison is None:
        return (
            Verdict.UNCONFIRMED,
            "The manifest is not about these bytes, and it names no fingerprint to compare the picture with.",
        )
    if comparison.same is None:
        return Verdict.UNCONFIRMED, f"Whether the manifest is about this picture cannot be told. {comparison.says}"
    if not comparison.same:
        if by is FoundBy.WATERMARK:
            return Verdict.TRANSPLANTED, "The watermark leads to the manifest of another picture."
        return Verdict.TRANSPLANTED, "The manifest is about another picture."
    if comparison.differing:
        return (
            Verdict.EDITED,
            "These are the credentials of this picture, but part of it does not show what was signed.",
        )
    if own.state is not State.NONE:
        return (
            Verdict.SAME_PICTURE,
            "These are the credentials of this picture as it was signed, as the store has them.",
        )
    return (
        Verdict.SAME_PICTURE,
        "These are the credentials of this picture as it was signed. The file was saved anew or changed since: the "
        "signature holds over what the manifest says, no longer over these bytes.",
    )


def who(signer: Signer | None) -> str | None:
    """The signer as a person names one, none where the certificate names nobody."""
    if signer is None:
        return None
    if signer.organisation and signer.organisation != signer.name:
        return f"{signer.name} ({signer.organisation})"
    return signer.name or None


def seen(mark: Mark | None) -> Seen | None:
    """A watermark as the record has it."""
    if mark is None:
        return None
    return Seen(
        algorithm=watermark.ALGORITHM, identifier=f"{mark.payload:016x}", confidence=round(mark.confidence, 3),
        log10_false_alarm=round(mark.log10_false_alarm, 1),
    )  # fmt: skip


def likeness(c: Comparison | None) -> Likeness | None:
    """A comparison as the record has it."""
    if c is None:
        return None

    def box(values: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        return tuple(round(v, 4) for v in values)  # type: ignore[return-value]

    return Likeness(
        same=c.same, score=c.score, says=c.says, region=box(c.region), covers=c.covers, mirrored=c.mirrored,
        turn=c.turn, scale=(round(c.scale[0], 4), round(c.scale[1], 4)),
        differing=tuple(box(b) for b in c.differing),
    )  # fmt: skip


__all__ = ["judge", "likeness", "seen", "sound", "who"]
