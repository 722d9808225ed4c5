from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.register.logs import ToyLog, leaves
from tests.web.conftest import asked

from assay.register.cosigning import request_body
from assay.register.mirror import name_of
from assay.register.note import Note, signature_lines
from assay.register.witness import MAX_BODY, Witness, create
from assay.web.limits import Counter
from assay.web.witness import create_app

ORIGIN = "log.example/one"
LOG = ToyLog(ORIGIN, leaves(20))
TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = create(tmp_path / "w", "w.example", [LOG.verifier])
    yield made
    made.close()


def body(old: int, size: int) -> bytes:
    return request_body(old, LOG.proof(old, size), LOG.note(size))


def test_add_checkpoint_and_read_it(witness: Witness) -> None:
    app = create_app(witness)
    nothing = asked(app, "GET", f"/{name_of(ORIGIN)}/checkpoint")
    assert (nothing.status_code, nothing.headers["content-type"]) == (404, TEXT)
    answer = asked(app, "POST", "/add-checkpoint", content=body(0, 10))
    assert (answer.status_code, answer.headers["content-type"]) == (200, TEXT)
    lines = signature_lines(answer.text)
    assert [line.name for line in lines] == ["w.example"] * 2
    shown = asked(app, "GET", f"/{name_of(ORIGIN)}/checkpoint")
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert Note.parse(shown.content) == LOG.note(10).with_signatures(lines)
    assert asked(app, "GET", "/keys").text == "".join(f"{key}\n" for key in witness.verifiers)


def test_the_status_codes_of_the_specification(witness: Witness) -> None:
    app = create_app(witness)
    assert asked(app, "POST", "/add-checkpoint", content=body(0, 10)).status_code == 200
    conflict = asked(app, "POST", "/add-checkpoint", content=body(0, 20))
    assert (conflict.status_code, conflict.headers["content-type"], conflict.content) == (
        409, "text/x.tlog.size", b"10\n",
    )  # fmt: skip
    stranger = ToyLog("log.example/two", leaves(2))
    assert asked(app, "POST", "/add-checkpoint", content=request_body(0, [], stranger.note())).status_code == 404
    forged = ToyLog(ORIGIN, leaves(12)).note()
    assert asked(app, "POST", "/add-checkpoint", content=request_body(10, [], forged)).status_code == 403
    assert asked(app, "POST", "/add-checkpoint", content=request_body(10, [], LOG.note(20))).status_code == 422
    assert asked(app, "POST", "/add-checkpoint", content=request_body(11, [], LOG.note(10))).status_code == 400
    assert asked(app, "POST", "/add-checkpoint", content=body(10, 20)).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/json", "multipart/form-data"])
def test_any_content_type_will_do(witness: Witness, kind: str) -> None:
    headers = {"Content-Type": kind}
    assert (
        asked(create_app(witness), "POST", "/add-checkpoint", content=body(0, 10), headers=headers).status_code == 200
    )


def test_what_is_refused_is_refused_in_text(witness: Witness) -> None:
    app = create_app(witness)
    for method, path, content, status in (
        ("POST", "/add-checkpoint", b"", 400),
        ("POST", "/add-checkpoint", b"\xff" * 1000, 400),
        ("POST", "/add-checkpoint", b"x" * (MAX_BODY + 1), 413),
        ("GET", "/add-checkpoint", b"", 405),
        ("GET", "/", b"", 404),
        ("GET", "/no-hash/checkpoint", b"", 400),
        ("GET", f"/{'0' * 64}/checkpoint", b"", 404),
        ("GET", f"/{name_of(ORIGIN)}/tile/0/000", b"", 404),
    ):
        answer = asked(app, method, path, content=content)
        assert (answer.status_code, answer.headers["content-type"]) == (status, TEXT), path
        assert answer.text.endswith(".\n")


def test_a_client_that_asks_too_often(witness: Witness) -> None:
    app = create_app(witness, counter=Counter(2, clock=lambda: 5.0))
    codes = [asked(app, "POST", "/add-checkpoint", content=body(0, 10)).status_code for _ in range(3)]
    assert codes == [200, 409, 429]


def test_storage_that_fails_is_no_crash_and_names_no_files(tmp_path: Path, witness: Witness) -> None:
    app = create_app(witness)
    witness.close()
    answer = asked(app, "POST", "/add-checkpoint", content=body(0, 10))
    assert (answer.status_code, answer.text) == (503, "The witness cannot use its storage now.\n")
    assert answer.headers["retry-after"] == "5"
