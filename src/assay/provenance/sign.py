"""Sign media with Content Credentials: what was made is verified before anybody gets it, and no history is dropped."""

import io
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO

from c2pa import Builder, C2paBuilderIntent, C2paError, C2paSigningAlg, Context, Reader, Signer
from cryptography.hazmat.primitives.serialization import Encoding

from assay.errors import AssayError, MediaError, ProvenanceError
from assay.provenance import history, redact
from assay.provenance.definition import SOURCE_TYPES, Edit, Options, Part, actions, check, definition
from assay.provenance.engine import Anchors, context
from assay.provenance.formats import NAMES, mime_of
from assay.provenance.identity import Identity
from assay.provenance.keys import certificates_of
from assay.provenance.trust import TrustStore, default_store

HEAD = 4096
"""Bytes from which the kind of a file is told."""

_ALGORITHMS = {
    "es256": C2paSigningAlg.ES256, "es384": C2paSigningAlg.ES384, "es512": C2paSigningAlg.ES512,
    "ps256": C2paSigningAlg.PS256, "ed25519": C2paSigningAlg.ED25519,
}  # fmt: skip


@dataclass(frozen=True)
class Signed:
    """What signing made.

    ``data`` is the file with its credentials, or none where its bytes stay as they are. ``manifest`` is the manifest
    store (JUMBF), ``label`` that of its active manifest, ``state`` the library's word for it (``Valid`` or
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
    ctx = _tools.context(identity, thumbnail=options.thumbnail)
    past = history.read(source, mime, ctx, _tools.trust)
    remarks = list(_judge(past, options))
    label = options.label or f"urn:c2pa:{uuid.uuid4()}"
    cleaned, changed = _cleaned(source, mime, options)
    with _explained(identity, mime):
        made = _Made(options, label, identity, changed)
        parent = made.claim(source, mime, past)
        remarks += made.remarks
        cleaned.seek(0)
        signer = _tools.signer(identity, options.tsa or identity.tsa)
        manifest = made.builder.sign(signer, mime, cleaned, out)
        in_file = options.embed or options.remote_url is not None
        state = _verify(out if in_file else cleaned, mime, None if options.embed else manifest, label, ctx)
    if options.redact and not changed:
        remarks.append(f"The file holds no such metadata as was to be redacted ({', '.join(options.redact)}).")
    return Signed(b"" if in_file or changed else None, manifest, label, mime, state, parent, tuple(remarks))


def kind_of(stream: BinaryIO, name: str = "The file") -> str:
    """The MIME type of what is in a stream. Raises ProvenanceError (``unsupported``)."""
    stream.seek(0)
    head = stream.read(HEAD)
    stream.seek(0)
    mime = mime_of(head)
    if mime is None:
        what = "cannot carry Content Credentials" if head else "is empty"
        raise ProvenanceError(
            f"{name} {what}. These kinds can: {', '.join(sorted(set(NAMES.values())))}.", "unsupported"
        )
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
        self._context = _tools.context(identity, thumbnail=options.thumbnail, lists=not alone)
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
        past = history.read(stream, mime, self._context, _tools.trust)
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


def _verify(stream: BinaryIO, mime: str, manifest: bytes | None, label: str, ctx: Context) -> str:
    """The state of what was made. Raises ProvenanceError (``rejected``)."""
    stream.seek(0)
    try:
        with Reader(mime, stream, manifest, context=ctx) as reader:
            state = str(reader.get_validation_state())
            active = (reader.get_active_manifest() or {}).get("label")
            results = reader.get_validation_results() or {}
    except C2paError as error:
        raise ProvenanceError(
            f"What was signed cannot be read again ({_brief(error)}); nothing was kept.", "rejected"
        ) from None
    finally:
        stream.seek(0)
    if state == "Invalid" or active != label:
        codes = [str(f.get("code")) for f in (results.get("activeManifest") or {}).get("failure") or ()]
        if manifest is not None and mime in {"audio/mpeg", "audio/flac", "application/pdf"}:
            raise ProvenanceError(
                f"Credentials of {NAMES[mime]} files cannot be kept beside the file, only in it: leave --sidecar out.",
                "unsupported",
            )
        why = ", ".join(codes) or "another manifest is active"
        raise ProvenanceError(f"What was signed does not verify ({why}); nothing was kept.", "rejected")
    return state


class _Tools(threading.local):
    """What is dear to make, kept for each thread: contexts with their trust, and signers."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[bytes, bool, bool], Context] = {}
        self._signers: weakref.WeakKeyDictionary[Identity, dict[str | None, Signer]] = weakref.WeakKeyDictionary()
        self.failure: Exception | None = None

    @cached_property
    def trust(self) -> TrustStore:
        """The lists by which the past of a file is judged."""
        return default_store()

    def context(self, identity: Identity, *, thumbnail: bool, lists: bool = False) -> Context:
        """One that trusts the top of the identity's own chain, and the lists where asked."""
        key = (identity.chain, thumbnail, lists)
        if key not in self._contexts:
            top = certificates_of(identity.chain)[-1].public_bytes(Encoding.PEM).decode()
            anchors = [Anchors("urn:assay:identity", top), *(self.trust.anchors() if lists else ())]
            self._contexts[key] = context(anchors, thumbnail=thumbnail)
        return self._contexts[key]

    def signer(self, identity: Identity, tsa: str | None) -> Signer:
        """The library's form of an identity."""
        kept = self._signers.setdefault(identity, {})
        if tsa not in kept:
            sign = identity.sign

            def call(data: bytes) -> bytes:
                # The library would only write the error into its log.
                try:
                    return sign(data)
                except Exception as error:
                    _tools.failure = error
                    return b""

            algorithm = _ALGORITHMS[identity.algorithm]
            kept[tsa] = Signer.from_callback(call, algorithm, identity.chain.decode("ascii", "replace"), tsa)
        return kept[tsa]


_tools = _Tools()


@contextmanager
def _explained(identity: Identity, mime: str) -> Iterator[None]:
    """What the library says, as one sentence."""
    _tools.failure = None
    try:
        yield
    except C2paError as error:
        failure, _tools.failure = _tools.failure, None
        if isinstance(failure, AssayError):
            raise failure from None
        if failure is not None:
            raise ProvenanceError(
                f"Signing with the key of {identity.name} failed ({type(failure).__name__}).", "key"
            ) from None
        raise _told(str(error), identity, mime) from None


def _told(text: str, identity: Identity, mime: str) -> AssayError:
    low = text.lower()
    if "http resolver" in low:
        return ProvenanceError("The timestamp authority cannot be reached; nothing was signed.", "authority")
    if "http error" in low:
        return ProvenanceError("The timestamp authority answered with an error; nothing was signed.", "authority")
    if low.startswith("signature") and (
        "decode error" in low or "time stamp" in low or "timestamp" in low or "nonce" in low
    ):
        return ProvenanceError(
            "What the timestamp authority answered is not a timestamp; nothing was signed.", "authority"
        )
    if "cert" in low and low.startswith(("signature", "verify", "other")):
        return ProvenanceError(
            f"The certificate of {identity.name} may not sign Content Credentials. Which rule it breaks: assay "
            "certificates lint", "certificate",
        )  # fmt: skip
    return MediaError(
        f"The {NAMES.get(mime, mime)} file cannot be signed: the library says {_short(text)}", "malformed"
    )


def _brief(error: C2paError) -> str:
    return _short(str(error))


def _short(text: str) -> str:
    """A text of the library, which may hold a stranger's, fit to stand in a sentence."""
    return ascii(text[:200])[1:-1]


__all__ = ["Edit", "Options", "Part", "Signed", "kind_of", "sign", "sign_stream"]
