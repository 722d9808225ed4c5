"""The channel code: 64 bits of payload, a CRC-32, and a convolutional code with a list decoder.

The code has rate 1/3 and constraint length 9 with the generators 557, 663 and 711 (octal), whose free distance of 18
is the largest there is (Larsen 1973, doi:10.1109/TIT.1973.1055014). Eight zeros end the word. The decoder is Viterbi's
(1967, doi:10.1109/TIT.1967.1054010) on soft values, and keeps the best few paths into each state rather than one
(Seshadri and Sundberg 1994, doi:10.1109/26.277900): the CRC picks among them.
"""

import zlib
from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]

PAYLOAD_BITS = 64
CHECK_BITS = 32
_MEMORY = 8
_STATES = 1 << _MEMORY
_GENERATORS = (0o557, 0o663, 0o711)
_RATE = len(_GENERATORS)
MESSAGE_BITS = PAYLOAD_BITS + CHECK_BITS
_STEPS = MESSAGE_BITS + _MEMORY
CODED_BITS = _STEPS * _RATE
"""312 bits leave the encoder."""
LIST = 8
"""Words that the decoder hands to the CRC."""


def _outputs() -> Bits:
    """Return (2 * states, 3): what the encoder emits for the nine bits in its register, the newest at the top."""
    registers = np.arange(2 * _STATES, dtype=np.int64)
    return np.stack([[int(r & g).bit_count() & 1 for r in registers.tolist()] for g in _GENERATORS], axis=1).astype(
        np.uint8
    )


_OUTPUTS = _outputs()
_SIGNS = (1.0 - 2.0 * _OUTPUTS).astype(np.float64)


def message(payload: int) -> Bits:
    """Return (96,) bits: the payload, most significant bit first, and its CRC-32."""
    raw = payload.to_bytes(PAYLOAD_BITS // 8, "big")
    return np.unpackbits(np.frombuffer(raw + zlib.crc32(raw).to_bytes(CHECK_BITS // 8, "big"), np.uint8))


def payload_of(bits: Bits) -> int | None:
    """Return the payload of (96,) message bits, or None where the CRC does not agree."""
    raw = np.packbits(bits).tobytes()
    body, check = raw[: PAYLOAD_BITS // 8], raw[PAYLOAD_BITS // 8 :]
    return int.from_bytes(body, "big") if zlib.crc32(body) == int.from_bytes(check, "big") else None


def convolve(bits: Bits) -> Bits:
    """Return the (312,) coded bits of (96,) message bits."""
    out = np.empty((_STEPS, _RATE), np.uint8)
    register = 0
    for step, bit in enumerate([*bits.tolist(), *[0] * _MEMORY]):
        register |= bit << _MEMORY
        out[step] = _OUTPUTS[register]
        register >>= 1
    return out.reshape(-1)


def encode(payload: int) -> Bits:
    """Return the (312,) coded bits of a payload in 0 .. 2**64 - 1."""
    return convolve(message(payload))


def decode(soft: Doubles) -> Iterator[Bits]:
    """Yield up to 8 candidates for (96,) message bits, the likeliest first.

    ``soft`` is (312,): positive where a coded bit is 0, negative where it is 1, larger where it is surer.
    """
    words, count = _list_viterbi(np.ascontiguousarray(soft, np.float64).reshape(_STEPS, _RATE), _SIGNS, LIST)
    for word in words[:count]:
        yield word[:MESSAGE_BITS]


@numba.njit("Tuple((uint8[:, ::1], int64))(float64[:, ::1], float64[:, ::1], int64)", cache=True, nogil=True)
def _list_viterbi(soft: Doubles, signs: Doubles, keep: int) -> tuple[Bits, int]:
    steps = soft.shape[0]
    states = signs.shape[0] // 2
    top = states // 2
    low = -1e300
    score = np.full((states, keep), low)
    score[0, 0] = 0.0
    # Where each kept path came from: predecessor's lowest bit and its rank there, in one number.
    back = np.zeros((steps, states, keep), np.int16)
    gain = np.empty(2 * states)
    for step in range(steps):
        for register in range(2 * states):
            total = 0.0
            for j in range(soft.shape[1]):
                total += soft[step, j] * signs[register, j]
            gain[register] = total
        fresh = np.full((states, keep), low)
        for state in range(states):
            # The register is (newest bit, 8 older ones); the state after it drops the oldest, its lowest bit.
            newest = state // top
            before = (state * 2) % states
            a, b = before, before + 1
            gain_a, gain_b = gain[newest * states + a], gain[newest * states + b]
            i, j = 0, 0
            for rank in range(keep):
                left = score[a, i] + gain_a
                right = score[b, j] + gain_b
                if left >= right:
                    if score[a, i] <= low:
                        break
                    fresh[state, rank] = left
                    back[step, state, rank] = 2 * i
                    i += 1
                else:
                    if score[b, j] <= low:
                        break
                    fresh[state, rank] = right
                    back[step, state, rank] = 2 * j + 1
                    j += 1
        score = fresh
    words = np.zeros((keep, steps), np.uint8)
    count = 0
    for rank in range(keep):
        if score[0, rank] <= low:
            break
        state, at = 0, rank
        for step in range(steps - 1, -1, -1):
            words[rank, step] = state // top
            move = back[step, state, at]
            state = (state * 2) % states + (move & 1)
            at = move >> 1
        count += 1
    return words, count
