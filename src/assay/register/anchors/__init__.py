"""Anchors: proofs by other people's clocks that a checkpoint was there.

What is anchored is the SHA-256 of the text of a checkpoint's note. Nothing here opens a connection to check one.
"""

from assay.register.anchors.bound import Bound, Trust, written
from assay.register.model import Anchor

KINDS = ("opentimestamps", "rfc3161", "evm")


def check(anchor: Anchor, text: str, trust: Trust) -> Bound:
    """What an anchor proves about the text of a note (its last newline included). Offline; never raises for what the
    anchor holds.
    """
    if anchor.kind == "opentimestamps":
        from assay.register.anchors import opentimestamps  # noqa: PLC0415

        return opentimestamps.check(anchor.proof, text, trust.headers)
    if anchor.kind == "rfc3161":
        from assay.register.anchors import rfc3161  # noqa: PLC0415

        return rfc3161.check(anchor.proof, text, trust.authorities)
    if anchor.kind == "evm":
        from assay.register.anchors import evm  # noqa: PLC0415

        return evm.check(anchor.proof, text, trust.chains)
    return Bound(
        kind="unknown", status="unchecked", who="an unknown kind of anchor",
        says=f"There is an anchor of a kind that Assay does not know ({anchor.kind[:40]!r}).",
    )  # fmt: skip


__all__ = ["KINDS", "Anchor", "Bound", "Trust", "check", "written"]
