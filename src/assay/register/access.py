"""Open a register by where it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import RegisterError

if TYPE_CHECKING:
    from assay.register.ports import Register


def open_register(target: str) -> "Register":
    """The register at an address (``http://``, ``https://``) or in a folder. A connection is opened when something is
    asked.

    Raises RegisterError: ``malformed`` for an address that is none, ``missing`` where there is no log in the folder.
    """
    scheme, colon, _ = target.partition("://")
    if colon:
        if scheme.lower() not in ("http", "https"):
            raise RegisterError(f"A register is at https://… or in a folder, not at {target[:200]!r}.", "malformed")
        from assay.register.remote import RemoteRegister  # noqa: PLC0415 (it loads the HTTP client)

        return RemoteRegister(target)
    path = Path(target).expanduser()
    if not target or not path.is_dir():
        raise RegisterError(
            f"{target[:200]!r} is neither a folder nor an address that begins with https://; name the register's "
            "folder, or its address.",
            "missing",
        )
    from assay.register.local import LocalRegister  # noqa: PLC0415 (it loads storage and index)

    return LocalRegister(path)


__all__ = ["open_register"]
