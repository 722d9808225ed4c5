"""The one place that knows how c2pa-python is set up.

Misspelt settings keys are ignored by the library without a word, so every key is written here, once, and held by tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from c2pa import Context

EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
C2PA_SIGNING = "1.3.6.1.4.1.62558.2.1"
EKU = (EMAIL_PROTECTION, DOCUMENT_SIGNING, C2PA_SIGNING)
"""Extended key usages that a claim signer's certificate may have."""

MAX_MANIFEST_MB = 100
"""A manifest store that decompresses to more megabytes than this is refused."""


@dataclass(frozen=True)
class Anchors:
    """Certificates that a list vouches for. ``uri`` names the list in the library's answers; ``timestamps`` marks a
    list of time-stamping authorities, which vouches for no claim: the library does not hold to that, so whoever reads
    its answers must. ``allowed`` are end-entity certificates, each PEM or the base64 SHA-256 of its DER, one a line;
    a hit there comes back with an empty URI.
    """

    uri: str
    pem: str
    timestamps: bool = False
    allowed: str = ""


def settings(
    anchors: Iterable[Anchors] = (), *, online: bool = False, thumbnail: bool = False, verify_after_sign: bool = False
) -> dict[str, Any]:
    """The library's settings. Nothing is fetched unless ``online``."""
    return {
        "version": 1,
        "trust": {
            "anchors": [
                {
                    "trust_anchors": a.pem,
                    "trust_uri": a.uri,
                    "trust_kind": "tsa" if a.timestamps else "manifest",
                    **({"allowed_list": a.allowed} if a.allowed else {}),
                }
                for a in anchors
            ],
            # Heeded only here: in a list of ``anchors`` it changes nothing, and certificates with the C2PA usage alone,
            # as cameras and telephones have them, would be refused.
            "trust_config": "\n".join(EKU) + "\n",
        },
        "core": {"max_decompressed_manifest_size_in_mb": MAX_MANIFEST_MB},
        "verify": {
            "remote_manifest_fetch": online,
            "ocsp_fetch": online,
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "verify_after_sign": verify_after_sign,
        },
        "builder": {"thumbnail": {"enabled": thumbnail}},
    }


def context(anchors: Iterable[Anchors] = (), **options: bool) -> Context:
    """A context with these settings. Making one costs more than verifying a file: keep it. Not for two threads."""
    return Context.from_dict(settings(anchors, **options))


__all__ = ["C2PA_SIGNING", "DOCUMENT_SIGNING", "EKU", "EMAIL_PROTECTION", "Anchors", "context", "settings"]
