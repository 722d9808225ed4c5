"""SQLite as Assay keeps things in it: durable, safe for several processes, and without what was deleted."""

import sqlite3
from typing import Any

import sqlalchemy as sql

WAIT = 30.0
"""Seconds that a writer waits for the others."""


def engine(url: sql.URL, *pragmas: str) -> sql.Engine:
    """An engine over a file. A connection with the option ``write`` waits for other writers before it reads;
    ``pragmas``, such as ``foreign_keys = ON``, are set on each connection.
    """
    made = sql.create_engine(url, connect_args={"timeout": WAIT})

    @sql.event.listens_for(made, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own idea of when a transaction begins would let two writers read before either writes.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted, a fingerprint of somebody's picture perhaps, is not to be found in the file afterwards.
        connection.execute("PRAGMA secure_delete = ON")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sql.event.listens_for(made, "begin")
    def _begin(connection: sql.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return made


__all__ = ["WAIT", "engine"]
