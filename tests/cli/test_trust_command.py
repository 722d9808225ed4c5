"""``assay trust``: lists shown, added, switched off."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.provenance.pki import pki
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.provenance.trust import default_store, shipped


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def root(tmp_path: Path) -> str:
    path = tmp_path / "Our Root.pem"
    path.write_bytes(pki().root_pem)
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trust", *arguments], env={"COLUMNS": "140"})


def ids() -> list[str]:
    return [x.id for x in default_store().lists]


def test_list_names_each_with_its_day_source_and_digest() -> None:
    found = run("list")
    assert found.exit_code == 0
    for one in shipped():
        assert one.id in found.stdout
        assert one.sha256[:12] in found.stdout
        assert one.source in found.stdout
        assert (one.issued or "") in found.stdout


def test_add_shows_what_is_added_and_list_has_it(root: str) -> None:
    found = run("add", root, "--name", "newsroom")
    assert found.exit_code == 0, found.output
    assert "sha256:" in found.stdout
    assert "vouching for signers" in found.stdout
    assert ids()[-1] == "newsroom"
    assert "newsroom" in run("list").stdout
    assert run("remove", "newsroom").exit_code == 0
    assert "newsroom" not in ids()


def test_add_warns_of_what_is_expired_and_of_what_is_no_authority(tmp_path: Path) -> None:
    end = datetime.now(UTC) - timedelta(days=3)
    leaf = pki().issue("Old", not_before=end - timedelta(days=9), not_after=end).leaf
    path = tmp_path / "old.pem"
    path.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    found = run("add", str(path))
    assert found.exit_code == 0
    assert "expired" in found.stdout
    assert "no authority" in found.stdout
    assert ids()[-1] == "old"


def test_add_a_list_of_clocks(root: str) -> None:
    assert "vouching for times" in run("add", root, "--name", "clocks", "--tsa").stdout
    assert default_store().lists[-1].kind == "tsa"


def test_a_shipped_list_is_switched_off_and_on() -> None:
    assert "switches it on again" in run("remove", "c2pa").stdout
    assert "c2pa" not in ids()
    assert "off" in run("list").stdout
    assert "on again" in run("add", "c2pa").stdout
    assert "on already" in run("add", "c2pa").stdout
    assert "c2pa" in ids()


def test_show() -> None:
    found = run("show", "c2pa")
    assert found.stdout.count("sha256:") == 31
    assert "CC BY 4.0" in found.stdout
    assert "Google C2PA Root CA G3" in found.stdout


@pytest.mark.parametrize(
    "arguments",
    [["show", "gone"], ["remove", "gone"], ["add", "gone.pem"], ["add", "ROOT"], ["add", "ROOT", "--name", "none"]],
)
def test_requests_that_make_no_sense(arguments: list[str], root: str) -> None:
    found = run(*(root if a == "ROOT" else a for a in arguments))
    assert type(found.exception).__name__ == "UsageError"
    assert ids() == [x.id for x in shipped()]


def test_rubbish_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.pem"
    path.write_text("rubbish")
    found = run("add", str(path))
    assert type(found.exception).__name__ == "ProvenanceError"
    assert ids() == [x.id for x in shipped()]
