"""The signing side of the C2PA library: what is dear to make and kept, the check of what was made, and its errors in
words.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import BinaryIO

from c2pa import C2paError, C2paSignerInfo, C2paSigningAlg, Context, Reader, Signer
from cryptography.hazmat.primitives.serialization import Encoding

from assay.errors import AssayError, MediaError, ProvenanceError
from assay.provenance.engine import Anchors, context
from assay.provenance.formats import NAMES
from assay.provenance.identity import Identity
from assay.provenance.keys import certificates_of
from assay.provenance.trust import TrustStore, default_store

_ALGORITHMS = {
    "es256": C2paSigningAlg.ES256, "es384": C2paSigningAlg.ES384, "es512": C2paSigningAlg.ES512,
    "ps256": C2paSigningAlg.PS256, "ed25519": C2paSigningAlg.ED25519,
}  # fmt: skip


def verified(stream: BinaryIO, mime: str, manifest: bytes | None, label: str, ctx: Context) -> str:
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
            kept[tsa] = self._signer(identity, tsa)
        return kept[tsa]

    def _signer(self, identity: Identity, tsa: str | None) -> Signer:
        if identity.key is not None:
            # Through a callback the library leaves room for a timestamp whether one is asked for or not: 9 KB.
            return Signer.from_info(C2paSignerInfo(identity.algorithm, identity.chain, identity.key, tsa))
        sign = identity.sign

        def call(data: bytes) -> bytes:
            # The library would only write the error into its log.
            try:
                return sign(data)
            except Exception as error:
                tools.failure = error
                return b""

        algorithm = _ALGORITHMS[identity.algorithm]
        return Signer.from_callback(call, algorithm, identity.chain.decode("ascii", "replace"), tsa)


tools = _Tools()


@contextmanager
def explained(identity: Identity, mime: str) -> Iterator[None]:
    """What the library says, as one sentence."""
    tools.failure = None
    try:
        yield
    except C2paError as error:
        failure, tools.failure = tools.failure, None
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


__all__ = ["explained", "tools", "verified"]
