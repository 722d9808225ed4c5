"""``assay tsa`` as a person runs it: a real process that listens, answers and ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from tests.cli.test_certificates_command import assay, flat

from assay.provenance.certificates import lint
from assay.timestamps import check, stamp

SERVE = """
import typer
from assay.cli import tsa
app = typer.Typer(pretty_exceptions_enable=False)
app.callback()(lambda: None)
tsa.register(app)
app()
"""
"""The group alone, as a process that can be stopped."""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "clock"
    done = assay("tsa", "create", "Planet clock", "-o", folder, "-a", "es256", "--policy", "1.2.3.4")
    assert done.returncode == 0, done.stderr
    assert "Only as good as this machine's clock" in done.stdout
    assert f"assay tsa serve --identity {folder}" in done.stdout
    return folder


@contextmanager
def served(
    *arguments: str | Path, environment: dict[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    if shutil.which("openssl") is None:
        pytest.skip("missing: openssl")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, "tsa", "serve", "--port", "0", *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line or process.communicate()[1]
        yield found.group(), process
    finally:
        process.kill()
        process.communicate()


def roots(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((folder / "root.pem").read_bytes())


def test_create_makes_what_serves(clock: Path) -> None:
    assert lint((clock / "chain.pem").read_bytes(), purpose="timestamp", roots=(clock / "root.pem").read_bytes()) == ()
    done = assay("certificates", "lint", clock, "--purpose", "timestamp")
    assert (done.returncode, "fits" in done.stdout) == (0, True)
    assert not (clock / "identity.toml").exists(), "it is no identity to sign claims with"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_stopped(clock: Path, how: signal.Signals) -> None:
    with served("--identity", clock) as (url, process):
        assert url.startswith("http://127.0.0.1:")
        assert check(stamp(b"message", url), b"message", roots(clock))
        with urllib.request.urlopen(f"{url}health", timeout=10) as health:
            assert b'"policy": "1.2.3.4"' in health.read()
        process.send_signal(how)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    lines = [line.split(" ", 1)[1] for line in log.splitlines()]
    assert lines == ["POST 200", "GET 200", "stopped"]


def test_two_processes_on_one_identity_share_its_numbers(clock: Path) -> None:
    import rfc3161_client as tsp

    from assay.timestamps.client import as_reply

    with served("--identity", clock, "--quiet") as (one, _), served("--identity", clock, "--quiet") as (two, _):
        tokens = [stamp(b"message", url) for url in (one, two, one, two)]
    numbers = [tsp.decode_timestamp_response(as_reply(token)).tst_info.serial_number for token in tokens]
    assert [n - numbers[0] for n in numbers] == [0, 1, 2, 3]


def test_an_encrypted_key(tmp_path: Path) -> None:
    folder = tmp_path / "clock"
    made = assay("tsa", "create", "-o", folder, "-a", "es256", environment={"ASSAY_PASSPHRASE": "open sesame"})
    assert made.returncode == 0
    with served("--identity", folder, environment={"ASSAY_PASSPHRASE": "open sesame"}) as (url, _):
        assert check(stamp(b"message", url), b"message", roots(folder))
    for environment in ({}, {"ASSAY_PASSPHRASE": "sesame"}):
        done = assay("tsa", "serve", "--identity", folder, "--port", "0", environment=environment)
        assert done.returncode == 2
        assert "passphrase" in done.stderr
        assert "sesame" not in done.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--host", "localhost"], "is not an IP address"),
        (["--host", "203.0.113.7"], "Cannot listen"),
        (["--policy", "abc"], "object identifier"),
        (["--identity", "nowhere"], "Cannot read"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(clock: Path, options: list[str], word: str) -> None:
    done = assay("tsa", "serve", "--identity", clock, "--port", "0", *options)
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_certificate_that_cannot_stamp_is_refused_at_once(clock: Path, tmp_path: Path) -> None:
    assay("certificates", "create", "Planet", "-o", tmp_path / "planet")
    (tmp_path / "planet" / "tsa.toml").write_text('name = "x"\n')
    done = assay("tsa", "serve", "--identity", tmp_path / "planet", "--port", "0")
    assert done.returncode == 2
    assert "cannot stamp times: extendedKeyUsage does not have timeStamping" in done.stderr
    for text, word in (
        ("name = ", "cannot be read"),
        ("key = 3", "names of files"),
        ('key = "nowhere"', "Cannot read"),
    ):
        (tmp_path / "planet" / "tsa.toml").write_text(text)
        assert word in assay("tsa", "serve", "--identity", tmp_path / "planet", "--port", "0").stderr


def test_without_openssl(clock: Path, tmp_path: Path) -> None:
    done = assay("tsa", "serve", "--identity", clock, "--port", "0", environment={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "apt install openssl" in done.stderr


def test_create_refuses_ed25519(tmp_path: Path) -> None:
    done = assay("tsa", "create", "-o", tmp_path / "x", "-a", "ed25519")
    assert (done.returncode, "RSA" in done.stderr) == (2, True)
    assert not (tmp_path / "x").exists()


def test_help_teaches() -> None:
    for arguments in ((), ("create",), ("serve",)):
        done = assay("tsa", *arguments, "--help", columns=80)
        assert "assay tsa" in flat(done.stdout.split("Usage:")[1].split("\n", 1)[1])
