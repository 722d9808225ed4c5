"""Bytes from a path or a stream: bounded, and only from a plain file."""

import os
import stat
from os import PathLike
from typing import BinaryIO

from assay.errors import MediaError
from assay.media.limits import Limits

_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def read_path(path: str | PathLike[str], limits: Limits) -> bytes:
    """The bytes of a plain file. Raises MediaError (``missing``, ``unreadable``, ``too_large``)."""
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise MediaError("there is no such file", "missing") from None
    except OSError as error:
        raise MediaError(f"cannot be opened: {error.strerror}", "unreadable") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        what = next((name for test, name in _KINDS if test(found.st_mode)), "no plain file")
        raise MediaError(f"is {what}, not a picture file", "unreadable")
    with os.fdopen(descriptor, "rb") as stream:
        if found.st_size > limits.max_bytes:
            raise _too_large(found.st_size, limits)
        try:
            return check(stream.read(limits.max_bytes + 1), limits)
        except OSError as error:
            raise MediaError(f"cannot be read: {error.strerror}", "unreadable") from error


def read_stream(stream: BinaryIO, limits: Limits) -> bytes:
    """All bytes of a binary stream. Raises MediaError (``unreadable``, ``too_large``)."""
    pieces: list[bytes] = []
    left = limits.max_bytes + 1
    # A raw stream may give less than it is asked for.
    while left > 0:
        try:
            piece = stream.read(min(left, 1 << 24))
        except OSError as error:
            raise MediaError(f"cannot be read: {error.strerror or error}", "unreadable") from error
        if not piece:
            break
        if not isinstance(piece, bytes):
            raise MediaError("is a stream of text, not of bytes", "unreadable")
        pieces.append(piece)
        left -= len(piece)
    return check(b"".join(pieces), limits)


def check(data: bytes, limits: Limits) -> bytes:
    """``data``, where it is within the limit. Raises MediaError (``empty``, ``too_large``)."""
    if not data:
        raise MediaError("the file is empty", "empty")
    if len(data) > limits.max_bytes:
        raise _too_large(len(data), limits)
    return data


def _too_large(size: int, limits: Limits) -> MediaError:
    return MediaError(f"holds {size} bytes or more, past the limit of {limits.max_bytes}", "too_large")


__all__ = ["check", "read_path", "read_stream"]
