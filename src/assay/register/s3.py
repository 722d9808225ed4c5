"""Objects in an S3-compatible bucket: an :class:`~assay.register.ports.Objects`.

Credentials and endpoint come from the environment, never from the URL: ``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL`` and, for an endpoint without TLS, ``AWS_ALLOW_HTTP``; or
from the role of the machine. The store must know conditional writes (``If-None-Match: *`` and ``If-Match``).
"""

import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from assay.errors import RegisterError
from assay.register.journal import size_of
from assay.register.tiles import CHECKPOINT

if TYPE_CHECKING:
    from obstore.store import S3Store

MAX_OBJECT = 256 * 1024 * 1024
"""Bytes of an object that are read."""
WRITERS = 16
"""Objects written at once."""
_PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?)/?)?")
_NO_BUCKET = "NoSuchBucket"
_ANSWERS = (
    ((_NO_BUCKET,), "there is no such bucket", "unwritable"),
    (("507 ", "InsufficientStorage", "QuotaExceeded", "StorageFull"), "no space is left there", "full"),
    (("403 Forbidden", "401 Unauthorized"), "the store refuses the credentials in the environment", "unwritable"),
)
"""What the text of an error holds, what it means, and the reason."""
_SILENCE = (
    "the store does not answer as it should; see that it runs and that AWS_ENDPOINT_URL, AWS_REGION and AWS_ALLOW_HTTP "
    "are right"
)


class S3Objects:
    """Objects below ``s3://bucket/prefix``. Thread-safe.

    Writes go out side by side and are waited for by :meth:`sync`, by reading the same path, and before the checkpoint
    is written: what a reader of the checkpoint looks for is there. The checkpoint never goes back: a slow writer that
    another has overtaken gets ``conflict``.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        """``timeout``: seconds until a request, tried again for as long, is given up. Raises RegisterError:
        ``unsupported`` for another URL, ``unreachable``, ``unwritable`` where the bucket or the right to it is missing.
        """
        import obstore.store  # noqa: PLC0415 (not where the register is a folder)

        found = _URL.fullmatch(url)
        if not found or (found[2] and not _PATH.fullmatch(found[2])):
            raise RegisterError("The objects of a register have a URL such as s3://bucket/prefix.", "unsupported")
        self._name = f"s3://{found[1]}" + (f"/{found[2]}" if found[2] else "")
        limit = timedelta(seconds=timeout)
        with self._told("open"):
            self._store: S3Store = obstore.store.S3Store(
                found[1],
                prefix=found[2] or None,
                client_options={
                    "timeout": limit,
                    "connect_timeout": min(limit, timedelta(seconds=5)),
                    # Options given here hide this one of the environment.
                    "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
                },
                retry_config={"max_retries": 6, "retry_timeout": limit},
            )
        self._pool = ThreadPoolExecutor(WRITERS, "assay-s3")
        self._room = threading.BoundedSemaphore(4 * WRITERS)
        self._lock = threading.Lock()
        self._pending: dict[str, Future[None]] = {}
        self._failed: RegisterError | None = None
        # A bucket that is not there would look like one that holds nothing.
        next(self.list("checkpoint/"), None)

    def __repr__(self) -> str:
        return f"S3Objects({self._name!r})"

    def get(self, path: str) -> bytes:
        """The bytes there. Raises RegisterError: ``missing``, ``too_large``, ``unreachable``, ``unwritable``."""
        import obstore  # noqa: PLC0415

        self._settle(path)
        with self._told(f"read {path} from", path):
            found = obstore.get(self._store, _checked(path))
            if found.meta["size"] > MAX_OBJECT:
                raise RegisterError(f"{path} in {self._name} is too large to be of a register.", "too_large")
            return bytes(found.bytes())

    def put(self, path: str, data: bytes) -> None:
        """Write whole or not at all. What goes wrong is raised here, by a later call or by :meth:`sync`: RegisterError
        ``full``, ``unwritable``, ``unreachable``, and ``conflict`` for a checkpoint behind the one that is there.
        """
        _checked(path)
        if path == CHECKPOINT:
            self.sync()
            self._checkpoint(data)
            return
        self._settle(path)
        self._fail()
        self._room.acquire()
        try:
            with self._lock:
                self._pending[path] = future = self._pool.submit(self._write, path, data)
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())

    def create(self, path: str, data: bytes) -> None:
        """Write where there is nothing, durable on return. Raises RegisterError ``conflict`` and as :meth:`put`."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        self._settle(path)
        with self._told(f"write {path} to"):
            try:
                obstore.put(self._store, _checked(path), data, mode="create")
            except (AlreadyExistsError, PreconditionError):
                if self.get(path) != data:
                    raise RegisterError(f"There are other bytes at {path} already.", "conflict") from None

    def delete(self, path: str) -> None:
        """Remove; nothing there is fine. Raises RegisterError as :meth:`put`."""
        import obstore  # noqa: PLC0415

        self._settle(path)
        with self._told(f"remove {path} from"), suppress(FileNotFoundError):
            obstore.delete(self._store, _checked(path))

    def list(self, prefix: str) -> Iterator[str]:
        """All paths below a prefix that ends in a slash (or is empty), in the order of the store: that of bytes."""
        import obstore  # noqa: PLC0415

        self.sync()
        if prefix:
            _checked(prefix.removesuffix("/"))
        with self._told("list"):
            for part in obstore.list(self._store, prefix or None):
                for meta in part:
                    yield meta["path"]

    def sync(self) -> None:
        """Return when all that was written is durable. Raises what one of the writes raised."""
        with self._lock:
            waiting, self._pending = self._pending, {}
        for future in waiting.values():
            self._take(future)
        self._fail()

    def close(self) -> None:
        """Wait for what is on its way, and end the threads. What failed is not told: call :meth:`sync` first."""
        self._pool.shutdown()

    def _settle(self, path: str) -> None:
        """Wait for the write to a path that is on its way."""
        with self._lock:
            future = self._pending.pop(path, None)
        if future is not None:
            self._take(future)

    def _take(self, future: Future[None]) -> None:
        try:
            future.result()
        except RegisterError as error:
            self._failed = error

    def _fail(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise RegisterError(str(failed), failed.reason) from failed

    def _write(self, path: str, data: bytes) -> None:
        import obstore  # noqa: PLC0415

        with self._told(f"write {path} to"):
            obstore.put(self._store, path, data)

    def _checkpoint(self, data: bytes) -> None:
        """Write the checkpoint where none is there that is larger, by compare-and-swap."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        overtaken = RegisterError("Another has published a later checkpoint of this log in the meantime.", "conflict")
        with self._told(f"write {CHECKPOINT} to"):
            try:
                found = obstore.get(self._store, CHECKPOINT)
            except FileNotFoundError:
                found = None
            if found is not None and _size(bytes(found.bytes())) > size_of(data):
                raise overtaken
            try:
                if found is None:
                    obstore.put(self._store, CHECKPOINT, data, mode="create")
                else:
                    obstore.put(self._store, CHECKPOINT, data, mode={"e_tag": found.meta["e_tag"]})
            except (AlreadyExistsError, PreconditionError):
                # Also after an answer that was lost and a second try: then what is there is what was written.
                if self.get(CHECKPOINT) != data:
                    raise overtaken from None

    @contextmanager
    def _told(self, doing: str, path: str | None = None) -> Iterator[None]:
        """What the store says, told to a person. The library's own texts hold whole answers: they are not passed on."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (FileNotFoundError, BaseError) as error:
            text = str(error)
            if isinstance(error, FileNotFoundError) and path is not None and _NO_BUCKET not in text:
                raise RegisterError(f"There is no {path} in {self._name}.", "missing") from None
            answers = ((why, reason) for marks, why, reason in _ANSWERS if any(mark in text for mark in marks))
            why, reason = next(answers, (_SILENCE, "unreachable"))
            raise RegisterError(f"Could not {doing} {self._name}: {why}.", reason) from None


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise RegisterError(f"{path[:100]!r} is not the path of an object.", "malformed")
    return path


def _size(note: bytes) -> int:
    """The size of the checkpoint that is there; one that is damaged is to be written over."""
    try:
        return size_of(note)
    except RegisterError:
        return -1


__all__ = ["MAX_OBJECT", "S3Objects"]
