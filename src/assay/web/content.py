"""Look into a picture for what leads to its manifest, in a process of its own: a decoder that crashes takes no service
with it.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay import workers
from assay.errors import MediaError, ProvenanceError
from assay.provenance.store import ManifestStore, Match

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.provenance.watermark import Mark

SECONDS = 60.0
"""Seconds that one picture may take."""
COMPARED = 5
"""Likeliest fingerprints that are compared with the picture: each takes up to half a second."""


class Content:
    """From the bytes of a picture to manifests of the store in the folder ``path``."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self._path, self._seconds = path, seconds

    def __call__(self, data: bytes, limit: int) -> list[Match]:
        """Those that its watermark leads to, first registered first and without a score, since a watermark can be
        moved to another picture; then those whose fingerprint says the same picture, most alike first. ``score`` is
        then the share of the original's structure, in per cent, that the picture agrees with where it shows it.

        Raises MediaError where it is no picture, or where looking takes too long or crashes.
        """
        for _, found in workers.each(_look, [(data, str(self._path), limit)], seconds=self._seconds):
            if isinstance(found, workers.Lost):
                raise MediaError(f"The picture could not be looked into: {found.says}.", found.reason)
            return found
        raise AssertionError("one item, one answer")


def _look(item: tuple[bytes, str, int]) -> list[Match]:
    """In the worker, which alone waits for the libraries that decode and measure."""
    from assay.media import Media  # noqa: PLC0415

    data, path, limit = item
    media = Media.open(data, name="The picture")
    rgb = np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8)
    from assay.provenance import watermark  # noqa: PLC0415

    mark = watermark.detect(rgb)
    with ManifestStore.open(path) as store:
        found: list[Match] = []
        if mark is not None:
            value = mark.payload.to_bytes(watermark.PAYLOAD_BITS // 8, "big")
            marked = store.by_binding(watermark.ALGORITHM, value, limit)
            found += [replace(match, score=None) for match in marked]
        found += _alike(store, rgb, mark)
    return found[:limit]


def _alike(store: ManifestStore, rgb: "npt.NDArray[np.uint8]", mark: "Mark | None") -> Iterator[Match]:
    """Coarse and quick over all, then exact for the few that are likeliest."""
    from assay import fingerprint  # noqa: PLC0415

    likely = {name for name, _ in fingerprint.search(store.fingerprints(fingerprint.ALGORITHM), rgb, limit=COMPARED)}
    query = fingerprint.Query(rgb)
    found: dict[str, int] = {}
    for name, value in store.fingerprints(fingerprint.ALGORITHM) if likely else ():
        if name in likely:
            try:
                compared = fingerprint.compare_print(fingerprint.unpack(value), query, hint=mark)
            except ProvenanceError:
                continue
            if compared.same:
                share = float(np.nanmean(compared.agreement)) if not np.isnan(compared.agreement).all() else 0.0
                found[name] = max(found.get(name, 0), round(100 * min(1.0, max(0.0, share))))
    for name, score in sorted(found.items(), key=lambda pair: -pair[1]):
        yield Match(name, fingerprint.ALGORITHM, score)


__all__ = ["Content"]
