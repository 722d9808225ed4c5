"""What a file is made of, part by part, in the order of its bytes."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.errors import MediaError
from assay.media.limits import Limits


@dataclass(frozen=True)
class Part:
    """One segment, chunk, box or block. ``offset`` and ``length`` are in bytes and include the part's own header.

    ``name`` is the format's own name for it: ``APP1``, ``IDAT``, ``ftyp``. ``note`` says in a few words what it
    holds: ``Exif``, ``XMP``, ``ICC profile``. ``depth`` is 0 for the outermost.
    """

    name: str
    offset: int
    length: int
    note: str = ""
    depth: int = 0


@dataclass(frozen=True)
class Embedded:
    """A picture within the file. ``kind`` is ``thumbnail`` (EXIF IFD1, JFIF), ``preview``, ``mpf`` (a further
    picture of a Multi-Picture file) or ``auxiliary`` (depth or gain map). ``data`` are its bytes, JPEG as a rule.
    """

    kind: str
    offset: int
    data: bytes
    note: str = ""


@dataclass(frozen=True)
class Container:
    r"""``end`` is the offset just past the last byte that the format gives meaning to; what follows is ``trailing``.

    ``remarks`` are departures from the format's specification that a parser noticed and lived with.

    ``payloads`` are the raw metadata blocks, the same keys whatever the format; a key is absent where the file has
    no such block, and the first block counts where it has several:

    - ``exif``: TIFF bytes, from ``II*\0`` or ``MM\0*`` on, without ``Exif\0\0``. For a TIFF file, the whole
      file up to ``Limits.max_metadata_bytes``.
    - ``xmp``: the XMP packet. ``xmp_extended``: the reassembled extension packet (JPEG only).
    - ``photoshop``: a run of 8BIM image resources, which may hold IPTC as resource 0x0404.
    - ``iptc``: IIM datasets, where the format stores them bare (TIFF tag 33723).
    - ``icc``: the ICC profile, reassembled and decompressed.

    ``text`` are the keyword and value pairs of PNG tEXt, zTXt and iTXt, and comments of JPEG and GIF under the
    keyword ``Comment``, in file order. Every block is at most ``Limits.max_metadata_bytes`` long.
    """

    parts: tuple[Part, ...]
    end: int
    size: int
    embedded: tuple[Embedded, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    payloads: Mapping[str, bytes] = field(default_factory=dict)
    text: tuple[tuple[str, str], ...] = ()

    @property
    def trailing(self) -> int:
        """Bytes after the end of the picture."""
        return max(0, self.size - self.end)


@dataclass(frozen=True)
class Structure:
    """What the parser of a format finds out: the container, and what the header declares. ``mode`` in Pillow's terms;
    ``bits`` a sample; ``turn`` is the orientation (1 to 8) where the format says it elsewhere than in EXIF;
    ``inverted`` says that 0 stands for white.
    """

    container: Container
    width: int
    height: int
    mode: str
    bits: int
    frames: int = 1
    turn: int | None = None
    inverted: bool = False


def trailing_parts(data: bytes, end: int) -> tuple[Part, ...]:
    """The part for the bytes after ``end``, named ``trailing`` with a note of what they look like; none if none."""
    if end >= len(data):
        return ()
    return (Part("trailing", end, len(data) - end, _looks_like(data, end)),)


def _looks_like(data: bytes, start: int) -> str:
    head = data[start : start + 64]
    for magic, note in (
        (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"PK\x03\x04", "ZIP"), (b"%PDF", "PDF"),
        (b"RIFF", "RIFF"), (b"Rar!", "RAR"), (b"<?xml", "XML"),
    ):  # fmt: skip
        if head.startswith(magic):
            return note
    if head[4:8] == b"ftyp":
        return "ISO BMFF (MP4 or like it)"
    if data.count(data[start], start) == len(data) - start:
        return f"padding, all {data[start]:#04x}"
    return "unknown data"


def inflate(data: bytes, limits: Limits) -> bytes | None:
    """Decompress a zlib stream; None where it is broken.

    Raises MediaError where it would grow past ``limits.max_metadata_bytes``.
    """
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, limits.max_metadata_bytes + 1)
    except zlib.error:
        return None
    if len(plain) > limits.max_metadata_bytes:
        raise MediaError(
            f"a compressed metadata block grows past {limits.max_metadata_bytes} bytes", "too_large"
        )  # fmt: skip
    return plain


__all__ = ["Container", "Embedded", "Part", "Structure", "inflate", "trailing_parts"]
