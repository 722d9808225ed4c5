"""Vouching for media that one did not make: signed statements, kept apart from authorship.

A statement is a file of its own, never in the media. It says from whom a file was received and when, what was checked,
and since when it is unchanged; not who made it.
"""

from assay.provenance.vouch.check import Standing, Vouching, check, read, view
from assay.provenance.vouch.make import rehearse, vouch, withdraw
from assay.provenance.vouch.statement import Check, Received, Seen, Statement, Subject, decode, encode
from assay.provenance.vouch.subject import subject_of

__all__ = [
    "Check",
    "Received",
    "Seen",
    "Standing",
    "Statement",
    "Subject",
    "Vouching",
    "check",
    "decode",
    "encode",
    "read",
    "rehearse",
    "subject_of",
    "view",
    "vouch",
    "withdraw",
]
