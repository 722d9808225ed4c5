"""The part of CBOR that records and receipts are written in: whole numbers, byte strings, texts, lists and null, in the
one core deterministic encoding (RFC 8949, section 4.2.1). No maps, tags or floats: a list needs no order of keys.
"""

from assay.errors import RegisterError

Value = int | bytes | str | list["Value"] | None
MAX_DEPTH = 8
"""Lists within lists."""


def encode(value: Value | tuple[object, ...]) -> bytes:
    """The encoding of a value; a tuple is written as a list."""
    import cbor2  # noqa: PLC0415 (reading needs no library)

    return cbor2.dumps(value)


def decode(data: bytes, what: str) -> Value:
    """The value of which this is the encoding, all of it. Raises RegisterError: ``malformed``, ``unsupported`` for a
    kind of value that is not used here. ``what`` is the subject of the error's sentence.
    """
    reader = _Reader(data, what)
    value = reader.value(MAX_DEPTH)
    if reader.at != len(data):
        raise RegisterError(f"{what} has {len(data) - reader.at} bytes after its end.", "malformed")
    return value


class _Reader:
    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise RegisterError(f"{self.what} is cut off at byte {len(self.data)}.", "malformed")
        found, self.at = self.data[self.at : end], end
        return found

    def value(self, depth: int) -> Value:
        start = self.at
        first = self.take(1)[0]
        major, number = first >> 5, first & 0x1F
        if first == 0xF6:
            return None
        if major not in (0, 2, 3, 4):
            raise RegisterError(
                f"{self.what} has at byte {start} a CBOR value of a kind that is not used.", "unsupported"
            )
        if number > 23:
            number = self.long(number)
        if major == 0:
            return number
        if major == 4:
            if depth == 0 or number > len(self.data) - self.at:
                raise RegisterError(f"{self.what} has at byte {start} a list that cannot be.", "malformed")
            return [self.value(depth - 1) for _ in range(number)]
        found = self.take(number)
        if major == 2:
            return found
        try:
            return found.decode("utf-8")
        except UnicodeDecodeError:
            raise RegisterError(f"{self.what} has at byte {start} a text that is not UTF-8.", "malformed") from None

    def long(self, info: int) -> int:
        """A number that stands in 1, 2, 4 or 8 bytes of its own, and needs them."""
        start = self.at - 1
        if info <= 27:
            width = 1 << info - 24
            number = int.from_bytes(self.take(width), "big")
            if number >= (24 if width == 1 else 1 << 4 * width):
                return number
        raise RegisterError(f"{self.what} is not canonical CBOR at byte {start}.", "malformed")


__all__ = ["Value", "decode", "encode"]
