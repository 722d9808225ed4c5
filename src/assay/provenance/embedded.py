"""The manifest store of a file as it stands in it, byte for byte."""

import io
from pathlib import Path

import msgspec
from c2pa import C2paError, Reader

from assay.errors import MediaError
from assay.provenance.engine import context
from assay.provenance.formats import mime_of_stream


def embedded(path: Path) -> bytes | None:
    """The manifest store in a file; None where there is none, or where it is kept elsewhere: nothing is fetched.

    Raises MediaError ``unreadable`` where the file cannot be read, or holds credentials that cannot be taken out.
    """
    try:
        with path.open("rb") as stream:
            mime = mime_of_stream(stream)
            if mime is None:
                return None
            with context() as ctx:
                reader = Reader.try_create(mime, stream, context=ctx)
                if reader is None:
                    return None
                with reader:
                    found = io.BytesIO()
                    reader.resource_to_stream(_active(reader), found)
                    return found.getvalue()
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", "unreadable") from None
    except C2paError as error:
        if str(error).startswith("Remote"):
            return None
        raise MediaError(f"{path}: its Content Credentials cannot be taken out of it", "unreadable") from None


def _active(reader: Reader) -> str:
    """The label of the active manifest."""
    return str(msgspec.json.decode(reader.detailed_json()).get("active_manifest") or "")


__all__ = ["embedded"]
