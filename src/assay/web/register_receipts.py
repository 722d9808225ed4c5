"""Receipts of the resolution service out of a register: ``anchor.proof`` carries a tlog-proof that anyone can check."""

import hashlib
import logging
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from assay.errors import RegisterError
from assay.files import write_whole
from assay.provenance.resolution.receipts import CONTEXT, TYPE
from assay.register.access import open_register
from assay.register.note import Note
from assay.register.policy import Policy
from assay.register.proof import HEADER
from assay.register.receipt import MAX_RECEIPT, Receipt, issue
from assay.register.record import Record
from assay.register.submission import Submitter, batch_of
from assay.register.verify import judge, verify

MEDIA_TYPE = "application/c2pa"
_logger = logging.getLogger("assay.web")


class RegisterReceipts:
    """Claims each manifest that is taken in, privately: the register learns nothing of it, and the receipt, which the
    service hands out, opens the claim. Receipts are kept in a folder. Fulfils
    :class:`assay.provenance.resolution.receipts.Receipts`.
    """

    def __init__(
        self, register: str, folder: Path, submitter: Submitter, repository: str, policy: Policy | None = None
    ) -> None:
        """``register`` is a folder or a URL, ``repository`` where the service itself is."""
        self._at, self._folder, self._submitter = register, folder, submitter
        self._repository, self._policy = repository, policy

    def issue(self, manifest_id: str, manifest: bytes) -> dict[str, Any] | None:
        """The receipt of a manifest; None where the register cannot be asked, or does not reach the policy: the
        manifest is kept all the same, and the next that hands it in gets the receipt.
        """
        kept = self._kept(manifest_id)
        if kept is not None and self._fault(kept, manifest) is None:
            return self._told(manifest_id, kept)
        try:
            receipt = self._claim(manifest)
        except RegisterError as error:
            told = {"failure": "register", "reason": error.reason, "says": str(error)}
            _logger.error(msgspec.json.encode(told).decode())
            return None
        write_whole(self._path(manifest_id), receipt.encode())
        return self._told(manifest_id, receipt)

    def list(self, manifest_id: str) -> list[dict[str, Any]]:
        """The receipt, where there is one."""
        kept = self._kept(manifest_id)
        return [] if kept is None else [self._told(manifest_id, kept)]

    def verify(self, manifest_id: str, manifest: bytes, receipt: dict[str, Any]) -> str | None:  # noqa: ARG002
        """None where the proof is of this manifest and leads to a checkpoint that counts; else why not."""
        text = receipt.get("anchor", {}).get("proof", {}).get("receipt")
        if not isinstance(text, str) or len(text) > MAX_RECEIPT:
            return f"The receipt has no proof of the form {HEADER}."
        try:
            return self._fault(Receipt.parse(text.encode("utf-8", "replace")), manifest)
        except RegisterError as error:
            return str(error)

    def _claim(self, manifest: bytes) -> Receipt:
        record = Record(hashlib.sha256(manifest).digest(), len(manifest), MEDIA_TYPE)
        submission, (opening,) = self._submitter.claims([(record, None)])
        with closing(open_register(self._at)) as register:
            accepted = register.submit(submission)
            if self._policy is not None:
                self._policy.check(Note.parse(accepted.checkpoint))
            (position,) = accepted.positions
            batch = None if position.duplicate else batch_of(submission, 0)
            receipt = issue(register, position.index, opening, batch)
        if receipt.leaf.head != submission.entries[0].head:
            raise RegisterError("The register shows another claim than was handed in.", "damaged")
        fault = self._fault(receipt, manifest)
        if fault is not None:
            raise RegisterError(fault, "proof")
        return receipt

    def _fault(self, receipt: Receipt, manifest: bytes) -> str | None:
        """What is wrong with a receipt for this manifest; None where it holds."""
        if receipt.leaf.key_hash != self._submitter.key_hash:
            return "The claim in the receipt is not by this service."
        verdict = judge(verify(receipt, hashlib.sha256(manifest).digest()), self._policy)
        sound = verdict.state == "trusted" or (verdict.state == "unvouched" and self._policy is None)
        return None if sound else verdict.says

    def _told(self, manifest_id: str, receipt: Receipt) -> dict[str, Any]:
        online = self._at.startswith(("http://", "https://"))
        origin = urllib.parse.quote(receipt.checkpoint.origin, safe="")
        return {
            "@context": CONTEXT,
            "@type": TYPE,
            "repository": {"uri": self._repository, "manifestId": manifest_id},
            "anchor": {
                "uri": self._at if online else f"urn:assay:register:{origin}",
                "proof": {"type": HEADER, "receipt": receipt.encode().decode()},
                "parameters": {"log": str(receipt.log), "index": receipt.proof.index},
            },
        }

    def _path(self, manifest_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(manifest_id.encode()).hexdigest()}.tlog-proof"

    def _kept(self, manifest_id: str) -> Receipt | None:
        try:
            with self._path(manifest_id).open("rb") as stream:
                return Receipt.parse(stream.read(MAX_RECEIPT + 1))
        except (OSError, RegisterError):
            return None


__all__ = ["RegisterReceipts"]
