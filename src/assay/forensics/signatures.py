"""The signature table: how camera originals and well-known encoders lay out a JPEG and quantise it.

``data/signatures.json`` is written by ``tools/build_signatures.py``. It holds digests, counts and orders of
segments; no picture.
"""

from functools import cache
from importlib import resources

import msgspec

from assay.forensics.compression.tables import STANDARD, digest, fit
from assay.media import Jpeg, Segment


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What one camera original showed. ``tables`` are digests by component, ``fits`` the standard quality of each
    where it is an exact scaling of Annex K, else 0; ``order`` and ``coding`` as :func:`order` and :func:`coding`.
    ``thumbnail`` is (width, height) of the EXIF thumbnail, (0, 0) for none.
    """

    make: str
    model: str
    software: str
    tables: tuple[str, ...]
    fits: tuple[int, ...]
    sampling: str
    process: str
    order: str
    coding: str
    huffman: str
    adobe: bool
    thumbnail: tuple[int, int]


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """Tables, as digests, that a maker of software publishes or is known by."""

    family: str
    setting: str
    tables: tuple[str, ...]
    source: str


class Signatures(msgspec.Struct, frozen=True, kw_only=True):
    """The whole table."""

    cameras: tuple[Signature, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    schema: str = "assay/signatures/1"

    def of(self, make: str, model: str) -> tuple[Signature, ...]:
        """The originals of one model."""
        return tuple(c for c in self.cameras if key(c.make) == key(make) and key(c.model) == key(model))

    def of_make(self, make: str) -> tuple[Signature, ...]:
        """The originals of one make."""
        return tuple(c for c in self.cameras if key(c.make) == key(make))

    def with_tables(self, tables: tuple[str, ...]) -> tuple[Signature, ...]:
        """The originals with these tables, component by component."""
        return tuple(c for c in self.cameras if c.tables == tables)

    def encoder(self, table: str) -> Encoder | None:
        """The first encoder that is known by the luma table of this digest."""
        return next((e for e in self.encoders if e.tables[0] == table), None)


@cache
def load() -> Signatures:
    """The table that ships with Assay."""
    file = resources.files("assay.forensics") / "data" / "signatures.json"
    return msgspec.json.decode(file.read_bytes(), type=Signatures)


def key(name: str) -> str:
    """A make or model for comparing: case and spacing dropped."""
    return " ".join(name.replace("\0", " ").split()).casefold()


def camera_name(make: str, model: str) -> str:
    """Make and model for reading, without saying the make twice."""
    make, model = " ".join(make.split()), " ".join(model.split())
    return model if model and key(model).startswith(key(make)) else f"{make} {model}".strip()


def label(segment: Segment) -> str:
    """``APP1(Exif)``, ``DQT(2)``, ``SOF0``: the marker and what it holds, or how many tables."""
    if 0xE0 <= segment.marker <= 0xEF:
        return f"{segment.name}({segment.note or '?'})"
    if segment.name in {"DQT", "DHT"}:
        return f"{segment.name}({_tables_in(segment)})"
    return segment.name


def order(jpeg: Jpeg) -> str:
    """The segments in their order, runs counted, scans and what stands between them drawn together:
    ``SOI APP0(JFIF) DQT(1)×2 SOF0 DHT(1)×4 SOS EOI``.
    """
    return _joined([label(s) for s in jpeg.segments])


def coding(jpeg: Jpeg) -> str:
    """As :func:`order`, of the tables, frame and scan headers only: what tools that edit metadata leave alone."""
    kept = ("DQT", "DHT", "DRI", "SOF", "SOS")
    return _joined([label(s) for s in jpeg.segments if s.name.startswith(kept)])


def sampling(jpeg: Jpeg) -> str:
    """Sampling factors of the components, horizontal x vertical: ``2x2,1x1,1x1``."""
    return ",".join(f"{c.horizontal}x{c.vertical}" for c in jpeg.components)


def describe(
    jpeg: Jpeg, *, make: str, model: str, software: str = "", thumbnail: tuple[int, int] = (0, 0)
) -> Signature:
    """The signature of one JPEG that is not lossless."""
    tables = [jpeg.table_of(i) for i in range(len(jpeg.components))]
    fits = [fit(table, luma=i == 0) for i, table in enumerate(tables)]
    return Signature(
        make=" ".join(make.split()),
        model=" ".join(model.split()),
        software=" ".join(software.split()),
        tables=tuple(digest(table) for table in tables),
        fits=tuple(f.quality if f.exact and not f.turned and f.family == STANDARD else 0 for f in fits),
        sampling=sampling(jpeg),
        process=jpeg.process,
        order=order(jpeg),
        coding=coding(jpeg),
        huffman="standard" if jpeg.standard_huffman else "optimised",
        adobe=jpeg.adobe is not None,
        thumbnail=thumbnail,
    )


def _joined(names: list[str]) -> str:
    if "SOS" in names:
        first = names.index("SOS")
        last = len(names) - 1 - names[::-1].index("SOS")
        scans = names[first : last + 1].count("SOS")
        names = [*names[:first], *(["SOS"] * scans), *names[last + 1 :]]
    runs: list[tuple[str, int]] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    return " ".join(name if count == 1 else f"{name}×{count}" for name, count in runs)


def _tables_in(segment: Segment) -> int:
    payload, place, count = segment.payload, 0, 0
    while place < len(payload):
        if segment.name == "DQT":
            place += 65 if payload[place] >> 4 == 0 else 129
        else:
            place += 17 + sum(payload[place + 1 : place + 17])
        count += 1
    return count


__all__ = [
    "Encoder",
    "Signature",
    "Signatures",
    "camera_name",
    "coding",
    "describe",
    "key",
    "label",
    "load",
    "order",
    "sampling",
]
