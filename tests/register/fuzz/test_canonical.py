"""No parser of the log core lets anything but a RegisterError escape, and none accepts two forms of one thing."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tests.register.fuzz.parsers import PARSERS, Parser

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import MAX_SIZE, base64_of, check_ed25519, decimal, from_base64
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.leaf import Kind, Leaf
from assay.register.merkle import EMPTY
from assay.register.note import Note, Signature
from assay.register.proof import TlogProof
from assay.register.tiles import decode_bundle, encode_bundle, entries_path, parse_path, tile_path

FUZZ = settings(
    max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
PIECES = [
    b"\n",
    b"\n\n",
    b" ",
    b"\t",
    b"\r",
    b"\0",
    b"+",
    b"=",
    b"==",
    b"0",
    b"-",
    b"\xe2\x80\x94 ",
    b"\xff",
    b"\xc2\xa0",
]


@st.composite
def mutants(draw: st.DrawFn, parser: Parser) -> bytes:
    """A valid input with one to four cuts, insertions, repetitions and flipped bits, or plain noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = draw(st.sampled_from(parser.seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 1, 2, 4, 32, 64])))
        match draw(st.sampled_from(["cut", "put", "put", "twice", "flip", "flip", "end"])):
            case "cut":
                data = data[:start] + data[end:]
            case "put":
                data = data[:start] + draw(st.sampled_from(PIECES) | st.binary(min_size=1, max_size=3)) + data[start:]
            case "twice":
                data = data[:end] + data[start:end] + data[end:]
            case "flip" if start < len(data):
                data = data[:start] + bytes((data[start] ^ 1 << draw(st.integers(0, 7)),)) + data[start + 1 :]
            case _:
                data = data[:start]
    return data


@pytest.mark.parametrize("name", PARSERS)
def test_seeds_are_accepted(name: str) -> None:
    for seed in PARSERS[name].seeds:
        assert PARSERS[name].again(seed) == seed


@pytest.mark.parametrize("name", PARSERS)
@FUZZ
@given(data=st.data())
def test_refused_or_canonical(name: str, data: st.DataObject) -> None:
    tried = data.draw(mutants(PARSERS[name]))
    try:
        again = PARSERS[name].again(tried)
    except RegisterError as error:
        assert str(error).encode()  # noqa: PT017 (it can be printed, whatever the input was)
        return
    assert again == tried


NAMES = st.text(min_size=1, max_size=40).filter(
    lambda s: "+" not in s and not any(c.isspace() or c < " " for c in s) and s.isprintable()
)
HASHES = st.binary(min_size=32, max_size=32)
SIZES = st.integers(0, MAX_SIZE)
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
NOTES = st.builds(
    lambda lines, signatures: Note("\n".join(lines) + "\n", tuple(signatures)),
    st.lists(st.one_of(LINES, st.just("")), min_size=1, max_size=5),
    st.lists(
        st.builds(Signature, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)),
        min_size=1,
        max_size=4,
    ),
)


@FUZZ
@given(NOTES)
def test_notes_round_trip(note: Note) -> None:
    assert Note.parse(note.encode()) == note


@FUZZ
@given(st.builds(Checkpoint, LINES, SIZES, HASHES, st.lists(LINES, max_size=3).map(tuple)))
def test_checkpoints_round_trip(checkpoint: Checkpoint) -> None:
    if checkpoint.size == 0:
        checkpoint = Checkpoint(checkpoint.origin, 0, EMPTY, checkpoint.extensions)
    assert Checkpoint.parse(checkpoint.text) == checkpoint


@FUZZ
@given(st.builds(SignerKey, NAMES, st.sampled_from(KeyType), HASHES))
def test_keys_round_trip(signer: SignerKey) -> None:
    assert SignerKey.parse(str(signer)) == signer
    assert VerifierKey.parse(str(signer.verifier)) == signer.verifier


@FUZZ
@given(st.builds(TlogProof, SIZES, st.lists(HASHES, max_size=63).map(tuple), NOTES, st.none() | st.binary()))
def test_proofs_round_trip(proof: TlogProof) -> None:
    assert TlogProof.parse(proof.encode()) == proof


@FUZZ
@given(st.sampled_from(Kind), HASHES, HASHES, HASHES, st.binary(min_size=64, max_size=64))
def test_leaves_round_trip(kind: Kind, commitment: bytes, manifest: bytes, key: bytes, signature: bytes) -> None:
    leaf = Leaf(kind, commitment, manifest, key, signature)
    assert Leaf.parse(leaf.encode()) == leaf


@FUZZ
@given(st.integers(0, 63), st.integers(0, 2**56 - 1), st.integers(1, 256))
def test_paths_round_trip(level: int, index: int, width: int) -> None:
    assert vars(parse_path(tile_path(level, index, width))) == {"level": level, "index": index, "width": width}
    assert vars(parse_path(entries_path(index, width))) == {"level": None, "index": index, "width": width}


@FUZZ
@given(st.lists(st.binary(max_size=400), max_size=300))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@FUZZ
@given(st.binary(), SIZES)
def test_numbers_and_base64_round_trip(data: bytes, number: int) -> None:
    assert from_base64(base64_of(data), "It") == data
    assert decimal(str(number), "It") == number


@FUZZ
@given(st.binary(max_size=40))
def test_any_public_key_is_refused_or_loads(public: bytes) -> None:
    try:
        check_ed25519(public)
    except RegisterError:
        return
    assert len(public) == 32
    loaded: Any = VerifierKey("n", KeyType.ED25519, public)
    assert not loaded.matches(Signature("n", bytes(4), b"x")) or loaded.key_id == bytes(4)
