"""A register in memory, with a real tree and real signatures, and anchors that a test chooses."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.leaf import LEAF
from assay.register.merkle import leaf_hash, reader_of, root_of
from assay.register.model import Accepted, Anchor, Batch, Hit, Opening, Position, Query, Submission
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.record import Record
from assay.register.submission import Submitter, batch_of, check
from assay.register.tiles import WIDTH, encode_bundle, parse_path

ORIGIN = "register.example/test"
TIME = 1_790_000_000


def record(content: bytes) -> Record:
    """The record of a picture."""
    return Record(hashlib.sha256(content).digest(), len(content), "image/jpeg", (("pdq", bytes(range(32))),))


def small_point_signature(seed: bytes, message: bytes) -> bytes:
    """An Ed25519 signature that the holder of the key makes with the neutral point for R: it fulfils the equation of
    RFC 8032, section 5.1.7, without a random number.
    """
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & (1 << 254) - 8 | 1 << 254
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    neutral = b"\1" + bytes(31)
    challenge = int.from_bytes(hashlib.sha512(neutral + public + message).digest(), "little")
    return neutral + (challenge * scalar % order).to_bytes(32, "little")


def witnesses(*kinds: KeyType) -> tuple[SignerKey, ...]:
    """One witness of each kind, each with a name of its own."""
    return tuple(
        SignerKey(f"witness{i}.example", kind, hashlib.sha256(b"witness %d" % i).digest())
        for i, kind in enumerate(kinds, 1)
    )


def policy_of(log: VerifierKey, signers: Sequence[SignerKey], threshold: int) -> str:
    """A policy that asks for ``threshold`` of these witnesses."""
    lines = [f"log {log}", *(f"witness w{i} {signer.verifier}" for i, signer in enumerate(signers, 1))]
    if not threshold:
        return "\n".join([*lines, "quorum none", ""])
    names = " ".join(f"w{i}" for i in range(1, len(signers) + 1))
    return "\n".join([*lines, f"group q {threshold} {names}", "quorum q", ""])


@dataclass
class MemoryRegister:
    """A :class:`~assay.register.ports.Register`. ``anchors`` are those of each anchored size."""

    signer: SignerKey = field(default_factory=lambda: SignerKey(ORIGIN, KeyType.ED25519, b"\7" * 32))
    cosigners: tuple[SignerKey, ...] = ()
    leaves: list[bytes] = field(default_factory=list)
    anchors: dict[int, tuple[Anchor, ...]] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    openings: dict[int, Opening] = field(default_factory=dict)

    @property
    def verifier(self) -> VerifierKey:
        return self.signer.verifier

    def note(self, size: int | None = None) -> Note:
        """The cosigned checkpoint of the first ``size`` leaves."""
        size = len(self.leaves) if size is None else size
        root = root_of([leaf_hash(leaf) for leaf in self.leaves[:size]])
        text = Checkpoint(self.signer.name, size, root).text
        signatures = [self.signer.sign(text), *(c.sign(text, TIME + i) for i, c in enumerate(self.cosigners))]
        return Note(text, tuple(signatures))

    def fetch(self, path: str) -> bytes:
        if path == "checkpoint":
            return self.note().encode()
        wanted = parse_path(path)
        level, start = wanted.level, wanted.index * WIDTH
        hashes = [leaf_hash(leaf) for leaf in self.leaves]
        there = len(self.leaves) >> 8 * (level or 0)
        if start + wanted.width > there:
            raise RegisterError(f"There is no {path}.", "missing")
        if level is None:
            return encode_bundle(self.leaves[start : start + wanted.width])
        read = reader_of(hashes)
        return b"".join(read(8 * level, i) for i in range(start, start + wanted.width))

    def submit(self, submission: Submission) -> Accepted:
        check(submission)
        positions = []
        for i, entry in enumerate(submission.entries):
            index = len(self.leaves)
            self.leaves.append(entry.head + submission.signature)
            self.batches[index] = batch_of(submission, i)
            if entry.opening is not None:
                self.openings[index] = entry.opening
            positions.append(Position(index=index))
        return Accepted(positions=tuple(positions), checkpoint=self.note().encode())

    def fill(self, count: int) -> None:
        """Add leaves of no meaning."""
        self.leaves += [hashlib.sha512(b"%d" % i).digest().ljust(LEAF, b".") for i in range(count)]

    def get(self, index: int) -> Hit | None:
        batch = self.batches.get(index)
        if batch is None:
            return None
        return Hit(
            index=index, leaf=self.leaves[index], key=batch.key, seen=TIME, opening=self.openings.get(index)
        )  # fmt: skip

    def batch(self, index: int) -> Batch | None:
        return self.batches.get(index)

    def anchored(self, size: int) -> tuple[bytes, tuple[Anchor, ...]] | None:
        covering = [anchored for anchored in self.anchors if anchored >= size]
        return (self.note(min(covering)).encode(), self.anchors[min(covering)]) if covering else None

    def search(self, query: Query) -> list[Hit]:
        raise NotImplementedError

    def manifest(self, digest: bytes) -> bytes | None:
        raise NotImplementedError

    def cose(self, index: int) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


PICTURE = b"a picture"
ALICE = Submitter.generate()


@dataclass
class Scene:
    """A claim of :data:`PICTURE` as entry ``index`` of a register, its opening, and the policy that trusts it."""

    register: MemoryRegister
    index: int
    opening: Opening
    policy: str


def scene(
    kinds: Sequence[KeyType] = (), *, before: int = 10, batch: int = 1, after: int = 3, threshold: int | None = None
) -> Scene:
    """A register with these witnesses. The claim is the last of a batch."""
    signers = witnesses(*kinds)
    register = MemoryRegister(cosigners=signers)
    register.fill(before)
    records = [record(b"%d" % i) for i in range(batch - 1)] + [record(PICTURE)]
    submission, openings = ALICE.claims([(item, None) for item in records])
    index = register.submit(submission).positions[-1].index
    register.fill(after)
    count = len(signers) if threshold is None else threshold
    return Scene(register, index, openings[-1], policy_of(register.verifier, signers, count))


def policy(scene: Scene) -> Policy:
    """The policy of a scene, read."""
    return Policy.parse(scene.policy)
