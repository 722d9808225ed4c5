"""From a picture to its manifest, in a process of its own."""

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tests.provenance.resolution.manifests import ONE, THREE, TWO, simple

from assay import fingerprint
from assay.errors import MediaError
from assay.provenance import watermark
from assay.provenance.store import ManifestStore, Match
from assay.testing.scene import scene
from assay.web import content
from assay.web.content import Content

NUMBER = 0x0123456789ABCDEF
"""The identifier in the watermark."""


def jpeg(pixels: npt.NDArray[np.uint8], **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **{"quality": 85, **options})
    return stream.getvalue()


@pytest.fixture(scope="module")
def pictures() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """One that is marked, and another that is not."""
    one, two = (np.asarray(scene(seed=seed, width=960, height=720), np.uint8) for seed in (3, 4))
    return watermark.embed(one, NUMBER), two


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, pictures: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
) -> Path:
    path = tmp_path_factory.mktemp("content") / "store"
    mark, (one, two) = NUMBER.to_bytes(8, "big"), pictures
    with ManifestStore.open(path, create=True) as store:
        store.put(simple(ONE, [(watermark.ALGORITHM, mark), (fingerprint.ALGORITHM, fingerprint.compute(one))]))
        store.put(simple(TWO, [(fingerprint.ALGORITHM, fingerprint.compute(two))]))
        store.put(simple(THREE, [(watermark.ALGORITHM, mark), (fingerprint.ALGORITHM, b"no fingerprint")]))
    return path


def test_by_watermark_with_its_rivals_and_then_by_fingerprint(
    kept: Path, pictures: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
) -> None:
    found = Content(kept)(jpeg(pictures[0]), 10)
    assert found[:2] == [Match(ONE, watermark.ALGORITHM), Match(THREE, watermark.ALGORITHM)]
    (alike,) = found[2:]
    assert (alike.manifest_id, alike.algorithm) == (ONE, fingerprint.ALGORITHM)
    assert alike.score is not None
    assert alike.score > 80


def test_by_fingerprint_alone_after_changes(
    kept: Path, pictures: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
) -> None:
    smaller = np.asarray(Image.fromarray(pictures[1]).resize((480, 360)))
    (found,) = Content(kept)(jpeg(smaller, quality=60), 10)
    assert (found.manifest_id, found.algorithm) == (TWO, fingerprint.ALGORITHM)


def test_another_picture_leads_nowhere(kept: Path) -> None:
    assert Content(kept)(jpeg(np.asarray(scene(seed=9, width=640, height=480), np.uint8)), 10) == []


def test_what_is_no_picture_is_refused(kept: Path) -> None:
    with pytest.raises(MediaError):
        Content(kept)(jpeg(np.zeros((50, 50, 3), np.uint8))[:200], 10)


def die(item: object) -> list[Match]:
    os.kill(os.getpid(), 11)
    return []


def test_a_decoder_that_crashes_takes_nobody_with_it(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_look", die)
    with pytest.raises(MediaError) as caught:
        Content(kept)(b"x", 10)
    assert caught.value.reason == "crashed"
