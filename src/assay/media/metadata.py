"""What a file says of itself: EXIF, XMP, IPTC, text."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.media import exif, icc, iptc, xmp
from assay.media.limits import Limits

if TYPE_CHECKING:
    from assay.media.model import Media

# ImageMagick's way to keep foreign metadata in PNG text: a name, a length, then hex in lines.
_RAW_PROFILE = re.compile(r"Raw profile type (\w+)", re.ASCII)
_RAW_NAMES = {
    "exif": "exif", "APP1": "exif", "app1": "exif", "xmp": "xmp", "iptc": "photoshop", "8bim": "photoshop",
    "icc": "icc", "icm": "icc",
}  # fmt: skip


@dataclass(frozen=True)
class Metadata:
    """All values are plain: str, int, float, or tuples of these; rationals become floats, bytes become hex or text.

    ``exif``: tag names of IFD0 and the Exif IFD (``Make``, ``DateTimeOriginal``…). ``gps``: tag names without
    the ``GPS`` prefix (``Latitude`` and ``Longitude`` as signed degrees, ``LatitudeRef``…). ``thumbnail``: tags of
    IFD1, with ``JpegWidth`` and ``JpegHeight`` as its own header has them. ``xmp``: ``prefix:name`` with the
    customary prefix of the namespace -> str or tuple of str; fields of a structure follow after a slash.
    ``xmp_raw``: the packet as text. ``history``: the events of xmpMM:History. ``iptc``: IIM dataset names
    (``Keywords``…) -> str or tuple of str. ``text``: PNG text, GIF and JPEG comments: keyword -> str.
    ``photoshop``: ids of 8BIM resources present (see ``assay.media.iptc.RESOURCES``), ``photoshop_info`` what some
    say. ``icc``: the profile's description. ``maker_note``: length of the MakerNote in bytes. An unknown rational
    (0/0) is NaN. ``remarks``: what was broken.
    """

    exif: dict[str, Any] = field(default_factory=dict)
    gps: dict[str, Any] = field(default_factory=dict)
    thumbnail: dict[str, Any] = field(default_factory=dict)
    interop: dict[str, Any] = field(default_factory=dict)
    xmp: dict[str, Any] = field(default_factory=dict)
    xmp_raw: str = ""
    history: tuple[dict[str, str], ...] = ()
    iptc: dict[str, Any] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    photoshop: tuple[int, ...] = ()
    photoshop_info: dict[str, Any] = field(default_factory=dict)
    icc: str = ""
    icc_bytes: int = 0
    maker_note: int = 0
    remarks: tuple[str, ...] = ()


def read(media: "Media") -> Metadata:
    """The metadata of any picture.

    Raises MediaError where the container itself cannot be walked; a broken block is a remark.
    """
    container = media.container
    payloads = dict(container.payloads)
    if media.format == "tiff":
        # The directories may lie past the part of the file that the payload keeps.
        payloads["exif"] = media.data
    return assemble(payloads, container.text, media.limits)


def assemble(payloads: Mapping[str, bytes], text: Iterable[tuple[str, str]], limits: Limits) -> Metadata:
    """Parse the raw blocks, keyed as in ``Container.payloads``."""
    blocks = dict(payloads)
    words: dict[str, list[str]] = {}
    for keyword, value in text:
        raw = _RAW_PROFILE.fullmatch(keyword)
        if raw and raw[1] in _RAW_NAMES:
            blocks.setdefault(_RAW_NAMES[raw[1]], _raw_profile(value))
        words.setdefault(keyword, []).append(value)
    remarks: list[str] = []
    tags = exif.Exif()
    if block := blocks.get("exif"):
        tags = exif.parse(block[6:] if block.startswith(b"Exif\0\0") else block, limits)
        remarks += tags.remarks
    blocks = {**tags.blocks, **blocks}
    packet = xmp.Xmp()
    if block := blocks.get("xmp"):
        packet = xmp.parse(block)
        remarks += packet.remarks
    if block := blocks.get("xmp_extended"):
        extended = xmp.parse(block)
        packet.values = {**extended.values, **packet.values}
        packet.history += extended.history
        remarks += extended.remarks
    bim = iptc.resources(blocks.get("photoshop", b""))
    remarks += bim.remarks
    iim = bim.data.get(iptc.IIM) or blocks.get("iptc", b"")
    datasets, broken = iptc.parse(iim)
    remarks += broken
    # Photoshop writes a digest of zeros where it saw no caption.
    if bim.info.get("CaptionDigest", "").strip("0"):
        digest = hashlib.md5(iim, usedforsecurity=False).hexdigest()
        bim.info["CaptionDigestMatches"] = int(digest == bim.info["CaptionDigest"])
    profile = blocks.get("icc", b"")
    return Metadata(
        exif=tags.exif, gps=tags.gps, thumbnail=tags.thumbnail, interop=tags.interop, xmp=packet.values,
        xmp_raw=packet.raw, history=packet.history, iptc=datasets, photoshop=tuple(bim.data),
        text={keyword: "\n".join(values) for keyword, values in words.items()},
        photoshop_info=bim.info, icc=icc.description(profile), icc_bytes=len(profile), maker_note=tags.maker_note,
        remarks=tuple(remarks),
    )  # fmt: skip


def _raw_profile(value: str) -> bytes:
    """Bytes of a ``Raw profile type`` text; empty where it is none."""
    parts = value.split(None, 2)
    try:
        return bytes.fromhex(parts[2]) if len(parts) == 3 else b""
    except ValueError:
        return b""


__all__ = ["Metadata", "assemble", "read"]
