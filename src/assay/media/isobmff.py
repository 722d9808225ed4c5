"""The structure of HEIF, HEIC and AVIF files: boxes (ISO/IEC 14496-12) and items (ISO/IEC 23008-12)."""

from dataclasses import dataclass, field

from assay.errors import MediaError
from assay.media import hevc
from assay.media.container import Container, Part, Structure, trailing_parts
from assay.media.limits import Limits

#: Boxes that hold boxes -> bytes before the first of them.
NESTS = {
    "moov": 0, "trak": 0, "mdia": 0, "minf": 0, "stbl": 0, "dinf": 0, "edts": 0, "udta": 0, "meta": 4, "iprp": 0,
    "ipco": 0, "iref": 4, "grpl": 0, "iinf": -1, "tref": 0, "moof": 0, "traf": 0,
}  # fmt: skip
UUIDS = {
    bytes.fromhex("d8fec3d61b0e483c92975828877ec481"): "C2PA (JUMBF)",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "XMP",
}
NOTES = {
    "ftyp": "file type", "meta": "items", "mdat": "data", "moov": "film", "free": "unused", "skip": "unused",
    "jumb": "JUMBF",
}  # fmt: skip
#: EXIF orientation of a picture stored with (irot steps of 90 degrees anticlockwise, imir axis after it).
TURNS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 1): 2, (0, 0): 4, (1, 0): 5, (1, 1): 7, (2, 1): 4, (2, 0): 2, (3, 0): 7, (3, 1): 5,
}  # fmt: skip


@dataclass
class _Item:
    kind: str = ""
    mime: str = ""
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[int] = field(default_factory=list)
    method: int = 0
    role: str = ""


@dataclass
class _Walk:
    data: bytes
    limits: Limits
    parts: list[Part] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    items: dict[int, _Item] = field(default_factory=dict)
    properties: list[tuple[str, int, int]] = field(default_factory=list)
    references: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)
    primary: int = 0
    idat: int = 0
    xmp: bytes = b""

    def number(self, at: int, length: int, end: int) -> int:
        if at + length > end:
            raise MediaError(f"a box ends within a field at offset {at}", "malformed")
        return int.from_bytes(self.data[at : at + length], "big")

    def boxes(self, at: int, end: int, depth: int) -> int:
        """Walk the boxes between two offsets; the offset after the last."""
        if depth > self.limits.max_depth:
            raise MediaError(f"boxes nest deeper than {self.limits.max_depth}", "too_deep")
        while at < end:
            if at + 8 > end:
                if depth:
                    self.remarks.append(f"{end - at} bytes at offset {at} are no box")
                return at
            size, head = self.number(at, 4, end), 8
            raw = self.data[at + 4 : at + 8]
            if depth == 0 and not raw.isascii():
                # Bytes after the last box: trailing data, not a box.
                return at
            name = raw.decode("latin-1")
            if size == 1:
                size, head = self.number(at + 8, 8, end), 16
            elif size == 0:
                size = end - at
            if size < head:
                raise MediaError(f"box {name!r} at offset {at} claims {size} bytes", "malformed")
            if at + size > end:
                what = f"box {name!r} at offset {at} claims {size} bytes, but there are {end - at}"
                raise MediaError(what, "malformed" if depth else "truncated")
            if len(self.parts) >= self.limits.max_parts:
                raise MediaError(f"more than {self.limits.max_parts} boxes", "too_large")
            self.box(name, at, head, size, depth)
            at += size
        return at

    def box(self, name: str, at: int, head: int, size: int, depth: int) -> None:
        start, end = at + head, at + size
        note = NOTES.get(name, "")
        if name == "ftyp":
            note = self.data[start : start + 4].decode("latin-1")
        elif name == "uuid":
            note = UUIDS.get(self.data[start : start + 16], "")
            if note == "XMP" and size <= self.limits.max_metadata_bytes:
                self.xmp = self.data[start + 16 : end]
        self.parts.append(Part(name, at, size, note, depth))
        if depth and name in {"pitm", "iloc", "ipma", "infe", "idat"}:
            getattr(self, f"_{name}")(start, end)
        if depth and name in {"thmb", "auxl", "cdsc", "dimg", "prem", "base"}:
            self._reference(name, start, end)
        if name in NESTS:
            skip = NESTS[name]
            if skip < 0:
                skip = 8 if self.number(start, 1, end) else 6
            # QuickTime writes meta without version and flags.
            if name == "meta" and self.data[start + 4 : start + 8] == b"hdlr":
                skip = 0
            first = len(self.properties)
            self.boxes(start + skip, end, depth + 1)
            if name == "ipco" and first == len(self.properties):
                self._ipco(start, end)

    def _ipco(self, start: int, end: int) -> None:
        at = start
        while at + 8 <= end:
            size = self.number(at, 4, end)
            if size < 8:
                return
            self.properties.append((self.data[at + 4 : at + 8].decode("latin-1"), at + 8, at + size))
            at += size

    def _pitm(self, start: int, end: int) -> None:
        self.primary = self.number(start + 4, 4 if self.number(start, 1, end) else 2, end)

    def _idat(self, start: int, end: int) -> None:  # noqa: ARG002
        self.idat = start

    def _infe(self, start: int, end: int) -> None:
        version = self.number(start, 1, end)
        if version < 2:
            return
        width = 2 if version == 2 else 4
        item = self.items.setdefault(self.number(start + 4, width, end), _Item())
        at = start + 4 + width + 2
        item.kind = self.data[at : at + 4].decode("latin-1")
        if item.kind == "mime":
            # The item's name and its content type follow, each ended by a zero.
            item.mime = b"".join(self.data[at + 4 : end].split(b"\0")[1:2]).decode("latin-1")

    def _iloc(self, start: int, end: int) -> None:
        version = self.number(start, 1, end)
        sizes = self.number(start + 4, 2, end)
        offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
        at, wide = start + 6, 4 if version == 2 else 2
        count = self.number(at, wide, end)
        at += wide
        budget = self.limits.max_parts
        for _ in range(count):
            item = self.items.setdefault(self.number(at, wide, end), _Item())
            at += wide
            if version:
                item.method = self.number(at, 2, end) & 15
                at += 2
            base = self.number(at + 2, base_size, end)
            at += 2 + base_size
            extents = self.number(at, 2, end)
            at += 2
            for _ in range(extents):
                budget -= 1
                if budget < 0:
                    raise MediaError(f"more than {self.limits.max_parts} item extents", "too_large")
                at += index_size if version else 0
                offset = self.number(at, offset_size, end)
                length = self.number(at + offset_size, length_size, end)
                at += offset_size + length_size
                item.extents.append((base + offset, length))

    def _ipma(self, start: int, end: int) -> None:
        version, wide = self.number(start, 1, end), self.number(start + 3, 1, end) & 1
        at = start + 8
        budget = self.limits.max_parts
        for _ in range(self.number(start + 4, 4, end)):
            width = 4 if version else 2
            item = self.items.setdefault(self.number(at, width, end), _Item())
            count = self.number(at + width, 1, end)
            at += width + 1
            for _ in range(count):
                budget -= 1
                if budget < 0:
                    raise MediaError(f"more than {self.limits.max_parts} item properties", "too_large")
                item.properties.append(self.number(at, 2, end) & 0x7FFF if wide else self.number(at, 1, end) & 0x7F)
                at += 1 + wide

    def _reference(self, name: str, start: int, end: int) -> None:
        # Item ids are 16 or 32 bits wide by the version of iref; the length tells which.
        length = end - start
        for width in (2, 4):
            count = self.number(start + width, 2, end) if length >= width + 2 else 0
            if length == width + 2 + count * width and count:
                ids = tuple(self.number(start + width + 2 + i * width, width, end) for i in range(count))
                self.references.append((name, self.number(start, width, end), ids))
                return

    def content(self, item: _Item) -> bytes:
        """Bytes of an item, empty where they lie outside the file or past ``max_metadata_bytes``."""
        base = self.idat if item.method == 1 else 0
        pieces = [self.data[base + offset : base + offset + length] for offset, length in item.extents]
        return b"".join(pieces) if sum(map(len, pieces)) <= self.limits.max_metadata_bytes else b""

    def of(self, item: _Item, name: str) -> tuple[int, int] | None:
        """Where the first property of that name of an item lies."""
        for index in item.properties:
            if 0 < index <= len(self.properties) and self.properties[index - 1][0] == name:
                return self.properties[index - 1][1:]
        return None


def parse(data: bytes, limits: Limits) -> Structure:
    """Walk all boxes and items. Raises MediaError (``truncated``, ``malformed``, ``too_large``, ``too_deep``)."""
    walk = _Walk(data, limits)
    end = walk.boxes(0, len(data), 0)
    item = walk.items.get(walk.primary)
    if item is None or not item.kind:
        raise MediaError("the file has no primary picture", "malformed")
    width = height = 0
    _check_sizes(walk)
    place = walk.of(item, "ispe")
    if place is not None:
        width, height = walk.number(place[0] + 4, 4, place[1]), walk.number(place[0] + 8, 4, place[1])
    if not width or not height:
        raise MediaError(f"the primary picture claims {width} x {height}", "malformed")
    for offset, length in item.extents:
        if item.method == 0 and offset + length > len(data):
            raise MediaError(
                f"the picture's data reaches to offset {offset + length}, but the file ends at {len(data)}", "truncated"
            )
    place = walk.of(item, "pixi")
    bits = walk.number(place[0] + 5, 1, place[1]) if place else 8
    alpha = _roles(walk)
    container = Container(
        parts=(*_with_items(walk), *trailing_parts(data, end)), end=end, size=len(data), remarks=tuple(walk.remarks),
        payloads=_payloads(walk, item),
    )  # fmt: skip
    return Structure(container, width, height, "RGBA" if alpha else "RGB", bits, 1, _turn(walk, item))


def _check_sizes(walk: _Walk) -> None:
    """Hold every size claimed anywhere against the limit: a decoder makes room for tiles and for what the codec's own
    headers say, whatever the primary picture claims.
    """
    for name, start, stop in walk.properties:
        claims = []
        if name == "ispe":
            claims = [(walk.number(start + 4, 4, stop), walk.number(start + 8, 4, stop))]
        elif name == "hvcC":
            claims = list(hevc.sizes(walk.data[start:stop]))
        for width, height in claims:
            if width * height > walk.limits.max_pixels:
                raise MediaError(
                    f"a picture of {width} x {height} pixels, past the limit of {walk.limits.max_pixels}", "too_large"
                )


def _turn(walk: _Walk, item: _Item) -> int:
    rotation, mirror = walk.of(item, "irot"), walk.of(item, "imir")
    steps = walk.number(rotation[0], 1, rotation[1]) & 3 if rotation else 0
    axis = walk.number(mirror[0], 1, mirror[1]) & 1 if mirror else None
    return TURNS[steps, axis]


def _roles(walk: _Walk) -> bool:
    """Note in each item what it is to the primary one; True where one is its alpha."""
    alpha = False
    for name, source, targets in walk.references:
        item = walk.items.get(source)
        if item is None:
            continue
        if name == "thmb":
            item.role = "thumbnail"
        elif name == "auxl":
            place = walk.of(item, "auxC")
            label = walk.data[place[0] + 4 : place[1]].split(b"\0")[0].decode("latin-1") if place else ""
            item.role = f"auxiliary, {label}" if label else "auxiliary"
            alpha = alpha or (("alpha" in label or label.endswith("auxid:1")) and walk.primary in targets)
    return alpha


def _with_items(walk: _Walk) -> list[Part]:
    parts = list(walk.parts)
    for number, item in walk.items.items():
        role = "primary" if number == walk.primary else item.role
        note = ", ".join(text for text in (item.kind, item.mime, role) if text)
        for offset, length in item.extents[:64]:
            base = walk.idat if item.method == 1 else 0
            if length and base + offset + length <= len(walk.data) and len(parts) < walk.limits.max_parts:
                parts.append(Part(f"item {number}", base + offset, length, note, 1))
    return sorted(parts, key=lambda part: (part.offset, part.depth))


def _payloads(walk: _Walk, primary: _Item) -> dict[str, bytes]:
    found = {"xmp": walk.xmp}
    for item in walk.items.values():
        if item.kind == "Exif":
            block = walk.content(item)
            skip = 4 + int.from_bytes(block[:4], "big")
            found.setdefault("exif", block[skip:])
        elif item.kind == "mime" and item.mime == "application/rdf+xml":
            found["xmp"] = found["xmp"] or walk.content(item)
    place = walk.of(primary, "colr")
    if place and walk.data[place[0] : place[0] + 4] in (b"prof", b"rICC"):
        found["icc"] = walk.data[place[0] + 4 : place[1]][: walk.limits.max_metadata_bytes]
    return {key: block for key, block in found.items() if block}


__all__ = ["parse"]
