"""Block headers of Bitcoin, from a file that the user trusts as far as it can be checked. No node is needed.

What is checked of every header: its proof of work meets the target that it states; it names the hash of the header
before it, where that is there; the target changes only at every 2016th block, and then fourfold at most; its time is
after the median of the eleven before it, where those are there; and the one of a trusted height has the trusted hash.

What is not checked: the blocks themselves, that the chain is the one with the most work, the exact new target at a
2016th block. What a lone header is worth is its difficulty: making a false one costs that many times 2^32 hashes. So a
header counts where one that the user trusts builds on it, hash by hash, or where its difficulty is the one asked for.
What builds on the trusted one counts only by its difficulty: upon an early block anybody can build a chain for nothing.

Sources: the Bitcoin developer reference, "Block Headers" and "Target nBits".
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from assay.errors import RegisterError
from assay.register.http import Http

SIZE = 80
MAX_FILE = 512 * 1024 * 1024
"""Bytes of a file of headers that is read; the whole chain had 75 MB in 2026."""
MAX_HEIGHT = 2**31
DIFFICULTY_1 = 0xFFFF << 208
"""The target of difficulty 1."""
DIFFICULTY = 1e13
"""Least difficulty of a lone header that is believed, unless told otherwise: a tenth of what Bitcoin had in 2025."""
PERIOD = 2016
DAY = 144
"""Blocks of a day, about."""


@dataclass(frozen=True)
class Header:
    """One header. ``root`` and ``previous`` are hashes as they stand in it (what explorers show is reversed); ``time``
    is POSIX seconds by the miner's clock; ``target`` is the number that the hash must not exceed.
    """

    hash: bytes
    previous: bytes
    root: bytes
    time: int
    target: int

    @property
    def difficulty(self) -> float:
        """How many times harder than the easiest block that Bitcoin allows."""
        return DIFFICULTY_1 / self.target

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """80 bytes. Raises RegisterError: ``malformed``, ``proof`` where the work is not there."""
        if len(data) != SIZE:
            raise RegisterError(f"A block header has {SIZE} bytes; this has {len(data)}.", "malformed")
        bits = int.from_bytes(data[72:76], "little")
        exponent, mantissa = bits >> 24, bits & 0x7FFFFF
        if bits & 0x800000 or not mantissa or not 3 <= exponent <= 32:
            raise RegisterError("A block header states a target that is none.", "malformed")
        target = mantissa << 8 * (exponent - 3)
        found = hashlib.sha256(hashlib.sha256(data).digest()).digest()
        if int.from_bytes(found, "little") > target:
            raise RegisterError("A block header does not have the proof of work that it states.", "proof")
        return cls(found, data[4:36], data[36:68], int.from_bytes(data[68:72], "little"), target)


@dataclass(frozen=True)
class Evidence:
    """What stands behind a header: ``linked`` that it leads up to the trusted one, ``after`` how many headers in a row
    build on it, up to a day's.
    """

    header: Header
    linked: bool
    after: int

    @property
    def time(self) -> datetime:
        """The miner's time."""
        return datetime.fromtimestamp(self.header.time, UTC)


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    height: int
    header: str


class Headers:
    """Headers by height, as bytes. ``trusted``: (height, hash as explorers show it, as bytes) of a block that the user
    knows to be Bitcoin's. ``difficulty``: the least for a header on which it does not build.
    """

    def __init__(
        self,
        headers: Mapping[int, bytes],
        *,
        trusted: tuple[int, bytes] | None = None,
        difficulty: float = DIFFICULTY,
    ) -> None:
        """Raises RegisterError: ``malformed``, ``proof`` where the trusted block is another."""
        self._headers = headers
        self._trusted = trusted
        self.difficulty = difficulty
        if trusted and trusted[0] in headers and Header.parse(headers[trusted[0]]).hash[::-1] != trusted[1]:
            raise RegisterError(f"The header of block {trusted[0]} is not that of the trusted block.", "proof")

    @classmethod
    def read(
        cls, path: Path, *, start: int = 0, trusted: tuple[int, bytes] | None = None, difficulty: float = DIFFICULTY
    ) -> "Headers":
        """From a file: headers one after another, 80 bytes each, the first of height ``start``; or lines of JSON, each
        ``{"height": 358391, "header": "0200…"}``.

        Raises RegisterError: ``missing``, ``too_large``, ``malformed``, ``proof``.
        """
        try:
            if path.stat().st_size > MAX_FILE:
                raise RegisterError(f"{path} is too large for a file of block headers.", "too_large")
            data = path.read_bytes()
        except OSError as error:
            raise RegisterError(f"The block headers cannot be read: {error.strerror} ({path}).", "missing") from None
        return cls.parse(data, start=start, trusted=trusted, difficulty=difficulty)

    @classmethod
    def parse(
        cls, data: bytes, *, start: int = 0, trusted: tuple[int, bytes] | None = None, difficulty: float = DIFFICULTY
    ) -> "Headers":
        """What stands in such a file. Raises RegisterError: ``malformed``, ``proof``."""
        if data.lstrip()[:1] == b"{":
            return cls(_lines(data), trusted=trusted, difficulty=difficulty)
        if len(data) % SIZE or not data:
            raise RegisterError(f"It is not a row of block headers of {SIZE} bytes each.", "malformed")
        return cls(_Row(data, start), trusted=trusted, difficulty=difficulty)

    def get(self, height: int) -> Header | None:
        """The header of a block, its work checked and nothing around it; None where it is not here. Raises
        RegisterError: ``proof``, ``malformed``.
        """
        return Header.parse(self._headers[height]) if height in self._headers else None

    def evidence(self, height: int) -> Evidence | None:
        """The header of a block with what stands behind it; None where it is not here.

        Checks all from the eleven before it to the trusted one, or a day after it, as far as they are here in a row.
        Raises RegisterError: ``proof`` or ``malformed`` where one of them does not hold.
        """
        if height not in self._headers:
            return None
        known = self._trusted[0] if self._trusted else height
        first, low, high = height, height - 11, max(height + DAY, known)
        while first > low and first - 1 in self._headers:
            first -= 1
        last, header = self._walk(first, high, height)
        return Evidence(header, bool(self._trusted) and height <= known <= last, min(last - height, DAY))

    def believed(self, evidence: Evidence) -> bool:
        """Whether the trusted one is it or builds on it, or whether it is as hard as asked for."""
        return evidence.linked or evidence.header.difficulty >= self.difficulty

    def _walk(self, first: int, high: int, wanted: int) -> tuple[int, Header]:
        """The last of those that are here in a row, and the wanted one."""
        times: deque[int] = deque(maxlen=11)
        previous: Header | None = None
        found: Header | None = None
        height = first
        while height <= high and height in self._headers:
            header = Header.parse(self._headers[height])
            if previous:
                _follows(header, previous, height)
            if len(times) == 11 and header.time <= sorted(times)[5]:
                raise RegisterError(f"Block {height} is not later than the median of the eleven before it.", "proof")
            times.append(header.time)
            found = header if height == wanted else found
            previous, height = header, height + 1
        assert found is not None
        return height - 1, found


class _Row(Mapping[int, bytes]):
    """Headers one after another, without a copy of each."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._heights = range(start, start + len(data) // SIZE)

    def __getitem__(self, height: int) -> bytes:
        at = self._heights.index(height) * SIZE
        return self._data[at : at + SIZE]

    def __contains__(self, height: object) -> bool:
        return height in self._heights

    def __iter__(self) -> Iterator[int]:
        return iter(self._heights)

    def __len__(self) -> int:
        return len(self._heights)


def _follows(header: Header, previous: Header, height: int) -> None:
    if previous.hash != header.previous:
        raise RegisterError(f"The header of block {height} does not follow that of the one before.", "proof")
    ratio = header.target / previous.target
    if ratio != 1 and (height % PERIOD or not 0.2499 < ratio < 4.001):
        raise RegisterError(f"Block {height} has a target that cannot follow that of the one before.", "proof")


def _lines(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=_Line)
            header = bytes.fromhex(one.header)
        except (msgspec.MsgspecError, ValueError):
            raise RegisterError(f"Line {number} of the block headers is no height and header.", "malformed") from None
        if not 0 <= one.height < MAX_HEIGHT or found.setdefault(one.height, header) != header:
            raise RegisterError(f"Line {number} of the block headers has a height that cannot be.", "malformed")
    return found


def fetch(heights: Iterable[int], url: str) -> bytes:
    """Headers from an explorer with Esplora's API (its address, as in ``https://blockstream.info/api``), as lines of
    JSON to keep and to :meth:`Headers.parse`. Whoever runs it is believed as to which chain it is.

    Raises RegisterError: ``unreachable``, ``missing``, ``malformed``, ``proof``, ``too_large``.
    """
    lines = []
    with Http(url) as explorer:
        for height in heights:
            try:
                name = explorer.get(f"block-height/{height}", 64).decode("ascii").strip()
                bytes.fromhex(name)
                header = bytes.fromhex(explorer.get(f"block/{name}/header", 2 * SIZE + 2).decode("ascii").strip())
            except ValueError:
                raise RegisterError(
                    f"{explorer.url} does not answer as an Esplora explorer does.", "malformed"
                ) from None
            if Header.parse(header).hash[::-1].hex() != name:
                raise RegisterError(f"{explorer.url} gives another header for block {height} than it says.", "proof")
            lines.append(msgspec.json.encode(_Line(height, header.hex())) + b"\n")
    return b"".join(lines)


__all__ = ["DIFFICULTY", "MAX_HEIGHT", "Evidence", "Header", "Headers", "fetch"]
