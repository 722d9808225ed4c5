"""The invisible watermark: a number of 64 bits in the picture itself, which outlives what strips metadata.

It points at a manifest, a register's entry or whatever else the number stands for. It proves nothing by itself: with
the public key, anybody can read it, copy it to another picture, or wash it out. ``docs/guide/watermark.md`` has what it
survives and what fools it.
"""

from assay.provenance.watermark._codec import PAYLOAD_BITS
from assay.provenance.watermark._detect import Mark, detect
from assay.provenance.watermark._embed import embed

__all__ = ["ALGORITHM", "PAYLOAD_BITS", "Mark", "detect", "embed"]

ALGORITHM = "assay.watermark.1"
"""The name of the method in C2PA's soft bindings."""
