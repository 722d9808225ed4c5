from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register import forks
from assay.register.cosigning import request_body
from assay.register.keys import KeyType, SignerKey
from assay.register.leaf import key_hash
from assay.register.mirror import name_of
from assay.register.model import Batch, Hit
from assay.register.monitor import Mirrored, Monitor, Round, Watch
from assay.register.note import Note, signature_lines
from assay.register.policy import Policy
from assay.register.record import Record
from assay.register.remote import Hits
from assay.register.submission import Submitter, batch_of
from assay.register.views import Alert
from assay.register.witness import Witness, create

ORIGIN = "log.example/one"
NAME = name_of(ORIGIN)
MIRROR = SignerKey("m.example", KeyType.MLDSA44, bytes(range(32)))


class Net:
    """A log, a mirror that copies it (``copy``), and a witness, behind a simulated network. ``down`` hosts answer
    nothing, ``api`` are answers of the log's API.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = self.copy = ToyLog(ORIGIN, leaves(300))
        self.verifier = self.log.verifier
        self.witness: Witness = create(folder / "w", "w.example", [self.verifier])
        self.down: set[str] = set()
        self.api: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cosign()

    def cosign(self, old: int = 0) -> None:
        answer = self.witness.add_checkpoint(request_body(old, self.log.proof(old), self.log.note()))
        assert answer.status == 200
        self.log.shown = self.log.note().with_signatures(signature_lines(answer.body.decode()))

    def mirrored(self) -> Note:
        note = self.copy.shown
        return note.with_signatures((MIRROR.sign(note.text, 7),))

    def answer(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path[1:]
        self.asked.append(f"{host}/{path}")
        if host in self.down:
            raise httpx.ConnectError("down")
        try:
            match host:
                case "log.example" if path.startswith("api/"):
                    return httpx.Response(200 if path in self.api else 404, content=self.api.get(path, b""))
                case "log.example":
                    return httpx.Response(200, content=self.log.fetch(path))
                case "m.example":
                    path = path.removeprefix(f"{NAME}/")
                    data = self.mirrored().encode() if path == "checkpoint" else self.copy.fetch(path)
                    return httpx.Response(200, content=data)
                case "w.example" if (note := self.witness.head(ORIGIN).note) is not None:
                    assert path == f"{NAME}/checkpoint"
                    return httpx.Response(200, content=note.encode())
        except RegisterError:
            pass
        return httpx.Response(404)

    def policy(self, key: int = 0) -> Policy:
        line = f"witness w {self.witness.verifiers[key]} http://w.example/\n"
        return Policy.parse(f"log {self.verifier} http://log.example/\n{line}quorum w\n")

    def monitor(self, policy: Policy | None = None, **options: Any) -> Monitor:
        mirrors = (Mirrored("http://m.example/", MIRROR.verifier),)
        transport = httpx.MockTransport(self.answer)
        return Monitor(self.folder / "watch", policy or self.policy(), mirrors=mirrors, transport=transport, **options)

    def check(self, **options: Any) -> Round:
        monitor = self.monitor(**options)
        try:
            return monitor.check()
        finally:
            monitor.close()

    def judged(self, alert: Alert) -> forks.Judgement:
        assert alert.evidence is not None
        return forks.judge(forks.load(Path(alert.evidence)), [self.verifier])


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    made.witness.close()


def kinds(found: Round) -> list[str]:
    return [alert.kind for alert in found.alerts]


def test_all_is_well(net: Net) -> None:
    found = net.check()
    assert not found.alerts
    assert [(seen.kind, seen.size) for seen in found.seen] == [("log", 300), ("mirror", 300), ("witness", 300)]
    assert found.read == {ORIGIN: 300}
    old = ToyLog(ORIGIN, net.log.entries, key=net.log.key)
    old.shown = net.log.shown
    net.copy = old
    net.log.add(leaves(40, 300))
    net.cosign(300)
    found = net.check()
    assert not found.alerts, "the mirror lags, and what it has fits"
    assert (found.read, {seen.size for seen in found.seen}) == ({ORIGIN: 40}, {300, 340})
    assert net.check().read == {ORIGIN: 0}


def test_a_split_view_of_one_size(net: Net) -> None:
    net.copy = net.log.fork(100, leaves(200, 5000))
    (alert,) = net.check().alerts
    assert (alert.kind, alert.source) == ("fork", f"http://log.example, http://m.example/{NAME}")
    assert alert.says.startswith(f"{ORIGIN} has two histories: http://log.example shows 300 entries under root ")
    assert net.judged(alert).convicts


@pytest.mark.parametrize("size", [150, 450])
def test_a_split_view_of_different_sizes_is_convicted_by_tiles(net: Net, size: int) -> None:
    net.copy = net.log.fork(100, leaves(size - 100, 5000))
    (alert,) = net.check().alerts
    judged = net.judged(alert)
    assert judged.convicts
    small, large = sorted((300, size))
    assert judged.says == (
        f"{ORIGIN} signed a tree of {small} leaves, and a tree of {large} that begins with other {small} leaves: it "
        "has two histories."
    )


def test_a_history_shown_to_a_witness_only(net: Net) -> None:
    """The log forks, shows the fork to all readers, and the witness has cosigned the true one."""
    net.log = net.copy = net.log.fork(100, leaves(300, 5000))
    found = net.check()
    assert kinds(found) == ["quorum", "fork"]
    assert all(net.judged(alert).convicts for alert in found.alerts if alert.evidence)
    assert found.read == {}


def test_a_fork_over_time(net: Net) -> None:
    net.check()
    net.down = {"m.example", "w.example"}
    net.log = net.log.fork(100, leaves(300, 5000))
    found = net.check()
    assert kinds(found) == ["quorum", "unreachable", "unreachable", "fork"]
    assert "http://log.example showed 300 entries" in found.alerts[-1].says
    assert net.judged(found.alerts[-1]).convicts
    again = net.check()
    assert again.alerts[-1].evidence == found.alerts[-1].evidence, "the first history stays the one remembered"


def test_an_older_state(net: Net) -> None:
    net.check()
    net.log.shown = net.log.note(200)
    found = net.check()
    assert kinds(found) == ["quorum", "rollback", "rollback"]
    assert found.alerts[1].says == f"http://log.example shows 200 entries of {ORIGIN}, and had shown 300 before"
    assert not net.judged(found.alerts[1]).convicts
    assert kinds(net.check()) == ["quorum", "rollback", "rollback"]


def test_a_witness_that_is_ahead(net: Net) -> None:
    """It cosigns before the log publishes: told only where the log does not publish by the next round."""
    net.check()
    shown = net.log.shown
    net.log.entries += leaves(10, 300)
    net.cosign(300)
    ahead = ToyLog(ORIGIN, net.log.entries[:300], key=net.log.key)
    ahead.shown, published = shown, net.log
    net.log = net.copy = ahead
    assert not net.check().alerts
    found = net.check()
    assert kinds(found) == ["unproven"]
    assert not net.judged(found.alerts[0]).convicts
    net.log = net.copy = published
    assert not net.check().alerts


def test_tiles_that_lead_elsewhere(net: Net) -> None:
    net.copy = ToyLog(ORIGIN, net.log.entries[:200], key=net.log.key)
    net.log.broken["tile/0/001.p/44"] = bytes(44 * 32)
    found = net.check()
    assert sorted(kinds(found)) == ["entry", "unproven"]
    assert "The tiles do not lead to the root of the checkpoint" in found.alerts[0].says


def test_signatures(net: Net) -> None:
    stranger = ToyLog(ORIGIN, net.log.entries)
    net.log = net.copy = stranger
    found = net.check()
    assert [(alert.kind, alert.source) for alert in found.alerts] == [
        ("signature", "http://log.example"), ("signature", f"http://m.example/{NAME}"),
    ]  # fmt: skip
    assert found.alerts[0].says.endswith("It shows a checkpoint that the log did not sign")


def test_a_mirror_without_its_cosignature(net: Net) -> None:
    other = SignerKey.generate("m.example", KeyType.MLDSA44).verifier
    monitor = Monitor(
        net.folder / "watch", net.policy(), mirrors=(Mirrored("http://m.example", other),),
        transport=httpx.MockTransport(net.answer),
    )  # fmt: skip
    (alert,) = monitor.check().alerts
    assert (alert.kind, "is not cosigned by it" in alert.says) == ("signature", True)
    monitor.close()


def test_below_quorum(net: Net) -> None:
    net.log.add(leaves(1, 300))
    found = net.check()
    assert kinds(found) == ["quorum"]
    assert found.alerts[0].says.endswith("Too few witnesses have cosigned: 'w' is missing")


def test_silence_and_nonsense(net: Net) -> None:
    net.down = {"log.example", "w.example"}
    found = net.check()
    assert kinds(found) == ["unreachable", "unreachable"]
    assert [seen.kind for seen in found.seen] == ["mirror"]
    net.down = set()
    net.log.broken["checkpoint"] = b"<html>"
    assert kinds(net.check()) == ["malformed"]
    net.log.broken["checkpoint"] = ToyLog("log.example/two", leaves(2)).note().encode()
    assert kinds(net.check()) == ["malformed"]
    net.log.broken["checkpoint"] = b"x" * 300_000
    assert kinds(net.check()) == ["unreachable"]


def test_a_witness_that_shows_nothing_is_no_matter(net: Net) -> None:
    policy = Policy.parse(net.policy().text.replace("http://w.example/", "http://log.example/"))
    net.log.broken[f"{NAME}/checkpoint"] = None
    assert not net.check(policy=policy).alerts


def test_staleness(net: Net) -> None:
    watch = Watch(max_age=60)
    newest = max(seen.time for seen in net.check().seen)
    assert newest > 0
    assert not net.check(watch=watch, clock=lambda: float(newest + 59)).alerts
    found = net.check(watch=watch, clock=lambda: float(newest + 61))
    assert kinds(found) == ["stale"] * 3
    assert found.alerts[0].says == "http://log.example: the newest cosignature is more than 60 s old"


def test_entries_that_are_no_leaves_and_keys_that_are_watched(net: Net) -> None:
    net.log.add([b"\x09" * 162, b"short", *leaves(1, 9)])
    net.cosign(300)
    net.copy = net.log
    found = net.check(watch=Watch(keys=frozenset({b"k" * 32})))
    assert kinds(found)[-3:] == ["entry", "entry", "claim"] or "entry" in kinds(found)
    says = [alert.says for alert in found.alerts]
    assert says[0] == f"{ORIGIN}, entry 0: the key {b'k'.hex() * 8}…, which is watched for, is named as its submitter"
    assert says[-1] == f"{ORIGIN}: 203 entries more are to be told of"
    assert len(says) == 101
    assert not net.check().alerts, "entries are told of once"
    net.log.add([b"short"])
    net.cosign(303)
    assert [alert.says for alert in net.check().alerts] == [f"{ORIGIN}, entry 303: A leaf has 162 bytes; this has 5"]


def test_the_submitters_signatures(net: Net) -> None:
    submitter = Submitter.generate()
    record = Record(digest=b"d" * 32, size=3, media_type="image/png")
    submission, _ = submitter.claims([(record, None)], public=False)
    leaf = submission.entries[0].head + submission.signature
    stolen = submission.entries[0].head + b"s" * 64
    net.log.entries = []
    net.log.add([leaf, stolen])
    net.log = net.copy = ToyLog(ORIGIN, net.log.entries, key=net.log.key)
    batch = batch_of(submission, 0)
    for index in (0, 1):
        net.api[f"api/v1/entries/{index}/batch"] = msgspec.json.encode(batch)
    policy = Policy.parse(f"log {net.verifier} http://log.example/\nquorum none\n")
    found = net.check(policy=policy, watch=Watch(signatures=True))
    assert [alert.says for alert in found.alerts] == [f"{ORIGIN}, entry 1: The submitter's signature does not verify"]
    assert isinstance(batch, Batch)


def test_a_file_that_is_watched_for(net: Net) -> None:
    key = b"p" * 32
    hit = Hit(index=7, leaf=leaves(1)[0], key=key, seen=5)
    net.api["api/v1/entries"] = msgspec.json.encode(Hits(hits=(hit, msgspec.structs.replace(hit, name="Ann"))))
    found = net.check(watch=Watch(digests=frozenset({b"\x07" * 32}), entries=False))
    assert [alert.says for alert in found.alerts] == [
        f"{ORIGIN}, entry 7: {who} claims the file 0707070707070707…, which is watched for"
        for who in (f"the key {key_hash(key).hex()[:16]}…", "Ann")
    ]
    net.down = {"log.example"}
    assert kinds(net.check(watch=Watch(digests=frozenset({b"\x07" * 32})))) == ["unreachable", "unreachable"]


def test_another_address_of_the_log(net: Net) -> None:
    net.copy = net.log.fork(100, leaves(200, 5000))
    assert kinds(net.check(urls=[f"http://m.example/{NAME}"])) == ["quorum", "fork"]


def test_tiles_are_asked_for_once_a_round(net: Net) -> None:
    net.copy = net.log.fork(100, leaves(100, 5000))
    net.check()
    tiles = [path for path in net.asked if path.startswith("log.example/tile/")]
    assert len(tiles) == len(set(tiles))


def test_a_folder_that_cannot_be(tmp_path: Path, net: Net) -> None:
    (tmp_path / "watch").write_text("a file")
    with pytest.raises(RegisterError, match="cannot be made"):
        net.monitor()
