"""Signing and verifying in one process, by Assay and by c2pa-python alone, turn by turn on the same picture.

Like with like. *sign*: bare is ``Builder.sign`` and then a ``Reader`` that checks what was made, because Assay never
hands out what it did not verify; contexts and signer are made once, as Assay keeps its own. *verify*: bare is
``Reader`` and its ``json()``; Assay adds the chain verdict, the words, and the SHA-256 of the file, which is left out
of *verify, digest known*. Thumbnails are off, keys are ES256, nothing opens a connection.
"""

import hashlib
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, C2paSigningAlg, Reader, Signer

from assay.provenance import engine
from assay.provenance.certificates import create
from assay.provenance.definition import Options
from assay.provenance.identity import from_pem
from assay.provenance.sign import sign
from assay.provenance.trust import TrustStore, read_pem
from assay.provenance.verify import verify
from bench.provenance.figures import Speed

PART = "speed"
SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}
ROUNDS = {"2 MP": 120, "12 MP": 40}
MIME = "image/jpeg"

Job = Callable[[], object]


def picture(width: int, height: int) -> bytes:
    """A JPEG of quality 90 with a camera's grain: soft shapes and noise, so that its size is that of a photograph."""
    rng = np.random.default_rng(7)
    base = cv2.resize(rng.uniform(40, 215, (12, 16, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 5, (height, width, 1))
    pixels = (base + grain).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def contests(data: bytes) -> dict[str, tuple[Job, Job]]:
    """For each job, ours and bare."""
    made = create("Bench", organisation="Bench")
    identity = from_pem(made.chain_pem, made.key_pem)
    trust = TrustStore((read_pem(made.root_pem.decode(), id="bench", title="bench"),))
    context = engine.context(trust.anchors())
    signer = Signer.from_info(C2paSignerInfo(C2paSigningAlg.ES256, made.chain_pem, made.key_pem, None))
    options = Options(source_type="digitalCapture", title="picture.jpg")
    definition = json.dumps({"claim_generator_info": [{"name": "bench", "version": "1"}], "title": "picture.jpg"})

    def bare_sign() -> str:
        builder = Builder(definition, context=context)
        builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
        out = io.BytesIO()
        builder.sign(signer, MIME, io.BytesIO(data), out)
        out.seek(0)
        with Reader(MIME, out, context=context) as reader:
            return _valid(str(reader.get_validation_state()))

    def our_sign() -> str:
        return _valid(sign(data, identity, options).state)

    signed = sign(data, identity, options).data or b""

    def bare_verify() -> str:
        with Reader(MIME, io.BytesIO(signed), context=context) as reader:
            reader.json()
            return _valid(str(reader.get_validation_state()))

    def our_verify() -> str:
        return _valid(verify(signed, trust=trust).state.value)

    digest = hashlib.sha256(signed).hexdigest()

    def our_verify_known() -> str:
        return _valid(verify(signed, trust=trust, sha256=digest).state.value)

    return {
        "sign": (our_sign, bare_sign),
        "verify": (our_verify, bare_verify),
        "verify, digest known": (our_verify_known, bare_verify),
    }


def _valid(state: str) -> str:
    if state.lower() not in {"valid", "trusted"}:
        raise AssertionError(f"what is timed must succeed, but came to {state}")
    return state


def measure(sizes: Iterable[str] = SIZES, rounds: int | None = None) -> list[Speed]:
    """Time both jobs at each of ``sizes``, ``rounds`` turns each."""
    rows = []
    for size in sizes:
        for job, (ours, bare) in contests(picture(*SIZES[size])).items():
            row = duel(job, size, ours, bare, rounds or ROUNDS[size])
            says = f"ours {row.ours_cpu:.2f} ms, bare {row.bare_cpu:.2f} ms of processor, ratio {row.ratio_cpu:.3f}"
            print(f"{PART}: {job} {size}: {says}", file=sys.stderr)
            rows.append(row)
    return rows


def duel(job: str, size: str, ours: Job, bare: Job, rounds: int) -> Speed:
    """Turn by turn, the one that goes first changing each time, so that neither profits from what the machine does."""
    for _ in range(3):
        ours(), bare()
    turns = []
    for number in range(rounds):
        order = (ours, bare) if number % 2 else (bare, ours)
        taken = {contestant: _cost(contestant) for contestant in order}
        turns.append((*taken[ours], *taken[bare]))
    wall, cpu, bare_wall, bare_cpu = (statistics.median(column) * 1000 for column in zip(*turns, strict=True))
    by_wall, by_cpu = [t[0] / t[2] for t in turns], [t[1] / t[3] for t in turns]
    low, _, high = statistics.quantiles(by_cpu, n=4)
    return Speed(
        job=job, size=size, ours_wall=round(wall, 3), bare_wall=round(bare_wall, 3), ours_cpu=round(cpu, 3),
        bare_cpu=round(bare_cpu, 3), ratio_wall=round(statistics.median(by_wall), 3),
        ratio_cpu=round(statistics.median(by_cpu), 3), low=round(low, 3), high=round(high, 3), rounds=rounds,
    )  # fmt: skip


def _cost(job: Job) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - wall, time.process_time() - processor


__all__ = ["PART", "SIZES", "duel", "measure", "picture"]
