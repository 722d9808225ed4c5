"""Tiles, bundles and the checkpoint as C2SP tlog-tiles wants them served."""

import asyncio
import gzip
from collections.abc import Iterator

import pytest
from tests.web.conftest import asked
from tests.web.register.serving import Served, claims, problem, served

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.keys import SignerKey
from assay.register.merkle import leaf_hash
from assay.register.note import Note
from assay.register.submission import Submitter
from assay.register.tiles import decode_bundle, decode_tile
from assay.web.register.reads import Reads

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """300 entries."""
    with served(tmp_path_factory.mktemp("reads") / "log") as made:
        made.post(claims(Submitter.generate(), *range(300)))
        yield made


def test_the_checkpoint_is_signed_and_kept_by_no_cache(log: Served) -> None:
    response = log.ask("GET", "/checkpoint")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    note = Note.parse(response.content)
    assert log.log.verifier.signed(note) == 0
    assert Checkpoint.parse(note.text).size == 300


def test_tiles_and_bundles_hold_the_entries(log: Served) -> None:
    hashes, entries = [], []
    for number, width in ((0, 256), (1, 44)):
        part = "" if width == 256 else f".p/{width}"
        tile = log.ask("GET", f"/tile/0/00{number}{part}")
        bundle = log.ask("GET", f"/tile/entries/00{number}{part}")
        for one in (tile, bundle):
            assert one.headers["content-type"] == "application/octet-stream"
            assert one.headers["cache-control"] == IMMUTABLE
            assert one.headers["access-control-allow-origin"] == "*"
        hashes += decode_tile(tile.content, width)
        entries += decode_bundle(bundle.content, width)
    assert hashes == [leaf_hash(entry) for entry in entries]
    assert len(log.ask("GET", "/tile/1/000.p/1").content) == 32


def test_bundles_are_compressed_where_that_is_accepted(log: Served) -> None:
    plain = log.ask("GET", "/tile/entries/000", headers={"Accept-Encoding": "identity"})
    packed = log.ask("GET", "/tile/entries/000", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) == len(plain.content)
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    refused = log.ask("GET", "/tile/entries/000", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    assert "content-encoding" not in log.ask("GET", "/tile/0/000", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000", "/tile/entries/001.p/44"])
def test_what_a_client_has_is_not_sent_again(log: Served, path: str) -> None:
    first = log.ask("GET", path, headers={"Accept-Encoding": "identity"})
    etag = first.headers["etag"]
    again = log.ask("GET", path, headers={"If-None-Match": f'"other", W/{etag}', "Accept-Encoding": "identity"})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert log.ask("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_alone(log: Served) -> None:
    response = log.ask("HEAD", "/tile/0/000")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "8192")


@pytest.mark.parametrize("path", ["/tile/0/000", "/checkpoint"])
def test_only_reading_is_let_through(log: Served, path: str) -> None:
    allowed = log.ask("OPTIONS", path)
    assert (allowed.status_code, allowed.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    response = log.ask("POST", path)
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/00", "/tile/00/000", "/tile/0/x000/000", "/tile/0/000.p/256", "/tile/0/000.p/0", "/tile/0/000.p/01",
        "/tile/64/000", "/tile/-1/000", "/tile/0/000/", "/tile/0/001000", "/tile/entries", "/tile/",
        "/tile/entries/000.p/44.p/1",
    ],
)  # fmt: skip
def test_only_the_canonical_path_is_one(log: Served, path: str) -> None:
    problem(log.ask("GET", path), 400, "malformed")


def test_a_path_with_percent_signs_is_none(log: Served) -> None:
    assert log.ask("GET", "/tile/0/000").status_code == 200
    for path in ("/tile/2/%30%30%30.p/1", "/tile/1/%30%30%30.p/1"):
        problem(log.ask("GET", path), 400, "malformed")


@pytest.mark.parametrize(
    "path",
    ["/tile/0/001", "/tile/0/001.p/45", "/tile/0/002.p/1", "/tile/1/000", "/tile/1/000.p/2", "/tile/2/000.p/1",
     "/tile/entries/001", "/tile/entries/x001/x234/567", "/tile/63/000.p/1", "/tile/0/001.p/43"],
)  # fmt: skip
def test_what_is_not_published_is_not_there(log: Served, path: str) -> None:
    problem(log.ask("GET", path), 404, "missing")


class Store:
    """Objects that run ahead of what is published, and count who reads them."""

    def __init__(self) -> None:
        self.signer = SignerKey.generate("example.org/ahead")
        self.read: list[str] = []
        self.size = 256

    def fetch(self, path: str) -> bytes:
        self.read.append(path)
        if path == "checkpoint":
            text = Checkpoint("example.org/ahead", self.size, bytes(32)).text
            return Note(text, (self.signer.sign(text),)).encode()
        if path == "tile/1/000.p/1":
            raise RegisterError("No disk.", "unreachable")
        return bytes(8192)


def read(reads: Reads, path: str) -> int:
    async def app(scope: object, _receive: object, send: object) -> None:
        await reads(scope, send)

    return asked(app, "GET", path).status_code


def test_storage_may_run_ahead_of_what_is_published_and_readers_do_not() -> None:
    store, counted = Store(), list[str]()
    reads = Reads(store.fetch, count=counted.append)
    assert read(reads, "/tile/0/001") == 404
    assert "tile/0/001" not in store.read
    store.size = 512
    assert read(reads, "/tile/0/001") == 200
    assert read(reads, "/tile/1/000.p/1") == 503
    assert counted == ["tile"]
    reads.close()


def test_what_was_read_lately_is_kept_up_to_a_bound() -> None:
    store = Store()
    store.size = 256 * 8
    reads = Reads(store.fetch, cache=4 * (8192 + 1024))
    for number in (0, 1, 2, 3, 0, 4, 0, 1):
        assert read(reads, f"/tile/0/00{number}") == 200
    assert store.read == ["checkpoint", *(f"tile/0/00{number}" for number in (0, 1, 2, 3, 4, 1))]
    reads.close()


def test_a_body_is_packed_as_gzip_whatever_the_moment(log: Served) -> None:
    """So that every server of a log gives the same bytes under the same ETag."""

    async def raw() -> bytes:
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/tile/entries/000", "headers": [(b"accept-encoding", b"gzip")],
        }  # fmt: skip
        await log.app(scope, None, send)
        return bytes(sent[1]["body"])  # type: ignore[call-overload, no-any-return]

    packed = asyncio.run(raw())
    assert packed[4:8] == bytes(4)
    assert gzip.decompress(packed) == log.ask("GET", "/tile/entries/000").content
