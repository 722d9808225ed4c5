"""Run the server of a log on Granian: one process that listens, one that holds the log's lock and answers."""

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from assay.register.anchors.keeper import Keeper
from assay.register.cosigning import Witnesses
from assay.register.database.submitters import Submitters
from assay.register.log import Log, open_index, read_policy
from assay.register.publisher import alone
from assay.register.settings import read
from assay.web.listening import CONFIGURATION, listen, log_lines
from assay.web.register.app import App, Limits
from assay.web.register.chores import Anchoring, Chores
from assay.web.register.metrics import Metrics

PORT = 8710
"""Where a log is served unless told otherwise."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve, and how: the folder of a log."""

    folder: str
    limits: Limits = Limits()


def application() -> App:
    """The application that the environment describes: made in the process that answers."""
    log_lines()
    # A thread that has verified a signature waits this long for a busy one to let it go on; the default is 5 ms.
    sys.setswitchinterval(0.001)
    return build(msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration))


def build(configuration: Configuration) -> App:
    """Open the log and make the application over it; closing the application closes the log.

    Raises RegisterError: those of :meth:`assay.register.log.Log.open`.
    """
    folder, metrics = Path(configuration.folder), Metrics()
    undo = contextlib.ExitStack()
    try:
        policy = read_policy(folder)
        witnesses = Witnesses(policy)
        undo.callback(witnesses.close)
        index = open_index(folder, read(folder))
        undo.callback(index.close)
        log = Log.open(folder, cosign=metrics.timed(witnesses if policy.witnesses else alone), index=index)
        undo.callback(log.close)
        submitters = Submitters(index.engine)
        anchoring = Anchoring(Keeper(log.objects, log.settings.anchors))
        chores = Chores((submitters.flush, anchoring))
        undo.callback(submitters.flush)
        undo.callback(chores.close)
        return App(
            log, submitters, limits=configuration.limits, metrics=metrics, answers=lambda: witnesses.answers,
            anchors=lambda: anchoring.status, closing=undo.close,
        )  # fmt: skip
    except BaseException:
        undo.close()
        raise


def serve(folder: Path, host: str = "127.0.0.1", port: int = PORT, *, limits: Limits | None = None) -> None:
    """Answer until stopped. Raises RegisterError, as :func:`build` does, before anything listens."""
    Log.open(folder).close()
    given = Configuration(folder=str(folder.resolve()), limits=limits or Limits())
    listen("assay.web.register.server:application", given, host, port)


__all__ = ["PORT", "Configuration", "application", "build", "serve"]
