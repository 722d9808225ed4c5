"""Every parser of the log core with what it is to be fed: bytes in, the bytes that it makes again of what it read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from assay.register.checkpoint import Checkpoint
from assay.register.cose import check_cose_receipt, cose_receipt
from assay.register.encoding import base64_of, decimal, from_base64
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.leaf import Kind, Leaf, check_head, key_hash
from assay.register.merkle import inclusion_proof, leaf_hash, reader_of, root_of
from assay.register.model import Anchor, Batch, Opening
from assay.register.note import Note, signature_lines
from assay.register.policy import Policy
from assay.register.proof import TlogProof
from assay.register.receipt import Receipt
from assay.register.record import Record
from assay.register.tiles import (
    TilePath,
    decode_bundle,
    decode_tile,
    encode_bundle,
    entries_path,
    parse_path,
    tile_path,
)


@dataclass(frozen=True)
class Parser:
    """``again`` parses and encodes anew; whatever it does not refuse it must give back as it was."""

    again: Callable[[bytes], bytes]
    seeds: tuple[bytes, ...]


SIGNERS = tuple(SignerKey("log.example", kind, bytes(range(32))) for kind in KeyType)
LOG, WITNESS, QUANTUM = SIGNERS
LEAF = Leaf(Kind.CLAIM, bytes(32), b"m" * 32, key_hash(LOG.verifier.public), b"s" * 64)
TOMBSTONE = replace(LEAF, kind=Kind.TOMBSTONE, manifest=bytes(32))
ENTRIES = [LEAF.encode(), TOMBSTONE.encode(), b"", b"x" * 300, b"y"]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
TEXT = Checkpoint(LOG.name, len(LEAVES), root_of(LEAVES)).text
NOTE = Note(TEXT, tuple(signer.sign(TEXT, 1_700_000_000) for signer in (LOG, WITNESS)))
PROOF = TlogProof(0, tuple(inclusion_proof(0, len(LEAVES), reader_of(LEAVES))), NOTE)
RECORD = Record(bytes(32), 1234, "image/jpeg", (("pdq", bytes(32)),))
RECEIPT = Receipt(
    LEAF,
    Batch(key=LOG.verifier.public, count=1, position=0, path=()),
    LOG.verifier,
    PROOF,
    Opening(record=RECORD.encode(), salt=bytes(32)),
    (Anchor(kind="rfc3161", proof=b"proof"),),
)
POLICY = "\n".join((
    "# a policy", f"log {LOG.verifier} https://log.example", f"witness a {WITNESS.verifier}",
    f"witness b {QUANTUM.verifier} https://w.example/", "group g any a b", "quorum g", "",
))  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _path(data: bytes) -> bytes:
    match parse_path(_text(data)):
        case TilePath(None, index, width):
            return entries_path(index, width).encode()
        case TilePath(int(level), index, width):
            return tile_path(level, index, width).encode()
    raise AssertionError


def _head(data: bytes) -> bytes:
    check_head(data)
    return data


def _signer(data: bytes) -> bytes:
    """A signer key comes from a file: white space around it is let pass."""
    text = _text(data)
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return _octets(before + str(SignerKey.parse(text)) + after)


def _cose(data: bytes) -> bytes:
    """What is not signed has several encodings here: only that nothing else than a RegisterError escapes is asked."""
    check_cose_receipt(data, ENTRIES[0], LOG.verifier)
    return data


PARSERS = {
    "base64": Parser(lambda data: _octets(base64_of(from_base64(_text(data), "It"))), (b"AAAA", b"AQ==", b"AAE=", b"")),
    "bundle": Parser(
        lambda data: data[:1] + encode_bundle(decode_bundle(data[1:], data[0] if data else 0)),
        tuple(bytes((n,)) + encode_bundle(ENTRIES[:n]) for n in range(6)),
    ),
    "checkpoint": Parser(
        lambda data: _octets(Checkpoint.parse(_text(data)).text),
        (TEXT.encode(), (TEXT + "extension\n").encode(), Checkpoint("o", 0, root_of([])).text.encode()),
    ),
    "cose": Parser(_cose, (cose_receipt(ENTRIES[0], PROOF, LOG),)),
    "decimal": Parser(lambda data: _octets(str(decimal(_text(data), "It"))), (b"0", b"42", b"9223372036854775807")),
    "head": Parser(_head, (LEAF.head, TOMBSTONE.head)),
    "leaf": Parser(lambda data: Leaf.parse(data).encode(), (LEAF.encode(), TOMBSTONE.encode())),
    "note": Parser(lambda data: Note.parse(data).encode(), (NOTE.encode(), "a\n\nb\n\n— k AAAAAAE=\n".encode())),
    "path": Parser(_path, (b"tile/0/000", b"tile/63/x001/x234/067.p/255", b"tile/entries/x001/000.p/1")),
    "policy": Parser(lambda data: _octets(Policy.parse(data).text), (POLICY.encode(), b"quorum none\n")),
    "proof": Parser(
        lambda data: TlogProof.parse(data).encode(),
        (PROOF.encode(), replace(PROOF, extra=b"extra").encode(), replace(PROOF, proof=()).encode()),
    ),
    "receipt": Parser(
        lambda data: Receipt.parse(data).encode(),
        (RECEIPT.encode(), replace(RECEIPT, opening=None, anchors=()).encode()),
    ),
    "record": Parser(lambda data: Record.parse(data).encode(), (RECORD.encode(), replace(RECORD, size=0).encode())),
    "signatures": Parser(
        lambda data: "".join(s.line for s in signature_lines(_text(data))).encode(),
        ("".join(s.line for s in NOTE.signatures).encode(),),
    ),
    "signer": Parser(_signer, tuple(f"{signer}\n".encode() for signer in SIGNERS)),
    "tile": Parser(
        lambda data: data[:1] + b"".join(decode_tile(data[1:], data[0] if data else 0)),
        (b"\0", b"\1" + bytes(32), b"\3" + bytes(range(96))),
    ),
    "verifier": Parser(
        lambda data: _octets(str(VerifierKey.parse(_text(data)))), tuple(str(s.verifier).encode() for s in SIGNERS)
    ),
}
