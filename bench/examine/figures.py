"""The figures themselves: one record each, in docs/figures/examine.json. A run replaces what it measured."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

import assay
from assay.examine import LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number.

    ``part`` is camera, local, samples or speed; ``method`` the id, and ``version`` that of its card; ``what`` was
    measured on ``n`` items of the set ``on``; ``map`` names the heat map where it is one of a map; ``unit`` is empty
    for shares and AUC. ``date``, ``assay`` and ``machine`` say when, of what and on what.
    """

    part: str
    method: str
    version: str
    what: str
    value: float
    n: int
    on: str
    map: str = ""
    unit: str = ""
    date: str = ""
    assay: str = ""
    machine: str = ""


class Store(msgspec.Struct, kw_only=True):
    """All figures, and the libraries of the last run."""

    schema: str = "assay/bench/1"
    libraries: dict[str, str] = {}
    figures: list[Figure] = []


def machine() -> str:
    """The class of this machine; nothing that names it."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores, {platform.machine()}, {memory} GiB, Python {platform.python_version()}"


def load() -> Store:
    """The figures measured so far."""
    path = FIGURES / "examine.json"
    return msgspec.json.decode(path.read_bytes(), type=Store) if path.exists() else Store()


def keep(new: list[Figure]) -> Store:
    """Stamp ``new`` and write it over the older figures of the same part, method and set; return all."""
    store = load()
    stamp = {"date": datetime.now(UTC).date().isoformat(), "assay": assay.__version__, "machine": machine()}
    fresh = {(f.part, f.method, f.on) for f in new}
    kept = [f for f in store.figures if (f.part, f.method, f.on) not in fresh]
    kept += [msgspec.structs.replace(f, value=round(f.value, 4), **stamp) for f in new]
    store.figures = sorted(kept, key=lambda f: (f.part, f.method, f.on, f.map, f.what))
    store.libraries = {name: metadata.version(name) for name in LIBRARIES}
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / "examine.json").write_bytes(msgspec.json.format(msgspec.json.encode(store), indent=1) + b"\n")
    return store


__all__ = ["FIGURES", "ROOT", "Figure", "Store", "keep", "load", "machine"]
