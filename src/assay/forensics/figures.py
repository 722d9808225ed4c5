"""The measured error rates that stand on the cards, as ``python -m bench.examine`` wrote them."""

from functools import cache
from importlib import resources

import msgspec

from assay.evidence import ErrorRate


@cache
def _all() -> dict[str, tuple[ErrorRate, ...]]:
    file = resources.files("assay.forensics") / "data" / "error_rates.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[ErrorRate, ...]])


def measured(method: str) -> tuple[ErrorRate, ...]:
    """The figures of a method, empty where it has not been measured."""
    return _all().get(method, ())
