"""The structure of a GIF file (GIF89a)."""

import struct

from assay.errors import MediaError
from assay.media.container import Container, Part, Structure, trailing_parts
from assay.media.limits import Limits

EXTENSIONS = {0xF9: "graphic control", 0xFE: "comment", 0x01: "plain text", 0xFF: "application"}


class _Walk:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.parts: list[Part] = []
        self.frames = 0
        self.transparent = False
        self.payloads: dict[str, bytes] = {}
        self.text: list[tuple[str, str]] = []

    def add(self, name: str, start: int, end: int, note: str = "") -> int:
        if end > len(self.data):
            raise MediaError(
                f"{name} at offset {start} of the GIF goes on past the file's end at {len(self.data)}", "truncated"
            )
        if len(self.parts) >= self.limits.max_parts:
            raise MediaError(f"the GIF has more than {self.limits.max_parts} blocks", "too_large")
        self.parts.append(Part(name, start, end - start, note))
        return end

    def sub_blocks(self, at: int, start: int, name: str) -> tuple[int, list[bytes]]:
        """Offset after the terminator, and the blocks themselves."""
        blocks: list[bytes] = []
        while True:
            if at >= len(self.data):
                raise MediaError(
                    f"{name} at offset {start} of the GIF goes on past the file's end at {len(self.data)}", "truncated"
                )
            length = self.data[at]
            if length == 0:
                return at + 1, blocks
            blocks.append(self.data[at + 1 : at + 1 + length])
            at += 1 + length

    def extension(self, at: int) -> int:
        kind = self.data[at + 1] if at + 1 < len(self.data) else 0
        name = EXTENSIONS.get(kind, f"extension {kind:#04x}")
        end, blocks = self.sub_blocks(at + 2, at, name)
        note = ""
        if kind == 0xF9 and blocks and blocks[0] and self.frames == 0:
            self.transparent = bool(blocks[0][0] & 1)
        elif kind == 0xFE:
            self.text.append(("Comment", b"".join(blocks).decode("utf-8", "replace")))
        elif kind == 0xFF and blocks:
            note = blocks[0].decode("latin-1")
            if note == "XMP DataXMP":
                # The packet is stored bare; a trailer of 258 bytes makes it look like sub-blocks.
                packet = self.data[at + 14 : end - 258]
                note = "XMP"
                if len(packet) <= self.limits.max_metadata_bytes:
                    self.payloads.setdefault("xmp", packet)
            elif note == "ICCRGBG1012":
                note = "ICC profile"
                self.payloads.setdefault("icc", b"".join(blocks[1:])[: self.limits.max_metadata_bytes])
        return self.add(name, at, end, note)

    def image(self, at: int) -> int:
        if at + 11 > len(self.data):
            raise MediaError(f"the GIF ends within the picture at offset {at}", "truncated")
        self.frames += 1
        if self.frames > self.limits.max_frames:
            raise MediaError(f"the GIF has more than {self.limits.max_frames} frames", "too_large")
        flags = self.data[at + 9]
        start = at + 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0) + 1
        end, _ = self.sub_blocks(start, at, "picture")
        width, height = struct.unpack_from("<HH", self.data, at + 5)
        return self.add("picture", at, end, f"{width} x {height}")


def parse(data: bytes, limits: Limits) -> Structure:
    """Walk all blocks. Raises MediaError (``truncated``, ``malformed``, ``too_large``)."""
    if len(data) < 13:
        raise MediaError(f"the GIF ends at offset {len(data)}, within its header", "truncated")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    walk = _Walk(data, limits)
    at = walk.add("header", 0, 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0))
    remarks = []
    while True:
        if at >= len(data):
            if walk.frames == 0:
                raise MediaError(f"the GIF ends at offset {at}, before any picture", "truncated")
            remarks.append("the GIF has no trailer")
            break
        if data[at] == 0x3B:
            at = walk.add("trailer", at, at + 1)
            break
        if data[at] == 0x21:
            at = walk.extension(at)
        elif data[at] == 0x2C:
            at = walk.image(at)
        elif walk.frames:
            # Decoders stop here; so what follows has no meaning.
            remarks.append(f"no block at offset {at}")
            break
        else:
            raise MediaError(f"no block at offset {at} of the GIF", "malformed")
    if walk.frames == 0:
        raise MediaError("the GIF holds no picture", "malformed")
    # The canvas grows to hold the first picture, as decoders do it.
    first = next(part for part in walk.parts if part.name == "picture")
    left, top, columns, rows = struct.unpack_from("<HHHH", data, first.offset + 1)
    width, height = max(width, left + columns), max(height, top + rows)
    if not width or not height:
        raise MediaError(f"the GIF claims {width} x {height}", "malformed")
    container = Container(
        parts=(*walk.parts, *trailing_parts(data, at)), end=at, size=len(data), remarks=tuple(remarks),
        payloads=walk.payloads, text=tuple(walk.text),
    )  # fmt: skip
    return Structure(container, width, height, "P", 8, walk.frames)


__all__ = ["parse"]
