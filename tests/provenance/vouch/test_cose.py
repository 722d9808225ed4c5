"""A signed statement is COSE_Sign1 to the letter; what is not, or does not verify, is told apart."""

from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.vouch.keys import ALGORITHMS, Key, key
from tests.provenance.vouch.test_statement import GOOD

from assay.provenance.certificates import create, load_key
from assay.provenance.keys import signing_with
from assay.provenance.vouch import cbor, cose
from assay.provenance.vouch.statement import encode

ABOUT = cose.subject_name(GOOD.subject.sha256)


def made(with_: Key) -> cose.Signed:
    return cose.sign(encode(GOOD), ABOUT, with_.algorithm, with_.chain, with_.sign)


SIGNED = made(key("es256"))
FILE = SIGNED.encoded()


def rebuilt(protected: dict[Any, Any] | None = None, loose: dict[Any, Any] | None = None) -> bytes:
    """The file again with other headers, signed by nobody."""
    _, _, payload, signature = cbor2.loads(FILE[1:])
    header = cbor.dumps(header_of(SIGNED) | (protected or {}))
    return cose.TAG + cbor.dumps([header, loose or {}, payload, signature])


def respelt(label: int, key: Any) -> bytes:
    """The file with one header under another key, which Python takes for the same number."""
    _, _, payload, signature = cbor2.loads(FILE[1:])
    header = {key if k == label else k: v for k, v in header_of(SIGNED).items()}
    return cose.TAG + cbor.dumps([cbor.dumps(header), {}, payload, signature])


def header_of(signed: cose.Signed) -> dict[Any, Any]:
    found: dict[Any, Any] = cbor2.loads(signed.protected)
    return found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_signs_and_verifies(algorithm: str) -> None:
    signed = made(key(algorithm))
    again = cose.read(signed.encoded())
    assert again == signed
    assert again.holds()
    assert again.algorithm == algorithm
    assert not cose.Signed(**{**vars(again), "payload": again.payload + b"x"}).holds()
    assert not cose.Signed(**{**vars(again), "signature": again.signature[:-1]}).holds()
    assert not cose.Signed(
        **{**vars(again), "chain": (key("es384" if algorithm == "es256" else "es256").chain)}
    ).holds()


def test_the_header_is_what_a_transparency_register_asks_for() -> None:
    """RFC 9943: claims with issuer and subject, and a certificate named, all in the protected header."""
    tag = cbor2.loads(FILE)
    assert tag.tag == 18
    protected, loose, payload, _ = tag.value
    header = cbor2.loads(protected)
    leaf = SIGNED.chain[0]
    assert header[15] == {1: leaf.subject.rfc4514_string(), 2: "urn:sha256:" + GOOD.subject.sha256.hex()}
    assert header[33] == [c.public_bytes(Encoding.DER) for c in SIGNED.chain]
    assert header[34][0] == -16
    assert header[3] == cose.CONTENT_TYPE
    assert loose == {}
    assert payload == encode(GOOD)


def test_another_implementation_would_sign_the_same_bytes() -> None:
    """The Sig_structure, written out by hand from RFC 9052."""
    protected, payload = SIGNED.protected, SIGNED.payload
    by_hand = (
        b"\x84\x6aSignature1"
        + b"\x59" + len(protected).to_bytes(2) + protected
        + b"\x40"
        + b"\x59" + len(payload).to_bytes(2) + payload
    )  # fmt: skip
    assert SIGNED.to_sign == by_hand
    assert SIGNED.stamped == b"\x58\x40" + SIGNED.signature


def test_one_certificate_stands_by_itself() -> None:
    whole = key("es256")
    alone = cose.sign(encode(GOOD), ABOUT, "es256", whole.chain[:1], whole.sign)
    assert isinstance(header_of(alone)[33], bytes)
    assert cose.read(alone.encoded()).chain == whole.chain[:1]
    with pytest.raises(ValueError, match="RFC 9360 forbids"):
        cose.read(rebuilt({33: [header_of(alone)[33]]}))


def test_a_timestamp_and_receipts_can_be_added_without_touching_the_signature() -> None:
    richer = cose.Signed(**{**vars(SIGNED), "token": b"token", "receipts": (b"receipt",)})
    again = cose.read(richer.encoded())
    assert (again.token, again.receipts) == (b"token", (b"receipt",))
    assert again.holds()


DER = SIGNED.chain[0].public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "does not begin"),
        (b"\x89PNG\r\n\x1a\n", "does not begin"),
        (FILE[1:], "does not begin"),
        (FILE[:-1], "no CBOR"),
        (FILE + b"\0", "deterministic|no CBOR"),
        (b"\xd2" + FILE, "semantic tag"),
        (b"\xd2\x80", "no COSE_Sign1"),
        (b"\xd2\x84\x40\xa0\xf6\x40", "no COSE_Sign1"),
        (b"\xd2\x9f" + FILE[2:] + b"\xff", "no CBOR"),
        (b"\xd2" + b"\x81" * 90_000, "nest"),
        (b"\xd2\x5a" + (300_000).to_bytes(4) + bytes(300_000), "no more than"),
        (rebuilt({1: -8000}), "algorithm"),
        (rebuilt({1: "ES256"}), "algorithm"),
        (rebuilt({1: [1]}), "algorithm"),
        (rebuilt({3: "text/plain"}), "does not say that it holds a statement"),
        (respelt(1, True), "neither a whole number nor text"),
        (respelt(33, 33.0), "neither a whole number nor text"),
        (rebuilt({1: -7.0}), "neither a whole number, text nor bytes"),
        (rebuilt({9: cbor2.CBORSimpleValue(99)}), "neither a whole number, text nor bytes"),
        (rebuilt({9: cbor2.undefined}), "neither a whole number, text nor bytes"),
        (rebuilt({2: []}), "critical"),
        (rebuilt({2: [999], 999: 1}), "critical"),
        (rebuilt({2: [[1]]}), "critical"),
        (rebuilt({2: 1}), "critical"),
        (rebuilt({2: ["made-up"], "made-up": 1}), "critical"),
        (rebuilt({15: {1: "us"}}), "who states"),
        (rebuilt({15: 1}), "who states"),
        (rebuilt({33: b"", 34: 1}), "digest of the certificate"),
        (rebuilt({33: []}), "no chain"),
        (rebuilt({33: 5}), "no chain"),
        (rebuilt({33: [DER] * 9}), "no chain"),
        (rebuilt({33: [DER, 1]}), "no chain"),
        (rebuilt({33: [DER, b"\x30\x00"]}), "certificate in it cannot be read"),
        (rebuilt({33: [DER, DER[:-1]]}), "certificate in it cannot be read"),
        (rebuilt({34: [-16, bytes(32)]}), "digest of the certificate"),
        (rebuilt(loose={4: b"key"}), "unprotected"),
        (rebuilt(loose={270: "token"}), "timestamp is no byte string"),
        (rebuilt(loose={394: b"receipt"}), "receipts"),
        (rebuilt(loose={394: [1]}), "receipts"),
    ],
)
def test_what_is_not_exactly_a_signed_statement_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cose.read(data)


def test_a_header_that_is_not_critical_is_passed_over_and_still_signed() -> None:
    changed = cose.read(rebuilt({2: [1, 3], 999: "new"}))
    assert not changed.holds()


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_byte_changed_breaks_it_or_is_refused(data: st.DataObject) -> None:
    whole = bytearray(FILE)
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = cose.read(bytes(whole))
    except ValueError:
        return
    assert not found.holds()


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 400) | st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_structure_is_refused_with_a_value_error_only(item: object) -> None:
    data = cose.TAG + cbor2.dumps(item, canonical=True)
    with pytest.raises(ValueError, match=r"\w"):
        cose.read(data)
    header = cose.TAG + cbor2.dumps([cbor2.dumps(item, canonical=True), {}, b"", b""], canonical=True)
    with pytest.raises(ValueError, match=r"\w"):
        cose.read(header)


def test_the_issuer_is_the_name_on_the_certificate_even_a_hostile_one() -> None:
    wicked = create("x=y,O=Reuters", organisation='Evil "Inc"; <script>')
    chain = tuple(x509.load_pem_x509_certificates(wicked.chain_pem))
    signed = cose.sign(encode(GOOD), ABOUT, "es256", chain, signing_with(load_key(wicked.key_pem), "es256"))
    assert x509.Name.from_rfc4514_string(signed.claims[1]) == chain[0].subject
