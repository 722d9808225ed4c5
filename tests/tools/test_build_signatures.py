from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import JpegPresets
from tests.forensics.jpeg_files import as_camera, encode, exif, segment
from tools.build_signatures import build, check, main, media_of

from assay.forensics.signatures import Signatures

PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = [int(v) for v in np.arange(64) // 3 + 2]
    own = encode(PICTURE, qtables=[table, table])
    thumbnail = encode(PICTURE[::2, ::2])
    (tmp_path / "a.jpg").write_bytes(as_camera(own, exif("Maker", "One", "1.0", thumbnail)))
    (tmp_path / "b.jpg").write_bytes(as_camera(own, exif("Maker", "One", "1.0", thumbnail)))
    (tmp_path / "c.JPG").write_bytes(as_camera(encode(PICTURE, 80), exif("Maker", "Two")))
    (tmp_path / "no-camera.jpg").write_bytes(encode(PICTURE))
    (tmp_path / "edited.jpg").write_bytes(as_camera(own, exif("Maker", "Three"), ADOBE))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_it_writes_signatures_and_nothing_else(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "signatures.json"
    assert main(["--data", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "2 cameras" in said.out
    assert "broken.jpg" in said.err
    table = msgspec.json.decode(out.read_bytes(), type=Signatures)
    one, two = table.cameras
    assert (one.make, one.model, one.software) == ("Maker", "One", "1.0")
    assert one.thumbnail == (32, 24)
    assert one.fits == (0, 0, 0)
    assert two.fits == (80, 80, 80)
    assert two.sampling == "2x2,1x1,1x1"
    # 30 lines a camera at most: no room for pixels.
    assert out.stat().st_size < 20_000


def test_it_writes_the_same_bytes_twice(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    for out in (first, second):
        main(["--data", str(folder), "--out", str(out)])
    assert first.read_bytes() == second.read_bytes()


def test_adobes_tables_come_from_published_presets_and_marked_files(folder: Path) -> None:
    table = build(media_of(folder))
    assert len({e.tables for e in table.encoders}) == len(table.encoders)
    sources = [e.source for e in table.encoders]
    assert sources.count("Pillow, JpegPresets") == len(JpegPresets.presets)
    assert sum("APP14" in source for source in sources) == 1
    assert "Three" not in {c.model for c in table.cameras}


def test_check_leaves_each_file_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = check(media_of(folder))
    assert sum(counts.values()) == 5
    assert counts["unclaimed", "neutral", "none"] == 1
    # Seen alone, nobody knows model Two or its kin's habits.
    assert counts["unknown", "neutral", "none"] >= 1
    assert main(["--data", str(folder), "--check"]) == 0
    assert "unclaimed, neutral, none" in capsys.readouterr().out


def test_a_missing_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "absent")]) == 2
    assert "no such folder" in capsys.readouterr().err
