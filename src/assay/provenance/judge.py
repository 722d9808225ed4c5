"""One manifest by itself: is its signature right, and who vouches for the signer at the time that counts?"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import msgspec
from c2pa import C2paError, Context, Reader

from assay.errors import MediaError
from assay.provenance import boxes, claims, cose, revocation
from assay.provenance.claims import Raw, ours
from assay.provenance.model import Kind, Reason, State
from assay.provenance.path import clock, listed, within
from assay.provenance.trust import TrustList, TrustStore

TRUSTED, UNTRUSTED = "signingCredential.trusted", "signingCredential.untrusted"
VOUCHED = "The signer's certificate is vouched for by "
"""Begins the sentence that names the list."""

_FOUND_IN = re.compile(r"found in \[(.*)\] trust anchors")
_SIGNATURE = ("signingCredential.", "claimSignature.", "timeStamp.", "timeOfSigning.", "algorithm.")
_TIMED = frozenset({"signingCredential.expired", "claimSignature.outsideValidity"})


@dataclass
class Judgement:
    """The checks of one manifest, and the list that vouches for its signer."""

    reasons: list[Reason]
    list: TrustList | None = None
    stamped: bool = False

    @property
    def failures(self) -> tuple[Reason, ...]:
        """What breaks it. An unknown signer does not."""
        return tuple(r for r in self.reasons if r.kind is Kind.FAILURE and r.code != UNTRUSTED)

    @property
    def state(self) -> State:
        """What the checks come to."""
        if self.failures:
            return State.BROKEN
        if self.list is None:
            return State.VALID
        return State.TRUSTED_RETIRED if self.list.retired else State.TRUSTED


@dataclass
class Court:
    """What is needed to judge the manifests of one file. ``fetch`` gets the bytes of the manifest store."""

    trust: TrustStore
    context: Context
    now: datetime
    at: datetime | None
    fetch: Callable[[], bytes | None]
    online: bool = False

    @cached_property
    def store(self) -> tuple[bytes, boxes.Box | None, dict[str, boxes.Box]]:
        """The manifest store, its box, and those of its manifests; empty where it cannot be had or read."""
        data = self.fetch() or b""
        try:
            outer = boxes.read(data)
        except MediaError:
            return b"", None, {}
        return data, outer, boxes.manifests(outer)

    def header(self, label: str) -> cose.Header:
        """The header of a manifest's signature; empty where it cannot be read."""
        data, _, manifests = self.store
        if label not in manifests:
            return cose.Header((), ())
        signed, claim = boxes.signature(data, manifests[label]), boxes.claim(data, manifests[label])
        return cose.header(signed, claim) if signed and claim else cose.Header((), ())

    def anew(self, label: str) -> list[Reason] | None:
        """The checks of a manifest's signature made anew, by itself, with the lists in use.

        Of the manifests of ingredients the library tells only what differs from what the signer's tool wrote down when
        it took them in; and that tool had lists of its own.
        """
        data, outer, manifests = self.store
        if outer is None or label not in manifests:
            return None
        try:
            one = io.BytesIO(boxes.alone(data, outer, manifests[label]))
            with Reader("application/c2pa", one, context=self.context) as reader:
                read = msgspec.json.decode(reader.crjson())["manifests"]
        except (C2paError, msgspec.DecodeError, KeyError, RecursionError):
            return None
        found = claims.reasons(claims.table(read[0]).get("validationResults"), label) if read else []
        return [r for r in found if r.code.startswith(_SIGNATURE)]

    def judge(self, label: str, raw: Raw, reasons: list[Reason]) -> Judgement:
        """Add to the library's checks what it leaves out: which list, at which time, and revocation."""
        known = {r.code for r in reasons}
        made = Judgement(list(reasons), stamped="timeStamp.trusted" in known)
        legacy = any(r.code == "timeStamp.trusted" and r.detail.startswith("legacy") for r in reasons)
        if legacy:
            self._older(label, raw, made)
        elif not made.stamped:
            made.reasons.append(ours("assay.no_timestamp", label))
        if "signingCredential.ocsp.skipped" not in known:
            self._revoked(label, raw, made)
        if self.at is not None and not made.stamped:
            self._as_of(self.at, label, made)
        elif TRUSTED in known:
            signed = _time(claims.timestamp(raw)) if made.stamped else None
            made.list = self._which(label, made.reasons, signed or self.now)
            if legacy and not made.stamped and not self._valid_now(label):
                made.list = None
                made.reasons.append(ours("assay.expired_since", label))
        self._tell(label, made)
        return made

    def _older(self, label: str, raw: Raw, made: Judgement) -> None:
        """A timestamp of the older form, which the library takes from anybody: is there a list that vouches for it?"""
        when, serial = _time(claims.timestamp(raw)), claims.timestamp_serial(raw)
        found = clock(self.header(label).timestamp, serial, self.trust, when) if when else None
        made.stamped = found is not None
        made.reasons = [r for r in made.reasons if r.code != "timeStamp.trusted"]
        if found is None:
            made.reasons.append(ours("assay.legacy_timestamp", label))
        else:
            says = f"The timestamp comes from an authority on {found.dated}."
            made.reasons.append(ours("timeStamp.trusted", label, "of the older form", says=says))

    def _revoked(self, label: str, raw: Raw, made: Judgement) -> None:
        """What stapled answers say, in place of what the library made of them."""
        signed = _time(claims.timestamp(raw)) if made.stamped else None
        found = revocation.stapled(self.header(label), label, self.trust, signed=signed, now=self.now)
        if found is None:
            return
        # With the network, the library's answer may be one that it fetched.
        mine = {revocation.NOT_REVOKED} if self.online else {revocation.NOT_REVOKED, *revocation.BAD}
        made.reasons = [r for r in made.reasons if r.code not in mine] + found

    def _valid_now(self, label: str) -> bool:
        chain = self.header(label).chain
        return bool(chain) and within(chain[0], self.now)

    def _which(self, label: str, reasons: list[Reason], when: datetime) -> TrustList | None:
        """The best list that vouches for the signer: where several do, the library names one at random. The path to it
        is looked at a second time here, as the library overlooks what may forbid it.
        """
        chain = self.header(label).chain
        if chain or not self._compressed(label):
            return listed(chain, self.trust, when)
        detail = next((r.detail for r in reasons if r.code == TRUSTED), "")
        named = _named(detail, self.trust)
        return named if named and named.kind == "claim" else None

    def _compressed(self, label: str) -> bool:
        """Whether a manifest is compressed, so that its certificates can be read by the library alone."""
        manifest = self.store[2].get(label)
        return manifest is not None and manifest.uuid == boxes.COMPRESSED_MANIFEST

    def _as_of(self, at: datetime, label: str, made: Judgement) -> None:
        """Judge the certificate for another time than now, as nothing shows when it was used."""
        chain = self.header(label).chain
        if not chain:
            return
        made.reasons = [r for r in made.reasons if r.code not in _TIMED]
        made.reasons.append(ours("assay.at", label, at.isoformat()))
        if within(chain[0], at):
            made.list = listed(chain, self.trust, at)
        else:
            early = at < revocation.begins(chain[0])
            made.reasons.append(ours("assay.at.not_yet_valid" if early else "assay.at.expired", label, at.isoformat()))

    def _tell(self, label: str, made: Judgement) -> None:
        """Say which list vouches, in place of the library's own answer."""
        before = {r.code: r for r in made.reasons}
        made.reasons = [r for r in made.reasons if r.code not in {TRUSTED, UNTRUSTED}]
        if made.list is not None:
            kept = ", a list that is kept no more" if made.list.retired else ""
            says = f"{VOUCHED}{made.list.dated}{kept}."
            made.reasons.insert(0, ours(TRUSTED, label, before[TRUSTED].detail if TRUSTED in before else "", says=says))
            return
        mine = {"assay.expired_since"} & before.keys()
        if TRUSTED in before and self.at is None and not mine:
            named = _named(before[TRUSTED].detail, self.trust)
            code = "assay.trust.timestamp_list" if named and named.kind == "tsa" else "assay.trust.path"
            made.reasons.append(ours(code, label, before[TRUSTED].detail))
        if TRUSTED in before or UNTRUSTED in before:
            names = ", ".join(x.title for x in self.trust.claims()) or "none"
            says = f"The signer's certificate leads to no trust list in use (looked at: {names})."
            made.reasons.insert(0, ours(UNTRUSTED, label, "", says=says))


def _named(detail: str, trust: TrustStore) -> TrustList | None:
    """The list that the library names in its answer."""
    found = _FOUND_IN.search(detail)
    return trust.of_uri(found.group(1)) if found else None


def _time(value: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if value else None
    except ValueError:
        return None


__all__ = ["TRUSTED", "UNTRUSTED", "VOUCHED", "Court", "Judgement"]
