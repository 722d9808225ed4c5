"""The registers that this machine knows: ``registers.toml`` in the folder of what a person set up.

Each table is a register: where it is, and the policy by which its checkpoints count::

    [planet]
    at = "https://register.example.org/"     # or a folder
    policy = "planet.policy"                 # whose log, and which witnesses count
    authorities = "tsa-roots.pem"            # RFC 3161 clocks that are believed
    headers = "headers.bin"                  # block headers of Bitcoin
    block = "840000:0000000000000000000320…" # a block that is known to be Bitcoin's
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import RegisterError
from assay.register import settings
from assay.register.anchors import Trust
from assay.register.encoding import decimal
from assay.register.policy import MAX_POLICY, Policy

if TYPE_CHECKING:
    from cryptography import x509

FILE = "registers.toml"
MAX_FILE = 262_144
MOST = 64
"""Registers that are read."""
_KEYS = {"policy", "headers", "block", "authorities"}


@dataclass(frozen=True)
class Known:
    """A register. ``at`` is a folder or a URL; without a ``policy`` nothing about when a claim was made counts.
    ``trust``: whose clocks are believed.
    """

    name: str
    at: str
    policy: Policy | None = None
    trust: Trust = field(default_factory=Trust)

    @property
    def online(self) -> bool:
        """Whether asking it opens a connection: to a URL, or to where a folder's settings say that its parts are."""
        if _is_url(self.at):
            return True
        try:
            return settings.read(Path(self.at)).remote
        except RegisterError:
            return False  # whoever asks it is told what is wrong with it


def _is_url(at: str) -> bool:
    return at.startswith(("http://", "https://"))


def known(folder: Path) -> tuple[Known, ...]:
    """The registers that the file in a folder names, in its order; none where there is no file. Relative paths are
    relative to that folder.

    Raises RegisterError ``malformed``, ``too_large``, ``missing`` for a policy that is not there.
    """
    path = folder / FILE
    try:
        tables = tomllib.loads(read_small(path, MAX_FILE).decode())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RegisterError(f"{path} cannot be read: {error.strerror}.", "missing") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegisterError(f"{path} is not TOML: {error}.", "malformed") from None
    if len(tables) > MOST:
        raise RegisterError(f"{path} names more than {MOST} registers.", "too_large")
    return tuple(_known(path, name, table) for name, table in tables.items())


def _known(path: Path, name: str, table: object) -> Known:
    match table:
        case {"at": str(at), **rest} if at and rest.keys() <= _KEYS and all(isinstance(v, str) for v in rest.values()):
            given = {key: str(value) for key, value in rest.items()}
        case _:
            raise RegisterError(
                f"{path}: [{name}] must say where the register is (at = a folder or a URL), and may have "
                f"{', '.join(sorted(_KEYS))}, and no more; each is text.",
                "malformed",
            )
    beside = {key: path.parent / Path(value).expanduser() for key, value in given.items()}
    policy = load_policy(beside["policy"]) if "policy" in beside else None
    roots = [beside["authorities"]] if "authorities" in beside else []
    trust = clocks(beside.get("headers"), given.get("block"), roots)
    known = Known(name, at, policy, trust)
    return known if _is_url(at) else replace(known, at=str(path.parent / Path(at).expanduser()))


def clocks(headers: Path | None, block: str | None, authorities: Sequence[Path]) -> Trust:
    """Whose clocks are believed: a file of block headers, ``HEIGHT:HASH`` of a block that is known to be Bitcoin's,
    and files with root certificates of time-stamping authorities (PEM).

    Raises RegisterError ``missing``, ``malformed``, ``too_large``, ``proof``.
    """
    found = None
    if headers is not None:
        from assay.register.anchors.headers import Headers  # noqa: PLC0415 (it loads the HTTP client)

        found = Headers.read(headers, trusted=block_of(block) if block else None)
    return Trust(headers=found, authorities=tuple(root for path in authorities for root in _roots(path)))


def block_of(text: str) -> tuple[int, bytes]:
    """A block as explorers show it, ``HEIGHT:HASH``. Raises RegisterError ``malformed``."""
    height, _, digest = text.partition(":")
    try:
        data = bytes.fromhex(digest)
    except ValueError:
        data = b""
    if len(data) != 32:
        raise RegisterError(f"{text[:80]!r} is no block: write HEIGHT:HASH, as explorers show them.", "malformed")
    return decimal(height, "The height of the block"), data


def _roots(path: Path) -> list["x509.Certificate"]:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(read_small(path, MAX_FILE))
    except OSError as error:
        raise RegisterError(f"{path} cannot be read: {error.strerror}.", "missing") from None
    except ValueError:
        raise RegisterError(f"{path} holds no certificates in PEM.", "malformed") from None


def load_policy(path: Path) -> Policy:
    """A policy in a file. Raises RegisterError ``missing``, ``malformed``, ``too_large``, ``unsupported``."""
    try:
        return Policy.parse(read_small(path, MAX_POLICY))
    except OSError as error:
        raise RegisterError(f"The policy {path} cannot be read: {error.strerror}.", "missing") from None
    except RegisterError as error:
        raise RegisterError(f"{path}: {error}", error.reason) from None


def read_small(path: Path, most: int) -> bytes:
    """A file of at most so many bytes. Raises RegisterError ``too_large``, OSError."""
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise RegisterError(f"{path} has more than {most} bytes.", "too_large")
    return data


__all__ = ["FILE", "Known", "block_of", "clocks", "known", "load_policy", "read_small"]
