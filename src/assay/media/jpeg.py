"""The structure of a JPEG file (ITU-T T.81): segments, tables, frame, scans."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Segment:
    """A marker segment. ``marker`` is the second byte (0xE1 for APP1); ``offset`` that of the 0xFF; ``length``
    counts marker and payload; entropy-coded data after SOS counts to the SOS segment. ``payload`` leaves out marker
    and length field, and for SOS the entropy-coded data.
    """

    marker: int
    name: str
    offset: int
    length: int
    payload: bytes
    note: str = ""


@dataclass(frozen=True)
class Component:
    """A colour component as SOF declares it: id, sampling factors, index of its quantisation table."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class HuffmanTable:
    """``kind`` 0 is DC, 1 AC. ``counts`` are the 16 code-length counts, ``symbols`` follow in order."""

    kind: int
    index: int
    counts: tuple[int, ...]
    symbols: bytes


@dataclass(frozen=True)
class Jpeg:
    """All of a JPEG's header. ``tables``: index -> (8, 8) uint16 in raster (not zigzag) order, as first defined.

    ``process`` is ``baseline``, ``extended``, ``progressive``, ``lossless`` or ``arithmetic``. ``adobe`` is the
    colour transform of the Adobe APP14 segment, None where absent. ``standard_huffman`` is True where every table is
    that of Annex K.
    """

    segments: tuple[Segment, ...]
    width: int
    height: int
    precision: int
    process: str
    components: tuple[Component, ...]
    tables: dict[int, npt.NDArray[np.uint16]]
    huffman: tuple[HuffmanTable, ...]
    restart_interval: int
    scans: int
    end: int
    adobe: int | None = None
    jfif: tuple[int, int] | None = None
    comments: tuple[str, ...] = ()
    standard_huffman: bool = False

    def table_of(self, component: int) -> npt.NDArray[np.uint16]:
        """Quantisation table (8, 8) of a component by its place in the frame (0 is luma)."""
        return self.tables[self.components[component].table]
