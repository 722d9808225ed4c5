"""Certificates and requests as we make them, looked at by others' programs too."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.x509.oid import ExtendedKeyUsageOID as P
from tests.provenance.certificates.faulty import Faulty, measure
from tests.provenance.pki import pki

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import (
    ALGORITHMS,
    create,
    create_timestamp_authority,
    encode_key,
    load_key,
    request,
)
from assay.provenance.certificates.issue import CLAIM_PURPOSES
from assay.provenance.certificates.keys import generate


def openssl(*arguments: str | Path) -> str:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        pytest.skip("missing: openssl")
    return done.stdout + done.stderr


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_signs_and_is_trusted_by_who_has_the_root(algorithm: str) -> None:
    made = create("Maker", organisation="Org", country="nl", algorithm=algorithm)
    assert measure(Faulty(made.chain_pem, made.key_pem, algorithm, root=made.root_pem)).state == "Trusted"
    assert measure(Faulty(made.chain_pem, made.key_pem, algorithm, root=pki().root_pem)).state == "Valid"


def test_openssl_follows_the_chain(tmp_path: Path) -> None:
    made = create("Maker", organisation="Org")
    for name, data in (("root", made.root_pem), ("chain", made.chain_pem), ("middle", made.intermediate_pem)):
        (tmp_path / name).write_bytes(data)
    options = ("-x509_strict", "-purpose", "smimesign", "-CAfile", tmp_path / "root", "-untrusted", tmp_path / "middle")
    assert "chain: OK" in openssl("verify", *options, tmp_path / "chain")
    assert "OK" not in openssl("verify", "-x509_strict", "-CAfile", tmp_path / "root", tmp_path / "chain")


def test_the_profile_is_that_of_the_policy() -> None:
    made = create("Maker", organisation="Org", country="nl", days=200, not_before=datetime(2026, 1, 1, tzinfo=UTC))
    leaf, intermediate = x509.load_pem_x509_certificates(made.chain_pem)
    root = x509.load_pem_x509_certificate(made.root_pem)
    assert leaf.subject.rfc4514_string() == "CN=Maker,O=Org,C=NL"
    assert leaf.not_valid_after_utc == datetime(2026, 7, 20, tzinfo=UTC)
    assert leaf.not_valid_after_utc < intermediate.not_valid_after_utc < root.not_valid_after_utc
    assert tuple(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == CLAIM_PURPOSES
    assert P.EMAIL_PROTECTION in CLAIM_PURPOSES
    for issuer, below in ((root, 1), (intermediate, 0)):
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, below)
        key = issuer.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP384R1)
    assert (intermediate.not_valid_after_utc - intermediate.not_valid_before_utc).days <= 1827
    numbers = {c.serial_number for c in (leaf, intermediate, root)}
    assert len(numbers) == 3
    assert min(numbers).bit_length() > 64


def test_a_certificate_of_many_years_has_issuers_that_outlive_it() -> None:
    made = create("Maker", organisation="Org", days=9000)
    leaf, intermediate = x509.load_pem_x509_certificates(made.chain_pem)
    root = x509.load_pem_x509_certificate(made.root_pem)
    assert leaf.not_valid_after_utc < intermediate.not_valid_after_utc < root.not_valid_after_utc


def test_it_is_valid_a_little_before_now_for_slow_clocks() -> None:
    leaf = x509.load_pem_x509_certificate(create("Maker", organisation="Org").chain_pem)
    assert timedelta(minutes=4) < datetime.now(UTC) - leaf.not_valid_before_utc < timedelta(minutes=10)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"organisation": ""}, "organisation"),
        ({"organisation": "x" * 65}, "organisation"),
        ({"organisation": "a\x1b[31m"}, "control"),
        ({"country": "Holland"}, "two letters"),
        ({"country": "Ñ1"}, "two letters"),
        ({"algorithm": "rs256"}, "es256"),
        ({"days": 0}, "days"),
        ({"days": 40_000}, "days"),
    ],
)
def test_what_cannot_be_is_told(options: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        create("Maker", **{"organisation": "Org", **options})  # type: ignore[arg-type]


def test_a_long_name_is_kept_whole_in_the_leaf_and_cut_in_its_issuers() -> None:
    made = create("N" * 64, organisation="Org")
    leaf, intermediate = x509.load_pem_x509_certificates(made.chain_pem)
    names = [c.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for c in (leaf, intermediate)]
    assert names[0] == "N" * 64
    assert str(names[1]).endswith("development intermediate")
    with pytest.raises(UsageError, match="name"):
        create("N" * 65, organisation="Org")


class TestSecrets:
    def test_a_passphrase_encrypts_every_key(self) -> None:
        made = create("Maker", organisation="Org", passphrase="open sesame")
        for pem in (made.key_pem, made.root_key_pem, made.intermediate_key_pem):
            assert b"ENCRYPTED" in pem
            assert load_key(pem, "open sesame")
            with pytest.raises(ProvenanceError, match="passphrase"):
                load_key(pem)

    def test_no_repr_shows_a_key(self) -> None:
        assert "KEY" not in repr(create("Maker", organisation="Org"))

    def test_a_key_of_another_kind(self) -> None:
        other = dsa.generate_private_key(1024).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(ProvenanceError) as caught:
            load_key(other)
        assert caught.value.reason == "key"

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_a_key_written_and_read_is_the_same(self, algorithm: str) -> None:
        key = generate(algorithm)
        for passphrase in (None, "p"):
            assert encode_key(load_key(encode_key(key, passphrase), passphrase)) == encode_key(key)


class TestTimestampAuthority:
    def test_stands_directly_under_its_root(self) -> None:
        made = create_timestamp_authority("Clock", organisation="Org", algorithm="es384")
        (leaf,) = x509.load_pem_x509_certificates(made.chain_pem)
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(made.root_pem))
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert purposes.critical
        assert list(purposes.value) == [P.TIME_STAMPING]

    def test_has_no_ed25519_key(self) -> None:
        with pytest.raises(UsageError, match="RSA"):
            create_timestamp_authority("Clock", organisation="Org", algorithm="ed25519")


class TestRequest:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_asks_for_the_profile_with_its_own_key(self, algorithm: str) -> None:
        csr_pem, key_pem = request("Maker", organisation="Org", country="NL", algorithm=algorithm, email="a@b.example")
        csr = x509.load_pem_x509_csr(csr_pem)
        assert csr.is_signature_valid
        assert csr.subject.rfc4514_string() == "CN=Maker,O=Org,C=NL"
        assert csr.public_key() == load_key(key_pem).public_key()
        assert tuple(csr.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == CLAIM_PURPOSES
        assert csr.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.RFC822Name) == ["a@b.example"]

    def test_openssl_reads_it(self, tmp_path: Path) -> None:
        (tmp_path / "csr").write_bytes(request("Maker", organisation="Org")[0])
        assert "verify OK" in openssl("req", "-in", tmp_path / "csr", "-noout", "-verify")

    @pytest.mark.parametrize("email", ["", "nobody", "a b@c.example", "ä@b.example", "@b.example", "a@b"])
    def test_an_address_that_is_none(self, email: str) -> None:
        with pytest.raises(UsageError, match="e-mail"):
            request("Maker", organisation="Org", email=email)
