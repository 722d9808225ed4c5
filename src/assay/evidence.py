"""The records that cross every line of the house. They know nothing of pixels.

An analysis returns a :class:`Finding` or an :class:`Abstention`; :func:`assay.examine.examine` gathers them into
a :class:`Report`. All records are frozen msgspec Structs: one definition serves the Python API, ``--json`` and
the published JSON Schema.
"""

from enum import StrEnum
from typing import Any

import msgspec


class Direction(StrEnum):
    """What a finding speaks for: ``for`` alteration, ``against`` it, or neither."""

    FOR = "for"
    AGAINST = "against"
    NEUTRAL = "neutral"


class Strength(StrEnum):
    """The verbal scale of the ENFSI guideline for evaluative reporting (2015), weakest first."""

    NONE = "none"
    WEAK = "weak"
    MODERATE = "moderate"
    MODERATELY_STRONG = "moderately_strong"
    STRONG = "strong"
    VERY_STRONG = "very_strong"

    @property
    def rank(self) -> int:
        """Place on the scale, 0 for ``none`` to 5 for ``very_strong``."""
        return list(Strength).index(self)

    @property
    def words(self) -> str:
        """The value as a person writes it: ``moderately strong``."""
        return self.value.replace("_", " ")


class Reason(StrEnum):
    """Why a method abstains."""

    NOT_APPLICABLE = "not_applicable"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    TOO_COMPRESSED = "too_compressed"
    TOO_FLAT = "too_flat"
    NO_REFERENCE = "no_reference"
    MODEL_ABSENT = "model_absent"
    TIME_BUDGET = "time_budget"
    NOT_ASKED = "not_asked"
    FAILED = "failed"


class MapKind(StrEnum):
    """``heat``: one number a cell, higher is more suspicious. ``view``: a picture to look at that judges nothing."""

    HEAT = "heat"
    VIEW = "view"


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What all records share."""


class ErrorRate(_Record, frozen=True):
    """One measured figure of a method: ``value`` of ``what`` on ``n`` items of the set ``on``."""

    what: str
    value: float
    n: int
    on: str
    version: str


class Method(_Record, frozen=True):
    """The card of a method, shown wherever a result of it is shown.

    ``looks_at``, ``fooled_by`` and ``ignore`` are sentences for a person who is not an examiner: what trace the
    method sees, what makes it miss or raise a false alarm, and what in its map means nothing.
    """

    id: str
    version: str
    title: str
    group: str
    looks_at: str
    fooled_by: str
    ignore: str
    source: str
    licence: str = "Apache-2.0"
    error_rates: tuple[ErrorRate, ...] = ()


class Region(_Record, frozen=True):
    """A box in the stored (not rotated) picture, in pixels, with what is said of it.

    ``log10_nfa`` is the base-10 logarithm of the number of false alarms, for a-contrario methods only.
    """

    x: int
    y: int
    width: int
    height: int
    says: str
    log10_nfa: float | None = None


class Map(_Record, frozen=True):
    """An array beside the report.

    ``shape`` is (rows, columns) or (rows, columns, 3). Cell (r, c) covers the square of ``cell`` pixels of the
    stored picture whose upper left corner is ``origin`` + (c, r) * ``cell``. The file, where one was written, is
    an 8-bit PNG, relative to the maps folder, in which 0 stands for ``low`` and 255 for ``high``.
    """

    name: str
    kind: MapKind
    meaning: str
    shape: tuple[int, ...]
    low: float
    high: float
    cell: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)
    file: str | None = None


class Finding(_Record, frozen=True):
    """What one method says of one picture.

    ``says`` is one plain sentence. ``llr`` is a calibrated base-10 log likelihood ratio, or None while the method
    is uncalibrated. ``details`` holds plain JSON values only.
    """

    method: str
    says: str
    direction: Direction = Direction.NEUTRAL
    strength: Strength = Strength.NONE
    llr: float | None = None
    regions: tuple[Region, ...] = ()
    maps: tuple[Map, ...] = ()
    details: dict[str, Any] = {}


class Abstention(_Record, frozen=True):
    """A method that could not judge, and why."""

    method: str
    reason: Reason
    says: str


Outcome = Finding | Abstention


class Subject(_Record, frozen=True):
    """The file that was examined. ``width`` and ``height`` are of the stored picture, before any rotation that
    ``orientation`` (EXIF, 1 to 8) asks for. ``path`` is as given by the caller.
    """

    path: str
    sha256: str
    bytes: int
    format: str
    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    mode: str = ""


class Digests(_Record, frozen=True):
    """SHA-256 in hex: of the file's bytes, and of its decoded samples (see ``assay.media.Media.pixels_sha256``)."""

    sha256: str
    pixels_sha256: str


class Statement(_Record, frozen=True):
    """One sentence of a conclusion, with the method it cites."""

    method: str
    strength: Strength
    says: str


class Conclusion(_Record, frozen=True, rename={"for_": "for"}):
    """What the findings come to, in words.

    ``strength`` is that of the strongest statement for alteration; ``none`` when nothing speaks for it.
    ``calibrated`` is False while no likelihood ratio stands behind the words.
    """

    says: str
    strength: Strength
    calibrated: bool
    for_: tuple[Statement, ...] = ()
    against: tuple[Statement, ...] = ()
    not_judged: tuple[Statement, ...] = ()


class Environment(_Record, frozen=True):
    """What made the report: enough to make it again."""

    assay: str
    python: str
    libraries: dict[str, str]
    options: dict[str, Any]


class Report(_Record, frozen=True):
    """The canonical record of one examination.

    Same bytes, same version, same options: same report, but for ``examined_at`` and ``seconds``.
    """

    subject: Subject
    digests: Digests
    conclusion: Conclusion
    findings: tuple[Finding, ...]
    abstentions: tuple[Abstention, ...]
    methods: tuple[Method, ...]
    environment: Environment
    examined_at: str
    seconds: dict[str, float]
    schema: str = "assay/report/1"


class FailedSubject(_Record, frozen=True):
    """A file that could not be examined."""

    path: str


class Failure(_Record, frozen=True):
    """The line that stands for a file that could not be examined. ``reason`` is that of ``MediaError``."""

    subject: FailedSubject
    error: str
    reason: str
    schema: str = "assay/report/1"
