"""Objects in memory."""

from collections.abc import Iterator

from assay.errors import RegisterError


class MemoryObjects:
    """As a bucket is. ``full`` refuses to write."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    def get(self, path: str) -> bytes:
        if path not in self.kept:
            raise RegisterError(f"{path} is not there.", "missing")
        return self.kept[path]

    def put(self, path: str, data: bytes) -> None:
        if self.full:
            raise RegisterError("No space is left.", "full")
        self.kept[path] = data

    def create(self, path: str, data: bytes) -> None:
        if self.kept.setdefault(path, data) != data:
            raise RegisterError(f"{path} is there.", "conflict")

    def delete(self, path: str) -> None:
        self.kept.pop(path, None)

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(path for path in self.kept if path.startswith(prefix))

    def sync(self) -> None:
        pass
