"""The server as it is run: over a socket, in processes of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.web.register.serving import claims

from assay.errors import RegisterError
from assay.register.log import Log, init
from assay.register.receipt import issue
from assay.register.remote import RemoteRegister
from assay.register.submission import Submitter
from assay.web.register.server import Configuration, build, serve

SERVE = """
import sys
from pathlib import Path
from assay.web.register import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]))
"""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", child
    finally:
        child.terminate()
        child.wait(30)


def submit(register: RemoteRegister, submitter: Submitter, *numbers: int) -> list[int]:
    """Hand in, as soon as somebody answers."""
    while True:
        try:
            return [position.index for position in register.submit(claims(submitter, *numbers)).positions]
        except RegisterError as error:
            if error.reason != "unreachable":
                raise
            time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init(tmp_path / "log", "example.org/log").close()
    return tmp_path / "log"


def test_what_it_acknowledged_outlives_its_processes(folder: Path) -> None:
    submitter = Submitter.generate()
    with running(folder) as (url, child), RemoteRegister(url) as register:
        assert submit(register, submitter, 1, 2) == [0, 1]
        with pytest.raises(RegisterError) as error:
            Log.open(folder)
        assert error.value.reason == "conflict"
        workers = psutil.Process(child.pid).children()
        assert workers
        os.kill(workers[0].pid, signal.SIGKILL)
        assert submit(register, submitter, 2, 3) == [1, 2]
    with Log.open(folder) as log:
        assert (log.sequencer.status.committed, log.sequencer.status.published) == (3, 3)
    with running(folder) as (url, _), RemoteRegister(url) as register:
        assert submit(register, submitter, 3, 4) == [2, 3]
        issue(register, 0).check()


def test_a_log_that_somebody_holds_is_not_served(folder: Path) -> None:
    with Log.open(folder), pytest.raises(RegisterError) as error:
        serve(folder, port=1)
    assert error.value.reason == "conflict"
    with Log.open(folder), pytest.raises(RegisterError):
        build(Configuration(folder=str(folder)))
    Log.open(folder).close()


def test_a_folder_without_a_log_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(RegisterError) as error:
        build(Configuration(folder=str(tmp_path)))
    assert error.value.reason == "missing"
