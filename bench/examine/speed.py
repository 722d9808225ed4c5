"""Seconds and peak memory of each method at three sizes, each in a process of its own.

The peer of every row is a plain decode of the same file by Pillow in the same process, after the method: no library
with a permissive licence offers these analyses, and the ratio to a decode is what a reader can carry to another
machine.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from assay import testing
from assay.analysis import Analysis
from bench.examine.camera import WHOLE
from bench.examine.child import Cost
from bench.examine.figures import ROOT, Figure

PART = "speed"
SECONDS, PROCESSOR, RATIO, MEMORY = "seconds", "processor seconds", "times a decode", "peak memory"
SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000), "50 MP": (8160, 6120)}


def picture(width: int, height: int) -> bytes:
    """A JPEG at quality 90: one scene, or for the largest a mosaic of different scenes, which needs less memory."""
    parts = 2 if width * height > 2e7 else 1
    size = width // parts, height // parts
    rows = [np.hstack([testing.scene(50 + parts * r + c, *size) for c in range(parts)]) for r in range(parts)]
    return testing.encode(np.vstack(rows), 90)


def _run(method: str, small: Path, path: Path, repeat: int) -> Cost | None:
    command = [sys.executable, "-m", "bench.examine.child", method, str(small), str(path), str(repeat)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=900)
    if done.returncode:
        print(f"\n{method}: {done.stderr.decode(errors='replace')[-600:]}", file=sys.stderr)
        return None
    return msgspec.json.decode(done.stdout, type=Cost)


def measure(analyses: Iterable[Analysis], sizes: Iterable[str], whole: bool) -> list[Figure]:
    """Time every method at each of ``sizes`` (keys of SIZES); with ``whole``, examine() too."""
    versions = {a.id: a.card.version for a in analyses} | ({WHOLE: ""} if whole else {})
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        # Drawn here and not there, where the drawing would count as memory of the method.
        small = Path(folder) / "small.jpg"
        small.write_bytes(testing.splice(1, width=384, height=256).data)
        for size in sizes:
            print(f"{PART}: drawing {size}", file=sys.stderr)
            path = Path(folder) / "picture.jpg"
            path.write_bytes(picture(*SIZES[size]))
            for method, version in versions.items():
                repeat = 1 if size == "50 MP" else 3
                cost = _run(method, small, path, repeat)
                if cost is None:
                    continue
                print(f"{size} {method}: {cost.seconds:.2f} s, {cost.peak:.0f} MiB", file=sys.stderr)
                for what, value, unit in (
                    (SECONDS, cost.seconds, "s"),
                    (PROCESSOR, cost.processor, "s"),
                    (RATIO, cost.seconds / cost.decode, ""),
                    (MEMORY, cost.peak, "MiB"),
                ):
                    figures.append(
                        Figure(
                            part=PART, method=method, version=version, what=what, value=value, n=repeat, on=size,
                            unit=unit,
                        )
                    )  # fmt: skip
    return figures


__all__ = ["MEMORY", "PART", "PROCESSOR", "RATIO", "SECONDS", "SIZES", "measure", "picture"]
