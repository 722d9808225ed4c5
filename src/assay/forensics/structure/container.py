"""What the container says of its maker: order of segments, appended data, more than one picture.

Sources: ITU-T T.81 and T.871 (JPEG, JFIF), CIPA DC-008 (Exif), W3C PNG third edition, RFC 9649 (WebP), ISO/IEC
23008-12 (HEIF); T. Gloe, "Forensic analysis of ordered data structures on the example of JPEG files", IEEE WIFS
2012, doi:10.1109/WIFS.2012.6412639.
"""

from collections import Counter
from itertools import groupby
from typing import Any

from assay.analysis import Abstention, Analysis, Finding, Maps
from assay.evidence import Direction, Method, Strength
from assay.forensics import signatures as known
from assay.forensics.figures import measured
from assay.forensics.structure._habits import JPEG_HABITS, PNG_CHUNKS, PNG_REGISTERED, Habit
from assay.forensics.structure._trailing import identify
from assay.media import Container, Jpeg, Media

METHOD = Method(
    id="structure",
    version="1",
    title="File structure",
    group="structure",
    looks_at="The parts of the file and their order, what follows its end, and the pictures within it. Cameras, "
    "editors, libraries and social networks each lay files out in their own way.",
    fooled_by="A tool that copies a camera's layout is not seen. Turning a picture without loss, adding a caption or "
    "sending it through a service lays the file out anew without altering what it shows.",
    ignore="Padding, a camera's own block or the video of a motion photo after the end: many cameras append them.",
    source="Gloe 2012, doi:10.1109/WIFS.2012.6412639; ITU-T T.81, T.871; CIPA DC-008; W3C PNG; ISO/IEC 23008-12",
    error_rates=measured("structure"),
)

_KINDS = {
    "thumbnail": "thumbnail", "preview": "preview", "mpf": "further picture", "auxiliary": "auxiliary picture",
}  # fmt: skip
_MOST_NAMED = 60
"""Parts listed in the order of a file other than JPEG; long animations have thousands."""


def examine(media: Media, maps: Maps) -> Finding | Abstention:  # noqa: ARG001
    """Read the layout of any picture file."""
    container = media.container
    direction, strength = Direction.NEUTRAL, Strength.NONE
    details: dict[str, Any] = {}
    if media.jpeg is not None:
        sentences, details, direction, strength = _jpeg(media, media.jpeg)
    elif media.format == "png":
        sentences, details = _png(container)
    elif media.format in {"heic", "avif"}:
        sentences, details = _heif(media, container)
    else:
        sentences = [f"The {media.format.upper()} file has {_count(len(container.parts), 'part')}."]
    details.setdefault("order", _order(container))
    if pictures := _pictures(container):
        sentences.append(pictures)
    if container.trailing:
        found = identify(media.data[container.end : container.size])
        sentences.append(f"{container.trailing:,} bytes follow its end: {found.says}.")
        details["trailing"] = {"bytes": found.size, "kind": found.kind, "padding": found.padding}
    else:
        sentences.append("Nothing follows its end.")
        details["trailing"] = {"bytes": 0, "kind": "none", "padding": 0}
    if container.remarks:
        sentences.append(f"It departs from its format: {'; '.join(container.remarks[:3])}.")
    details["remarks"] = list(container.remarks)
    details["embedded"] = [
        {"kind": e.kind, "offset": e.offset, "bytes": len(e.data), "note": e.note} for e in container.embedded
    ]
    details["parts"] = len(container.parts)
    return Finding(method=METHOD.id, says=" ".join(sentences), direction=direction, strength=strength, details=details)


def habit_of(jpeg: Jpeg, photoshop: bytes = b"") -> Habit | None:
    """The first known habit that a JPEG keeps. ``photoshop``: its 8BIM resources."""
    order = known.order(jpeg)
    comments = "\n".join(jpeg.comments)
    return next((habit for habit in JPEG_HABITS if habit.fits(order, comments, photoshop)), None)


def _jpeg(media: Media, jpeg: Jpeg) -> tuple[list[str], dict[str, Any], Direction, Strength]:
    order, coding = known.order(jpeg), known.coding(jpeg)
    habit = habit_of(jpeg, media.container.payloads.get("photoshop", b""))
    says = habit.says if habit else "in an order that belongs to no maker known here"
    sentences = [f"The file is laid out {says}: {order}."]
    table = known.load()
    cameras = sorted({known.camera_name(c.make, c.model) for c in table.cameras if c.order == order})
    make, model = (str(media.metadata.exif.get(tag, "")).strip() for tag in ("Make", "Model"))
    camera = known.camera_name(make, model)
    originals = table.of(make, model) if make and model else ()
    direction, strength = Direction.NEUTRAL, Strength.NONE
    claim = "unclaimed" if not make else "unknown"
    if make and habit is not None and habit.kind in {"editor", "network"}:
        claim, direction, strength = "rewritten", Direction.FOR, Strength.WEAK
        sentences.append(f"A {make} camera does not write so: the file was saved anew after it.")
    elif any(c.order == order for c in originals):
        # A layout that any program built on libjpeg writes says nothing for the camera.
        own = habit is not None and habit.kind == "camera"
        claim = "same" if own else "same_generic"
        direction, strength = (Direction.AGAINST, Strength.WEAK) if own else (Direction.NEUTRAL, Strength.NONE)
        sentences.append(f"A known original of {camera} has exactly this order.")
    elif originals and habit is not None and habit.kind == "library" and not any(c.coding == coding for c in originals):
        claim, direction, strength = "rewritten", Direction.FOR, Strength.WEAK
        sentences.append(f"The known original of {camera} is laid out otherwise: the file was written anew.")
    elif originals:
        claim = "other"
        sentences.append(f"The order differs from that of the known original of {camera}.")
    details: dict[str, Any] = {
        "order": order, "coding": coding, "habit": habit.id if habit else "", "maker": habit.kind if habit else "",
        "claim": claim, "make": make, "model": model, "cameras_with_this_order": cameras[:20],
        "process": jpeg.process, "scans": jpeg.scans, "restart_interval": jpeg.restart_interval,
        "comments": list(jpeg.comments)[:10],
    }  # fmt: skip
    return sentences, details, direction, strength


def _png(container: Container) -> tuple[list[str], dict[str, Any]]:
    names = _names(container)
    counts = Counter(names)
    makers = sorted({PNG_CHUNKS[name] for name in counts if name in PNG_CHUNKS})
    private = sorted(n for n in counts if n not in PNG_REGISTERED and n not in PNG_CHUNKS and len(n) == 4)
    # The data of every IDAT but the last fills the writer's buffer.
    sizes = [part.length - 12 for part in container.parts if part.name == "IDAT"][:-1]
    buffer = Counter(sizes).most_common(1)[0][0] if sizes else 0
    sentences = [f"The PNG file has {_count(len(names), 'chunk')}: {_order(container)}."]
    if makers:
        sentences.append(f"Its chunks name {', '.join(makers)}.")
    if private:
        sentences.append(f"It has private or unregistered chunks: {', '.join(private)}.")
    return sentences, {"makers": makers, "private": private, "idat_buffer": buffer, "animated": "acTL" in counts}


def _heif(media: Media, container: Container) -> tuple[list[str], dict[str, Any]]:
    box = next((part for part in container.parts if part.name == "ftyp"), None)
    raw = media.data[box.offset + 8 : box.offset + box.length] if box else b""
    major = raw[:4].decode("latin-1")
    compatible = [raw[i : i + 4].decode("latin-1") for i in range(8, len(raw) - 3, 4)]
    others = ", ".join(compatible) or "none"
    sentence = f"The {media.format.upper()} file is of brand {major or '?'}, compatible with {others}."
    return [sentence], {"brand": major, "compatible": compatible}


def _pictures(container: Container) -> str:
    counts = Counter(e.kind for e in container.embedded)
    named = [_count(n, _KINDS.get(kind, kind)) for kind, n in sorted(counts.items())]
    return f"It holds {' and '.join(named)} besides the picture." if named else ""


def _order(container: Container) -> str:
    names = _names(container)
    runs = [(name, len(list(same))) for name, same in groupby(names)]
    shown = " ".join(name if n == 1 else f"{name}×{n}" for name, n in runs[:_MOST_NAMED])
    return shown + (" …" if len(runs) > _MOST_NAMED else "")


def _names(container: Container) -> list[str]:
    """The outermost parts, without what is no part of the format's own list."""
    return [part.name for part in container.parts if part.depth == 0 and part.name not in {"signature", "trailing"}]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


ANALYSIS = Analysis(METHOD, examine)
