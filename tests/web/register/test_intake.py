"""Submissions: what is taken, what is refused, what it costs, and what happens when the log cannot go on."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.web.register.serving import ORIGIN, Served, claims, problem, served

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.leaf import HEAD, Kind, head, key_hash
from assay.register.merkle import leaf_hash
from assay.register.model import Accepted, Entry, Position, Submission
from assay.register.note import Note
from assay.register.submission import Submitter
from assay.web.limits import Counter
from assay.web.register.app import Limits
from assay.web.register.intake import Intake
from assay.web.register.metrics import Metrics

DAY = 86_400


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "log") as made:
        yield made


def accepted(response: Any) -> Accepted:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    return msgspec.json.decode(response.content, type=Accepted)


def test_one_and_many_are_answered_with_positions_under_a_checkpoint(log: Served) -> None:
    one = accepted(log.post(claims(Submitter.generate(), 1)))
    assert one.positions == (Position(index=0),)
    many = accepted(log.post(claims(Submitter.generate(), *range(100), public=False)))
    assert many.positions == tuple(Position(index=at) for at in range(1, 101))
    note = Note.parse(many.checkpoint)
    assert log.log.verifier.signed(note) == 0
    assert Checkpoint.parse(note.text).size == 101


def test_what_was_handed_in_before_has_its_old_position(log: Served) -> None:
    submitter = Submitter.generate()
    accepted(log.post(claims(submitter, 1, 2)))
    again = accepted(log.post(claims(submitter, 3, 2)))
    assert again.positions == (Position(index=2), Position(index=1, duplicate=True))
    assert log.size == 3


def test_a_tombstone_is_a_submission_like_others(log: Served) -> None:
    submitter = Submitter.generate()
    submission = claims(submitter, 1)
    accepted(log.post(submission))
    leaf = submission.entries[0].head + submission.signature
    assert accepted(log.post(submitter.tombstone(leaf_hash(leaf), ORIGIN))).positions == (Position(index=1),)
    log.settled()
    hit = log.ask("GET", "/api/v1/entries/0").json()
    assert (hit["tombstone"], hit["opening"]) == (1, None)


def changed(submission: Submission, **fields: Any) -> Submission:
    return msgspec.structs.replace(submission, **fields)


SUBMITTER = Submitter.generate()
GOOD = claims(SUBMITTER, 1, 2, manifest=b"m")
FIRST = GOOD.entries[0]
OPENING = FIRST.opening
assert OPENING is not None


def first(**fields: Any) -> Submission:
    return changed(GOOD, entries=(msgspec.structs.replace(FIRST, **fields), *GOOD.entries[1:]))


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b'{"key": "AAAA", "signature": "AAAA"}', 400, "malformed"),
        (b'{"key": "not base64", "signature": "AAAA", "entries": []}', 400, "malformed"),
        (changed(GOOD, entries=()), 400, "malformed"),
        (changed(GOOD, entries=GOOD.entries * 2), 400, "malformed"),
        (changed(GOOD, entries=(Entry(head=bytes(HEAD)),) * 1025), 413, "too_large"),
        (changed(GOOD, key=GOOD.key[:31]), 400, "malformed"),
        (changed(GOOD, signature=bytes(63)), 400, "malformed"),
        (changed(GOOD, signature=bytes(64)), 403, "signature"),
        (changed(GOOD, entries=GOOD.entries[:1]), 403, "signature"),
        (changed(GOOD, entries=GOOD.entries[::-1]), 403, "signature"),
        (changed(GOOD, key=Submitter.generate().public), 403, "key"),
        (first(head=FIRST.head[:-1]), 400, "malformed"),
        (first(head=FIRST.head + b"\0"), 400, "malformed"),
        (first(head=b"\2" + FIRST.head[1:]), 422, "unsupported"),
        (first(head=b"\1\3" + FIRST.head[2:]), 422, "unsupported"),
        (first(head=head(Kind.TOMBSTONE, bytes(32), b"m" * 32, key_hash(GOOD.key))), 422, "mismatch"),
        (first(opening=GOOD.entries[1].opening), 422, "mismatch"),
        (first(opening=msgspec.structs.replace(OPENING, salt=b"short")), 400, "malformed"),
        (first(opening=msgspec.structs.replace(OPENING, record=b"x" * 4097)), 413, "too_large"),
        (first(manifest=b"another"), 422, "mismatch"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_refused_and_nothing_is_written(
    log: Served, bad: Submission | bytes, status: int, code: str
) -> None:
    problem(log.post(bad), status, code)
    assert (log.size, list(log.log.objects.list("manifests/"))) == (0, [])
    accepted(log.post(GOOD))
    assert log.size == 2


def test_a_body_is_bounded_by_what_it_says_and_by_what_it_is(tmp_path: Path) -> None:
    with served(tmp_path / "log", limits=Limits(requests_per_minute=0, max_body=1000)) as log:
        assert "1,000" in problem(log.post(b"x" * 1001), 413, "too_large")

        async def chunks() -> Any:
            for _ in range(11):
                yield b"x" * 100

        problem(log.ask("POST", "/api/v1/submissions", content=chunks()), 413, "too_large")
        problem(log.post(b"x" * 1000), 400, "malformed")


def test_only_post_hands_in(log: Served) -> None:
    response = log.ask("GET", "/api/v1/submissions")
    problem(response, 405, "method_not_allowed")
    assert "POST" in response.headers["allow"]


def test_a_client_that_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    with served(tmp_path / "log", counter=Counter(2, clock=lambda: 70.0)) as log:
        for _ in range(2):
            problem(log.post(b"{"), 400, "malformed")
        response = log.post(b"{")
        problem(response, 429, "too_many")
        assert response.headers["retry-after"] == "51"
        assert log.ask("GET", "/api/v1/key").status_code == 429
        assert log.ask("GET", "/checkpoint").status_code == 200


class TestQuota:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Served]:
        with served(tmp_path / "log", clock=lambda: 10 * DAY - 100.0) as made:
            made.submitters.rule(listed=False, quota=5)
            yield made

    def test_more_than_a_key_may_is_refused_whole(self, log: Served) -> None:
        submitter = Submitter.generate()
        accepted(log.post(claims(submitter, 1, 2, 3)))
        response = log.post(claims(submitter, 4, 5, 6))
        assert "2 left" in problem(response, 429, "quota")
        assert response.headers["retry-after"] == "101"
        assert log.size == 3
        accepted(log.post(claims(submitter, 4, 5)))
        accepted(log.post(claims(Submitter.generate(), 6)))

    def test_the_same_again_is_free_for_whoever_sends_it(self, log: Served) -> None:
        submitter = Submitter.generate()
        same = claims(submitter, 1, 2, 3, 4)
        for _ in range(5):
            accepted(log.post(same))
        accepted(log.post(claims(submitter, 5)))
        problem(log.post(claims(submitter, 6)), 429, "quota")
        assert {position.duplicate for position in accepted(log.post(same)).positions} == {True}

    def test_what_was_there_already_is_given_back(self, log: Served) -> None:
        submitter = Submitter.generate()
        accepted(log.post(claims(submitter, 1, 2, 3)))
        accepted(log.post(claims(submitter, 2, 3)))
        accepted(log.post(claims(submitter, 4, 5)))
        problem(log.post(claims(submitter, 6)), 429, "quota")

    def test_nobody_spends_the_quota_of_another(self, log: Served) -> None:
        submitter = Submitter.generate()
        for number in range(3):
            forged = changed(claims(submitter, *range(5 * number, 5 * number + 5)), signature=bytes(64))
            problem(log.post(forged), 403, "signature")
        accepted(log.post(claims(submitter, *range(5))))

    def test_keys_that_the_operator_does_not_take(self, log: Served) -> None:
        from assay.register.database.submitters import Standing

        blocked, listed = Submitter.generate(), Submitter.generate()
        log.submitters.set(blocked.public, standing=Standing.BLOCKED)
        log.submitters.set(listed.public, standing=Standing.ALLOWED, quota=1)
        problem(log.post(claims(blocked, 1)), 403, "key")
        log.submitters.rule(listed=True, quota=None)
        log.submitters.flush()
        with log.submitters._lock:
            log.submitters._due = None
        problem(log.post(claims(Submitter.generate(), 1)), 403, "key")
        accepted(log.post(claims(listed, 1)))
        assert log.size == 1


class TestQuorum:
    def test_without_one_there_is_no_answer_but_the_place_is_kept(self, tmp_path: Path) -> None:
        there = threading.Event()

        def cosign(note: Note, _: Callable[[int], list[bytes]]) -> Note:
            if not there.is_set():
                raise RegisterError("Too few witnesses have cosigned: anna is missing.", "quorum")
            return note

        with served(tmp_path / "log", cosign=cosign, wait=0.2) as log:
            submission = claims(Submitter.generate(), 1)
            response = log.post(submission)
            assert "anna" in problem(response, 503, "quorum")
            assert int(response.headers["retry-after"]) > 0
            assert Checkpoint.parse(Note.parse(log.ask("GET", "/checkpoint").content).text).size == 0
            there.set()
            while log.log.sequencer.status.published < 1:
                there.wait(0.01)
                threading.Event().wait(0.01)
            assert accepted(log.post(submission)).positions == (Position(index=0, duplicate=True),)

    def test_a_client_may_prefer_to_wait_for_less_long(self, tmp_path: Path) -> None:
        there = threading.Event()

        def cosign(note: Note, _: Callable[[int], list[bytes]]) -> Note:
            there.wait(60)
            return note

        with served(tmp_path / "log", cosign=cosign, wait=60) as log:
            submission = claims(Submitter.generate(), 1)
            response = log.post(submission, Prefer="respond-async, wait=0")
            problem(response, 503, "busy")
            assert int(response.headers["retry-after"]) > 0
            there.set()
            accepted(log.post(submission, Prefer="wait=100000"))


class Stage:
    """An intake whose sequencer answers when the test says so."""

    def __init__(self, **options: Any) -> None:
        self.futures: list[Future[Accepted]] = []
        self.refuse: Exception | None = None
        given = {"seconds": 60.0, "max_body": 10_000, "max_held": 20_000, **options}
        self.metrics = Metrics()
        self.intake = Intake(self.submit, self, Counter(0), self.metrics, **given)

    def submit(self, _: Submission) -> "Future[Accepted]":
        if self.refuse is not None:
            raise self.refuse
        self.futures.append(Future())
        return self.futures[-1]

    def check(self, key: bytes, entries: int) -> None: ...

    def charge(self, key: bytes, entries: int) -> None: ...

    async def post(self, *messages: Any, prefer: bytes = b"") -> tuple[int, Any, dict[bytes, bytes]]:
        """Status, body and headers of the answer to a request that arrives in these messages."""
        waiting, sent = list(messages), list[dict[str, Any]]()

        async def receive() -> Any:
            if not waiting:
                await asyncio.sleep(3600)
            return waiting.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"prefer", prefer)] if prefer else []
        await self.intake({"method": "POST", "headers": headers, "client": ("1.2.3.4", 5)}, receive, send)
        if not sent:
            return 0, None, {}
        return sent[0]["status"], json.loads(sent[1]["body"]), dict(sent[0]["headers"])


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    stage = Stage(seconds=0.05)
    status, told, _ = asyncio.run(stage.post(body(b"{", more=True)))
    assert (status, told["code"]) == (408, "too_slow")
    stage.intake.close()


def test_who_goes_away_is_not_answered() -> None:
    stage = Stage()
    assert asyncio.run(stage.post(body(b"{", more=True), {"type": "http.disconnect"}))[0] == 0
    stage.intake.close()


def test_what_is_on_its_way_together_is_bounded() -> None:
    """Bodies count until they are answered, and no longer."""
    stage = Stage()
    data = msgspec.json.encode(GOOD)
    padded = data + b" " * (9_000 - len(data))

    async def run() -> None:
        first = [asyncio.create_task(stage.post(body(padded))) for _ in range(2)]
        while len(stage.futures) < 2:
            await asyncio.sleep(0)
        status, told, headers = await stage.post(body(padded))
        assert (status, told["code"]) == (503, "busy")
        assert headers[b"retry-after"]
        for future in stage.futures:
            future.set_result(Accepted(positions=(Position(index=0),), checkpoint=b""))
        assert [status for status, _, _ in await asyncio.gather(*first)] == [200, 200]
        again = asyncio.create_task(stage.post(body(padded)))
        while len(stage.futures) < 3:
            await asyncio.sleep(0)
        stage.futures[-1].set_exception(RegisterError("Whether it was taken in is not certain.", "unwritable"))
        status, told, _ = await again
        assert (status, told["code"]) == (503, "unwritable")
        assert "not certain" not in told["detail"], "the storage's words are the operator's"

    asyncio.run(run())
    stage.intake.close()


def test_what_its_client_does_not_wait_for_still_counts_as_on_its_way() -> None:
    stage = Stage()
    data = msgspec.json.encode(GOOD)
    padded = data + b" " * (9_000 - len(data))

    async def run() -> None:
        for _ in range(2):
            assert (await stage.post(body(padded), prefer=b"wait=0"))[0] == 503
        while len(stage.futures) < 2:
            await asyncio.sleep(0)
        status, told, _ = await stage.post(body(padded))
        assert (status, told["detail"]) == (503, "Too much is on its way already; come again later.")
        stage.futures[0].set_exception(RegisterError("No.", "busy"))
        stage.futures[1].set_result(Accepted(positions=(Position(index=0),), checkpoint=b""))
        while stage.intake._held:
            await asyncio.sleep(0)
        again = asyncio.create_task(stage.post(body(padded)))
        while len(stage.futures) < 3:
            await asyncio.sleep(0)
        stage.futures[2].set_result(Accepted(positions=(Position(index=0),), checkpoint=b""))
        assert (await again)[0] == 200

    asyncio.run(run())
    stage.intake.close()


def test_a_full_pool_pushes_back_with_its_own_time() -> None:
    from assay.register.sequencer import BusyError

    stage = Stage()
    stage.refuse = BusyError("9 entries wait already; hand in again later.", retry_after=7)
    status, told, headers = asyncio.run(stage.post(body(msgspec.json.encode(GOOD))))
    assert (status, told["code"], headers[b"retry-after"]) == (503, "busy", b"7")
    stage.intake.close()


def test_what_nobody_thought_of_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.refuse = ValueError("secret")
    status, told, _ = asyncio.run(stage.post(body(msgspec.json.encode(GOOD))))
    assert (status, told["code"]) == (500, "failure")
    assert "secret" not in str(told) + caplog.text
    assert b'submissions_total{outcome="failure"} 1.0' in stage.metrics.page()
    stage.intake.close()


def test_bytes_in_json_are_standard_base64(log: Served) -> None:
    plain = json.loads(msgspec.json.encode(claims(Submitter.generate(), 1)))
    assert base64.b64decode(plain["key"], validate=True)
    accepted(log.post(json.dumps(plain).encode()))
