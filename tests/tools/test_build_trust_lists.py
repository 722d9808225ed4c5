"""The maintainer's tool: published files in, pinned data out; what is faulty is refused."""

import hashlib
import tomllib
from pathlib import Path

import pytest
import tools.build_trust_lists as tool
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.provenance.pki import pki


def build(folder: Path, name: str, source: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [
        "build", name, str(source), "--kind", kind, "--status", "current", "--title", "A list",
        "--issued", "2026-01-01", "--pinned", "2026-02-02", "--source", "https://example.org/list",
        "--licence", "CC0", "--folder", str(folder),
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", arguments)
    tool.main()


def test_a_list_is_written_with_its_digest_and_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.pem"
    source.write_bytes(pki().root_pem + pki().root_pem + pki().tsa_root_pem)
    build(tmp_path / "out", "b", source, "claim", monkeypatch)
    build(tmp_path / "out", "a", source, "tsa", monkeypatch)
    build(tmp_path / "out", "b", source, "claim", monkeypatch)
    index = tomllib.loads((tmp_path / "out" / "lists.toml").read_text())["list"]
    assert [(e["id"], e["kind"], e["count"]) for e in index] == [("a", "tsa", 2), ("b", "claim", 2)]
    content = (tmp_path / "out" / "b.pem").read_bytes()
    assert hashlib.sha256(content).hexdigest() == index[1]["sha256"]
    assert len(x509.load_pem_x509_certificates(content)) == 2


def test_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.txt"
    source.write_text("# Somebody\nSwJmKrvd0a561mMCdmrEhSGIj9tda8HjaTsTy8CCjRo=\n\n")
    build(tmp_path / "out", "x", source, "allowed", monkeypatch)
    assert tomllib.loads((tmp_path / "out" / "lists.toml").read_text())["list"][0]["count"] == 1
    source.write_text("SwJmKrvd0a561mMCdmrEhSGIj9tda8HjaTsTy8CC\n")
    with pytest.raises(SystemExit, match="no SHA-256"):
        build(tmp_path / "out", "x", source, "allowed", monkeypatch)


def test_a_root_that_its_own_key_did_not_sign_is_refused(tmp_path: Path) -> None:
    der = bytearray(x509.load_pem_x509_certificate(pki().root_pem).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    faulty = x509.load_der_x509_certificate(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(SystemExit, match="not signed by the key"):
        tool.certificates(faulty)
