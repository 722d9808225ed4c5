"""From a picture to its manifest: look, fetch, compare, verify, tell."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assay import fingerprint
from assay.errors import AssayError, MediaError, ProvenanceError
from assay.fingerprint import Comparison, Query
from assay.media import Media
from assay.provenance import watermark
from assay.provenance.formats import PICTURES
from assay.provenance.model import State, Verification
from assay.provenance.recovery.changes import changes
from assay.provenance.recovery.judge import judge, likeness, seen, sound, who
from assay.provenance.recovery.records import Candidate, FoundBy, Recovery, Verdict
from assay.provenance.softbindings import contents
from assay.provenance.store import ManifestStore, Match
from assay.provenance.trust import TrustStore
from assay.provenance.verify import verify, versions
from assay.provenance.watermark import Mark

MAX_CANDIDATES = 10
"""Manifests that are fetched and compared for one picture, for the watermark and for the fingerprint each."""


class Source(Protocol):
    """Where manifests are looked for: a store in a folder, or a service."""

    def by_binding(self, algorithm: str, value: bytes, limit: int = 10) -> list[Match]:
        """The manifests that a soft binding leads to."""
        ...

    def get(self, manifest_id: str) -> bytes | None:
        """A manifest store by its id."""
        ...


@dataclass(frozen=True, eq=False)
class Recovered:
    """``record``, and what does not fit into one: the best manifest's bytes, the comparison with its map, the upright
    picture as it was compared, (H, W, 3) uint8.
    """

    record: Recovery
    manifest: bytes | None
    comparison: Comparison | None
    pixels: npt.NDArray[np.uint8]


def recover(
    media: Media, source: Source, *, trust: TrustStore, store: str = "the store", send: bool = False
) -> Recovered:
    """Look in ``source`` for the credentials of a picture.

    The watermark is asked for first. Where no manifest that it leads to is confirmed, a store in a folder is searched
    by fingerprint; a service only with ``send``, since it is sent the picture for that. ``store`` names the source in
    the record.

    Raises MediaError where the picture cannot be decoded; ProvenanceError (``authority``, ``missing``…) where the
    source cannot be asked. What a source holds that is not as it should be is told in the record.
    """
    return _Search(media, source, trust, store, send).run()


@dataclass
class _Weighed:
    """A candidate, with what does not fit into its record."""

    candidate: Candidate
    manifest: bytes | None = None
    verification: Verification | None = None
    comparison: Comparison | None = None


@dataclass
class _Search:
    """One recovery under way."""

    media: Media
    source: Source
    trust: TrustStore
    store: str
    send: bool
    warnings: list[str] = field(default_factory=list)

    def run(self) -> Recovered:
        media = self.media
        self.pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8)
        self.query = Query(self.pixels)
        self.own = verify(media.data, name=media.name, trust=self.trust, sha256=media.sha256)
        self.mark = watermark.detect(self.pixels)
        weighed = [self._weigh(match, FoundBy.WATERMARK) for match in self._by_watermark()]
        if not any(w.candidate.verdict.rank <= Verdict.EDITED.rank for w in weighed):
            known = {w.candidate.manifest_id for w in weighed}
            others = [m for m in self._by_picture() if m.manifest_id not in known]
            by = FoundBy.FINGERPRINT if isinstance(self.source, ManifestStore) else FoundBy.CONTENT
            # A fingerprint that turns out to be another picture's led nowhere.
            found = (self._weigh(match, by) for match in others)
            weighed += [w for w in found if w.candidate.verdict is not Verdict.TRANSPLANTED]
        weighed.sort(key=lambda w: (w.candidate.verdict.rank, -(w.comparison.score if w.comparison else 0.0)))
        return self._tell(weighed)

    def _by_watermark(self) -> list[Match]:
        if self.mark is None:
            return []
        value = self.mark.payload.to_bytes(watermark.PAYLOAD_BITS // 8, "big")
        return _unique(self.source.by_binding(watermark.ALGORITHM, value, MAX_CANDIDATES))

    def _by_picture(self) -> list[Match]:
        if isinstance(self.source, ManifestStore):
            prints = self.source.fingerprints(fingerprint.ALGORITHM)
            near = fingerprint.search(prints, self.pixels, limit=MAX_CANDIDATES)
            return _unique(Match(name, fingerprint.ALGORITHM) for name, _ in near)
        ask = getattr(self.source, "by_content", None)
        if not self.send or ask is None:
            return []
        mime = PICTURES.get(self.media.format, "application/octet-stream")
        return _unique(ask(self.media.data, MAX_CANDIDATES, mime=mime))

    def _weigh(self, match: Match, by: FoundBy) -> _Weighed:
        """Fetch one manifest and hold it against the picture. What is wrong with it is said, never raised; only a
        service that fails is.
        """
        try:
            manifest = self.source.get(match.manifest_id)
            if manifest is None:
                where = f" It says that {match.endpoint} has it: ask there." if match.endpoint else ""
                return _lost(match, by, f"The store names this manifest and does not have it.{where}")
            declared = contents(manifest).bindings
            found = verify(
                self.media.data, name=self.media.name, trust=self.trust, sidecar=manifest, sha256=self.media.sha256
            )
        except MediaError as error:
            return _lost(match, by, f"What the store keeps under this id cannot be read: {error}")
        except ProvenanceError as error:
            if error.reason == "authority":
                raise
            return _lost(match, by, str(error))
        comparison = self._compare(declared, by)
        verdict, says = judge(found, comparison, by, self.own)
        active = found.manifests[0] if found.manifests else None
        candidate = Candidate(
            manifest_id=match.manifest_id, found_by=by, verdict=verdict, says=says, score=match.score,
            claimed=match.claimed, sound=sound(found), signer=who(found.signer), list=found.list,
            title=active.title if active else "", likeness=likeness(comparison),
        )  # fmt: skip
        return _Weighed(candidate, manifest, found, comparison)

    def _compare(self, declared: Iterable[tuple[str, bytes]], by: FoundBy) -> Comparison | None:
        """The best that the manifest's own fingerprints come to. Those that others claim for it count for nothing."""
        best: Comparison | None = None
        hint = self.mark if by is FoundBy.WATERMARK else None
        for number, value in enumerate(v for name, v in declared if name == fingerprint.ALGORITHM):
            if number == 4:
                break
            found = self._against(value, hint)
            if best is None or _better(found) > _better(best):
                best = found
        return best

    def _against(self, value: bytes, hint: Mark | None) -> Comparison:
        try:
            return fingerprint.compare_print(fingerprint.unpack(value), self.query, hint=hint)
        except AssayError as error:
            return Comparison(None, 0.0, f"{error}.")

    def _tell(self, weighed: list[_Weighed]) -> Recovered:
        media = self.media
        marked = [w.candidate for w in weighed if w.candidate.found_by is FoundBy.WATERMARK]
        moved = any(c.verdict is Verdict.TRANSPLANTED for c in marked) and not _confirmed(marked)
        if moved and not _confirmed(w.candidate for w in weighed):
            # Nor may rubbish that somebody bound to the mark stand before what the mark is really about.
            weighed = sorted(weighed, key=lambda w: w.candidate.verdict is not Verdict.TRANSPLANTED)
        best = weighed[0] if weighed else None
        verdict = best.candidate.verdict if best else Verdict.NOT_FOUND
        if moved:
            # Even where the fingerprint leads home: whoever put a stranger's mark in meant to deceive somebody.
            verdict = Verdict.TRANSPLANTED
        said: tuple[str, ...] = ()
        if best and best.verification:
            said = changes(
                best.candidate.verdict, best.verification, self.own, best.comparison, (media.width, media.height)
            )
        record = Recovery(
            path=media.name, sha256=media.sha256, format=media.format, width=media.width, height=media.height,
            verdict=verdict, says=self._sentence(verdict, best), store=self.store,
            found_by=best.candidate.found_by if best else None,
            manifest_id=best.candidate.manifest_id if best else None, changes=said,
            warnings=tuple(self._warnings(best)), watermark=seen(self.mark),
            likeness=best.candidate.likeness if best else None, candidates=tuple(w.candidate for w in weighed),
            verification=best.verification if best else None, own=self.own, engine=versions(),
        )  # fmt: skip
        return Recovered(record, best.manifest if best else None, best.comparison if best else None, self.pixels)

    def _sentence(self, verdict: Verdict, best: _Weighed | None) -> str:
        if best is None:
            return self._nothing()
        if verdict is Verdict.TRANSPLANTED:
            home = ""
            if best.candidate.verdict is not Verdict.TRANSPLANTED:
                home = " The picture itself is known to the store under another manifest, which is shown first."
            return (
                "The watermark in this picture belongs to another picture. Somebody put it here to borrow that one's "
                "credentials, or nothing of that picture is left but the watermark. Either way the credentials are not "
                f"this picture's.{home}"
            )
        return best.candidate.says

    def _nothing(self) -> str:
        where = f"in {self.store}"
        if self.mark is not None:
            return f"The picture carries a watermark, but no manifest {where} belongs to it."
        looked = "no watermark was found"
        if isinstance(self.source, ManifestStore):
            return f"Nothing leads to credentials {where}: {looked}, and no fingerprint there is of this picture."
        if self.send:
            return f"Nothing leads to credentials {where}: {looked}, and the service does not know the picture."
        return (
            f"Nothing leads to credentials {where}: {looked}. The service was not asked for pictures like this one, as "
            "that sends it the picture; --send does."
        )

    def _warnings(self, best: _Weighed | None) -> Iterator[str]:
        if self.own.state is not State.NONE:
            if self.own.chain is State.BROKEN:
                yield "The file still carries credentials of its own, and they are broken: do not rely on those."
            else:
                yield "The file still carries credentials of its own: verify those first, they are about these bytes."
        if best is None or best.verification is None:
            return
        c = best.candidate
        if c.sound and c.list is None:
            yield (
                f"No trust list in use knows who signed the recovered manifest ({c.signer or 'not named'}): anybody "
                "could have made it in that name, and put it into the store."
            )
        if c.claimed:
            yield "The manifest itself does not name what led to it; only whoever put it into the store says so."


def _unique(matches: Iterable[Match]) -> list[Match]:
    return list({m.manifest_id: m for m in reversed(list(matches))}.values())[::-1][:MAX_CANDIDATES]


def _confirmed(candidates: Iterable[Candidate]) -> bool:
    return any(c.verdict.rank <= Verdict.EDITED.rank for c in candidates)


def _better(c: Comparison) -> tuple[int, float]:
    return {True: 2, None: 1, False: 0}[c.same], c.score


def _lost(match: Match, by: FoundBy, says: str) -> _Weighed:
    return _Weighed(
        Candidate(
            manifest_id=match.manifest_id, found_by=by, verdict=Verdict.UNCONFIRMED, says=says, score=match.score,
            claimed=match.claimed,
        )
    )  # fmt: skip


__all__ = ["MAX_CANDIDATES", "Recovered", "Source", "recover"]
