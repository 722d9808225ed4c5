"""Where bytes come from, and what they are taken for."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from assay.errors import MediaError
from assay.media import Limits, Media


class Slow(io.RawIOBase):
    """A raw stream that gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.inner = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(min(size, 7))


def test_paths_bytes_and_streams(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(files["png"])
    data = files["png"]
    sources: tuple[Any, ...] = (path, str(path), data, bytearray(data), io.BytesIO(data), Slow(data))
    assert {Media.open(source).sha256 for source in sources} == {Media.open(files["png"]).sha256}
    assert Media.open(path).name == str(path)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "heic", "avif", "tiff", "gif", "bmp"])
def test_the_content_is_sniffed(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    path = tmp_path / "wrong.doc"
    path.write_bytes(files[name])
    assert Media.open(path).format == name


def reason_of(source: object, **options: object) -> str:
    with pytest.raises(MediaError) as caught:
        Media.open(source, **options)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(caught.value)).reason == caught.value.reason
    return caught.value.reason


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "none.jpg") == "missing"
    assert reason_of("nul\0byte") == "missing"
    assert reason_of(tmp_path) == "unreadable"
    os.mkfifo(tmp_path / "pipe")
    assert reason_of(tmp_path / "pipe") == "unreadable"
    assert reason_of("/dev/zero") == "unreadable"
    assert reason_of(b"") == "empty"
    assert reason_of(io.StringIO("text")) == "unreadable"
    assert reason_of(b"just some text, which is no picture") == "unsupported"
    assert reason_of(b"\xff\xd8\xff") == "truncated"


def test_files_past_the_limit_are_not_read(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as stream:
        stream.truncate(10**11)
    assert reason_of(path) == "too_large"
    limits = Limits(max_bytes=100)
    for source in (files["png"], io.BytesIO(files["png"]), Slow(files["png"])):
        assert reason_of(source, limits=limits) == "too_large"


def test_messages_name_the_file_once(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(files["png"][:-3])
    with pytest.raises(MediaError) as caught:
        Media.open(path)
    assert str(caught.value).count(str(path)) == 1
    assert str(caught.value).startswith(f"{path}: the PNG ends at offset")
