"""Timestamps of RFC 3161: a client, a check, and a small authority of one's own."""

from assay.timestamps.authority import POLICY, Authority, Identity
from assay.timestamps.client import check, stamp
from assay.timestamps.server import Server

__all__ = ["POLICY", "Authority", "Identity", "Server", "check", "stamp"]
