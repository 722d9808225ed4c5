"""The method ``registered``: over logs in folders, as ``assay examine`` asks them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from assay import fingerprint
from assay.analysis import NoMaps
from assay.evidence import Abstention, Direction, Finding, Outcome, Reason, Strength
from assay.examine import ANALYSES, examine
from assay.media import Media
from assay.register import access, registered
from assay.register.keys import KeyType, SignerKey
from assay.register.log import init
from assay.register.look import Look
from assay.register.model import Hit, Query
from assay.register.ports import Register
from assay.register.record import Record
from assay.register.submission import Submitter
from assay.testing import scene

Array = Any


def encoded(rgb: Array, quality: int = 90) -> bytes:
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


PICTURE = scene(1, 480, 320)
FILE = encoded(PICTURE)
SMALLER = encoded(cv2.resize(PICTURE, (300, 200), interpolation=cv2.INTER_AREA), 60)
OTHER = encoded(scene(2, 480, 320))


def record(data: bytes) -> Record:
    media = Media.open(data)
    value = fingerprint.compute(np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8))
    import hashlib

    return Record(hashlib.sha256(data).digest(), len(data), "image/jpeg", ((fingerprint.ALGORITHM, value),))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs; in the first, one file by two keys, a smaller one, another picture and a private claim."""
    folder = tmp_path_factory.mktemp("logs")
    init(folder / "empty", "test.example/empty").close()
    mine, rival = Submitter.generate(), Submitter.generate()
    log = init(folder / "planet", "test.example/planet")
    for who, data, public in (
        (mine, SMALLER, True), (mine, FILE, False), (rival, OTHER, True), (rival, FILE, True), (mine, OTHER, True),
    ):  # fmt: skip
        submission, _ = who.claims([(record(data), None)], public=public)
        log.sequencer.submit(submission).result(30)
    log.close()
    return folder


def settings(folder: Path, logs: Path, *names: str, policy: bool = True) -> Path:
    tables = [
        f'[{name}]\nat = "{logs / name}"\n' + (f'policy = "{logs / name / "policy"}"\n' if policy else "")
        for name in names
    ]
    (folder / "registers.toml").write_text("\n".join(tables))
    return folder


def found(outcome: Outcome) -> Finding:
    assert isinstance(outcome, Finding), outcome
    assert (outcome.direction, outcome.strength) == (Direction.NEUTRAL, Strength.NONE)
    return outcome


def abstained(outcome: Outcome, reason: Reason) -> str:
    assert isinstance(outcome, Abstention), outcome
    assert outcome.reason is reason
    return outcome.says


class TestRun:
    def test_all_rival_claims_are_told_in_the_order_of_the_log(self, tmp_path: Path, logs: Path) -> None:
        outcome = found(registered.run(Media.open(FILE), settings(tmp_path, logs, "planet", "empty"), online=False))
        claims = outcome.details["claims"]
        assert [(claim["index"], claim["how"], claim["proof"]) for claim in claims] == [
            (0, "fingerprint", "trusted"), (3, "digest", "trusted"),
        ]  # fmt: skip
        assert claims[0]["key"] != claims[1]["key"]
        assert "2 public claims: 1 to exactly this file, 1 to a picture that looks the same." in outcome.says
        assert "2 different keys" in outcome.says
        assert "no evidence that the picture is true" in outcome.says
        assert "first" not in outcome.says.lower()
        assert [one["name"] for one in outcome.details["registers"]] == ["planet", "empty"]
        assert msgspec.json.decode(msgspec.json.encode(outcome.details)) == outcome.details

    def test_nothing_found_says_what_that_means(self, tmp_path: Path, logs: Path) -> None:
        outcome = found(registered.run(Media.open(FILE), settings(tmp_path, logs, "empty"), online=False))
        assert "Private claims are found by nobody" in outcome.says

    @pytest.mark.parametrize(("policy", "state"), [("", "unvouched"), ("quorum w", "refused")])
    def test_what_no_policy_accepts_gives_no_time(self, tmp_path: Path, logs: Path, policy: str, state: str) -> None:
        folder = settings(tmp_path, logs, "planet", policy=False)
        if policy:
            log = (logs / "planet" / "policy").read_text().splitlines()[0]
            witness = SignerKey.generate("w.example", KeyType.COSIGNATURE).verifier
            (folder / "strict").write_text(f"{log}\nwitness w {witness}\n{policy}\n")
            with (folder / "registers.toml").open("a") as stream:
                stream.write('policy = "strict"\n')
        outcome = found(registered.run(Media.open(FILE), folder, online=False))
        assert {(claim["proof"], claim["not_after"]) for claim in outcome.details["claims"]} == {(state, None)}
        assert "Nothing that counts proves a time" in outcome.says

    def test_a_witness_gives_a_time(self, tmp_path: Path, logs: Path) -> None:
        """A checkpoint that a witness of the policy cosigned, put in the place of the log's own."""
        from assay.register.note import Note

        place = logs / "planet" / "objects" / "checkpoint"
        before = place.read_bytes()
        note = Note.parse(before)
        signer = SignerKey.generate("w.example", KeyType.COSIGNATURE)
        place.write_bytes(note.with_signatures((signer.sign(note.text, 1_764_000_000),)).encode())
        folder = settings(tmp_path, logs, "planet", policy=False)
        log = (logs / "planet" / "policy").read_text().splitlines()[0]
        (folder / "good").write_text(f"{log}\nwitness w {signer.verifier}\nquorum w\n")
        with (folder / "registers.toml").open("a") as stream:
            stream.write('policy = "good"\n')
        try:
            outcome = found(registered.run(Media.open(FILE), folder, online=False))
        finally:
            place.write_bytes(before)
        assert {claim["not_after"] for claim in outcome.details["claims"]} == {"2025-11-24T16:00:00+00:00"}
        assert {proof["witnesses"] for proof in outcome.details["proofs"]} == {"w"}
        assert "The earliest proven time" in outcome.says

    def test_abstains_where_there_is_nothing_to_ask(self, tmp_path: Path) -> None:
        media = Media.open(FILE)
        assert "registers.toml" in abstained(registered.run(media, tmp_path, online=False), Reason.NOT_ASKED)
        named = tmp_path / "registers.toml"
        named.write_text('[far]\nat = "https://register.example/"\n')
        assert "--online" in abstained(registered.run(media, tmp_path, online=False), Reason.NOT_ASKED)
        named.write_text('[gone]\nat = "gone"\n')
        assert "gone" in abstained(registered.run(media, tmp_path, online=False), Reason.NO_REFERENCE)
        for text in ("at = 1", '[a]\nat = ""', '[a]\nat = "x"\nmore = "y"', "[a", '[a]\nat = "x"\npolicy = "gone"'):
            named.write_text(text)
            assert abstained(registered.run(media, tmp_path, online=False), Reason.NO_REFERENCE)

    def test_a_folder_whose_parts_are_elsewhere_is_asked_online_only(self, tmp_path: Path) -> None:
        init(tmp_path / "log", "test.example/away").close()
        toml = tmp_path / "log" / "log.toml"
        toml.write_text(toml.read_text().replace('objects = "folder"', 'objects = "s3://nowhere/at-all"'))
        (tmp_path / "registers.toml").write_text('[away]\nat = "log"\n')
        assert "--online" in abstained(registered.run(Media.open(FILE), tmp_path, online=False), Reason.NOT_ASKED)

    def test_a_register_on_the_network_is_asked_online_only(
        self, tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def opened(target: str) -> Register:
            asked.append(target)
            return access.open_register(str(logs / "planet") if target.startswith("http") else target)

        monkeypatch.setattr(registered, "open_register", opened)
        folder = settings(tmp_path, logs, "empty")
        with (folder / "registers.toml").open("a") as stream:
            stream.write('[far]\nat = "http://register.example/"\n')
        outcome = found(registered.run(Media.open(FILE), folder, online=False))
        assert "on the network: far" in outcome.says
        assert asked == [str(logs / "empty")]
        outcome = found(registered.run(Media.open(FILE), folder, online=True))
        assert {claim["register"] for claim in outcome.details["claims"]} == {"far"}


class Lying:
    """A register whose answers are changed before they are given."""

    def __init__(self, true: Register, change: Callable[[Hit], Hit]) -> None:
        self._true, self._change = true, change

    def search(self, query: Query) -> list[Hit]:
        return [self._change(hit) for hit in self._true.search(query)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)


@pytest.mark.parametrize(
    "change",
    [
        lambda hit: msgspec.structs.replace(hit, key=bytes(32)),
        lambda hit: msgspec.structs.replace(hit, leaf=hit.leaf[:-1]),
        lambda hit: msgspec.structs.replace(hit, opening=None),
        lambda hit: msgspec.structs.replace(hit, opening=msgspec.structs.replace(hit.opening, salt=bytes(32))),
    ],
    ids=["another key", "a short leaf", "no opening", "another salt"],
)
def test_an_answer_that_does_not_fit_its_leaf_is_left_out(logs: Path, change: Callable[[Hit], Hit]) -> None:
    register = access.open_register(str(logs / "planet"))
    try:
        answer = Look(Lying(register, change)).file(record(FILE).digest)
    finally:
        register.close()
    assert (answer.claims, answer.unsound) == ((), 1)


def test_an_entry_that_the_log_does_not_have_is_told(logs: Path) -> None:
    register = access.open_register(str(logs / "planet"))
    try:
        moved = Look(Lying(register, lambda hit: msgspec.structs.replace(hit, index=0)))
        (claim,) = moved.file(record(FILE).digest).claims
    finally:
        register.close()
    assert claim.proof is not None
    assert claim.proof.state in {"unsound", "missing"}


def test_examine_runs_it_and_it_never_weighs(tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(settings(tmp_path, logs, "planet")))
    assert "registered" in {one.id for one in ANALYSES}
    report = examine(FILE, only=["registered"])
    assert report.findings[0].method == "registered"
    assert (report.conclusion.for_, report.conclusion.against) == ((), ())
    assert report.environment.options["online"] is False


def test_the_method_of_the_list_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "registers.toml").write_text('[far]\nat = "https://register.example/"\n')
    one = registered.analysis(lambda: tmp_path)
    monkeypatch.setattr(registered, "open_register", lambda _: pytest.fail("a register was opened"))
    assert isinstance(one.run(Media.open(FILE), NoMaps()), Abstention)
