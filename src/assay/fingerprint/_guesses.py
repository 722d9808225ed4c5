"""The ways in which a picture may have come from an original: those that are tried."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from assay.fingerprint._map import Print

Size = tuple[int, int]
"""Width and height of the picture in hand, in pixels."""

_STEPS = (1.045, 1.06, 1.06)
"""From one size to the next, by stage."""
SMALLEST_SHARE = 0.1
"""Of the original's area: crops to less are not looked for."""
_LEAST_TURNED = 0.25
"""The same, for pictures that were turned by a small angle or stretched besides."""
_LARGEST, _LONGEST = 1.6, 3.6
"""Picture over original: along the side where it is less, and along the other (a screenshot of a telephone)."""
ANGLES = (-6.6, -3.3, 3.3, 6.6)
STRETCHES = (0.88, 0.94, 1.06, 1.13)


@dataclass(frozen=True)
class Guess:
    """How the picture came from the original: turned by ``quarter`` quarter turns, then ``angle`` degrees, mirrored or
    not. It spans ``x`` times the original's width and ``y`` times its height.
    """

    x: float
    y: float
    mirrored: bool = False
    quarter: int = 0
    angle: float = 0.0


class Hint(Protocol):
    """What a watermark says of how the picture was mirrored, turned (degrees anticlockwise) and scaled."""

    @property
    def mirrored(self) -> bool:
        """Whether it was mirrored left to right, before it was turned."""
        ...

    @property
    def rotation(self) -> float:
        """By how many degrees it was turned."""
        ...

    def pixel_scale(self, width: int, height: int) -> tuple[float, float]:
        """Pixels of the picture over pixels of an original of that size, along x and y."""
        ...


def scales(
    ratio: float, step: float, least: float = SMALLEST_SHARE, longest: float = _LONGEST
) -> Iterator[tuple[float, float]]:
    """Pairs (x, y) with x / y = ``ratio``, the whole picture first, then outwards: down to ``least`` of the original's
    area.
    """
    whole = max(1.0, ratio)
    steps = [0, *(s * k for k in range(1, 60) for s in (-1, 1))]
    tried = False
    for k in steps:
        x = whole * step**k
        y = x / ratio
        if min(x, 1) * min(y, 1) >= least and min(x, y) <= _LARGEST and max(x, y) <= longest:
            tried = True
            yield x, y
    if not tried and longest == _LONGEST:
        # A picture of so different a shape is part of the other at most: try that one way.
        yield (1.0, min(_LONGEST, 1 / ratio)) if ratio < 1 else (min(_LONGEST, ratio), 1.0)


def guesses(size: Size, found: Print, *, stage: int) -> Iterator[Guess]:
    """What is tried: stage 0 scales and mirrors, stage 1 quarter turns besides, stage 2 small angles and stretches."""
    upright = (size[0] / size[1]) / (found.width / found.height)
    sideways = (size[1] / size[0]) / (found.width / found.height)
    step = _STEPS[stage]
    for mirrored in (False, True):
        if stage == 0:
            yield from (Guess(x, y, mirrored) for x, y in scales(upright, step))
        elif stage == 1:
            for quarter in (1, 2, 3):
                ratio = upright if quarter == 2 else sideways
                yield from (Guess(x, y, mirrored, quarter) for x, y in scales(ratio, step, longest=_LARGEST))
        else:
            for stretch in STRETCHES:
                yield from (Guess(x, y, mirrored) for x, y in scales(upright * stretch, step, _LEAST_TURNED, _LARGEST))
            for angle in ANGLES:
                yield from (Guess(x, y, mirrored, 0, angle) for x, y in scales(upright, step, _LEAST_TURNED, _LARGEST))


def hinted(size: Size, found: Print, hint: Hint) -> Iterator[Guess]:
    """What a watermark says of size, angle and mirroring. On which side of the mirror an angle is read is tried both
    ways.
    """
    across, down = hint.pixel_scale(found.width, found.height)
    for turn in {hint.rotation, -hint.rotation}:
        quarter = round(turn / 90) % 4
        sides = (size[1], size[0]) if quarter % 2 else (size[0], size[1])
        x, y = (sides[0] / (across * found.width), sides[1] / (down * found.height))
        if x * y > 0 and min(x, y) <= _LARGEST and max(x, y) <= _LONGEST:
            yield Guess(x, y, hint.mirrored, quarter, round(turn - 90 * round(turn / 90), 1))


__all__ = ["SMALLEST_SHARE", "Guess", "Hint", "Size", "guesses", "hinted"]
