"""``python -m bench.examine``: measure the methods and write docs/figures/examine.json and .md."""

import argparse
import sys
from pathlib import Path

from assay.errors import UsageError
from assay.examine import select
from bench.examine import camera, cards, local, samples, speed, tables
from bench.examine.figures import FIGURES, ROOT, Figure, keep, load

PARTS = (camera.PART, local.PART, samples.PART, speed.PART)


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.examine", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this (default: all)")
    parser.add_argument("--only", action="append", metavar="ID", help="measure this method (default: all)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the development data")
    parser.add_argument("--seeds", type=int, default=6, help="scenes for the samples (default: 6)")
    parser.add_argument("--size", action="append", choices=list(speed.SIZES), help="sizes for speed (default: all)")
    parser.add_argument("--write", action="store_true", help="put the figures on the methods' cards too")
    parser.add_argument("--dry", action="store_true", help="print the figures, write nothing")
    given = parser.parse_args()
    try:
        analyses = select(given.only or ())
    except UsageError as error:
        parser.error(str(error))
    parts = given.part or PARTS
    if {camera.PART, local.PART} & set(parts) and not given.data.is_dir():
        print(f"No development data at {given.data}: camera and local are left out", file=sys.stderr)
        parts = [p for p in parts if p not in {camera.PART, local.PART}]
    for part in parts:
        figures: list[Figure] = {
            camera.PART: lambda: camera.measure(analyses, given.data),
            local.PART: lambda: local.measure(analyses, given.data),
            samples.PART: lambda: samples.measure(analyses, given.seeds),
            speed.PART: lambda: speed.measure(analyses, given.size or speed.SIZES, whole=not given.only),
        }[part]()
        if given.dry:
            for f in figures:
                print(f"{f.method:24} {f.map:20} {f.on:20} {f.what:45} {f.value:8.3f} {f.unit} (n = {f.n})")
        else:
            tables.write(keep(figures), FIGURES / "examine.md")
    if given.write:
        cards.write(load().figures, ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
