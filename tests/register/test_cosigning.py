import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.register.logs import ToyLog, leaves

from assay.errors import RegisterError
from assay.register.cosigning import Witnesses
from assay.register.keys import KeyType, SignerKey
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.witness import create

ORIGIN = "log.example/one"
Handler = Callable[[httpx.Request], httpx.Response]


class Net:
    """Three witnesses behind a simulated network; ``handlers`` stand in for a witness, by name."""

    def __init__(self, folder: Path, log: ToyLog) -> None:
        self.log, self.handlers, self.asked = log, dict[str, Handler](), list[tuple[str, bytes]]()
        self.witnesses = {name: create(folder / name, f"{name}.example", [log.verifier]) for name in ("w1", "w2", "w3")}

    def answer(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host.partition(".")[0]
        assert request.url.path == "/prefix/add-checkpoint"
        self.asked.append((name, request.content))
        if name in self.handlers:
            return self.handlers[name](request)
        answer = self.witnesses[name].add_checkpoint(request.content)
        return httpx.Response(answer.status, content=answer.body, headers={"Content-Type": answer.kind})

    def policy(self, quorum: str = "group q 2 w1 w2 w3\nquorum q\n", key: int = 0) -> Policy:
        lines = [
            f"witness {name} {w.verifiers[key]} http://{name}.example/prefix/\n" for name, w in self.witnesses.items()
        ]
        return Policy.parse(f"log {self.log.verifier}\n" + "".join(lines) + quorum)

    def ask(self, witnesses: Witnesses, note: Note | None = None) -> Note:
        note = note or self.log.note()
        return witnesses(note, lambda old: self.log.proof(old, int(note.text.split("\n")[1])))


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path, ToyLog(ORIGIN, leaves(20)))
    yield made
    for witness in made.witnesses.values():
        witness.close()


def client(net: Net, policy: Policy | None = None, **options: float) -> Witnesses:
    return Witnesses(policy or net.policy(), transport=httpx.MockTransport(net.answer), **{"grace": 5.0, **options})


@pytest.mark.parametrize("key", [0, 1])
def test_all_three_cosign_and_old_sizes_are_remembered(net: Net, key: int) -> None:
    policy = net.policy(key=key)
    witnesses = client(net, policy)
    assert len(policy.check(net.ask(witnesses)).witnesses) == 3
    net.log.add(leaves(5, 100))
    note = net.ask(witnesses)
    assert len(policy.check(note).witnesses) == 3
    assert len(note.signatures) == 4, "the log's, and those of keys of the policy only"
    assert [body.partition(b"\n")[0] for _, body in net.asked] == [b"old 0"] * 3 + [b"old 20"] * 3
    assert set(witnesses.answers.values()) == {"it cosigned"}
    witnesses.close()


def test_a_restarted_log_learns_the_size_from_the_witness(net: Net) -> None:
    net.ask(client(net))
    net.log.add(leaves(7, 100))
    net.asked.clear()
    assert len(net.policy().check(net.ask(client(net))).witnesses) == 3
    assert sorted(body.partition(b"\n")[0] for _, body in net.asked) == [b"old 0"] * 3 + [b"old 20"] * 3


def test_two_lines_of_one_witness_are_asked_once(net: Net) -> None:
    one = net.witnesses["w1"]
    url = "http://w1.example/prefix"
    lines = f"witness a {one.verifiers[0]} {url}\nwitness b {one.verifiers[1]} {url}/\ngroup q all a b\nquorum q\n"
    policy = Policy.parse(f"log {net.log.verifier}\n{lines}")
    assert set(policy.check(net.ask(client(net, policy))).witnesses) == {"a", "b"}
    assert len(net.asked) == 1


def test_one_down_is_no_matter_and_two_are(net: Net) -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    net.handlers["w2"] = down
    witnesses = client(net)
    assert set(net.policy().check(net.ask(witnesses)).witnesses) == {"w1", "w3"}
    net.handlers["w3"] = down
    with pytest.raises(RegisterError) as told:
        net.ask(witnesses)
    assert told.value.reason == "quorum"
    assert str(told.value) == (
        "Too few witnesses have cosigned: 'q' asks for 2 and has 1; missing are 'w2', 'w3'. w1: it cosigned; "
        "w2: http://w2.example/prefix/add-checkpoint cannot be reached (ConnectError); "
        "w3: http://w3.example/prefix/add-checkpoint cannot be reached (ConnectError)."
    )


def lies(net: Net) -> dict[str, tuple[Handler, str]]:
    text = net.log.note().text
    stranger, w1 = SignerKey.generate("stranger.example", KeyType.COSIGNATURE), net.witnesses["w1"].verifiers[0]
    other = SignerKey.generate(w1.name, KeyType.COSIGNATURE)
    forged = other.sign(text, 5)
    claimed = type(forged)(forged.name, w1.key_id, forged.blob)
    nothing = "it returned no signature by a key of the policy"
    return {
        "garbage": (lambda _: httpx.Response(200, content=bytes(range(256)) * 9), nothing),
        "dashes": (lambda _: httpx.Response(200, text="\N{EM DASH} \n\N{EM DASH} a b\n" * 500), nothing),
        "empty": (lambda _: httpx.Response(200), nothing),
        "unknown key": (lambda _: httpx.Response(200, text=stranger.sign(text, 5).line), nothing),
        "name alone": (lambda _: httpx.Response(200, text=forged.line), nothing),
        "forged": (lambda _: httpx.Response(200, text=claimed.line), f"The signature of {w1.name} does not verify"),
        "huge": (
            lambda _: httpx.Response(200, content=b"x" * 10**6),
            "http://w1.example/prefix/add-checkpoint answers with more than 65,536 bytes",
        ),
        "ahead": (
            lambda _: httpx.Response(409, text="21\n"),
            "it has seen 21 entries of this log already, and this checkpoint has 20: it is old, or the log lost what "
            "it published",
        ),
        "same size": (
            lambda _: httpx.Response(409, text="0\n"),
            "it has seen another root at this size (0): the log has two histories (it answered 409: '0')",
        ),
        "nonsense": (
            lambda _: httpx.Response(500, text="\x1b[31moops\nmore"),
            "it answered 500: '\N{REPLACEMENT CHARACTER}[31moops'",
        ),
        "unknown log": (lambda _: httpx.Response(404), "it does not know this log (it answered 404)"),
        "redirected": (lambda _: httpx.Response(307, headers={"Location": "http://other/"}), "it answered 307"),
    }


@pytest.mark.parametrize("kind", [
    "garbage", "dashes", "empty", "unknown key", "name alone", "forged", "huge", "ahead", "same size", "nonsense",
    "unknown log", "redirected",
])  # fmt: skip
def test_a_lying_witness_counts_for_nothing(net: Net, kind: str) -> None:
    handler, says = lies(net)[kind]
    net.handlers["w1"] = handler
    witnesses = client(net)
    note = net.ask(witnesses)
    assert set(net.policy().check(note).witnesses) == {"w2", "w3"}
    assert len(note.signatures) == 3
    assert witnesses.answers["w1"] == says
    with pytest.raises(RegisterError, match="'w1' is missing") as told:
        net.ask(client(net, net.policy("quorum w1\n")))
    assert told.value.reason == "quorum"


def test_a_size_that_changes_each_time_ends(net: Net) -> None:
    sizes = itertools.cycle([3, 5, 7])
    net.handlers["w1"] = lambda _: httpx.Response(409, text=f"{next(sizes)}\n")
    witnesses = client(net)
    net.ask(witnesses)
    assert witnesses.answers["w1"] == "it names another size each time"
    assert len([1 for name, _ in net.asked if name == "w1"]) == 3


@pytest.mark.parametrize("status", [400, 409, 422])
def test_witnesses_that_differ_in_the_details(net: Net, status: int) -> None:
    """The size under another status, without a newline; signatures under 201, with the checkpoint before them."""
    net.ask(client(net))
    net.log.add(leaves(7, 100))

    def differs(request: httpx.Request) -> httpx.Response:
        answer = net.witnesses["w1"].add_checkpoint(request.content)
        if answer.status == 409:
            return httpx.Response(status, content=answer.body.strip(), headers={"Content-Type": "text/x.tlog.size"})
        return httpx.Response(201, content=net.log.note().encode() + answer.body, headers={"Content-Type": "x/y"})

    net.handlers["w1"] = differs
    assert "w1" in net.policy().check(net.ask(client(net))).witnesses


def test_it_does_not_wait_long_for_more_than_the_quorum(net: Net) -> None:
    release = threading.Event()

    def slow(_: httpx.Request) -> httpx.Response:
        release.wait(60)
        return httpx.Response(500)

    net.handlers["w2"] = slow
    witnesses = client(net, grace=0.05, timeout=60.0)
    assert set(net.policy().check(net.ask(witnesses)).witnesses) == {"w1", "w3"}
    release.set()
    witnesses.close()


def test_a_witness_that_never_answers(net: Net) -> None:
    release = threading.Event()
    net.handlers["w1"] = lambda _: httpx.Response(500, text=str(release.wait(60)))
    witnesses = client(net, net.policy("quorum w1\n"), timeout=0.3)
    with pytest.raises(RegisterError, match=r"w1: no answer within 0\.3 s; w2: it cosigned; w3: it cosigned\."):
        net.ask(witnesses)
    release.set()
    witnesses.close()


def test_nobody_is_asked_where_no_witness_has_an_address(net: Net) -> None:
    alone = Policy.parse(f"log {net.log.verifier}\nquorum none\n")
    assert net.ask(client(net, alone)) == net.log.note()
    silent = Policy.parse(f"log {net.log.verifier}\nwitness w {net.witnesses['w1'].verifiers[0]}\nquorum w\n")
    with pytest.raises(RegisterError, match=r"'w' is missing\. w: the policy has no address for it\."):
        net.ask(client(net, silent))
    assert not net.asked


def test_the_first_checkpoint_may_be_of_an_empty_tree(net: Net) -> None:
    log = net.log
    log.entries = []
    assert len(net.policy().check(net.ask(client(net))).witnesses) == 3


def test_a_log_that_the_policy_does_not_name(net: Net) -> None:
    stranger = ToyLog("log.example/other", leaves(3))
    with pytest.raises(RegisterError) as told:
        net.ask(client(net), stranger.note())
    assert told.value.reason == "key"


def test_addresses_must_be_addresses(net: Net) -> None:
    key = net.witnesses["w1"].verifiers[0]
    with pytest.raises(RegisterError, match="is no address"):
        Witnesses(Policy.parse(f"witness w {key} ftp://example\nquorum w\n"))


def test_a_forking_log_is_told_by_its_witnesses(net: Net) -> None:
    net.ask(client(net))
    other = net.log.fork(10, leaves(15, 500))
    net.log = other
    with pytest.raises(RegisterError) as told:
        net.ask(client(net))
    assert "it finds the consistency proof wrong (it answered 422: 'The proof does not show that" in str(told.value)
