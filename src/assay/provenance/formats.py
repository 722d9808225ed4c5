"""Which kinds of file can carry Content Credentials, told by their first bytes. The extension is asked only of text."""

from typing import BinaryIO

from assay.media.sniff import sniff

PICTURES = {
    "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "heic": "image/heic", "avif": "image/avif",
    "tiff": "image/tiff", "gif": "image/gif",
}  # fmt: skip

NAMES = {
    **{mime: name.upper() for name, mime in PICTURES.items()},
    "image/jxl": "JPEG XL", "image/svg+xml": "SVG", "image/x-adobe-dng": "DNG", "video/mp4": "MP4",
    "video/quicktime": "QuickTime", "video/x-msvideo": "AVI", "audio/wav": "WAV", "audio/mpeg": "MP3",
    "audio/flac": "FLAC", "audio/mp4": "M4A", "application/pdf": "PDF", "font/sfnt": "font",
}  # fmt: skip
"""MIME types that the library signs and verifies, as a person names them."""


def mime_of(head: bytes) -> str | None:
    """The MIME type of a file by its first bytes (512 or more), or None where it can carry no credentials."""
    picture = sniff(head)
    if picture in PICTURES:
        return PICTURES[picture]
    if head[:2] == b"\xff\x0a" or head[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return "image/jxl"
    if head[:4] == b"RIFF":
        return {b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _isobmff(head[8:12])
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime"
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 in (0xE2,)):
        return "audio/mpeg"
    if head.startswith(b"fLaC"):
        return "audio/flac"
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head[:4] in (b"\0\1\0\0", b"OTTO", b"true", b"ttcf"):
        return "font/sfnt"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg")) and b"<svg" in head:
        return "image/svg+xml"
    return None


def mime_of_stream(stream: BinaryIO) -> str | None:
    """The MIME type of an open file, and the stream at its beginning again. Sees through the tag (ID3) that holds the
    credentials of a FLAC file and stands before it.
    """
    stream.seek(0)
    head = stream.read(4096)
    found = mime_of(head)
    if head.startswith(b"ID3") and len(head) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        stream.seek(10 + size)
        if stream.read(4) == b"fLaC":
            found = "audio/flac"
    stream.seek(0)
    return found


def _isobmff(brand: bytes) -> str:
    if brand == b"qt  ":
        return "video/quicktime"
    return "audio/mp4" if brand in (b"M4A ", b"M4B ") else "video/mp4"


__all__ = ["NAMES", "PICTURES", "mime_of", "mime_of_stream"]
