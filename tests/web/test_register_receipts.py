"""Receipts of the resolution service out of a register, asked for over HTTP as other tests of it do."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.provenance.resolution.manifests import ONE, TWO, simple
from tests.web.conftest import TOKEN, WHOLE

from assay.provenance.resolution.receipts import TYPE
from assay.register import access
from assay.register.keys import KeyType, SignerKey
from assay.register.log import init
from assay.register.policy import Policy
from assay.register.proof import TlogProof
from assay.register.receipt import Receipt
from assay.register.submission import Submitter
from assay.web.register_receipts import RegisterReceipts

Ask = Callable[..., httpx.Response]
C2PA = {"Content-Type": "application/c2pa"}
HERE = "https://resolver.example/v1"


class Desk:
    """A log in a folder, and receipts out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        init(self.log, "test.example/log").close()
        self.submitter = Submitter.generate()
        self.policy = Policy.parse((self.log / "policy").read_bytes())

    def receipts(self, policy: Policy | None = None) -> RegisterReceipts:
        return RegisterReceipts(str(self.log), self.folder / "receipts", self.submitter, HERE, policy or self.policy)

    def size(self) -> int:
        register = access.open_register(str(self.log))
        try:
            return TlogProof.parse(
                b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + register.fetch("checkpoint")
            ).checkpoint.size
        finally:
            register.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_receipt_carries_a_proof_that_holds_for_the_manifest_alone(ask: Ask, desk: Desk) -> None:
    app = {"receipts": desk.receipts()}
    manifest = simple(TWO)
    answer = ask(
        "POST", "/manifests", params={"returnReceipt": "true"}, content=manifest, headers=C2PA, token=TOKEN, app=app
    )
    receipt = answer.json()["receipt"]
    assert (receipt["@type"], receipt["repository"]) == (TYPE, {"uri": HERE, "manifestId": TWO})
    assert receipt["anchor"]["uri"] == "urn:assay:register:test.example%2Flog"
    proof = Receipt.parse(receipt["anchor"]["proof"]["receipt"].encode())
    proof.check()
    assert receipt["anchor"]["parameters"] == {"log": str(desk.policy.logs[0].key), "index": 0}

    path = f"/manifests/{TWO}/receipts"
    assert ask("GET", path, app=app).json() == {**receipt, "verified": True}
    assert ask("POST", path, json=receipt, app=app).json() == {**receipt, "verified": True}
    of_another = {**receipt, "repository": {"uri": HERE, "manifestId": ONE}}
    refused = ask("POST", f"/manifests/{ONE}/receipts", json=of_another, app=app).json()
    assert refused["verified"] is False
    assert "another file" in refused["error"]
    for broken in ("", "c2sp.org/tlog-proof@v1\n", receipt["anchor"]["proof"]["receipt"].replace("index 0", "index 1")):
        forged = {**receipt, "anchor": {**receipt["anchor"], "proof": {"receipt": broken}}}
        told = ask("POST", path, json=forged, app=app).json()
        assert (told["verified"], bool(told["error"])) == (False, True)


def test_a_manifest_is_claimed_once(desk: Desk) -> None:
    receipts = desk.receipts()
    first = receipts.issue(TWO, simple(TWO))
    assert first is not None
    assert receipts.issue(TWO, simple(TWO)) == first == receipts.list(TWO)[0]
    (desk.folder / "receipts" / next((desk.folder / "receipts").iterdir()).name).unlink()
    assert receipts.list(TWO) == []
    again = receipts.issue(TWO, simple(TWO))
    assert again is not None
    assert again["anchor"]["parameters"]["index"] == 0, "the log knows the claim"
    assert desk.size() == 1


def test_the_register_learns_nothing_of_the_manifest(desk: Desk) -> None:
    desk.receipts().issue(TWO, simple(TWO))
    register = access.open_register(str(desk.log))
    try:
        hit = register.get(0)
    finally:
        register.close()
    assert hit is not None
    assert hit.opening is None


def test_a_register_that_fails_costs_the_receipt_and_not_the_manifest(ask: Ask, desk: Desk) -> None:
    witness = SignerKey.generate("w.example", KeyType.COSIGNATURE).verifier
    strict = Policy.parse(f"log {desk.policy.logs[0].key}\nwitness w {witness}\nquorum w\n")
    for receipts in (
        desk.receipts(strict),
        RegisterReceipts(str(desk.folder / "gone"), desk.folder / "r", desk.submitter, HERE),
    ):
        app = {"receipts": receipts}
        answer = ask(
            "POST",
            "/manifests",
            params={"returnReceipt": "true"},
            content=simple(TWO),
            headers=C2PA,
            token=TOKEN,
            app=app,
        )
        assert answer.status_code in {200, 201}
        assert answer.json() == {"manifestId": TWO}
        assert receipts.list(TWO) == []


def test_a_receipt_by_somebody_else_is_not_its_own(desk: Desk) -> None:
    receipt = desk.receipts().issue(ONE, WHOLE)
    assert receipt is not None
    desk.submitter = Submitter.generate()
    assert "not by this service" in str(desk.receipts().verify(ONE, WHOLE, receipt))
