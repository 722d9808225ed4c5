"""The pattern: a square tile, written as the Fourier coefficients that carry it.

A tile of 70 x 70 points repeats over the picture. It is made in the frequency domain, where each lattice frequency k/70
is a channel of its own (spread spectrum: Cox, Kilian, Leighton and Shamoon 1997, doi:10.1109/83.650120). Thirty-two of
them are the *pilot*: their phases are fixed, so a detector that knows the key can look for them before it knows
anything about scale or angle (a template in the Fourier domain: Pereira and Pun 2000, doi:10.1109/83.846253). The real
and imaginary parts of 312 others each carry one chip, +1 or -1; a coded bit has two chips, one of a lower and one of a
higher frequency, so that a bit lives on where a reduced picture has lost the finer half.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from assay.provenance.watermark._codec import CODED_BITS, encode

Doubles = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
Integers = npt.NDArray[np.int64]

PERIOD = 70
"""Points a side. No multiple of 8, so that no line of the pattern falls on one of JPEG's blocks at the size made."""
PILOTS = 32
CHIPS = 2 * CODED_BITS
_PILOT_RING = (3.6, 12.0)
_LOWEST = 3.2
PILOT_SHARE = 0.22
"""Of the tile's power. The search needs it; the payload gets the rest."""
_DOMAIN = b"assay.watermark.1"


@dataclass(frozen=True, eq=False)
class Pattern:
    """What a key fixes. Frequencies are (n, 2): cycles a tile along x and y, one of each pair of opposites."""

    pilots: Integers
    phases: Complexes
    """(32,) unit phases of the pilot lines."""
    carriers: Integers
    """(312, 2): a carrier has two chips, its real and its imaginary part."""
    signs: Doubles
    """(624,) +1 or -1: chips are scrambled, so that no picture is closer to one word than to another."""
    order: Integers
    """(624,): the coded bit that each chip carries."""

    def chips(self, coded: npt.NDArray[np.uint8]) -> Doubles:
        """Return the (624,) chips, +1 or -1, of (312,) coded bits."""
        return np.asarray(self.signs * (1.0 - 2.0 * coded[self.order]))

    def lines(self, payload: int) -> Complexes:
        """Return the (344,) coefficients of the pilots and the carriers, in that order, of a payload's tile."""
        chips = self.chips(encode(payload))
        carried = (chips[::2] + 1j * chips[1::2]) * np.sqrt((1 - PILOT_SHARE) / (4 * len(self.carriers)))
        return np.concatenate([self.phases * np.sqrt(PILOT_SHARE / (2 * PILOTS)), carried])

    def tile(self, lines: Complexes) -> npt.NDArray[np.float32]:
        """Return the (70, 70) tile of (344,) coefficients: mean 0, variance 1."""
        spectrum = np.zeros((PERIOD, PERIOD), np.complex128)
        x, y = np.concatenate([self.pilots, self.carriers]).T
        spectrum[y % PERIOD, x % PERIOD] = lines
        spectrum[-y % PERIOD, -x % PERIOD] = np.conj(lines)
        tile = np.fft.ifft2(spectrum).real
        return np.asarray(tile / tile.std(), np.float32)


@lru_cache(maxsize=8)
def pattern(key: bytes = b"") -> Pattern:
    """Return the pattern of a key, the public one by default."""
    # SHAKE-256 rather than NumPy's generators, whose streams may change between versions: marks must stay readable.
    stream = hashlib.shake_256(_DOMAIN + len(key).to_bytes(8, "big") + key).digest(1 << 16)
    numbers = np.frombuffer(stream, "<u4")
    side = np.arange(-PERIOD // 2 + 1, PERIOD // 2)
    y, x = (axis.reshape(-1) for axis in np.meshgrid(side, side, indexing="ij"))
    half = (y > 0) | ((y == 0) & (x > 0))
    every = np.stack([x[half], y[half]], axis=1)
    radius = np.hypot(*every.T)
    every, radius = every[radius >= _LOWEST], radius[radius >= _LOWEST]
    inwards = np.lexsort((every[:, 0], every[:, 1], radius))
    every, radius = every[inwards], radius[inwards]

    # Lines beside an axis drown in the straight edges that most pictures have along their borders and horizons.
    fit = np.flatnonzero((radius >= _PILOT_RING[0]) & (radius <= _PILOT_RING[1]) & (np.abs(every).min(axis=1) >= 2))
    chosen = np.sort(fit[np.argsort(numbers[: len(fit)], kind="stable")[:PILOTS]])
    numbers = numbers[len(fit) :]
    phases = np.exp(2j * np.pi * numbers[:PILOTS] / 2**32)
    carriers = np.delete(every, chosen, axis=0)[:CODED_BITS]
    signs = 1.0 - 2.0 * (numbers[PILOTS : PILOTS + CHIPS] & 1).astype(np.float64)
    # The carriers go outwards: the first half of the chips has the lower frequencies, and each half has every bit once.
    halves = numbers[PILOTS + CHIPS : PILOTS + 2 * CHIPS].reshape(2, CODED_BITS)
    order = np.argsort(halves, axis=1, kind="stable").reshape(-1)
    return Pattern(every[chosen], phases, carriers, signs, order.astype(np.int64))
