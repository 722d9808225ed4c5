"""What the two other verifiers say of a file, given the same lists: bare c2pa-python, and encypher-c2pa."""

import io
from collections.abc import Iterable
from typing import Any

import encypher_c2pa
from c2pa import C2paError, Context, Reader

from assay.provenance.trust import TrustStore

NONE, INTACT, BROKEN, UNSUPPORTED = "none", "intact", "broken", "unsupported"
"""What can be compared between verifiers: each has its own idea of trust."""


def bare(data: bytes, mime: str, context: Context) -> tuple[str, str]:
    """By c2pa-python alone: its word, and whether the credentials are intact."""
    try:
        with Reader(mime, io.BytesIO(data), context=context) as reader:
            state = str(reader.get_validation_state())
            results: dict[str, Any] = reader.get_validation_results() or {}
    except C2paError.ManifestNotFound:
        return NONE, NONE
    except C2paError as error:
        word = str(error).split(":", maxsplit=1)[0]
        return word, UNSUPPORTED if word == "NotSupported" else BROKEN
    deltas = [d.get("validationDeltas", {}) for d in results.get("ingredientDeltas") or ()]
    found = [
        entry["code"] for part in (results.get("activeManifest", {}), *deltas) for entry in part.get("failure", ())
    ]
    return _word(state, found), BROKEN if state == "Invalid" else INTACT


def encypher(data: bytes, mime: str, trust: TrustStore) -> tuple[str, str]:
    """By encypher-c2pa, told nothing but the same authorities, and never to send anything."""
    found = encypher_c2pa.verify(
        data, mime, telemetry=False, online=False, no_default_trust=True,
        trust_pem="".join(one.pem for one in trust.claims()) or None,
        tsa_trust_pem="".join(one.pem for one in trust.lists if one.kind == "tsa") or None,
    )  # fmt: skip
    state = str(found["validation_state"])
    if state == "None":
        return NONE, NONE
    return _word(state, [entry["code"] for entry in found["validation_results"]["failure"]]), (
        BROKEN if state == "Invalid" else INTACT
    )


def _word(state: str, failures: Iterable[str]) -> str:
    """The state, with the codes that are about more than whom one knows."""
    codes = [code for code in dict.fromkeys(failures) if code != "signingCredential.untrusted"]
    return f"{state}: {', '.join(codes)}" if codes else state


__all__ = ["BROKEN", "INTACT", "NONE", "UNSUPPORTED", "bare", "encypher"]
