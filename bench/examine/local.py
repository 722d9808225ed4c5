"""Public forgery sets with masks (research use: read where they lie, measured on, never trained on or copied).

Only masks are scored. Whether a whole picture is called forged is told as shares of claims and never as an AUC over
pictures: in these sets forged and authentic files were saved by different software, so a classifier that reads nothing
but headers separates them (header leakage), and any picture-level score would measure that.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from assay.analysis import Analysis
from bench.examine.auc import Mask
from bench.examine.figures import Figure
from bench.examine.tally import Case, tally

PART = "local"


def _mask(path: Path) -> Mask:
    return np.asarray(np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("L")) > 127, np.bool_)


def _cases(root: Path, rows: list[dict[str, str]]) -> Iterator[Case]:
    for row in rows:
        mask = _mask(root / row["mask"]) if row["mask"] else None
        on = f"{row['set']} {'authentic' if mask is None else 'forged'}"
        yield Case(on, (root / row["image"]).read_bytes(), mask, row["image"])


def measure(analyses: Iterable[Analysis], data: Path) -> list[Figure]:
    """Run the methods over the sets named in ``forensics-dev/index.csv`` under ``data``."""
    root = data / "forensics-dev"
    with (root / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tally(PART, analyses, _cases(root, rows), len(rows))


__all__ = ["PART", "measure"]
