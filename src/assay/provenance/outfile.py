"""Files that appear whole or not at all, also where the process is killed: written beside their place, then renamed."""

import errno
import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from assay.errors import ProvenanceError

ENDING = ".assay-part"
"""Ends the name of a file that is not finished. What a killed run leaves is swept away by the next."""


class PartFile(io.FileIO):
    """A file that is not finished. The library swallows what goes wrong in writing; ``error`` remembers it."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = part_of(final)
        self.error: OSError | None = None
        try:
            # What has this name was left by a process of the same number, or laid there by a stranger.
            self.path.unlink(missing_ok=True)
            super().__init__(self.path, "w+b", opener=_private)
        except OSError as error:
            raise refusal(error, final) from None

    def write(self, data: Any) -> int:
        """Write all of it, or raise OSError."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.error = error
            raise
        return done

    def complete(self, like: Path | None = None) -> None:
        """Make sure of the bytes, give the file the permissions of another, and close it. Raises ProvenanceError."""
        try:
            os.fsync(self.fileno())
            self.close()
            if like is None:
                self.path.chmod(0o644)
            else:
                shutil.copymode(like, self.path)
        except OSError as error:
            raise refusal(error, self.final) from None

    def discard(self) -> None:
        """Close and remove it."""
        self.close()
        self.path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """Open a new file that nobody else may read: what it becomes may not be for all, and a link is not followed."""
    return os.open(path, flags | os.O_EXCL, 0o600)


def part_of(final: Path) -> Path:
    """Where this process writes a file that is to be at ``final``."""
    return final.parent / f".{_key(final)}.{os.getpid()}{ENDING}"


def put(part: Path, final: Path) -> None:
    """Put a finished part in its place, over whatever is there. Raises ProvenanceError."""
    try:
        part.replace(final)
        if os.name == "posix":
            folder = os.open(final.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise refusal(error, final) from None


def sweep(finals: Iterable[Path]) -> None:
    """Remove what runs that have ended left of these files."""
    wanted: dict[Path, set[str]] = {}
    for final in finals:
        wanted.setdefault(final.parent, set()).add(_key(final))
    for folder, keys in wanted.items():
        for path in folder.glob(f".*{ENDING}"):
            key, _, process = path.name[1 : -len(ENDING)].rpartition(".")
            if key in keys and re.fullmatch(r"[1-9][0-9]{0,8}", process) and not _lives(int(process)):
                with suppress(OSError):  # another person's, in a folder of several
                    path.unlink()


def refusal(error: OSError, final: Path) -> ProvenanceError:
    """Why a file could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ProvenanceError(f"There is no space left for {final}; nothing was written.", "full")
    return ProvenanceError(f"{final} cannot be written: {error.strerror or error}.", "unwritable")


def _key(final: Path) -> str:
    return hashlib.sha256(os.fsencode(final.name)).hexdigest()[:16]


def _lives(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # One that was killed and whose end nobody has taken note of yet still answers, and writes no more.
    with suppress(OSError):
        return (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2][:2] != " Z"
        )
    return True


__all__ = ["ENDING", "PartFile", "part_of", "put", "refusal", "sweep"]
