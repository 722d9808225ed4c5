"""Search, entries, receipts, manifests, anchors, the key; health and metrics."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.register.posts import ALGORITHM, digest
from tests.web.register.serving import Served, claims, problem, served

from assay.errors import RegisterError
from assay.register.cose import check_cose_receipt
from assay.register.keys import KeyType, SignerKey
from assay.register.model import Batch, Hit
from assay.register.note import Note
from assay.register.receipt import Receipt
from assay.register.remote import Hits, KeyInfo
from assay.register.submission import Submitter
from assay.web.register.health import Health

ANNA, BERT = Submitter.generate(), Submitter.generate()
PRINT = bytes(8)
WITH_MANIFEST = claims(ANNA, 3, manifest=b"a manifest")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("routes") / "log", clock=lambda: 0.0) as made:
        made.post(claims(ANNA, 1, 2, prints=PRINT))
        made.post(claims(BERT, 1, public=False))
        made.post(claims(BERT, 1))
        made.post(WITH_MANIFEST)
        made.settled()
        yield made


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("limit=1", [0]),
        ("after=1", [2, 3, 4]),
        (f"digest={digest(1).hex()}", [0, 3]),
        (f"digest={digest(9).hex()}", []),
        (f"algorithm={ALGORITHM}&fingerprint={PRINT.hex()}", [0, 1]),
        (f"algorithm={ALGORITHM}&fingerprint={'00' * 7}03&distance=1", []),
        (f"algorithm={ALGORITHM}&fingerprint={'00' * 7}03&distance=2", [0, 1]),
        (f"signer={BERT.public.hex()}", [2, 3]),
        (f"signer={BERT.key_hash.hex()}", [2, 3]),
        (f"signer={ANNA.public.hex()}&digest={digest(3).hex()}", [4]),
        ("until=1000000000", []),
        ("since=1000000000&until=9007199254740991", [0, 1, 2, 3, 4]),
    ],
    ids=lambda _: "",  # not the queries: keys are new in each process
)
def test_search(log: Served, query: str, indexes: list[int]) -> None:
    response = log.ask("GET", f"/api/v1/entries?{query}")
    assert response.headers["cache-control"] == "no-store"
    found = msgspec.json.decode(response.content, type=Hits).hits
    assert [hit.index for hit in found] == indexes


@pytest.mark.parametrize(
    "query",
    ["digest=00", "digest=" + "0A" * 32, "signer=zz", "limit=0", "limit=1001", "after=-2", "since=-1", "limit=x",
     "since=9223372036854775808", "fingerprint=0", f"fingerprint={PRINT.hex()}", f"algorithm={ALGORITHM}",
     "algorithm=A", "distance=-1"],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(log: Served, query: str) -> None:
    response = log.ask("GET", f"/api/v1/entries?{query}")
    assert response.status_code == 400, response.text
    assert response.json()["code"] in ("invalid_request", "malformed")


def test_a_private_entry_shows_nothing_of_the_picture(log: Served) -> None:
    hit = msgspec.json.decode(log.ask("GET", "/api/v1/entries/2").content, type=Hit)
    assert (hit.key, hit.opening) == (BERT.public, None)
    shown = msgspec.json.decode(log.ask("GET", "/api/v1/entries/0").content, type=Hit)
    assert shown.opening is not None


def test_batch_and_receipt_hold(log: Served) -> None:
    batch = msgspec.json.decode(log.ask("GET", "/api/v1/entries/1/batch").content, type=Batch)
    assert (batch.key, batch.count, batch.position) == (ANNA.public, 2, 1)
    response = log.ask("GET", "/api/v1/entries/1/receipt")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="entry-1.tlog-proof"'
    receipt = Receipt.parse(response.content)
    receipt.check()
    assert (receipt.proof.index, receipt.batch, receipt.log) == (1, batch, log.log.verifier)


def test_a_cose_receipt_is_one_of_its_entry_and_of_no_other(log: Served) -> None:
    response = log.ask("GET", "/api/v1/entries/1/cose")
    assert response.headers["content-type"] == "application/cose"
    leaves = [msgspec.json.decode(log.ask("GET", f"/api/v1/entries/{n}").content, type=Hit).leaf for n in (0, 1)]
    assert check_cose_receipt(response.content, leaves[1], log.log.verifier).index == 1
    with pytest.raises(RegisterError):
        check_cose_receipt(response.content, leaves[0], log.log.verifier)


@pytest.mark.parametrize("path", ["entries/5", "entries/5/batch", "entries/5/receipt", "entries/5/cose", "anchored/1"])
def test_what_is_not_there(log: Served, path: str) -> None:
    problem(log.ask("GET", f"/api/v1/{path}"), 404, "missing")


@pytest.mark.parametrize("path", ["entries/-1", "entries/9223372036854775808", "manifests/00", "anchored/-1"])
def test_what_cannot_be_there(log: Served, path: str) -> None:
    problem(log.ask("GET", f"/api/v1/{path}"), 400, "invalid_request")


def test_manifests_by_their_digest(log: Served) -> None:
    name = WITH_MANIFEST.entries[0].head[34:66]
    response = log.ask("GET", f"/api/v1/manifests/{name.hex()}")
    assert hashlib.sha256(response.content).digest() == name
    assert response.headers["content-type"] == "application/octet-stream"
    problem(log.ask("GET", f"/api/v1/manifests/{bytes(32).hex()}"), 404, "missing")
    path = f"manifests/{name.hex()}"
    whole = log.log.objects.get(path)
    log.log.objects.put(path, whole[:-1])
    assert "fsck" in problem(log.ask("GET", f"/api/v1/manifests/{name.hex()}"), 500, "damaged")
    log.log.objects.put(path, whole)


def test_an_anchored_checkpoint_comes_with_its_anchors(log: Served) -> None:
    note = log.log.objects.get("checkpoint")
    place = f"anchors/{4:020}"
    for path, data in (
        (f"{place}/note", note),
        (f"{place}/rfc3161-00000000", b"t"),
        ("anchors/sizes", (4).to_bytes(8)),
    ):
        log.log.objects.put(path, data)
    found = log.ask("GET", "/api/v1/anchored/3").json()
    assert [anchor["kind"] for anchor in found["anchors"]] == ["rfc3161"]
    problem(log.ask("GET", "/api/v1/anchored/5"), 404, "missing")
    for path in list(log.log.objects.list("anchors/")):
        log.log.objects.delete(path)


def test_the_key_and_the_policy(log: Served) -> None:
    told = msgspec.json.decode(log.ask("GET", "/api/v1/key").content, type=KeyInfo)
    assert (told.vkey, told.origin) == (str(log.log.verifier), "example.org/log")
    assert told.policy == log.log.policy.text


def test_pages_of_other_origins_may_read(log: Served) -> None:
    response = log.ask("GET", "/api/v1/key", headers={"Origin": "https://elsewhere.example"})
    assert response.headers["access-control-allow-origin"] == "*"


def test_health_for_programs_and_for_people(log: Served) -> None:
    health = msgspec.json.decode(log.ask("GET", "/health").content, type=Health)
    assert (health.status, health.size, health.committed, health.indexed, health.waiting) == ("ok", 5, 5, 5, 0)
    assert health.quorum
    assert health.journal
    page = log.ask("GET", "/health", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "example.org/log" in page.text
    assert "not what is true" in page.text


def test_health_says_who_of_the_witnesses_is_missing_and_no_folder(tmp_path: Path) -> None:
    keys = {name: SignerKey.generate(f"{name}.example", KeyType.COSIGNATURE) for name in ("anna", "<b>bert")}
    lines = [f"witness {name} {key.verifier} https://{key.name.strip('<>b')}/" for name, key in keys.items()]
    policy = "\n".join([*lines, "group both 2 anna <b>bert", "quorum both", ""])

    def cosign(note: Note, _: object) -> Note:
        raise RegisterError(f"No quorum; see {tmp_path}.", "quorum")

    answers = {"anna": "it cosigned", "<b>bert": "no answer within 10 s"}
    with served(tmp_path / "log", cosign=cosign, answers=answers, policy=policy, wait=0.1) as log:
        log.post(claims(Submitter.generate(), 1))
        response = log.ask("GET", "/health")
        health = msgspec.json.decode(response.content, type=Health)
        assert (health.status, health.quorum, health.size, health.committed) == ("degraded", False, 0, 1)
        assert [(one.name, one.cosigned, one.says) for one in health.witnesses] == [
            ("anna", None, "it cosigned"), ("<b>bert", None, "no answer within 10 s")
        ]  # fmt: skip
        page = log.ask("GET", "/health", headers={"Accept": "text/html"}).text
        assert "Witness &lt;b&gt;bert" in page
        assert str(tmp_path) not in response.text + page


def test_metrics_count_what_happened(tmp_path: Path) -> None:
    with served(tmp_path / "log", cosign=lambda note, _: note) as log:
        submission = claims(Submitter.generate(), 1, 2)
        for body in (submission, submission, b"{"):
            log.post(body)
        log.settled()
        log.ask("GET", "/tile/0/000.p/2")
        log.ask("GET", "/checkpoint")
        response = log.ask("GET", "/metrics")
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = {
            (sample.name.removeprefix("assay_register_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }
        assert found["submissions_total", "accepted"] == 2
        assert found["submissions_total", "malformed"] == 1
        assert (found["entries_total", "new"], found["entries_total", "duplicate"]) == (2, 2)
        assert (found["reads_total", "tile"], found["reads_total", "checkpoint"]) == (1, 1)
        assert found["publications_total",] == found["cosigning_seconds_count",] == 1
        assert found["submission_seconds_count",] == 2
        assert (found["size_entries",], found["index_lag_entries",], found["quorum",]) == (2, 0, 1)
        assert found["checkpoint_age_seconds",] >= 0


def test_the_verifier_is_one_page_that_can_connect_to_nothing(log: Served) -> None:
    page = log.ask("GET", "/verify")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.text
