"""What a picture's metadata says, under one name each: what rules are asked of."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from assay.media import Media

_SECTIONS = ("exif", "gps", "thumbnail", "interop", "xmp", "iptc", "text", "photoshop_info")
# Conditions compare values pairwise, so a hostile list must not be long.
_MOST = 200
_DATE = re.compile(r"(\d{4})[:\-/.]?(\d{2})[:\-/.]?(\d{2})(?:[T ]\s*(\d{2}):?(\d{2})(?::?(\d{2}))?)?")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


class Facts:
    """Values by ``section:name``, from a picture or, in tests, given."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    @classmethod
    def of(cls, media: Media) -> "Facts":
        """All of a picture's metadata, and under ``file:`` what its file itself says."""
        found = media.metadata
        values: dict[str, Any] = {}
        for section in _SECTIONS:
            values |= {f"{section}:{name}": value for name, value in getattr(found, section).items()}
        blocks = {f"{part.name} {part.note}".strip() for part in media.container.parts}
        values |= {
            "file:format": media.format, "file:width": media.width, "file:height": media.height, "file:icc": found.icc,
            "file:maker_note": found.maker_note, "file:xmp": found.xmp_raw, "file:remarks": found.remarks,
            "file:parts": tuple(sorted(blocks)), "photoshop:ids": found.photoshop,
        }  # fmt: skip
        return cls(values)

    def get(self, field: str) -> Iterator[tuple[str, Any]]:
        """(name, value) of every field that a name means; the first ``_MOST`` of a tuple one by one; no blanks."""
        names = [n for n in self.values if fnmatchcase(n, field)] if "*" in field else [field]
        for name in names:
            value = self.values.get(name)
            for item in value[:_MOST] if isinstance(value, tuple) else (value,):
                if item is not None and item != "":
                    yield name, item

    def numbers(self, fields: tuple[str, ...]) -> Iterator[tuple[str, float]]:
        """The finite numbers among the values of fields."""
        for field in fields:
            for name, value in self.get(field):
                number = _number(value)
                if number is not None:
                    yield name, number

    def dates(self, fields: tuple[str, ...]) -> Iterator[tuple[str, datetime]]:
        """The dates among the values of fields, as the clock on the wall showed them: zones are dropped."""
        for field in fields:
            for name, value in self.get(field):
                moment = date(str(value))
                if moment:
                    yield name, moment


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def date(text: str) -> datetime | None:
    """The date that an EXIF, XMP or IIM text begins with, None where it is no date."""
    found = _DATE.match(text.strip())
    if not found:
        return None
    try:
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None


def shown(value: object) -> str:
    """A value fit to print: no control characters, no more than 200 characters."""
    text = _BREAKS.sub(" ", str(value)[:1000]).strip()
    return text if len(text) <= 200 else text[:199] + "…"


__all__ = ["Facts", "date", "shown"]
