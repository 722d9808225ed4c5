"""A report with made-up findings, the same every time, and the pictures that go with it."""

from pathlib import Path

import numpy as np
import pytest

from assay.evidence import (
    Abstention,
    Conclusion,
    Digests,
    Direction,
    Environment,
    ErrorRate,
    Finding,
    Map,
    MapKind,
    Method,
    Reason,
    Region,
    Report,
    Statement,
    Strength,
    Subject,
)  # fmt: skip
from assay.report.maps import FolderMaps
from assay.testing.scene import scene

WIDTH, HEIGHT = 768, 512
FORGED = (368, 224, 120, 88)
"""x, y, width, height of the part that the made-up findings accuse."""


def method(name: str, group: str, title: str, **words: str) -> Method:
    card = {
        "looks_at": "The trace that the last compression left in each block of 8 by 8 pixels.",
        "fooled_by": "A second compression at low quality wipes the trace out; overlaid text can raise a false alarm.",
        "ignore": "Flat sky and blown-out highlights: they hold no trace at all.",
        "source": "T. Bianchi, A. Piva, Image forgery localization via block-grained analysis of JPEG artifacts, "
        "IEEE TIFS 7(3), 2012, doi:10.1109/TIFS.2012.2187516",
    } | words
    rates = (ErrorRate("false alarms at moderate", 0.0139, 72, "camera originals", "1"),) if group != "lenses" else ()
    return Method(id=name, version="1", title=title, group=group, error_rates=rates, **card)


METHODS = (
    method("metadata", "structure", "Consistency of metadata"),
    method("quantisation", "structure", "Quantisation tables"),
    method("thumbnail", "structure", "Embedded thumbnail"),
    method("double_jpeg", "compression", "Double compression, part by part"),
    method("jpeg_grid", "compression", "JPEG grid"),
    method("ghosts", "compression", "JPEG ghosts"),
    method("ela", "lenses", "Error level analysis"),
    method("noise", "lenses", "Noise residue"),
)


def heat_array() -> np.ndarray:
    rng = np.random.default_rng(7)
    array = rng.gamma(2.0, 0.05, (HEIGHT // 8, WIDTH // 8)).astype(np.float32)
    x, y, w, h = (n // 8 for n in FORGED)
    array[y : y + h, x : x + w] += 0.75
    array[:12, 10:60] = np.nan
    return array


def findings(folder: Path) -> tuple[Finding, ...]:
    maps = FolderMaps(folder, max_side=1600)
    x, y, w, h = FORGED
    picture = scene(3, WIDTH, HEIGHT)
    heat = Map(
        name="probability", kind=MapKind.HEAT, meaning="How much each block looks compressed once, not twice.",
        shape=(HEIGHT // 8, WIDTH // 8), low=0, high=1, cell=8,
    )  # fmt: skip
    view = Map(name="residue", kind=MapKind.VIEW, meaning="Differences, amplified 16 times.", shape=picture.shape,
               low=0, high=255)  # fmt: skip
    residue = np.clip(np.abs(picture.astype(int) - np.roll(picture, 1, 0)) * 16, 0, 255).astype(np.uint8)
    return (
        Finding(
            method="metadata", direction=Direction.FOR, strength=Strength.WEAK,
            says="The file names an editor (GIMP 2.10.36) and was modified 41 minutes after it was taken.",
            details={
                "make": "Canon", "software": "GIMP 2.10.36", "maker_note": 0,
                "rules": [
                    {"rule": "editor named", "value": "GIMP 2.10.36", "fired": True},
                    {"rule": "modified after taken", "value": "41 min", "fired": True},
                    {"rule": "maker note absent", "value": "0 bytes", "fired": True},
                    {"rule": "position far from time zone", "value": None, "fired": False},
                ],
            },
        ),
        Finding(
            method="quantisation",
            says="The quantisation tables are those of libjpeg at quality 92, which no camera of this make is known to "
            "write.",
            direction=Direction.FOR, strength=Strength.WEAK,
            details={"quality": 92, "luma_table": [[(3 + r + c) for c in range(8)] for r in range(8)]},
        ),
        Finding(
            method="double_jpeg", direction=Direction.FOR, strength=Strength.MODERATELY_STRONG,
            says="165 blocks in one region were compressed once, the other 5,979 twice (qualities 84, then 92).",
            regions=(
                Region(x=x, y=y, width=w, height=h, says="compressed once", log10_nfa=-6.4),
                Region(x=96, y=400, width=40, height=32, says="compressed once, few blocks", log10_nfa=-1.2),
            ),
            maps=(maps.keep("double_jpeg", heat, heat_array()),),
            details={"first_quality": 84, "second_quality": 92, "share_once": 0.0269},
        ),
        Finding(
            method="jpeg_grid", direction=Direction.AGAINST, strength=Strength.WEAK,
            says="One JPEG grid, that of the file, runs through the whole picture.",
            details={"votes": 5211, "log10_nfa": -312.75},
        ),
        Finding(
            method="ela", says="Shows how much each part changes when the picture is compressed again.",
            maps=(maps.keep("ela", view, residue),),
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def exhibit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the picture and the maps of ``report``."""
    import cv2

    folder = tmp_path_factory.mktemp("exhibit")
    cv2.imwrite(str(folder / "picture.jpg"), scene(3, WIDTH, HEIGHT)[..., ::-1])
    findings(folder)
    return folder


@pytest.fixture(scope="session")
def report(exhibit: Path) -> Report:
    found = findings(exhibit)
    says = {f.method: f for f in found}
    abstained = (
        Abstention(method="thumbnail", reason=Reason.NOT_APPLICABLE, says="The file holds no thumbnail."),
        Abstention(
            method="ghosts", reason=Reason.TOO_COMPRESSED,
            says="The last compression, at quality 61, is too coarse for an earlier one to show.",
        ),
        Abstention(method="noise", reason=Reason.NOT_ASKED, says="A view to look at; not asked for."),
    )  # fmt: skip

    def state(*ids: str) -> tuple[Statement, ...]:
        return tuple(Statement(method=i, strength=says[i].strength, says=says[i].says) for i in ids)

    return Report(
        subject=Subject(
            path="inbox/harbour at dawn.jpg", sha256="5d" * 32, bytes=184_213, format="jpeg", width=WIDTH,
            height=HEIGHT, mode="RGB",
        ),
        digests=Digests(sha256="5d" * 32, pixels_sha256="a7" * 32),
        conclusion=Conclusion(
            says="There is moderately strong support for alteration from Double compression, part by part, and 2 "
            "weaker signs. 1 finding speaks against it, so the evidence is divided. 2 methods could not judge this "
            "picture. Uncalibrated: the words rest on measured false alarms, not on a likelihood ratio.",
            strength=Strength.MODERATELY_STRONG, calibrated=False,
            for_=state("double_jpeg", "metadata", "quantisation"), against=state("jpeg_grid"),
            not_judged=tuple(Statement(method=a.method, strength=Strength.NONE, says=a.says) for a in abstained[:2]),
        ),
        findings=found, abstentions=abstained, methods=METHODS,
        environment=Environment(
            assay="0.1.0", python="3.11.9", libraries={"numpy": "2.1.0", "opencv-python-headless": "4.10.0"},
            options={"only": [], "skip": [], "maps": True, "max_pixels": 100_000_000},
        ),
        examined_at="2026-03-01T09:30:00+00:00",
        seconds={"open": 0.041, "metadata": 0.002, "double_jpeg": 1.274},
    )  # fmt: skip
