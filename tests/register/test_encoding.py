"""Text forms, and keys that nobody may have."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.errors import RegisterError
from assay.register.encoding import MAX_SIZE, base64_of, check_ed25519, decimal, from_base64

P = 2**255 - 19
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
"""The points of order 1, 2, 4 and 8, as "Taming the many EdDSAs" (Chalkias et al., 2020) lists them, sign bit off."""


@pytest.mark.parametrize("text", ["0", "1", "10", "9223372036854775807"])
def test_decimals(text: str) -> None:
    assert str(decimal(text, "It")) == text
    assert decimal(text, "It") <= MAX_SIZE


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "-1", "+1", " 1", "1 ", "1\n", "1_000", "0x1", "1e3", "1.0", "\N{ARABIC-INDIC DIGIT ONE}",
     "9223372036854775808", "1" * 5000],
)  # fmt: skip
def test_what_is_no_decimal(text: str) -> None:
    with pytest.raises(RegisterError, match="not a canonical decimal") as caught:
        decimal(text, "It")
    assert caught.value.reason == "malformed"
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64(data: bytes) -> None:
    assert from_base64(base64_of(data), "It", len(data)) == data
    with pytest.raises(RegisterError, match=f"It has {len(data)} bytes"):
        from_base64(base64_of(data), "It", len(data) + 1)


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AA=", "AB==", "AAB=", "AA==A", "AA==\n", " AA==", "AA==AA==", "AA===", "AAAA====", "====", "A A=",
     "-_8=", "AA\0=", "\N{FULLWIDTH LATIN CAPITAL LETTER A}A=="],
)  # fmt: skip
def test_base64_that_is_not_canonical(text: str) -> None:
    with pytest.raises(RegisterError) as caught:
        from_base64(text, "It")
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("encoded", LOW_ORDER)
def test_keys_of_small_order(encoded: str) -> None:
    point = bytes.fromhex(encoded)
    for key in (point, point[:31] + bytes((point[31] | 0x80,))):
        with pytest.raises(RegisterError) as caught:
            check_ed25519(key)
        assert caught.value.reason == "key"


@pytest.mark.parametrize("y", [P, P + 1, P + 2, P + 18, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_keys_not_in_canonical_form(y: int, sign: int) -> None:
    with pytest.raises(RegisterError):
        check_ed25519((y | sign << 255).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_of_another_length(length: int) -> None:
    with pytest.raises(RegisterError, match=f"this has {length}"):
        check_ed25519(b"\x09" * length)


def test_keys_that_signers_have() -> None:
    for seed in range(64):
        check_ed25519(Ed25519PrivateKey.from_private_bytes(bytes((seed,)) * 32).public_key().public_bytes_raw())
