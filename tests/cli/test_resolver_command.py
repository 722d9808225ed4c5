import json
import re
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from tests.provenance.resolution.manifests import ONE, TWO, WATERMARK, simple
from tests.web.conftest import asked
from typer.testing import CliRunner

from assay.cli import resolver
from assay.errors import ProvenanceError, UsageError
from assay.provenance.store import ManifestStore
from assay.web import listening, server
from assay.web.limits import digest
from assay.web.service import Settings

app = typer.Typer()
app.callback()(lambda: None)
resolver.register(app)


def run(*arguments: object, **options: Any) -> Any:
    result = CliRunner().invoke(app, ["resolver", *map(str, arguments)], **options)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def manifests(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "one.c2pa", tmp_path / "two.c2pa"]
    for path, label in zip(paths, (ONE, TWO), strict=True):
        path.write_bytes(simple(label, [(WATERMARK, b"id")]))
    return paths


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been served."""
    calls: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *arguments: calls.append(arguments))
    monkeypatch.delenv(resolver.TOKEN, raising=False)
    return calls


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_add_list_remove(tmp_path: Path, manifests: list[Path]) -> None:
    store = tmp_path / "store"
    added = run("add", store, *manifests)
    assert (added.exit_code, added.stdout.split()) == (0, [ONE, TWO])
    assert run("add", store, manifests[0]).exit_code == 0, "once more does no harm"
    listed = run("list", store).stdout
    assert ONE in re.sub(r"\s", "", listed)
    assert "2 manifests" in listed
    lines = [json.loads(line) for line in run("list", store, "--json").stdout.splitlines()]
    assert [(line["manifest_id"], line["bindings"]) for line in lines] == [(ONE, 1), (TWO, 1)]
    assert run("remove", store, ONE).exit_code == 0
    with pytest.raises(ProvenanceError, match="There is no manifest"):
        run("remove", store, ONE)
    with ManifestStore.open(store) as kept:
        assert [entry.manifest_id for entry in kept.entries()] == [TWO]


def test_a_file_that_is_no_manifest_does_not_keep_the_others_out(tmp_path: Path, manifests: list[Path]) -> None:
    bad = tmp_path / "photo\x1b[31m.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0")
    other = tmp_path / "other.c2pa"
    other.write_bytes(simple(ONE))
    result = run("add", tmp_path / "store", bad, manifests[0], tmp_path / "absent", other, manifests[1])
    assert result.exit_code == 3
    assert result.stdout.split() == [ONE, TWO]
    assert "\x1b[31m" not in result.stderr
    assert result.stderr.count("assay: ") == 3
    assert "not replaced" in result.stderr


def test_list_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="no manifest store"):
        run("list", tmp_path)
    ManifestStore.open(tmp_path / "s", create=True).close()
    assert run("list", tmp_path / "s").stdout.strip() == "0 manifests, 0 bytes"


def test_token_shows_the_secret_once_and_its_digest(tmp_path: Path) -> None:
    result = run("token")
    secret = result.stdout.strip()
    assert len(secret) >= 40
    assert f"{resolver.TOKEN}={digest(secret)}" in result.stderr
    assert secret not in result.stderr
    assert run("token").stdout.strip() != secret


def test_serve_says_where_and_takes_nothing_in_without_a_token(tmp_path: Path, served: list[Any]) -> None:
    port = free_port()
    result = run("serve", tmp_path / "s", "--port", port, "--watermark", WATERMARK, "--rate", "5")
    assert result.exit_code == 0
    assert f"http://127.0.0.1:{port}/" in result.stdout
    assert "takes nothing in" in result.stderr
    ((configuration, host, given),) = served
    assert (host, given) == ("127.0.0.1", port)
    assert configuration.store == str(tmp_path / "s")
    assert WATERMARK in configuration.settings.watermarks
    assert configuration.settings.requests_per_minute == 5
    assert not configuration.settings.free
    assert not configuration.settings.fetch_references
    assert configuration.settings.token is None
    assert (tmp_path / "s" / "store.sqlite").is_file()


def test_serve_takes_the_digest_from_the_environment(tmp_path: Path, served: list[Any]) -> None:
    result = run("serve", tmp_path / "s", "--port", free_port(), env={resolver.TOKEN: digest("secret")})
    assert served[0][0].settings.token == digest("secret")
    assert "takes nothing in" not in result.stderr


def test_serve_refuses_a_secret_where_its_digest_belongs_unshown(tmp_path: Path, served: list[Any]) -> None:
    with pytest.raises(UsageError, match="digest of a token") as caught:
        run("serve", tmp_path / "s", env={resolver.TOKEN: "my secret"})
    assert "my secret" not in str(caught.value)
    assert served == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::1"])
def test_open_is_only_for_this_machine(tmp_path: Path, served: list[Any], host: str) -> None:
    with pytest.raises(UsageError, match="--open"):
        run("serve", tmp_path / "s", "--open", "--host", host)
    assert served == []


def test_open_on_this_machine(tmp_path: Path, served: list[Any]) -> None:
    assert run("serve", tmp_path / "s", "--open", "--host", "localhost", "--port", free_port()).exit_code == 0
    assert served[0][0].settings.free


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "example.org"], "not an IP address"),
        (["--watermark", "a b"], "no name of a soft binding algorithm"),
        (["--host", "192.0.2.1"], "Cannot listen"),
        (["--url", "repo.example"], "no address of a service"),
    ],
)
def test_requests_that_make_no_sense(tmp_path: Path, served: list[Any], options: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("serve", tmp_path / "s", "--port", free_port(), *options)
    assert served == []


def test_a_port_that_is_taken(tmp_path: Path, served: list[Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="Cannot listen"):
            run("serve", tmp_path / "s", "--port", other.getsockname()[1])


def test_help_teaches() -> None:
    for command in ([], ["add"], ["list"], ["remove"], ["serve"], ["token"]):
        assert "assay resolver" in run(*command, "--help").stdout


def test_what_is_served_is_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that answers makes its service from what the one that listens wrote down."""
    ManifestStore.open(tmp_path / "s", create=True).close()
    configuration = server.Configuration(str(tmp_path / "s"), Settings(watermarks=(WATERMARK,)))
    monkeypatch.setenv(listening.CONFIGURATION, msgspec.json.encode(configuration).decode())
    told = asked(server.application(), "GET", "/services/supportedAlgorithms").json()
    assert [one["alg"] for one in told["watermarks"]] == [WATERMARK]
