"""Who claims a file: what a register says, checked as far as it can be, and how near a picture is to what was claimed.

A register can leave a claim out of its answers, and nothing here would tell; what it does answer is held to its own
leaf, and each claim to the log. A private claim is found by nobody but its owner.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from assay.errors import ProvenanceError, RegisterError
from assay.register.anchors import Trust
from assay.register.leaf import NO_MANIFEST, Kind, Leaf, key_hash
from assay.register.model import Hit, Query
from assay.register.policy import Policy
from assay.register.ports import Register
from assay.register.receipt import issue
from assay.register.record import Record
from assay.register.submission import check_opening
from assay.register.verify import judge, verify

if TYPE_CHECKING:
    from assay import fingerprint

NEAR = 1200
"""Bits that differ between fingerprints of which the pictures are then compared in full. The same picture saved again
or made smaller differs by some 300, a strip put over it makes that 1,200; other pictures differ by 3,000."""
PAGE = 100
MOST = 1000
"""Claims of one file that are read from one register."""
COMPARED = 64
"""Different fingerprints that a picture is compared with in full, at 0.1 to 0.5 s each."""
PROVEN = 32
"""Claims of one file whose proofs are fetched and checked."""

How = Literal["digest", "fingerprint", "query"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How far a claim is proven. ``state`` is that of a :class:`~assay.register.verify.Verdict`, or ``missing`` where
    the register gave no proof. ``not_after`` (ISO 8601, UTC) is there where the state is ``trusted`` and something
    proves a time: an anchor where ``anchored``, else the witnesses' clocks. ``says`` is for a person.
    """

    state: Literal["trusted", "refused", "unvouched", "unsound", "missing"]
    says: str
    not_after: str | None = None
    anchored: bool = False
    witnesses: tuple[str, ...] = ()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim. ``index`` is its place in the log, ``key`` the SHA-256 of the claimant's key in hex; ``name`` is what
    the operator calls whoever has that key, ``seen`` the operator's clock: both prove nothing.

    ``how``: ``digest`` (the very file), ``fingerprint`` (a picture that looks the same, with the ``score`` of the
    comparison) or ``query`` (found in another way). ``sha256``, ``bytes`` and ``media_type`` are those of the claimed
    file, None of a private claim. ``withdrawn`` is the index of the entry that takes the claim back, ``manifest`` says
    that credentials were handed in with it. ``proof`` is None where there were too many to check.
    """

    index: int
    how: How
    key: str
    seen: str
    sha256: str | None = None
    bytes: int | None = None
    media_type: str | None = None
    name: str | None = None
    score: float | None = None
    withdrawn: int | None = None
    manifest: bool = False
    proof: Proof | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Claims in the order of the log. ``unsound`` counts answers that do not fit their own leaf or the question;
    ``more`` says that there were more than are read.
    """

    claims: tuple[Claim, ...]
    unsound: int = 0
    more: bool = False


class _Answer(msgspec.Struct, frozen=True):
    """An answer that fits its own leaf."""

    claim: Claim
    hit: Hit
    record: Record | None


class Look:
    """A search in one register. ``policy`` says whose checkpoints count, ``trust`` whose clocks."""

    def __init__(self, register: Register, policy: Policy | None = None, trust: Trust | None = None) -> None:
        self._register, self._policy, self._trust = register, policy, trust
        self._unsound = 0
        self._more = False

    def file(
        self,
        digest: bytes,
        print_: bytes | None = None,
        picture: "Callable[[], fingerprint.Query] | None" = None,
        narrow: Query | None = None,
    ) -> Found:
        """All claims of a file by its SHA-256, and with the fingerprint ``print_`` those of pictures that look the
        same: with ``picture`` each is compared in full, and counts only where it is the same picture. ``narrow`` gives
        signer and times.

        Raises RegisterError as the register does.
        """
        within = narrow or Query()
        exact = self._gather(msgspec.structs.replace(within, digest=digest), "digest")
        near: list[_Answer] = []
        if print_ is not None:
            from assay.fingerprint import ALGORITHM  # noqa: PLC0415 (numpy and OpenCV, for pictures only)

            asked = msgspec.structs.replace(within, algorithm=ALGORITHM, fingerprint=print_, distance=NEAR)
            there = {answer.hit.index for answer in exact}
            near = [a for a in self._gather(asked, "fingerprint") if a.hit.index not in there]
            if picture is not None and near:
                near = self._compared(near, picture(), ALGORITHM)
        return self._found([*exact, *near])

    def query(self, query: Query) -> Found:
        """All entries that are claims and that a query finds."""
        return self._found(self._gather(query, "digest" if query.digest else "query"))

    def _found(self, answers: list[_Answer]) -> Found:
        ordered = sorted(answers, key=lambda answer: answer.hit.index)
        claims = [
            msgspec.structs.replace(answer.claim, proof=self._prove(answer)) if number < PROVEN else answer.claim
            for number, answer in enumerate(ordered)
        ]
        return Found(claims=tuple(claims), unsound=self._unsound, more=self._more)

    def _gather(self, query: Query, how: How) -> list[_Answer]:
        """All answers, page after page, each held to its own leaf."""
        answers: list[_Answer] = []
        read, after = 0, query.after
        while True:
            page = self._register.search(msgspec.structs.replace(query, after=after, limit=PAGE))
            read += len(page)
            for hit in page:
                try:
                    answer = _answer(hit, query, how)
                except RegisterError:
                    self._unsound += 1
                    continue
                if answer is not None:
                    answers.append(answer)
            last = max((hit.index for hit in page), default=after)
            if len(page) < PAGE or last <= after:
                return answers
            if read >= MOST:
                self._more = True
                return answers
            after = last

    def _compared(self, answers: list[_Answer], picture: "fingerprint.Query", algorithm: str) -> list[_Answer]:
        from assay.fingerprint import compare_print, unpack  # noqa: PLC0415

        known: dict[bytes, float | None] = {}

        def score(bits: bytes) -> float | None:
            if bits not in known:
                if len(known) >= COMPARED:
                    self._more = True
                    return None
                try:
                    compared = compare_print(unpack(bits), picture)
                    known[bits] = compared.score if compared.same else None
                except ProvenanceError:
                    known[bits] = None
            return known[bits]

        same = []
        for answer in answers:
            prints = answer.record.fingerprints if answer.record else ()
            scores = [found for name, bits in prints if name == algorithm and (found := score(bits)) is not None]
            if scores:
                claim = msgspec.structs.replace(answer.claim, score=max(scores))
                same.append(msgspec.structs.replace(answer, claim=claim))
        return same

    def _prove(self, answer: _Answer) -> Proof:
        try:
            receipt = issue(self._register, answer.hit.index, answer.hit.opening)
        except RegisterError as error:
            return Proof(state="missing", says=f"The register gives no proof of it: {error}")
        if receipt.leaf.encode() != answer.hit.leaf:
            return Proof(state="unsound", says="The register shows another claim at this place of the log.")
        verdict = judge(verify(receipt, trust=self._trust), self._policy)
        window = verdict.window
        return Proof(
            state=verdict.state, says=window.says if window else verdict.says,
            not_after=window.not_after.isoformat() if window and window.not_after else None,
            anchored=bool(window and window.anchored), witnesses=tuple(w.name for w in verdict.witnesses),
        )  # fmt: skip


def _answer(hit: Hit, query: Query, how: How) -> _Answer | None:
    """A claim from an answer; None where it is a tombstone. Raises RegisterError where the answer does not fit its own
    leaf, or not the question.
    """
    leaf = Leaf.parse(hit.leaf)
    record = check_opening(hit.opening, leaf.commitment) if hit.opening and leaf.kind is Kind.CLAIM else None
    fits = (
        leaf.key_hash == key_hash(hit.key),
        query.digest is None or (record is not None and record.digest == query.digest),
        query.signer is None or query.signer in {hit.key, leaf.key_hash},
        query.fingerprint is None or (record is not None and query.algorithm in dict(record.fingerprints)),
    )
    if not all(fits):
        raise RegisterError("The answer is not about what was asked for.", "mismatch")
    if leaf.kind is not Kind.CLAIM:
        return None
    claim = Claim(
        index=hit.index, how=how, key=leaf.key_hash.hex(), seen=clock(hit.seen), name=hit.name, withdrawn=hit.tombstone,
        manifest=leaf.manifest != NO_MANIFEST, sha256=record.digest.hex() if record else None,
        bytes=record.size if record else None, media_type=record.media_type if record else None,
    )  # fmt: skip
    return _Answer(claim, hit, record)


def clock(seconds: int) -> str:
    """POSIX seconds as ISO 8601 in UTC; as a number where no calendar has them."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return str(seconds)


__all__ = ["MOST", "NEAR", "Claim", "Found", "Look", "Proof", "clock"]
