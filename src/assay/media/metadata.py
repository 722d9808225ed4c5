"""What a file says of itself: EXIF, XMP, IPTC, text."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Metadata:
    """All values are plain: str, int, float, or tuples of these; rationals become floats, bytes become hex or text.

    ``exif``: tag names of IFD0 and the Exif IFD (``Make``, ``DateTimeOriginal``…). ``gps``: tag names without
    the ``GPS`` prefix (``Latitude`` and ``Longitude`` as signed degrees, ``LatitudeRef``…). ``thumbnail``: tags of
    IFD1. ``xmp``: ``prefix:name`` with the customary prefix of the namespace -> str or tuple of str.
    ``xmp_raw``: the packet as text. ``iptc``: IIM dataset names (``Keywords``…) -> str or tuple of str. ``text``:
    PNG text, GIF and JPEG comments: keyword -> str. ``photoshop``: ids of 8BIM resources present. ``icc``: the
    profile's description. ``maker_note``: length of the MakerNote in bytes.
    """

    exif: dict[str, Any] = field(default_factory=dict)
    gps: dict[str, Any] = field(default_factory=dict)
    thumbnail: dict[str, Any] = field(default_factory=dict)
    interop: dict[str, Any] = field(default_factory=dict)
    xmp: dict[str, Any] = field(default_factory=dict)
    xmp_raw: str = ""
    iptc: dict[str, Any] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    photoshop: tuple[int, ...] = ()
    icc: str = ""
    icc_bytes: int = 0
    maker_note: int = 0
    remarks: tuple[str, ...] = ()
