"""Quantisation tables: the quality, the encoder's family, and whether they are those of the camera that EXIF names.

Source: ITU-T T.81 (1992), Annex K; E. Kee, M. K. Johnson, H. Farid, "Digital Image Authentication From JPEG
Headers", IEEE TIFS 6(3), 2011, doi:10.1109/TIFS.2011.2128309; H. Farid, "Digital Image Ballistics from JPEG
Quantization: A Followup Study", Dartmouth TR2008-638.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from assay.analysis import Abstention, Analysis, Finding, Maps, abstain
from assay.evidence import Direction, Method, Reason, Strength
from assay.forensics import signatures as known
from assay.forensics.compression.tables import STANDARD, Fit, digest, fit
from assay.forensics.figures import measured
from assay.media import Jpeg, Media, Metadata

METHOD = Method(
    id="quantisation",
    version="1",
    title="Quantisation tables",
    group="compression",
    looks_at="The tables that say how coarsely the JPEG was rounded. Every camera and program has its own, so they "
    "tell the quality and often the family of what wrote the file last.",
    fooled_by="A program that writes a camera's own tables, or keeps those of the file it opened, is not seen. A "
    "camera setting or firmware that the signature table does not know looks like another encoder. Saving a "
    "picture anew changes the tables without altering what it shows.",
    ignore="A low quality in itself: it says how small the file was made, not what was done to the picture.",
    source="Kee, Johnson, Farid 2011, doi:10.1109/TIFS.2011.2128309; ITU-T T.81 Annex K",
    error_rates=measured("quantisation"),
)

FEWEST_OF_MAKE = 3
"""Models of a make that must be known before its habits are held against a file."""

_LIBJPEG_CODING = re.compile(r"DQT\(1\)(×\d)? SOF\d DHT\(1\)")
_ADOBE_PROGRAMS = ("photoshop", "lightroom")


@dataclass(frozen=True)
class Claim:
    """What the camera that the metadata names has to say of the tables. ``status``: ``unclaimed``, ``unknown``,
    ``same``, ``same_generic``, ``other``, ``resaved``, ``hidden_editor``.
    """

    status: str
    says: str
    direction: Direction = Direction.NEUTRAL
    strength: Strength = Strength.NONE
    details: dict[str, Any] = field(default_factory=dict)


def examine(media: Media, maps: Maps) -> Finding | Abstention:  # noqa: ARG001
    """Judge the tables of a JPEG."""
    jpeg = media.jpeg
    if jpeg is None:
        return abstain(METHOD, Reason.NOT_APPLICABLE, f"A {media.format.upper()} file has no quantisation tables.")
    if jpeg.process == "lossless":
        return abstain(METHOD, Reason.NOT_APPLICABLE, "A lossless JPEG is not quantised.")
    used = [jpeg.table_of(i) for i in range(len(jpeg.components))]
    table_set = known.load()
    make, model = (str(media.metadata.exif.get(tag, "")) for tag in ("Make", "Model"))
    found = known.describe(jpeg, make=make, model=model, software=str(media.metadata.exif.get("Software", "")))
    # CMYK and three-component pictures alike carry luma, or what is coded like it, first.
    fits = [fit(table, luma=i == 0) for i, table in enumerate(used)]
    family, sentence = name_encoder(found, fits, table_set)
    if any(f.turned and f.near for f in fits):
        sentence += " Rows and columns are exchanged, as turning a JPEG by 90 degrees without loss leaves them."
    claim = compare(found, table_set, adobe_named=names_adobe(media.metadata, jpeg))
    odd = oddities(jpeg)
    shared = sorted({known.camera_name(c.make, c.model) for c in table_set.with_tables(found.tables)})
    says = " ".join([sentence, claim.says, *(f"Also: {o}." for o in odd)]).strip()
    return Finding(
        method=METHOD.id,
        says=says,
        direction=claim.direction,
        strength=claim.strength,
        details={
            "quality": _qualities(fits, 0),
            "quality_chroma": _qualities(fits, 1),
            "encoder": family,
            "components": [
                {
                    "table": digest(table), "family": f.family, "quality": f.quality, "turned": f.turned,
                    "largest_difference": f.error, "mean_difference": f.mean_error,
                    "entries": [[int(v) for v in row] for row in table],
                }
                for table, f in zip(used, fits, strict=True)
            ],
            "sampling": found.sampling,
            "huffman": found.huffman,
            "claim": claim.status,
            "make": found.make,
            "model": found.model,
            "cameras_with_these_tables": shared,
            "oddities": odd,
            **claim.details,
        },
    )  # fmt: skip


def name_encoder(found: known.Signature, fits: list[Fit], table_set: known.Signatures) -> tuple[str, str]:
    """The family of the encoder, in one word or two, and in a sentence with its figures."""
    luma = fits[0]
    adobe = table_set.encoder(found.tables[0])
    if all(f.exact and f.family == STANDARD for f in fits):
        qualities = sorted({f.quality for f in fits}, reverse=True)
        quality = f"{luma.quality}" if len(qualities) == 1 else f"{luma.quality} (luma), {fits[1].quality} (chroma)"
        return (
            "standard",
            f"The tables are the standard ones of JPEG's Annex K at quality {quality}, as libjpeg scales them.",
        )
    if adobe is not None:
        return adobe.family, f"The luma table is one that {adobe.family} uses ({adobe.setting})."
    if all(f.exact and f.family == luma.family for f in fits):
        return luma.family, f"The tables are the base table “{luma.family}” at quality {luma.quality}."
    if found.adobe:
        return (
            "Adobe (by its marker)",
            f"The tables are custom, nearest to standard quality {luma.quality}, in a file with Adobe's marker.",
        )
    if all(f.near and f.family == STANDARD for f in fits):
        return (
            "standard, other rounding",
            f"The tables are Annex K's at about quality {luma.quality}, rounded otherwise than libjpeg does (up to "
            f"{max(f.error for f in fits)} a step): so do many cameras.",
        )
    return (
        "custom",
        f"The tables are custom: the nearest standard quality is {luma.quality}, {luma.mean_error:.1f} steps away on "
        f"average and {luma.error} at most.",
    )


def compare(found: known.Signature, table_set: known.Signatures, *, adobe_named: bool) -> Claim:
    """Hold the tables against those known of the camera that the file claims."""
    if not found.make:
        return Claim("unclaimed", "The metadata name no camera to compare with.")
    camera = known.camera_name(found.make, found.model)
    editor = table_set.encoder(found.tables[0])
    own = table_set.of(found.make, found.model) if found.model else ()
    kin = table_set.of_make(found.make)
    details = {"known_of_model": len(own), "known_of_make": len(kin)}
    same = [c for c in own if c.tables == found.tables]
    standard = all(found.fits)
    if same:
        # libjpeg's own layout with the camera's tables is also what programs write that keep the tables of a file.
        rewritten = _LIBJPEG_CODING.match(found.coding) is not None
        if standard or rewritten or editor is not None or not any(c.coding == found.coding for c in same):
            return Claim(
                "same_generic", f"They agree with a known original of {camera}, as many files would.", details=details
            )
        return Claim(
            "same", f"Tables and coding are those of a known original of {camera}.", Direction.AGAINST, Strength.WEAK,
            details,
        )  # fmt: skip
    if editor is not None:
        if adobe_named:
            return Claim(
                "resaved", f"{camera} does not write such tables: the file was saved anew, as its metadata or markers "
                "say too.", Direction.FOR, Strength.WEAK, details,
            )  # fmt: skip
        return Claim(
            "hidden_editor", f"The metadata claim {camera} and name no {editor.family}, yet no camera is known to "
            "write such tables: the file was saved anew and does not say so.", Direction.FOR, Strength.MODERATE,
            details,
        )  # fmt: skip
    models = {known.key(c.model) for c in kin}
    if standard and own and not any(all(c.fits) for c in own):
        return Claim(
            "resaved", f"The {len(own)} known original(s) of {camera} have tables of their own, not standard ones: the "
            "file was probably saved anew.", Direction.FOR, Strength.WEAK, details,
        )  # fmt: skip
    if standard and len(models) >= FEWEST_OF_MAKE and not any(all(c.fits) for c in kin):
        return Claim(
            "resaved", f"None of the {len(models)} models of {found.make} known has standard tables: the file was "
            "probably saved anew.", Direction.FOR, Strength.WEAK, details,
        )  # fmt: skip
    if own:
        return Claim(
            "other", f"They differ from those of the {len(own)} known original(s) of {camera}, which may only mean "
            "another quality setting.", details=details,
        )  # fmt: skip
    return Claim("unknown", f"No original of {camera} is in the signature table.", details=details)


def names_adobe(metadata: Metadata, jpeg: Jpeg) -> bool:
    """Does the file itself say that a program of Adobe's wrote it?"""
    if jpeg.adobe is not None or metadata.photoshop:
        return True
    exif = f"{metadata.exif.get('Software', '')} {metadata.exif.get('ProcessingSoftware', '')}"
    # XMP names Adobe in its namespaces whoever wrote it, so there only the programs' names count.
    words = (*_ADOBE_PROGRAMS, "adobe")
    return any(w in exif.casefold() for w in words) or any(w in metadata.xmp_raw.casefold() for w in _ADOBE_PROGRAMS)


def oddities(jpeg: Jpeg) -> list[str]:
    """What is unusual about the tables, each in a few words."""
    odd = []
    used = {c.table for c in jpeg.components}
    definitions: dict[int, int] = {}
    wide = False
    for segment in jpeg.segments:
        if segment.name != "DQT":
            continue
        place = 0
        while place < len(segment.payload):
            precision, index = segment.payload[place] >> 4, segment.payload[place] & 15
            wide |= precision == 1
            definitions[index] = definitions.get(index, 0) + 1
            place += 129 if precision else 65
    if wide:
        odd.append("a table has 16-bit entries, which baseline JPEG forbids")
    if len(jpeg.tables) > 2:
        odd.append(f"{len(jpeg.tables)} tables are defined where two are usual")
    if unused := sorted(set(jpeg.tables) - used):
        odd.append(f"table {', '.join(map(str, unused))} is defined and never used")
    if again := sorted(i for i, n in definitions.items() if n > 1):
        odd.append(f"table {', '.join(map(str, again))} is defined more than once")
    if len(jpeg.components) >= 3:
        luma, blue, red = (digest(jpeg.table_of(i)) for i in range(3))
        if luma == blue == red and int(jpeg.table_of(0).max()) > 1:
            odd.append("luma and chroma share one table")
        elif blue != red:
            odd.append("the two chroma components have different tables")
    return odd


def _qualities(fits: list[Fit], component: int) -> int | None:
    return fits[component].quality if component < len(fits) else None


ANALYSIS = Analysis(METHOD, examine)
