"""``assay witness``, ``assay mirror``, ``assay monitor``: alone, then together as processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from tests.register.logs import ToyLog, leaves
from tests.register.servers import Served, free_port
from typer.testing import CliRunner

from assay.cli import mirror, monitor, witness
from assay.errors import RegisterError, UsageError
from assay.register.cosigning import Witnesses
from assay.register.keys import KeyType, VerifierKey
from assay.register.mirror import name_of
from assay.register.policy import Policy

ORIGIN = "log.example/one"

app = typer.Typer()
app.callback()(lambda: None)
for module in (witness, mirror, monitor):
    module.register(app)


def run(*arguments: object, **options: Any) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments)], **options)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def serving(log: ToyLog) -> Any:
    """A log as an ASGI application."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        try:
            status, body = 200, log.fetch(scope["path"][1:])
        except RegisterError:
            status, body = 404, b""
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return answer


@pytest.fixture
def log() -> ToyLog:
    return ToyLog(ORIGIN, leaves(300))


@pytest.fixture
def served(log: ToyLog) -> Iterator[Served]:
    with Served(serving(log)) as one:
        yield one


@pytest.fixture
def policy(tmp_path: Path, log: ToyLog, served: Served) -> Path:
    path = tmp_path / "policy"
    path.write_text(f"log {log.verifier} {served.url}\nquorum none\n")
    return path


def test_a_witness_from_nothing(tmp_path: Path, log: ToyLog) -> None:
    folder = tmp_path / "w"
    made = run("witness", "init", folder, "--name", "w.example", "--log", log.verifier)
    keys = [VerifierKey.parse(line) for line in made.stdout.splitlines()]
    assert [(key.name, key.kind) for key in keys] == [
        ("w.example", KeyType.COSIGNATURE), ("w.example", KeyType.MLDSA44),
    ]  # fmt: skip
    other = ToyLog("log.example/two")
    assert run("witness", "add-log", folder, other.verifier).exit_code == 0
    assert run("witness", "keys", folder).stdout == made.stdout
    shown = json.loads(run("witness", "keys", folder, "--json", "-").stdout)
    assert shown["name"] == "w.example"
    assert shown["keys"] == [str(key) for key in keys]
    assert shown["logs"] == [str(other.verifier), str(log.verifier)]
    with pytest.raises(RegisterError, match="not replaced"):
        run("witness", "init", folder, "--name", "w.example")
    with pytest.raises(UsageError, match="private key") as told:
        run("witness", "add-log", folder, str(log.key))
    assert str(log.key) not in str(told.value)
    with pytest.raises(RegisterError, match="is this the right folder"):
        run("witness", "keys", tmp_path)


def test_a_mirror_from_nothing(tmp_path: Path, log: ToyLog, served: Served) -> None:
    folder = tmp_path / "m"
    made = run("mirror", "init", folder, "--name", "m.example")
    assert len(made.stdout.splitlines()) == 2
    assert run("mirror", "keys", folder).stdout == made.stdout
    run("mirror", "add-log", folder, log.verifier, served.url)
    pulled = run("mirror", "pull", folder)
    assert (pulled.exit_code, pulled.stdout) == (0, f"{ORIGIN}: 300 entries, 300 new\n")
    assert run("mirror", "verify", folder).stdout == f"{ORIGIN}: 300 entries\n"
    log.add(leaves(5, 300))
    assert json.loads(run("mirror", "pull", folder, "--json").stdout) == {
        "origin": ORIGIN, "old": 300, "size": 305, "error": None, "reason": None, "schema": "assay/register-copy/1",
    }  # fmt: skip
    path = folder / "logs" / name_of(ORIGIN) / "tile/entries/000"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    damaged = run("mirror", "verify", folder)
    assert damaged.exit_code == 1
    assert damaged.stderr == f"assay: {ORIGIN}: tile/entries/000 does not hold the entries of the tree.\n"


def test_a_mirror_refuses_a_fork(tmp_path: Path, log: ToyLog, served: Served) -> None:
    folder = tmp_path / "m"
    run("mirror", "init", folder, "--name", "m.example", "--log", f"{log.verifier} {served.url}/")
    run("mirror", "pull", folder, "--quiet")
    served.stop()
    refused = run("mirror", "pull", folder)
    assert (refused.exit_code, "cannot be reached" in refused.stderr) == (3, True)
    with Served(serving(log.fork(100, leaves(300, 9000))), served.port):
        refused = run("mirror", "pull", folder)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        f"assay: {ORIGIN}: {ORIGIN} shows a history of 400 entries that does not fit the 300 entries copied before."
    )
    (place,) = (folder / "evidence").iterdir()
    convicted = run("monitor", "check-evidence", place, "--log", log.verifier)
    assert (convicted.exit_code, convicted.stdout) == (
        0, f"{ORIGIN} signed a tree of 300 leaves, and a tree of 400 that begins with other 300 leaves: it has two "
        "histories.\n",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["no-key", "log.example+00000000+AAAA http://x/", "{vkey}", "{vkey} ftp://x/"])
def test_logs_that_are_none(tmp_path: Path, log: ToyLog, text: str) -> None:
    with pytest.raises((RegisterError, UsageError)):
        run("mirror", "init", tmp_path / "m", "--name", "m.example", "--log", text.format(vkey=log.verifier))
    assert not (tmp_path / "m").exists()


def test_a_mirror_whose_copies_go_to_s3(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="is no address such as s3://bucket/prefix"):
        run("mirror", "init", tmp_path / "m", "--name", "m.example", "--objects", "http://x/")
    assert not (tmp_path / "m").exists()
    run("mirror", "init", tmp_path / "m", "--name", "m.example", "--objects", "s3://bucket/copies")
    assert (tmp_path / "m" / "objects").read_text() == "s3://bucket/copies\n"


def test_a_monitor_that_is_content(tmp_path: Path, policy: Path) -> None:
    watched = run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once")
    assert (watched.exit_code, watched.stderr) == (0, "")
    assert watched.stdout[21:] == f"{ORIGIN}: 300 entries, as one source shows it; 300 new ones read\n"
    found = json.loads(run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once", "--json").stdout)
    assert found["schema"] == "assay/register-round/1"
    assert (found["round"]["alerts"], found["round"]["seen"][0]["size"]) == ([], 300)


def test_a_monitor_that_sees_a_fork(tmp_path: Path, log: ToyLog, policy: Path) -> None:
    heard = tmp_path / "heard"
    script = tmp_path / "hear.py"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(heard)!r}).write_text(sys.stdin.read())")
    with Served(serving(log.fork(100, leaves(200, 9000)))) as other:
        watched = run(
            "monitor", "run", tmp_path / "watch", "--policy", policy, "--url", other.url, "--once", "--command",
            f"{sys.executable} {script}",
        )  # fmt: skip
    assert watched.exit_code == 1
    (place,) = (tmp_path / "watch" / "evidence").iterdir()
    assert watched.stderr.startswith(f"assay: {ORIGIN} has two histories: http://127.0.0.1:")
    assert watched.stderr.endswith(f"Both are signed by the log, and cannot both be true ({place})\n")
    (line,) = (tmp_path / "watch" / "alerts.jsonl").read_text().splitlines()
    assert json.loads(line)["alert"]["evidence"] == str(place)
    assert heard.read_text() == line + "\n"

    judged = run("monitor", "check-evidence", place, "--policy", policy)
    assert (judged.exit_code, judged.stdout) == (
        0, f"{ORIGIN} signed two different roots for one size, 300: it has two histories.\n",
    )  # fmt: skip
    alone = run("monitor", "check-evidence", place)
    assert alone.exit_code == 0
    assert alone.stderr == (
        f"Under the key that the evidence names, which you must know to be the log's: {log.verifier}\n"
    )
    record = json.loads(run("monitor", "check-evidence", place, "--json", "-").stdout)
    assert (record["trusted"], record["judgement"]["convicts"]) == (False, True)
    with pytest.raises(RegisterError, match="not signed by the key of the log that you named"):
        run("monitor", "check-evidence", place, "--log", ToyLog(ORIGIN).verifier)


def test_evidence_that_convicts_nobody(tmp_path: Path, log: ToyLog, policy: Path) -> None:
    run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once")
    log.shown = log.note(200)
    assert run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once").exit_code == 1
    (place,) = (tmp_path / "watch" / "evidence").iterdir()
    judged = run("monitor", "check-evidence", place, "--policy", policy)
    assert (judged.exit_code, judged.stdout) == (
        1, "Nothing here shows that the larger tree does not extend the smaller. The log can clear itself with a "
        "consistency proof.\n",
    )  # fmt: skip
    with pytest.raises(RegisterError, match="holds no evidence"):
        run("monitor", "check-evidence", tmp_path)


def test_what_a_monitor_watches_for(tmp_path: Path, policy: Path) -> None:
    options = ("--policy", policy, "--once", "--watch-key", (b"k" * 32).hex())
    watched = run("monitor", "run", tmp_path / "watch", *options, "--command", "/no/such/program")
    assert watched.exit_code == 1
    assert f"{ORIGIN}, entry 0: the key 6b6b6b6b6b6b6b6b…, which is watched for" in watched.stderr
    assert "--command failed: FileNotFoundError" in watched.stderr
    with pytest.raises(UsageError, match="--watch-file"):
        run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once", "--watch-file", "abc")
    with pytest.raises(RegisterError, match="is no address"):
        run("monitor", "run", tmp_path / "watch", "--policy", policy, "--once", "--url", "x")


@contextlib.contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    one = subprocess.Popen(
        [sys.executable, "-m", "assay.cli", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield one
    finally:
        one.send_signal(signal.SIGINT)
        try:
            one.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            one.kill()
            one.communicate()


def get(url: str) -> httpx.Response:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(url, trust_env=False)
            if answer.status_code == 200:
                return answer
        time.sleep(0.05)
    raise AssertionError(url)


def test_witness_and_mirror_as_processes(tmp_path: Path, log: ToyLog, served: Served) -> None:
    """They are started as a person starts them, cosign and copy, and go when told to."""
    keys = run("witness", "init", tmp_path / "w", "--name", "w.example", "--log", log.verifier).stdout.splitlines()
    run("mirror", "init", tmp_path / "m", "--name", "m.example", "--log", f"{log.verifier} {served.url}")
    ports = free_port(), free_port()
    with (
        process("witness", "serve", tmp_path / "w", "--port", ports[0]) as one,
        process("mirror", "serve", tmp_path / "m", "--port", ports[1], "--every", "0.2") as two,
    ):
        assert get(f"http://127.0.0.1:{ports[0]}/keys").text.splitlines() == keys
        witnesses = "".join(f"witness w{n} {key} http://127.0.0.1:{ports[0]}/\n" for n, key in enumerate(keys))
        policy = Policy.parse(f"log {log.verifier}\n{witnesses}group q all w0 w1\nquorum q\n")
        asking = Witnesses(policy)
        log.shown = asking(log.note(), log.proof)
        asking.close()
        assert len(policy.check(log.shown).witnesses) == 2
        assert get(f"http://127.0.0.1:{ports[1]}/{name_of(ORIGIN)}/tile/entries/000").status_code == 200
        assert one.stdout is not None
        assert two.stdout is not None
        line = one.stdout.readline()
        assert line == f"w.example: cosigning at http://127.0.0.1:{ports[0]}/ until stopped (Ctrl+C)\n"
        assert two.stdout.readline().startswith("m.example: serving at ")
    assert run("mirror", "verify", tmp_path / "m").exit_code == 0
