"""Pictures made for trying Assay on: scenes that belong to nobody, forged in known ways, with masks.

>>> from assay import testing
>>> sample = testing.splice(seed=5, q1=70, q2=92)
>>> sample.says
'Quality 70 background with a part of an uncompressed scene pasted in, saved at quality 92.'

``python -m assay.testing FOLDER`` writes a set of them.
"""

from assay.testing.folder import samples, write
from assay.testing.forge import (
    Sample,
    authentic,
    clone,
    decode,
    double_region,
    encode,
    grid_paste,
    inpaint,
    noise_paste,
    nonaligned,
    region,
    resave,
    resize,
    resized_part,
    splice,
)
from assay.testing.scene import scene

__all__ = [
    "Sample",
    "authentic",
    "clone",
    "decode",
    "double_region",
    "encode",
    "grid_paste",
    "inpaint",
    "noise_paste",
    "nonaligned",
    "region",
    "resave",
    "resize",
    "resized_part",
    "samples",
    "scene",
    "splice",
    "write",
]
