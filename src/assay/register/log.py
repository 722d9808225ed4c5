"""A log as its operator holds it: a folder with settings, key and policy, and the parts that they name.

log.toml    settings
log.key     the log's signer key, for its owner's eyes
policy      a tlog-policy: the log's own line, the witnesses, the quorum
journal/    the ledger, where it is not in PostgreSQL
objects/    checkpoint, tile/…, manifests/…, anchors/…, where they are not in S3
dedupe/     the index of heads
index.sqlite    the searchable part, where it is not in PostgreSQL
"""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from assay.errors import RegisterError
from assay.register import settings as config
from assay.register.dedupe import Dedupe
from assay.register.disk import Disk, OsDisk, told
from assay.register.edge import Edge, read_entries
from assay.register.journal import FolderLedger
from assay.register.keys import SignerKey, VerifierKey
from assay.register.note import check_name
from assay.register.objects import FolderObjects
from assay.register.policy import Policy
from assay.register.ports import Cosign, Index, Ledger, Objects
from assay.register.publisher import Publisher, alone
from assay.register.sequencer import Limits, Sequencer
from assay.register.settings import Settings
from assay.register.settling import Settler
from assay.register.tiles import CHECKPOINT
from assay.register.writer import Writer, signed

if TYPE_CHECKING:
    from assay.register.database.index import SqlIndex
    from assay.register.s3 import S3Objects

_T = TypeVar("_T")
KEY, POLICY, JOURNAL, OBJECTS, DEDUPE = "log.key", "policy", "journal", "objects", "dedupe"


class Log:
    """An open log. ``ledger`` and ``sequencer`` are there only where it was opened to write."""

    def __init__(self, path: Path, settings: Settings, signer: SignerKey, policy: Policy, objects: Objects) -> None:
        """For :meth:`open`."""
        self.path = path
        self.settings = settings
        self.signer = signer
        self.policy = policy
        self.objects = objects
        self._closing = contextlib.ExitStack()
        self._index: Index | None = None
        self._ledger: Ledger | None = None
        self._sequencer: Sequencer | None = None

    @classmethod
    def open(
        cls, path: Path, *, write: bool = True, cosign: Cosign | None = None, index: Index | None = None,
        disk: Disk | None = None,
    ) -> "Log":  # fmt: skip
        """Open a log; to ``write`` takes its lock and begins to sequence. ``cosign`` and ``index`` stand in for what
        the settings name.

        Raises RegisterError: ``missing``; ``malformed`` (settings, policy); ``key``; ``conflict`` where a server holds
        the log; ``damaged``.
        """
        settings = config.read(path)
        signer, policy = read_key(path, settings), read_policy(path)
        objects = open_objects(path, settings, disk)
        log = cls(path, settings, signer, policy, objects)
        log._closing.callback(objects.close)
        with contextlib.ExitStack() as undo:
            undo.callback(log.close)
            log._index = index or log._database()
            if write:
                log._start(cosign, disk or OsDisk())
            undo.pop_all()
        return log

    @property
    def verifier(self) -> VerifierKey:
        """The log's public key."""
        return self.signer.verifier

    @property
    def index(self) -> Index:
        """The searchable part."""
        return _there(self._index)

    @property
    def ledger(self) -> Ledger:
        """The trusted part. Raises RegisterError ``conflict`` where the log is open only to read."""
        return _there(self._ledger)

    @property
    def sequencer(self) -> Sequencer:
        """What takes submissions in. Raises RegisterError ``conflict`` where the log is open only to read."""
        return _there(self._sequencer)

    def close(self) -> None:
        """Let go of everything; what was handed in is finished first."""
        self._closing.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _database(self) -> Index:
        index = open_index(self.path, self.settings)
        self._closing.callback(index.close)
        return index

    def _start(self, cosign: Cosign | None, disk: Disk) -> None:
        self._ledger = ledger = open_ledger(self.path, self.settings, self.objects, disk)
        self._closing.callback(ledger.close)
        if cosign is None:
            cosign = self._witnesses()
        dedupe = open_dedupe(self.path, self.objects, disk)
        limits = Limits(
            batch=self.settings.batch, interval=self.settings.interval, pool=self.settings.pool, wait=self.settings.wait
        )
        self._sequencer = Sequencer(
            Writer(ledger, self.objects, self.signer, dedupe),
            Publisher(self.objects, self.verifier, cosign),
            Settler(ledger, self.objects, self.index, dedupe),
            limits,
        )
        self._closing.callback(self._sequencer.close)

    def _witnesses(self) -> Cosign:
        if not self.policy.witnesses:
            return alone
        from assay.register.cosigning import Witnesses  # noqa: PLC0415 (it loads the HTTP client)

        witnesses = Witnesses(self.policy)
        self._closing.callback(witnesses.close)
        return witnesses


def init(
    path: Path, origin: str | None = None, *, database: str = config.DATABASE, objects: str = config.FOLDER
) -> Log:
    """Make a log in a folder that is not there yet or empty, publish its empty checkpoint, and open it.

    Raises RegisterError: ``conflict`` where there is something, ``malformed`` for an origin that cannot be a name.
    """
    origin = check_name(default_origin(path) if origin is None else origin)
    settings = Settings(origin=origin, database=database, objects=objects)
    text = config.render(settings)
    config.parse(text.encode())
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RegisterError(f"{path} is there already and not empty: a log begins in a folder of its own.", "conflict")
    disk = OsDisk()
    with told(f"make a log in {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        _make(beside, settings, text, disk)
        with told(f"make a log in {path}"):
            beside.chmod(0o755)
            beside.rename(path)
            disk.syncdir(path.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return Log.open(path)


def _make(folder: Path, settings: Settings, text: str, disk: Disk) -> None:
    """Fill the folder of a new log, and make it durable."""
    signer = SignerKey.generate(settings.origin)
    with told(f"make a log in {folder}"):
        for name in (JOURNAL, OBJECTS, DEDUPE):
            (folder / name).mkdir()
        descriptor = os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(descriptor)
        for name, data in (
            (KEY, f"{signer}\n"),
            (POLICY, f"log {signer.verifier}\nquorum none\n"),
            (config.FILE, text),
        ):
            disk.append(folder / name, data.encode())
    first = signed(signer, 0, Edge().root).encode()
    objects = open_objects(folder, settings, disk)
    ledger = open_ledger(folder, settings, objects, disk)
    try:
        ledger.commit(None, first, b"")
        objects.put(CHECKPOINT, first)
    finally:
        ledger.close()
        objects.close()
    with told("make the new log durable"):
        disk.sync([folder / name for name in (KEY, POLICY, config.FILE, f"{OBJECTS}/{CHECKPOINT}")], folder)
        for name in (JOURNAL, OBJECTS, DEDUPE, "."):
            disk.syncdir(folder / name)


def default_origin(path: Path) -> str:
    """A name that no other log has: the folder's, and four random bytes."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-") or "log"
    return f"assay.local/{plain[:40]}-{secrets.token_hex(4)}"


def read_key(path: Path, settings: Settings) -> SignerKey:
    """The signer key of a log. Raises RegisterError ``missing``, ``key``."""
    try:
        text = (path / KEY).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RegisterError(f"The key of the log is gone: bring {path / KEY} back from a copy.", "missing") from None
    except (OSError, UnicodeDecodeError):
        raise RegisterError(f"The key of the log, {path / KEY}, cannot be read.", "key") from None
    try:
        signer = SignerKey.parse(text)
    except RegisterError:
        raise RegisterError(
            f"The key of the log, {path / KEY}, is damaged: bring it back from a copy.", "key"
        ) from None
    if signer.name != settings.origin:
        raise RegisterError(f"{path / KEY} is not a key of {settings.origin}, which {config.FILE} names.", "key")
    return signer


def read_policy(path: Path) -> Policy:
    """The policy of a log. Raises RegisterError ``missing``, ``malformed``."""
    try:
        data = (path / POLICY).read_bytes()
    except FileNotFoundError:
        raise RegisterError(f"The policy of the log is gone: bring {path / POLICY} back.", "missing") from None
    except OSError as error:
        raise RegisterError(f"{path / POLICY} cannot be read: {error.strerror}.", "unwritable") from None
    return Policy.parse(data)


def open_objects(path: Path, settings: Settings, disk: Disk | None = None) -> "FolderObjects | S3Objects":
    """The objects that the settings name."""
    if settings.objects == config.FOLDER:
        return FolderObjects(path / OBJECTS, disk)
    from assay.register.s3 import S3Objects  # noqa: PLC0415 (it loads the S3 client)

    return S3Objects(settings.objects)


def open_ledger(path: Path, settings: Settings, objects: Objects, disk: Disk | None = None) -> Ledger:
    """The ledger of a log: PostgreSQL where the index is there and the objects are in S3, so that nothing depends on
    this machine; else a journal in the folder.
    """
    url = settings.database_url
    if settings.objects == config.FOLDER or not url.startswith(("postgresql://", "postgres://")):
        return FolderLedger(path / JOURNAL, disk)
    from assay.register.database.ledger import PostgresLedger  # noqa: PLC0415 (it loads SQLAlchemy)

    return PostgresLedger(url, settings.origin, objects)


def open_dedupe(path: Path, objects: Objects, disk: Disk) -> Dedupe:
    """The index of heads, which reads entries from the bundles."""
    return Dedupe(path / DEDUPE, disk, lambda start, end: read_entries(objects, start, end))


def open_index(path: Path, settings: Settings) -> "SqlIndex":
    """The index that the settings name; a relative path is one in the folder."""
    from assay.register.database.index import SqlIndex  # noqa: PLC0415 (it loads SQLAlchemy)

    url = settings.database_url
    return SqlIndex(url if "://" in url else path / url, settings.operator_key)


def _there(part: _T | None) -> _T:
    if part is None:
        raise RegisterError("The log is open only to read.", "conflict")
    return part


__all__ = ["Log", "default_origin", "init", "open_index", "open_ledger", "open_objects", "read_key", "read_policy"]
