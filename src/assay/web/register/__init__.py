"""The server of a log: tlog-tiles for everybody, an API for submitters and searchers."""

from assay.web.register.server import PORT, Configuration, serve

__all__ = ["PORT", "Configuration", "serve"]
