"""The description of an ICC profile (ICC.1:2022, ``desc`` tag), read without a colour engine."""

import struct

_MAX_TAGS = 200
_MAX_TEXT = 1000


def description(profile: bytes) -> str:
    """The profile's name for a person; empty where it has none or is broken. Never raises."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return ""
    count = min(int.from_bytes(profile[128:132], "big"), _MAX_TAGS)
    for at in range(132, 132 + 12 * count, 12):
        entry = profile[at : at + 12]
        if len(entry) == 12 and entry[:4] == b"desc":
            offset, size = struct.unpack(">II", entry[4:])
            return _text(profile[offset : offset + size])
    return ""


def _text(tag: bytes) -> str:
    """Text of a ``desc`` (version 2) or ``mluc`` (version 4) element; English where there is a choice."""
    if tag[:4] == b"desc":
        length = int.from_bytes(tag[8:12], "big")
        return tag[12 : 12 + min(length, _MAX_TEXT)].split(b"\0", 1)[0].decode("latin-1").strip()
    if tag[:4] == b"mluc" and len(tag) >= 28:
        count, step = struct.unpack(">II", tag[8:16])
        records = [tag[16 + i * step : 28 + i * step] for i in range(min(count, _MAX_TAGS)) if step >= 12]
        records = [record for record in records if len(record) == 12]
        if records:
            chosen = next((r for r in records if r[:2] == b"en"), records[0])
            length, offset = struct.unpack(">II", chosen[4:12])
            return tag[offset : offset + min(length, _MAX_TEXT)].decode("utf-16-be", "replace").strip("\0 ")
    return ""


__all__ = ["description"]
