"""Landscapes that look like photographs and belong to nobody: fractal hills, sky, trees, stones and houses, drawn in
linear light and photographed by :mod:`assay.testing.camera`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assay.testing.camera import Floats, shoot
from assay.testing.objects import Painter, house, stone, tree

_SIDE = 1024
"""Cells a side of the ground, which repeats."""
_CELL = 6.0
"""Metres a cell."""
_NEAR, _FAR = 2.5, 4000.0


@dataclass(frozen=True)
class _Land:
    """A ground of ``height`` metres and ``tint``, a noise of variance 1; both wrap around."""

    height: Floats
    tint: Floats

    def __call__(self, field: Floats, x: Floats, z: Floats, scale: float = _CELL) -> Floats:
        u, v = np.mod(x / scale, _SIDE).astype(np.float32), np.mod(z / scale, _SIDE).astype(np.float32)
        return np.asarray(cv2.remap(field, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def scene(seed: int, width: int = 768, height: int = 512) -> npt.NDArray[np.uint8]:
    """Return a landscape, (height, width, 3) uint8 RGB, never compressed; the same for the same arguments.

    It has what analyses lean on in photographs: a Bayer mosaic that was interpolated, noise that grows with the light,
    texture in most blocks, hard edges, and some sky.
    """
    rng = np.random.default_rng(seed)
    size = max(width, 1), max(height, 1)
    land = _Land(40 * fractal(rng, 2.0), fractal(rng, 1.2))
    return shoot(_draw(rng, land, *size), rng)


def fractal(rng: np.random.Generator, power: float, side: int = _SIDE) -> Floats:
    """Noise with an amplitude spectrum of 1/f^``power``: (side, side), mean 0, variance 1, which repeats."""
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    f[0, 0] = np.inf
    field = np.fft.irfft2(spectrum / f**power, s=(side, side))
    return np.asarray(field / field.std(), np.float32)


def _draw(rng: np.random.Generator, land: _Land, width: int, height: int) -> Floats:
    azimuth = rng.uniform(0.6, 1.1) * rng.choice([-1, 1])
    sun = np.array([np.sin(azimuth), rng.uniform(0.5, 0.8), -np.cos(azimuth) * 0.5], np.float32)
    sun /= np.linalg.norm(sun)
    focal = 0.95 * max(width, height)
    horizon = height * rng.uniform(0.36, 0.46)
    x0, z0 = rng.uniform(0, _SIDE * _CELL, 2)
    columns = (np.arange(width, dtype=np.float32) - width / 2) / focal

    # Rays go column by column through slices of growing depth; a pixel shows the first slice that rises to it.
    depths = np.geomspace(_NEAR, _FAR, max(2 * height, 256)).astype(np.float32)
    xs = columns[None, :] * depths[:, None]
    zs = np.broadcast_to(depths[:, None], xs.shape)
    # Near the camera the land is gentle, so that the eye stands over a meadow and not in a hillside.
    ground = land(land.height, xs + x0, zs + z0) * _ease(zs)
    eye = float(np.median(ground[: len(ground) // 3])) + 5.0
    rows = horizon - focal * (ground - eye) / zs
    depth = _first_hits(rows, depths, height)
    seen = np.isfinite(depth)
    z = np.where(seen, depth, _FAR).astype(np.float32)
    x = columns[None, :] * z

    picture = _sky(rng, land, (width, height), horizon, sun)
    lit = _ground(land, (x + np.float32(x0), z + np.float32(z0)), z, focal, sun)
    haze = (1 - np.exp(-z / 2600))[..., None]
    hazy = lit * (1 - haze) + np.array([0.50, 0.60, 0.74], np.float32) * haze
    picture[seen] = hazy[seen]

    def level(px: float, pz: float) -> float:
        at = land(land.height, np.array([[px + x0]], np.float32), np.array([[pz + z0]], np.float32))
        return float(at[0, 0] * _ease(np.array(pz, np.float32)))

    painter = Painter(picture, depth, focal, horizon, eye, level, sun, rng)
    _furnish(rng, painter, width / focal)
    return picture


def _ease(z: Floats) -> Floats:
    """What the land's height counts for at depth ``z``: little in the meadow, much in the mountains behind it."""
    return np.asarray(0.05 + 9 * np.clip((z - 120) / 4500, 0, 1) ** 1.25, np.float32)


def _first_hits(rows: Floats, depths: Floats, height: int) -> Floats:
    """Return (height, W) depths of the first slice at or above each pixel, inf for the sky. ``rows`` is (slices, W)."""
    skyline = np.minimum.accumulate(rows, axis=0)
    wanted = np.arange(height, dtype=np.float32)
    out = np.empty((height, rows.shape[1]), np.float32)
    reach = np.append(depths, np.float32(np.inf))
    for column in range(rows.shape[1]):
        at = np.searchsorted(-skyline[:, column], -wanted, side="left")
        low, high = skyline[np.minimum(at, len(depths) - 1), column], skyline[np.maximum(at - 1, 0), column]
        # Between two slices the depth is interpolated, or the ground would show in steps.
        share = np.clip((high - wanted) / np.maximum(high - low, 1e-6), 0, 1)
        before = depths[np.maximum(at - 1, 0)]
        out[:, column] = np.where(at < len(depths), before + share * (reach[at] - before), np.inf)
    return out


def _beside(field: Floats, step: int) -> Floats:
    """The value ``step`` columns to the left of each, that of the border beyond it."""
    return field[:, np.clip(np.arange(field.shape[1]) - step, 0, field.shape[1] - 1)]


def _sky(rng: np.random.Generator, land: _Land, size: tuple[int, int], horizon: float, sun: Floats) -> Floats:
    width, height = size
    up = np.clip((horizon - np.arange(height, dtype=np.float32)) / max(horizon, 1), 0, 1)[:, None]
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * width / max(height, 1)
    blue, pale = np.array([0.10, 0.24, 0.56], np.float32), np.array([0.52, 0.63, 0.78], np.float32)
    sky = pale + (blue - pale) * (np.sqrt(up) + 0 * across)[..., None]
    # Clouds lie on a plane overhead, so they crowd together towards the horizon.
    far = 1 / (up + 0.12)
    puff = land(land.tint, across * far * 60 + rng.uniform(0, 500), far * 90 + 0 * across, 1.0)
    puff += 0.6 * land(land.tint, across * far * 200, far * 300 + 0 * across, 1.0)
    cover = np.clip((puff - rng.uniform(0.1, 0.9)) / 1.8, 0, 1)[..., None]
    shade = 0.72 + 0.25 * np.clip(puff - _beside(puff, int(np.sign(sun[0])) * 6) + 0.5, 0, 1)[..., None]
    return np.asarray(sky * (1 - cover) + shade * np.array([1.0, 0.99, 0.97], np.float32) * cover, np.float32)


def _ground(land: _Land, place: tuple[Floats, Floats], depth: Floats, focal: float, sun: Floats) -> Floats:
    """Return the (H, W, 3) light that comes from the ground at ``place``, (x, z) in metres."""
    x, z = place
    step = np.float32(_CELL)
    here = land(land.height, x, z)
    slope_x = (land(land.height, x + step, z) - here) / step * _ease(depth)
    slope_z = (land(land.height, x, z + step) - here) / step * _ease(depth)
    fine = np.zeros_like(x)
    footprint = depth / focal
    for wave in (40.0, 12.0, 4.0, 1.3, 0.4, 0.12, 0.05):
        # An octave that is finer than the pixels would only shimmer.
        weight = np.clip(wave / (2 * footprint) - 0.5, 0, 1)
        fine += np.float32(0.5) * weight * land(land.tint, x, z, wave / 16)
    bumps = 0.5 * (fine - _beside(fine, 1))
    light = np.clip(sun[1] - slope_x * sun[0] - slope_z * sun[2] + bumps, 0.02, None) / np.sqrt(
        1 + slope_x**2 + slope_z**2
    )
    steep = np.clip((np.hypot(slope_x, slope_z) - 0.35 + 0.08 * fine) * 3.5, 0, 1)[..., None]
    dry = np.clip(0.5 + 0.6 * land(land.tint, x, z, 9.0) + 0.15 * fine, 0, 1)[..., None]
    grass = np.array([0.075, 0.145, 0.028], np.float32) * (1 - dry) + np.array([0.24, 0.20, 0.085], np.float32) * dry
    rock = np.array([0.23, 0.205, 0.18], np.float32)
    albedo = grass * (1 - steep) + rock * steep
    snow = np.clip((here * _ease(depth) - 150 + 25 * fine) / 40, 0, 1)[..., None] * (1 - 0.6 * steep)
    albedo = albedo * (1 - snow) + 0.5 * snow
    albedo *= np.clip(1 + 0.38 * fine, 0.25, 2.2)[..., None]
    shine = light[..., None] * np.array([1.55, 1.45, 1.28], np.float32) + np.array([0.20, 0.25, 0.34], np.float32)
    return np.asarray(albedo * shine, np.float32)


def _furnish(rng: np.random.Generator, painter: Painter, spread: float) -> None:
    """Stand things in the meadow, the farthest first."""
    things = [(z, "tree") for z in rng.uniform(22, 420, 150)]
    things += [(z, "house") for z in rng.uniform(30, 85, 3)]
    things += [(z, "stone") for z in rng.uniform(8, 60, 26)]
    things.sort(reverse=True)
    draw = {"tree": tree, "house": house, "stone": stone}
    for z, name in things:
        draw[name](painter, float(rng.uniform(-0.55, 0.55) * spread * z), z)


__all__ = ["fractal", "scene"]
