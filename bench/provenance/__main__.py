"""``python -m bench.provenance``: measure, and write docs/figures/provenance.json and .md."""

import argparse
import sys
from pathlib import Path
from typing import Any

from bench.examine.figures import ROOT
from bench.provenance import cases, files, formats, speed, tables
from bench.provenance.figures import keep

PARTS = (speed.PART, formats.PART, files.PART, cases.PART)


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.provenance", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this (default: all)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the development data")
    parser.add_argument("--size", action="append", choices=list(speed.SIZES), help="sizes for speed (default: all)")
    parser.add_argument("--rounds", type=int, help="turns for speed (default: as many as the size asks for)")
    parser.add_argument("--dry", action="store_true", help="print the figures, write nothing")
    given = parser.parse_args()
    parts = list(given.part or PARTS)
    if files.PART in parts and not (given.data / "c2pa").is_dir():
        print(f"No public files at {given.data / 'c2pa'}: {files.PART} is left out", file=sys.stderr)
        parts.remove(files.PART)
    for part in parts:
        if part == cases.PART:
            page = cases.page()
            if given.dry:
                print(page)
            else:
                cases.write(page)
            continue
        rows: list[Any]
        if part == speed.PART:
            rows = speed.measure(given.size or speed.SIZES, given.rounds)
        else:
            rows = formats.measure() if part == formats.PART else files.measure(given.data)
        if given.dry:
            print(*rows, sep="\n")
        else:
            tables.write(keep(part, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
