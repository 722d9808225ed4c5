"""Durable pictures for tests, each made once a run: the watermark is what takes the time."""

import io
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tests.provenance.pki import pki

from assay.provenance.definition import Options
from assay.provenance.durable import Durable, make_durable
from assay.provenance.identity import Identity, from_pem
from assay.provenance.store import ManifestStore
from assay.provenance.trust import TrustStore, read_pem
from assay.testing import scene

Picture = npt.NDArray[np.uint8]


def jpeg(picture: Picture, quality: int = 92, **options: object) -> bytes:
    """(H, W, 3) RGB as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def pixels(data: bytes) -> Picture:
    """Of a JPEG, as stored."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8)


def stripped(data: bytes) -> bytes:
    """A JPEG without its credentials, all other bytes as they are."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != 0xEB:
            out += data[at : at + 2 + length]
        at += 2 + length
    return out + data[at:]


@cache
def picture(seed: int = 1) -> Picture:
    """A landscape of 0.6 megapixels."""
    return scene(seed, 960, 640)


@cache
def identity() -> Identity:
    """Who signs."""
    return from_pem(pki().chain_pem, pki().key_pem)


@cache
def trust() -> TrustStore:
    """Knows who signs."""
    return TrustStore().plus([read_pem(pki().root_pem.decode(), id="test", title="Test list")])


@dataclass(frozen=True)
class Kept:
    """A signed picture, and the folder of the store that has its manifest."""

    durable: Durable
    folder: Path

    @property
    def data(self) -> bytes:
        """The file as signed."""
        assert self.durable.signed.data is not None
        return self.durable.signed.data


@cache
def kept() -> Kept:
    """A JPEG made durable. Nobody writes to its store: copy it."""
    folder = Path(tempfile.mkdtemp(prefix="assay-test-"))
    with ManifestStore.open(folder, create=True) as store:
        made = make_durable(
            jpeg(picture()), identity(), Options(source_type="digitalCapture", title="Meadow"), store=store
        )
    return Kept(made, folder)


def copied(to: Path) -> Path:
    """A store of one's own with that manifest."""
    shutil.copytree(kept().folder, to, dirs_exist_ok=True)
    return to
