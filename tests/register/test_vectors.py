"""Every file of other people's test vectors, counted, so that none is left out unseen."""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import SignerKey, VerifierKey
from assay.register.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)
from assay.register.note import Note
from assay.register.tiles import (
    TileTree,
    TrustedTree,
    decode_bundle,
    decode_tile,
    encode_bundle,
    entries_path,
    tile_path,
)

pytestmark = pytest.mark.shared_data

TESSERA_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
"""The key of Tessera's test log, as its repository publishes it (Apache-2.0), with the signer's half."""
TESSERA_SIGNER = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"

Vector = dict[str, Any]


def _bytes(vector: Vector, name: str) -> bytes:
    return b64decode(vector[name], validate=True)


def _inclusion(v: Vector, proof: list[bytes]) -> None:
    verify_inclusion(v["leafIdx"], v["treeSize"], _bytes(v, "leafHash"), proof, _bytes(v, "root"))


def _consistency(v: Vector, proof: list[bytes]) -> None:
    verify_consistency(v["size1"], v["size2"], proof, _bytes(v, "root1"), _bytes(v, "root2"))


def _subtree_inclusion(v: Vector, proof: list[bytes]) -> None:
    leaves = range(v["start"], v["end"])
    verify_subtree_inclusion(v["leafIdx"], leaves, _bytes(v, "leafHash"), proof, _bytes(v, "root"))


def _subtree_consistency(v: Vector, proof: list[bytes]) -> None:
    leaves = range(v["start"], v["end"])
    verify_subtree_consistency(leaves, v["size"], proof, _bytes(v, "root1"), _bytes(v, "root2"))


CHECKS: dict[str, tuple[Callable[[Vector, list[bytes]], None], int, int]] = {
    "inclusion": (_inclusion, 98, 6),
    "consistency": (_consistency, 98, 6),
    "subtreeinclusion": (_subtree_inclusion, 204, 12),
    "subtreeconsistency": (_subtree_consistency, 118, 12),
}
"""For each folder: the check, how many files there are, and how many of them are to pass."""


@pytest.mark.parametrize("folder", CHECKS)
def test_merkle_vectors(shared_data: Path, folder: str) -> None:
    check, files, good = CHECKS[folder]
    found: Counter[str] = Counter()
    for path in sorted((shared_data / "register/merkle/testdata" / folder).rglob("*")):
        if path.is_dir():
            continue
        vector: Vector = json.loads(path.read_text())
        proof = [b64decode(h, validate=True) for h in vector["proof"] or ()]
        found["all"] += 1
        if vector["wantErr"]:
            with pytest.raises(RegisterError) as caught:
                check(vector, proof)
            assert caught.value.reason == "proof"
        else:
            check(vector, proof)
            found["good"] += 1
    assert found == {"all": files, "good": good}


def test_there_is_no_other_folder_of_vectors(shared_data: Path) -> None:
    root = shared_data / "register"
    assert {p.name for p in (root / "merkle/testdata").iterdir()} == CHECKS.keys()
    assert {p.name for p in root.iterdir()} == {"merkle", "tessera"}


def _log(shared_data: Path) -> Path:
    return shared_data / "register/tessera/testdata/log"


def _checkpoint(path: Path) -> Checkpoint:
    note = Note.parse(path.read_bytes())
    assert note.encode() == path.read_bytes()
    assert VerifierKey.parse(TESSERA_KEY).signed(note) == 0
    checkpoint = Checkpoint.parse(note.text)
    assert checkpoint.text == note.text
    return checkpoint


def test_tessera_keys(shared_data: Path) -> None:
    signer = SignerKey.parse(TESSERA_SIGNER)
    assert str(signer.verifier) == TESSERA_KEY
    assert str(signer) == TESSERA_SIGNER
    note = Note.parse((_log(shared_data) / "checkpoint").read_bytes())
    assert (signer.sign(note.text),) == note.signatures


def test_tessera_log(shared_data: Path) -> None:
    log = _log(shared_data)
    checkpoints = [_checkpoint(log / f"checkpoint.{size}") for size in range(16)]
    assert [c.size for c in checkpoints] == list(range(16))
    assert _checkpoint(log / "checkpoint") == checkpoints[15]
    used = {"checkpoint", *(f"checkpoint.{size}" for size in range(16))}

    def fetch(path: str) -> bytes:
        if not (log / path).is_file():
            raise RegisterError(f"{path} is missing.", "missing")
        used.add(path)
        return (log / path).read_bytes()

    entries: list[bytes] = []
    for size, checkpoint in enumerate(checkpoints[1:], 1):
        data = fetch(entries_path(0, size))
        entries = decode_bundle(data, size)
        assert encode_bundle(entries) == data
        assert decode_tile(fetch(tile_path(0, 0, size)), size) == [leaf_hash(e) for e in entries]
        tree = TrustedTree(fetch, checkpoint)
        assert list(tree.entries(0, size)) == entries
        for index, entry in enumerate(entries):
            proof = inclusion_proof(index, size, TileTree(fetch, size))
            assert proof == inclusion_proof(index, size, tree)
            verify_inclusion(index, size, leaf_hash(entry), proof, checkpoint.root)
        for old in range(size + 1):
            proof = consistency_proof(old, size, tree)
            verify_consistency(old, size, proof, checkpoints[old].root, checkpoint.root)
    assert used == {str(p.relative_to(log)) for p in log.rglob("*") if p.is_file()}
