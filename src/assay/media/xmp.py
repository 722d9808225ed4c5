"""XMP (ISO 16684-1): a packet of RDF/XML, flattened to names a person knows. Entities are refused, work is bounded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

# Namespace -> customary prefix (XMP specification parts 1 and 2, IPTC, Adobe, Google, Apple).
PREFIXES = {
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/xap/1.0/t/pg/": "xmpTPg",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/Version#": "stVer",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/camera-raw-saved-settings/1.0/": "crss",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/pdf/1.3/": "pdf",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/creations/": "GCreations",
    "http://ns.google.com/photos/1.0/focus/": "GFocus",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/1.0/container/": "GContainer",
    "http://ns.google.com/photos/1.0/container/item/": "GContainerItem",
    "http://ns.google.com/photos/dd/1.0/device/": "Device",
    "http://ns.apple.com/pixeldatainfo/1.0/": "apdi",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://ns.apple.com/adjustment-settings/1.0/": "aas",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://darktable.sf.net/": "darktable",
    "http://www.gimp.org/xmp/": "GIMP",
    "http://www.gimp.org/ns/2.10/": "GIMP",
    "http://purl.org/dc/terms/": "dcterms",
    "http://creativecommons.org/ns#": "cc",
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CONTAINERS = {f"{_RDF}{name}" for name in ("Seq", "Bag", "Alt")}
_SYNTAX = {f"{_RDF}{name}" for name in ("about", "ID", "nodeID", "parseType", "datatype")}

MAX_DEPTH = 40
MAX_ELEMENTS = 50_000
MAX_VALUES = 20_000
MAX_TEXT = 10_000


@dataclass
class Xmp:
    """``values``: flat ``prefix:name`` -> str or, for what is a list, tuple of str; a structure's fields follow after
    a slash (``xmpMM:DerivedFrom/stRef:documentID``). ``raw``: the packet as text. ``history``: the events of
    xmpMM:History in order, field names without their prefix.
    """

    values: dict[str, Any] = field(default_factory=dict)
    raw: str = ""
    history: tuple[dict[str, str], ...] = ()
    remarks: list[str] = field(default_factory=list)


class _TooMuchError(Exception):
    """A packet deeper or longer than is sane."""


class _Builder(TreeBuilder):
    """Builds the tree, counts it, and remembers the file's own prefixes."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.count = 0
        self.prefixes: dict[str, str] = {}

    def start(self, tag: Any, attrs: Any) -> Element:
        self.depth += 1
        self.count += 1 + len(attrs)
        if self.depth > MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise _TooMuchError
        return super().start(tag, attrs)

    def end(self, tag: Any) -> Element:
        self.depth -= 1
        return super().end(tag)

    def start_ns(self, prefix: str, uri: str) -> None:
        self.prefixes.setdefault(uri, prefix)


def parse(packet: bytes) -> Xmp:
    """Read a packet, with or without its ``<?xpacket`` wrapper, in UTF-8, UTF-16 or UTF-32.

    Never raises: a packet that is no well-formed XML, or is deeper than ``MAX_DEPTH`` or longer than
    ``MAX_ELEMENTS``, gives its text and a remark.
    """
    text = decode(packet)
    found = Xmp(raw=text)
    start = re.search(r"<(?:\w+:)?(?:xmpmeta|xapmeta|RDF)\b", text)
    if not start:
        if text:
            found.remarks.append("XMP: no RDF in the packet")
        return found
    body = text[start.start() :].split("<?xpacket", 1)[0]
    body = body[: body.rfind(">") + 1]
    builder = _Builder()
    try:
        parser = DefusedXMLParser(target=builder, forbid_dtd=True, forbid_external=True)
        parser.feed(body.encode("utf-8", "replace"))
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError) as error:
        found.remarks.append(f"XMP: the packet is not well-formed XML ({type(error).__name__})")
        return found
    except _TooMuchError:
        found.remarks.append("XMP: the packet is deeper or longer than Assay reads")
        return found
    _flatten(root, builder.prefixes, found)
    return found


def decode(packet: bytes) -> str:
    """The packet as text, by its byte order mark or, failing that, its zero bytes."""
    head = packet[:64].lstrip(b"\r\n\t ")
    if head[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or head[:3] == b"\0\0\0":
        encoding = "utf-32" if head[:4] != b"\0\0\0<" else "utf-32-be"
    elif head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif head[:2] == b"\0<":
        encoding = "utf-16-be"
    elif head[1:2] == b"\0":
        encoding = "utf-16-le"
    else:
        encoding = "utf-8"
    return packet.decode(encoding, "replace").strip("\ufeff\0 \r\n\t")


def _flatten(root: Element, prefixes: dict[str, str], found: Xmp) -> None:
    gathered: dict[str, list[str]] = {}
    listed: set[str] = set()
    left = MAX_VALUES
    names = _Names(prefixes)
    history: list[dict[str, str]] = []
    for description in (child for rdf in root.iter(f"{_RDF}RDF") for child in rdf):
        for path, text, in_list in _walk(description, "", False, names):
            left -= 1
            if left < 0:
                found.remarks.append("XMP: more values than Assay reads")
                break
            gathered.setdefault(path, []).append(text[:MAX_TEXT])
            if in_list:
                listed.add(path)
        history.extend(_events(description, names))
    found.values = {path: tuple(v) if path in listed or len(v) > 1 else v[0] for path, v in gathered.items()}
    found.history = tuple(history)


class _Names:
    """Qualified names to ``prefix:name``."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        self.prefixes = prefixes

    def __call__(self, tag: str) -> str:
        uri, _, local = tag.rpartition("}")
        uri = uri.lstrip("{")
        prefix = PREFIXES.get(uri) or self.prefixes.get(uri, "")
        return f"{prefix}:{local}" if prefix else local


def _walk(node: Element, path: str, in_list: bool, names: _Names) -> Iterator[tuple[str, str, bool]]:
    """(path, text, whether within a list) of each value below a node that has properties."""
    prefix = f"{path}/" if path else ""
    for key, value in node.attrib.items():
        if key == f"{_RDF}resource":
            yield path or "rdf:resource", value, in_list
        elif key not in _SYNTAX and key != _LANG:
            yield prefix + names(key), value, in_list
    for child in node:
        if not isinstance(child.tag, str):
            continue
        yield from _value(child, prefix + names(child.tag), in_list, names)


def _value(node: Element, path: str, in_list: bool, names: _Names) -> Iterator[tuple[str, str, bool]]:
    """The values of one property, which is a text, a list, a structure, or a text with qualifiers."""
    container = next((child for child in node if child.tag in _CONTAINERS), None)
    if container is not None:
        items = [child for child in container if child.tag == f"{_RDF}li"]
        languages = container.tag == f"{_RDF}Alt" and any(_LANG in item.attrib for item in items)
        if languages:
            chosen = next((i for i in items if i.get(_LANG) == "x-default"), items[0])
            yield from _value(chosen, path, in_list, names)
            return
        for item in items:
            yield from _value(item, path, True, names)
        return
    description = node.find(f"{_RDF}Description")
    if description is not None:
        value = description.find(f"{_RDF}value")
        if value is not None:
            yield path, (value.text or "").strip(), in_list
            return
        yield from _walk(description, path, in_list, names)
        return
    if len(node) or any(key not in _SYNTAX and key != _LANG for key in node.attrib):
        yield from _walk(node, path, in_list, names)
        return
    yield path, (node.text or "").strip(), in_list


def _events(description: Element, names: _Names) -> Iterator[dict[str, str]]:
    for history in description.findall("{http://ns.adobe.com/xap/1.0/mm/}History"):
        for item in history.iter(f"{_RDF}li"):
            event: dict[str, str] = {}
            for path, text, _ in _walk(item, "", False, names):
                event.setdefault(path.rpartition(":")[2], text[:MAX_TEXT])
            inner = item.find(f"{_RDF}Description")
            if inner is not None:
                event = {path.rpartition(":")[2]: text[:MAX_TEXT] for path, text, _ in _walk(inner, "", False, names)}
            if event:
                yield event


__all__ = ["MAX_DEPTH", "MAX_ELEMENTS", "PREFIXES", "Xmp", "decode", "parse"]
