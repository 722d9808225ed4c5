"""Seconds and memory."""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np

from assay.provenance.watermark import detect, embed
from assay.testing.scene import scene

_SIZES = {"1 MP": (1152, 864), "12 MP": (4000, 3000), "50 MP": (8192, 6144)}


def one(size: str) -> dict[str, float]:
    """Time one size in this process: the best of three, wall clock and processor, and the most memory held."""
    cv2.setNumThreads(2)
    width, height = _SIZES[size]
    rgb = np.asarray(cv2.resize(scene(3, 1152, 864), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    rng = np.random.default_rng(0)
    for y in range(height):
        rgb[y] += rng.integers(0, 4, (width, 1), np.uint8) * (rgb[y] < 252)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    marked = embed(rgb, 1)
    out: dict[str, float] = {}
    for name, act in (
        ("embed", lambda: embed(rgb, 1)),
        ("detect, marked", lambda: detect(marked)),
        ("detect, unmarked", lambda: detect(rgb)),
    ):
        wall, cpu = [], []
        for _ in range(3):
            begun, used = time.perf_counter(), time.process_time()
            act()
            wall.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - used)
        out[f"{name}, wall s"], out[f"{name}, CPU s"] = min(wall), min(cpu)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out["most memory, MiB"], out["of it before, MiB"] = after / 1024, before / 1024
    return out


def measure() -> dict[str, Any]:
    """Time every size, each in a process of its own, so that the memory is its own too."""
    code = "import json, sys; from bench.watermark.speed import one; print(json.dumps(one(sys.argv[1])))"
    sizes: dict[str, Any] = {}
    for size in _SIZES:
        run = subprocess.run([sys.executable, "-c", code, size], capture_output=True, text=True, check=True)
        sizes[size] = json.loads(run.stdout.strip().splitlines()[-1])
    return {"sizes": sizes, "load_average": os.getloadavg()[0]}
