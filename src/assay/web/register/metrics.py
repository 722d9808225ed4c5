"""What a log server counts and measures, in a Prometheus registry of its own. Nothing in it names a submitter."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from assay.register.model import Accepted
from assay.register.note import Note
from assay.register.ports import Cosign

CONTENT_TYPE = "text/plain; version=0.0.4"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _State(Collector):
    """Numbers that are read when somebody asks. ``read`` gives name, meaning and value."""

    def __init__(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        for name, says, value in self._read():
            yield GaugeMetricFamily(f"assay_register_{name}", says, value=value)

    def describe(self) -> Iterable[Metric]:
        return ()


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kept, prefix = self.registry, "assay_register_"
        self._submissions = Counter(f"{prefix}submissions", "Submissions answered.", ("outcome",), registry=kept)
        self._entries = Counter(f"{prefix}entries", "Entries in accepted submissions.", ("kind",), registry=kept)
        self._reads = Counter(f"{prefix}reads", "Checkpoints, tiles and bundles served.", ("kind",), registry=kept)
        self._publications = Counter(f"{prefix}publications", "Checkpoints under a quorum.", registry=kept)
        self._seconds = Histogram(
            f"{prefix}submission_seconds", "From a submission's arrival to its answer.", buckets=_SECONDS, registry=kept
        )
        self._cosigning = Histogram(
            f"{prefix}cosigning_seconds", "Until a quorum has cosigned, or has not.", buckets=_SECONDS, registry=kept
        )
        self._accepted = self._submissions.labels("accepted")
        self._new, self._duplicate = self._entries.labels("new"), self._entries.labels("duplicate")
        self._kinds = {kind: self._reads.labels(kind) for kind in ("checkpoint", "tile", "entries")}
        self.published_at: float | None = None
        """When this server last published, in POSIX seconds."""

    def state(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        """Let gauges be read from ``read`` when somebody asks."""
        self.registry.register(_State(read))

    def read(self, kind: str) -> None:
        """Count a read: ``checkpoint``, ``tile`` or ``entries``."""
        self._kinds[kind].inc()

    def accepted(self, answer: Accepted, seconds: float) -> None:
        """Count an accepted submission."""
        duplicates = sum(position.duplicate for position in answer.positions)
        self._accepted.inc()
        self._seconds.observe(seconds)
        if duplicates:
            self._duplicate.inc(duplicates)
        if fresh := len(answer.positions) - duplicates:
            self._new.inc(fresh)

    def refused(self, code: str) -> None:
        """Count a refused submission, by the code of its problem: the quota's refusals are ``quota``."""
        self._submissions.labels(code).inc()

    def timed(self, cosign: Cosign) -> Cosign:
        """The same cosigning, measured."""

        def run(note: Note, prove: Callable[[int], list[bytes]]) -> Note:
            with self._cosigning.time():
                found = cosign(note, prove)
            self._publications.inc()
            self.published_at = time.time()
            return found

        return run

    def page(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


__all__ = ["CONTENT_TYPE", "Metrics"]
