"""The one thing asked of HEVC (ITU-T H.265): how large the pictures are that a decoder would make room for."""

from collections.abc import Iterator

_SPS = 33


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number; ValueError past the end."""
        if count > self.left:
            raise ValueError("the parameter set ends early")
        self.left -= count
        return self.value >> self.left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("no such number in a parameter set")
        return (1 << zeros) - 1 + self.take(zeros)


def sizes(configuration: bytes) -> Iterator[tuple[int, int]]:
    """Width and height in each sequence parameter set of an ``hvcC`` box's content (ISO/IEC 14496-15)."""
    at = 23
    for _ in range(configuration[22] if len(configuration) > 22 else 0):
        if at + 3 > len(configuration):
            return
        kind, count = configuration[at] & 63, int.from_bytes(configuration[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(configuration[at : at + 2], "big")
            unit = configuration[at + 2 : at + 2 + length]
            at += 2 + length
            if kind == _SPS and unit:
                try:
                    yield _size(unit)
                except ValueError:
                    continue
            if at > len(configuration):
                return


def _size(unit: bytes) -> tuple[int, int]:
    """pic_width_in_luma_samples and pic_height_in_luma_samples, H.265 clause 7.3.2.2."""
    bits = _Bits(unit[2:200].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    if layers:
        present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
        bits.take(2 * (8 - layers))
        for profile, level in present:
            bits.take(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:
        bits.take(1)
    return bits.exp_golomb(), bits.exp_golomb()


__all__ = ["sizes"]
