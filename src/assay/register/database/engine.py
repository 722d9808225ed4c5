"""The engines: SQLite in a file or PostgreSQL, opened, brought to the schema of today, and what they say when they
cannot go on.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from assay import sqlite
from assay.errors import RegisterError
from assay.register.database.tables import STATE

SCHEMA = "0001"
"""The newest migration in ``versions``."""
_PATIENCE = {
    "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}  # fmt: skip
"""What gives up a server of PostgreSQL that is gone without a word: seconds, and the last in milliseconds."""
_UPGRADE_LOCK = 0x61737361
"""Number of the PostgreSQL advisory lock under which one process alone upgrades."""


def sql_url(where: str | Path) -> sql.URL:
    """The URL of an index: a path is a file of SQLite; ``sqlite:///…`` and ``postgresql://…`` are URLs.

    Raises RegisterError ``unsupported``, without the URL in it: there may be a password there.
    """
    if isinstance(where, Path) or "://" not in where:
        return sql.URL.create("sqlite", database=str(where))
    try:
        url = sql.make_url(where)
    except (ArgumentError, ValueError):
        raise RegisterError("The URL of the database cannot be read.", "unsupported") from None
    if url.get_backend_name() == "sqlite":
        return url
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise RegisterError(
        f"A register cannot be kept in {url.get_backend_name()!r}; use a path, sqlite:///… or postgresql://….",
        "unsupported",
    )


def place(url: sql.URL) -> str:
    """What to call a database in a sentence: never the user, never the password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"PostgreSQL {url.database} at {url.host or url.query.get('host') or 'this machine'}"


def open_engine(where: str | Path) -> sql.Engine:
    """An engine whose schema is that of today: made where there is none, upgraded where it is older.

    A connection of SQLite with the option ``write`` waits for other writers before it reads. Raises RegisterError
    ``unsupported`` where a newer Assay made the tables, ``missing`` where the driver is not installed, and what
    :func:`told` raises.
    """
    url = sql_url(where)
    if url.get_backend_name() == "sqlite":
        # The rows come from a log that holds together by construction: looking at each again costs a third of the time.
        engine = sqlite.engine(url, "foreign_keys = OFF", "cache_size = -65536")
    else:
        try:
            engine = sql.create_engine(
                url, pool_pre_ping=True, connect_args=_PATIENCE, pool_timeout=sqlite.WAIT, pool_recycle=600
            )
        except ModuleNotFoundError:
            raise RegisterError(
                "PostgreSQL wants the package psycopg: install assay with the extra 'postgresql'.", "missing"
            ) from None
    try:
        with told(engine):
            _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def writing(engine: sql.Engine) -> Iterator[sql.Connection]:
    """A transaction that writes, with errors told."""
    with told(engine), engine.connect().execution_options(write=True) as connection, connection.begin():
        yield connection


def lock(connection: sql.Connection) -> int:
    """Let no other transaction that locks go on before this one ends; returns the index's cursor."""
    chosen = sql.select(STATE.c.value).where(STATE.c.name == "cursor").with_for_update()
    return int(connection.execute(chosen).scalar_one())


@contextlib.contextmanager
def reading(engine: sql.Engine) -> Iterator[sql.Connection]:
    """A transaction that reads, with errors told."""
    with told(engine), engine.connect() as connection, connection.begin():
        yield connection


def _revision(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _upgrade(engine: sql.Engine) -> None:
    """Run the migrations that are not yet run, in one transaction."""
    with engine.connect() as connection:
        if _revision(connection) == SCHEMA:
            return
    from alembic.operations import Operations  # noqa: PLC0415 (only where the schema is not that of today)
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    here = Path(__file__).parent
    scripts = ScriptDirectory(str(here), version_locations=[str(here / "versions")])
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        now = _revision(connection)
        known = {script.revision for script in scripts.walk_revisions()}
        if now is not None and now not in known:
            raise RegisterError(
                f"The database in {place(engine.url)} has schema {now[:40]!r}, made by a newer Assay; use that one.",
                "unsupported",
            )
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            for script in reversed(list(scripts.iterate_revisions("head", now or "base"))):
                script.module.upgrade()
        context.stamp(scripts, "head")


_FULL = ("53100", "53200", "53300")
_READ_ONLY = ("25006", "42501")


@contextlib.contextmanager
def told(engine: sql.Engine) -> Iterator[None]:
    """What the disk and the database say, told to a person.

    Raises RegisterError: ``full``, ``unwritable``, ``unreachable``, ``busy`` (locked for too long), ``damaged``.
    """
    where = place(engine.url)
    try:
        yield
    except DBAPIError as error:
        raise _error(where, error) from None
    except SQLAlchemyError:
        raise RegisterError(f"The database in {where} is too busy; come again later.", "busy") from None


def _error(where: str, error: DBAPIError) -> RegisterError:
    code, text = getattr(error.orig, "sqlstate", None), str(error.orig)
    if code in _FULL or "disk is full" in text:
        return RegisterError(f"No space is left for the database in {where}; make room and start again.", "full")
    if code in _READ_ONLY or "readonly" in text or "unable to open" in text:
        return RegisterError(f"The database in {where} cannot be written; check who may write there.", "unwritable")
    if "locked" in text:
        return RegisterError(f"The database in {where} is held by another program; come again later.", "busy")
    if isinstance(error.orig, sqlite3.Error):
        if isinstance(error.orig, sqlite3.OperationalError) and "no such" not in text:
            return RegisterError(f"The database in {where} cannot be used: {text}.", "unwritable")
        return RegisterError(f"The database in {where} is damaged: {text}.", "damaged")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return RegisterError(f"{where} does not answer; see that it runs and lets this user in.", "unreachable")
    return RegisterError(f"{where} refuses what it is asked; it may not be the database of a register.", "damaged")


__all__ = ["SCHEMA", "lock", "open_engine", "place", "reading", "sql_url", "told", "writing"]
