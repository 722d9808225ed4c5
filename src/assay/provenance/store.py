"""Manifests kept under their ids and found again by soft binding: an index in SQLite beside a folder of files.

A folder ``manifests/`` holds each manifest store as a file named by its SHA-256; ``store.sqlite`` says which id it has
and which soft bindings lead to it. The file is written before the row and removed after it, so that a crash leaves at
most a file that nothing names; the next writer sweeps those.

Bindings that a manifest declares itself are *declared*; others, which whoever put it here says, are *claimed*. Both
are found, in the order in which they were first registered, and none displaces another: who binds somebody else's
watermark to a manifest of his own stands beside the first, and is told apart by what his manifest says.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import sqlalchemy as sql

from assay.errors import ProvenanceError
from assay.files import write_whole
from assay.provenance._tables import BINDINGS, MANIFESTS, META, SCHEMA, SETTINGS, engine, told
from assay.provenance.model import SoftBinding
from assay.provenance.softbindings import contents, decoded

MAX_MATCHES = 1000
"""Matches that one question can bring."""
_OURS = ("manifests", "store.sqlite")


@dataclass(frozen=True)
class Match:
    """A manifest that something led to. ``score`` is the strength of the match, 0 to 100, or None where that means
    nothing; ``endpoint`` the service that has the manifest where it is not the one asked; ``claimed`` whether only
    whoever put the manifest there says that the binding is its own.
    """

    manifest_id: str
    algorithm: str
    score: int | None = None
    endpoint: str | None = None
    claimed: bool = False


@dataclass(frozen=True)
class Entry:
    """One manifest of the store. ``size`` in bytes; ``bindings`` is how many lead to it."""

    manifest_id: str
    sha256: str
    size: int
    bindings: int


@dataclass(frozen=True)
class Stats:
    """What a store holds. ``size`` in bytes; ``bindings`` counts by algorithm."""

    manifests: int
    size: int
    bindings: dict[str, int]


class ManifestStore:
    """A folder of manifests. Safe for several threads and processes at once; :meth:`close` it, or use ``with``."""

    def __init__(self, path: Path, engine: sql.Engine) -> None:
        self.path = path
        self._engine = engine
        self._swept = False

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False) -> "ManifestStore":
        """Open the store in the folder ``path``; with ``create``, make it where there is none.

        Raises ProvenanceError: ``missing``, ``unwritable``, ``unsupported`` (a folder of something else, or a store
        of another version), ``full``.
        """
        path = Path(path)
        index = path / "store.sqlite"
        if not create and not index.is_file():
            raise ProvenanceError(f"There is no manifest store in {path}.", "missing")
        with told(path):
            if create:
                _make_room(path)
            store = cls(path, engine(index))
            with store._writing() if create else store._reading() as connection:
                if create:
                    META.create_all(connection)
                found = connection.scalar(sql.select(SETTINGS.c.value).where(SETTINGS.c.name == "schema"))
                if create and found is None:
                    _not_orphaned(path)
                    found = SCHEMA
                    connection.execute(SETTINGS.insert().values(name="schema", value=found))
        if found != SCHEMA:
            store.close()
            raise ProvenanceError(f"The store in {path} was made by another version of Assay.", "unsupported")
        return store

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> "ManifestStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, manifest: bytes, bindings: Sequence[SoftBinding] = ()) -> str:
        """Keep a manifest store (bytes of ``application/c2pa``), found by the soft bindings that its active manifest
        declares and by ``bindings``; returns the active manifest's label, which is its id. The same bytes may come
        again.

        Raises MediaError where the bytes are no manifest store; ProvenanceError: ``conflict`` (other bytes are kept
        under that id), ``rejected`` (a binding makes no sense), ``full``, ``unwritable``.
        """
        inside = contents(manifest)
        claimed = _decoded(bindings)
        digest = hashlib.sha256(manifest).hexdigest()
        with told(self.path), self._writing() as connection:
            # Under the lock of the writers: no other can be between a file and its row now.
            self._sweep(connection)
            row = connection.execute(
                sql.select(MANIFESTS.c.number, MANIFESTS.c.sha256).where(MANIFESTS.c.id == inside.manifest_id)
            ).one_or_none()
            if row and row.sha256 != digest:
                raise ProvenanceError(
                    f"Another manifest is kept under the id {inside.manifest_id}; it is not replaced.", "conflict"
                )
            written = self._write(digest, manifest)
            try:
                if row:
                    number = row.number
                else:
                    values = {"id": inside.manifest_id, "sha256": digest, "size": len(manifest)}
                    number = connection.scalar(MANIFESTS.insert().values(values).returning(MANIFESTS.c.number))
                _bind(connection, number, inside.bindings, claimed=False)
                _bind(connection, number, claimed, claimed=True)
            except Exception:
                if written and not row:
                    self._file(digest).unlink(missing_ok=True)
                raise
        return inside.manifest_id

    def get(self, manifest_id: str) -> bytes | None:
        """The manifest store kept under that id, or None. Raises ProvenanceError ``rejected`` where its file is
        damaged, ``missing`` where it is gone.
        """
        with told(self.path), self._reading() as connection:
            digest = connection.scalar(sql.select(MANIFESTS.c.sha256).where(MANIFESTS.c.id == manifest_id))
        if digest is None:
            return None
        try:
            found = self._file(digest).read_bytes()
        except OSError:
            if self.get_entry(manifest_id) is None:
                return None
            raise ProvenanceError(
                f"The file of the manifest {manifest_id} is gone from the store.", "missing"
            ) from None
        if hashlib.sha256(found).hexdigest() != digest:
            raise ProvenanceError(f"The file of the manifest {manifest_id} is damaged.", "rejected")
        return found

    def get_entry(self, manifest_id: str) -> Entry | None:
        """What the store knows of a manifest, without reading it."""
        return next(iter(self._entries(MANIFESTS.c.id == manifest_id, 1)), None)

    def delete(self, manifest_id: str) -> bool:
        """Forget a manifest and all that leads to it; False where there was none."""
        with told(self.path), self._writing() as connection:
            row = connection.execute(sql.select(MANIFESTS).where(MANIFESTS.c.id == manifest_id)).one_or_none()
            if row is None:
                return False
            connection.execute(BINDINGS.delete().where(BINDINGS.c.manifest == row.number))
            connection.execute(MANIFESTS.delete().where(MANIFESTS.c.number == row.number))
        with told(self.path), self._writing() as connection:
            again = connection.scalar(sql.select(MANIFESTS.c.number).where(MANIFESTS.c.sha256 == row.sha256))
            if again is None:
                self._file(row.sha256).unlink(missing_ok=True)
        return True

    def bind(self, manifest_id: str, bindings: Sequence[SoftBinding], *, replace: bool = False) -> None:
        """Let ``bindings`` lead to a manifest that is kept; they are claimed. With ``replace``, they lead no longer to
        other manifests, except to those that declare them: nobody takes away what a signer has signed.

        Raises ProvenanceError: ``missing`` (no such manifest), ``rejected`` (a binding makes no sense), ``full``.
        """
        claimed = _decoded(bindings)
        with told(self.path), self._writing() as connection:
            number = connection.scalar(sql.select(MANIFESTS.c.number).where(MANIFESTS.c.id == manifest_id))
            if number is None:
                raise ProvenanceError(f"There is no manifest {manifest_id} in the store.", "missing")
            if replace:
                for binding in claimed:
                    others = sql.and_(_is(binding), BINDINGS.c.claimed, BINDINGS.c.manifest != number)
                    connection.execute(BINDINGS.delete().where(others))
            _bind(connection, number, claimed, claimed=True)

    def by_binding(self, algorithm: str, value: bytes, limit: int = 10) -> list[Match]:
        """The manifests that a soft binding leads to, first registered first. Exact: ``score`` is 100."""
        query = (
            sql.select(MANIFESTS.c.id, BINDINGS.c.claimed)
            .join(MANIFESTS, MANIFESTS.c.number == BINDINGS.c.manifest)
            .where(_is((algorithm, value)))
            .order_by(BINDINGS.c.number)
            .limit(max(0, min(limit, MAX_MATCHES)))
        )
        with told(self.path), self._reading() as connection:
            return [Match(row.id, algorithm, 100, claimed=row.claimed) for row in connection.execute(query)]

    def fingerprints(self, algorithm: str) -> Iterator[tuple[str, bytes]]:
        """Manifest id and value of every binding of an algorithm, first registered first; in portions, so that a long
        look at a large store holds up nobody.
        """
        last = 0
        query = (
            sql.select(BINDINGS.c.number, MANIFESTS.c.id, BINDINGS.c.value)
            .join(MANIFESTS, MANIFESTS.c.number == BINDINGS.c.manifest)
            .where(BINDINGS.c.algorithm == algorithm, BINDINGS.c.number > sql.bindparam("last"))
            .order_by(BINDINGS.c.number)
            .limit(1000)
        )
        while True:
            with told(self.path), self._reading() as connection:
                rows = connection.execute(query, {"last": last}).all()
            if not rows:
                return
            yield from ((row.id, row.value) for row in rows)
            last = rows[-1].number

    def entries(self) -> Iterator[Entry]:
        """Every manifest, first kept first."""
        last, rows = "", self._entries(sql.true(), 1000)
        while rows:
            yield from rows
            last = rows[-1].manifest_id
            number = sql.select(MANIFESTS.c.number).where(MANIFESTS.c.id == last).scalar_subquery()
            rows = self._entries(MANIFESTS.c.number > number, 1000)

    def _entries(self, where: sql.ColumnElement[bool], limit: int) -> list[Entry]:
        count = sql.select(sql.func.count()).where(BINDINGS.c.manifest == MANIFESTS.c.number).scalar_subquery()
        query = sql.select(MANIFESTS.c.id, MANIFESTS.c.sha256, MANIFESTS.c.size, count.label("bindings"))
        with told(self.path), self._reading() as connection:
            rows = connection.execute(query.where(where).order_by(MANIFESTS.c.number).limit(limit)).all()
        return [Entry(row.id, row.sha256, row.size, row.bindings) for row in rows]

    def stats(self) -> Stats:
        """How much it holds."""
        with told(self.path), self._reading() as connection:
            count, size = connection.execute(sql.select(sql.func.count(), sql.func.sum(MANIFESTS.c.size))).one()
            counted = sql.func.count().label("number")
            rows = connection.execute(sql.select(BINDINGS.c.algorithm, counted).group_by(BINDINGS.c.algorithm))
            return Stats(count, size or 0, {row.algorithm: row.number for row in rows})

    def _file(self, digest: str) -> Path:
        return self.path / "manifests" / digest[:2] / f"{digest}.c2pa"

    def _write(self, digest: str, manifest: bytes) -> bool:
        """Whether the file was not there yet."""
        path = self._file(digest)
        if path.is_file() and path.read_bytes() == manifest:
            return False
        new = not path.parent.is_dir()
        write_whole(path, manifest)
        for folder in (path.parent, *([path.parent.parent] if new else [])):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return True

    def _sweep(self, connection: sql.Connection) -> None:
        """Remove files that no row names, once an opened store."""
        if self._swept:
            return
        known = set(connection.scalars(sql.select(MANIFESTS.c.sha256)))
        for folder in (self.path / "manifests").iterdir():
            for file in folder.iterdir() if folder.is_dir() else ():
                if file.name.removesuffix(".c2pa") not in known:
                    file.unlink(missing_ok=True)
        self._swept = True

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        with self._engine.execution_options(write=True).begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sql.Connection]:
        with self._engine.begin() as connection:
            yield connection


def _make_room(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(not file.name.startswith(_OURS) for file in path.iterdir())):
        raise ProvenanceError(f"{path} holds something else; name a folder that is empty or new.", "unsupported")
    (path / "manifests").mkdir(parents=True, exist_ok=True)


def _not_orphaned(path: Path) -> None:
    """An index begun anew would have the manifests that lie here swept away as nobody's."""
    if any(file.suffix == ".c2pa" for folder in (path / "manifests").iterdir() for file in folder.glob("*")):
        raise ProvenanceError(
            f"The index of the manifest store in {path} is gone: put store.sqlite back from a copy, or move manifests/ "
            "away and add what is in it to a new store.",
            "missing",
        )


def _is(binding: tuple[str, bytes]) -> sql.ColumnElement[bool]:
    digest = hashlib.sha256(binding[1]).hexdigest()
    return sql.and_(BINDINGS.c.algorithm == binding[0], BINDINGS.c.value_sha256 == digest)


def _bind(connection: sql.Connection, number: int, bindings: Iterable[tuple[str, bytes]], *, claimed: bool) -> None:
    for algorithm, value in bindings:
        there = sql.and_(_is((algorithm, value)), BINDINGS.c.manifest == number)
        if connection.scalar(sql.select(BINDINGS.c.number).where(there)) is None:
            row = {"algorithm": algorithm, "value": value, "value_sha256": hashlib.sha256(value).hexdigest()}
            connection.execute(BINDINGS.insert().values(**row, manifest=number, claimed=claimed))


def _decoded(bindings: Sequence[SoftBinding]) -> list[tuple[str, bytes]]:
    try:
        return [decoded(binding) for binding in bindings]
    except ValueError as error:
        raise ProvenanceError(f"A soft binding is refused: {error}.", "rejected") from None


__all__ = ["Entry", "ManifestStore", "Match", "Stats"]
