"""The tables of the manifest store, said once for every engine, and the embedded engine (SQLite)."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from assay import sqlite
from assay.errors import ProvenanceError

SCHEMA = "1"
"""Raised when the tables change."""

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
    return sqlite.engine(sql.URL.create("sqlite", database=str(index)), "foreign_keys = ON")


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
