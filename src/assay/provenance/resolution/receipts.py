"""Where a repository's receipts come from: nowhere, or a register (``assay.web.register_receipts``)."""

from typing import Any, Protocol

CONTEXT = {"c2pa": "https://c2pa.org/ns/", "receipt": "https://c2pa.org/ns/manifest-receipt#"}
TYPE = "org.c2pa.manifest-receipt"


class Receipts(Protocol):
    """Issues, keeps and checks receipts. A receipt is a JSON object: ``@context``, ``@type``, ``repository`` (``uri``,
    ``manifestId``) and ``anchor`` (``uri``, ``proof``, which is free in form).
    """

    def issue(self, manifest_id: str, manifest: bytes) -> dict[str, Any] | None:
        """A receipt for a manifest that has just been taken in, or None where none is given. Asked again for the same
        manifest, the same receipt will do.
        """
        ...

    def list(self, manifest_id: str) -> list[dict[str, Any]]:
        """All receipts given for a manifest, oldest first."""
        ...

    def verify(self, manifest_id: str, manifest: bytes, receipt: dict[str, Any]) -> str | None:
        """None where the receipt holds for this manifest; else one sentence that says why it does not."""
        ...


class NoReceipts:
    """A repository that gives no receipts."""

    def issue(self, manifest_id: str, manifest: bytes) -> dict[str, Any] | None:  # noqa: ARG002
        """None."""
        return None

    def list(self, manifest_id: str) -> list[dict[str, Any]]:  # noqa: ARG002
        """None at all."""
        return []

    def verify(self, manifest_id: str, manifest: bytes, receipt: dict[str, Any]) -> str | None:  # noqa: ARG002
        """No receipt holds here."""
        return "This service gives no receipts, so none can be its own."


__all__ = ["CONTEXT", "TYPE", "NoReceipts", "Receipts"]
