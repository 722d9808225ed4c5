"""What a log server does at its leisure: write quotas down, and see to the anchors."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from assay.errors import AssayError
from assay.register.anchors.keeper import AnchorStatus, Keeper

EVERY = 60.0
"""Seconds between two rounds."""
_logger = logging.getLogger("assay.web")


class Chores:
    """A thread that does each of ``chores`` in turn, round by round. One that fails keeps no other from being done."""

    def __init__(self, chores: Sequence[Callable[[], None]], every: float = EVERY) -> None:
        self._chores, self._every = chores, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-chores", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.round()

    def round(self) -> None:
        """One round, now."""
        for chore in self._chores:
            try:
                chore()
            except Exception as error:
                says = str(error) if isinstance(error, AssayError) else ""
                _logger.error(msgspec.json.encode({"failure": type(error).__name__, "says": says}).decode())

    def close(self) -> None:
        """End, when what is being done is done."""
        self._stop.set()
        self._thread.join()


class Anchoring:
    """The rounds of a keeper, and how the last one went."""

    def __init__(self, keeper: Keeper, clock: Callable[[], float] = time.time) -> None:
        self._keeper, self._clock = keeper, clock
        self.status: tuple[AnchorStatus, ...] = ()

    def __call__(self) -> None:
        """One round."""
        self.status = tuple(self._keeper.round(self._clock()))


__all__ = ["EVERY", "Anchoring", "Chores"]
