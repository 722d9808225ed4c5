"""The structure of a Windows bitmap: file header, information header, palette, pixels."""

import struct

from assay.errors import MediaError
from assay.media.container import Container, Part, Structure, trailing_parts
from assay.media.limits import Limits

RGB, RLE8, RLE4, BITFIELDS, ALPHABITFIELDS = 0, 1, 2, 3, 6


def parse(data: bytes, limits: Limits) -> Structure:  # noqa: ARG001
    """Read both headers. Raises MediaError (``truncated``, ``malformed``, ``unsupported``)."""
    size = len(data)
    if size < 26:
        raise MediaError(f"the BMP ends at offset {size}, within its header", "truncated")
    declared, start, header = struct.unpack_from("<I4xII", data, 2)
    if header not in {12, 40, 52, 56, 64, 108, 124}:
        raise MediaError(f"the BMP has an information header of {header} bytes", "malformed")
    if 14 + header > size:
        raise MediaError(f"the BMP ends at offset {size}, within its header", "truncated")
    compression = image_size = 0
    if header == 12:
        width, height, planes, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, planes, bits, compression, image_size = struct.unpack_from("<iiHHII", data, 18)
        height = abs(height)
    if width <= 0 or height == 0 or planes != 1 or bits not in {1, 2, 4, 8, 16, 24, 32}:
        raise MediaError(f"the BMP's header claims {width} x {height}, {bits} bits, {planes} planes", "malformed")
    if compression not in {RGB, RLE8, RLE4, BITFIELDS, ALPHABITFIELDS}:
        raise MediaError(f"the BMP's compression {compression} is not read", "unsupported")
    if start < 14 + header or start > size:
        raise MediaError(f"the BMP's pixels begin at offset {start}, the file holds {size} bytes", "malformed")
    rle = compression in {RLE8, RLE4}
    length = image_size if rle else (width * bits + 31) // 32 * 4 * height
    end = start + length
    if end > size:
        raise MediaError(f"the BMP's pixels reach to offset {end}, but the file ends at {size}", "truncated")
    remarks = []
    if declared != end:
        remarks.append(f"the BMP's header claims a file of {declared} bytes")
    if rle and not image_size:
        end = size
    parts = [Part("file header", 0, 14), Part("information header", 14, header)]
    if start > 14 + header:
        parts.append(Part("palette and masks", 14 + header, start - 14 - header))
    parts.append(Part("pixels", start, end - start, "run-length coded" if rle else ""))
    payloads = {}
    if header == 124:
        kind, profile, length = struct.unpack_from("<4s", data, 70)[0], *struct.unpack_from("<II", data, 126)
        profile += 14
        if kind == b"DEBM" and 0 < length <= size - profile:
            parts.append(Part("ICC profile", profile, length))
            payloads["icc"] = data[profile : profile + length]
            end = max(end, profile + length)
    container = Container(
        parts=(*parts, *trailing_parts(data, end)), end=end, size=size, remarks=tuple(remarks), payloads=payloads
    )  # fmt: skip
    return Structure(container, width, height, "P" if bits <= 8 else "RGB", 8)


__all__ = ["parse"]
