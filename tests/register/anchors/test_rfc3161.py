"""RFC 3161 as an anchor: our own authority over HTTP, OpenSSL's tools by hand, and tokens that were tampered with."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.pki import authority, pki

from assay.errors import RegisterError
from assay.register.anchors import Anchor, Bound, Trust, check, rfc3161
from assay.register.anchors.bound import MAX_PROOF
from assay.timestamps import POLICY

NOTE = "log.example/one\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
ROOT = x509.load_pem_x509_certificate(pki().tsa_root_pem)


def checked(token: bytes, text: str = NOTE, *roots: x509.Certificate) -> Bound:
    return check(Anchor(kind="rfc3161", proof=token), text, Trust(authorities=roots))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with authority(pki()) as running:
        yield running


@pytest.fixture(scope="module")
def token(url: str) -> bytes:
    return rfc3161.stamp(NOTE, url)


def test_by_our_own_authority(token: bytes) -> None:
    found = checked(token, NOTE, ROOT)
    name = ROOT.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    assert (found.status, found.kind) == ("proven", "rfc3161")
    assert found.who == f"a time-stamping authority under the root {name!r}"
    assert found.says.startswith(f"A time-stamping authority under the root {name!r} saw it not later than ")
    assert found.not_after is not None
    assert abs(found.not_after - datetime.now(UTC)) < timedelta(minutes=5)
    assert any(f"to 1 s, under the policy {POLICY}" in step for step in found.steps)


def test_the_accuracy_is_allowed_for(token: bytes) -> None:
    from assay.timestamps import check as check_token

    assert checked(token, NOTE, ROOT).not_after == check_token(token, NOTE.encode(), [ROOT]) + timedelta(seconds=1)


def test_by_openssl(tmp_path: Path) -> None:
    """Request, answer and check by ``openssl ts``, and ours is read by it."""
    if not shutil.which("openssl"):
        pytest.skip("missing: openssl")

    def openssl(*arguments: str) -> str:
        done = subprocess.run(["openssl", "ts", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    tsa = pki().tsa
    (tmp_path / "note").write_text(NOTE, encoding="utf-8")
    (tmp_path / "leaf.pem").write_bytes(tsa.chain_pem)
    (tmp_path / "key.pem").write_bytes(tsa.key_pem)
    (tmp_path / "root.pem").write_bytes(pki().tsa_root_pem)
    (tmp_path / "serial").write_text("01", encoding="ascii")
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\nsigner_cert=leaf.pem\nsigner_key=key.pem\nserial=serial\ndefault_policy=1.2.3\ndigests=sha256\n"
        "signer_digest=sha256\ness_cert_id_alg=sha256\n",
        encoding="ascii",
    )
    openssl("-query", "-data", "note", "-sha256", "-cert", "-out", "query")
    openssl("-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query", "-token_out", "-out", "token")
    found = checked((tmp_path / "token").read_bytes(), NOTE, ROOT)
    assert found.status == "proven"
    assert any("without an accuracy, under the policy 1.2.3" in step for step in found.steps)
    verified = openssl("-verify", "-in", "token", "-token_in", "-data", "note", "-CAfile", "root.pem")
    assert "Verification: OK" in verified


def test_openssl_reads_ours(token: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "note").write_text(NOTE, encoding="utf-8")
    (tmp_path / "root.pem").write_bytes(pki().tsa_root_pem)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "note", "-CAfile", "root.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout


def test_what_is_not_proven(token: bytes) -> None:
    assert "root certificate of its authority is needed" in checked(token).says
    assert checked(token).status == "unchecked"
    other = x509.load_pem_x509_certificate(pki().root_pem)
    for found in (checked(token, NOTE, other), checked(token, NOTE + "x\n", ROOT), checked(b"x" * MAX_PROOF * 2)):
        assert (found.status, found.not_after) == ("invalid", None)
    assert checked(token, NOTE, other, ROOT).who == checked(token, NOTE, ROOT).who, "named by the root that vouches"


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damage_never_moves_the_time(token: bytes, data: st.DataObject) -> None:
    damaged = bytearray(token)
    damaged[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))
    found = checked(bytes(damaged), NOTE, ROOT)
    assert found.status == "invalid" or found.not_after == checked(token, NOTE, ROOT).not_after


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_never_raises(garbage: bytes) -> None:
    assert checked(garbage, NOTE, ROOT).status == "invalid"
    assert checked(garbage).status == "invalid"


def test_an_authority_that_is_down_or_none() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(RegisterError, match="cannot be reached") as caught:
        rfc3161.stamp(NOTE, f"http://127.0.0.1:{port}/")
    assert caught.value.reason == "unreachable"
    with pytest.raises(RegisterError) as caught:
        rfc3161.stamp(NOTE, "file:///etc/passwd")
    assert caught.value.reason == "malformed"


def test_a_kind_that_nobody_knows() -> None:
    found = check(Anchor(kind="astrology", proof=b""), NOTE, Trust())
    assert (found.status, found.not_after) == ("unchecked", None)
    assert "does not know" in found.says
