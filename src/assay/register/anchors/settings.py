"""The section ``[anchors]`` of a log's settings: whom to ask. Nobody is asked unless named here."""

import msgspec

MAX_AUTHORITIES = 14
"""A receipt takes 16 anchors: these, OpenTimestamps and a chain."""


class EvmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EVM chain. ``node``: the URL of a node's JSON-RPC, which may hold a secret. ``contract``: where
    :func:`assay.register.anchors.evm.deploy` put the contract. The account's key is in ``key_file`` (64 hex digits),
    else in the environment variable ``ASSAY_EVM_KEY``.
    """

    node: str
    contract: str
    key_file: str = ""

    def __repr__(self) -> str:
        """Without the node's URL."""
        return f"EvmSettings(contract={self.contract!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """The same."""
        return [("contract", self.contract)]


class AnchorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``interval``: seconds, aligned to the clock; one checkpoint is anchored in each. ``calendars``: OpenTimestamps
    calendars or pools, of which ``calendars_needed`` must answer. ``authorities``: RFC 3161 URLs.
    """

    interval: int = 3600
    calendars: tuple[str, ...] = ()
    calendars_needed: int = 2
    authorities: tuple[str, ...] = ()
    evm: EvmSettings | None = None

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise ValueError("interval is a number of seconds, at least 1")
        if self.calendars and not 1 <= self.calendars_needed <= len(self.calendars):
            raise ValueError("calendars_needed is at least 1 and at most the number of calendars")
        if len(self.authorities) > MAX_AUTHORITIES:
            raise ValueError(f"at most {MAX_AUTHORITIES} authorities can be asked")


__all__ = ["MAX_AUTHORITIES", "AnchorSettings", "EvmSettings"]
