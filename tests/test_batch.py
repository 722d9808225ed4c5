"""Workers: what happens in one never harms the others or the caller."""

import io
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assay.batch import Item, Options, Outputs, run
from assay.evidence import Failure, Report
from assay.media import Limits

ONLY = Options(only=("quantisation",))


class Crash:
    """A path that kills the process that opens it, as a decoder's fault would."""

    def __fspath__(self) -> str:
        os.kill(os.getpid(), signal.SIGSEGV)
        return ""


class Hang:
    """A path that is never opened."""

    def __fspath__(self) -> str:
        time.sleep(600)
        return ""


class Hoard:
    """A path that asks for more memory than a worker may have."""

    def __fspath__(self) -> str:
        return str(len(bytearray(64 * 1024**3)))


def item(name: str, source: Any) -> Item:
    return Item(name=name, source=source)


@pytest.fixture(scope="module")
def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def test_a_crash_a_hog_and_rubbish_cost_only_their_own_line(picture: bytes) -> None:
    items = [
        item("good.jpg", picture),
        item("crash.jpg", Crash()),
        item("hoard.jpg", Hoard()),
        item("text.jpg", b"no picture"),
        item("last.jpg", picture),
    ]
    results = list(run(items, ONLY, jobs=2))
    assert [i.name for i, _ in results] == [i.name for i in items]
    told = [r.reason if isinstance(r, Failure) else "report" for _, r in results]
    assert told == ["report", "crashed", "out_of_memory", "unsupported", "report"]
    crash = results[1][1]
    assert isinstance(crash, Failure)
    assert crash.error == "crash.jpg: the decoder crashed (SIGSEGV)"


def test_a_hang_ends_at_the_time_limit(picture: bytes) -> None:
    options = Options(only=ONLY.only, limits=Limits(max_seconds=5))
    (_, hung), (_, after) = run([item("hang.jpg", Hang()), item("after.jpg", picture)], options)
    assert isinstance(hung, Failure)
    assert (hung.reason, hung.error) == ("timeout", "hang.jpg: not done after 5 s")
    assert isinstance(after, Report)


def test_leaving_early_stops_the_workers(picture: bytes) -> None:
    results = run([item(f"{n}.jpg", picture) for n in range(40)], ONLY, jobs=1)
    assert next(results)[0].name == "0.jpg"
    results.close()


def test_reports_and_maps_are_written_beside_the_record(picture: bytes, tmp_path: Path) -> None:
    outputs = Outputs(html=tmp_path / "a" / "report.html", pdf=tmp_path / "report.pdf", maps=tmp_path / "maps")
    options = Options(only=("error_level",))
    ((_, report),) = run([Item(name="x.jpg", source=picture, outputs=outputs)], options)
    assert isinstance(report, Report)
    assert outputs.present()
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    files = [m.file for f in report.findings for m in f.maps]
    assert files
    assert all(name and (tmp_path / "maps" / name).is_file() for name in files)


def test_a_place_that_cannot_be_written_is_a_failure_of_that_picture(picture: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outputs = Outputs(html=tmp_path / "file" / "report.html")
    ((_, result),) = run([Item(name="x.jpg", source=picture, outputs=outputs)], ONLY)
    assert isinstance(result, Failure)
    assert result.reason == "unwritable"
