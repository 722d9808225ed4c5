"""Files made to be told better than they are, or to take others down with them."""

import contextlib
import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, Context, Signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from tests.provenance.pki import Issued, pki, remade
from tests.provenance.samples import sample
from tests.provenance.signed import mine, plain, sign, stapled, store, tampered, with_cose
from tests.provenance.test_chain import _other_root

from assay.provenance import engine
from assay.provenance.certificates.issue import Issuer
from assay.provenance.many import Ask, each_verified, one
from assay.provenance.model import State, Unverified, Verification
from assay.provenance.verify import verify

NOW = datetime.now(UTC)


def stranger() -> Issued:
    """A signer whom no list knows, with an authority of his own."""
    return pki().issue("Stranger", issuer=_other_root(), intermediate=False)


def ders(chain: bytes) -> list[bytes]:
    return [c.public_bytes(serialization.Encoding.DER) for c in x509.load_pem_x509_certificates(chain)]


def signed_with(who: Issued, header: dict[Any, Any], data: bytes | None = None) -> bytes:
    """A file whose signature, by the key of ``who``, has this protected header."""
    data = plain() if data is None else data
    at = data.index(b"cbor", data.index(b"c2pa.claim.v2\0"))
    claim = data[at + 4 : at - 4 + struct.unpack(">I", data[at - 4 : at])[0]]
    protected = cbor2.dumps({1: -7, **header})
    key = serialization.load_pem_private_key(who.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    made = key.sign(cbor2.dumps(["Signature1", protected, b"", claim]), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(made)
    return with_cose(data, [protected, {}, None, r.to_bytes(32, "big") + s.to_bytes(32, "big")])


class TestTwoChains:
    """A header with the signer's own chain, by which the signature is checked, and somebody else's beside it."""

    @pytest.fixture(params=["x5chain first", "33 first"])
    def data(self, request: pytest.FixtureRequest) -> bytes:
        who = stranger()
        own, theirs = ders(who.chain_pem), ders(pki().chain_pem)
        header = {"x5chain": own, 33: theirs} if request.param == "x5chain first" else {33: own, "x5chain": theirs}
        return signed_with(who, header)

    def test_the_time_asked_for_makes_nobody_trusted(self, data: bytes) -> None:
        assert verify(data, trust=store(), at=NOW).state is State.VALID

    def test_whom_a_retired_list_knows_is_not_raised_to_a_list_in_use(self, data: bytes) -> None:
        old = mine(_other_root().pem, name="old", status="retired")
        assert verify(data, trust=store(old, mine())).state in {State.VALID, State.TRUSTED_RETIRED}

    def test_whom_a_list_of_clocks_knows_is_nobody(self, data: bytes) -> None:
        clock = mine(_other_root().pem, name="clock", kind="tsa")
        assert verify(data, trust=store(clock, mine())).state is State.VALID


def damaged(change: Callable[[bytearray], None]) -> bytes:
    certificate = bytearray(pki().intermediate.certificate.public_bytes(serialization.Encoding.DER))
    change(certificate)
    return bytes(certificate)


def _name(der: bytearray) -> None:
    at = der.rindex(b"Test Organisation")
    der[at : at + 3] = b"\xff\xfe\xff"


def _version(der: bytearray) -> None:
    der[der.index(b"\xa0\x03\x02\x01\x02") + 4] = 5


class TestBadCertificates:
    @pytest.mark.parametrize("change", [_name, _version])
    @pytest.mark.parametrize("answers", [(), (b"",)], ids=["nothing stapled", "stapled"])
    @pytest.mark.parametrize("at", [None, NOW], ids=["now", "at"])
    def test_one_that_cannot_be_read_is_passed_over(
        self, change: Callable[[bytearray], None], answers: Sequence[bytes], at: datetime | None
    ) -> None:
        who = stranger()
        data = signed_with(who, {33: [*ders(who.chain_pem), damaged(change)]})
        data = stapled(data, *(pki().ocsp_response(who.leaf, revoked=False) for _ in answers)) if answers else data
        assert verify(data, trust=store(), at=at).state is State.VALID

    def test_what_no_code_foresaw_costs_one_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object, **__: object) -> Verification:
            raise ValueError("unforeseen")

        monkeypatch.setattr("assay.provenance.many.verify", fails)
        found = one("x.jpg", Ask(store()))
        assert isinstance(found, Unverified)
        assert (found.reason, found.path) == ("crashed", "x.jpg")

    def test_the_others_in_a_folder_are_verified(self, tmp_path: Path) -> None:
        who = stranger()
        bad = stapled(signed_with(who, {33: [*ders(who.chain_pem), damaged(_name)]}), b"0")
        for name, data in (("a.jpg", bad), ("b.jpg", plain())):
            (tmp_path / name).write_bytes(data)
        paths = [str(tmp_path / name) for name in ("a.jpg", "b.jpg")]
        answers = [answer for _, answer in each_verified(paths, Ask(store()))]
        assert [a.state for a in answers if isinstance(a, Verification)] == [State.VALID, State.TRUSTED]


class TestPath:
    """What the library lets pass between a signer and an authority on a list."""

    @staticmethod
    def codes(data: bytes, trust: Any = None) -> tuple[State, set[str]]:
        found = verify(data, trust=trust or store())
        return found.state, {r.code for r in found.reasons}

    @pytest.mark.parametrize("purpose", [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING])
    def test_a_clock_or_a_responder_signs_no_claims(self, purpose: x509.ObjectIdentifier) -> None:
        who = pki().issue("Clock", purposes=[purpose])
        state, codes = self.codes(signed_with(who, {33: ders(who.chain_pem)}))
        assert (state, "assay.trust.path" in codes) == (State.VALID, True)

    @pytest.mark.parametrize(
        "extension",
        [
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"),
            x509.NameConstraints([x509.DNSName("elsewhere.example")], None),
        ],
        ids=["unknown", "names"],
    )
    def test_what_an_authority_insists_on_and_nobody_checks(self, extension: x509.ExtensionType) -> None:
        limited = remade(pki().intermediate.certificate, pki().root, instead=[(extension, True)])
        by = Issuer(limited, pki().intermediate.key)
        who = pki().issue("Limited", issuer=by)
        state, codes = self.codes(signed_with(who, {33: ders(who.chain_pem)}))
        assert (state, "assay.trust.path" in codes) == (State.VALID, True)

    def test_an_authority_that_has_expired_vouches_for_nobody(self) -> None:
        key = pki().root.key
        old = (
            x509.CertificateBuilder()
            .subject_name(pki().root.certificate.subject)
            .issuer_name(pki().root.certificate.subject)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(NOW - timedelta(days=30))
            .not_valid_after(NOW - timedelta(days=2))
        )
        for one_of in pki().root.certificate.extensions:
            old = old.add_extension(one_of.value, critical=one_of.critical)
        pem = old.sign(key, hashes.SHA384()).public_bytes(serialization.Encoding.PEM)
        state, codes = self.codes(plain(), store(mine(pem)))
        assert (state, "assay.trust.path" in codes) == (State.VALID, True)

    def test_a_compressed_manifest_is_read_by_the_library(self) -> None:
        settings = engine.settings(store().anchors())
        settings["core"]["prefer_compress_manifests"] = True
        builder = Builder('{"claim_generator_info": [{"name": "Test"}]}', context=Context.from_dict(settings))
        builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
        out, info = io.BytesIO(), C2paSignerInfo(b"es256", pki().chain_pem, pki().key_pem, None)
        builder.sign(Signer.from_info(info), "image/jpeg", io.BytesIO(sample("image/jpeg")), out)
        assert b"brob" in out.getvalue()
        assert verify(out.getvalue(), trust=store()).list == "mine"
        assert verify(out.getvalue(), trust=store(mine(kind="tsa"))).state is State.VALID
        assert verify(tampered(out.getvalue()), trust=store()).state is State.BROKEN


class TestStapledAnswers:
    """Whoever has the file can staple answers to it: they lie outside of what is signed."""

    @staticmethod
    def answer(by: Issued | None, *, revoked: bool = False, days: int = 0, reason: Any = None) -> bytes:
        """What ``by`` (the authority itself when none) says of the test's signer, as of so many days from now."""
        issuer = pki().intermediate
        key: Any = serialization.load_pem_private_key(by.key_pem, None) if by else issuer.key
        who = by.leaf if by else issuer.certificate
        told = NOW + timedelta(days=days) - timedelta(hours=1)
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=pki().leaf, issuer=issuer.certificate, algorithm=hashes.SHA1(),
                cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=told, next_update=told + timedelta(days=2),
                revocation_time=told - timedelta(hours=1) if revoked else None, revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, who)
        )  # fmt: skip
        builder = builder.certificates([who]) if by else builder
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    @staticmethod
    def told(*answers: bytes) -> tuple[State, set[str]]:
        found = verify(stapled(plain(), *answers), trust=store())
        return found.state, {r.code for r in found.manifests[0].reasons if "ocsp" in r.code}

    @pytest.mark.parametrize("revoked", [True, False])
    @pytest.mark.parametrize("whose", ["the signer", "another customer", "a stranger"])
    def test_by_nobody_who_may_give_it(self, whose: str, revoked: bool) -> None:
        by = {
            "the signer": Issued(pki().chain_pem, pki().key_pem, pki().leaf, "es256"),
            "another customer": pki().issue("Neighbour"),
            "a stranger": pki().issue(
                "Stranger", issuer=_other_root(), intermediate=False, purposes=[ExtendedKeyUsageOID.OCSP_SIGNING]
            ),
        }[whose]
        assert self.told(self.answer(by, revoked=revoked)) == (State.TRUSTED, {"assay.ocsp.ignored"})

    @pytest.mark.parametrize("days", [-400, 400], ids=["out of date", "of the future"])
    @pytest.mark.parametrize("responder", [True, False])
    def test_good_counts_only_for_its_time(self, responder: bool, days: int) -> None:
        by = pki().issue("Responder", purposes=[ExtendedKeyUsageOID.OCSP_SIGNING]) if responder else None
        assert self.told(self.answer(by, days=days)) == (State.TRUSTED, {"assay.ocsp.ignored"})

    def test_revoked_outweighs_good_in_any_order(self) -> None:
        answers = [self.answer(None), self.answer(None, revoked=True)]
        for order in (answers, answers[::-1]):
            assert self.told(*order) == (State.BROKEN, {"signingCredential.ocsp.revoked"})

    def test_revoked_counts_though_it_is_old(self) -> None:
        assert self.told(self.answer(None, revoked=True, days=-400))[0] is State.BROKEN


def test_taking_out_what_was_said_of_a_broken_part_is_told() -> None:
    """The library allows it, and nothing else of the broken part is left in the file."""
    first, _ = sign(parts=[("sky", tampered(plain()))])
    assert verify(first, trust=store()).laundered
    uri = f"self#jumbf=/c2pa/{verify(first, trust=store()).manifests[0].label}/c2pa.assertions/c2pa.ingredient.v3"
    action = {"action": "c2pa.redacted", "reason": "c2pa.PII.present", "parameters": {"redacted": uri}}
    washed, _ = sign(first, parent=first, definition={"redactions": [uri]}, actions=[action])
    found = verify(washed, trust=store())
    assert found.manifests[0].redacted == (uri,)
    assert found.says.endswith(
        "What was said of 1 file that went in was removed: nothing tells whether that was sound."
    )
    assert "assay.ingredient.redacted" in {r.code for r in found.reasons}
    assert "assay.ingredient.redacted" not in {r.code for r in verify(first, trust=store()).reasons}


class TestNetwork:
    """A server that nobody may ask, named in every place where a file can name one."""

    @pytest.fixture
    def asked(self) -> Iterator[tuple[str, list[bytes]]]:
        heard: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as server:

            def listen() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        caller, _ = server.accept()
                        heard.append(caller.recv(64))
                        caller.close()

            threading.Thread(target=listen, daemon=True).start()
            yield f"http://127.0.0.1:{server.getsockname()[1]}", heard

    @staticmethod
    def signer(url: str) -> Issued:
        """One whose certificate says where to ask about it."""
        places = [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(f"{url}/{method.dotted_string}"))
            for method in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
        ]
        lists = [x509.DistributionPoint([x509.UniformResourceIdentifier(f"{url}/crl")], None, None, None)]
        return pki().issue(
            "Named",
            instead=[(x509.AuthorityInformationAccess(places), False), (x509.CRLDistributionPoints(lists), False)],
        )

    def test_nobody_is_asked_unless_told_to(self, asked: tuple[str, list[bytes]]) -> None:
        url, heard = asked
        who = self.signer(url)
        inside, _ = sign(by=who, remote=f"{url}/also.c2pa")
        files = [inside, sign(inside, parent=inside)[0], sign(by=who, embed=False, remote=f"{url}/only.c2pa")[0]]
        for data in files:
            heard.clear()
            verify(data, trust=store())
            verify(data, trust=store(), at=NOW)
            assert heard == []
            found = verify(data, trust=store(), online=True)
            assert heard != []
            if found.manifests:
                assert "signingCredential.ocsp.inaccessible" in {r.code for r in found.manifests[-1].reasons}
        found = verify(inside, trust=store(), online=True)
        assert "signingCredential.ocsp.inaccessible" in {r.code for r in found.reasons}
