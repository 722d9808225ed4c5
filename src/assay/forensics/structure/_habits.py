"""How well-known makers of pictures lay out their files: public knowledge, as data.

The orders are those of :func:`assay.forensics.signatures.order`. libjpeg's is fixed: JFIF first, each
quantisation table in a segment of its own, frame, each Huffman table in a segment of its own, restart interval, scan.
MozJPEG joins tables into one segment and writes scans by preference.
Adobe's markers are described in Adobe Technical Note 5116 and in the Photoshop file format specification. Exif
(CIPA DC-008) asks for its segment right after SOI, JFIF for its own: a file can obey only one.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Habit:
    """A way of writing files. ``kind``: ``camera``, ``editor``, ``library`` or ``network``. ``order`` is searched
    in the order of segments, ``comment`` in JPEG comments, ``content`` in the Photoshop block; all that are given
    must be found.
    """

    id: str
    kind: str
    says: str
    order: str = ""
    comment: str = ""
    content: bytes = b""

    def fits(self, order: str, comments: str, content: bytes) -> bool:
        """Does a file with this order, these comments and this Photoshop block keep the habit?"""
        return (
            (not self.order or re.search(self.order, order) is not None)
            and (not self.comment or re.search(self.comment, comments) is not None)
            and (not self.content or self.content in content)
        )


_LIBJPEG = r"^SOI APP0\(JFIF\) (?:(?:APP\d+\([^)]*\)|COM)(?:×\d+)? )*"

JPEG_HABITS: tuple[Habit, ...] = (
    Habit(
        "meta", "network", "as Facebook and Instagram write (their “FBMD” tag is present)", content=b"FBMD"
    ),
    Habit("save_for_web", "editor", "as Adobe's “Save for Web” writes (Ducky segment)", order=r"APP12\(Ducky\)"),
    Habit(
        "adobe", "editor", "as Photoshop and Lightroom write (Photoshop and Adobe segments)",
        order=r"APP13\(Photoshop\).*APP14\(Adobe\)",
    ),
    Habit("gimp", "editor", "as GIMP writes (its comment is present)", comment=r"Created with (The )?GIMP"),
    Habit("gd", "library", "as web servers' GD library writes (its comment is there)", comment=r"CREATOR: gd-jpeg"),
    Habit("ffmpeg", "library", "as FFmpeg writes (its comment is present)", comment=r"^Lavc\d"),
    Habit("lead", "library", "as LEADTOOLS writes (its comment is present)", comment=r"LEAD Technologies"),
    Habit("intel", "library", "as Intel's JPEG library writes (its comment is there)", comment=r"Intel\(R\) JPEG Lib"),
    Habit("apple_mark", "editor", "as older Apple software writes (“AppleMark” comment)", comment=r"AppleMark"),
    Habit(
        "adobe_marker", "editor", "with Adobe's colour segment, which Adobe programs and some others write",
        order=r"APP14\(Adobe\)",
    ),
    Habit(
        "mozjpeg", "library", "as MozJPEG writes, the encoder of many web services (JFIF, joined tables, progressive)",
        order=_LIBJPEG + r"DQT\([12]\) SOF2 (?:DRI )?(?:DHT\(\d\)(?:×\d)? )?SOS×\d+ EOI$",
    ),
    Habit(
        "libjpeg_progressive", "library", "as libjpeg and programs built on it write progressive files",
        order=_LIBJPEG + r"DQT\(1\)(?:×\d)? SOF2 (?:DHT\(1\)(?:×\d)? )?(?:DRI )?SOS×\d+ EOI$",
    ),
    Habit(
        "libjpeg_rewritten", "library", "as programs built on libjpeg write that keep a camera's Exif (after JFIF)",
        order=r"^SOI APP0\(JFIF\) .*APP1\(Exif\).* DQT\(1\)(?:×\d)? SOF[01] DHT\(1\)(?:×\d)? (?:DRI )?SOS EOI$",
    ),
    Habit(
        "libjpeg", "library", "as libjpeg and the many programs built on it write (Pillow, OpenCV, browsers, Windows)",
        order=_LIBJPEG + r"DQT\(1\)(?:×\d)? SOF[01] DHT\(1\)(?:×\d)? (?:DRI )?SOS EOI$",
    ),
    Habit("camera", "camera", "as cameras and phones write (Exif first)", order=r"^SOI APP1\(Exif\)"),
    Habit(
        "jfif_exif", "camera", "with JFIF before Exif, as some phones and many programs write",
        order=r"^SOI APP0\(JFIF\).* APP1\(Exif\)",
    ),
)  # fmt: skip
"""Those that say most come first."""

PNG_CHUNKS: dict[str, str] = {
    "iDOT": "Apple's software", "CgBI": "Apple's Xcode", "caNv": "ImageMagick", "vpAg": "ImageMagick",
    "orNT": "ImageMagick", "caBX": "C2PA Content Credentials", "mkBF": "Adobe Fireworks", "mkTS": "Adobe Fireworks",
    "mkBS": "Adobe Fireworks", "mkBT": "Adobe Fireworks", "prVW": "Adobe Fireworks", "npTc": "Android's build tools",
    "npLb": "Android's build tools", "npOl": "Android's build tools", "msOG": "Microsoft Office",
}  # fmt: skip
"""PNG chunks that name a maker."""

PNG_REGISTERED = frozenset(
    ("IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "cICP", "mDCV", "cLLI", "tEXt",
     "zTXt", "iTXt", "bKGD", "hIST", "pHYs", "sPLT", "eXIf", "tIME", "acTL", "fcTL", "fdAT", "oFFs", "pCAL", "sCAL",
     "gIFg", "gIFx", "gIFt", "sTER", "dSIG")
)  # fmt: skip
"""Chunks of the PNG specification (third edition) and its registered extensions."""
