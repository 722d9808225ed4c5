"""``python -m bench.fingerprint``: measure and write docs/figures/fingerprint.json and .md."""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

import assay
from assay import fingerprint as prints
from assay.fingerprint import Comparison, Print, Query
from assay.media import Media
from bench.examine.figures import FIGURES, ROOT, machine
from bench.fingerprint.changes import CHANGES, Picture, paste

SIDE = 1000
"""Pictures are averaged down to this longer side first: all they are compared by is coarser still."""
SHARES = (0.12, 0.04, 0.02, 0.01)
STRANGERS_CHANGED = ("JPEG 30", "crop 50 %", "mirror")


def load(folder: Path, most: int) -> list[Picture]:
    """The camera originals, upright; one that lies there twice counts once."""
    pictures: dict[str, Picture] = {}
    for path in sorted(folder.iterdir())[:most]:
        media = Media.open(path)
        if media.sha256 in pictures:
            continue
        rgb = np.ascontiguousarray(media.upright(media.rgb))
        side = min(1.0, SIDE / max(rgb.shape[:2]))
        small = cv2.resize(rgb, None, fx=side, fy=side, interpolation=cv2.INTER_AREA)
        pictures[media.sha256] = np.asarray(small, np.uint8)
    return list(pictures.values())


def _compare(found: Print, picture: Picture) -> Comparison:
    return prints.compare_print(found, Query(np.ascontiguousarray(picture)))


def same(pictures: list[Picture], taken: list[Print]) -> list[dict[str, Any]]:
    """Each picture against its own print, changed in each way."""
    rows = []
    for name, change in CHANGES.items():
        begun = time.perf_counter()
        found = [_compare(p, change(picture)) for p, picture in zip(taken, pictures, strict=True)]
        taken_s = (time.perf_counter() - begun) / len(found)
        telling = [c.score for c, p in zip(found, taken, strict=True) if prints.telling(p) >= prints.TELLING]
        rows.append({
            "change": name, "n": len(found), "same": sum(c.same is True for c in found),
            "unsure": sum(c.same is None for c in found), "another": sum(c.same is False for c in found),
            "lowest": min(telling), "telling": len(telling), "differs": sum(bool(c.differing) for c in found),
            "seconds": round(taken_s, 3),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def strangers(pictures: list[Picture], taken: list[Print], jobs: int = 1) -> list[dict[str, Any]]:
    """Each picture against every other's print; changed ones against a few others'."""
    rows = []
    for name in ("unchanged", *STRANGERS_CHANGED):
        scores: list[float] = []
        work = [(name, i, picture, taken) for i, picture in enumerate(pictures)]
        with ProcessPoolExecutor(jobs) as pool:
            for i, found in enumerate(pool.map(_against_others, work) if jobs > 1 else map(_against_others, work)):
                scores += found
                print(f"{name} {i}: highest {max(found, default=0):.2f}", flush=True)
        if not scores:
            continue
        rows.append({
            "change": name, "n": len(scores), "same": sum(s >= prints.SAME for s in scores),
            "unsure": sum(prints.OTHER <= s < prints.SAME for s in scores), "highest": max(scores),
            "p99": round(float(np.percentile(scores, 99)), 2), "median": round(float(np.median(scores)), 2),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def _against_others(work: tuple[str, int, Picture, list[Print]]) -> list[float]:
    cv2.setNumThreads(1)
    name, i, picture, taken = work
    query = Query(np.ascontiguousarray(CHANGES[name](picture)))
    every = 1 if name == "unchanged" else 18
    others = [p for j, p in enumerate(taken) if j != i and (every == 1 or (i + j) % every == 0)]
    found, shape = [], 0.0
    # Those of one shape together: what the query works out for the first holds for all.
    for other in sorted(others, key=lambda p: p.width / p.height):
        if other.width / other.height != shape:
            query.forget()
            shape = other.width / other.height
        found.append(prints.compare_print(other, query).score)
    return [score for score in found if score]


def edits(pictures: list[Picture], taken: list[Print]) -> list[dict[str, Any]]:
    """A part of another picture pasted in."""
    rows = []
    for share in SHARES:
        found = [
            _compare(p, paste(picture, pictures[(i + 5) % len(pictures)], share))
            for i, (p, picture) in enumerate(zip(taken, pictures, strict=True))
        ]
        side = np.sqrt(share)
        hit = [c for c in found if any(_overlap(box, (0.35, 0.4, side, side)) for box in c.differing)]
        lowest = [c for c in found if _lowest_within(c, (0.35, 0.4, side, side))]
        rows.append({
            "share": share, "n": len(found), "same": sum(c.same is True for c in found), "found": len(hit),
            "lowest_there": len(lowest),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


Box = tuple[float, float, float, float]


def _overlap(a: Box, b: Box) -> bool:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return wide > 0 and high > 0


def _lowest_within(c: Comparison, box: Box) -> bool:
    if np.isnan(c.agreement).all():
        return False
    row, column = np.unravel_index(int(np.nanargmin(c.agreement)), c.agreement.shape)
    y, x = (row + 0.5) / len(c.agreement), (column + 0.5) / len(c.agreement)
    return bool(box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3])


def lookup(pictures: list[Picture]) -> list[dict[str, Any]]:
    """Whether the quick search puts the right print first, and what it costs in a store of 10,000."""
    stored = [(str(i), prints.compute(p)) for i, p in enumerate(pictures)]
    rows = []
    for name, change in CHANGES.items():
        first = ten = 0
        for i, picture in enumerate(pictures):
            names = [n for n, _ in prints.search(stored, np.ascontiguousarray(change(picture)), limit=10)]
            first += names[0] == str(i)
            ten += str(i) in names
        rows.append({"change": name, "n": len(pictures), "first": first, "in_ten": ten})
    many = [(f"{k}.{n}", value) for k in range(10_000 // len(stored) + 1) for n, value in stored][:10_000]
    begun = time.perf_counter()
    prints.search(many, pictures[0])
    rows.append({"change": "seconds for 10,000", "seconds": round(time.perf_counter() - begun, 2)})
    return rows


def page(found: dict[str, Any]) -> str:
    """The figures as a page."""
    lines = [
        "# Figures: the fingerprint", "",
        f"`python -m bench.fingerprint`, {found['date']}, Assay {found['assay']}, {found['machine']}.", "",
        f"On {found['pictures']} camera originals of different makes, averaged down to a longer side of {SIDE} pixels."
        f" A score of {prints.SAME} or more says *same*, one below {prints.OTHER} *another picture*, and between them"
        f" it says *cannot tell*. So it does where the recorded picture has too little structure, or repeats too much:"
        f" {found['pictures'] - found['same'][0]['telling']} of these.", "",
        "## The same picture, changed", "",
        "| change | pictures | same | cannot tell | another (wrong) | lowest score of those with enough structure"
        " | says that a place differs | s each |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {r['change']} | {r['n']} | {r['same']} | {r['unsure']} | {r['another']} |"
        f" {r['lowest']:.1f} | {r['differs']} | {r['seconds']:.2f} |"
        for r in found["same"]
    ]  # fmt: skip
    lines += [
        "", "## Other people's pictures", "",
        "| what was compared | pairs | same (wrong) | cannot tell | highest score | 99th percentile |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {r['change']} | {r['n']:,} | {r['same']} | {r['unsure']} | {r['highest']:.2f} | {r['p99']:.2f} |"
        for r in found["strangers"]
    ]  # fmt: skip
    lines += [
        "", "The bounds were chosen on these same pairs.", "",
        "## A part replaced", "",
        "| share of the area replaced | pictures | still the same picture | place named | lowest agreement there |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {r['share']:.0%} | {r['n']} | {r['same']} | {r['found']} | {r['lowest_there']} |" for r in found["edits"]
    ]
    lines += [
        "", "## The quick search", "",
        f"Among the {found['pictures']} prints: how often the right one comes first, and among the first ten.", "",
        "| change | first | in ten | of |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {r['change']} | {r['first']} | {r['in_ten']} | {r['n']} |" for r in found["lookup"][:-1]]
    lines += ["", f"Looking through 10,000 prints took {found['lookup'][-1]['seconds']} s.", ""]
    return "\n".join(lines)


PARTS: dict[str, Callable[[list[Picture], list[Print], int], list[dict[str, Any]]]] = {
    "same": lambda pictures, taken, _: same(pictures, taken),
    "edits": lambda pictures, taken, _: edits(pictures, taken),
    "lookup": lambda pictures, *_: lookup(pictures),
    "strangers": strangers,
}


def main() -> int:
    """Measure, and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.fingerprint", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "camera", help="the pictures")
    parser.add_argument("--most", type=int, default=1000, help="use only so many pictures")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="measure this (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the comparison with others' pictures")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    if not given.data.is_dir():
        parser.error(f"no pictures at {given.data}")
    cv2.setNumThreads(1)
    pictures = load(given.data, given.most)
    taken = [prints.take(p) for p in pictures]
    path = FIGURES / "fingerprint.json"
    for part in given.part or PARTS:
        rows = PARTS[part](pictures, taken, given.jobs)
        if given.dry:
            continue
        found = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        found |= {
            "schema": "assay/bench-fingerprint/1", "date": datetime.now(UTC).date().isoformat(),
            "assay": assay.__version__, "machine": machine(), "algorithm": prints.ALGORITHM,
            "pictures": len(pictures), "bounds": {"same": prints.SAME, "other": prints.OTHER}, part: rows,
        }  # fmt: skip
        FIGURES.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        if all(name in found for name in PARTS):
            (FIGURES / "fingerprint.md").write_text(page(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
