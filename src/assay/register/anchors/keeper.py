"""Anchors one checkpoint of a log in each interval, and finishes what waits, round by round.

Objects: ``anchors/<size, 20 digits>/note`` (the checkpoint, a cosigned note) and ``…/<kind>-<8 hex digits>`` (a proof;
the digits are of whom it is from), ``anchors/sizes`` (8 bytes for each, in order) and ``anchors/state`` (what is not
finished: lost, it costs nothing but that).
"""

import bisect
import struct
from collections.abc import Sequence

import msgspec

from assay.errors import AssayError, RegisterError
from assay.register.anchors import evm, opentimestamps
from assay.register.anchors.services import Service, services_of
from assay.register.anchors.settings import AnchorSettings
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
        if size == 0:
            return
        if sizes and size < sizes[-1]:
            raise RegisterError(
                f"The checkpoint covers {size} entries, and one of {sizes[-1]} is anchored already: "
                "the log went back. Find out why before anything is added.",
                "damaged",
            )
        if size not in sizes[-1:]:
            self._objects.put(f"{FOLDER}/{size:020}/note", data)
            self._objects.put(f"{FOLDER}/sizes", struct.pack(f">{len(sizes) + 1}Q", *sizes, size))
        # The last one is opened again where nothing is new: what a lost state forgot is made up for.
        state.slot = slot
        state.open.setdefault(f"{size:020}", {service.name: _Try() for service in self._services})

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
                done = self._work(size, service, newest=size == list(state.open)[-1])
            except Exception as error:
                if isinstance(error, RegisterError) and error.reason in ("unwritable", "full", "damaged"):
                    raise
                trouble.failures += 1
                trouble.wait = min(2 ** min(trouble.failures - 1, 10), MAX_WAIT)
                trouble.error = str(error) if isinstance(error, AssayError) else type(error).__name__
                return
            trouble.failures, trouble.error = 0, None
            if done is None:
                mine.tries += 1
                mine.wait = min(2 ** min(mine.tries - 1, 10), MAX_WAIT)
                continue
            del left[service.name]
            if done:
                trouble.size = max(trouble.size, int(size))

    def _work(self, size: str, service: Service, *, newest: bool) -> bool | None:
        """Whether there is a finished proof now; None while it waits, False where none is wanted any more."""
        path = f"{FOLDER}/{size}/{service.name}"
        proof = _read(self._objects, path)
        try:
            if proof is not None and service.finished(proof):
                return True
        except RegisterError:
            # What is kept there is no proof: another is made in its place.
            proof = None
        if proof is None:
            if not newest:
                # A proof made now would say no more than that of the newest checkpoint, which covers all of this one.
                return False
            proof = service.stamp(Note.parse(self._objects.get(f"{FOLDER}/{size}/note")).text)
            self._objects.put(path, proof)
            return True if service.finished(proof) else None
        try:
            upgraded = service.upgrade(proof)
        except RegisterError as error:
            if error.reason == "missing":
                # The transaction is gone: another is sent in a later round.
                self._objects.delete(path)
            raise
        if upgraded != proof:
            self._objects.put(path, upgraded)
        return True if service.finished(upgraded) else None

    def _status(self, state: _State, service: Service) -> AnchorStatus:
        trouble = state.trouble[service.name]
        return AnchorStatus(
            kind=service.kind, where=service.where, size=trouble.size, error=trouble.error, rounds=trouble.wait,
            waiting=sum(1 for left in state.open.values() if service.name in left), failures=trouble.failures,
        )  # fmt: skip


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


__all__ = ["FOLDER", "AnchorStatus", "Keeper", "anchored"]
