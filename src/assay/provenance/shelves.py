"""Where manifests are kept, by what a person names: the folder of a store, or the URL of a resolution service."""

from contextlib import ExitStack

from assay.errors import UsageError
from assay.provenance.resolution.client import ResolutionClient
from assay.provenance.store import ManifestStore


def is_url(where: str) -> bool:
    """Whether a service is named."""
    return where.startswith(("http://", "https://"))


def open_shelf(
    where: str, stack: ExitStack, *, create: bool = False, secret: str | None = None
) -> ManifestStore | ResolutionClient:
    """The store or the service. ``create`` makes a store where there is none; ``secret`` lets one write to a service.

    Raises ProvenanceError where there is none there, UsageError where ``where`` is an address of another kind.
    """
    if "://" in where and not is_url(where):
        raise UsageError(f"{where} is neither a folder nor the address of a service (https://…).")
    if is_url(where):
        return ResolutionClient(where, token=secret)
    return stack.enter_context(ManifestStore.open(where, create=create))


__all__ = ["is_url", "open_shelf"]
