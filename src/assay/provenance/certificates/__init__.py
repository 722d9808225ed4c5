"""Certificates without tears: a development authority, and a linter that says why a certificate is refused."""

from assay.provenance.certificates.identity import development_files, request_files, timestamp_files, write_folder
from assay.provenance.certificates.issue import Development, create, create_timestamp_authority
from assay.provenance.certificates.keys import ALGORITHMS, encode_key, generate, load_key
from assay.provenance.certificates.lint import lint
from assay.provenance.certificates.request import request
from assay.provenance.certificates.rules import RULES, Fault, Rule

__all__ = [
    "ALGORITHMS",
    "RULES",
    "Development",
    "Fault",
    "Rule",
    "create",
    "create_timestamp_authority",
    "development_files",
    "encode_key",
    "generate",
    "lint",
    "load_key",
    "request",
    "request_files",
    "timestamp_files",
    "write_folder",
]
