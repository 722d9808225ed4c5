"""The things that stand in a scene: trees, stones and houses, each drawn over the picture at its place and depth."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.testing.camera import Floats


@dataclass(frozen=True)
class Painter:
    """Draws on ``picture``, (H, W, 3) linear light. ``depth`` is (H, W) metres, inf for the sky; ``level(x, z)`` is the
    ground's height there; a point (x, y, z) shows at column W/2 + focal x/z and row horizon - focal (y - eye)/z.
    """

    picture: Floats
    depth: Floats
    focal: float
    horizon: float
    eye: float
    level: Callable[[float, float], float]
    sun: npt.NDArray[np.float32]
    rng: np.random.Generator

    def spot(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Return the column and row where a point shows."""
        return self.picture.shape[1] / 2 + self.focal * x / z, self.horizon - self.focal * (y - self.eye) / z

    def stands_clear(self, x: float, z: float) -> bool:
        """Say whether no hill hides the foot of a thing at (x, z)."""
        column, row = (int(v) for v in self.spot(x, self.level(x, z), z))
        rows, columns = self.depth.shape
        if not 0 <= column < columns:
            return False
        return row >= rows or (row >= 0 and float(self.depth[row, column]) > 0.8 * z)

    def lay(self, patch: Floats, cover: Floats, left: int, top: int) -> None:
        """Blend ``patch``, (h, w, 3), over the picture by ``cover``, (h, w) from 0 to 1, cutting what falls outside."""
        rows, columns = self.picture.shape[:2]
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + cover.shape[0], rows), min(left + cover.shape[1], columns)
        if y0 >= y1 or x0 >= x1:
            return
        inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        part = self.picture[y0:y1, x0:x1]
        part += (patch[inside] - part) * cover[inside][..., None]

    def shadow(self, x: float, z: float, reach: float) -> None:
        """Darken the ground beside a thing ``reach`` metres wide, away from the sun."""
        column, row = self.spot(x - float(np.sign(self.sun[0])) * reach * 0.7, self.level(x, z), z)
        half = self.focal * reach / z
        wide, high = max(int(2 * half), 2), max(int(half * 0.45), 2)
        y, xx = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j].astype(np.float32)
        cover = np.clip(1.3 - 1.3 * np.hypot(xx, y), 0, 0.6).astype(np.float32)
        rows, columns = self.picture.shape[:2]
        left, top = int(column - half), int(row - high / 2)
        if -wide < left < columns and -high < top < rows:
            self.lay(np.full((high, wide, 3), (0.025, 0.032, 0.03), np.float32), cover, left, top)


def _noise(rng: np.random.Generator, rows: int, columns: int, coarsest: float, octaves: int = 5) -> Floats:
    """Noise of several octaves, from cells of ``coarsest`` pixels down: (rows, columns), about -1 to 1."""
    out = np.zeros((rows, columns), np.float32)
    share, cell = 0.5, max(coarsest, 1.0)
    for _ in range(octaves):
        small = rng.uniform(-1, 1, (int(rows / cell) + 2, int(columns / cell) + 2)).astype(np.float32)
        out += np.float32(share) * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
        share, cell = share * 0.8, max(cell / 2, 1.0)
    return out


def tree(painter: Painter, x: float, z: float) -> None:
    """A broad tree or a fir, 5 to 11 metres high."""
    rng = painter.rng
    tall, fir, tone = rng.uniform(5, 11), rng.random() < 0.5, rng.uniform(0.7, 1.25)
    if not painter.stands_clear(x, z):
        return
    column, foot = painter.spot(x, painter.level(x, z), z)
    high = max(int(painter.focal * tall / z), 4)
    wide = max(int(high * (0.5 if fir else 0.8)), 3)
    y, xx = np.mgrid[0 : 1 : high * 1j, -1 : 1 : wide * 1j].astype(np.float32)
    rough = _noise(rng, high, wide, high / 8, 7)
    if fir:
        skirt = y * (0.78 + 0.22 * np.mod(y * 7, 1))
        body = skirt - np.abs(xx) + 0.22 * rough
        body[y > 0.93] = -1
    else:
        body = 0.9 - np.hypot(xx, (y - 0.42) / 0.42) + 0.42 * rough
    crown = np.clip(body * high / 12, 0, 1)
    trunk = np.clip((0.055 - np.abs(xx)) * wide, 0, 1) * (y > 0.6) * (1 - crown)
    side = np.clip(0.55 + 0.5 * xx * np.sign(painter.sun[0]) - 0.45 * (y - 0.4) + 1.1 * rough, 0.06, 1.8)
    leaf = np.array([0.06, 0.115, 0.03] if not fir else [0.032, 0.072, 0.034], np.float32) * np.float32(tone * 1.5)
    patch = np.where((crown > trunk)[..., None], side[..., None] * leaf, np.float32(0.05) * side[..., None])
    painter.shadow(x, z, tall * 0.35)
    fog = np.float32(1 - np.exp(-z / 2600))
    patch = patch * (1 - fog) + np.array([0.50, 0.60, 0.74], np.float32) * fog
    painter.lay(patch.astype(np.float32), np.maximum(crown, trunk), int(column - wide / 2), int(foot - high))


def stone(painter: Painter, x: float, z: float) -> None:
    """A boulder of 0.3 to 1.2 metres."""
    rng = painter.rng
    broad, grey = rng.uniform(0.3, 1.2), rng.uniform(0.16, 0.34)
    if not painter.stands_clear(x, z):
        return
    column, foot = painter.spot(x, painter.level(x, z), z)
    wide = max(int(painter.focal * broad / z), 4)
    high = max(int(wide * rng.uniform(0.5, 0.75)), 3)
    y, xx = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j].astype(np.float32)
    rough = _noise(rng, high, wide, wide / 2.5, 7)
    cover = np.clip((0.88 - np.hypot(xx, y) ** 1.6 + 0.28 * _noise(rng, high, wide, wide / 3, 2)) * wide / 6, 0, 1)
    dome = np.sqrt(np.clip(1 - xx * xx - y * y, 0.05, 1))
    light = np.clip(painter.sun[0] * xx - painter.sun[1] * y + 0.55 * dome + 0.45 * rough, 0.12, 1.8)
    patch = light[..., None] * np.array([grey, grey * 0.95, grey * 0.87], np.float32) * 1.2
    painter.shadow(x, z, broad * 0.6)
    painter.lay(patch.astype(np.float32), cover, int(column - wide / 2), int(foot - high * 0.85))


def house(painter: Painter, x: float, z: float) -> None:
    """A house of one or two floors under a gabled roof: walls, windows and a door with hard edges."""
    rng = painter.rng
    wide, deep, high = rng.uniform(7, 11), rng.uniform(6, 8), rng.uniform(3.2, 5.6)
    turn = rng.uniform(0.35, 0.9) * rng.choice([-1, 1])
    wall = np.array([0.62, 0.58, 0.50], np.float32) * rng.uniform(0.6, 1.05)
    roof = np.array([0.28, 0.10, 0.06] if rng.random() < 0.6 else [0.13, 0.13, 0.145], np.float32)
    if not painter.stands_clear(x, z):
        return
    base = painter.level(x, z) - 0.4
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def point(u: float, y: float, v: float) -> tuple[float, float, float]:
        px, pz = np.array([x, z]) + u * axes[0] + v * axes[1]
        return float(px), base + y, float(pz)

    w, d, top = wide / 2, deep / 2, high + wide * 0.36
    painter.shadow(x, z, wide * 0.8)
    end = d if axes[1, 1] * d < 0 else -d
    side = -w if axes[0, 1] > 0 else w
    lit = {name: 0.28 + 1.15 * max(float(np.dot(n, painter.sun)), 0.0) for name, n in {
        "end": (axes[1, 0] * np.sign(end), 0, axes[1, 1] * np.sign(end)),
        "side": (axes[0, 0] * np.sign(side), 0, axes[0, 1] * np.sign(side)),
        "roof": (axes[0, 0] * np.sign(side) * 0.6, 0.8, axes[0, 1] * np.sign(side) * 0.6),
    }.items()}  # fmt: skip
    gable = [point(-w, 0, end), point(w, 0, end), point(w, high, end), point(0, top, end), point(-w, high, end)]
    flank = [point(side, 0, d), point(side, 0, -d), point(side, high, -d), point(side, high, d)]
    over, eave = 0.5, side * 1.08
    slope = [point(eave, high - 0.3, d + over), point(eave, high - 0.3, -d - over), point(0, top, -d - over),
             point(0, top, d + over)]  # fmt: skip
    _face(painter, flank, wall * lit["side"], 0.10)
    _face(painter, gable, wall * lit["end"], 0.10)
    glass = np.array([0.035, 0.045, 0.06], np.float32)
    for floor in np.arange(1.0, high - 1.4, 2.5):
        for u in np.arange(-w + 1.2, w - 1.6, 2.4):
            _face(painter, [point(u + a, floor + b, end) for a, b in _PANE], glass, 0.3)
        for v in np.arange(-d + 1.2, d - 1.6, 2.4):
            _face(painter, [point(side, floor + b, v + a) for a, b in _PANE], glass, 0.3)
    _face(painter, slope, roof * lit["roof"] * 1.3, 0.28)


_PANE = ((0.0, 0.0), (1.1, 0.0), (1.1, 1.4), (0.0, 1.4))


def _face(painter: Painter, corners: list[tuple[float, float, float]], colour: Floats, rough: float) -> None:
    """Fill the outline of ``corners`` with ``colour`` and a grain of ``rough``."""
    if min(z for *_, z in corners) < 1:
        return
    spots = np.array([painter.spot(*corner) for corner in corners])
    left, top = np.floor(spots.min(0)).astype(int) - 1
    wide, high = np.ceil(np.ptp(spots, axis=0)).astype(int) + 3
    if wide * high > 4 * painter.depth.size:
        return
    cover = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(cover, [np.round((spots - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    grain = 1 + rough * _noise(painter.rng, high, wide, 12)
    patch = (grain[..., None] * colour).astype(np.float32)
    painter.lay(patch, (cover / 255).astype(np.float32), int(left), int(top))


__all__ = ["Painter", "house", "stone", "tree"]
