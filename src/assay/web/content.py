"""Look into a picture for what leads to its manifest, in a process of its own: a decoder that crashes takes no service
with it.
"""

from pathlib import Path

from assay import workers
from assay.errors import MediaError
from assay.provenance.store import Match

WATERMARKS: tuple[str, ...] = ()
FINGERPRINTS: tuple[str, ...] = ()

SECONDS = 60.0
"""Seconds that one picture may take."""


class Content:
    """From the bytes of a picture to the manifests of the store in the folder ``path``."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self._path, self._seconds = path, seconds

    def __call__(self, data: bytes, limit: int) -> list[Match]:
        """Matches by watermark first, then by fingerprint, best first. Raises MediaError where it is no picture."""
        for _, found in workers.each(_look, [(data, str(self._path), limit)], seconds=self._seconds):
            if isinstance(found, workers.Lost):
                raise MediaError(f"The picture could not be looked into: {found.says}.", found.reason)
            return found
        return []


def _look(item: tuple[bytes, str, int]) -> list[Match]:
    """In the worker."""
    raise NotImplementedError


__all__ = ["FINGERPRINTS", "WATERMARKS", "Content"]
