"""Each rule is told by its name, and whether the library enforces it is measured, not believed."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID as P
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.certificates.faulty import ALSO, CASES, Measured, measure, to_pem
from tests.provenance.pki import pki, remade

from assay.errors import ProvenanceError
from assay.provenance.certificates import ALGORITHMS, RULES, create, lint, load_key, request
from assay.provenance.certificates.issue import Issuer, ca_extensions, issue, leaf_extensions, pem, subject
from assay.provenance.certificates.rules import TIMESTAMP_RULES
from assay.timestamps import Authority, Identity

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "certificates.md"


@cache
def measured(rule: str) -> Measured:
    return measure(CASES[rule]())


def rules(chain: bytes, **ask: Any) -> dict[str, str]:
    return {fault.rule: fault.severity for fault in lint(chain, **ask)}


def test_every_rule_has_a_chain_that_breaks_it() -> None:
    assert set(CASES) == set(RULES) - TIMESTAMP_RULES


@pytest.mark.parametrize("rule", CASES)
class TestRule:
    def test_is_told_by_name_and_no_other_is(self, rule: str) -> None:
        case = CASES[rule]()
        faults = {fault.rule: fault for fault in lint(case.chain, **case.ask)}
        assert set(faults) - ALSO.get(rule, set()) - {"missing-intermediate"} == {rule} - {"missing-intermediate"}
        assert faults[rule].severity == RULES[rule].severity

    def test_is_enforced_by_the_library_as_we_say(self, rule: str) -> None:
        found = measured(rule)
        assert RULES[rule].enforced is (not found.signs), found.error

    def test_stands_in_the_page_with_what_was_measured(self, rule: str) -> None:
        known = RULES[rule]
        reads = {"-": "–"}.get(measured(rule).state, measured(rule).state)
        row = (
            f"| `{rule}` | {known.title} | {known.severity} | {known.where} | "
            f"{'refused' if known.enforced else 'signs'} | {reads} |"
        )
        assert row in PAGE.read_text(encoding="utf-8")


def test_the_page_names_no_rule_that_is_none() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert sorted(rows) == sorted(RULES)


def test_a_private_key_in_the_chain_really_goes_out_with_each_file() -> None:
    """Why that is an error, and why whoever signs must look at the chain first."""
    key = serialization.load_pem_private_key(pki().key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.private_numbers().private_value.to_bytes(32, "big") in measured("private-key").file


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_we_make_fits_and_is_trusted(algorithm: str) -> None:
    made = create("Maker", organisation="Org", algorithm=algorithm)
    assert lint(made.chain_pem, roots=made.root_pem, key_pem=made.key_pem) == ()


def test_what_we_make_for_timestamps_fits() -> None:
    assert lint(pki().tsa.chain_pem, purpose="timestamp", roots=pki().tsa_root_pem) == ()
    assert rules(pki().tsa.chain_pem, roots=pki().tsa_root_pem) == {"no-claim-purpose": "error"}


TIMESTAMP_CASES = {
    "no-timestamp-purpose": ((P.EMAIL_PROTECTION,), True),
    "timestamp-purpose-alone": ((P.TIME_STAMPING, P.EMAIL_PROTECTION), True),
    "timestamp-purpose-critical": ((P.TIME_STAMPING,), False),
}


@pytest.mark.parametrize("rule", TIMESTAMP_CASES)
def test_rules_for_timestamps_are_told_and_enforced_by_openssl(rule: str, tmp_path: Path) -> None:
    purposes, critical = TIMESTAMP_CASES[rule]
    p = pki()
    tsa_root = x509.load_pem_x509_certificate(p.tsa_root_pem)
    key = load_key(p.tsa.root_key_pem)
    leaf = remade(
        x509.load_pem_x509_certificate(p.tsa.chain_pem),
        Issuer(tsa_root, key),
        instead=[e for e in leaf_extensions(purposes, critical=critical) if isinstance(e[0], x509.ExtendedKeyUsage)],
    )
    chain = leaf.public_bytes(serialization.Encoding.PEM)
    assert rules(chain, purpose="timestamp", roots=p.tsa_root_pem) == {rule: "error"}
    try:
        authority = Authority(Identity("bad", chain, p.tsa.key_pem), tmp_path / "serials")
    except ProvenanceError as error:
        pytest.skip(f"missing: {error}")
    with pytest.raises(ProvenanceError) as caught:
        authority.reply(b"")
    assert caught.value.reason == "authority"
    assert RULES[rule].enforced
    row = f"| `{rule}` | {RULES[rule].title} | error | {RULES[rule].where} | refused | – |"
    assert row in PAGE.read_text(encoding="utf-8")


class TestJudges:
    def test_validity_at_the_time_asked_for(self) -> None:
        made = pki().expired(days_ago=10)
        roots = pki().root_pem
        then = datetime.now(UTC) - timedelta(days=50)
        assert set(rules(made.chain_pem, roots=roots)) == {"expired"}
        assert rules(made.chain_pem, roots=roots, at=then) == {"not-yet-valid": "error"}, "the intermediate was not yet"
        leaf_only = [f.certificate for f in lint(made.chain_pem, roots=roots, at=then)]
        assert leaf_only == [2]

    def test_the_leaf_is_excused_where_an_issuer_is_not(self) -> None:
        lax = pki().issue(drop=[x509.BasicConstraints, x509.SubjectKeyIdentifier])
        assert rules(lax.chain_pem, roots=pki().root_pem) == {
            "basic-constraints": "warning",
            "subject-key-identifier": "warning",
        }

    def test_a_leaf_alone_is_warned_of_where_no_root_was_given(self) -> None:
        alone = pki().issue(intermediate=False)
        assert rules(alone.chain_pem) == {"missing-intermediate": "warning"}

    def test_errors_come_first(self) -> None:
        made = pki().issue(organisation=None, drop=[x509.KeyUsage])
        assert [f.severity for f in lint(made.chain_pem, roots=pki().root_pem)] == ["error", "warning"]

    def test_the_number_of_the_certificate_is_that_in_the_file(self) -> None:
        p = pki()
        swapped = p.intermediate.pem + p.issue(drop=[x509.KeyUsage]).chain_pem.split(p.intermediate.pem)[0]
        faults = {f.rule: f.certificate for f in lint(swapped, roots=p.root_pem)}
        assert faults == {"order": None, "key-usage": 2}

    def test_one_damaged_certificate_among_good_ones(self) -> None:
        chain = pki().chain_pem
        damaged = chain.replace(b"\nMII", b"\nMAA", 1)
        assert {(f.rule, f.certificate) for f in lint(damaged)} >= {("unreadable", 1)}


class TestKindsOfKeyAndSignature:
    @pytest.mark.parametrize(
        ("mask", "expected"),
        [(hashes.SHA256(), set()), (hashes.SHA384(), {"signature-algorithm"})],
        ids=["same", "other"],
    )
    def test_pss_has_the_same_digest_in_its_mask(
        self, mask: hashes.HashAlgorithm, expected: set[str], rsa_issuer: Issuer
    ) -> None:
        assert isinstance(rsa_issuer.key, rsa.RSAPrivateKey)
        leaf = pki().leaf
        builder = (
            x509.CertificateBuilder().subject_name(leaf.subject).issuer_name(rsa_issuer.certificate.subject)
            .public_key(leaf.public_key()).serial_number(77).not_valid_before(leaf.not_valid_before_utc)
            .not_valid_after(leaf.not_valid_after_utc)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_issuer.key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf.public_key()), False)
        )  # fmt: skip
        for extension, critical in leaf_extensions((P.EMAIL_PROTECTION,)):
            builder = builder.add_extension(extension, critical)
        how = padding.PSS(padding.MGF1(mask), 32)
        signed = builder.sign(rsa_issuer.key, hashes.SHA256(), rsa_padding=how)
        assert set(rules(pem(signed) + rsa_issuer.pem)) - {"root-included", "signature"} == expected

    @pytest.fixture
    def rsa_issuer(self) -> Issuer:
        key = rsa.generate_private_key(65537, 2048)
        begins = pki().leaf.not_valid_before_utc
        certificate = issue(
            subject("RSA root", "Org"), key.public_key(), key, ca_extensions(path_length=0),
            not_before=begins, not_after=begins + timedelta(days=900),
        )  # fmt: skip
        return Issuer(certificate, key)

    def test_a_kind_of_key_that_nobody_signs_claims_with(self) -> None:
        p = pki()
        leaf = issue(
            subject("Ed448", "Org"), ed448.Ed448PrivateKey.generate().public_key(), p.intermediate,
            leaf_extensions((P.EMAIL_PROTECTION,)),
            not_before=p.leaf.not_valid_before_utc, not_after=p.leaf.not_valid_after_utc,
        )  # fmt: skip
        assert rules(pem(leaf) + p.intermediate.pem, roots=p.root_pem) == {"key-kind": "error"}

    def test_text_that_is_no_base64(self) -> None:
        assert rules(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n") == {"unreadable": "error"}


class TestSaysHowToConvert:
    def test_pkcs7(self) -> None:
        certificates = x509.load_pem_x509_certificates(pki().chain_pem)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            (fault,) = lint(pkcs7.serialize_certificates(certificates, encoding))
            assert "openssl pkcs7 -print_certs" in fault.says

    def test_pkcs12(self) -> None:
        made = create("Maker", organisation="Org")
        key = load_key(made.key_pem)
        leaf = x509.load_pem_x509_certificate(made.chain_pem)
        bundle = pkcs12.serialize_key_and_certificates(
            b"x",
            key,
            leaf,
            None,
            serialization.BestAvailableEncryption(b"p"),
        )
        (fault,) = lint(bundle)
        assert "openssl pkcs12 -nokeys" in fault.says

    def test_the_command_for_der_does_what_it_says(self, tmp_path: Path) -> None:
        binary = tmp_path / "leaf.der"
        binary.write_bytes(pki().leaf.public_bytes(serialization.Encoding.DER))
        (command,) = {f.fix for f in lint(binary.read_bytes(), roots=pki().root_pem) if f.rule == "der"}
        words = command.removeprefix("Convert it: ").replace("FILE", str(binary)).split()
        try:
            subprocess.run(words, cwd=tmp_path, check=True, timeout=20)
        except FileNotFoundError:
            pytest.skip("missing: openssl")
        assert "der" not in rules((tmp_path / "chain.pem").read_bytes())

    def test_a_request_is_no_certificate(self) -> None:
        csr, _ = request("Maker", organisation="Org")
        (fault,) = lint(csr)
        assert "send it to an authority" in fault.says


class TestKey:
    def test_encrypted_wants_its_passphrase(self) -> None:
        made = pki().issue(passphrase="right horse")
        for wrong in (None, "wrong horse"):
            with pytest.raises(ProvenanceError) as caught:
                lint(made.chain_pem, key_pem=made.key_pem, passphrase=wrong)
            assert caught.value.reason == "passphrase"
            assert "horse" not in str(caught.value)
        assert lint(made.chain_pem, roots=pki().root_pem, key_pem=made.key_pem, passphrase="right horse") == ()

    def test_that_is_none(self) -> None:
        with pytest.raises(ProvenanceError) as caught:
            lint(pki().chain_pem, key_pem=b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
        assert caught.value.reason == "key"


class TestHostile:
    def test_far_too_large(self) -> None:
        for data in (b"x" * 200_000, pki().leaf.public_bytes(serialization.Encoding.PEM) * 17):
            with pytest.raises(ProvenanceError) as caught:
                lint(data)
            assert caught.value.reason == "too_large"

    def test_many_beginnings_without_end_take_no_time(self) -> None:
        start = datetime.now(UTC)
        lint(b"-----BEGIN CERTIFICATE-----" * 4500)
        lint(b"-----BEGIN " * 11000)
        assert datetime.now(UTC) - start < timedelta(seconds=2)

    def test_a_chain_that_goes_round_ends(self) -> None:
        p = pki()
        names = [p.root.certificate.subject, p.intermediate.certificate.subject]
        ring = []
        for mine, other in (names, names[::-1]):
            built = (
                x509.CertificateBuilder().subject_name(mine).issuer_name(other).serial_number(7)
                .public_key(p.intermediate.key.public_key()).not_valid_before(p.leaf.not_valid_before_utc)
                .not_valid_after(p.leaf.not_valid_after_utc)
            )  # fmt: skip
            signed = built.sign(p.root.key, hashes.SHA384())
            ring.append(signed.public_bytes(serialization.Encoding.PEM))
        assert "signature" in rules(b"".join(ring))

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_damage_ends_in_faults(self, data: st.DataObject) -> None:
        """Bytes of a certificate changed at random, then given as PEM: never anything but an answer."""
        der = bytearray(pki().leaf.public_bytes(serialization.Encoding.DER))
        for _ in range(data.draw(st.integers(1, 4))):
            der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del der[data.draw(st.integers(0, len(der) - 1)) :]
        lint(to_pem(bytes(der)) + pki().intermediate.pem, roots=pki().root_pem)
        lint(bytes(der), purpose="timestamp")
