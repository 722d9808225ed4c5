"""Read a log's new entries: is each a leaf that somebody signed, and is there a claim that is watched for?"""

from collections.abc import Callable, Iterator

from assay.errors import RegisterError
from assay.register.keys import VerifierKey
from assay.register.leaf import Leaf, key_hash
from assay.register.model import Batch, Query
from assay.register.receipt import check_batch
from assay.register.remote import RemoteRegister
from assay.register.tiles import WIDTH, TrustedTree
from assay.register.views import Alert

MAX_ALERTS = 100
"""Alerts about entries of one log in one round; the rest is counted."""


def entry_alerts(
    tree: TrustedTree, start: int, origin: str, source: str, *, keys: frozenset[bytes],
    batch: Callable[[int], Batch | None] | None = None, progress: Callable[[int], None] = lambda _done: None,
) -> Iterator[Alert]:  # fmt: skip
    """Look at entries from ``start`` to the end of the tree. ``keys`` are the key hashes watched for; ``batch`` gives
    how an entry is part of what its submitter signed, where the log tells; it is asked for every entry.

    Raises RegisterError for what cannot be read or does not lead to the root.
    """

    def alert(kind: str, says: str) -> Alert:
        return Alert(kind=kind, origin=origin, source=source, says=f"{origin}, entry {index}: {says}")

    for index, entry in enumerate(tree.entries(start, tree.size), start):
        if index % WIDTH == 0:
            progress(index)
        try:
            leaf = Leaf.parse(entry)
        except RegisterError as error:
            yield alert("entry", str(error).rstrip("."))
            continue
        if leaf.key_hash in keys:
            yield alert(
                "claim", f"the key {leaf.key_hash.hex()[:16]}…, which is watched for, is named as its submitter"
            )
        if batch is not None:
            try:
                found = batch(index)
                if found is not None:
                    check_batch(leaf, found)
            except RegisterError as error:
                if error.reason not in ("unreachable", "missing"):
                    yield alert("entry", str(error).rstrip("."))


def claim_alerts(register: RemoteRegister, log: VerifierKey, digests: frozenset[bytes]) -> Iterator[Alert]:
    """Public claims of files whose SHA-256 is watched for, as the log's search tells them. A log can keep silent."""
    for digest in sorted(digests):
        for hit in register.search(Query(digest=digest)):
            who = hit.name or f"the key {key_hash(hit.key).hex()[:16]}…"
            yield Alert(
                kind="claim", origin=log.name, source=register.url,
                says=f"{log.name}, entry {hit.index}: {who} claims the file {digest.hex()[:16]}…, which is watched for",
            )  # fmt: skip


__all__ = ["MAX_ALERTS", "claim_alerts", "entry_alerts"]
