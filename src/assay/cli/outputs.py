"""What commands write: files whole, and lines on standard output as they come."""

import sys
from pathlib import Path

from assay.errors import UsageError
from assay.files import write_whole


def emit(line: bytes) -> None:
    """A line on standard output, at once: whoever reads the pipe need not wait for the rest."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def write(path: Path, data: bytes, option: str) -> str:
    """Write a file that an option named; returns its name. Raises UsageError where that cannot be done."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written ({error.strerror})") from None
    return str(path)
