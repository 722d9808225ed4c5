"""How a log server is: for programs as JSON, for people as a small page, for Prometheus as gauges."""

import contextlib
import html
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from assay.errors import RegisterError
from assay.register.anchors.keeper import AnchorStatus
from assay.register.log import JOURNAL, Log
from assay.register.note import Note
from assay.web.register.metrics import Metrics

TROUBLE = "Something keeps the log from going on. What it is stands in the server's own log."
"""Said to everybody; the exact words name folders and hosts of the operator."""


class WitnessHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A witness of the policy. ``cosigned``: when it signed the newest checkpoint, in POSIX seconds by its own clock;
    null where it did not. ``says``: how its last answer went, in words.
    """

    name: str
    cosigned: int | None
    says: str | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``status`` is ``ok``, or ``degraded``: it is read as ever, but ``trouble`` says why it takes nothing in, or does
    not publish. Sizes are in entries: ``size`` is published, ``committed`` durable, ``indexed`` searchable; ``waiting``
    of at most ``limit`` are on their way. ``checkpoint_age`` is in seconds, null where it is not known. ``quorum`` says
    whether the published checkpoint has the policy's. ``journal`` is in bytes, null where it is in a database.
    """

    status: str
    origin: str
    size: int
    committed: int
    indexed: int
    waiting: int
    limit: int
    trouble: str | None
    checkpoint_age: int | None
    quorum: bool
    witnesses: tuple[WitnessHealth, ...]
    journal: int | None
    anchors: tuple[AnchorStatus, ...]


class Doctor:
    """Looks at a log. ``answers``: what the witnesses said last; ``anchors``: how it goes with those."""

    def __init__(
        self, log: Log, metrics: Metrics, answers: Callable[[], Mapping[str, str]],
        anchors: Callable[[], tuple[AnchorStatus, ...]],
    ) -> None:  # fmt: skip
        self._log, self._metrics, self._answers, self._anchors = log, metrics, answers, anchors

    def look(self) -> Health:
        """How it is now."""
        status, published = self._log.sequencer.status, self._log.sequencer.published
        times: dict[str, int] = {}
        quorum = False
        if published is not None:
            note = Note.parse(published.note)
            times = {
                name: when
                for name, line in self._log.policy.witnesses.items()
                if (when := line.key.signed(note)) is not None
            }
            try:
                self._log.policy.need(frozenset(times))
                quorum = True
            except RegisterError:
                pass
        at = self._metrics.published_at or max(times.values(), default=0)
        answers = self._answers()
        return Health(
            status="degraded" if status.trouble or not quorum else "ok",
            origin=self._log.settings.origin,
            size=status.published, committed=status.committed, indexed=status.indexed,
            waiting=status.waiting, limit=status.limit,
            trouble=TROUBLE if status.trouble else None,
            checkpoint_age=max(0, int(time.time() - at)) if at else None,
            quorum=quorum,
            witnesses=tuple(
                WitnessHealth(name=_shown(name), cosigned=times.get(name), says=answers.get(name))
                for name in self._log.policy.witnesses
            ),
            journal=self._journal(), anchors=self._anchors(),
        )  # fmt: skip

    def _journal(self) -> int | None:
        folder, found = self._log.path / JOURNAL, 0
        if not folder.is_dir():
            return None
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # trimmed away meanwhile
                found += path.stat().st_size
        return found

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """Name, meaning and value of what Prometheus asks for."""
        health = self.look()
        yield "size_entries", "Entries published.", health.size
        yield "committed_entries", "Entries that are durable.", health.committed
        yield "indexed_entries", "Entries that are searchable.", health.indexed
        yield "index_lag_entries", "Entries published and not searchable yet.", max(0, health.size - health.indexed)
        yield "pool_entries", "Entries on their way.", health.waiting
        yield "pool_limit_entries", "Entries that may be on their way.", health.limit
        yield "trouble", "1 where something keeps the log from going on.", float(health.trouble is not None)
        yield "quorum", "1 where the published checkpoint has the policy's quorum.", float(health.quorum)
        if health.checkpoint_age is not None:
            yield "checkpoint_age_seconds", "Since the published checkpoint.", health.checkpoint_age
        if health.journal is not None:
            yield "journal_bytes", "Bytes in the journal.", health.journal


def page(health: Health) -> str:
    """The same for people."""
    rows = [
        ("Status", health.status if health.trouble is None else f"{health.status}: {health.trouble}"),
        ("Entries published", f"{health.size:,}"),
        ("On their way", f"{health.waiting:,} of at most {health.limit:,}"),
        ("Not searchable yet", f"{max(0, health.size - health.indexed):,}"),
        ("Newest checkpoint", "age unknown" if health.checkpoint_age is None else f"{health.checkpoint_age:,} s old"),
        ("Quorum", "reached" if health.quorum else "not reached"),
        ("Journal", "in a database" if health.journal is None else f"{health.journal:,} bytes"),
        *((f"Witness {one.name}", _witness(one)) for one in health.witnesses),
        *((f"Anchors, {one.kind}", _anchor(one)) for one in health.anchors),
    ]
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(health.origin)}</title><style>body{{font:16px/1.5 sans-serif;margin:2em auto;"
        "max-width:50em;padding:0 1em}th{text-align:left;padding-right:2em;vertical-align:top}</style>"
        f"<h1>{html.escape(health.origin)}</h1><p>A register of media: it says who claimed what first, not what is "
        f"true.</p><table>{cells}</table></html>"
    )


def _witness(one: WitnessHealth) -> str:
    signed = "has signed the newest checkpoint" if one.cosigned is not None else "has not signed the newest checkpoint"
    return f"{signed}; {one.says}" if one.says else signed


def _anchor(one: AnchorStatus) -> str:
    said = f"up to {one.size:,} entries; {one.waiting} wait"
    return f"{said}; {one.error}" if one.error else said


def _shown(name: str) -> str:
    """A name of the policy, which may hold octets that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


__all__ = ["Doctor", "Health", "WitnessHealth", "page"]
