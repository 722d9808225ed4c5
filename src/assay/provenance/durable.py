"""Credentials that are found again: a watermark in the pixels, a fingerprint beside it, and a manifest kept elsewhere.

The manifest that is kept is made with ``set_no_embed``: one that was made to be embedded does not validate against the
file that has lost it. The file gets a manifest of its own. Both name the same watermark and the same fingerprint.
"""

import base64
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from assay import fingerprint
from assay.errors import AssayError, ProvenanceError
from assay.media import Limits, Media
from assay.media.encode import encode
from assay.media.pixels import orient
from assay.provenance import engine, history, watermark
from assay.provenance.definition import Options, Part
from assay.provenance.formats import PICTURES
from assay.provenance.identity import Identity
from assay.provenance.model import SoftBinding
from assay.provenance.sign import Making, Signed, sign
from assay.provenance.store import Match
from assay.provenance.trust import default_store

BYTES = watermark.PAYLOAD_BITS // 8
_BACK = {6: 8, 8: 6}
_APP11 = 0xEB

Pixels = npt.NDArray[np.uint8]


class Shelf(Protocol):
    """Where manifests are kept: :class:`assay.provenance.store.ManifestStore`, or a service through
    :class:`assay.provenance.resolution.client.ResolutionClient`.
    """

    def by_binding(self, algorithm: str, value: bytes, limit: int = 10) -> list[Match]:
        """The manifests that a soft binding leads to."""
        ...

    def get(self, manifest_id: str) -> bytes | None:
        """A manifest store by its id."""
        ...

    def put(self, manifest: bytes, bindings: Sequence[SoftBinding] = ()) -> str:
        """Keep a manifest store; returns its id."""
        ...


@dataclass(frozen=True)
class Durable:
    """What was made.

    ``signed`` is the file with its credentials, ``stored`` the manifest that was kept, to be found by ``bindings``,
    and ``stored_id`` its id. ``identifier`` is what the watermark says, none without one; ``reused`` whether the
    picture had it already. ``psnr`` is in dB over all three channels, between the picture as it came and as it is
    written, infinite where nothing changed. ``remarks`` are sentences that whoever signs must read.
    """

    signed: Signed
    stored: bytes
    stored_id: str
    bindings: tuple[SoftBinding, ...]
    identifier: int | None
    reused: bool
    psnr: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keeping:
    """How files are made durable: ``store`` is the folder of a store or the URL of a service, ``mark`` whether the
    pixels get a watermark, ``secret`` what lets one write to the service.
    """

    store: str
    mark: bool = True
    secret: str | None = field(default=None, repr=False)


def making_durable(shelf: Shelf, keeping: Keeping) -> Making:
    """What :func:`assay.provenance.sign.prepare` calls to sign and keep in one."""

    def make(source: BinaryIO, out: BinaryIO, identity: Identity, options: Options) -> Signed:
        source.seek(0)
        made = make_durable(
            source.read(), identity, options, store=shelf, mark=keeping.mark, name=options.opened or "The file"
        )
        out.write(made.signed.data or b"")
        kept = f"The manifest is kept in {keeping.store}."
        if made.identifier is not None and not made.reused:
            kept = f"A watermark was put into the picture (PSNR {made.psnr:.1f} dB). {kept}"
        return replace(made.signed, data=b"", remarks=(*made.remarks, kept))

    return make


def binding_of(identifier: int) -> SoftBinding:
    """The soft binding of a watermark's 64 bits."""
    return SoftBinding(
        algorithm=watermark.ALGORITHM, value=base64.b64encode(identifier.to_bytes(BYTES, "big")).decode("ascii")
    )


def make_durable(
    data: bytes,
    identity: Identity,
    options: Options | None = None,
    *,
    store: Shelf | None = None,
    mark: bool = True,
    name: str = "The file",
    limits: Limits | None = None,
) -> Durable:
    """Sign a picture so that its credentials are found again after they were stripped.

    Puts a random identifier into the pixels as a watermark, writes the picture in its own format, checks that the mark
    can be read from what was written, and signs: once for the file, once for the manifest that is kept in ``store``.
    A picture that carries a mark keeps it, and the remarks say so: it cannot carry two. Without ``mark``, the pixels
    stay and only the fingerprint leads back.

    Raises MediaError for a picture that cannot be decoded or kept in its format (``unsupported``); ProvenanceError:
    ``unsupported`` (no picture, or too small or flat for a mark), ``history``, ``rejected``, and what signing and the
    store raise; UsageError for claims that cannot be made.
    """
    media = Media.open(data, name=name, limits=limits)
    if media.format not in PICTURES:
        raise ProvenanceError(f"{name}: only pictures that can carry credentials can be made durable.", "unsupported")
    mime = PICTURES[media.format]
    before = _upright(media)
    asked = options or Options()
    prepared = _with_parent(data, mime, asked, name)
    marked = _mark(media, before, name) if mark else _Marked(data, before, None)
    value = fingerprint.compute(marked.pixels)
    remarks = list(marked.remarks)
    bindings = [SoftBinding(algorithm=fingerprint.ALGORITHM, value=base64.b64encode(value).decode("ascii"))]
    if marked.identifier is not None:
        bindings.insert(0, binding_of(marked.identifier))
    if fingerprint.flat(value):
        remarks.append(
            "The picture has too little structure, or too much that repeats, to tell others from it by its fingerprint:"
            " a mark moved to another picture may go unnoticed."
        )
    if marked.reused and store is not None:
        remarks += _rivals(store, bindings[0])
    named = (*asked.soft_bindings, *bindings)
    # Where the pixels stay, so does the file, and it is its own parent; only the kept manifest must be about the bytes
    # that are left when the file has lost its credentials.
    bare = without_credentials(media) if marked.data is data else marked.data
    apart = asked if bare is data else prepared
    kept = sign(bare, identity, replace(apart, soft_bindings=named, embed=False, remote_url=None, label=None))
    joined = asked if marked.data is data else prepared
    signed = sign(marked.data, identity, replace(joined, soft_bindings=named))
    if store is not None:
        store.put(kept.manifest)
    return Durable(
        signed=signed if signed.data is not None else replace(signed, data=marked.data), stored=kept.manifest,
        stored_id=kept.label, bindings=tuple(bindings), identifier=marked.identifier, reused=marked.reused,
        psnr=psnr(before, marked.pixels), remarks=(*remarks, *signed.remarks),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Marked:
    """A file to be signed, and its upright pixels."""

    data: bytes
    pixels: Pixels
    identifier: int | None
    reused: bool = False
    remarks: tuple[str, ...] = ()


def _upright(media: Media) -> Pixels:
    return np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8)


def _mark(media: Media, before: Pixels, name: str) -> _Marked:
    found = watermark.detect(before)
    if found is not None:
        said = "The picture carries a watermark already; it was kept, and now leads to this manifest too."
        return _Marked(media.data, before, found.payload, reused=True, remarks=(said,))
    identifier = secrets.randbits(watermark.PAYLOAD_BITS - 1) + 1
    try:
        pixels = watermark.embed(before, identifier)
    except AssayError as error:
        raise ProvenanceError(f"{name}: no watermark can be put in: {error}", "unsupported") from None
    stored = orient_back(pixels, media.orientation)
    written = encode(media, stored)
    after = _upright(Media.open(written, name=name, limits=media.limits))
    read = watermark.detect(after)
    if read is None or read.payload != identifier:
        raise ProvenanceError(
            f"{name}: the watermark cannot be read back from the file that was written: the picture is too small or too"
            " flat. Nothing was signed; leave the watermark out to bind it by its fingerprint alone.",
            "unsupported",
        )
    return _Marked(written, after, identifier)


def without_credentials(media: Media) -> bytes:
    """The bytes of a JPEG or PNG without the manifest store in it; other files as they are."""
    view, gone = memoryview(media.data), []
    if media.jpeg is not None:
        gone = [(s.offset, s.length) for s in media.jpeg.segments if s.marker == _APP11 and s.payload[:2] == b"JP"]
    elif media.format == "png":
        gone = [(p.offset, p.length) for p in media.container.parts if p.name == "caBX"]
    if not gone:
        return media.data
    pieces, at = [], 0
    for offset, length in gone:
        pieces.append(view[at:offset])
        at = offset + length
    return b"".join([*pieces, view[at:]])


def orient_back(upright: Pixels, orientation: int) -> Pixels:
    """Undo :meth:`assay.media.Media.upright`."""
    return np.ascontiguousarray(orient(upright, _BACK.get(orientation, orientation)), dtype=np.uint8)


def _with_parent(data: bytes, mime: str, options: Options, name: str) -> Options:
    """The options with the file as it came for a parent, since the one that is signed has other pixels.

    A file that begins here has none: its mark is part of its making.
    """
    past = history.read(io.BytesIO(data), mime, engine.context(), default_store())
    has = past.label is not None or past.remote
    if has and options.source_type:
        raise ProvenanceError(
            f"{name} has credentials already, so it did not begin here. Leave --source out: it then becomes the parent "
            "of the new record, with all its history.",
            "history",
        )
    if has and options.parent is not None:
        raise ProvenanceError(
            f"{name} has credentials of its own, and a record has one parent only. Leave --parent out; give that file "
            "with --ingredient if it was put into this one.",
            "history",
        )
    if options.source_type or options.parent is not None:
        return options
    return replace(options, parent=Part(options.opened or options.title or "the picture as it came", data, mime))


def _rivals(store: Shelf, binding: SoftBinding) -> list[str]:
    found = store.by_binding(binding.algorithm, base64.b64decode(binding.value))
    if not found:
        return []
    count = "one other manifest" if len(found) == 1 else f"{len(found)} other manifests"
    return [f"In the store the mark leads to {count} already; whoever recovers sees all of them."]


def psnr(a: Pixels, b: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W, 3) uint8, infinite where they are the same."""
    error = float(np.mean(np.square(a.astype(np.float32) - b)))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


__all__ = [
    "Durable",
    "Keeping",
    "Shelf",
    "binding_of",
    "make_durable",
    "making_durable",
    "orient_back",
    "psnr",
    "without_credentials",
]
