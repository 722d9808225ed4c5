"""What follows the end of a picture."""

from dataclasses import dataclass

import numpy as np

_BLANKS = b"\0 \t\r\n"
_PADDING = _BLANKS + b"\xff"

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\xd8\xff", "jpeg", "another JPEG picture"),
    (b"\x89PNG\r\n", "png", "a PNG picture"),
    (b"PK\x03\x04", "zip", "a ZIP archive (or a document in one)"),
    (b"Rar!\x1a\x07", "rar", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7-Zip archive"),
    (b"\x1f\x8b\x08", "gzip", "gzip-compressed data"),
    (b"%PDF-", "pdf", "a PDF document"),
    (b"MZ", "executable", "a Windows program"),
    (b"\x7fELF", "executable", "a Linux program"),
    (b"RIFF", "riff", "a RIFF file (sound, AVI or WebP)"),
    (b"ID3", "sound", "MP3 sound"),
    (b"GIF8", "gif", "a GIF picture"),
    (b"MotionPhoto_Data", "motion_photo", "the video of a motion photo"),
    (b"<?xml", "text", "XML text"),
)


@dataclass(frozen=True)
class Trailing:
    """``kind`` is one word, ``says`` a few. ``padding`` counts the filler before the first other byte."""

    kind: str
    says: str
    size: int
    padding: int = 0


def identify(data: bytes) -> Trailing:
    """Say what the bytes after a picture's end are."""
    size = len(data)
    head = data.lstrip(_PADDING)
    if not head:
        return Trailing("padding", "filler bytes only", size, size)
    padding = size - len(head)
    # A box begins with a length, which begins with zeros; a JPEG with 0xFF. So look before anything is stripped, too.
    for at in (data, data.lstrip(_BLANKS), head):
        skipped = size - len(at)
        for magic, kind, says in _MAGIC:
            if at.startswith(magic):
                return Trailing(kind, says, size, skipped)
        if at[4:8] == b"ftyp":
            return Trailing("motion_photo", "a video (MP4 or its kin), as motion photos carry", size, skipped)
    if data.endswith(b"SEFT"):
        kind = "motion_photo" if b"MotionPhoto_Data" in data else "samsung"
        says = "the video of a Samsung motion photo" if kind == "motion_photo" else "Samsung's own block of camera data"
        return Trailing(kind, says, size, padding)
    if b"PK\x05\x06" in data[-70_000:] and b"PK\x03\x04" in data:
        return Trailing("zip", "data with a ZIP archive in it", size, padding)
    sample = np.frombuffer(head[:65536], dtype=np.uint8)
    printable = float(((sample >= 32) | np.isin(sample, (9, 10, 13))).mean())
    if printable > 0.95 and _decodes(head[:65536]):
        return Trailing("text", f"text, beginning “{head[:40].decode('utf-8', 'replace').strip()}”", size, padding)
    counts = np.bincount(sample, minlength=256)[np.unique(sample)] / sample.size
    entropy = float(-(counts * np.log2(counts)).sum())
    return Trailing("unknown", f"data of no known kind ({entropy:.1f} bits of entropy a byte)", size, padding)


def _decodes(data: bytes) -> bool:
    try:
        data[: max(1, len(data) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
