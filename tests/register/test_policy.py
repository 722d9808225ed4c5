"""Trust policies, by the text of the specification and by what a forger would try."""

from dataclasses import replace

import pytest

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, SignerKey
from assay.register.note import Note
from assay.register.policy import MAX_LINES, MAX_POLICY, Policy

ORIGIN = "log.example/one"


def _key(name: str, kind: KeyType = KeyType.COSIGNATURE, seed: int = 1) -> SignerKey:
    return SignerKey(name, kind, bytes((seed,)) * 32)


LOG = _key(ORIGIN, KeyType.ED25519)
X = [_key(f"x{i}.example", seed=10 + i) for i in range(3)]
Y = [_key(f"y{i}.example", KeyType.MLDSA44, seed=20 + i) for i in range(3)]
NESTED = "\n".join((
    "# comment", "", f"log {LOG.verifier} https://log.example/one",
    *(f"witness X{i} {k.verifier}" for i, k in enumerate(X)),
    "  group X-witnesses\t2  X0 X1 X2 \t",
    *(f"witness Y{i} {k.verifier} https://y{i}.example/" for i, k in enumerate(Y)),
    "group Y-witnesses any Y0 Y1 Y2", "group X-and-Y all X-witnesses Y-witnesses", "quorum X-and-Y", "",
))  # fmt: skip


def _note(*signers: SignerKey, size: int = 9, origin: str = ORIGIN) -> Note:
    text = Checkpoint(origin, size, bytes(range(32))).text
    return Note(text, tuple(s.sign(text, 1_700_000_000 + i) for i, s in enumerate(signers)))


def _refused(text: str | bytes, reason: str = "malformed") -> str:
    with pytest.raises(RegisterError) as caught:
        Policy.parse(text)
    assert caught.value.reason == reason
    return str(caught.value)


def test_the_example_of_the_specification() -> None:
    policy = Policy.parse(NESTED)
    assert policy.logs[0].key == LOG.verifier
    assert policy.logs[0].url == "https://log.example/one"
    assert policy.witnesses["Y1"].url == "https://y1.example/"
    assert policy.witnesses["X1"].url is None
    assert policy.groups["X-witnesses"].threshold == 2
    assert policy.groups["X-and-Y"].threshold == 2
    assert policy.quorum == "X-and-Y"
    assert policy == Policy.parse(NESTED.encode())
    verdict = policy.check(_note(LOG, X[0], X[2], Y[1]))
    assert verdict.log == LOG.verifier
    assert verdict.checkpoint.size == 9
    assert verdict.witnesses == {
        "X0": (X[0].verifier, 1_700_000_001),
        "X2": (X[2].verifier, 1_700_000_002),
        "Y1": (Y[1].verifier, 1_700_000_003),
    }


@pytest.mark.parametrize(
    ("signers", "missing"),
    [
        ([LOG], "'X-witnesses', 'Y-witnesses'"),
        ([LOG, X[0], Y[0]], "'X-witnesses'"),
        ([LOG, X[0], X[1]], "'Y-witnesses'"),
        ([LOG, X[0], X[0], Y[0]], "'X-witnesses'"),
    ],
)
def test_below_quorum_it_says_who_is_missing(signers: list[SignerKey], missing: str) -> None:
    with pytest.raises(RegisterError, match=f"missing are {missing}") as caught:
        Policy.parse(NESTED).check(_note(*signers))
    assert caught.value.reason == "quorum"


def test_one_witness_and_none() -> None:
    one = Policy.parse(f"log {LOG.verifier}\nwitness w {X[0].verifier}\nquorum w\n")
    assert one.check(_note(LOG, X[0])).witnesses.keys() == {"w"}
    with pytest.raises(RegisterError, match="'w' is missing"):
        one.check(_note(LOG))
    none = Policy.parse(f"log {LOG.verifier}\nwitness w {X[0].verifier}\nquorum none")
    assert none.check(_note(LOG)).witnesses == {}
    assert none.check(_note(LOG, X[0], X[1])).witnesses.keys() == {"w"}


def test_no_known_log() -> None:
    policy = Policy.parse(f"log {LOG.verifier}\nquorum none\n")
    thief = replace(LOG, secret=bytes(32))
    for note in (_note(X[0]), _note(thief), Note(_note(LOG).text, ())):
        with pytest.raises(RegisterError) as caught:
            policy.check(note)
        assert caught.value.reason == "key"
    with pytest.raises(RegisterError) as caught:
        Policy.parse("quorum none\n").check(_note(LOG))
    assert caught.value.reason == "key"


def test_a_log_signs_only_as_its_origin() -> None:
    policy = Policy.parse(f"log {LOG.verifier}\nquorum none\n")
    with pytest.raises(RegisterError) as caught:
        policy.check(_note(LOG, origin="log.example/two"))
    assert caught.value.reason == "key"


@pytest.mark.parametrize("who", [LOG, X[0], Y[0]])
def test_one_bad_signature_of_a_known_key_refuses_the_note(who: SignerKey) -> None:
    note = _note(LOG, X[0], X[1], Y[0])
    bad = next(s for s in note.signatures if s.name == who.name)
    bad = replace(bad, blob=bad.blob[:-1] + bytes((bad.blob[-1] ^ 1,)))
    with pytest.raises(RegisterError) as caught:
        Policy.parse(NESTED).check(replace(note, signatures=(*note.signatures, bad)))
    assert caught.value.reason == "signature"


def test_a_key_that_rotates() -> None:
    new = _key(ORIGIN, KeyType.MLDSA44, seed=99)
    policy = Policy.parse(f"log {LOG.verifier}\nlog {new.verifier}\nquorum none\n")
    assert policy.check(_note(new)).log == new.verifier
    assert policy.check(_note(new, LOG)).log == LOG.verifier


def test_extension_lines_that_no_log_signed() -> None:
    quantum = _key(ORIGIN, KeyType.MLDSA44, seed=99)
    policy = Policy.parse(f"log {LOG.verifier}\nlog {quantum.verifier}\nquorum none\n")
    text = _note(LOG).text + "an extension\n"
    with pytest.raises(RegisterError) as caught:
        policy.check(Note(text, (quantum.sign(text, 1),)))
    assert caught.value.reason == "key"
    assert policy.check(Note(text, (quantum.sign(text, 1), LOG.sign(text)))).log == LOG.verifier


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "quorum none\nquorum none",
        "quorum w",
        f"quorum w\nwitness w {X[0].verifier}",
        f"witness w {X[0].verifier}\nquorum W",
        f"witness none {X[0].verifier}\nquorum none",
        f"witness w {X[0].verifier}\nwitness w {X[1].verifier}\nquorum w",
        f"witness w {X[0].verifier}\nwitness v {X[0].verifier}\nquorum w",
        f"witness w {X[0].verifier}\nwitness v {replace(X[0], name='other.example').verifier}\nquorum w",
        f"witness w {LOG.verifier}\nquorum w",
        f"log {X[0].verifier}\nquorum none",
        f"log {LOG.verifier}\nlog {replace(LOG, name='log.example/two').verifier}\nquorum none",
        f"witness w {X[0].verifier}\ngroup w any w\nquorum w",
        f"witness w {X[0].verifier}\ngroup none any w\nquorum none",
        f"witness w {X[0].verifier}\ngroup g any w w\nquorum g",
        f"witness w {X[0].verifier}\ngroup g any w\ngroup h any w\nquorum h",
        f"witness w {X[0].verifier}\ngroup g any none\nquorum g",
        f"witness w {X[0].verifier}\ngroup g any g\nquorum g",
        f"witness w {X[0].verifier}\ngroup g any h w\ngroup h any g\nquorum g",
        f"witness w {X[0].verifier}\ngroup g 0 w\nquorum g",
        f"witness w {X[0].verifier}\ngroup g 2 w\nquorum g",
        f"witness w {X[0].verifier}\ngroup g 01 w\nquorum g",
        f"witness w {X[0].verifier}\ngroup g +1 w\nquorum g",
        f"witness w {X[0].verifier}\ngroup g any\nquorum w",
        "quorum",
        "quorum none none",
        "log\nquorum none",
        f"log {LOG.verifier} https://a.example https://b.example\nquorum none",
        "Quorum none",
        "policy 1\nquorum none",
        "quorum none\r",
        "quorum none\x00",
        "quorum none\x7f",
        "quorum\vnone",
        "# fine\n\x1b[2J\nquorum none",
        "quorum\N{NO-BREAK SPACE}none",
        f"log {str(LOG.verifier)[:-4]}\nquorum none",
    ],
)
def test_what_the_specification_does_not_allow(lines: str) -> None:
    _refused(lines + "\n")


def test_an_error_names_the_line() -> None:
    assert _refused("# one\n\nwitness w nonsense\nquorum w\n").startswith("Line 3 of the policy: ")


def test_limits() -> None:
    _refused("#" * (MAX_POLICY + 1), "too_large")
    lines = [f"witness w{i} {_key(f'w{i}.example', seed=0).verifier}" for i in range(1)]
    _refused("\n".join([*lines, *("quorum none" for _ in range(2))]))
    chain = [f"witness g0 {X[0].verifier}", *(f"group g{i} any g{i - 1}" for i in range(1, MAX_LINES - 1))]
    deep = Policy.parse("\n".join([*chain, f"quorum g{MAX_LINES - 2}"]))
    deep.need(frozenset({"g0"}))
    with pytest.raises(RegisterError):
        deep.need(frozenset({f"g{MAX_LINES - 2}"}))
    _refused("\n".join([*chain, f"group more any g{MAX_LINES - 2}", "quorum more"]), "too_large")


def test_octets_that_are_not_utf8_are_opaque() -> None:
    kelvin = "\N{KELVIN SIGN}"
    text = f"# caf\xe9\nwitness K {X[0].verifier}\nwitness {kelvin} {X[1].verifier}\n".encode()
    policy = Policy.parse(text + b"witness \xff " + str(X[2].verifier).encode() + b"\nquorum \xff\n")
    assert len(policy.witnesses) == 3
    with pytest.raises(RegisterError) as caught:
        policy.need(frozenset({"K", kelvin}))
    assert str(caught.value).encode()
    assert policy.quorum is not None
    policy.need(frozenset({policy.quorum}))
