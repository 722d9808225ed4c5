"""An hour in minutes: many clients that add, read, search and verify at once, and then a look at what is left.

    python -m bench.register.soak [--clients 200] [--minutes 5]

Every receipt that a client got is kept, and verified once all is over, against the checkpoint of the end; then the log
is closed and fsck looks at it. Exit code 1 where anything is missing or does not hold.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.fsck import fsck
from assay.register.log import init
from assay.register.merkle import leaf_hash
from assay.register.model import Opening, Query
from assay.register.note import Note
from assay.register.receipt import Receipt, issue, upgrade
from assay.register.record import Record
from assay.register.remote import RemoteRegister
from assay.register.submission import Submitter
from assay.register.tiles import WIDTH, decode_bundle, entries_path, width_of
from assay.register.verify import verify
from bench.register.http import running

CONNECTIONS = 16
"""HTTP clients that all share: each of them keeps as many connections as it needs."""


class Tally:
    """What all clients did, how long it took, and what went wrong."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.wrong: Counter[str] = Counter()
        self.pushed_back = 0
        self.accepted: list[tuple[int, bytes]] = []
        """Index and leaf of all that was acknowledged."""
        self.receipts: list[tuple[Receipt, bytes]] = []
        """Receipts, and the digests of their files."""


class Client:
    """One client with a key of its own, which does this and that until the time is over."""

    def __init__(self, number: int, register: RemoteRegister, tally: Tally, until: float) -> None:
        self._random = random.Random(number)
        self._register, self._tally, self._until = register, tally, until
        self._submitter = Submitter.generate()
        self._mine: list[tuple[int, bytes, Opening]] = []

    def run(self) -> None:
        """Until the time is over."""
        deeds = (self._add, self._add, self._add_many, self._read, self._search, self._verify)
        while time.monotonic() < self._until:
            deed = self._random.choice(deeds)
            began = time.perf_counter()
            try:
                done = deed()
            except RegisterError as error:
                with self._tally.lock:
                    if error.reason == "busy":
                        self._tally.pushed_back += 1
                    else:
                        self._tally.wrong[f"{deed.__name__[1:]}: {error}"[:200]] += 1
                continue
            if done:
                with self._tally.lock:
                    self._tally.took[deed.__name__[1:].replace("_", " ")].append(time.perf_counter() - began)

    def _add(self, count: int = 1) -> bool:
        digests = [self._random.randbytes(32) for _ in range(count)]
        claims = [(Record(digest, 1, "image/jpeg", (("soak", digest[:8]),)), None) for digest in digests]
        submission, openings = self._submitter.claims(claims, public=self._random.random() < 0.5)
        accepted = self._register.submit(submission)
        leaves = [entry.head + submission.signature for entry in submission.entries]
        indexes = [position.index for position in accepted.positions]
        self._mine += zip(indexes, digests, openings, strict=True)
        with self._tally.lock:
            self._tally.accepted += zip(indexes, leaves, strict=True)
        return True

    def _add_many(self) -> bool:
        return self._add(self._random.randint(2, 100))

    def _read(self) -> bool:
        size = Checkpoint.parse(Note.parse(self._register.fetch("checkpoint")).text).size
        if not size:
            return False
        bundle = self._random.randrange((size + WIDTH - 1) // WIDTH)
        width = width_of(0, bundle, size)
        try:
            decode_bundle(self._register.fetch(entries_path(bundle, width)), width)
        except RegisterError as error:
            # A partial bundle may be gone once the full one is there.
            if error.reason != "missing" or width == WIDTH:
                raise
            decode_bundle(self._register.fetch(entries_path(bundle)), WIDTH)
        return True

    def _search(self) -> bool:
        hits = self._register.search(Query(signer=self._submitter.public, limit=10))
        return all(hit.key == self._submitter.public for hit in hits)

    def _verify(self) -> bool:
        if not self._mine:
            return False
        index, digest, opening = self._random.choice(self._mine)
        try:
            receipt = issue(self._register, index, opening)
        except RegisterError as error:
            if error.reason == "missing":  # not in the index yet
                return False
            raise
        if not verify(receipt, digest).sound:
            raise RegisterError(f"The receipt of entry {index} does not hold.", "proof")
        with self._tally.lock:
            self._tally.receipts.append((receipt, digest))
        return True


def afterwards(register: RemoteRegister, tally: Tally) -> list[str]:
    """What is wrong with what was acknowledged: every entry is in the log, where it was said; every receipt holds, and
    is of the history that the log shows in the end.
    """
    wrong = []
    size = Checkpoint.parse(Note.parse(register.fetch("checkpoint")).text).size
    entries: list[bytes] = []
    for bundle in range((size + WIDTH - 1) // WIDTH):
        width = width_of(0, bundle, size)
        entries += decode_bundle(register.fetch(entries_path(bundle, width)), width)
    lost = sum(index >= size or entries[index] != leaf for index, leaf in tally.accepted)
    if lost:
        wrong.append(f"{lost} acknowledged entries are not where they were said to be")
    if len({index for index, _ in tally.accepted}) != len(tally.accepted):
        wrong.append("two entries were given one place")
    broken = sum(not verify(receipt, digest).sound for receipt, digest in tally.receipts)
    if broken:
        wrong.append(f"{broken} receipts do not hold")
    newest = {receipt.checkpoint.size: receipt for receipt, _ in tally.receipts}
    for receipt in list(newest.values())[:: max(1, len(newest) // 500)]:
        try:
            upgrade(receipt, register)
        except RegisterError as error:
            wrong.append(f"a receipt for {receipt.checkpoint.size} entries: {error}")
    hashes = {leaf_hash(entry) for entry in entries}
    if len(hashes) != size:
        wrong.append(f"{size - len(hashes)} entries are there twice")
    return wrong


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        init(log, "soak.example/log").close()
        with running(sys.executable, "-m", "bench.register.http", "--serve-log", str(log)) as port:
            registers = [RemoteRegister(f"http://127.0.0.1:{port}") for _ in range(CONNECTIONS)]
            until = time.monotonic() + 60 * given.minutes
            clients = [Client(n, registers[n % CONNECTIONS], tally, until) for n in range(given.clients)]
            threads = [threading.Thread(target=client.run) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wrong = afterwards(registers[0], tally)
        report = fsck(log)
    print(f"{given.clients} clients, {given.minutes:g} minutes")
    print(f"{'':16}{'done':>10}{'per s':>10}{'median ms':>12}{'p99 ms':>10}")
    for deed, took in sorted(tally.took.items()):
        took.sort()
        middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
        rate = len(took) / (60 * given.minutes)
        print(f"{deed:16}{len(took):10,}{rate:10,.0f}{1000 * middle:12,.0f}{1000 * late:10,.0f}")
    print(f"entries acknowledged: {len(tally.accepted):,}; receipts verified again: {len(tally.receipts):,}")
    print(f"pushed back: {tally.pushed_back}")
    print(f"fsck: {report.entries:,} entries, {report.published:,} published, {len(report.left)} files left over")
    wrong += [f"fsck: {damage}" for damage in report.damages]
    for says, times in tally.wrong.most_common(20):
        wrong.append(f"{times} x {says}")
    for says in wrong:
        print(f"WRONG: {says}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
