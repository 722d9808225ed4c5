"""One file: its state, who vouches, at which time; and what comes of files that are no good."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.provenance.pki import authority, pki
from tests.provenance.samples import MIMES, sample
from tests.provenance.signed import (
    clocks,
    cose,
    edited,
    laundered,
    mine,
    plain,
    sign,
    signed_again,
    stapled,
    store,
    tampered,
    with_cose,
)

from assay.errors import MediaError
from assay.media import Limits
from assay.provenance.many import Ask, each_verified
from assay.provenance.model import Kind, State, Unverified, Verification
from assay.provenance.trust import TrustStore, default_store
from assay.provenance.verify import verify

NOW = datetime.now(UTC)


def codes(found: Verification, kind: Kind | None = None) -> set[str]:
    return {r.code for r in found.manifests[0].reasons if kind in {None, r.kind}}


@pytest.fixture(scope="module")
def stamped() -> bytes:
    with authority(pki()) as url:
        return sign(tsa=url)[0]


@pytest.fixture(scope="module")
def short() -> bytes:
    """Signed and stamped with a certificate of a few seconds, which is over by now."""
    end = datetime.now(UTC) + timedelta(seconds=3)
    who = pki().issue("Short", not_before=end - timedelta(days=1), not_after=end)
    with authority(pki()) as url:
        data, _ = sign(by=who, tsa=url)
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds() + 1.1))
    return data


class TestStates:
    def test_none(self) -> None:
        found = verify(sample("image/jpeg"), trust=store())
        assert (found.state, found.chain, found.signer, found.manifests) == (State.NONE, State.NONE, None, ())
        assert "no Content Credentials" in found.says

    def test_broken(self) -> None:
        found = verify(tampered(plain()), trust=store())
        assert (found.state, found.chain) == (State.BROKEN, State.BROKEN)
        assert found.reasons[0].code == "assertion.dataHash.mismatch"
        assert "changed after it was signed" in found.says

    def test_valid_signer_unknown(self) -> None:
        found = verify(plain(), trust=default_store())
        assert (found.state, found.chain, found.list) == (State.VALID, State.VALID, None)
        assert "signingCredential.untrusted" in codes(found, Kind.FAILURE)
        assert "C2PA trust list" in next(r.says for r in found.reasons if r.code == "signingCredential.untrusted")

    def test_trusted(self) -> None:
        found = verify(plain(), trust=store())
        assert (found.state, found.chain, found.list) == (State.TRUSTED, State.TRUSTED, "mine")
        assert "“mine”" in found.says
        assert found.signer is not None
        assert found.signer.name == "Test Signer"
        assert int(found.signer.serial) == pki().leaf.serial_number

    def test_trusted_by_a_retired_list(self) -> None:
        found = verify(plain(), trust=store(mine(status="retired")))
        assert (found.state, found.chain, found.list) == (State.TRUSTED_RETIRED, State.TRUSTED_RETIRED, "mine")
        assert "kept no more" in found.says

    def test_the_digest_and_the_engine_are_recorded(self, tmp_path: Path) -> None:
        import hashlib

        path = tmp_path / "a.jpg"
        path.write_bytes(plain())
        assert verify(path, trust=store()).sha256 == hashlib.sha256(plain()).hexdigest()
        big = plain() + bytes(300_000)
        assert verify(big, trust=store()).sha256 == hashlib.sha256(big).hexdigest()
        assert set(verify(path, trust=store()).engine) == {"assay", "c2pa-python", "c2pa-rs"}


@pytest.mark.parametrize("mime", MIMES)
def test_every_kind_of_file_that_can_be_signed_is_verified(mime: str) -> None:
    data, _ = sign(mime=mime)
    found = verify(data, trust=store())
    assert (found.state, found.format) == (State.TRUSTED, mime)
    assert verify(sample(mime), trust=store()).state is State.NONE


class TestWhichList:
    def test_a_current_list_goes_before_a_retired_one_whichever_the_library_names(self) -> None:
        intermediate = pki().intermediate.certificate.public_bytes(serialization.Encoding.PEM)
        retired = mine(name="old", status="retired")
        current = mine(intermediate, name="new")
        for lists in ((retired, current), (current, retired)):
            for _ in range(4):
                assert verify(plain(), trust=store(*lists)).list == "new"

    def test_a_list_of_time_stamping_authorities_vouches_for_no_signer(self) -> None:
        found = verify(plain(), trust=store(mine(kind="tsa")))
        assert (found.state, found.list) == (State.VALID, None)
        assert "assay.trust.timestamp_list" in codes(found)
        assert "signingCredential.untrusted" in codes(found, Kind.FAILURE)

    def test_the_same_root_on_both_kinds_of_list_is_trusted(self) -> None:
        for _ in range(4):
            found = verify(plain(), trust=store(mine(kind="tsa", name="time"), mine(name="signers")))
            assert (found.state, found.list) == (State.TRUSTED, "signers")

    def test_a_signer_named_one_by_one(self) -> None:
        leaf = pki().leaf.public_bytes(serialization.Encoding.PEM)
        other = pki().issue("Other").leaf.public_bytes(serialization.Encoding.PEM)
        found = verify(plain(), trust=store(mine(other, name="a"), mine(leaf, name="b")))
        assert (found.state, found.list) == (State.TRUSTED, "b")
        assert verify(plain(), trust=store(mine(other))).state is State.VALID

    def test_no_list_at_all(self) -> None:
        assert verify(plain(), trust=TrustStore()).state is State.VALID

    def test_an_intermediate_that_is_missing_from_the_chain(self) -> None:
        alone, _ = sign(by=pki().issue(intermediate=False))
        assert verify(alone, trust=store()).state is State.VALID


class TestTime:
    def test_a_trusted_timestamp_tells_when(self, stamped: bytes) -> None:
        found = verify(stamped, trust=store(mine(), clocks()))
        assert found.state is State.TRUSTED
        assert found.signed_at is not None
        assert abs(datetime.fromisoformat(found.signed_at) - NOW) < timedelta(minutes=10)
        assert "timeStamp.trusted" in codes(found, Kind.SUCCESS)

    def test_a_timestamp_of_an_unknown_authority_is_only_the_signers_word(self, stamped: bytes) -> None:
        found = verify(stamped, trust=store())
        assert (found.state, found.signed_at) == (State.TRUSTED, None)
        assert found.manifests[0].claimed_at
        assert {"timeStamp.untrusted", "assay.no_timestamp"} <= codes(found, Kind.INFORMATION)

    def test_expired_without_a_timestamp_is_broken(self) -> None:
        found = verify(signed_again(plain(), pki().expired()), trust=store())
        assert found.state is State.BROKEN
        assert codes(found, Kind.FAILURE) >= {"signingCredential.expired"}
        assert "no trusted timestamp" in found.says

    def test_expired_with_a_trusted_timestamp_is_trusted(self, short: bytes) -> None:
        found = verify(short, trust=store(mine(), clocks()))
        assert (found.state, found.list) == (State.TRUSTED, "mine")
        assert "timeStamp.trusted" in codes(found, Kind.SUCCESS)

    def test_expired_with_an_untrusted_timestamp_is_broken(self, short: bytes) -> None:
        found = verify(short, trust=store())
        assert found.state is State.BROKEN
        assert "signingCredential.expired" in codes(found, Kind.FAILURE)
        assert "timeStamp.untrusted" in codes(found, Kind.INFORMATION)


class TestAt:
    def test_a_certificate_that_was_valid_then(self) -> None:
        data = signed_again(plain(), pki().expired(days_ago=10))
        # The test root is younger than that: the expired leaf's chain is judged for a time when the root was not there.
        at = NOW - timedelta(days=20)
        found = verify(data, trust=store(), at=at)
        assert found.state is State.VALID
        assert "assay.at" in codes(found, Kind.INFORMATION)
        assert "signingCredential.expired" not in codes(found)
        assert datetime.fromisoformat(found.at) == at.replace(microsecond=0)

    def test_named_one_by_one_it_is_trusted_as_of_then(self) -> None:
        who = pki().expired(days_ago=10)
        leaf = who.leaf.public_bytes(serialization.Encoding.PEM)
        found = verify(signed_again(plain(), who), trust=store(mine(leaf)), at=NOW - timedelta(days=20))
        assert (found.state, found.list) == (State.TRUSTED, "mine")

    @pytest.mark.parametrize(("days", "code"), [(-1000, "assay.at.not_yet_valid"), (1000, "assay.at.expired")])
    def test_a_certificate_that_was_not(self, days: int, code: str) -> None:
        found = verify(plain(), trust=store(), at=NOW + timedelta(days=days))
        assert found.state is State.BROKEN
        assert code in codes(found, Kind.FAILURE)

    def test_a_trusted_timestamp_goes_before(self, stamped: bytes) -> None:
        found = verify(stamped, trust=store(mine(), clocks()), at=NOW + timedelta(days=1000))
        assert found.state is State.TRUSTED
        assert "assay.at" not in codes(found)

    def test_a_changed_file_stays_broken(self) -> None:
        found = verify(tampered(plain()), trust=store(), at=NOW)
        assert found.reasons[0].code == "assertion.dataHash.mismatch"

    def test_a_time_without_a_zone_is_utc(self) -> None:
        found = verify(plain(), trust=store(), at=datetime(2020, 1, 1))
        assert found.at == "2020-01-01T00:00:00+00:00"


class TestRevocation:
    def answer(self, *, revoked: bool = True, by_responder: bool = True, when: datetime = NOW) -> bytes:
        """By the authority itself, or by a responder that it certified."""
        issuer = pki().intermediate
        responder = pki().issue("Responder", purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])
        key: Any = serialization.load_pem_private_key(responder.key_pem, None) if by_responder else issuer.key
        who = responder.leaf if by_responder else issuer.certificate
        status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=pki().leaf, issuer=issuer.certificate, algorithm=hashes.SHA1(), cert_status=status,
                this_update=NOW - timedelta(hours=1), next_update=NOW + timedelta(days=1),
                revocation_time=when if revoked else None,
                revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, who)
        )  # fmt: skip
        builder = builder.certificates([who]) if by_responder else builder
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    @pytest.mark.parametrize("by_responder", [True, False], ids=["responder", "authority"])
    def test_revoked_by_a_stapled_answer(self, by_responder: bool) -> None:
        data = stapled(plain(), self.answer(by_responder=by_responder, when=NOW - timedelta(days=1)))
        found = verify(data, trust=store())
        assert found.state is State.BROKEN
        assert "signingCredential.ocsp.revoked" in codes(found, Kind.FAILURE)
        assert "revoked" in found.says

    @pytest.mark.parametrize("by_responder", [True, False], ids=["responder", "authority"])
    def test_good_by_a_stapled_answer(self, by_responder: bool) -> None:
        found = verify(stapled(plain(), self.answer(revoked=False, by_responder=by_responder)), trust=store())
        assert found.state is State.TRUSTED
        assert "signingCredential.ocsp.notRevoked" in codes(found, Kind.SUCCESS)

    def test_an_answer_about_another_certificate_or_by_nobody_counts_for_nothing(self) -> None:
        other = pki().ocsp_response(pki().issue("Other").leaf, revoked=True)
        forged = bytearray(self.answer(by_responder=False))
        forged[-1] ^= 1
        for answer in (other, bytes(forged), b"", b"\x30\x80"):
            assert verify(stapled(plain(), answer), trust=store()).state is State.TRUSTED

    def test_not_asked_is_said(self) -> None:
        assert "signingCredential.ocsp.skipped" in codes(verify(plain(), trust=store()), Kind.INFORMATION)


class TestElsewhere:
    URL = "http://127.0.0.1:9/x.c2pa"

    def test_credentials_kept_elsewhere_are_named_and_not_fetched(self) -> None:
        data, _ = sign(embed=False, remote=self.URL)
        found = verify(data, trust=store())
        assert (found.state, found.remote) == (State.NONE, self.URL)
        assert self.URL in found.says
        assert [r.code for r in found.reasons] == ["manifest.inaccessible"]

    def test_nobody_answers_though_the_network_is_allowed(self) -> None:
        data, _ = sign(embed=False, remote=self.URL)
        found = verify(data, trust=store(), online=True)
        assert (found.state, found.online) == (State.NONE, True)
        assert "could not be fetched" in found.says

    def test_a_sidecar(self) -> None:
        data, manifest = sign(embed=False)
        assert verify(data, trust=store()).state is State.NONE
        found = verify(data, trust=store(), sidecar=manifest)
        assert (found.state, found.sidecar) == (State.TRUSTED, "given")

    def test_a_sidecar_of_another_file(self) -> None:
        _, manifest = sign(embed=False)
        other = sign(sample("image/jpeg")[:-2] + b"\0\0\xff\xd9", embed=False)[0]
        assert verify(other, trust=store(), sidecar=manifest).state is State.BROKEN

    def test_a_sidecar_that_is_none(self) -> None:
        found = verify(plain(), trust=store(), sidecar=b"not a manifest")
        assert (found.state, found.reasons[0].code) == (State.BROKEN, "assay.sidecar.unreadable")


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [(b"", "empty"), (b"hello, this is text\n" * 30, "unsupported"), (b"BM" + bytes(60), "unsupported"),
         (b"\0\1\0\0" + bytes(80), "unsupported")],
        ids=["empty", "text", "bmp", "font"],
    )  # fmt: skip
    def test_what_cannot_carry_credentials(self, content: bytes, reason: str, tmp_path: Path) -> None:
        path = tmp_path / "photo.jpg"
        path.write_bytes(content)
        with pytest.raises(MediaError) as caught:
            verify(path, trust=store())
        assert caught.value.reason == reason
        assert str(caught.value).startswith(str(path))

    def test_missing_and_folder(self, tmp_path: Path) -> None:
        for path, reason in ((tmp_path / "no.jpg", "missing"), (tmp_path, "unreadable")):
            with pytest.raises(MediaError) as caught:
                verify(path, trust=store())
            assert caught.value.reason == reason

    def test_too_large(self) -> None:
        with pytest.raises(MediaError, match="more than"):
            verify(plain(), trust=store(), limits=Limits(max_bytes=1000))

    def test_the_content_tells_what_a_file_is_and_not_its_name(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.png"
        path.write_bytes(plain())
        assert verify(path, trust=store()).format == "image/jpeg"

    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
    def test_cut_short_is_broken_and_never_none(self, share: float) -> None:
        data = plain()
        try:
            state = verify(data[: int(len(data) * share)], trust=store()).state
        except MediaError as error:
            state = State.BROKEN if error.reason == "malformed" else State.NONE
        assert state is State.BROKEN

    def test_a_manifest_of_noise_is_broken(self) -> None:
        data = bytearray(plain())
        at = data.index(b"jumb")
        data[at + 100 : at + 400] = bytes(300)
        found = verify(bytes(data), trust=store())
        assert (found.state, found.reasons[0].code) == (State.BROKEN, "assay.unreadable")

    def test_a_wrong_key_is_broken(self) -> None:
        parts = cose(plain())
        found = verify(with_cose(plain(), [parts[0], parts[1], None, bytes(64)]), trust=store())
        assert found.state is State.BROKEN
        assert "claimSignature.mismatch" in codes(found, Kind.FAILURE)

    def test_every_byte_of_the_manifest_that_is_turned_over_is_noticed_or_harmless(self) -> None:
        """Never trusted with other content; a few bytes (padding, labels) are outside of all signatures."""
        data, seen = plain(), set()
        start, end = data.index(b"jumb") - 4, data.index(b"jumb") + 2000
        for at in range(start, end, 37):
            changed = bytearray(data)
            changed[at] ^= 0xFF
            try:
                found = verify(bytes(changed), trust=store())
            except MediaError:
                continue
            seen.add(found.state)
            if found.state is State.TRUSTED:
                assert found.manifests[0].title == "picture"
                assert [a.action for a in found.manifests[0].actions] == ["c2pa.created"]
        assert State.BROKEN in seen


NASTY = (
    "\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "<script>alert(1)</script>", "a\0b", "x" * 60_000, "[bold]no[/bold]",
    "\u2028\u2029\ufeff", "'; DROP TABLE", "🙂" * 1000,
)  # fmt: skip


@pytest.mark.parametrize("nasty", NASTY, ids=[str(n) for n in range(len(NASTY))])
def test_hostile_strings_are_kept_short_and_whole(nasty: str) -> None:
    data, _ = sign(
        title=nasty,
        definition={"claim_generator_info": [{"name": nasty, "version": nasty}]},
        actions=[{"action": "c2pa.edited", "softwareAgent": {"name": nasty}, "description": nasty}],
    )
    found = verify(data, trust=store())
    assert found.state is State.TRUSTED
    assert found.manifests[0].title[:200] == nasty[:200]
    assert len(json.dumps(found.says)) < 5000
    assert sum(len(r.says) + len(r.detail) for r in found.reasons) < 20_000


def test_deeply_nested_statements_are_no_crash() -> None:
    nested: Any = "bottom"
    for _ in range(120):
        nested = [nested]
    data, _ = sign(definition={"assertions": [{"label": "org.test.deep", "data": {"x": nested}}]})
    assert verify(data, trust=store()).state is State.TRUSTED


def test_threads_do_not_disturb_one_another() -> None:
    found: list[State] = []

    def work(data: bytes) -> None:
        found.extend(verify(data, trust=store()).state for _ in range(5))

    threads = [threading.Thread(target=work, args=(d,)) for d in (plain(), edited(), plain())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [State.TRUSTED] * 15


def test_many_files_each_in_a_worker(tmp_path: Path) -> None:
    names = {"good.jpg": plain(), "bad.jpg": b"no", "launder.jpg": laundered()}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in [*names, "gone.jpg"]]
    answers = [answer for _, answer in each_verified(paths, Ask(store()))]
    assert isinstance(answers[0], Verification)
    assert answers[0].state is State.TRUSTED
    assert isinstance(answers[1], Unverified)
    assert isinstance(answers[2], Verification)
    assert answers[2].laundered
    assert isinstance(answers[3], Unverified)
    assert answers[3].reason == "missing"


def test_an_old_kind_of_timestamp_keeps_no_expired_certificate_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes a timestamp of a version 1 claim from any authority ("legacy")."""
    from assay.provenance import claims
    from assay.provenance.cose import Header
    from assay.provenance.judge import Court

    court = Court(store(), None, NOW + timedelta(days=4000), None, lambda: None)
    chain = x509.load_pem_x509_certificates(pki().chain_pem)
    ders = tuple(c.public_bytes(serialization.Encoding.DER) for c in chain)
    monkeypatch.setattr(Court, "header", lambda self, label: Header(ders, ()))
    results = {
        "success": [
            {"code": "signingCredential.trusted", "explanation": "found in [urn:assay:trust:mine] trust anchors"},
            {"code": "timeStamp.trusted", "explanation": "legacy timestamp cert trusted: anybody"},
            {"code": "signingCredential.ocsp.notRevoked", "explanation": ""},
        ]
    }
    judged = court.judge("x", {}, claims.reasons(results, "x"))
    assert judged.state is State.VALID
    assert {"assay.legacy_timestamp", "assay.expired_since"} <= {r.code for r in judged.reasons}
    younger = replace(court, now=NOW)
    assert younger.judge("x", {}, claims.reasons(results, "x")).state is State.TRUSTED
