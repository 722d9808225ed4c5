"""The settings of a log, in ``log.toml``. No secret stands there: those come from the environment."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated

import msgspec

from assay.errors import RegisterError
from assay.register.anchors.settings import AnchorSettings
from assay.register.model import MAX_ENTRIES
from assay.register.note import check_name

FILE = "log.toml"
FOLDER = "folder"
DATABASE = "index.sqlite"
_MAX = 65_536

Entries = Annotated[int, msgspec.Meta(ge=MAX_ENTRIES, le=1 << 20)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the comments of :data:`TEMPLATE`."""

    origin: str
    database: str = DATABASE
    objects: str = FOLDER
    operator: str = ""
    batch: Entries = 4096
    interval: Seconds = 0.05
    pool: Entries = 65_536
    wait: Seconds = 10.0
    anchors: AnchorSettings = AnchorSettings()

    @property
    def database_url(self) -> str:
        """The database with ``$NAME`` replaced from the environment. Raises RegisterError ``missing``."""
        if not self.database.startswith("$"):
            return self.database
        found = os.environ.get(self.database[1:])
        if not found:
            raise RegisterError(
                f"log.toml names the environment variable {self.database[1:]} for the database, and it is not set.",
                "missing",
            )
        return found

    @property
    def remote(self) -> bool:
        """Whether any part of the log lies on another machine, as far as the settings tell."""
        return self.objects != FOLDER or self.database.startswith("$") or "://" in self.database

    @property
    def operator_key(self) -> bytes | None:
        """The operator's raw Ed25519 public key, None where there is none."""
        return bytes.fromhex(self.operator) or None


TEMPLATE = """\
# A register of Assay. No secrets here: credentials come from the environment.

# The name of the log. It is in every checkpoint and never changes.
origin = {origin}

# The index: a file in this folder, "postgresql://host/name", or "$NAME" for an environment variable that holds a URL.
database = {database}

# Tiles, checkpoint, manifests and anchors: "folder" for the folder objects, or "s3://bucket/prefix".
objects = {objects}

# The operator's raw Ed25519 public key in hex, whose tombstones count for every entry; "" for none.
operator = {operator}

# Entries after which a batch is full, at least {least}.
batch = {batch}

# Seconds that a first entry waits for others, and at least between publications.
interval = {interval}

# Entries that may be on their way before submitters are asked to come again later.
pool = {pool}

# Seconds until a submitter is told that publication takes too long.
wait = {wait}

# Other people's clocks, asked about one checkpoint an hour; nobody is asked unless named here.
# [anchors]
# calendars = ["https://a.pool.opentimestamps.org", "https://b.pool.opentimestamps.org"]
# calendars_needed = 2
# authorities = ["https://timestamps.example.org/"]
"""


def render(settings: Settings) -> str:
    """The text of ``log.toml``."""
    values = {name: _toml(getattr(settings, name)) for name in settings.__struct_fields__}
    return TEMPLATE.format(**values, least=MAX_ENTRIES)


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, str) else str(value)


def parse(data: bytes) -> Settings:
    """Raises RegisterError ``malformed``, naming the setting; unknown ones with the nearest that is known."""
    if len(data) > _MAX:
        raise RegisterError(f"{FILE} is too long.", "malformed")
    try:
        found = msgspec.toml.decode(data)
    except msgspec.DecodeError as error:
        raise RegisterError(f"{FILE} is not TOML: {error}.", "malformed") from None
    for name in found:
        if name not in Settings.__struct_fields__:
            near = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(Settings.__struct_fields__)}."
            raise RegisterError(f"{FILE} has no setting {name[:60]!r}{hint}", "malformed")
    try:
        settings = msgspec.convert(found, Settings)
    except msgspec.ValidationError as error:
        raise RegisterError(f"{FILE} is wrong: {error}.", "malformed") from None
    _check(settings)
    return settings


def read(folder: Path) -> Settings:
    """The settings of a log. Raises RegisterError ``missing`` where the folder is none, ``malformed``."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        raise RegisterError(
            f"There is no log in {folder}: make one with 'assay register init {folder}'.", "missing"
        ) from None
    except OSError as error:
        raise RegisterError(f"{folder / FILE} cannot be read: {error.strerror}.", "unwritable") from None
    return parse(data)


def _check(settings: Settings) -> None:
    check_name(settings.origin)
    if settings.objects != FOLDER and not re.fullmatch(r"s3://[^/?#\s]+(/[^?#\s]*)?", settings.objects):
        raise RegisterError(f"{FILE}: objects is neither 'folder' nor of the form 's3://bucket/prefix'.", "malformed")
    if not re.fullmatch(r"([0-9a-f]{64})?", settings.operator):
        raise RegisterError(f"{FILE}: operator is not a public key of 64 hexadecimal digits.", "malformed")
    if re.match(r"[a-z0-9+]+://[^/@]*:[^/@]*@", settings.database) or "password" in settings.database:
        raise RegisterError(
            f"{FILE}: database has a password in it; set an environment variable to the URL, and write its name here, "
            "as in database = \"$ASSAY_DATABASE\".", "malformed",
        )  # fmt: skip


__all__ = ["DATABASE", "FILE", "FOLDER", "Settings", "parse", "read", "render"]
