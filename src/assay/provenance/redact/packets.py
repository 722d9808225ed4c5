"""XMP packets (ISO 16684-1), IPTC datasets (IIM 4.2) and Photoshop's resources, blanked to the same length."""

import re
from xml.etree import ElementTree as Tree
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from assay.errors import ProvenanceError
from assay.media.xmp import MAX_DEPTH, MAX_ELEMENTS, PREFIXES, decode

_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode()
_END = b'<?xpacket end="w"?>'
_NOTHING = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
_PLACES = {2: {26, 27, 90, 92, 95, 100, 101}}
"""IPTC record 2: content location, city, sub-location, province, country."""
_THUMBNAILS = {0x0409, 0x040C}
_CAPTION_DIGEST = 0x0425

_GPS = r"\w+:\w*(?i:GPS|Latitude|Longt?itude|Altitude)\w*|other:(lat|lon|long|alt|lat_long)"
"""Whatever the vocabulary: drones have their own, with a misspelling of their own; ``geo:lat`` is the W3C's."""

_NAMES: dict[str, re.Pattern[str]] = {
    "GPS": re.compile(_GPS),
    "location": re.compile(
        rf"{_GPS}|photoshop:(City|State|Country)|Iptc4xmpCore:(Location|CountryCode)|"
        r"Iptc4xmpExt:Location(Shown|Created)"
    ),
    "serial": re.compile(r"\w+:\w*(SerialNumber|OwnerName)"),
    "thumbnail": re.compile(r"xmp:Thumbnails"),
    "EXIF": re.compile(r"(exif|exifEX|aux):\w+|tiff:(?!Orientation)\w+"),
}

for _uri, _prefix in PREFIXES.items():
    if _prefix != "xml":
        Tree.register_namespace(_prefix, _uri)
Tree.register_namespace("x", "adobe:ns:meta/")


def xmp(packet: bytes, kinds: frozenset[str]) -> bytes:
    """The packet without such properties, as long as before. Raises ProvenanceError (``unsupported``)."""
    if "XMP" in kinds:
        return _fitted(_NOTHING, len(packet))
    patterns = [_NAMES[kind] for kind in kinds if kind in _NAMES]
    text = decode(packet)
    start = re.search(r"<(?:\w+:)?(?:xmpmeta|xapmeta|RDF)\b", text)
    if not patterns or not text or not start:
        return packet
    body = text[start.start() :].split("<?xpacket", 1)[0]
    try:
        root = fromstring(body[: body.rfind(">") + 1], forbid_dtd=True)
        _bounded(root)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        raise ProvenanceError(
            "The XMP of the file is damaged, so that parts of it cannot be taken out: --redact XMP takes all.",
            "unsupported",
        ) from None
    if not _pruned(root, patterns):
        return packet
    return _fitted(Tree.tostring(root, encoding="utf-8"), len(packet))


def _bounded(root: Element) -> None:
    waiting, count = [(root, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise ValueError
        waiting += [(child, depth + 1) for child in node]


def _pruned(node: Element, patterns: list[re.Pattern[str]]) -> bool:
    """Take matching attributes and elements out; whether there were any."""
    found = False
    for key in [key for key in node.attrib if _matches(key, patterns)]:
        del node.attrib[key]
        found = True
    for child in list(node):
        if isinstance(child.tag, str) and _matches(child.tag, patterns):
            node.remove(child)
            found = True
        else:
            found |= _pruned(child, patterns)
    return found


def _matches(tag: str, patterns: list[re.Pattern[str]]) -> bool:
    uri, _, local = tag.rpartition("}")
    name = f"{PREFIXES.get(uri.lstrip('{'), 'other')}:{local}"
    return any(pattern.fullmatch(name) for pattern in patterns)


def _fitted(body: bytes, length: int) -> bytes:
    """A packet of this length: padded with blanks, its wrapper left out where there is no room for it."""
    room = length - len(body) - len(_BEGIN) - len(_END)
    if room >= 0:
        return _BEGIN + body + b" " * room + _END
    if len(body) > length:
        raise ProvenanceError(
            "The XMP of the file leaves no room to write it anew: --redact XMP takes all.", "unsupported"
        )
    return body.ljust(length)


def iptc(block: bytes, kinds: frozenset[str]) -> bytes:
    """The datasets, those asked for with blanks as their value."""
    if not kinds & {"location", "IPTC"}:
        return block
    out, at = bytearray(block), 0
    while at + 5 <= len(block) and block[at] == 0x1C:
        record, dataset, size, start = block[at + 1], block[at + 2], int.from_bytes(block[at + 3 : at + 5]), at + 5
        if size & 0x8000:
            extra = size & 0x7FFF
            size, start = int.from_bytes(block[start : start + extra]), start + extra
        if ("IPTC" in kinds and record >= 2 and dataset) or (
            "location" in kinds and dataset in _PLACES.get(record, ())
        ):
            end = min(start + size, len(block))
            out[start:end] = b" " * (end - start)
        at = start + size
    return bytes(out)


def photoshop(block: bytes, kinds: frozenset[str]) -> bytes:
    """A run of 8BIM resources without such metadata. Raises ProvenanceError (``unsupported``)."""
    from assay.provenance.redact.directories import blank  # noqa: PLC0415 (each may hold the other)

    out, at = bytearray(block), 0
    while at + 12 <= len(block) and block[at : at + 4] in {b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"}:
        number = int.from_bytes(block[at + 4 : at + 6])
        head = at + 6 + ((block[at + 6] + 2) & ~1)
        size, start = int.from_bytes(block[head : head + 4]), head + 4
        if start + size > len(block):
            raise ProvenanceError(
                "Photoshop's block in the file is cut, so that nothing can be taken out.", "unsupported"
            )
        part = block[start : start + size]
        if number == 0x0404:
            out[start : start + size] = iptc(part, kinds)
        elif number == 0x0424:
            out[start : start + size] = xmp(part, kinds)
        elif number in {0x0422, 0x0423} and part[:2] in {b"II", b"MM"}:
            inner = bytearray(part)
            blank(inner, kinds)
            out[start : start + size] = inner
        elif (number in _THUMBNAILS and "thumbnail" in kinds) or (number == _CAPTION_DIGEST and "IPTC" in kinds):
            out[start : start + size] = bytes(size)
        at = start + size + (size & 1)
    return bytes(out)


__all__ = ["iptc", "photoshop", "xmp"]
