"""The ``--json`` file: JSON Lines written as results come, and read again to go on where a batch stopped."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from assay.batch import Item, Result
from assay.errors import AssayError, UsageError
from assay.evidence import Environment, Report
from assay.report.record import decode, encode


class Journal:
    """Lines already in the file that still hold are kept, the others dropped; new ones are appended and flushed one
    by one.

    A kept line has the same path, the same SHA-256 and the same environment (version, libraries, options) as the
    examination that would make it anew: same bytes, same version, same report.
    """

    def __init__(self, path: Path, environment: Environment, *, fresh: bool) -> None:
        self.path = path
        self._environment = environment
        self._kept: dict[str, Report] = {}
        if not fresh:
            self._read()
        self._stream: IO[bytes] | None = None

    def _read(self) -> None:
        # What cannot be read is written anew, or complained of when it cannot be written either.
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            for line in stream:
                with contextlib.suppress(AssayError):
                    record = decode(line)
                    if isinstance(record, Report) and record.environment == self._environment:
                        self._kept[record.subject.path] = record

    def find(self, item: Item) -> Report | None:
        """The kept report of this item, if its bytes and the files to write beside are still what they were."""
        report = self._kept.get(item.name)
        if report is None or isinstance(item.source, bytes) or not item.outputs.present():
            return None
        try:
            with item.source.open("rb") as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == report.subject.sha256
        except OSError:
            return None
        return report if same else None

    def begin(self, kept: list[Report]) -> None:
        """Replace the file by the kept lines, and open it for more. Raises UsageError where it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():  # a pipe or a device: nothing to replace
                self._stream = self.path.open("wb")
                return
            descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            self._stream = os.fdopen(descriptor, "wb")
            for report in kept:
                self._stream.write(encode(report) + b"\n")
            self._stream.flush()
            os.fsync(descriptor)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self.path)
        except OSError as error:
            raise UsageError(f"Cannot write {self.path}: {error.strerror}") from error

    def write(self, result: Result) -> None:
        """Append one line. Raises UsageError where it cannot be written; the lines before it stay."""
        if self._stream is None:
            raise RuntimeError("begin() comes first")
        try:
            self._stream.write(encode(result) + b"\n")
            self._stream.flush()
        except OSError as error:
            raise UsageError(f"Cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
