"""Hostile input: whatever comes in, out comes a Media or one MediaError, soon and in little memory."""

import io
import os
import random
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from assay.errors import MediaError
from assay.media import Limits, Media, bmp, gif, hevc, isobmff, jpeg, jpeg_container, png, riff, tiff
from assay.media.container import Structure
from assay.media.tiff_directory import Tiff

NAMES = [
    "jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk", "png", "png-palette", "png-deep", "webp", "webp-animated",
    "heic", "avif", "tiff", "tiff-lzw", "tiff-deep", "gif", "bmp",
]  # fmt: skip
LIMITS = Limits(max_pixels=1_000_000, max_decoded_bytes=50_000_000, max_metadata_bytes=1_000_000)
QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def mutate(data: bytes, seed: int, kind: int) -> bytes:
    """Flip bytes, cut, put in, take out, double: mostly near the start, where the structure is."""
    rng = random.Random(seed)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(max(1, min(len(changed), rng.choice((64, 1024, len(changed))))))
        if kind == 0:
            changed[at : at + 1] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))])
        elif kind == 1:
            del changed[max(12, len(changed) - rng.randrange(1, len(changed))) :]
        elif kind == 2:
            changed[at:at] = rng.randbytes(rng.choice((1, 2, 4, 33)))
        elif kind == 3:
            del changed[at : at + rng.choice((1, 2, 4, 50))]
        elif kind == 4:
            changed[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice((0, 1, 2**31, 2**32 - 1, len(data))))
        else:
            changed[at:at] = changed[at // 2 : at]
    return bytes(changed)


def parse_jpeg(data: bytes, limits: Limits) -> object:
    return jpeg_container.describe(data, jpeg.parse(data, limits), limits)


PARSERS: dict[str, Callable[[bytes, Limits], Structure | object]] = {
    "jpeg": parse_jpeg, "png": png.parse, "webp": riff.parse, "heic": isobmff.parse, "avif": isobmff.parse,
    "tiff": tiff.parse, "gif": gif.parse, "bmp": bmp.parse,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32), kind=st.integers(0, 5))
@settings(QUICK, max_examples=120)
@example(seed=0, kind=1)
def test_parsers_raise_nothing_but_media_error(files: dict[str, bytes], name: str, seed: int, kind: int) -> None:
    data = mutate(files[name], seed, kind)
    # Without the net that Media spreads: a parser must foresee everything itself.
    try:
        PARSERS[name.split("-", maxsplit=1)[0]](data, LIMITS)
    except MediaError as error:
        reason = error.reason
    else:
        reason = "malformed"
    assert reason in {"truncated", "malformed", "unsupported", "too_large", "too_deep"}


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32), kind=st.integers(0, 5))
@QUICK
def test_decoding_raises_nothing_but_media_error(files: dict[str, bytes], name: str, seed: int, kind: int) -> None:
    try:
        media = Media.open(mutate(files[name], seed, kind), limits=LIMITS)
        assert media.rgb.shape == (media.height, media.width, 3)
        assert media.luma.shape == media.rgb.shape[:2]
        assert media.display.size == media.rgb.size
        planes = media.coefficients
        assert planes is None or planes[0].blocks.ndim == 4
        assert media.container.end <= media.container.size
        assert all(part.offset + part.length <= media.container.size for part in media.container.parts)
        assert media.pixels_sha256
    except MediaError as error:
        message = str(error)
    else:
        message = "fine"
    assert message
    assert "\n" not in message


@given(data=st.binary(max_size=200), name=st.sampled_from(sorted(PARSERS)))
@settings(QUICK, max_examples=200)
def test_parsers_take_any_bytes(data: bytes, name: str) -> None:
    starts = {"jpeg": b"\xff\xd8", "png": png.SIGNATURE, "tiff": b"II*\0", "gif": b"GIF89a", "bmp": b"BM"}
    with suppress(MediaError):
        PARSERS[name](starts.get(name, b"") + data, LIMITS)
    list(hevc.sizes(data))


def test_nothing_is_printed_for_damaged_files(files: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        for seed in range(12):
            try:
                media = Media.open(mutate(files[name], seed, seed % 6), limits=LIMITS)
                media.display  # noqa: B018
                media.coefficients  # noqa: B018
            except MediaError:
                continue
    assert capfd.readouterr() == ("", "")


def flat_png(width: int, height: int) -> bytes:
    """A PNG of nothing but zeros, compressed without ever being whole in memory."""
    packer, pieces = zlib.compressobj(9), []
    row = bytes((1 + 3 * width) * 16)
    pieces = [packer.compress(row) for _ in range(height // 16)]
    pieces.append(packer.flush())
    return chunked_png(width, height, b"".join(pieces))


def chunked_png(width: int, height: int, idat: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return png.SIGNATURE + header + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def flat(width: int, height: int, format: str, **options: object) -> bytes:  # noqa: A002
    stream = io.BytesIO()
    Image.new("L", (width, height)).save(stream, format, **options)
    return stream.getvalue()


def claim(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def field(data: bytes, tag: int, value: int) -> bytes:
    """A TIFF with one number of its first directory replaced."""
    entry = next(Tiff(data, LIMITS).directories()).entries[tag]
    changed = bytearray(data)
    struct.pack_into("<HHII", changed, entry.offset - 8, tag, 4, 1, value)
    return bytes(changed)


def bombs() -> dict[str, tuple[bytes, str]]:
    """Name -> file and the reason it must be refused for, or ``fine``."""
    small_gif = flat(16, 16, "GIF")
    small_webp = flat(16, 16, "WEBP", lossless=True)
    small_tiff = flat(16, 16, "TIFF", compression="tiff_adobe_deflate")
    small_jpeg = flat(16, 16, "JPEG")
    many = b"".join(small_gif[small_gif.index(b"\x2c") : -1] for _ in range(12_000))
    return {
        "gigapixel.png": (chunked_png(32768, 32768, zlib.compress(bytes(99))), "too_large"),
        "flat60.png": (flat_png(10_000, 6_000), "fine"),
        "screen.gif": (small_gif[:6] + struct.pack("<HH", 65535, 65535) + small_gif[10:], "too_large"),
        "frames.gif": (small_gif[:-1] + many + b";", "too_large"),
        "canvas.webp": (small_webp[:21] + struct.pack("<I", 0x0FFFFFFF) + small_webp[25:], "too_large"),
        "wide.tiff": (field(field(small_tiff, 256, 60_000), 257, 60_000), "too_large"),
        "high.tiff": (field(small_tiff, 257, 5_000_000), "malformed"),
        "header.jpg": (claim(small_jpeg, b"\x08\x00\x10\x00\x10", b"\x08\xff\xdc\xff\xdc"), "too_large"),
        "cover.jpg": (claim(small_jpeg, b"\x08\x00\x10\x00\x10", b"\x08\x27\x10\x27\x10"), "truncated"),
        "flat.jpg": (flat(6000, 6000, "JPEG", progressive=True), "fine"),
        "flat.tiff": (flat(6000, 6000, "TIFF", compression="tiff_adobe_deflate"), "fine"),
        "flat.gif": (flat(5000, 5000, "GIF"), "fine"),
        "flat.webp": (flat(6000, 6000, "WEBP", lossless=True, method=0), "fine"),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_bombs_stay_below_a_gibibyte(tmp_path: Path) -> None:
    wanted = {}
    for name, (data, reason) in bombs().items():
        (tmp_path / name).write_bytes(data)
        wanted[name] = reason
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from assay.errors import MediaError
        from assay.media import Media
        for path in sys.argv[1:]:
            start = time.perf_counter()
            try:
                media = Media.open(path)
                media.samples
                reason = "fine"
            except MediaError as error:
                reason = error.reason
            media = None
            # getrusage would count the process that started this one.
            peak = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
            print(Path(path).name, reason, int(peak.split()[1]) // 1024, round(time.perf_counter() - start, 1))
    """)
    run = subprocess.run(
        [sys.executable, "-c", program, *(str(tmp_path / name) for name in wanted)],
        capture_output=True, text=True, timeout=120, check=False, env=os.environ,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    for line in run.stdout.splitlines():
        name, reason, peak, seconds = line.split()
        assert wanted[name] == reason, line
        assert int(peak) < 1024, line
        assert float(seconds) < 20, line
    assert len(run.stdout.splitlines()) == len(wanted)
