"""Find the credentials that a picture has lost, and tell whether they are this picture's at all."""

from assay.provenance.recovery.find import MAX_CANDIDATES, Recovered, recover
from assay.provenance.recovery.records import (
    SCHEMA,
    Candidate,
    FoundBy,
    Likeness,
    Recovery,
    Seen,
    Unrecovered,
    Verdict,
)

__all__ = [
    "MAX_CANDIDATES", "SCHEMA", "Candidate", "FoundBy", "Likeness", "Recovered", "Recovery", "Seen", "Unrecovered",
    "Verdict", "recover",
]  # fmt: skip
