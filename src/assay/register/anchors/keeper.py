"""Anchors one checkpoint of a log in each interval, and finishes what waits, round by round.

Objects: ``anchors/<size, 20 digits>/note`` (the checkpoint, a cosigned note) and ``…/<kind>-<8 hex digits>`` (a proof;
the digits are of whom it is from), ``anchors/sizes`` (8 bytes for each, in order) and ``anchors/state`` (what is not
finished: lost, it costs nothing but that).
"""

import bisect
import hashlib
import struct
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from assay.errors import AssayError, RegisterError
from assay.register.anchors import evm, opentimestamps, rfc3161
from assay.register.anchors.settings import AnchorSettings, EvmSettings
from assay.register.checkpoint import Checkpoint
from assay.register.model import Anchor
from assay.register.note import Note
from assay.register.ports import Objects

FOLDER = "anchors"
MAX_WAIT = 64
"""Rounds that are let pass at most before somebody is asked again."""
MAX_OPEN = 1000
"""Checkpoints with something to finish; older ones are left as they are."""
LOOK = 48
"""Anchored checkpoints that are looked at, from the smallest that covers, for one with a finished proof."""


class AnchorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes with one service, for a page of health. ``where`` names its hosts; ``size`` is the largest
    checkpoint with a finished proof of it (0: none); ``waiting`` counts those with none yet; ``failures`` is how often
    in a row it failed, ``error`` how it did last, ``rounds`` how many rounds pass before it is asked again.
    """

    kind: str
    where: str
    size: int
    waiting: int
    failures: int
    error: str | None
    rounds: int


class Service(Protocol):
    """Somebody who anchors."""

    kind: str
    where: str
    name: str

    def stamp(self, text: str) -> bytes:
        """A new proof over the text of a note."""
        ...

    def upgrade(self, proof: bytes) -> bytes:
        """The proof with what came to be known since."""
        ...

    def finished(self, proof: bytes) -> bool:
        """Whether nothing is to be done any more."""
        ...


class OpenTimestamps:
    """All calendars together: one proof."""

    kind = opentimestamps.KIND

    def __init__(self, calendars: Sequence[str], needed: int) -> None:
        self._calendars = tuple(calendars)
        self._needed = needed
        self.where = ", ".join(_host(url) for url in calendars)
        self.name = _name(self.kind, "")

    def stamp(self, text: str) -> bytes:
        """Pending."""
        return opentimestamps.stamp(text, self._calendars, self._needed)

    def upgrade(self, proof: bytes) -> bytes:
        """With the blocks that calendars know of."""
        return opentimestamps.upgrade(proof, self._calendars, self._needed)

    def finished(self, proof: bytes) -> bool:
        """Whether it leads to blocks and waits for no calendar."""
        return opentimestamps.finished(proof)


class Authority:
    """One RFC 3161 authority."""

    kind = rfc3161.KIND

    def __init__(self, url: str) -> None:
        self._url = url
        self.where = _host(url)
        self.name = _name(self.kind, url)

    def stamp(self, text: str) -> bytes:
        """The token."""
        return rfc3161.stamp(text, self._url)

    def upgrade(self, proof: bytes) -> bytes:
        """Nothing to do."""
        return proof

    def finished(self, proof: bytes) -> bool:  # noqa: ARG002
        """At once."""
        return True


class Evm:
    """One EVM chain."""

    kind = evm.KIND

    def __init__(self, settings: EvmSettings) -> None:
        self._settings = settings
        self.where = _host(settings.node)
        self.name = _name(self.kind, settings.contract)

    def stamp(self, text: str) -> bytes:
        """The transaction that was sent."""
        from assay.register.anchors import node  # noqa: PLC0415

        return node.stamp(text, self._settings)

    def upgrade(self, proof: bytes) -> bytes:
        """The full proof once its block is final."""
        from assay.register.anchors import node  # noqa: PLC0415

        return node.upgrade(proof, self._settings)

    def finished(self, proof: bytes) -> bool:
        """Whether the block is in it."""
        return isinstance(evm.parse(proof), evm.Proof)


class _Try(msgspec.Struct):
    """``wait``: rounds before the next try; ``tries``: how many there were."""

    tries: int = 0
    wait: int = 0


class _Trouble(msgspec.Struct):
    failures: int = 0
    wait: int = 0
    error: str | None = None
    size: int = 0


class _State(msgspec.Struct):
    slot: int = -1
    size: int = 0
    open: dict[str, dict[str, _Try]] = msgspec.field(default_factory=dict)
    trouble: dict[str, _Trouble] = msgspec.field(default_factory=dict)


class Keeper:
    """Of one log; one at a time. ``services`` stand in for those of the settings."""

    def __init__(self, objects: Objects, settings: AnchorSettings, services: Sequence[Service] | None = None) -> None:
        self._objects = objects
        self._interval = settings.interval
        self._services = tuple(services) if services is not None else services_of(settings)

    def round(self, now: float) -> list[AnchorStatus]:
        """Take the checkpoint of this interval, where there is a new one, and ask for what is not finished.

        ``now`` is POSIX seconds. Who is down or answers nonsense is let alone for 1, 2, 4 … rounds and stops nobody
        else. Raises RegisterError where the log's own objects cannot be read or written.
        """
        if not self._services:
            return []
        before = _read(self._objects, f"{FOLDER}/state") or b""
        state = _state(before)
        self._begin(state, int(now // self._interval))
        for service in self._services:
            self._serve(state, service)
        state.open = {size: left for size, left in list(state.open.items())[-MAX_OPEN:] if left}
        after = msgspec.json.encode(state)
        if after != before:
            self._objects.put(f"{FOLDER}/state", after)
            self._objects.sync()
        return [self._status(state, service) for service in self._services]

    def _begin(self, state: _State, slot: int) -> None:
        data = _read(self._objects, "checkpoint")
        if slot == state.slot or data is None:
            return
        size = Checkpoint.parse(Note.parse(data).text).size
        sizes = _sizes(self._objects)
        if size == 0 or size in sizes[-1:]:
            return
        if sizes and size < sizes[-1]:
            raise RegisterError(
                f"The checkpoint covers {size} entries, and one of {sizes[-1]} is anchored already: "
                "the log went back. Find out why before anything is added.",
                "damaged",
            )
        self._objects.put(f"{FOLDER}/{size:020}/note", data)
        self._objects.put(f"{FOLDER}/sizes", struct.pack(f">{len(sizes) + 1}Q", *sizes, size))
        state.slot, state.size = slot, size
        state.open[f"{size:020}"] = {service.name: _Try() for service in self._services}

    def _serve(self, state: _State, service: Service) -> None:
        trouble = state.trouble.setdefault(service.name, _Trouble())
        if trouble.wait:
            trouble.wait -= 1
            return
        for size, left in state.open.items():
            mine = left.get(service.name)
            if mine is None:
                continue
            if mine.wait:
                mine.wait -= 1
                continue
            # Libraries read here what strangers sent: whatever they raise must not end the round.
            try:
                done = self._work(size, service)
            except Exception as error:
                if isinstance(error, RegisterError) and error.reason in ("unwritable", "full", "damaged"):
                    raise
                trouble.failures += 1
                trouble.wait = min(2 ** min(trouble.failures - 1, 10), MAX_WAIT)
                trouble.error = str(error) if isinstance(error, AssayError) else type(error).__name__
                return
            trouble.failures, trouble.error = 0, None
            if done:
                del left[service.name]
                trouble.size = max(trouble.size, int(size))
            else:
                mine.tries += 1
                mine.wait = min(2 ** min(mine.tries - 1, 10), MAX_WAIT)

    def _work(self, size: str, service: Service) -> bool:
        """Whether the proof is finished now."""
        path = f"{FOLDER}/{size}/{service.name}"
        proof = _read(self._objects, path)
        if proof is None:
            text = Note.parse(self._objects.get(f"{FOLDER}/{size}/note")).text
            proof = service.stamp(text)
            self._objects.put(path, proof)
        elif not service.finished(proof):
            try:
                upgraded = service.upgrade(proof)
            except RegisterError as error:
                if error.reason == "missing":
                    # The transaction is gone: another is sent in a later round.
                    self._objects.delete(path)
                raise
            if upgraded != proof:
                self._objects.put(path, upgraded)
                proof = upgraded
        return service.finished(proof)

    def _status(self, state: _State, service: Service) -> AnchorStatus:
        trouble = state.trouble[service.name]
        return AnchorStatus(
            kind=service.kind, where=service.where, size=trouble.size, error=trouble.error, rounds=trouble.wait,
            waiting=sum(1 for left in state.open.values() if service.name in left), failures=trouble.failures,
        )  # fmt: skip


def services_of(settings: AnchorSettings) -> tuple[Service, ...]:
    """Those that the settings name."""
    found: list[Service] = []
    if settings.calendars:
        found.append(OpenTimestamps(settings.calendars, settings.calendars_needed))
    found += [Authority(url) for url in settings.authorities]
    if settings.evm:
        found.append(Evm(settings.evm))
    return tuple(found)


def anchored(objects: Objects, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
    """The smallest anchored checkpoint that covers ``size`` entries, and its anchors: one that has a finished proof
    where there is such a one, else one whose proofs still wait; None where there is neither.

    Raises RegisterError where objects cannot be read.
    """
    sizes = _sizes(objects)
    waiting = None
    for one in sizes[bisect.bisect_left(sizes, size) :][:LOOK]:
        place = f"{FOLDER}/{one:020}/"
        anchors = tuple(
            Anchor(kind=path.removeprefix(place).rpartition("-")[0], proof=objects.get(path))
            for path in sorted(objects.list(place))
            if path != f"{place}note"
        )
        if any(_finished(anchor) for anchor in anchors):
            return objects.get(f"{place}note"), anchors
        if anchors and waiting is None:
            waiting = objects.get(f"{place}note"), anchors
    return waiting


def _finished(anchor: Anchor) -> bool:
    try:
        if anchor.kind == opentimestamps.KIND:
            return opentimestamps.blocks(anchor.proof) > 0
        return anchor.kind != evm.KIND or isinstance(evm.parse(anchor.proof), evm.Proof)
    except RegisterError:
        return False


def _read(objects: Objects, path: str) -> bytes | None:
    try:
        return objects.get(path)
    except RegisterError as error:
        if error.reason == "missing":
            return None
        raise


def _sizes(objects: Objects) -> list[int]:
    data = _read(objects, f"{FOLDER}/sizes") or b""
    if len(data) % 8:
        raise RegisterError(f"The object {FOLDER}/sizes is cut off.", "damaged")
    return [number for (number,) in struct.iter_unpack(">Q", data)]


def _state(data: bytes) -> _State:
    try:
        return msgspec.json.decode(data, type=_State) if data else _State()
    except msgspec.MsgspecError:
        return _State()


def _host(url: str) -> str:
    """What of an address may be shown."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def _name(kind: str, whom: str) -> str:
    return f"{kind}-{hashlib.sha256(whom.encode()).hexdigest()[:8]}"


__all__ = ["FOLDER", "AnchorStatus", "Keeper", "Service", "anchored", "services_of"]
