"""Timestamps of the older form: whose are they? The library believes anybody, and tells a serial number alone."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.pki import authority, pki, serving
from tests.provenance.signed import clocks, mine, store

from assay.provenance.certificates import create_timestamp_authority
from assay.provenance.cms import signed_with
from assay.provenance.path import clock
from assay.timestamps import Authority, Identity, stamp

asn1: Any = pytest.importorskip("asn1crypto.cms", reason="missing: asn1crypto")
tsp: Any = pytest.importorskip("asn1crypto.tsp", reason="missing: asn1crypto")
asn1_x509: Any = pytest.importorskip("asn1crypto.x509", reason="missing: asn1crypto")

CLOCK = x509.load_pem_x509_certificates(pki().tsa.chain_pem)[0]


@pytest.fixture(scope="module")
def sound() -> Iterator[bytes]:
    with authority(pki()) as url:
        yield stamp(b"a signature", url)


@pytest.fixture(scope="module", params=["es256", "ps256"])
def strangers(request: pytest.FixtureRequest, sound: bytes) -> Iterator[tuple[bytes, x509.Certificate]]:
    """A timestamp by an authority that nobody knows, and its certificate."""
    made = create_timestamp_authority("Stranger", organisation="Elsewhere", country="NL", algorithm=request.param)
    with tempfile.TemporaryDirectory() as folder:
        who = Identity("Stranger", made.chain_pem, made.key_pem)
        with serving(Authority(who, Path(folder) / "serials.sqlite3")) as server:
            yield stamp(b"a signature", server.url), x509.load_pem_x509_certificates(made.chain_pem)[0]


def token_of(reply: bytes) -> Any:
    try:
        return tsp.TimeStampResp.load(reply, strict=True)["time_stamp_token"]
    except ValueError:
        return asn1.ContentInfo.load(reply)


def with_certificates(reply: bytes, *certificates: x509.Certificate) -> bytes:
    """The timestamp with other certificates in it, which no signature is over."""
    token = token_of(reply)
    der = [asn1_x509.Certificate.load(c.public_bytes(Encoding.DER)) for c in certificates]
    token["content"]["certificates"] = asn1.CertificateSet([asn1.CertificateChoices("certificate", c) for c in der])
    return bytes(token.dump(force=True))


def test_a_known_clock_is_believed(sound: bytes) -> None:
    now = datetime.now(UTC)
    for token in (sound, with_certificates(sound, CLOCK)):
        assert signed_with(token, CLOCK)
        found = clock(token, str(CLOCK.serial_number), store(mine(), clocks()), now)
        assert found is not None
        assert found.id == "clocks"
    serial = str(CLOCK.serial_number)
    assert clock(sound, serial, store(mine()), now) is None
    assert clock(sound, "7", store(clocks()), now) is None
    assert clock(sound, serial, store(clocks()), now + timedelta(days=100_000)) is None
    assert clock(b"\x30\x82" * 500, serial, store(clocks()), now) is None


def test_two_certificates_of_one_serial_are_believed_neither(sound: bytes) -> None:
    now = datetime.now(UTC)
    twin = (
        x509.CertificateBuilder().subject_name(CLOCK.subject).issuer_name(CLOCK.issuer)
        .public_key(pki().leaf.public_key()).serial_number(CLOCK.serial_number)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(pki().root.key, hashes.SHA256())
    )  # fmt: skip
    token = with_certificates(sound, CLOCK, twin)
    assert signed_with(token, CLOCK)
    assert clock(token, str(CLOCK.serial_number), store(clocks()), now) is None


def test_a_strangers_clock_with_a_known_ones_certificate_in_it_is_not(
    strangers: tuple[bytes, x509.Certificate],
) -> None:
    token, own = strangers
    assert signed_with(token, own)
    dressed = with_certificates(token, CLOCK)
    assert not signed_with(dressed, CLOCK)
    assert clock(dressed, str(CLOCK.serial_number), store(mine(), clocks()), datetime.now(UTC)) is None


def test_a_signer_of_claims_is_no_clock(sound: bytes) -> None:
    dressed = with_certificates(sound, pki().leaf, pki().intermediate.certificate)
    assert clock(dressed, str(pki().leaf.serial_number), store(mine()), datetime.now(UTC)) is None


def test_two_signers_are_one_too_many(sound: bytes) -> None:
    token = token_of(sound)
    signers = token["content"]["signer_infos"]
    token["content"]["signer_infos"] = asn1.SignerInfos([signers[0], signers[0]])
    assert not signed_with(token.dump(force=True), CLOCK)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 2000), value=st.integers(0, 255), cut=st.integers(0, 3000))
def test_damage_raises_nothing(sound: bytes, at: int, value: int, cut: int) -> None:
    data = bytearray(sound)
    data[at % len(data)] = value
    signed_with(bytes(data[:cut]), CLOCK)
    signed_with(bytes(data), CLOCK)
