"""Where the 8x8 grid of a JPEG compression begins, and where in the picture it is foreign, weak or missing.

After T. Nikoukhah, J. Anger, M. Colom, J.-M. Morel, R. Grompone von Gioi, "ZERO: a Local JPEG Grid Origin Detector
Based on the Number of DCT Zeros and its Applications in Image Forensics", IPOL 11 (2021), doi 10.5201/ipol.2021.390.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.analysis import Analysis, Maps, abstain, heat, view
from assay.evidence import Abstention, Direction, Finding, Map, Method, Reason, Region, Strength
from assay.forensics.compression._dct_zeros import NO_VOTE, grid_votes, tally, zero_scores
from assay.forensics.compression._grids import (
    JPEG_SIDE,
    Bytes,
    Floats,
    Grid,
    Patch,
    fresh_votes,
    global_grids,
    log10_tail,
    log10_tests,
    patches,
    survivors,
    without,
)
from assay.forensics.figures import measured
from assay.forensics.regions import Blob, blobs, region
from assay.media import Media

METHOD = Method(
    id="jpeg_grid",
    version="1",
    title="JPEG grid by DCT zeros",
    group="compression",
    looks_at=(
        "JPEG cuts a picture into blocks of 8 by 8 pixels and leaves many zeros in them. The zeros show where that "
        "grid begins, even after the picture was cropped or saved in another format, and which parts lie on another "
        "grid or obey the picture's grid less than the rest."
    ),
    fooled_by=(
        "A part pasted with its grid in line is missed, as is one in a picture that was then scaled, blurred or saved "
        "at low quality. Patterns that repeat every 4 or 8 pixels, enlarged pixels and captions or borders added "
        "honestly can look like another grid or like none."
    ),
    ignore=(
        "Small or thin spots, edges of clipped highlights and shadows, and gentle slopes of the map between smooth and "
        "rough areas mean nothing. Only a compact area well above the rest does."
    ),
    source=(
        "Nikoukhah, Anger, Colom, Morel, Grompone von Gioi: ZERO, a Local JPEG Grid Origin Detector Based on the "
        "Number of DCT Zeros, IPOL 11 (2021), doi 10.5201/ipol.2021.390"
    ),
    error_rates=measured("jpeg_grid"),
)

_SMALLEST = 64
# Share of blocks that must vary along both directions for the votes to mean anything.
_VARIED = 0.02
_MOST_REGIONS = 8
# Living coefficients that a block placed anywhere must have on average for the map to tell.
_ALIVE = 1.0
# Median of the map above which a grid is not the picture's: camera originals at quality 98 and 99 reach 0.85.
_ABSENT = 0.93
# The bars of a claim. On 72 camera originals the largest area with a contrast of 0.25 took 0.1 % of the picture; and,
# but for the one of _SPREAD and one without a main grid, no region voted for a foreign grid.
_CONTRAST, _HIGH_CONTRAST = 0.25, 0.35
_SHARE, _SMALL_SHARE = 0.01, 0.004
_CELLS, _SMALL_CELLS = 80, 40
_DENSITY, _HIGH_DENSITY = 0.2, 0.4
_SURE = -20.0
# Chance gives a grid 1.6 % of the votes. A second grid got up to 2.2 % of those of an original, but for one camera's
# that enlarges: there it got 10 %, and shows all over.
_SPREAD = 0.03

_BLOCKY = frozenset({"webp", "heic", "avif"})
# Grids that the file's own format makes, as codes 8y + x: these three transform blocks of 4x4 and larger.
_OWN = {"jpeg": frozenset({0})} | dict.fromkeys(_BLOCKY, frozenset({0, 4, 32, 36}))
_MEANING = (
    "Share of DCT coefficients that the blocks of the picture's grid leave alive, over the share that blocks placed "
    "anywhere leave: 1 where the grid left no trace."
)
_MEANING_NO_GRID = (
    "1 less the share of DCT coefficients left alive by the blocks of the best local grid: high where some JPEG grid "
    "shows in a picture that has none as a whole."
)


@dataclass(frozen=True)
class _Weak:
    """A blob of the map in which the main grid is weaker than in the rest, by ``contrast`` of the ratio."""

    region: Region
    contrast: float
    share: float
    strength: Strength


def examine(media: Media, maps: Maps) -> Finding | Abstention:
    """Find the grid of the whole picture, then regions on other grids or off the main one."""
    side = min(media.width, media.height)
    if side < _SMALLEST:
        return abstain(METHOD, Reason.TOO_SMALL, f"A side of {side} pixels holds too few blocks.")
    luma = media.luma
    scores = zero_scores(luma)
    if float(np.count_nonzero(scores)) < _VARIED * scores.size:
        return abstain(METHOD, Reason.TOO_FLAT, "Almost every block is one colour or plain stripes: no grid shows.")
    votes = grid_votes(scores)
    cells = tally(votes)
    clear = without(scores, _clipped(media))
    grids = global_grids(votes)
    main = grids[0] if grids else None
    suspicion = _suspicion(clear, main)
    if main is not None and np.isfinite(suspicion).any() and float(np.nanmedian(suspicion)) > _ABSENT:
        # A pasted part can outvote a picture that was never a JPEG: the bulk obeys no grid.
        main = None
        suspicion = _suspicion(clear, None)
    # The grid of the file itself is not foreign, wherever it shows.
    own = _OWN.get(media.format, frozenset()) | ({main.code} if main else set())
    foreign = [p for p in patches(cells, set(range(64)) - own, votes.size) if p.density >= _DENSITY / 2]
    weak = _weaker(suspicion, luma, votes, main) if main else []
    spoken = [_patch_strength(patch, foreign, votes) for patch in foreign] + [part.strength for part in weak]
    crop = _crop_strength(main, media.format)
    strength = max([*spoken, crop], key=lambda s: s.rank)
    return Finding(
        method=METHOD.id,
        says=_sentence(main, media.format, foreign, weak),
        direction=Direction.FOR if strength is not Strength.NONE else Direction.NEUTRAL,
        strength=strength,
        regions=tuple([_region(patch, media) for patch in foreign] + [part.region for part in weak])[:_MOST_REGIONS],
        maps=_maps(maps, suspicion, cells, main),
        details={
            "grids": [{"x": g.x, "y": g.y, "votes": g.votes, "log10_nfa": round(g.log10_nfa, 1)} for g in grids[:4]],
            "voting_share": round(float(np.mean(votes != NO_VOTE)), 4),
            "foreign": [
                {"x": p.origin[0], "y": p.origin[1], "density": round(p.density, 3), "log10_nfa": round(p.log10_nfa, 1)}
                for p in foreign[:_MOST_REGIONS]
            ],
            "weaker": [{"contrast": round(p.contrast, 3), "share": round(p.share, 4)} for p in weak],
        },
    )


def _suspicion(scores: Bytes, main: Grid | None) -> Floats:
    """The heat map: NaN where too few coefficients live anywhere to tell."""
    ratio, around = survivors(scores, main.code if main else None)
    return np.where(around >= _ALIVE, ratio if main else 1 - ratio, np.nan).astype(np.float32)


def _clipped(media: Media) -> Bytes:
    """(rows, columns), 1 where a sample lies at either end of its range: clipping undoes the zeros of its block."""
    if media.format == "jpeg":
        return ((media.luma <= 0) | (media.luma >= 255)).astype(np.uint8)
    mask = np.zeros(media.rgb.shape[:2], np.bool_)
    for channel in range(3):
        plane = media.rgb[..., channel]
        mask |= (plane == 0) | (plane == 255)
    return mask.astype(np.uint8)


def _weaker(suspicion: Floats, luma: Floats, votes: Bytes, main: Grid) -> list[_Weak]:
    """Compact areas in which the main grid left far more coefficients alive than in the bulk of the picture."""
    known = np.isfinite(suspicion)
    if not known.any():
        return []
    bulk = float(np.median(suspicion[known]))
    raised = np.nan_to_num(suspicion, nan=-1.0) >= bulk + _CONTRAST
    least = max(_SMALL_CELLS, int(_SMALL_SHARE * suspicion.size))
    found, _ = blobs(raised, suspicion, min_cells=least, open_=1)
    fresh = fresh_votes(luma, votes, main.code) if found and max(luma.shape) <= JPEG_SIDE else None
    return [part for blob in found[:_MOST_REGIONS] if (part := _judge(blob, bulk, fresh, luma, main))]


def _judge(blob: Blob, bulk: float, fresh: Bytes | None, luma: Floats, main: Grid) -> _Weak | None:
    height, width = luma.shape
    contrast, share = blob.mean - bulk, 64 * blob.cells / luma.size
    nfa = None
    if fresh is not None:
        column, row, columns, rows = blob.box
        votes = int(fresh[row : row + rows, column : column + columns].sum(dtype=np.int64))
        nfa = log10_tests(luma.size) + log10_tail(columns * rows, votes // 64, 1 / 64)
    strength = Strength.WEAK
    if share >= _SHARE and blob.cells >= _CELLS:
        strength = Strength.MODERATELY_STRONG if contrast >= _HIGH_CONTRAST else Strength.MODERATE
    says = (
        f"The picture's grid leaves {blob.mean:.0%} of the coefficients alive here, {bulk:.0%} in the picture's bulk: "
        f"this part went through {'less of the' if blob.mean < 0.9 else 'none of the'} compression the rest shows."
    )
    place = region(blob, says, width=width, height=height, origin=(main.x, main.y))
    if place is None:
        return None
    if nfa is not None and nfa < 0:
        place = Region(x=place.x, y=place.y, width=place.width, height=place.height, says=says, log10_nfa=round(nfa, 1))
    return _Weak(place, contrast, share, strength)


def _patch_strength(patch: Patch, foreign: list[Patch], votes: Bytes) -> Strength:
    dense = [p.votes for p in foreign if p.origin == patch.origin and p.density >= _DENSITY]
    code = 8 * patch.origin[1] + patch.origin[0]
    # A grid that shows all over is no local forgery: one camera's enlargement leaves a second one everywhere.
    spread = np.count_nonzero(votes == code) - sum(dense) > _SPREAD * votes.size
    if patch.density < _DENSITY or spread:
        return Strength.WEAK
    if patch.log10_nfa > _SURE:
        return Strength.MODERATE
    return Strength.STRONG if patch.density >= _HIGH_DENSITY else Strength.MODERATELY_STRONG


def _crop_strength(main: Grid | None, format: str) -> Strength:  # noqa: A002
    if main is None or main.code == 0 or main.code in _OWN.get(format, ()):
        return Strength.NONE
    return Strength.MODERATE if format == "jpeg" and main.log10_nfa < _SURE else Strength.WEAK


def _region(patch: Patch, media: Media) -> Region:
    says = (
        f"{patch.density:.0%} of these pixels vote for a grid beginning at {patch.origin}, not for the picture's grid."
    )
    width, height = min(patch.width, media.width - patch.x), min(patch.height, media.height - patch.y)
    return Region(x=patch.x, y=patch.y, width=width, height=height, says=says, log10_nfa=round(patch.log10_nfa, 1))


def _sentence(main: Grid | None, format: str, foreign: list[Patch], weak: list[_Weak]) -> str:  # noqa: A002
    if main is None:
        text = "No grid of a JPEG compression shows over the whole picture"
    else:
        text = f"A JPEG grid beginning at ({main.x}, {main.y}) shows (log10 NFA {main.log10_nfa:.0f})"
        if format in _BLOCKY and main.code in _OWN[format]:
            text += f", which the {format.upper()} format's own blocks may explain"
        elif main.code:
            text += ", so the picture was cropped, or moved, after a JPEG compression"
        elif format != "jpeg":
            text += f": the {format.upper()} file holds a picture that was a JPEG before"
    if foreign:
        text += f"; {_count(len(foreign), 'region')} on another grid (best log10 NFA {foreign[0].log10_nfa:.0f})"
    if weak:
        best = max(part.contrast for part in weak)
        text += f"; in {_count(len(weak), 'region')} the grid is weaker or missing (contrast up to {best:.2f})"
    if main is not None and not (foreign or weak):
        text += ", and no region departs from it"
    return text + "."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _maps(maps: Maps, suspicion: Floats, cells: Bytes, main: Grid | None) -> tuple[Map, ...]:
    meaning = _MEANING if main else _MEANING_NO_GRID
    origin = (main.x, main.y) if main else (0, 0)
    kept = [heat(maps, METHOD.id, "grid", suspicion, meaning, low=0, high=1, cell=8, origin=origin)]
    if maps.wanted:
        text = (
            "The grid for which most pixels of a cell vote: grey for the picture's grid, black for none, hue and "
            "brightness for the column and row of another grid's origin."
        )
        kept.append(view(maps, METHOD.id, "votes", _colours(cells, main), text, cell=8))
    return tuple(kept)


def _colours(cells: Bytes, main: Grid | None) -> npt.NDArray[np.uint8]:
    """(64, rows, columns) votes -> (rows, columns, 3) RGB of the grid most voted for."""
    codes = np.arange(64)
    hsv = np.stack([codes % 8 * 22, np.full(64, 230), 120 + codes // 8 * 19], axis=-1).astype(np.uint8)
    palette = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    if main:
        palette[main.code] = 96
    picture: npt.NDArray[np.uint8] = palette[cells.argmax(axis=0)]
    picture[cells.max(axis=0) == 0] = 0
    return picture


ANALYSIS = Analysis(METHOD, examine)
