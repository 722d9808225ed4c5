"""``python -m bench.watermark``: measure the watermark and write docs/figures/watermark.json, .md and .png."""

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.watermark import figure, peers, speed, tables, unmarked
from bench.watermark.pictures import files, photographs, twelve_million
from bench.watermark.tally import Assay, Shot, measure

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures"


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.watermark", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the development data")
    parser.add_argument("--n", type=int, default=50, help="photographs (default: 50)")
    parser.add_argument("--few", type=int, default=25, help="photographs of each of the small sizes (default: 25)")
    parser.add_argument("--large", type=int, default=5, help="photographs of 12 million pixels (default: 5)")
    parser.add_argument("--beside", type=int, default=10, help="photographs that peers are measured on (default: 10)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--trials", type=int, default=10_000, help="pictures without a mark (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of the trials (default: 1); other seeds add up")
    parser.add_argument("--part", action="append", help="measure this (default: all)")
    given = parser.parse_args()
    folder = given.data / "camera"

    def pictures(label: str, n: int, pixels: float) -> dict[str, Any]:
        return {"label": label, **measure(Assay(), photographs(folder, n, pixels), given.jobs)}

    def large() -> dict[str, Any]:
        shots = [Shot(f.stem, partial(twelve_million, f), i) for i, f in enumerate(files(folder, given.large))]
        return {"label": "12 MP", **measure(Assay(), shots, given.jobs)}

    def beside() -> dict[str, Any]:
        found, said = peers.present()
        runs = {m.name: measure(m, photographs(folder, given.beside), given.jobs) for m in (Assay(), *found)}
        return {"runs": runs, "said": said}

    def false_accepts() -> dict[str, Any]:
        done, found = unmarked.trials(folder, given.trials, given.seed)
        old = _load().get("unmarked", {"seeds": [], "trials": 0, "found": 0})
        if given.seed in old["seeds"]:
            old = {"seeds": [], "trials": 0, "found": 0}
        return {"seeds": [*old["seeds"], given.seed], "trials": old["trials"] + done, "found": old["found"] + found}

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "pictures": lambda: pictures("0.7 to 2 MP", given.n, 0),
        "pictures 0.25": lambda: pictures("0.25 MP", given.few, 0.25e6),
        "pictures 0.1": lambda: pictures("0.1 MP", given.few, 0.1e6),
        "pictures 12": large,
        "peers": beside,
        "unmarked": false_accepts,
        "speed": speed.measure,
    }
    if given.part and not set(given.part) <= {*parts, "figure"}:
        parser.error(f"the parts are: {', '.join([*parts, 'figure'])}")
    if not folder.is_dir() and set(given.part or parts) - {"speed", "figure"}:
        print(f"No development data at {folder}: only speed and figure can be measured", file=sys.stderr)
        return 1
    for name in given.part or parts:
        if name in parts:
            _keep(name, parts[name]())
    if not given.part or "figure" in given.part:
        figure.draw(FIGURES / "watermark.png")
    figures = _load()
    ordered = {name: figures[name] for name in parts if name in figures}
    (FIGURES / "watermark.md").write_text(tables.render(ordered), encoding="utf-8")
    return 0


def _load() -> dict[str, Any]:
    path = FIGURES / "watermark.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _keep(name: str, result: dict[str, Any]) -> None:
    """Write one part's result beside what was measured before."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    figures = {**_load(), name: {**result, "measured": today, "machine": machine}}
    (FIGURES / "watermark.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
