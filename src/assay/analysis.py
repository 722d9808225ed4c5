"""The one seam through which every method runs: a card, and a function from a Media to an outcome.

Built-in methods and later ones alike are an :class:`Analysis` in the tuple of their room.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assay.evidence import Abstention, Finding, Map, MapKind, Method, Outcome, Reason
from assay.media import Media

Array = npt.NDArray[np.generic]


class Maps(Protocol):
    """Where an analysis puts its arrays; it gets back the record to name in its finding.

    ``wanted`` is False when nobody will look: lenses, which only show, then need not run.
    """

    @property
    def wanted(self) -> bool:
        """Whether anybody will look."""
        ...

    def keep(self, method: str, record: Map, array: Array) -> Map:
        """Keep ``array`` and return ``record``, with its file named where one was written."""
        ...


@dataclass
class NoMaps:
    """Keeps nothing."""

    wanted: bool = False

    def keep(self, method: str, record: Map, array: Array) -> Map:  # noqa: ARG002
        """Drop the array."""
        return record


@dataclass
class MemoryMaps:
    """Keeps the arrays themselves, under (method, name): for tests and benchmarks."""

    wanted: bool = True
    arrays: dict[tuple[str, str], Array] = field(default_factory=dict)

    def keep(self, method: str, record: Map, array: Array) -> Map:
        """Hold on to the array."""
        self.arrays[method, record.name] = array
        return record


@dataclass(frozen=True)
class Analysis:
    """A method: its card and the function that runs it.

    ``needs_maps`` marks a lens, which is run only when somebody will look at its maps. ``online`` runs in place of
    ``run`` where the user allowed connections; without it the method never opens one.
    """

    card: Method
    run: Callable[[Media, Maps], Outcome]
    needs_maps: bool = False
    online: Callable[[Media, Maps], Outcome] | None = None

    @property
    def id(self) -> str:
        """The method's id."""
        return self.card.id


def heat(
    maps: Maps,
    method: str,
    name: str,
    array: npt.NDArray[np.floating],
    meaning: str,
    *,
    low: float,
    high: float,
    cell: float = 8,
    origin: tuple[float, float] = (0, 0),
) -> Map:
    """Keep a heat map: (rows, columns) of numbers, higher is more suspicious, NaN where the method cannot tell.

    ``low`` and ``high`` are the ends of the range shown, ``cell`` the pixels a cell covers.
    """
    record = Map(
        name=name, kind=MapKind.HEAT, meaning=meaning, shape=tuple(int(n) for n in array.shape), low=float(low),
        high=float(high), cell=float(cell), origin=(float(origin[0]), float(origin[1])),
    )  # fmt: skip
    return maps.keep(method, record, array)


def view(maps: Maps, method: str, name: str, array: npt.NDArray[np.uint8], meaning: str, *, cell: float = 1) -> Map:
    """Keep a view: (rows, columns) or (rows, columns, 3) uint8, a picture to look at."""
    record = Map(
        name=name, kind=MapKind.VIEW, meaning=meaning, shape=tuple(int(n) for n in array.shape), low=0, high=255,
        cell=float(cell),
    )  # fmt: skip
    return maps.keep(method, record, array)


def abstain(method: Method, reason: Reason, says: str) -> Abstention:
    """Shorthand for the abstention of ``method``."""
    return Abstention(method=method.id, reason=reason, says=says)


__all__ = ["Abstention", "Analysis", "Finding", "Maps", "MemoryMaps", "NoMaps", "abstain", "heat", "view"]
