"""Look through many prints for those that a picture may be of: a product of matrices, coarse and quick."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from assay.errors import ProvenanceError
from assay.fingerprint._align import Query
from assay.fingerprint._guesses import Guess
from assay.fingerprint._map import BYTES, SIDE, Floats, unpack

_SIZES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.71)
_STEP = 2
_CHUNK = 1024
MAX_PRINTS = 1_000_000
"""Prints looked through in one search."""


def search(
    prints: Iterable[tuple[str, bytes]], rgb: npt.NDArray[np.uint8], *, limit: int = 10
) -> list[tuple[str, float]]:
    """The likeliest of ``prints`` (id, fingerprint) for an upright picture, (H, W, 3) uint8: (id, score), best first.

    The score only ranks: whoever believes it compares first. Whole pictures are found, mirrored ones, and crops down to
    half of the area; not those turned, framed or stretched. The cost grows with the number of prints, about 0.15 ms
    each; beyond ``MAX_PRINTS`` none is looked at. Values that are no fingerprints are passed over.
    """
    templates = _templates(Query(rgb))
    counts = np.count_nonzero(templates, axis=1) / (SIDE * SIDE)
    best: list[tuple[float, int, str]] = []
    source = islice(_readable(prints), MAX_PRINTS)
    number = 0
    while chunk := list(islice(source, _CHUNK)):
        stack = np.stack([signs for _, signs in chunk])
        votes = np.count_nonzero(stack, axis=1)[:, None] * counts[None, :]
        scores = ((stack @ templates.T) / np.sqrt(np.maximum(votes, 100))).max(axis=1)
        for (name, _), score in zip(chunk, scores.tolist(), strict=True):
            number += 1
            heapq.heappush(best, (score, -number, name))
            if len(best) > limit:
                heapq.heappop(best)
    return [(name, score) for score, _, name in sorted(best, reverse=True)]


def _readable(prints: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Floats]]:
    for name, value in prints:
        if len(value) == BYTES:
            try:
                yield name, unpack(value).signs.reshape(-1).astype(np.float32)
            except ProvenanceError:
                continue


def _templates(query: Query) -> Floats:
    """(n, 4096): the picture's map at every size and place that is tried."""
    found = []
    for mirrored in (False, True):
        for size in _SIZES:
            own = query.signs(Guess(size, size, mirrored)).astype(np.float32)
            rows, columns = own.shape
            for top in range(0, SIDE - rows + 1, _STEP):
                for left in range(0, SIDE - columns + 1, _STEP):
                    sheet = np.zeros((SIDE, SIDE), np.float32)
                    sheet[top : top + rows, left : left + columns] = own
                    found.append(sheet.reshape(-1))
    return np.stack(found)


__all__ = ["MAX_PRINTS", "search"]
