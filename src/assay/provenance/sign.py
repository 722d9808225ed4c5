"""Sign media with Content Credentials: what was made is verified before anybody gets it, and no history is dropped."""

import hashlib
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from c2pa import Builder, C2paBuilderIntent

from assay.errors import AssayError, MediaError, ProvenanceError, UsageError
from assay.provenance import history, library, outfile, redact
from assay.provenance.definition import SOURCE_TYPES, Edit, Options, Part, actions, check, definition
from assay.provenance.formats import NAMES, mime_of_stream
from assay.provenance.identity import Identity


@dataclass(frozen=True)
class Signed:
    """What signing made.

    ``data`` is the file that the credentials hold for, or none where that is the source as it is. ``manifest`` is the
    manifest store (JUMBF), ``label`` that of its active manifest, ``state`` the library's word for it (``Valid`` or
    ``Trusted``) where the identity's own chain is trusted. ``parent_label`` is the active manifest of the file that
    this one came from; ``remarks`` are sentences that whoever signs must read.
    """

    data: bytes | None
    manifest: bytes
    label: str
    mime: str
    state: str
    parent_label: str | None = None
    remarks: tuple[str, ...] = ()


def sign(source: bytes, identity: Identity, options: Options | None = None) -> Signed:
    """Sign a file in memory, and verify what was made.

    Without ``source_type`` the record says that the file was opened, and the file itself, with its history if it has
    one, is the parent. Raises ProvenanceError: ``unsupported``, ``history``, ``certificate``, ``authority``,
    ``rejected``, ``key``; UsageError for claims that cannot be made; MediaError for a file that the library cannot
    take apart.
    """
    out = io.BytesIO()
    made = sign_stream(io.BytesIO(source), out, identity, options or Options())
    return replace(made, data=out.getvalue()) if made.data is not None else made


def sign_stream(source: BinaryIO, out: BinaryIO, identity: Identity, options: Options) -> Signed:
    """As :func:`sign`, from a stream to one that can be read again: ``data`` is empty where ``out`` holds another file
    than ``source``, none where it is a copy of it.
    """
    check(options)
    mime = kind_of(source)
    ctx = library.tools.context(identity, thumbnail=options.thumbnail)
    past = history.read(source, mime, ctx, library.tools.trust)
    remarks = list(_judge(past, options))
    label = options.label or f"urn:c2pa:{uuid.uuid4()}"
    cleaned, changed = _cleaned(source, mime, options)
    with library.explained(identity, mime):
        made = _Made(options, label, identity, changed)
        parent = made.claim(source, mime, past)
        remarks += made.remarks
        cleaned.seek(0)
        signer = library.tools.signer(identity, options.tsa or identity.tsa)
        manifest = made.builder.sign(signer, mime, cleaned, out)
        state = library.verified(out, mime, None if options.embed else manifest, label, ctx)
    if options.redact and not changed:
        remarks.append(f"The file holds no such metadata as was to be redacted ({', '.join(options.redact)}).")
    changed = options.embed or changed or not _same(source, out)
    return Signed(b"" if changed else None, manifest, label, mime, state, parent, tuple(remarks))


@dataclass(frozen=True)
class Prepared:
    """A signed file that is written and verified, and waits to be put in its place. ``moves`` are pairs of where it
    is and where it goes. Digests are SHA-256 in hex; ``sha256_after`` is none where only a sidecar is written.
    """

    signed: Signed
    sha256_before: str
    sha256_after: str | None
    moves: tuple[tuple[Path, Path], ...]

    def put(self) -> None:
        """Put all in place. Raises ProvenanceError."""
        for part, final in self.moves:
            outfile.put(part, final)

    def discard(self) -> None:
        """Remove all of it."""
        for part, _ in self.moves:
            part.unlink(missing_ok=True)


def sign_file(
    source: Path, out: Path | None, identity: Identity, options: Options | None = None, *, sidecar: Path | None = None
) -> Prepared:
    """Sign a file on disk: ``out`` is there afterwards whole and verified, or as it was before. It may be the source.

    With ``sidecar`` the manifest goes there (usually ``out`` with the ending ``.c2pa``), and ``out``, unless none,
    becomes a copy. Replaces what is there. Raises as :func:`sign` does; ProvenanceError also ``unwritable``, ``full``.
    """
    prepared = prepare(source, out, identity, options or Options(), sidecar=sidecar)
    prepared.put()
    return prepared


Making = Callable[[BinaryIO, BinaryIO, Identity, Options], Signed]
"""What signs from one stream to another, as :func:`sign_stream` does."""


def prepare(
    source: Path,
    out: Path | None,
    identity: Identity,
    options: Options,
    *,
    sidecar: Path | None = None,
    making: Making = sign_stream,
) -> Prepared:
    """All of :func:`sign_file` but putting the files in their place. ``making`` is what signs."""
    if out is None and sidecar is None:
        raise UsageError("Nothing is to be written: name a file for the result.")
    final = out or sidecar or source
    if options.title is None:
        options = replace(options, title=_sayable((out or source).name))
    options = replace(options, embed=options.embed and sidecar is None, opened=options.opened or _sayable(source.name))
    outfile.sweep([p for p in (out, sidecar) if p])
    with _reading(source) as stream:
        ctx = library.tools.context(identity, thumbnail=options.thumbnail)
        left = history.beside(source, stream, kind_of(stream), ctx, over_broken=options.over_broken)
        part = outfile.PartFile(final)
        beside: outfile.PartFile | None = None
        try:
            try:
                signed = making(stream, part, identity, options)
                signed = replace(signed, remarks=(*left, *signed.remarks))
            except AssayError:
                if part.error is None:
                    raise
                raise outfile.refusal(part.error, final) from None
            moves = []
            after = None
            if out is None and signed.data is not None:
                raise ProvenanceError(
                    f"Credentials kept beside {source} would not hold for it as it is: name a file for a copy, too.",
                    "unsupported",
                )
            if out is not None:
                part.seek(0)
                after = hashlib.file_digest(part, "sha256").hexdigest()
                part.complete(like=source)
                moves.append((part.path, out))
            else:
                part.discard()
            if sidecar is not None:
                beside = outfile.PartFile(sidecar)
                beside.write(signed.manifest)
                beside.complete(like=source)
                moves.append((beside.path, sidecar))
        except BaseException:
            part.discard()
            if beside is not None:
                beside.discard()
            raise
        stream.seek(0)
        before = hashlib.file_digest(stream, "sha256").hexdigest()
    return Prepared(signed, before, after, tuple(moves))


def _sayable(name: str) -> str:
    """A file's name as text: bytes of it that are none are written out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _reading(source: Path) -> io.BufferedReader:
    try:
        return source.open("rb")
    except FileNotFoundError:
        raise MediaError(f"{source}: there is no such file", "missing") from None
    except OSError as error:
        raise MediaError(f"{source}: cannot be read ({error.strerror})", "unreadable") from None


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two streams hold the same bytes. Without embedding, the library copies most files as they are, takes
    old credentials out, and writes MP3, FLAC and PDF files anew.
    """
    one.seek(0)
    other.seek(0)
    while block := one.read(1 << 20):
        if other.read(len(block)) != block:
            return False
    return not other.read(1)


def kind_of(stream: BinaryIO, name: str = "The file") -> str:
    """The MIME type of what is in a stream. Raises ProvenanceError (``unsupported``)."""
    mime = mime_of_stream(stream)
    if mime is None:
        what = "cannot carry Content Credentials" if stream.read(1) else "is empty"
        stream.seek(0)
        known = ", ".join(sorted(set(NAMES.values())))
        raise ProvenanceError(f"{name} {what}. These kinds can: {known}.", "unsupported")
    return mime


def _judge(past: history.History, options: Options) -> tuple[str, ...]:
    if past.label is not None and options.source_type:
        raise ProvenanceError(
            "The file has credentials already, so it did not begin here. Leave --source out: it then becomes the "
            "parent of the new record, with all its history.",
            "history",
        )
    if past.label is not None and options.parent is not None:
        raise ProvenanceError(
            "The file has credentials of its own, and a record has one parent only. Leave --parent out; give that "
            "file with --ingredient if it was put into this one.",
            "history",
        )
    return history.judge(past, "The file", over_broken=options.over_broken)


class _Made:
    """A builder and what it claims."""

    def __init__(self, options: Options, label: str, identity: Identity, changed: bool) -> None:
        self._options, self._label, self._changed = options, label, changed
        # The library writes into the record what it found of each ingredient: let it know all the lists then.
        alone = not options.ingredients and options.source_type is not None
        self._context = library.tools.context(identity, thumbnail=options.thumbnail, lists=not alone)
        self.remarks: list[str] = []

    def claim(self, source: BinaryIO, mime: str, past: history.History) -> str | None:
        """Put all claims into the builder; the label of the parent's active manifest, if any."""
        options = self._options
        whole, kind = source, mime
        if options.parent:
            whole, kind = _open(options.parent)
            past = self._past(whole, kind, options.parent.title)
        placed = [(part, *_open(part)) for part in options.ingredients]
        pasts = [past, *(self._past(stream, mime, part.title) for part, stream, mime in placed)]
        redactions = list(dict.fromkeys(uri for p in pasts for uri in redact.assertions(p.store, options.redact)))
        self.builder = Builder(definition(options, self._label, redactions), context=self._context)
        if options.source_type:
            self.builder.set_intent(C2paBuilderIntent.CREATE, SOURCE_TYPES[options.source_type][0])
        else:
            self.builder.set_intent(C2paBuilderIntent.EDIT)
            title = options.parent.title if options.parent else options.opened
            self._add(whole, kind, {"relationship": "parentOf", **({"title": title} if title else {})})
        keys = [f"ingredient-{number}" for number in range(len(placed))]
        for key, (part, stream, part_kind) in zip(keys, placed, strict=True):
            entry = {"relationship": "componentOf", "title": part.title, "instance_id": key, "label": key}
            self._add(stream, part_kind, entry)
        for action in actions(options, keys, redactions, cleaned=self._changed):
            self.builder.add_action(action)
        if not options.embed:
            self.builder.set_no_embed()
        if options.remote_url:
            self.builder.set_remote_url(options.remote_url)
        return past.label or None

    def _past(self, stream: BinaryIO, mime: str, title: str) -> history.History:
        past = history.read(stream, mime, self._context, library.tools.trust)
        self.remarks += history.judge(past, title, over_broken=self._options.over_broken)
        return past

    def _add(self, stream: BinaryIO, mime: str, entry: dict[str, str]) -> None:
        stream.seek(0)
        self.builder.add_ingredient(entry, mime, stream)
        stream.seek(0)


def _open(part: Part) -> tuple[BinaryIO, str]:
    if isinstance(part.source, bytes):
        stream: BinaryIO = io.BytesIO(part.source)
    else:
        try:
            stream = part.source.open("rb")
        except OSError as error:
            raise MediaError(f"{part.source}: cannot be read ({error.strerror})", "unreadable") from None
    return stream, part.mime or kind_of(stream, part.title)


def _cleaned(source: BinaryIO, mime: str, options: Options) -> tuple[BinaryIO, bool]:
    """The file without what is to be redacted, and whether there was any of it."""
    if not options.redact:
        return source, False
    source.seek(0)
    data = source.read()
    source.seek(0)
    cleaned = redact.from_bytes(data, mime, options.redact)
    return io.BytesIO(cleaned), cleaned != data


__all__ = [
    "Edit", "Options", "Part", "Prepared", "Signed", "kind_of", "prepare", "sign", "sign_file", "sign_stream",
]  # fmt: skip
