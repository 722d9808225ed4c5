"""What commands write: files whole, and lines on standard output as they come."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from assay.errors import UsageError
from assay.files import write_whole


def emit(line: bytes) -> None:
    """A line on standard output, at once: whoever reads the pipe need not wait for the rest."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def which(path: Path) -> object:
    """The file itself, whatever name it has on whatever file system."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def not_over(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Raises UsageError where something would be written over a file that is read."""
    inputs = {which(path): path for path in read}
    for path in written:
        if (over := inputs.get(which(path))) is not None:
            raise UsageError(f"{path} would be written over {over}, which is read: name another place")


def write(path: Path, data: bytes, option: str) -> str:
    """Write a file that an option named; returns its name. Raises UsageError where that cannot be done."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written ({error.strerror})") from None
    return str(path)
