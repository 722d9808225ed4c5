"""Those who anchor, each in the one shape that the keeper knows."""

import hashlib
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from assay.register.anchors import evm, opentimestamps, rfc3161
from assay.register.anchors.settings import AnchorSettings, EvmSettings


class Service(Protocol):
    """Somebody who anchors."""

    kind: str
    where: str
    name: str

    def stamp(self, text: str) -> bytes:
        """A new proof over the text of a note."""
        ...

    def upgrade(self, proof: bytes) -> bytes:
        """The proof with what came to be known since."""
        ...

    def finished(self, proof: bytes) -> bool:
        """Whether nothing is to be done any more."""
        ...


class OpenTimestamps:
    """All calendars together: one proof."""

    kind = opentimestamps.KIND

    def __init__(self, calendars: Sequence[str], needed: int) -> None:
        self._calendars = tuple(calendars)
        self._needed = needed
        self.where = ", ".join(_host(url) for url in calendars)
        self.name = _name(self.kind, "")

    def stamp(self, text: str) -> bytes:
        """Pending."""
        return opentimestamps.stamp(text, self._calendars, self._needed)

    def upgrade(self, proof: bytes) -> bytes:
        """With the blocks that calendars know of."""
        return opentimestamps.upgrade(proof, self._calendars, self._needed)

    def finished(self, proof: bytes) -> bool:
        """Whether it leads to blocks and waits for no calendar."""
        return opentimestamps.finished(proof)


class Authority:
    """One RFC 3161 authority."""

    kind = rfc3161.KIND

    def __init__(self, url: str) -> None:
        self._url = url
        self.where = _host(url)
        self.name = _name(self.kind, url)

    def stamp(self, text: str) -> bytes:
        """The token."""
        return rfc3161.stamp(text, self._url)

    def upgrade(self, proof: bytes) -> bytes:
        """Nothing to do."""
        return proof

    def finished(self, proof: bytes) -> bool:  # noqa: ARG002
        """At once."""
        return True


class Evm:
    """One EVM chain."""

    kind = evm.KIND

    def __init__(self, settings: EvmSettings) -> None:
        self._settings = settings
        self.where = _host(settings.node)
        self.name = _name(self.kind, settings.contract)

    def stamp(self, text: str) -> bytes:
        """The transaction that was sent."""
        from assay.register.anchors import node  # noqa: PLC0415

        return node.stamp(text, self._settings)

    def upgrade(self, proof: bytes) -> bytes:
        """The full proof once its block is final."""
        from assay.register.anchors import node  # noqa: PLC0415

        return node.upgrade(proof, self._settings)

    def finished(self, proof: bytes) -> bool:
        """Whether the block is in it."""
        return isinstance(evm.parse(proof), evm.Proof)


def services_of(settings: AnchorSettings) -> tuple[Service, ...]:
    """Those that the settings name."""
    found: list[Service] = []
    if settings.calendars:
        found.append(OpenTimestamps(settings.calendars, settings.calendars_needed))
    found += [Authority(url) for url in settings.authorities]
    if settings.evm:
        found.append(Evm(settings.evm))
    return tuple(found)


def _host(url: str) -> str:
    """What of an address may be shown."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def _name(kind: str, whom: str) -> str:
    return f"{kind}-{hashlib.sha256(whom.encode()).hexdigest()[:8]}"


__all__ = ["Service", "services_of"]
