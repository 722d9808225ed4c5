"""The leaf: its 162 bytes, and the signature over a batch of heads."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.register.receipts import small_point_signature

from assay.errors import RegisterError
from assay.register.leaf import (
    HEAD,
    LEAF,
    NO_MANIFEST,
    Kind,
    Leaf,
    batch_message,
    check_head,
    check_signature,
    commit,
    head,
    key_hash,
    log_hash,
)
from assay.register.merkle import leaf_hash, root_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
CLAIM = Leaf(Kind.CLAIM, commit(b"s" * 32, b"record"), b"m" * 32, key_hash(PUBLIC), b"x" * 64)


def test_the_layout() -> None:
    data = CLAIM.encode()
    assert len(data) == LEAF == 162
    assert data[:2] == b"\x01\x01"
    assert data[2:34].hex() == "d7c0511972c50be0a55115de6956048a92715f83795ad51352514eb54eed3236"
    assert data[34:66] == b"m" * 32
    assert data[66:98] == key_hash(PUBLIC)
    assert data[98:] == b"x" * 64
    assert data[:HEAD] == CLAIM.head
    assert Leaf.parse(data) == CLAIM


def test_a_tombstone_is_for_one_log() -> None:
    tombstone = replace(CLAIM, kind=Kind.TOMBSTONE, manifest=log_hash("example.org/log"))
    assert Leaf.parse(tombstone.encode()) == tombstone
    assert log_hash("example.org/log") != log_hash("example.org/log2")


@pytest.mark.parametrize("length", [0, 1, HEAD, LEAF - 1, LEAF + 1, 65_535])
def test_another_length(length: int) -> None:
    with pytest.raises(RegisterError) as caught:
        Leaf.parse(bytes(length))
    assert caught.value.reason == "malformed"
    if length != HEAD:
        with pytest.raises(RegisterError):
            check_head(bytes(length))


@pytest.mark.parametrize(("place", "value"), [(0, 0), (0, 2), (0, 255), (1, 0), (1, 3), (1, 255)])
def test_versions_and_kinds_to_come(place: int, value: int) -> None:
    data = bytearray(CLAIM.encode())
    data[place] = value
    with pytest.raises(RegisterError) as caught:
        Leaf.parse(bytes(data))
    assert caught.value.reason == "unsupported"


def test_a_commitment_depends_on_salt_and_record() -> None:
    assert len({commit(salt, record) for salt in (b"a" * 32, b"b" * 32) for record in (b"", b"x")}) == 4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_signature_over_a_batch(count: int) -> None:
    heads = [head(Kind.CLAIM, bytes((i,)) * 32, NO_MANIFEST, key_hash(PUBLIC)) for i in range(count)]
    root = root_of([leaf_hash(h) for h in heads])
    signature = KEY.sign(batch_message(count, root))
    check_signature(PUBLIC, count, root, signature)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    for public, n, r, s in (
        (other, count, root, signature),
        (PUBLIC, count + 1, root, signature),
        (PUBLIC, count, bytes(32), signature),
        (PUBLIC, count, root, bytes(64)),
        (PUBLIC, count, root, signature[:-1]),
        (PUBLIC, count, root, signature + b"\0"),
    ):
        with pytest.raises(RegisterError) as caught:
            check_signature(public, n, r, s)
        assert caught.value.reason == "signature"


def test_a_signature_that_anyone_could_make_is_refused() -> None:
    """Under the neutral point as a key, R = identity and S = 0 verify for any message in a lax verifier."""
    neutral = b"\x01" + bytes(31)
    with pytest.raises(RegisterError) as caught:
        check_signature(neutral, 1, bytes(32), neutral + bytes(32))
    assert caught.value.reason == "key"


def test_a_signature_with_a_scalar_too_large() -> None:
    """S + L signs the same in a lax verifier (RFC 8032, section 5.1.7)."""
    signature = KEY.sign(batch_message(1, bytes(32)))
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(RegisterError):
        check_signature(PUBLIC, 1, bytes(32), malleable)


def test_a_signature_that_begins_with_a_point_of_small_order() -> None:
    """Its own key's holder can make one; OpenSSL takes it, and the Web Cryptography API says that none should."""
    message = batch_message(1, bytes(32))
    signature = small_point_signature(KEY.private_bytes_raw(), message)
    KEY.public_key().verify(signature, message)
    with pytest.raises(RegisterError) as caught:
        check_signature(PUBLIC, 1, bytes(32), signature)
    assert caught.value.reason == "signature"


def test_the_example_of_the_reference_page() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/register-format.md").read_text(encoding="utf-8")
    block = page.split("\n## An example\n")[1]
    stated: dict[str, str] = {}
    name = ""
    for line in re.findall(r"^    (.+)$", block, flags=re.MULTILINE):
        given, digits = re.fullmatch(r"(.*?) *([0-9a-f]{64,})", line).groups()  # type: ignore[union-attr]
        name = given or name
        stated[name] = stated.get(name, "") + digits
    first = head(Kind.CLAIM, commit(bytes(32), b"record"), b"\x11" * 32, key_hash(PUBLIC))
    second = head(Kind.TOMBSTONE, b"\x22" * 32, log_hash("example.org/log"), key_hash(PUBLIC))
    root = root_of([leaf_hash(first), leaf_hash(second)])
    signature = KEY.sign(batch_message(2, root))
    assert stated == {
        "public key": PUBLIC.hex(),
        "commitment": commit(bytes(32), b"record").hex(),
        "first head": first.hex(),
        "second head": second.hex(),
        "root": root.hex(),
        "message": batch_message(2, root).hex(),
        "signature": signature.hex(),
        "first leaf hash": leaf_hash(first + signature).hex(),
        "second leaf hash": leaf_hash(second + signature).hex(),
    }
