"""The tables of the manifest store, said once for every engine, and the embedded engine (SQLite)."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from assay.errors import ProvenanceError

SCHEMA = "1"
"""Raised when the tables change."""
WAIT = 30.0
"""Seconds that a writer waits for the others."""

META = sql.MetaData()
SETTINGS = sql.Table(
    "settings", META,
    sql.Column("name", sql.String(64), primary_key=True),
    sql.Column("value", sql.String(255), nullable=False),
)  # fmt: skip
MANIFESTS = sql.Table(
    "manifests", META,
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("id", sql.String(255), nullable=False, unique=True),
    sql.Column("sha256", sql.String(64), nullable=False, unique=True),
    sql.Column("size", sql.Integer, nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
BINDINGS = sql.Table(
    "bindings", META,
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("algorithm", sql.String(128), nullable=False),
    # Values are too long for an index of PostgreSQL.
    sql.Column("value_sha256", sql.String(64), nullable=False),
    sql.Column("value", sql.LargeBinary, nullable=False),
    sql.Column("manifest", sql.ForeignKey("manifests.number", ondelete="CASCADE"), nullable=False, index=True),
    sql.Column("claimed", sql.Boolean, nullable=False),
    sql.UniqueConstraint("algorithm", "value_sha256", "manifest"),
    sqlite_autoincrement=True,
)  # fmt: skip


def engine(index: Path) -> sql.Engine:
    """The embedded engine over the file ``index``. A connection with the option ``write`` waits for other writers."""
    made = sql.create_engine(sql.URL.create("sqlite", database=str(index)), connect_args={"timeout": WAIT})

    @sql.event.listens_for(made, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own idea of when a transaction begins would let two writers read before either writes.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted, a fingerprint of somebody's picture perhaps, is not to be found in the file afterwards.
        connection.execute("PRAGMA secure_delete = ON")

    @sql.event.listens_for(made, "begin")
    def _begin(connection: sql.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return made


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What the disk and the database say, told to a person."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ProvenanceError(f"No space is left for the manifest store in {path}.", "full") from error
        raise ProvenanceError(
            f"The manifest store in {path} cannot be used: {error.strerror}.", "unwritable"
        ) from error
    except OperationalError as error:
        if "full" in str(error.orig):
            raise ProvenanceError(f"No space is left for the manifest store in {path}.", "full") from error
        raise ProvenanceError(f"The manifest store in {path} cannot be used: {error.orig}.", "unwritable") from error
    except SQLAlchemyError as error:
        raise ProvenanceError(f"The index of the manifest store in {path} is damaged.", "unsupported") from error


__all__ = ["BINDINGS", "MANIFESTS", "META", "SCHEMA", "SETTINGS", "engine", "told"]
