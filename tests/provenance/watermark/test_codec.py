"""The channel code, against brute force and known answers."""

import zlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.provenance.watermark._codec import (
    CODED_BITS,
    LIST,
    MESSAGE_BITS,
    convolve,
    decode,
    encode,
    message,
    payload_of,
)

GENERATORS = (0o557, 0o663, 0o711)


def by_polynomials(bits: np.ndarray) -> np.ndarray:
    """The same code, as products of polynomials modulo 2."""
    taps = [[(g >> (8 - d)) & 1 for d in range(9)] for g in GENERATORS]
    return np.stack([np.convolve(bits, t) % 2 for t in taps], axis=1).reshape(-1).astype(np.uint8)


def test_the_message_ends_with_the_crc_of_the_payload() -> None:
    payload = 0x0123456789ABCDEF
    bits = message(payload)
    assert len(bits) == MESSAGE_BITS == 96
    assert np.packbits(bits).tobytes() == bytes.fromhex("0123456789abcdef") + zlib.crc32(
        bytes.fromhex("0123456789abcdef")
    ).to_bytes(4, "big")


def test_one_set_bit_gives_the_generators() -> None:
    bits = np.zeros(MESSAGE_BITS, np.uint8)
    bits[0] = 1
    out = convolve(bits).reshape(-1, 3)
    for column, generator in enumerate(GENERATORS):
        assert "".join(map(str, out[:9, column])) == f"{generator:09b}"
    assert not out[9:].any()


@given(st.integers(0, 2**MESSAGE_BITS - 1))
def test_the_encoder_multiplies_polynomials(number: int) -> None:
    bits = np.array([(number >> n) & 1 for n in range(MESSAGE_BITS)], np.uint8)
    assert len(convolve(bits)) == CODED_BITS == 312
    assert np.array_equal(convolve(bits), by_polynomials(bits))


def test_the_free_distance_is_18() -> None:
    weights = []
    for tail in product((0, 1), repeat=11):
        bits = np.zeros(MESSAGE_BITS, np.uint8)
        bits[0], bits[1:12] = 1, tail
        weights.append(int(convolve(bits).sum()))
    assert min(weights) == 18


@given(st.integers(0, 2**64 - 1))
@settings(deadline=None, max_examples=50)
def test_a_payload_comes_back(payload: int) -> None:
    first = next(decode((1.0 - 2.0 * encode(payload)).astype(np.float64)))
    assert payload_of(first) == payload


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_a_payload_comes_back_through_noise(payload: int, seed: int) -> None:
    # Eb/N0 = 312 / 96 / (2 * 0.8) = 3.1 dB, beyond which this code loses next to nothing.
    noise = np.random.default_rng(seed).normal(0, 0.8**0.5, CODED_BITS)
    assert payload in [payload_of(word) for word in decode(1.0 - 2.0 * encode(payload) + noise)]


def test_the_first_word_is_the_likeliest_of_all_that_differ_in_a_few_bits() -> None:
    rng = np.random.default_rng(1)
    sent = message(99)
    soft = np.asarray(1.0 - 2.0 * convolve(sent) + rng.normal(0, 1.6, CODED_BITS), np.float64)
    words = list(decode(soft))
    scores = [float((1.0 - 2.0 * convolve(word)) @ soft) for word in words]
    assert scores == sorted(scores, reverse=True)
    # Brute force over 1024 words around the best: none but those in the list score better than the list's last.
    listed = {word.tobytes() for word in words}
    for flips in product((0, 1), repeat=10):
        word = words[0].copy()
        word[40:50] ^= np.array(flips, np.uint8)
        if word.tobytes() not in listed:
            assert float((1.0 - 2.0 * convolve(word)) @ soft) <= scores[-1] + 1e-9


def test_the_list_holds_different_words() -> None:
    words = list(decode(np.random.default_rng(2).normal(size=CODED_BITS)))
    assert len({word.tobytes() for word in words}) == len(words) == LIST


@pytest.mark.parametrize("place", range(0, MESSAGE_BITS, 7))
def test_a_wrong_bit_fails_the_crc(place: int) -> None:
    bits = message(2**63 + 5)
    bits[place] ^= 1
    assert payload_of(bits) is None


def test_silence_is_no_word() -> None:
    # All zeros decodes to something; it must not be taken for the payload 0.
    assert payload_of(np.zeros(MESSAGE_BITS, np.uint8)) is None
