"""One method in a fresh process: ``python -m bench.examine.child METHOD SMALL FILE REPEAT`` prints its cost as JSON."""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec
from PIL import Image

from assay.analysis import MemoryMaps
from assay.examine import examine
from assay.forensics import ANALYSES
from assay.media import Media


class Cost(msgspec.Struct):
    """Median wall and processor ``seconds`` of a method on a file just opened, decoding included; ``peak`` and, before
    the file was read, ``start`` memory of the process in MiB; seconds of a plain ``decode`` of the file.
    """

    seconds: float
    processor: float
    peak: float
    start: float
    decode: float


def peak_memory() -> float:
    """The most memory this process has held, MiB.

    Linux carries ru_maxrss of getrusage over from the parent through fork and exec, so the high-water mark of this
    process's own memory is read instead, where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource  # noqa: PLC0415

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 1024


def job(method: str) -> Callable[[bytes], object]:
    """What is timed: a method with its maps, or for ``examine`` the whole examination without maps."""
    if method == "examine":
        return examine
    (analysis,) = (a for a in ANALYSES if a.id == method)
    return lambda data: analysis.run(Media.open(data), MemoryMaps())


def cost(method: str, small: bytes, data: bytes, repeat: int) -> Cost:
    """Measure on ``data``, after a run on the ``small`` picture, so that compiling and importing are not counted."""
    run = job(method)
    run(small)
    start = peak_memory()
    wall, processor = [], []
    for _ in range(repeat):
        before = time.perf_counter(), time.process_time()
        run(data)
        wall.append(time.perf_counter() - before[0])
        processor.append(time.process_time() - before[1])
    peak = peak_memory()
    decodes = []
    for _ in range(3):
        before_decode = time.perf_counter()
        Image.open(io.BytesIO(data)).load()
        decodes.append(time.perf_counter() - before_decode)
    return Cost(median(wall), median(processor), peak, start, median(decodes))


if __name__ == "__main__":
    small_, data_ = (Path(argument).read_bytes() for argument in sys.argv[2:4])
    sys.stdout.buffer.write(msgspec.json.encode(cost(sys.argv[1], small_, data_, int(sys.argv[4]))))
