"""What every service of Assay does to be asked: listen with Granian, and log lines that are JSON."""

import logging
import os
import sys

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

CONFIGURATION = "ASSAY_SERVICE_CONFIGURATION"
"""Environment variable by which the process that listens tells the one that answers what to do."""


class _Line(logging.Formatter):
    """The time, before the record that is JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f'{{"time":"{time}",{record.getMessage()[1:]}'


def log_lines() -> None:
    """Write the log of the services to standard error."""
    logger = logging.getLogger("assay.web")
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logger.handlers = [handler]


def listen(factory: str, configuration: msgspec.Struct, host: str, port: int) -> None:
    """Answer with the ASGI application that ``factory`` (``module:function``) makes, until stopped. Another process
    answers, which finds ``configuration`` as JSON in the environment; where it dies, another takes its place.
    """
    os.environ[CONFIGURATION] = msgspec.json.encode(configuration).decode()
    Server(
        factory,
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


__all__ = ["CONFIGURATION", "listen", "log_lines"]
