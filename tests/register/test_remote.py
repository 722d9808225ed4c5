"""The register over HTTP: against the real server's application, and against servers that answer nonsense."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.register.posts import digest
from tests.web.register.serving import Bridge, Served, claims, served

from assay.errors import RegisterError
from assay.register.cose import check_cose_receipt
from assay.register.model import Query
from assay.register.receipt import issue
from assay.register.remote import RemoteRegister
from assay.register.submission import Submitter

URL = "http://log.example/"
PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "log", clock=lambda: 0.0) as made:
        yield made


def test_it_answers_as_the_folder_does(log: Served) -> None:
    submitter = Submitter.generate()
    submission = claims(submitter, 1, 2, manifest=b"a manifest")
    with RemoteRegister(URL, transport=Bridge(log.app)) as register:
        accepted = register.submit(submission)
        assert [position.index for position in accepted.positions] == [0, 1]
        log.settled()
        assert register.verifier == log.log.verifier
        assert register.about.policy == log.log.policy.text
        assert register.fetch("checkpoint") == accepted.checkpoint
        assert len(register.fetch("tile/0/000.p/2")) == 64
        assert [hit.index for hit in register.search(Query(digest=digest(2), signer=submitter.public))] == [1]
        assert [hit.index for hit in register.search(Query(after=0))] == [1]
        assert register.get(1) == log.log.index.get(1)
        assert register.batch(1) == log.log.index.batch(1)
        assert register.manifest(submission.entries[0].head[34:66]) == submission.entries[0].manifest
        issue(register, 0).check()
        receipt = issue(register, 1)
        stated = check_cose_receipt(register.cose(1), receipt.leaf.encode(), register.verifier)
        assert (stated.index, stated.root) == (1, receipt.checkpoint.root)
        with pytest.raises(RegisterError) as error:
            register.cose(2)
        assert error.value.reason == "missing"
        assert (register.get(2), register.batch(2), register.manifest(bytes(32)), register.anchored(1)) == (None,) * 4


def test_a_refusal_is_told_in_the_words_of_the_register(log: Served) -> None:
    log.submitters.rule(listed=False, quota=1)
    with RemoteRegister(URL, transport=Bridge(log.app)) as register:
        with pytest.raises(RegisterError, match=r"log\.example refuses: This key may hand in 1 entries a day") as error:
            register.submit(claims(Submitter.generate(), 1, 2))
        assert error.value.reason == "quota"
        with pytest.raises(RegisterError) as error:
            register.search(Query(fingerprint=b"1"))
        assert error.value.reason == "malformed"
        with pytest.raises(RegisterError) as error:
            register.fetch("tile/0/000")
        assert error.value.reason == "missing"


def answering(answer: Callable[[httpx.Request], httpx.Response], slept: list[float] | None = None) -> RemoteRegister:
    def sleep(seconds: float) -> None:
        assert slept is not None, "it does not wait"
        slept.append(seconds)

    return RemoteRegister(URL, transport=httpx.MockTransport(answer), sleep=sleep, patience=30)


def busy(retry: str | None) -> httpx.Response:
    headers = PROBLEM if retry is None else {**PROBLEM, "Retry-After": retry}
    return httpx.Response(503, headers=headers, json={"code": "busy", "detail": "Come again."})


def test_who_is_asked_to_come_again_does_and_not_for_ever() -> None:
    waits, answers = list[float](), [busy("2"), busy("1"), busy("9000")]

    def answer(_: httpx.Request) -> httpx.Response:
        return answers.pop(0) if answers else busy("1")

    with pytest.raises(RegisterError, match="Come again") as error:
        answering(answer, waits).submit(claims(Submitter.generate(), 1))
    assert error.value.reason == "busy"
    assert waits == [2, 4, 15]
    with pytest.raises(RegisterError):
        answering(lambda _: busy(None)).submit(claims(Submitter.generate(), 1))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, content=b"<html>"), "damaged"),
        (httpx.Response(200, content=b"[" * 100_000), "damaged"),
        (httpx.Response(200, json={"positions": [], "checkpoint": ""}), "damaged"),
        (httpx.Response(302, headers={"Location": "http://elsewhere.example/"}), "unreachable"),
        (httpx.Response(404), "missing"),
        (httpx.Response(500, headers=PROBLEM, content=b"{"), "unreachable"),
        (httpx.Response(400, headers=PROBLEM, json={"code": "no_reason", "detail": "No."}), "malformed"),
        (httpx.Response(429, headers=PROBLEM, json={"code": "too_many", "detail": "No."}), "busy"),
        (httpx.Response(507, headers=PROBLEM, json={"code": "full", "detail": "No."}), "full"),
        (httpx.Response(200, content=b" " * (16 * 1024 * 1024 + 1)), "too_large"),
    ],
)
def test_nonsense_is_a_register_error(answer: httpx.Response, reason: str) -> None:
    with pytest.raises(RegisterError) as error:
        answering(lambda _: answer).submit(claims(Submitter.generate(), 1))
    assert error.value.reason == reason


def test_what_a_refusal_says_is_made_safe_to_show() -> None:
    told = {"code": "key", "detail": "No\x1b[31m" + "x" * 1000}
    with pytest.raises(RegisterError) as error:
        answering(lambda _: httpx.Response(403, headers=PROBLEM, json=told)).get(0)
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 600


def test_another_manifest_than_was_asked_for_is_refused() -> None:
    with pytest.raises(RegisterError) as error:
        answering(lambda _: httpx.Response(200, content=b"another")).manifest(bytes(32))
    assert error.value.reason == "damaged"
