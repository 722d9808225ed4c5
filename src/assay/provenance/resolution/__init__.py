"""The C2PA Soft Binding Resolution API (version 2.4): its records, its receipts, and a client.

The service itself is :mod:`assay.web.resolution`.
"""

from assay.provenance.resolution.client import ResolutionClient
from assay.provenance.resolution.receipts import NoReceipts, Receipts

__all__ = ["NoReceipts", "Receipts", "ResolutionClient"]
