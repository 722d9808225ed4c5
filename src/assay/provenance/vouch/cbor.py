"""CBOR in its one form: what is not in the core deterministic encoding (RFC 8949, 4.2.1) is refused.

So no two byte strings mean the same, and nothing can be hidden between what one reader sees and what another does.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import cbor2

MOST = 256 * 1024
"""Bytes of the largest item that is read."""

DEEPEST = 8
"""Containers within containers."""


def _refuse(*_: object) -> NoReturn:
    raise ValueError("tags are not used here")


class _Never(Mapping[int, Callable[..., Any]]):
    """Decodes every tag by refusing it. Some of the library's own decoders compile patterns or raise to powers, which
    is not for a stranger to ask for.
    """

    def __getitem__(self, tag: int) -> Callable[..., Any]:
        return _refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1

    def __contains__(self, tag: object) -> bool:
        return True


def loads(data: bytes) -> Any:
    """The one item in ``data``. Raises ValueError where there is none, more than one, or not in its one form."""
    if len(data) > MOST:
        raise ValueError(f"it is {len(data):,} bytes long; no more than {MOST:,} are read")
    try:
        item = cbor2.loads(
            data, semantic_decoders=_Never(), max_depth=DEEPEST, allow_indefinite=False, allow_duplicate_keys=False
        )
        _plain(item)
        again = dumps(item)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"it is no CBOR that Assay reads: {error}") from None
    if again != data:
        raise ValueError("it is not in the deterministic encoding of CBOR, or more follows it")
    return item


def _plain(item: Any) -> None:
    """Raises ValueError for what has no use here. Python takes ``true`` and ``1.0`` for 1, also as a key: a header that
    other readers do not see would be one here.
    """
    if isinstance(item, dict):
        if any(type(key) not in {int, str} for key in item):
            raise ValueError("a key is neither a whole number nor text")
        for value in item.values():
            _plain(value)
    elif isinstance(item, list):
        for value in item:
            _plain(value)
    elif item is not None and type(item) not in {int, str, bytes}:
        raise ValueError("a value is neither a whole number, text nor bytes")


def dumps(item: Any) -> bytes:
    """``item`` in the core deterministic encoding.

    The library sorts keys by length first, as RFC 7049 had it. For the maps here (text keys, or whole numbers from 0)
    that is the same order.
    """
    return cbor2.dumps(item, canonical=True)


__all__ = ["MOST", "dumps", "loads"]
