"""The verdict in one or two sentences that a newsroom understands, and the reasons to read first."""

from assay.provenance.chain import Chain, Link
from assay.provenance.codes import CONTENT
from assay.provenance.judge import TRUSTED, UNTRUSTED
from assay.provenance.model import Kind, Reason, Signer, State
from assay.provenance.trust import TrustList

MAX_FIRST = 40
"""Reasons that stand before all others."""

_UNCOVERED = tuple(f"assertion.{kind}Hash.additionalExclusionsPresent" for kind in ("data", "bmff", "boxes"))
_FIRST = (
    *_UNCOVERED, "assay.ingredient.redacted",
    "assay.at", "assay.expired_since", "assay.legacy_timestamp", "assay.trust.timestamp_list", "timeStamp.trusted",
    "timeStamp.untrusted", "timeStamp.mismatch", "assay.no_timestamp", "signingCredential.ocsp.notRevoked",
    "signingCredential.ocsp.inaccessible",
    "assay.ocsp.ignored", "assay.trust.path", "assay.manifest.unreferenced",
)  # fmt: skip


def sentence(chain: Chain, listed: TrustList | None) -> str:
    """The verdict on a file that has credentials."""
    active = chain.manifests[0]
    if active.state is State.BROKEN:
        failures = [r for r in active.reasons if r.kind is Kind.FAILURE and r.code != UNTRUSTED]
        first = min(failures, key=lambda r: r.code not in CONTENT, default=None)
        why = f" {first.says}" if first else ""
        return f"The credentials are broken.{why} Do not rely on what they say."
    who = _who(active.signer)
    intact = {
        State.VALID: f"The credentials are intact, but no trust list in use knows the signer, {who}: anybody could "
        "have made them in that name",
        State.TRUSTED_RETIRED: f"The credentials are intact, and the signer, {who}, is known only to "
        f"{listed.dated if listed else 'a list'}, which is kept no more",
        State.TRUSTED: f"The credentials are intact, and {listed.dated if listed else 'a trust list'} vouches for the "
        f"signer, {who}",
    }[active.state]
    uncovered = any(r.code in _UNCOVERED for r in active.reasons)
    less = " A part of the file is not covered by the signature: anybody can have changed that." if uncovered else ""
    return f"{_with_history(chain, intact)}{less}{_hidden(chain.hidden)}"


def _with_history(chain: Chain, intact: str) -> str:
    active = chain.manifests[0]
    if chain.broken:
        return f"{intact}. But {_broken(chain.broken)}"
    if chain.state.rank < active.state.rank:
        weak = [m for m in chain.manifests if m.state is chain.state]
        names = ", ".join(dict.fromkeys(_who(m.signer) for m in weak[:3]))
        what = "no list in use knows" if chain.state is State.VALID else "only a list that is kept no more knows"
        return f"{intact}. Of what went into it, {what} who signed {_count(len(weak), 'file')} ({names})."
    return f"{intact}."


def _hidden(number: int) -> str:
    if not number:
        return ""
    return f" What was said of {_count(number, 'file')} that went in was removed: nothing tells whether that was sound."


def _broken(links: tuple[Link, ...]) -> str:
    """What was wrong with what went in."""
    near = min(links, key=lambda link: link.ingredient.relationship != "parentOf")
    title = f"“{near.ingredient.title}”" if near.ingredient.title else "a file without a title"
    what = "the file it was made from" if near.ingredient.relationship == "parentOf" else "a file that was put into it"
    missing = any(r.code == "ingredient.manifest.missing" for r in near.failures)
    when = "has lost its credentials" if missing else "was broken when it went in"
    why = near.failures[0].says if near.failures else ""
    more = f" So {'was' if len(links) == 2 else 'were'} {_count(len(links) - 1, 'other')}." if len(links) > 1 else ""
    return f"{what}, {title}, {when}: {why[:1].lower()}{why[1:]}{more}"


def first_reasons(chain: Chain) -> list[Reason]:
    """Failures first, then who vouches, then what to know besides."""
    active = chain.manifests[0]
    found = [r for r in active.reasons if r.kind is Kind.FAILURE and r.code != UNTRUSTED]
    for link in chain.broken:
        found += link.failures
    found += [r for r in active.reasons if r.code in {TRUSTED, UNTRUSTED}]
    found += [r for code in _FIRST for r in active.reasons if r.code == code]
    unique = {(r.code, r.manifest): r for r in reversed(found)}
    return list(reversed(list(unique.values())))[:MAX_FIRST]


def _who(signer: Signer | None) -> str:
    if signer is None:
        return "who is not named"
    if signer.organisation and signer.organisation != signer.name:
        return f"{signer.name} ({signer.organisation})"
    return signer.name or "who is not named"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


__all__ = ["first_reasons", "sentence"]
