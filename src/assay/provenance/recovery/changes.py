"""What has happened to a picture since it was signed, in sentences."""

from collections.abc import Iterator

from assay.fingerprint import Comparison
from assay.provenance.formats import NAMES
from assay.provenance.model import State, Verification
from assay.provenance.recovery.records import Verdict

_WHOLE = 0.97
_TURN = 0.8
_SCALE = 0.03


def changes(
    verdict: Verdict, found: Verification, own: Verification, comparison: Comparison | None, size: tuple[int, int]
) -> tuple[str, ...]:
    """Sentences, the gravest first. ``found`` is the recovered manifest against the file, ``size`` the picture's width
    and height in pixels.
    """
    stripped = "Its credentials were taken out of the file."
    if verdict is Verdict.EXACT:
        return (stripped, "Nothing else: all other bytes are those that were signed.")
    if comparison is None or not comparison.same:
        return ()
    said = [*_differs(comparison), *_shape(comparison, size)]
    if own.state is State.NONE:
        said.append(stripped)
    was = found.manifests[0].format if found.manifests else ""
    if was in NAMES and was != found.format:
        said.append(f"It was saved as {NAMES.get(found.format, found.format)}; what was signed is {NAMES[was]}.")
    elif own.state is State.NONE:
        said.append("It was saved anew, or its metadata was changed: the bytes are not those that were signed.")
    return tuple(said)


def _differs(c: Comparison) -> Iterator[str]:
    if len(c.differing) == 1:
        yield f"One place does not show what was signed: {place(c.differing[0])}."
    elif c.differing:
        first = "; ".join(place(box) for box in c.differing[:3])
        more = ", and more" if len(c.differing) > 3 else ""
        yield f"{len(c.differing)} places do not show what was signed: {first}{more}."


def _shape(c: Comparison, size: tuple[int, int]) -> Iterator[str]:
    x, y, width, height = c.region
    if width < _WHOLE or height < _WHOLE:
        yield f"It was cropped: it shows {_share(width * height)} of the original.{_cut(x, y, width, height)}"
    if c.covers < _WHOLE * _WHOLE:
        yield f"Something was put around it: the original takes up {_share(c.covers)} of the picture."
    if c.mirrored:
        yield "It was mirrored."
    if abs(c.turn) >= _TURN:
        side = "left" if c.turn > 0 else "right"
        quarter = abs(c.turn - 90 * round(c.turn / 90)) < _TURN
        about = f"{abs(round(c.turn / 90) * 90)}°" if quarter else f"about {abs(c.turn):.0f}°"
        yield (
            "It was turned upside down."
            if quarter and abs(round(c.turn / 90)) == 2
            else (f"It was turned by {about} to the {side}.")
        )
    across, down = c.scale
    even = (across * down) ** 0.5
    if abs(even - 1) > _SCALE:
        verb = "reduced" if even < 1 else "enlarged"
        yield f"It was {verb} to about {_percent(even)} of its size, to {size[0]} × {size[1]} pixels."
    if abs(across / down - 1) > _SCALE:
        yield f"It was stretched: its width counts for {_percent(across / down)} of what it was against its height."


def place(box: tuple[float, float, float, float]) -> str:
    """``at the lower left, about 12 % of the original``."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    column = ("left", "", "right")[min(2, int(x * 3))]
    row = ("upper", "", "lower")[min(2, int(y * 3))]
    if not column and not row:
        where = "in the middle"
    elif not row:
        where = f"at the {column}"
    elif not column:
        where = "at the top" if row == "upper" else "at the bottom"
    else:
        where = f"at the {row} {column}"
    return f"{where}, {_share(box[2] * box[3])} of the original"


def _cut(x: float, y: float, width: float, height: float) -> str:
    """Which sides were cut."""
    sides = (("left", x), ("right", 1 - x - width), ("top", y), ("bottom", 1 - y - height))
    cut = [f"{_percent(gone)} at the {name}" for name, gone in sides if gone > 0.015]
    return f" Cut away: {', '.join(cut)}." if cut else ""


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _share(value: float) -> str:
    return "less than 1 %" if value < 0.01 else f"about {_percent(value)}"


__all__ = ["changes", "place"]
