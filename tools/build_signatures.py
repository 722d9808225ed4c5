"""Write the signature table from a folder of camera originals: digests, sampling, segment orders; no picture data.

    python tools/build_signatures.py --data ../shared/data/camera
    python tools/build_signatures.py --data ../shared/data/camera --check

``--check`` writes nothing: it judges every file with a table built from all the others and counts what would be
said of it, which is how the false alarms of the method ``quantisation`` are measured.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
from PIL import JpegPresets

from assay.errors import AssayError
from assay.forensics import signatures as known
from assay.forensics.compression.quantisation import compare, names_adobe
from assay.forensics.compression.tables import digest
from assay.media import Media

OUT = Path(__file__).resolve().parents[1] / "src" / "assay" / "forensics" / "data" / "signatures.json"
SUFFIXES = {".jpg", ".jpeg", ".jpe"}

_SETTINGS = {
    "low": "Save As, low", "medium": "Save As, medium", "high": "Save As, high", "maximum": "Save As, maximum",
    "web_low": "Save for Web, low", "web_medium": "Save for Web, medium", "web_high": "Save for Web, high",
    "web_very_high": "Save for Web, very high", "web_maximum": "Save for Web, maximum",
}  # fmt: skip


def media_of(folder: Path) -> list[Media]:
    """The JPEG files of a folder, by name; those that cannot be read are named on standard error."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            media = Media.open(path)
            if media.jpeg is not None:
                found.append(media)
        except AssayError as error:
            print(error, file=sys.stderr)
    return found


def signature_of(media: Media) -> known.Signature | None:
    """The signature of one camera original; None where it names no make."""
    exif = media.metadata.exif
    make, model, software = (str(exif.get(tag, "")).strip() for tag in ("Make", "Model", "Software"))
    if media.jpeg is None or not make:
        return None
    return known.describe(media.jpeg, make=make, model=model, software=software, thumbnail=thumbnail_size(media))


def thumbnail_size(media: Media) -> tuple[int, int]:
    """(width, height) of the thumbnail, (0, 0) where there is none that can be read."""
    for embedded in media.container.embedded:
        if embedded.kind == "thumbnail":
            try:
                inner = Media.open(embedded.data)
            except AssayError:
                return (0, 0)
            return (inner.width, inner.height)
    return (0, 0)


def adobe_encoders(media: list[Media]) -> list[known.Encoder]:
    """Adobe's tables: those that Pillow publishes as presets, and those of files that bear Adobe's APP14 marker.

    A file counts only where its tables are custom: a program that writes the marker with standard tables says
    nothing of Adobe.
    """
    family = "Adobe Photoshop"
    found: dict[tuple[str, ...], known.Encoder] = {}
    for name, preset in JpegPresets.presets.items():
        pair: list[list[int]] = preset["quantization"]  # type: ignore[assignment]
        tables = tuple(digest(np.array(t, dtype=np.uint16).reshape(8, 8)) for t in pair)
        found.setdefault(
            tables,
            known.Encoder(family=family, setting=_SETTINGS[name], tables=tables, source="Pillow, JpegPresets"),
        )
    for item in media:
        signature = signature_of(item)
        if signature is None or not signature.adobe or all(signature.fits) or signature.tables[:2] in found:
            continue
        encoder = known.Encoder(
            family=family, setting="setting unknown", tables=signature.tables[:2],
            source="a file with Adobe's APP14 marker",
        )  # fmt: skip
        found[encoder.tables] = encoder
    return list(found.values())


def build(media: list[Media]) -> known.Signatures:
    """The table of these files. Files that an editor of Adobe's wrote teach its tables, not the camera's."""
    cameras = {s for m in media if (s := signature_of(m)) is not None and not s.adobe}
    return known.Signatures(
        cameras=tuple(sorted(cameras, key=_place)),
        encoders=tuple(sorted(adobe_encoders(media), key=lambda e: (e.source, e.setting, e.tables))),
    )


def _place(signature: known.Signature) -> tuple[str, str, str, tuple[str, ...], str]:
    return (
        known.key(signature.make), known.key(signature.model), signature.software, signature.tables, signature.order,
    )  # fmt: skip


def check(media: list[Media]) -> Counter[tuple[str, str, str]]:
    """Leave one out: how often each (status, direction, strength) is said of a file the table has not seen."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for index, item in enumerate(media):
        signature = signature_of(item)
        if signature is None or item.jpeg is None:
            counts["unclaimed", "neutral", "none"] += 1
            continue
        table = build(media[:index] + media[index + 1 :])
        claim = compare(signature, table, adobe_named=names_adobe(item.metadata, item.jpeg))
        counts[claim.status, claim.direction.value, claim.strength.value] += 1
        if claim.direction.value == "for":
            print(f"{Path(item.name).name}: {claim.strength.value} for: {claim.says}")
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Build, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of camera originals")
    parser.add_argument("--out", type=Path, default=OUT, help="file to write")
    parser.add_argument("--check", action="store_true", help="leave one out; write nothing")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"{options.data}: no such folder", file=sys.stderr)
        return 2
    media = media_of(options.data)
    if options.check:
        for (status, direction, strength), count in sorted(check(media).items()):
            print(f"{count:4d}  {status}, {direction}, {strength}")
        return 0
    table = build(media)
    text = msgspec.json.format(msgspec.json.encode(table), indent=1)
    options.out.write_bytes(text + b"\n")
    print(f"{options.out}: {len(table.cameras)} cameras, {len(table.encoders)} encoder tables, of {len(media)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
