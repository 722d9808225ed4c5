"""Two histories of one log: found, kept, and shown to a third person.

Two checkpoints of one size with different roots convict the log that signed both. So do two of different sizes, with a
consistency proof from *another* root of the smaller size to the root of the larger: then the larger tree begins with
other leaves than the smaller, and no proof can join them. Such a proof is made from the tiles of the larger tree.

Evidence is a folder: ``first.note``, ``second.note`` (the smaller tree first), and ``evidence.json``.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from assay.errors import RegisterError
from assay.files import write_whole
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of, from_base64
from assay.register.keys import VerifierKey
from assay.register.merkle import Frontier, consistency_proof, verify_consistency
from assay.register.note import MAX_NOTE, Note
from assay.register.tiles import Fetch, TrustedTree

MAX_KEPT = 1000
"""Folders of evidence that does not convict by itself; a stranger can send any number of wrong proofs."""
_MAX_JSON = 262_144


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Two checkpoints of one log, smaller tree first, and what is known of them.

    ``kind``: ``fork`` (convicts), ``rollback`` (an older checkpoint was served after a newer), ``unproven`` (they were
    not shown to be consistent; ``proof`` is one that failed, where there was one). ``root`` and ``proof`` are base64:
    the root that the second tree has at the first's size, and the consistency proof from there. ``sources`` say where
    each checkpoint was seen.
    """

    kind: str
    first: str
    second: str
    keys: tuple[str, ...]
    sources: tuple[str, str] = ("", "")
    root: str | None = None
    proof: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The log."""
        return Checkpoint.parse(Note.parse(self.first.encode()).text).origin

    @property
    def name(self) -> str:
        """Name of the folder: one pair of checkpoints, one name."""
        texts = [Note.parse(note.encode()).text for note in (self.first, self.second)]
        return f"{self.kind}-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:24]}"


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """``evidence.json``."""

    kind: str
    says: str
    keys: tuple[str, ...]
    sources: tuple[str, str] = ("", "")
    root: str | None = None
    proof: tuple[str, ...] = ()


def evidence(
    kind: str,
    one: tuple[str, Note],
    other: tuple[str, Note],
    keys: Iterable[VerifierKey],
    *,
    root: bytes | None = None,
    proof: Iterable[bytes] = (),
) -> Evidence:
    """Evidence of two (source, note), in whatever order."""
    first, second = sorted((one, other), key=lambda seen: Checkpoint.parse(seen[1].text).size)
    return Evidence(
        kind=kind, first=first[1].encode().decode(), second=second[1].encode().decode(),
        keys=tuple(str(key) for key in keys), sources=(first[0], second[0]),
        root=None if root is None else base64_of(root), proof=tuple(base64_of(h) for h in proof),
    )  # fmt: skip


class Fork(msgspec.Struct, frozen=True):
    """What convicts: the root of the larger tree at the smaller one's size, and the proof from it."""

    root: bytes
    proof: tuple[bytes, ...]


def compare(one: Checkpoint, other: Checkpoint, fetch: Fetch) -> Fork | None:
    """Whether one tree extends the other: None where it does. ``fetch`` gives tiles of the larger.

    Raises RegisterError ``proof`` where these tiles do not lead to the root of the larger: they say nothing then; and
    what ``fetch`` raises.
    """
    small, large = sorted((one, other), key=lambda checkpoint: checkpoint.size)
    if small.size == large.size:
        return None if small.root == large.root else Fork(large.root, ())
    tree = TrustedTree(fetch, large)
    root = Frontier.at(small.size, tree).root
    return None if root == small.root else Fork(root, tuple(consistency_proof(small.size, large.size, tree)))


def keep(folder: Path, what: Evidence) -> Path:
    """Write evidence below ``folder``; the same pair is written once. Raises RegisterError ``unwritable``."""
    place = folder / what.name
    try:
        if place.is_dir() or (what.kind != "fork" and folder.is_dir() and sum(1 for _ in folder.iterdir()) > MAX_KEPT):
            return place
        about = _About(
            kind=what.kind, says=_SAYS[what.kind].format(what.origin), keys=what.keys, sources=what.sources,
            root=what.root, proof=what.proof,
        )  # fmt: skip
        write_whole(place / "evidence.json", msgspec.json.format(msgspec.json.encode(about)) + b"\n")
        write_whole(place / "first.note", what.first.encode())
        write_whole(place / "second.note", what.second.encode())
    except OSError as error:
        raise RegisterError(f"Evidence cannot be kept in {folder}: {error.strerror}.", "unwritable") from None
    return place


_SAYS = {
    "fork": "{} signed two histories: first.note and second.note cannot both be of one log.",
    "rollback": "{} was served in an older state after a newer one.",
    "unproven": "{} signed both, and nobody has shown that one extends the other.",
}


def load(place: Path) -> Evidence:
    """Read a folder of evidence; nothing is believed. Raises RegisterError ``missing``, ``malformed``."""
    try:
        about = msgspec.json.decode(_read(place / "evidence.json", _MAX_JSON), type=_About)
        notes = [_read(place / name, MAX_NOTE).decode() for name in ("first.note", "second.note")]
    except FileNotFoundError:
        raise RegisterError(f"{place} holds no evidence: first.note, second.note, evidence.json.", "missing") from None
    except OSError as error:
        raise RegisterError(f"{place} cannot be read: {error.strerror}.", "missing") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise RegisterError(f"{place} holds evidence that cannot be read.", "malformed") from None
    return Evidence(
        kind=about.kind, first=notes[0], second=notes[1], keys=about.keys, sources=about.sources, root=about.root,
        proof=about.proof,
    )  # fmt: skip


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise RegisterError(f"{path.name} is too long.", "malformed")
    return data


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What evidence shows. ``convicts``: by cryptography alone, to anybody who knows the log's key, ``key``."""

    convicts: bool
    says: str
    origin: str
    key: str


def judge(what: Evidence, keys: Iterable[VerifierKey]) -> Judgement:
    """Check evidence against the keys of the log, which the judge knows from elsewhere. Nothing in the evidence is
    believed but what one of these keys signed and what the proof leads to.

    Raises RegisterError: ``key`` where neither of these keys signed, ``signature``, ``malformed``.
    """
    notes = [Note.parse(note.encode()) for note in (what.first, what.second)]
    small, large = (Checkpoint.parse(note.text) for note in notes)
    if small.origin != large.origin:
        raise RegisterError("The two checkpoints are of different logs.", "malformed")
    known = tuple(keys)
    signers = [_signer(note, known) for note in notes]
    shown = {"origin": small.origin, "key": str(signers[0])}
    if small.size > large.size:
        raise RegisterError("first.note must be of the smaller tree.", "malformed")
    if small.size == large.size:
        if small.root == large.root:
            return Judgement(convicts=False, says="Both checkpoints are the same.", **shown)
        return Judgement(
            convicts=True,
            says=f"{small.origin} signed two different roots for one size, {small.size}: it has two histories.",
            **shown,
        )  # fmt: skip
    if what.root is None:
        return Judgement(convicts=False, says="Nothing here shows that the larger tree does not extend the smaller. "
                         "The log can clear itself with a consistency proof.", **shown)  # fmt: skip
    root = from_base64(what.root, "The root", 32)
    if root == small.root:
        return Judgement(convicts=False, says="The proof shows that the larger tree extends the smaller.", **shown)
    proof = [from_base64(h, "A hash of the proof", 32) for h in what.proof]
    verify_consistency(small.size, large.size, proof, root, large.root)
    return Judgement(
        convicts=True,
        says=f"{small.origin} signed a tree of {small.size} leaves, and a tree of {large.size} that begins with other "
        f"{small.size} leaves: it has two histories.", **shown,
    )  # fmt: skip


def _signer(note: Note, keys: tuple[VerifierKey, ...]) -> VerifierKey:
    for key in keys:
        if key.signed(note) is not None:
            return key
    raise RegisterError("A checkpoint is not signed by the key of the log that you named.", "key")


__all__ = ["MAX_KEPT", "Evidence", "Fork", "Judgement", "compare", "evidence", "judge", "keep", "load"]
