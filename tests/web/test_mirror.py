import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.register.logs import ToyLog, leaves
from tests.web.conftest import asked

from assay.errors import RegisterError
from assay.register.mirror import Mirror, create, name_of
from assay.register.note import Note
from assay.register.policy import LogLine
from assay.register.tiles import decode_bundle
from assay.web.mirror import create_app

ORIGIN = "log.example/one"
NAME = name_of(ORIGIN)


class Made:
    def __init__(self, folder: Path) -> None:
        self.log = ToyLog(ORIGIN, leaves(300))
        create(folder, "m.example", [LogLine(self.log.verifier, "http://log.example")]).close()
        self.mirror = Mirror(folder, transport=self.log.transport())
        self.app = create_app(self.mirror)

    def pull(self) -> None:
        self.mirror.pull(self.mirror.policy.logs[0])

    def get(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        return asked(self.app, method, path, **options)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    one = Made(tmp_path / "m")
    yield one
    one.mirror.close()


def test_a_copy_is_served_as_the_log_itself(made: Made) -> None:
    made.pull()
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"):
        answer = made.get(f"/{NAME}/{path}")
        assert (answer.status_code, answer.content) == (200, made.log.fetch(path))
        assert "immutable" in answer.headers["cache-control"]
    bundle = made.get(f"/{NAME}/tile/entries/001.p/44", headers={"Accept-Encoding": "gzip"})
    assert bundle.headers["content-encoding"] == "gzip"
    assert decode_bundle(bundle.content, 44) == made.log.entries[256:]
    note = Note.parse(made.get(f"/{NAME}/checkpoint").content)
    assert note.text == made.log.note().text
    assert all(key.signed(note) for key in made.mirror.verifiers)
    assert made.get("/keys").text == "".join(f"{key}\n" for key in made.mirror.verifiers)
    assert made.get("/logs").text == f"{NAME} 300 {ORIGIN}\n"


def test_nothing_is_served_before_it_is_whole(made: Made) -> None:
    assert made.get(f"/{NAME}/checkpoint").status_code == 404
    made.pull()
    made.log.add(leaves(400, 300))
    made.log.broken["tile/entries/002.p/188"] = b""
    with pytest.raises(RegisterError):
        made.pull()
    assert made.mirror.store(ORIGIN).get("tile/0/001"), "it is verified and kept for the next time"
    assert made.get(f"/{NAME}/tile/0/001").status_code == 404
    del made.log.broken["tile/entries/002.p/188"]
    made.pull()
    assert made.get(f"/{NAME}/tile/0/001").status_code == 200


def test_what_is_refused(made: Made) -> None:
    made.pull()
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", f"/{'0' * 64}/checkpoint", 404),
        ("GET", f"/{NAME.upper()}/checkpoint", 404),
        ("GET", f"/{NAME}", 404),
        ("GET", f"/{NAME}/mirror.key", 400),
        ("GET", f"/{NAME}/../mirror.key", 404),
        ("GET", f"/{NAME}/tile/0/..%2f..%2fmirror.key", 400),
        ("GET", f"/{NAME}/tile/0/0", 400),
        ("GET", f"/{NAME}/tile/0/002", 404),
        ("POST", f"/{NAME}/checkpoint", 405),
        ("POST", "/keys", 404),
    ):
        answer = made.get(path, method)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_log_added_while_it_runs(tmp_path: Path, made: Made) -> None:
    from assay.register.witness import add_log

    other = ToyLog("log.example/two", leaves(2))
    assert made.get(f"/{name_of(other.key.name)}/checkpoint").status_code == 404
    add_log(tmp_path / "m", other.verifier, "http://log.example/")
    assert "no copy" in made.get(f"/{name_of(other.key.name)}/checkpoint").json()["detail"]
    assert len(made.get("/logs").text.splitlines()) == 2


def test_it_pulls_while_it_serves(made: Made) -> None:
    app = create_app(made.mirror, every=0.01)
    sent: list[str] = []

    async def run() -> None:
        messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()

        async def send(message: dict[str, str]) -> None:
            sent.append(message["type"])

        await messages.put({"type": "lifespan.startup"})
        task = asyncio.create_task(app({"type": "lifespan"}, messages.get, send))
        for size in (300, 310):
            while made.mirror.head(ORIGIN).size != size:
                await asyncio.sleep(0.01)
            made.log.shown = made.log.fork(5, leaves(9)).note()  # refused, logged, and tried again
            await asyncio.sleep(0.05)
            if size == 300:
                made.log.add(leaves(10, 300))
        await messages.put({"type": "lifespan.shutdown"})
        await task

    asyncio.run(run())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
