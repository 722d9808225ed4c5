"""Bytes to Media: sniffing, limits, digests, container structure, JPEG tables and coefficients, pixels, metadata.

The only room that decodes.
"""

from assay.media.coefficients import Plane
from assay.media.container import Container, Embedded, Part
from assay.media.jpeg import Component, HuffmanTable, Jpeg, Segment
from assay.media.limits import Limits
from assay.media.metadata import Metadata
from assay.media.model import Media

__all__ = [
    "Component",
    "Container",
    "Embedded",
    "HuffmanTable",
    "Jpeg",
    "Limits",
    "Media",
    "Metadata",
    "Part",
    "Plane",
    "Segment",
]
