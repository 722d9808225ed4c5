"""Free-form details as tables that a person can read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay.report.words import label, plain, scalar

MAX_ROWS = 60
"""Rows of a table shown; the record has them all."""
MAX_TABLES = 24
"""Tables of one finding shown; the record has them all."""
MAX_TEXT = 1200
"""Characters of a value shown."""


@dataclass(frozen=True)
class Table:
    """``columns`` may be empty: then the first cell of each row names the others. ``more`` rows were left out."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


def tables(details: dict[str, Any]) -> list[Table]:
    """The free-form details of a finding as tables: plain values together first, then each list or object, and what
    lies within it, in a table of its own.
    """
    found = list(_walk("", details))
    return found[:MAX_TABLES]


def _walk(title: str, value: Any) -> Iterator[Table]:
    if isinstance(value, dict):
        flat = {k: v for k, v in value.items() if _flat(v)}
        if flat:
            yield pairs(title, flat)
        for key, inner in value.items():
            if key not in flat:
                yield from _walk(_joined(title, label(key)), inner)
    elif all(isinstance(v, dict) for v in value):
        keys = list(dict.fromkeys(k for v in value for k in v))
        flat_keys = [k for k in keys if all(_flat(v.get(k, "")) for v in value)]
        if flat_keys:
            yield _cut(title, [label(k) for k in flat_keys], [[v.get(k, "") for k in flat_keys] for v in value])
        for index, row in enumerate(value, 1):
            for key in (k for k in row if k not in flat_keys):
                yield from _walk(_joined(f"{title} {index}", label(key)), row[key])
    elif all(isinstance(v, list) and all(map(_flat, v)) for v in value):
        yield _cut(title, [], value)
    else:
        yield pairs(title, {"": value})


def _joined(title: str, name: str) -> str:
    return f"{title}, {name}" if title else name


def _flat(value: Any) -> bool:
    """Whether a value can stand in one cell."""
    if isinstance(value, list):
        return len(value) <= 12 and not any(isinstance(v, list | dict) for v in value)
    return not isinstance(value, dict) or not value


def pairs(title: str, values: dict[str, Any]) -> Table:
    """Names and values."""
    return _cut(title, [], [[label(k), v] for k, v in values.items()])


def _cut(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    shown = tuple(tuple(_text(cell) for cell in row) for row in rows[:MAX_ROWS])
    return Table(title, tuple(columns), shown, max(0, len(rows) - MAX_ROWS))


def _text(value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(v, list | dict) for v in value):
        text = ", ".join(scalar(v) for v in value) or "none"
    elif isinstance(value, list | dict):
        text = plain(json.dumps(value, ensure_ascii=False)) if value else "none"
    else:
        text = scalar(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text):,} characters in all)"
