"""Run the resolution service on Granian."""

import logging
import os
import sys
from pathlib import Path

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from litestar import Litestar

from assay.provenance.store import ManifestStore
from assay.web.content import Content
from assay.web.resolution import create_app
from assay.web.service import Settings

CONFIGURATION = "ASSAY_RESOLVER_CONFIGURATION"
"""Environment variable by which the process that listens tells the one that answers what to do."""


class Configuration(msgspec.Struct, frozen=True):
    """What to serve, and how. ``content`` says whether files are looked into."""

    store: str
    settings: Settings
    content: bool = True


def application() -> Litestar:
    """The application that the environment describes: made in the process that answers."""
    configuration = msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration)
    logger = logging.getLogger("assay.web")
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logger.handlers = [handler]
    store = ManifestStore.open(Path(configuration.store))
    look = Content(Path(configuration.store)) if configuration.content else None
    return create_app(store, settings=configuration.settings, match_content=look)


class _Line(logging.Formatter):
    """The time, before the record that is JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f'{{"time":"{time}",{record.getMessage()[1:]}'


def serve(configuration: Configuration, host: str, port: int) -> None:
    """Answer until stopped. Another process answers; where it dies, another takes its place."""
    os.environ[CONFIGURATION] = msgspec.json.encode(configuration).decode()
    Server(
        "assay.web.server:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
    ).serve()


__all__ = ["Configuration", "application", "serve"]
