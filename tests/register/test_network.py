"""Three logs, three witnesses, two mirrors and a monitor, over HTTP: with one witness down, one lying, one log forking.

All are the real applications behind sockets of this machine; only the liars are made for the purpose.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.register.servers import Served, free_port

from assay.errors import RegisterError
from assay.register import forks, log, mirror, witness
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of
from assay.register.keys import VerifierKey
from assay.register.mirror import Mirror, name_of
from assay.register.model import Accepted, Batch, Opening
from assay.register.monitor import Mirrored, Monitor, Round
from assay.register.note import Note
from assay.register.policy import LogLine, Policy
from assay.register.receipt import Receipt, issue
from assay.register.record import Record
from assay.register.remote import RemoteRegister
from assay.register.submission import Submitter, batch_of
from assay.register.verify import judge, verify
from assay.register.witness import Witness
from assay.web.limits import Counter
from assay.web.mirror import create_app as mirror_app
from assay.web.register.server import Configuration, build
from assay.web.witness import create_app as witness_app

LOGS = ("one.example/log", "two.example/log", "three.example/log")
WITNESSES = ("w1", "w2", "w3")


class Network:
    """``logs`` by origin, ``witnesses`` and ``mirrors`` by name; ``served`` is whoever answers now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.submitter = Submitter.generate()
        self.keys: dict[str, VerifierKey] = {}
        self.logs: dict[str, Served] = {}
        self.witnesses = {name: witness.create(folder / name, f"{name}.example") for name in WITNESSES}
        self.served: dict[str, Served] = {}
        for name, one in self.witnesses.items():
            self.served[name] = Served(witness_app(one, counter=Counter(0)))
        for origin in LOGS:
            path = self.path(origin)
            made = log.init(path, origin)
            self.keys[origin] = made.verifier
            made.close()
            settings = (path / "log.toml").read_text()
            (path / "log.toml").write_text(settings.replace("wait = 10.0", "wait = 0.5"))
            for name in WITNESSES:
                witness.add_log(folder / name, self.keys[origin])
        ports = {origin: free_port() for origin in LOGS}
        for origin in LOGS:
            self.write_policy(self.path(origin), origin, f"http://127.0.0.1:{ports[origin]}")
            self.start(origin, self.path(origin), ports[origin])
        self.mirrors: dict[str, Mirror] = {}
        for name in ("m1", "m2"):
            lines = [LogLine(self.keys[origin], self.logs[origin].url) for origin in LOGS]
            self.mirrors[name] = mirror.create(folder / name, f"{name}.example", lines)
            self.served[name] = Served(mirror_app(self.mirrors[name]))
        self.count = 0

    def path(self, origin: str) -> Path:
        return self.folder / origin.partition(".")[0]

    def lines(self) -> str:
        """The witnesses of everybody's policy, two of which make the quorum."""
        lines = [f"witness {name} {one.verifiers[1]} {self.served[name].url}\n" for name, one in self.witnesses.items()]
        return "".join(lines) + "group quorate 2 w1 w2 w3\nquorum quorate\n"

    def write_policy(self, path: Path, origin: str, url: str) -> None:
        (path / "policy").write_text(f"log {self.keys[origin]} {url}\n{self.lines()}")

    @property
    def policy(self) -> Policy:
        """The policy of the clients and of the monitor."""
        logs = "".join(f"log {self.keys[origin]} {self.logs[origin].url}\n" for origin in LOGS)
        return Policy.parse(logs + self.lines())

    def start(self, name: str, path: Path, port: int | None = None) -> Served:
        served = Served(build(Configuration(folder=str(path))), port)
        self.logs[name] = served
        return served

    def stop(self, name: str) -> None:
        served = self.logs.pop(name)
        served.stop()
        asyncio.run(served.app.close())

    def add(self, name: str, register: RemoteRegister | None = None) -> tuple[RemoteRegister, Accepted, Opening, Batch]:
        """Claim a file that nobody has claimed."""
        self.count += 1
        record = Record(digest=self.count.to_bytes(32, "big"), size=self.count, media_type="image/png")
        submission, (opening,) = self.submitter.claims([(record, None)], public=False)
        register = register or RemoteRegister(self.logs[name].url, patience=0)
        return register, register.submit(submission), opening, batch_of(submission, 0)

    def receipt(self, name: str) -> Receipt:
        patient = RemoteRegister(self.logs[name].url, patience=1000, sleep=lambda _: time.sleep(0.1))
        register, accepted, opening, batch = self.add(name, patient)
        with register:
            return issue(register, accepted.positions[0].index, opening, batch)

    def refused(self, name: str, says: str) -> str:
        """What a client is told in the end: the log tries again and again, and tells of the last time."""
        for _ in range(100):
            with pytest.raises(RegisterError) as told:
                self.add(name)
            assert told.value.reason == "quorum"
            if says in str(told.value):
                return str(told.value)
        raise AssertionError(str(told.value))

    def pull(self, name: str) -> list[int]:
        one = self.mirrors[name]
        return [one.pull(line).size for line in one.policy.logs]

    def watch(self, *urls: str) -> Round:
        mirrors = [Mirrored(self.served[name].url, one.verifiers[0]) for name, one in self.mirrors.items()]
        monitor = Monitor(self.folder / "watch", self.policy, urls=urls, mirrors=mirrors)
        try:
            return monitor.check()
        finally:
            monitor.close()

    def judged(self, place: Path, origin: str) -> forks.Judgement:
        return forks.judge(forks.load(place), [self.keys[origin]])

    def close(self) -> None:
        for name in list(self.logs):
            self.stop(name)
        for served in self.served.values():
            served.stop()
        for witness_ in self.witnesses.values():
            witness_.close()
        for mirror_ in self.mirrors.values():
            mirror_.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Network]:
    with contextlib.closing(Network(tmp_path)) as made:
        yield made


def liar(answer: Callable[[bytes], bytes], shown: Note) -> Any:
    """A witness that answers 200 with whatever ``answer`` makes of a request, and shows a checkpoint of its own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer(body) if body else shown.encode()})

    return app


def other_root(keys: Witness) -> Callable[[bytes], bytes]:
    """Sign, with the witness's own keys, another root than was asked for."""

    def answer(body: bytes) -> bytes:
        asked = Checkpoint.parse(Note.parse(body.partition(b"\n\n")[2]).text)
        text = Checkpoint(asked.origin, asked.size, bytes(32)).text
        return "".join(key.sign(text, 1).line for key in keys._keys).encode()

    return answer


def unknown_key(_: bytes) -> bytes:
    return f"\N{EM DASH} nobody.example {base64_of(bytes(76))}\n".encode()


def test_all_together(net: Network) -> None:
    """Everybody is honest and there: receipts hold under the policy, copies are whole, and nobody is alarmed."""
    receipts = [net.receipt(origin) for origin in LOGS for _ in range(2)]
    for receipt in receipts:
        assert judge(verify(receipt), net.policy).state == "trusted", "a quorum of ML-DSA-44 cosignatures"
    assert net.pull("m1") == net.pull("m2") == [2, 2, 2]
    found = net.watch()
    assert not found.alerts
    assert sorted((seen.origin, seen.kind) for seen in found.seen) == sorted(
        (origin, kind) for origin in LOGS for kind in ("log", "mirror", "mirror", "witness", "witness", "witness")
    )
    assert found.read == dict.fromkeys(LOGS, 2)


def test_one_witness_down_one_lying(net: Network) -> None:
    one, two = LOGS[:2]
    net.served["w2"].stop()
    assert judge(verify(net.receipt(one)), net.policy).state == "trusted", "two of three are enough"
    # The third begins to lie, and there is no quorum any more.
    text = Checkpoint(one, 99, bytes(32)).text
    shown = Note(text, tuple(key.sign(text, 1) for key in net.witnesses["w3"]._keys))
    for answer, says in (
        (lambda _: b"\xff\xfe garbage \n" * 99, "it returned no signature by a key of the policy"),
        (unknown_key, "it returned no signature by a key of the policy"),
        (other_root(net.witnesses["w3"]), "The signature of w3.example does not verify"),
    ):
        net.served["w3"].stop()
        net.served["w3"] = Served(liar(answer, shown), net.served["w3"].port)
        size = Checkpoint.parse(Note.parse(RemoteRegister(net.logs[one].url).fetch("checkpoint")).text).size
        down = f"w2: {net.served['w2'].url}/add-checkpoint cannot be reached (ConnectError)"
        told = net.refused(one, f"w3: {says}. Hand it in again later")
        assert (
            f"Too few witnesses have cosigned: 'quorate' asks for 2 and has 1; missing are 'w2', 'w3'. "
            f"w1: it cosigned; {down}; w3: " in told
        )
        read = Note.parse(RemoteRegister(net.logs[one].url).fetch("checkpoint"))
        assert net.policy.check(read).checkpoint.size == size, "what readers see never falls below the quorum"
    # The second comes back. What was taken in meanwhile is published with what comes now, and everywhere the same.
    net.served["w2"].start()
    assert judge(verify(net.receipt(one)), net.policy).state == "trusted"
    assert judge(verify(net.receipt(two)), net.policy).state == "trusted"
    assert net.pull("m1") == net.pull("m2") == [net.count - 1, 1, 0]
    alerts = net.watch().alerts
    assert all(alert.source.startswith(net.served["w3"].url) for alert in alerts), "nobody else is suspected"
    source = f"{net.served['w3'].url}/{name_of(one)}"
    assert [(alert.kind, alert.says) for alert in alerts if alert.origin == one] == [
        ("signature", f"{source}: It shows a checkpoint that the log did not sign")
    ]


def test_a_log_that_forks(net: Network, tmp_path: Path) -> None:
    origin = LOGS[2]
    net.receipt(origin)
    assert net.pull("m1") == net.pull("m2") == [0, 0, 1]
    assert not net.watch().alerts
    port = net.logs[origin].port
    net.stop(origin)
    shutil.copytree(net.path(origin), tmp_path / "fork")
    net.start(origin, net.path(origin), port)
    net.receipt(origin)
    net.pull("m1")

    # The other history goes to the same witnesses: none signs it, and all keep both notes.
    net.start("fork", tmp_path / "fork")
    says = "it has seen another root at this size (2): the log has two histories (it answered 409: '2')"
    told = net.refused("fork", f"w3: {says}")
    assert all(f"{name}: {says}" in told for name in WITNESSES)
    for name in WITNESSES:
        (place,) = (tmp_path / name / "evidence").iterdir()
        judged = net.judged(place, origin)
        assert (judged.convicts, judged.says) == (
            True, f"{origin} signed two different roots for one size, 2: it has two histories.",
        )  # fmt: skip

    # So it publishes without them, and shows that to one mirror, and to a client.
    net.stop("fork")
    (tmp_path / "fork" / "policy").write_text(f"log {net.keys[origin]}\nquorum none\n")
    fork = net.start("fork", tmp_path / "fork")
    receipt = net.receipt("fork")
    verdict = judge(verify(receipt), net.policy)
    assert (verdict.state, verdict.reason) == ("refused", "quorum")
    assert (
        "Too few witnesses have cosigned: 'quorate' asks for 2 and has 0; missing are 'w1', 'w2', 'w3'" in verdict.says
    )
    policy = (tmp_path / "m2" / "policy").read_text()
    (tmp_path / "m2" / "policy").write_text(policy.replace(net.logs[origin].url, fork.url))
    assert net.mirrors["m2"].pull(net.mirrors["m2"].policy.logs[2]).size == 3, "it extends what this mirror has seen"

    # The monitor sees both, and what it keeps convicts the log.
    found = net.watch()
    (alert,) = [alert for alert in found.alerts if alert.kind == "fork"]
    assert alert.origin == origin
    assert {alert.kind for alert in found.alerts} == {"fork"}
    mirrored = f"{net.served['m2'].url}/{name_of(origin)}"
    assert alert.source == f"{net.logs[origin].url}, {mirrored}"
    assert alert.says.startswith(f"{origin} has two histories: {net.logs[origin].url} shows 2 entries under root ")
    assert f"…, and {mirrored} shows 3 entries under root " in alert.says
    assert alert.evidence is not None
    judged = net.judged(Path(alert.evidence), origin)
    assert (judged.convicts, judged.says) == (
        True,
        f"{origin} signed a tree of 2 leaves, and a tree of 3 that begins with other 2 leaves: it has two histories.",
    )

    # A mirror that has one history refuses the other, and goes on to serve what it has.
    for name, url, size in (("m1", fork.url, 2), ("m2", net.logs[origin].url, 3)):
        (tmp_path / name / "policy").write_text(policy.replace(net.logs[origin].url, url))
        one = net.mirrors[name]
        with pytest.raises(RegisterError, match="shows a history of") as refused:
            one.pull(one.policy.logs[2])
        assert refused.value.reason == "fork"
        (place,) = (tmp_path / name / "evidence").iterdir()
        assert net.judged(place, origin).convicts
        served = httpx.get(f"{net.served[name].url}/{name_of(origin)}/checkpoint", trust_env=False)
        assert Checkpoint.parse(Note.parse(served.content).text).size == size
