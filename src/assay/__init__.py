"""Assay: is this picture genuine, where does it come from, what was altered, who vouches for it."""

__version__ = "0.1.0"
