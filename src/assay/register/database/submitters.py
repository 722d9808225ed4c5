"""Who may hand in, under what name, and how much a day."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sql

from assay.errors import RegisterError
from assay.register.database.engine import lock, reading, writing
from assay.register.database.tables import STATE, SUBMITTERS, USAGE
from assay.register.leaf import key_hash

DAY = 86_400
REFRESH = 5.0
"""Seconds after which counts are written down, and what the operator changed is read."""
MAX_HELD = 65_536
"""Keys whose counts are held in memory."""
_NAME = re.compile(r"\S(?:[^\x00-\x1f\x7f]{0,198}\S)?")


class Standing(StrEnum):
    """What the operator says of a key."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Known:
    """A key that posted or that the operator named. ``quota``: entries a day, None for the default; ``used``: entries
    of today that are written down.
    """

    key: bytes
    name: str | None
    standing: Standing | None
    quota: int | None
    used: int


class QuotaError(RegisterError):
    """More than a key may hand in today; ``retry_after`` is in seconds."""

    def __init__(self, message: str, reason: str = "quota", retry_after: int = DAY) -> None:
        super().__init__(message, reason)
        self.retry_after = retry_after


@dataclass(slots=True)
class _Account:
    """``used`` stands in the database; ``more`` came since, and is written down with the next refresh."""

    standing: str | None
    quota: int | None
    used: int
    more: int = 0


class Submitters:
    """The submitters of a register, in the database of its index. Threads and processes may share it.

    Counts are kept in memory and written down every :data:`REFRESH` seconds: a post costs no write. A crash forgives
    what was counted since, and of several processes each sees what the others counted that much later. ``clock`` gives
    POSIX seconds; days are those of UTC.
    """

    def __init__(self, engine: sql.Engine, clock: Callable[[], float] = time.time) -> None:
        """``engine`` is that of a :class:`~assay.register.database.index.SqlIndex`."""
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._accounts: dict[bytes, _Account] = {}
        self._listed = False
        self._default: int | None = None
        self._day = -1
        self._due: float | None = None

    def check(self, key: bytes, entries: int) -> None:
        """Whether a key (raw, 32 bytes) may hand in so many entries now. Raises RegisterError: ``key`` where it may not
        hand in at all, :class:`QuotaError`, and what the database raises.
        """
        with self._lock:
            now = self._clock()
            account = self._account(key, now)
            if account.standing == Standing.BLOCKED:
                raise RegisterError("The operator of this register does not take entries of this key.", "key")
            if self._listed and account.standing != Standing.ALLOWED:
                raise RegisterError(
                    "This register takes entries only of keys that its operator has listed; this key is not one.", "key"
                )
            quota = self._default if account.quota is None else account.quota
            used = account.used + account.more
            if quota is not None and used + entries > quota:
                raise QuotaError(
                    f"This key may hand in {quota} entries a day and has {max(0, quota - used)} left today; the day "
                    "ends at midnight UTC.",
                    retry_after=int(DAY - now % DAY) + 1,
                )

    def charge(self, key: bytes, entries: int) -> None:
        """Count entries of a key; a negative number gives some back, but never more than the day has: what was counted
        yesterday is of no use today. Raises what the database raises.
        """
        with self._lock:
            account = self._account(key, self._clock())
            account.more = max(account.more + entries, -account.used)

    def flush(self) -> None:
        """Write down what is counted."""
        with self._lock:
            self._write_down()

    def rules(self) -> tuple[bool, int | None]:
        """Whether only listed keys may hand in, and the entries a day of a key without a quota; None: no end."""
        with reading(self._engine) as connection:
            return _rules(connection)

    def rule(self, *, listed: bool, quota: int | None) -> None:
        """Set what :meth:`rules` tells. Running servers heed it within :data:`REFRESH` seconds."""
        with writing(self._engine) as connection:
            lock(connection)
            connection.execute(sql.update(STATE).where(STATE.c.name == "listed").values(value=int(listed)))
            connection.execute(sql.delete(STATE).where(STATE.c.name == "quota"))
            if quota is not None:
                connection.execute(sql.insert(STATE).values(name="quota", value=_quota(quota)))

    def set(
        self, key: bytes, *, name: str | None = None, standing: Standing | None = None, quota: int | None = None
    ) -> None:
        """Say all that is to be said of a key, in place of what was said. Raises RegisterError ``malformed``."""
        if len(key) != 32:
            raise RegisterError(f"A submitter's key has 32 bytes; this has {len(key)}.", "malformed")
        if name is not None and not _NAME.fullmatch(name):
            raise RegisterError(
                "A submitter's name has 1 to 200 characters, no control characters, no space at its ends.", "malformed"
            )
        said: dict[str, Any] = {
            "name": name, "state": standing, "quota": None if quota is None else _quota(quota),
        }  # fmt: skip
        hashed = key_hash(key)
        with writing(self._engine) as connection:
            lock(connection)
            if not connection.execute(
                sql.update(SUBMITTERS).where(SUBMITTERS.c.key_hash == hashed).values(said)
            ).rowcount:
                connection.execute(sql.insert(SUBMITTERS).values(key=key, key_hash=hashed, **said))

    def known(self) -> list[Known]:
        """All that the operator said something of, in the order in which they came."""
        today = int(self._clock() // DAY)
        chosen = (
            sql.select(SUBMITTERS, sql.func.coalesce(USAGE.c.entries, 0).label("used"))
            .outerjoin(USAGE, sql.and_(USAGE.c.key_hash == SUBMITTERS.c.key_hash, USAGE.c.day == today))
            .where(
                sql.or_(
                    SUBMITTERS.c.name.is_not(None), SUBMITTERS.c.state.is_not(None), SUBMITTERS.c.quota.is_not(None)
                )
            )
            .order_by(SUBMITTERS.c.id)
        )
        with reading(self._engine) as connection:
            return [
                Known(bytes(row.key), row.name, None if row.state is None else Standing(row.state), row.quota, row.used)
                for row in connection.execute(chosen)
            ]

    def _account(self, key: bytes, now: float) -> _Account:
        self._refresh(now)
        hashed = key_hash(key)
        account = self._accounts.get(hashed)
        if account is None:
            chosen = sql.select(SUBMITTERS.c.state, SUBMITTERS.c.quota).where(SUBMITTERS.c.key_hash == hashed)
            usage = sql.select(USAGE.c.entries).where(USAGE.c.key_hash == hashed, USAGE.c.day == self._day)
            with reading(self._engine) as connection:
                row = connection.execute(chosen).one_or_none()
                used = connection.scalar(usage) or 0
            account = _Account(row.state if row else None, row.quota if row else None, used)
            self._accounts[hashed] = account
        return account

    def _refresh(self, now: float) -> None:
        """Write down and forget, so that all is read anew: at the end of a day, when it is time, or of too many."""
        day = int(now // DAY)
        fresh = self._due is not None and self._day == day and self._due - REFRESH <= now < self._due
        if fresh and len(self._accounts) < MAX_HELD:
            return
        self._write_down()
        self._day, self._due = day, now + REFRESH
        with reading(self._engine) as connection:
            self._listed, self._default = _rules(connection)

    def _write_down(self) -> None:
        counted = {hashed: account.more for hashed, account in self._accounts.items() if account.more}
        if counted:
            with writing(self._engine) as connection:
                lock(connection)
                for hashed, more in sorted(counted.items()):
                    here = (USAGE.c.key_hash == hashed) & (USAGE.c.day == self._day)
                    added = sql.update(USAGE).where(here).values(entries=USAGE.c.entries + more)
                    if not connection.execute(added).rowcount:
                        connection.execute(sql.insert(USAGE).values(key_hash=hashed, day=self._day, entries=more))
                connection.execute(sql.delete(USAGE).where(USAGE.c.day < self._day - 1))
        self._accounts.clear()


def _rules(connection: sql.Connection) -> tuple[bool, int | None]:
    found = {row.name: row.value for row in connection.execute(sql.select(STATE.c.name, STATE.c.value))}
    return bool(found.get("listed")), found.get("quota")


def _quota(value: int) -> int:
    if not 0 <= value < 2**63:
        raise RegisterError("A quota is a number of entries a day, 0 or more.", "malformed")
    return value


__all__ = ["DAY", "REFRESH", "Known", "QuotaError", "Standing", "Submitters"]
