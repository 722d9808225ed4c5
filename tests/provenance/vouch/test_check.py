"""What a statement is worth: made for real, checked for real, with certificates and timestamps of our own authority."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from tests.provenance.pki import Issued, Pki, authority
from tests.provenance.pki import pki as the_pki
from tests.provenance.samples import sample

from assay.errors import MediaError, ProvenanceError, UsageError
from assay.provenance.certificates import load_key
from assay.provenance.identity import Identity, from_callback, from_pem
from assay.provenance.keys import certificates_of, signing_with
from assay.provenance.model import Kind, State
from assay.provenance.trust import TrustStore, read_pem
from assay.provenance.vouch import Check, Received, Seen, Standing, check, cose, read, subject_of, vouch, withdraw
from assay.provenance.vouch.statement import encode

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).date().isoformat()
RECEIVED = Received(from_="an anonymous source", on=TODAY, how="by post")


@pytest.fixture(scope="module")
def pki() -> Pki:
    return the_pki()


@pytest.fixture(scope="module")
def identity(pki: Pki) -> Identity:
    return from_pem(pki.chain_pem, pki.key_pem)


@pytest.fixture(scope="module")
def trust(pki: Pki) -> TrustStore:
    return TrustStore((
        read_pem(pki.root_pem.decode(), id="ours", title="list of tests"),
        read_pem(pki.tsa_root_pem.decode(), id="clock", title="clocks of tests", kind="tsa"),
    ))  # fmt: skip


@pytest.fixture(scope="module")
def tsa(pki: Pki) -> Iterator[str]:
    with authority(pki) as url:
        yield url


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vouch") / "photo.jpg"
    path.write_bytes(sample("image/jpeg"))
    return path


@pytest.fixture(scope="module")
def statement(photo: Path, identity: Identity) -> bytes:
    checked = (Check(on=TODAY, what="the shadows against the hour", result="agree"),)
    return vouch(subject_of(photo, Seen(state=State.NONE)), identity, received=RECEIVED, checked=checked)


def codes(found: Any, kind: Kind) -> set[str]:
    return {r.code.removeprefix("assay.vouch.") for r in found.reasons if r.kind is kind}


def test_a_statement_on_this_file_by_a_known_voucher_is_trusted(
    statement: bytes, photo: Path, trust: TrustStore
) -> None:
    found = check(statement, photo, trust)
    assert found.state is Standing.TRUSTED
    assert (found.list, found.voucher.organisation, found.stamped_at) == ("ours", "Test Organisation", None)
    assert codes(found, Kind.SUCCESS) == {"signature", "certificate", "date", "trusted", "file"}
    assert codes(found, Kind.INFORMATION) == {"timestamp.none"}
    assert found.says == (
        f"Received from an anonymous source on {TODAY}, by post; checked on {TODAY}; unchanged since {TODAY}."
    )
    assert found.statement["subject"]["credentials"] == {"state": "none"}
    assert "does not say who made" in found.limits
    assert msgspec.json.decode(msgspec.json.encode(found))["state"] == "trusted"


def test_nobody_knows_the_voucher(statement: bytes, photo: Path) -> None:
    found = check(statement, photo, TrustStore())
    assert found.state is Standing.VALID
    assert found.list is None
    assert "untrusted" in codes(found, Kind.INFORMATION)


def test_a_retired_list_is_a_weaker_kind_of_trust(statement: bytes, photo: Path, trust: TrustStore) -> None:
    old = TrustStore((replace(trust.lists[0], id="old", status="retired"),))
    assert check(statement, photo, old).state is Standing.TRUSTED_RETIRED
    assert check(statement, photo, trust.plus(old.lists)).state is Standing.TRUSTED


def test_a_list_of_clocks_vouches_for_nobody(statement: bytes, photo: Path, trust: TrustStore) -> None:
    assert check(statement, photo, TrustStore((replace(trust.lists[0], kind="tsa"),))).state is Standing.VALID


def test_another_file_is_told_from_a_broken_statement(
    statement: bytes, photo: Path, trust: TrustStore, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(sample("image/png"))
    found = check(statement, other, trust)
    assert found.state is Standing.OTHER_FILE
    assert found.same_picture is False
    assert "file.other" in codes(found, Kind.FAILURE)


def test_metadata_added_makes_another_file_of_the_same_picture(
    statement: bytes, photo: Path, trust: TrustStore, tmp_path: Path
) -> None:
    data = photo.read_bytes()
    commented = tmp_path / "commented.jpg"
    commented.write_bytes(data[:2] + b"\xff\xfe\x00\x07hello" + data[2:])
    found = check(statement, commented, trust)
    assert found.state is Standing.OTHER_FILE
    assert found.same_picture is True
    assert any("pixel for pixel" in r.says for r in found.reasons)


def test_a_statement_changed_after_signing_is_broken(statement: bytes, photo: Path, trust: TrustStore) -> None:
    changed = statement.replace(b"by post", b"by mail")
    assert changed != statement
    found = check(changed, photo, trust)
    assert found.state is Standing.BROKEN
    assert codes(found, Kind.FAILURE) == {"signature"}
    assert found.list is None, "a broken statement is not shown beside a list"


def test_no_statement_at_all_is_unreadable(photo: Path, trust: TrustStore) -> None:
    for data in (b"", photo.read_bytes(), b"\xd2\x84\x40\xa0\x40\x40"):
        with pytest.raises(MediaError, match=r"x\.vouch is no statement") as refused:
            check(data, photo, trust, name="x.vouch")
        assert refused.value.reason == "malformed"


def test_an_expired_certificate_with_and_without_a_timestamp(
    photo: Path, identity: Identity, trust: TrustStore, tsa: str
) -> None:
    later = datetime.now(UTC) + 400 * DAY
    plain = vouch(subject_of(photo), identity, received=RECEIVED)
    found = check(plain, photo, trust, at=later)
    assert found.state is Standing.BROKEN
    assert any("expired on" in r.says and "no timestamp" in r.says for r in found.reasons)
    stamped = vouch(subject_of(photo), identity, received=RECEIVED, tsa=tsa)
    found = check(stamped, photo, trust, at=later)
    assert found.state is Standing.TRUSTED
    assert found.stamped_at is not None
    untrusted = TrustStore(trust.lists[:1])
    found = check(stamped, photo, untrusted, at=later)
    assert found.state is Standing.BROKEN
    assert "timestamp.untrusted" in codes(found, Kind.INFORMATION)


def test_a_timestamp_moved_from_another_statement_counts_for_nothing(
    photo: Path, identity: Identity, trust: TrustStore, tsa: str
) -> None:
    stamped, plain = (cose.read(vouch(subject_of(photo), identity, received=RECEIVED, tsa=url)) for url in (tsa, None))
    moved = replace(plain, token=stamped.token).encoded()
    found = check(moved, photo, trust)
    assert found.state is Standing.TRUSTED
    assert found.stamped_at is None
    assert check(replace(plain, token=b"junk").encoded(), photo, trust).stamped_at is None


def test_before_the_certificate_was_valid(statement: bytes, photo: Path, trust: TrustStore) -> None:
    found = check(statement, photo, trust, at=datetime.now(UTC) - 10 * DAY)
    assert found.state is Standing.BROKEN
    assert codes(found, Kind.FAILURE) == {"date", "issued"}


def test_issued_long_before_its_timestamp_is_said(photo: Path, identity: Identity, trust: TrustStore, tsa: str) -> None:
    early = Received(from_="X", on="2020-01-01")
    old = datetime(2020, 1, 2, tzinfo=UTC)
    found = check(vouch(subject_of(photo), identity, received=early, tsa=tsa, now=old), photo, trust)
    assert found.state is Standing.TRUSTED
    assert any("only" in r.says and "is proven" in r.says for r in found.reasons)
    ahead = vouch(subject_of(photo), identity, received=early, tsa=tsa, now=datetime.now(UTC) + 3 * DAY)
    found = check(ahead, photo, trust, at=datetime.now(UTC) + 10 * DAY)
    assert found.state is Standing.BROKEN
    assert any("after its timestamp" in r.says for r in found.reasons)


def test_the_time_up_to_which_the_voucher_stands_by_it(photo: Path, identity: Identity, trust: TrustStore) -> None:
    until = (datetime.now(UTC) + 30 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = vouch(subject_of(photo), identity, received=RECEIVED, expires=until)
    assert check(data, photo, trust).state is Standing.TRUSTED
    found = check(data, photo, trust, at=datetime.now(UTC) + 31 * DAY)
    assert found.state is Standing.LAPSED
    assert codes(found, Kind.FAILURE) == {"expired"}


def test_withdrawn_and_replaced_by_the_same_voucher_only(
    statement: bytes, photo: Path, pki: Pki, identity: Identity, trust: TrustStore
) -> None:
    _, said = read(statement, "it")
    taken_back = withdraw(said, identity, note="The source was not who they said.")
    found = check(statement, photo, trust, later=[taken_back])
    assert found.state is Standing.LAPSED
    assert any("The voucher withdrew this statement on" in r.says for r in found.reasons)
    anew = vouch(subject_of(photo), identity, received=RECEIVED, replaces=said.id)
    assert any("replaced" in r.says for r in check(statement, photo, trust, later=[anew]).reasons)
    assert check(anew, photo, trust, later=[statement]).state is Standing.TRUSTED
    assert check(taken_back, photo, trust).state is Standing.LAPSED, "a withdrawal vouches for nothing"
    with pytest.raises(UsageError, match="withdrawal itself"):
        withdraw(read(taken_back, "it")[1], identity)

    stranger = signing(pki.issue("Stranger"))
    found = check(statement, photo, trust, later=[withdraw(said, stranger)])
    assert found.state is Standing.TRUSTED
    assert any("not by the same voucher" in r.says for r in found.reasons)
    broken = taken_back[:-1] + bytes([taken_back[-1] ^ 1])
    assert check(statement, photo, trust, later=[broken]).state is Standing.TRUSTED


def test_a_withdrawal_counts_after_its_certificate_has_ended(
    photo: Path, identity: Identity, trust: TrustStore, tsa: str
) -> None:
    stamped = vouch(subject_of(photo), identity, received=RECEIVED, tsa=tsa)
    taken_back = withdraw(read(stamped, "it")[1], identity)
    at = datetime.now(UTC) + 400 * DAY
    assert check(stamped, photo, trust, at=at).state is Standing.TRUSTED
    assert check(stamped, photo, trust, at=at, later=[taken_back]).state is Standing.LAPSED


def test_a_voucher_with_a_new_key_is_the_same_where_a_list_knows_both(photo: Path, pki: Pki, trust: TrustStore) -> None:
    before, after = (signing(pki.issue("Desk")) for _ in range(2))
    statement = vouch(subject_of(photo), before, received=RECEIVED)
    later = [withdraw(read(statement, "it")[1], after)]
    assert check(statement, photo, trust, later=later).state is Standing.LAPSED
    assert check(statement, photo, TrustStore(), later=later).state is Standing.VALID, "anybody can take a name"


def signing(issued: Issued) -> Identity:
    return from_pem(issued.chain_pem, issued.key_pem)


UNFIT: list[dict[str, Any]] = [
    {"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]},
    {"purposes": [ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.TIME_STAMPING]},
    {"purposes": [ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]},
    {"purposes": ()},
    {"drop": [x509.KeyUsage]},
    {"instead": [(x509.BasicConstraints(ca=True, path_length=None), True)]},
    {"instead": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
]


@pytest.mark.parametrize("variant", UNFIT, ids=str)
def test_a_certificate_outside_the_profile_neither_signs_nor_counts(
    variant: dict[str, Any], photo: Path, pki: Pki, statement: bytes, trust: TrustStore
) -> None:
    issued = pki.issue(**variant)
    # Put together without from_pem(), which refuses most of these itself.
    key = load_key(issued.key_pem)
    unfit = Identity("Variant", issued.chain_pem, "es256", None, signing_with(key, "es256"))
    with pytest.raises(ProvenanceError, match="may not sign statements") as refused:
        vouch(subject_of(photo), unfit, received=RECEIVED)
    assert refused.value.reason == "certificate"
    found = check(resigned(statement, unfit), photo, trust)
    assert found.state is Standing.BROKEN
    assert codes(found, Kind.FAILURE) == {"certificate"}


def resigned(data: bytes, identity: Identity, about: str | None = None) -> bytes:
    """The same statement, signed without the checks of :func:`vouch`."""
    said = read(data, "it")[1]
    name = about or cose.subject_name(said.subject.sha256)
    chain = certificates_of(identity.chain)
    return cose.sign(encode(said), name, identity.algorithm, chain, identity.sign).encoded()


def test_a_header_about_another_file_is_broken(
    statement: bytes, photo: Path, identity: Identity, trust: TrustStore
) -> None:
    found = check(resigned(statement, identity, cose.subject_name(bytes(32))), photo, trust)
    assert found.state is Standing.BROKEN
    assert codes(found, Kind.FAILURE) == {"header"}


def test_a_key_that_signs_something_else_is_noticed_before_anything_is_handed_out(photo: Path, pki: Pki) -> None:
    other = from_pem(pki.chain_pem, pki.key_pem)
    liar = from_callback(pki.chain_pem, "es256", lambda data: other.sign(b"not " + data))
    with pytest.raises(ProvenanceError, match="does not verify") as refused:
        vouch(subject_of(photo), liar, received=RECEIVED)
    assert refused.value.reason == "rejected"


def test_an_authority_that_is_down_leaves_no_statement(photo: Path, identity: Identity) -> None:
    with pytest.raises(ProvenanceError, match="cannot be reached") as refused:
        vouch(subject_of(photo), identity, received=RECEIVED, tsa="http://127.0.0.1:9/")
    assert refused.value.reason == "authority"


@pytest.mark.parametrize(
    ("name", "content", "reason"), [("none", None, "missing"), ("empty", b"", "empty"), ("folder", ..., "unreadable")]
)
def test_a_file_that_cannot_be_vouched_for(name: str, content: Any, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is ...:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError) as refused:
        subject_of(path)
    assert refused.value.reason == reason


def test_any_file_can_be_vouched_for_and_a_damaged_picture_too(tmp_path: Path) -> None:
    text, torn = tmp_path / "notes.txt", tmp_path / "torn.jpg"
    text.write_bytes(b"notes")
    torn.write_bytes(sample("image/jpeg")[:900])
    assert subject_of(text).format == "application/octet-stream"
    assert subject_of(torn).format == "image/jpeg"
    assert subject_of(torn).pixels_sha256 is None
