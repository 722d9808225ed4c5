"""The method ``registered``: who registered the picture, or one that looks the same, and when at the latest."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from assay.analysis import Analysis, Maps, abstain
from assay.errors import MediaError, RegisterError
from assay.evidence import Finding, Method, Outcome, Reason
from assay.media import Media
from assay.register.access import open_register
from assay.register.look import Claim, Found, Look, Proof
from assay.register.registers import FILE, Known, known

CARD = Method(
    id="registered",
    version="1",
    title="Registered",
    group="register",
    looks_at="The registers that this machine knows: who claims to have registered exactly this file, or a picture "
    "that looks the same, and not later than when, as far as that can be proven.",
    fooled_by="Anybody can register any picture, a forgery or somebody else's included, and be the first to do so. A "
    "register can leave a claim out of its answer, and private claims are seen by nobody. A picture that was cropped, "
    "turned or mirrored is not found by its looks, and two pictures of one scene from one place can look the same.",
    ignore="That a picture is not registered: most are not. Which claim came first: the maker need not be who "
    "registered first.",
    source="C2SP tlog-tiles, tlog-checkpoint and tlog-cosignature for the proofs; the fingerprint is Assay's own.",
)

SHOWN = 3
"""Claimants that the sentence names."""
_NOT_TRUTH = "A claim is no evidence that the picture is true, nor of who made it."


def analysis(folder: Callable[[], Path]) -> Analysis:
    """The method over the registers named in a folder: those in folders, and online those at URLs too."""

    def offline(media: Media, maps: Maps) -> Outcome:  # noqa: ARG001
        return run(media, folder(), online=False)

    def online(media: Media, maps: Maps) -> Outcome:  # noqa: ARG001
        return run(media, folder(), online=True)

    return Analysis(CARD, offline, online=online)


def run(media: Media, folder: Path, *, online: bool) -> Outcome:
    """Ask every register that the folder names, URLs only ``online``."""
    try:
        named = known(folder)
    except RegisterError as error:
        return abstain(CARD, Reason.NO_REFERENCE, str(error))
    if not named:
        return abstain(CARD, Reason.NOT_ASKED, f"No register is named in {FILE}, so none was asked.")
    asked = [one for one in named if online or not one.online]
    if not asked:
        says = f"{_count(len(named), 'register')} named in {FILE}, all on the network: --online asks them."
        return abstain(CARD, Reason.NOT_ASKED, says)
    looks = _Looks(media)
    answers = [(one, _ask(one, media, looks)) for one in asked]
    failed = {one.name: str(answer) for one, answer in answers if isinstance(answer, RegisterError)}
    found = [(one, *answer) for one, answer in answers if not isinstance(answer, RegisterError)]
    if not found:
        told = " ".join(f"{name}: {says}" for name, says in failed.items())
        return abstain(CARD, Reason.NO_REFERENCE, f"No register could be asked. {told}")
    unasked = [one.name for one in named if one not in asked]
    return Finding(
        method=CARD.id, says=_says([(one, answer) for one, answer, _ in found], list(failed), unasked),
        details=_details(found, failed, unasked, looks.note),
    )  # fmt: skip


class _Looks:
    """Fingerprint and picture, measured when the first register is asked."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._rgb: Any = None
        self._print: bytes | None = None
        self.note: str | None = None

    def print(self) -> bytes | None:
        """The fingerprint, None where the picture cannot be decoded."""
        from assay import fingerprint  # noqa: PLC0415

        if self._rgb is None and self.note is None:
            try:
                self._rgb = self._media.upright(self._media.rgb)
                self._print = fingerprint.compute(self._rgb)
            except MediaError as error:
                self.note = f"Looked for by its exact bytes only: {error}."
        return self._print

    def query(self) -> Any:
        """The picture, to be compared."""
        from assay import fingerprint  # noqa: PLC0415

        return fingerprint.Query(self._rgb)


def _ask(one: Known, media: Media, looks: _Looks) -> "tuple[Found, str] | RegisterError":
    """What a register answers, and its log's key."""
    try:
        with closing(open_register(one.at)) as register:
            look = Look(register, one.policy, one.trust)
            return look.file(bytes.fromhex(media.sha256), looks.print(), looks.query), str(register.verifier)
    except RegisterError as error:
        return error


def _says(found: Sequence[tuple[Known, Found]], failed: list[str], unasked: list[str]) -> str:
    claims = [(one, claim) for one, answer in found for claim in answer.claims]
    standing = [(one, claim) for one, claim in claims if claim.withdrawn is None]
    sentences = []
    if not claims:
        sentences.append(
            f"No public claim to this picture in {_count(len(found), 'register')} that could be asked. Private claims "
            "are found by nobody."
        )
    else:
        exact = sum(claim.how == "digest" for _, claim in standing)
        kinds = [f"{exact} to exactly this file"] if exact else []
        if len(standing) > exact:
            kinds.append(f"{len(standing) - exact} to a picture that looks the same")
        if len(claims) > len(standing):
            kinds.append(f"{len(claims) - len(standing)} taken back")
        sentences.append(f"{_count(len(claims), 'public claim')}: {', '.join(kinds)}.")
        keys = len({claim.key for _, claim in standing})
        if keys > 1:
            sentences.append(f"They are by {keys} different keys: rivals, or one holder of several.")
        sentences += _who(standing)
        sentences += _when(standing)
        sentences.append(_NOT_TRUTH)
    if any(answer.unsound for _, answer in found):
        sentences.append("A register gave answers that do not fit its own log: they are left out.")
    if failed:
        sentences.append(f"Could not be asked: {', '.join(failed)}.")
    if unasked:
        sentences.append(f"Not asked, as they are on the network: {', '.join(unasked)}.")
    return " ".join(sentences)


def _who(standing: Sequence[tuple[Known, Claim]]) -> list[str]:
    """Whose keys claim it, in the order of the answers."""
    names = list(dict.fromkeys(_claimant(claim) for _, claim in standing))
    if not names:
        return []
    more = f", and {len(names) - SHOWN} others" if len(names) > SHOWN else ""
    return [f"Claimed by {', '.join(names[:SHOWN])}{more}."]


def _claimant(claim: Claim) -> str:
    named = f" (“{claim.name}”, says the operator)" if claim.name else ""
    return f"key {claim.key[:16]}…{named}"


def _when(standing: Sequence[tuple[Known, Claim]]) -> list[str]:
    """The earliest proven time, and what does not count."""
    timed = [(claim.proof.not_after, claim, one) for one, claim in standing if claim.proof and claim.proof.not_after]
    told = []
    if timed:
        _, claim, one = min(timed, key=lambda each: each[0] or "")
        told.append(
            f"The earliest proven time is that of {_claimant(claim)} in {one.name}: "
            f"{claim.proof.says if claim.proof else ''}"
        )
    loose = len(standing) - len(timed)
    if loose:
        told.append(f"Nothing that counts proves a time for {'it' if len(standing) == 1 else f'{loose} of them'}.")
    return told


def _details(
    found: Sequence[tuple[Known, Found, str]], failed: dict[str, str], unasked: list[str], note: str | None
) -> dict[str, Any]:
    """Plain JSON: each register with its claims, in the order of its log."""
    details: dict[str, Any] = {
        "registers": [
            {
                "name": one.name, "log": log, "policy": one.policy is not None, "unsound": answer.unsound,
                "more": answer.more,
            }
            for one, answer, log in found
        ],
        "claims": _rows(found, "how", "key", "name", "proof", "not_after", "withdrawn"),
        "proofs": _rows(found, "anchored", "witnesses", "says"),
        "files": _rows(found, "sha256", "bytes", "media_type", "score", "manifest", "seen"),
    }  # fmt: skip
    if failed:
        details["failed"] = [{"name": name, "says": says} for name, says in failed.items()]
    if unasked:
        details["not_asked"] = unasked
    if note:
        details["note"] = note
    return details


def _rows(found: Sequence[tuple[Known, Found, str]], *wanted: str) -> list[dict[str, Any]]:
    """The named fields of every claim, and of its proof, as rows that a report can show side by side."""
    rows = []
    for one, answer, _ in found:
        for claim in answer.claims:
            proof = claim.proof or Proof(state="missing", says="Not checked: there are too many claims.")
            known = {**msgspec.to_builtins(proof), "proof": proof.state, "register": one.name}
            known |= {key: value for key, value in msgspec.to_builtins(claim).items() if key != "proof"}
            known["witnesses"] = ", ".join(proof.witnesses)
            rows.append({key: known[key] for key in ("register", "index", *wanted)})
    return rows


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


__all__ = ["CARD", "analysis", "run"]
