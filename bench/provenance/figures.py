"""The figures themselves, in docs/figures/provenance.json. A run replaces the parts that it measured."""

from datetime import UTC, datetime
from importlib import metadata

import c2pa
import msgspec

import assay
from bench.examine.figures import FIGURES, machine

PATH = FIGURES / "provenance.json"
LIBRARIES = ("c2pa-python", "encypher-c2pa", "cryptography", "rfc3161-client")


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """When a part was measured, of what version, and on what class of machine."""

    date: str
    assay: str
    machine: str


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """One job of one contestant: the median over ``rounds``, in milliseconds of the clock and of the processor.

    ``ratio`` is the median over the rounds of ours divided by bare, both of the same round, by processor time, and
    ``low`` and ``high`` its quartiles.
    """

    job: str
    size: str
    ours_wall: float
    bare_wall: float
    ours_cpu: float
    bare_cpu: float
    ratio_wall: float
    ratio_cpu: float
    low: float
    high: float
    rounds: int


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One public file: what each says of it, and why they differ where they do."""

    name: str
    ours: str
    chain: str
    list: str
    bare: str
    encypher: str
    shipped: str
    differs: bool
    why: str = ""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of file, signed by us, with a timestamp: what each says of it, and of it with one bit changed.

    ``bytes`` are what our signing added without a timestamp, ``stamped`` with one, ``bare`` what c2pa-python alone
    adds with a key in memory and no timestamp.
    """

    mime: str
    name: str
    ours: str
    library: str
    encypher: str
    tampered: str
    bytes: int
    stamped: int
    bare: int


class Store(msgspec.Struct, kw_only=True):
    """All figures, and what they were measured with."""

    schema: str = "assay/bench-provenance/1"
    libraries: dict[str, str] = {}
    stamps: dict[str, Stamp] = {}
    speed: list[Speed] = []
    files: list[File] = []
    formats: list[Format] = []


def load() -> Store:
    """The figures measured so far."""
    return msgspec.json.decode(PATH.read_bytes(), type=Store) if PATH.exists() else Store()


def keep(part: str, rows: list[Speed] | list[File] | list[Format]) -> Store:
    """Put ``rows`` in place of those of the same part; return all."""
    store = load()
    setattr(store, part, rows)
    store.stamps[part] = Stamp(date=datetime.now(UTC).date().isoformat(), assay=assay.__version__, machine=machine())
    store.libraries = {name: metadata.version(name) for name in LIBRARIES} | {"c2pa-rs": c2pa.sdk_version()}
    FIGURES.mkdir(parents=True, exist_ok=True)
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(store), indent=1) + b"\n")
    return store


__all__ = ["FIGURES", "PATH", "File", "Format", "Speed", "Stamp", "Store", "keep", "load"]
