"""Timestamps of RFC 3161: a client, a check, and a small authority of one's own."""

from assay.provenance.timestamps.authority import POLICY, Authority, Identity
from assay.provenance.timestamps.client import check, stamp
from assay.provenance.timestamps.server import Server

__all__ = ["POLICY", "Authority", "Identity", "Server", "check", "stamp"]
