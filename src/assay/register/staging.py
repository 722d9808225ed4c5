"""What a commit carries beside its checkpoint: the submissions of a batch with their new leaves, as msgpack."""

from collections.abc import Iterable, Sequence

import msgspec

from assay.errors import RegisterError
from assay.register.leaf import LEAF
from assay.register.model import Posted


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """``start`` is the size of the log before the batch; the rows of ``posted`` follow one another from there."""

    start: int
    posted: tuple[Posted, ...]

    @property
    def leaves(self) -> list[bytes]:
        """The leaves of the batch, in order."""
        return [row.leaf for one in self.posted for row in one.rows]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Staged)


def encode(start: int, posted: Sequence[Posted]) -> bytes:
    """The bytes that go into a ledger."""
    return _encoder.encode(Staged(start, tuple(posted)))


def decode(data: bytes) -> Staged:
    """Raises RegisterError ``damaged``."""
    try:
        staged = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise RegisterError(f"A batch in the journal cannot be read: {error}.", "damaged") from None
    rows: Iterable[tuple[int, int]] = ((r.index, len(r.leaf)) for p in staged.posted for r in p.rows)
    for index, found in enumerate(rows, staged.start):
        if found != (index, LEAF):
            raise RegisterError(f"A batch in the journal does not hold entry {index} where it should.", "damaged")
    return staged


__all__ = ["Staged", "decode", "encode"]
