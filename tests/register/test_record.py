"""Records: one encoding each, and manifests that only their salt opens."""

import hashlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import RegisterError
from assay.register import cbor
from assay.register.model import MAX_MANIFEST
from assay.register.record import Record, decrypt, derive_salt, encrypt

DIGEST = hashlib.sha256(b"a picture").digest()
RECORD = Record(DIGEST, 9, "image/jpeg", (("pdq", bytes(range(32))), ("iscc", b"\1\2")))

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
records = st.builds(
    Record,
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
    st.sampled_from(["image/jpeg", "image/svg+xml", "video/mp4", "application/octet-stream"]),
    st.lists(st.tuples(names, st.binary(min_size=1, max_size=64)), max_size=8, unique=True).map(tuple),
)
values = st.recursive(
    st.none() | st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


def refused(data: bytes) -> str:
    with pytest.raises(RegisterError) as caught:
        Record.parse(data)
    return caught.value.reason


def coded(*parts: object) -> bytes:
    return cbor2.dumps(list(parts))


def test_the_encoding_is_the_one_of_the_documentation() -> None:
    assert RECORD.encode().hex() == (
        "85" "01" "5820" + DIGEST.hex() + "09" "6a696d6167652f6a706567"
        "82" "82" "6469736363" "420102" "82" "63706471" "5820" + bytes(range(32)).hex()
    )  # fmt: skip


@given(records)
def test_a_record_comes_back(record: Record) -> None:
    assert Record.parse(record.encode()) == record


@given(records, st.data())
def test_no_second_encoding_is_read(record: Record, data: st.DataObject) -> None:
    encoded = bytearray(record.encode())
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = Record.parse(bytes(encoded))
    except RegisterError:
        return
    assert found.encode() == encoded


@given(st.binary(max_size=200))
def test_whatever_is_read_is_canonical(data: bytes) -> None:
    try:
        value = cbor.decode(data, "It")
    except RegisterError:
        return
    assert cbor.encode(value) == data


@given(values)
def test_it_reads_what_the_library_writes(value: cbor.Value) -> None:
    assert cbor.decode(cbor2.dumps(value, canonical=True), "It") == value


@given(values, st.integers(0, 300))
def test_what_is_cut_off_is_refused(value: cbor.Value, at: int) -> None:
    data = cbor.encode(value)
    if at < len(data):
        with pytest.raises(RegisterError, match=r"cut off|cannot be"):
            cbor.decode(data[:at], "It")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (RECORD.encode() + b"\0", "malformed"),
        (RECORD.encode()[:-1], "malformed"),
        (b"\x85\x18\x01" + RECORD.encode()[2:], "malformed"),  # 1 in two bytes
        (b"\x9f" + RECORD.encode()[1:] + b"\xff", "malformed"),  # a list of indefinite length
        (b"\x9b" + b"\xff" * 8, "malformed"),
        (b"\x81" * 50 + b"\1", "malformed"),
        (coded(2, DIGEST, 9, "image/jpeg", []), "unsupported"),
        (coded(1, DIGEST, 9, "image/jpeg"), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [], 0), "malformed"),
        (coded(1, DIGEST[1:], 9, "image/jpeg", []), "malformed"),
        (coded(1, DIGEST, -1, "image/jpeg", []), "unsupported"),
        (coded(1, DIGEST, 1.5, "image/jpeg", []), "unsupported"),
        (coded(1, DIGEST, True, "image/jpeg", []), "unsupported"),
        (coded(1, DIGEST, 2**63, "image/jpeg", []), "malformed"),
        (coded(1, DIGEST, 2**64, "image/jpeg", []), "unsupported"),
        (coded(1, DIGEST, 9, "Image/JPEG", []), "malformed"),
        (coded(1, DIGEST, 9, "image", []), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", {}), "unsupported"),
        (coded(1, DIGEST, 9, "image/jpeg", [["pdq"]]), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [["pdq", b""]]), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [["PDQ", b"1"]]), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [["pdq", b"1"], ["iscc", b"1"]]), "malformed"),  # not in order
        (coded(1, DIGEST, 9, "image/jpeg", [["pdq", b"1"], ["pdq", b"1"]]), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [[f"a{i:02}", b"1"] for i in range(17)]), "malformed"),
        (coded(1, DIGEST, 9, "image/jpeg", [["pdq", bytes(2049)]]), "malformed"),
        (coded(1, DIGEST, 9, b"image/jpeg", []), "malformed"),
        (b"\x85\1\x58\x20" + DIGEST + b"\x09\x62\xff\xfe\x80", "malformed"),
        (bytes(4097), "too_large"),
    ],
)
def test_a_bad_record_is_refused(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_a_record_that_would_be_too_large_is_not_made() -> None:
    record = Record(DIGEST, 9, "image/jpeg", tuple((f"a{i}", bytes(1024)) for i in range(4)))
    with pytest.raises(RegisterError, match="4096"):
        record.encode()


def test_the_salt_depends_on_all_that_goes_in() -> None:
    secret, other = bytes(32), bytes([1] * 32)
    salts = {
        derive_salt(key, record, manifest)
        for key in (secret, other)
        for record in (RECORD.encode(), b"another")
        for manifest in (None, b"", b"one")
    }
    assert len(salts) == 12
    assert derive_salt(secret, b"r", b"m") == derive_salt(secret, b"r", b"m")
    assert derive_salt(secret, b"r", b"m") != derive_salt(secret, b"r", b"m", public=True)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_a_manifest_comes_back(salt: bytes, manifest: bytes) -> None:
    assert decrypt(salt, encrypt(salt, manifest)) == manifest


def test_a_manifest_opens_to_its_salt_alone() -> None:
    kept = encrypt(bytes(32), b"private words")
    assert b"private" not in kept
    for salt, data in [(b"\1" * 32, kept), (bytes(32), kept[:-1]), (bytes(32), b""), (bytes(32), b"\0" + kept[1:])]:
        with pytest.raises(RegisterError, match="does not open") as caught:
            decrypt(salt, data)
        assert caught.value.reason == "key"
    with pytest.raises(RegisterError, match="32 bytes"):
        decrypt(bytes(31), kept)


def test_a_manifest_has_a_bound_on_both_sides() -> None:
    with pytest.raises(RegisterError) as caught:
        encrypt(bytes(32), bytes(MAX_MANIFEST - 15))
    assert caught.value.reason == "too_large"
    with pytest.raises(RegisterError) as caught:
        decrypt(bytes(32), bytes(MAX_MANIFEST + 1))
    assert caught.value.reason == "too_large"
