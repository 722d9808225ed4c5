"""A small set of samples in a folder, to learn on and for the demonstration."""

import io
from os import PathLike
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from assay.testing import forge
from assay.testing.forge import Sample


def samples(seed: int = 5) -> dict[str, Sample]:
    """Return one sample of each kind under the name of its file, without the ending."""
    return {
        "authentic": forge.authentic(seed),
        "resave": forge.resave(seed),
        "nonaligned": forge.nonaligned(seed),
        "splice": forge.splice(seed),
        "grid_paste": forge.grid_paste(seed),
        "double_region": forge.double_region(seed),
        "clone": forge.clone(seed),
        "inpaint": forge.inpaint(seed),
        "resize": forge.resize(seed),
        "resized_part": forge.resized_part(seed),
        "noise_paste": forge.noise_paste(seed),
    }


def write(folder: str | PathLike[str], seed: int = 5) -> list[Path]:
    """Write the samples, their masks (``NAME.mask.png``, white where altered) and ``index.json`` into ``folder``.

    The folder is made where it is missing. Returns the pictures' paths; the same ``seed`` writes the same bytes.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    index, paths = [], []
    for name, sample in samples(seed).items():
        path = root / f"{name}.jpg"
        path.write_bytes(sample.data)
        paths.append(path)
        mask = None
        if sample.mask is not None:
            mask = f"{name}.mask.png"
            out = io.BytesIO()
            Image.fromarray(sample.mask.astype(np.uint8) * np.uint8(255)).save(out, "PNG")
            (root / mask).write_bytes(out.getvalue())
        index.append({"file": path.name, "mask": mask, "kind": sample.kind, "says": sample.says})
    (root / "index.json").write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")
    return paths


def strip(folder: str | PathLike[str], name: str) -> Path:
    """Do to a picture of ``folder`` what networks do: no metadata, a twelfth cut off at the left and the top, three
    quarters of the size, JPEG quality 70. Writes ``stripped.jpg`` and returns its path.
    """
    picture = Image.open(Path(folder) / name).convert("RGB")
    width, height = picture.size
    cut = picture.crop((width // 12, height // 12, width, height))
    small = cut.resize((round(cut.width * 0.75), round(cut.height * 0.75)), Image.Resampling.LANCZOS)
    path = Path(folder) / "stripped.jpg"
    small.save(path, "JPEG", quality=70)
    return path


__all__ = ["samples", "strip", "write"]
