"""The command line: thin, one file a command group."""

from assay.cli.app import main

__all__ = ["main"]
