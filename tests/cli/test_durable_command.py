"""``assay sign --durable`` and ``assay recover`` from end to end: marked, stripped, found again."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from assay.provenance.certificates import create, development_files, write_folder
from assay.provenance.store import ManifestStore
from assay.testing import forge


def assay(folder: Path, *arguments: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "assay.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an identity, a picture, and the picture signed to last."""
    folder = tmp_path_factory.mktemp("desk")
    write_folder(folder / "me", development_files(create("Photo desk", organisation="Test Press")))
    (folder / "photo.jpg").write_bytes(forge.authentic(5).data)
    source = ("--source", "digitalCapture")
    assay(folder, "sign", "photo.jpg", "-o", "out.jpg", "-i", "me", *source, "--durable", "kept")
    return folder


def test_the_marked_picture_is_found_again_when_it_was_stripped_and_saved_anew(desk: Path) -> None:
    picture = cv2.imread(str(desk / "out.jpg"))
    assert picture is not None
    cv2.imwrite(str(desk / "social.jpg"), picture[30:], [cv2.IMWRITE_JPEG_QUALITY, 60])
    trust = ("--trust", "me/root.pem")
    done = assay(desk, "recover", "social.jpg", "--from", "kept", *trust, "--json", "-")
    found = json.loads(done.stdout)
    assert (found["verdict"], found["found_by"]) == ("same_picture", "watermark")
    assert found["verification"]["signer"]["name"] == "Photo desk"


def test_the_file_itself_verifies_and_both_manifests_name_the_same_mark(desk: Path) -> None:
    done = assay(desk, "verify", "out.jpg", "--trust", "me/root.pem", "--json", "-")
    found = json.loads(done.stdout)
    declared = {b["algorithm"]: b["value"] for b in found["manifests"][0]["soft_bindings"]}
    assert set(declared) == {"assay.watermark.1", "assay.structure.1"}
    with ManifestStore.open(desk / "kept") as store:
        (entry,) = store.entries()
        assert entry.manifest_id != found["manifests"][0]["label"]
        assert entry.bindings == 2


@pytest.mark.parametrize(("how", "said"), [((), True), (("--fingerprint-only",), False)])
def test_the_mark_stands_among_what_is_claimed(desk: Path, how: tuple[str, ...], said: bool) -> None:
    asked = ("sign", "photo.jpg", "-o", "dry.jpg", "-i", "me", "--durable", "nowhere", *how, "--dry-run")
    done = assay(desk, *asked)
    assert ("a watermark was added that leads back to this record" in " ".join(done.stdout.split())) is said
    assert not (desk / "nowhere").exists()


def test_without_a_watermark_the_pixels_stay(desk: Path) -> None:
    options = ("--durable", "kept2", "--fingerprint-only", "--source", "digitalCapture")
    assay(desk, "sign", "photo.jpg", "-o", "plain.jpg", "-i", "me", *options)
    before, after = cv2.imread(str(desk / "photo.jpg")), cv2.imread(str(desk / "plain.jpg"))
    assert before is not None
    assert after is not None
    assert np.array_equal(before, after)


def test_what_is_no_picture_cannot_be_made_durable_and_nothing_is_written(desk: Path) -> None:
    (desk / "page.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
    options = ("--durable", "kept3", "--source", "digitalCreation")
    done = assay(desk, "sign", "page.svg", "-o", "page2.svg", "-i", "me", *options, expect=3)
    assert "picture" in done.stdout + done.stderr
    assert not (desk / "page2.svg").exists()


def test_fingerprint_only_without_durable_makes_no_sense(desk: Path) -> None:
    options = ("--fingerprint-only", "--source", "digitalCapture")
    done = assay(desk, "sign", "photo.jpg", "-o", "x.jpg", "-i", "me", *options, expect=2)
    assert "--durable" in done.stderr
