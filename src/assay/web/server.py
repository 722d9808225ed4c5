"""Run the resolution service on Granian."""

import os
from pathlib import Path

import msgspec
from litestar import Litestar

from assay.provenance.store import ManifestStore
from assay.web.content import Content
from assay.web.listening import CONFIGURATION, listen, log_lines
from assay.web.resolution import create_app
from assay.web.service import Settings


class Configuration(msgspec.Struct, frozen=True):
    """What to serve, and how. ``content`` says whether files are looked into."""

    store: str
    settings: Settings
    content: bool = True


def application() -> Litestar:
    """The application that the environment describes: made in the process that answers."""
    configuration = msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration)
    log_lines()
    store = ManifestStore.open(Path(configuration.store))
    look = Content(Path(configuration.store)) if configuration.content else None
    return create_app(store, settings=configuration.settings, match_content=look)


def serve(configuration: Configuration, host: str, port: int) -> None:
    """Answer until stopped."""
    listen("assay.web.server:application", configuration, host, port)


__all__ = ["Configuration", "application", "serve"]
