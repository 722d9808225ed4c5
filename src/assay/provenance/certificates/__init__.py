"""Certificates without tears: a development authority, and a linter that says why a certificate is refused."""

from assay.provenance.certificates.issue import Development, create, create_timestamp_authority
from assay.provenance.certificates.keys import ALGORITHMS, encode_key, generate, load_key

__all__ = [
    "ALGORITHMS",
    "Development",
    "create",
    "create_timestamp_authority",
    "encode_key",
    "generate",
    "load_key",
]
