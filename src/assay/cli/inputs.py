"""From what a person names on the command line to the pictures meant."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assay.errors import UsageError
from assay.media.sniff import sniff

EXTENSIONS = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".gif", ".bmp"]
)
"""In a folder, a file with one of these names is a picture even where its content is not: the person will want to
know."""


def is_picture(path: Path) -> bool:
    """Whether a file in a folder is meant: by its name, or by its first bytes."""
    if path.suffix.lower() in EXTENSIONS:
        return True
    try:
        with path.open("rb") as stream:
            return sniff(stream.read(512)) is not None
    except OSError:
        return False


def can_be_signed(path: Path) -> bool:
    """Whether a file in a folder is of a kind that can carry Content Credentials."""
    from assay.provenance.formats import mime_of_stream  # noqa: PLC0415 (only who verifies or signs needs it)

    if path.suffix.lower() in EXTENSIONS - {".bmp"}:
        return True
    try:
        with path.open("rb") as stream:
            return mime_of_stream(stream) is not None
    except OSError:
        return False


def expand(paths: Sequence[str], *, wanted: Callable[[Path], bool] = is_picture, what: str = "picture") -> list[str]:
    """Folders to the files in them that are ``wanted`` (sorted, not following links), globs to what they match, others
    as they are.

    A path that does not exist stays in the list, so that it gets a line of its own. Raises UsageError where a
    folder holds none; ``what`` names what was looked for.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path == "-":
            found.setdefault(path)
        elif Path(path).is_dir():
            inside = list(_walk(Path(path), wanted))
            if not inside:
                raise UsageError(f"There is no {what} in the folder {path}")
            found.update(dict.fromkeys(inside))
        elif not os.path.lexists(path) and glob.has_magic(path):
            matched = [m for m in sorted(glob.glob(path, recursive=True)) if not Path(m).is_dir()]  # noqa: PTH207
            found.update(dict.fromkeys(matched or [path]))
        else:
            found.setdefault(path)
    return list(found)


def _walk(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if not name.startswith(".") and path.is_file() and wanted(path):
                yield str(path)


def moment(text: str) -> datetime:
    """A time from the command line, UTC where it names no zone. Raises UsageError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time such as 2026-05-01 or 2026-05-01T12:00Z") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
