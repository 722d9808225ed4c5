"""Run the resolution service on Granian."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar

from assay.provenance.store import ManifestStore
from assay.web.content import Content
from assay.web.listening import CONFIGURATION, listen, log_lines
from assay.web.resolution import create_app
from assay.web.service import Settings

if TYPE_CHECKING:
    from assay.web.register_receipts import RegisterReceipts


class Registering(msgspec.Struct, frozen=True):
    """In which register manifests are claimed, with the key in which file; ``policy`` is the text of one, ``url`` where
    the service is.
    """

    register: str
    key: str
    url: str
    policy: str | None = None


class Configuration(msgspec.Struct, frozen=True):
    """What to serve, and how. ``content`` says whether files are looked into."""

    store: str
    settings: Settings
    content: bool = True
    registering: Registering | None = None


def application() -> Litestar:
    """The application that the environment describes: made in the process that answers."""
    configuration = msgspec.json.decode(os.environ[CONFIGURATION], type=Configuration)
    log_lines()
    store = ManifestStore.open(Path(configuration.store))
    look = Content(Path(configuration.store)) if configuration.content else None
    receipts = _receipts(Path(configuration.store), configuration.registering) if configuration.registering else None
    return create_app(store, settings=configuration.settings, match_content=look, receipts=receipts)


def _receipts(store: Path, registering: Registering) -> "RegisterReceipts":
    from assay.register.policy import Policy  # noqa: PLC0415
    from assay.register.submission import Submitter  # noqa: PLC0415
    from assay.web.register_receipts import RegisterReceipts  # noqa: PLC0415 (only for who registers)

    policy = None if registering.policy is None else Policy.parse(registering.policy)
    submitter = Submitter.load(Path(registering.key))
    return RegisterReceipts(registering.register, store / "receipts", submitter, registering.url, policy)


def serve(configuration: Configuration, host: str, port: int) -> None:
    """Answer until stopped."""
    listen("assay.web.server:application", configuration, host, port)


__all__ = ["Configuration", "Registering", "application", "serve"]
