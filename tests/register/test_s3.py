"""Objects in a real S3 store: written whole, created once, a checkpoint that never goes back, and what can go wrong."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from tests.register.engines import SECRET, Seaweed

from assay.errors import RegisterError
from assay.register import s3
from assay.register.checkpoint import Checkpoint
from assay.register.journal import size_of
from assay.register.keys import SignerKey
from assay.register.note import Note
from assay.register.s3 import S3Objects

SIGNER = SignerKey.generate("example.org/log")


def checkpoint(size: int, root: bytes = bytes(32)) -> bytes:
    text = Checkpoint(SIGNER.name, size, root).text
    return Note(text, (SIGNER.sign(text),)).encode()


@pytest.fixture
def objects(bucket: str) -> Iterator[S3Objects]:
    made = S3Objects(bucket + "/log")
    yield made
    made.close()


def _reason(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(RegisterError) as caught:
        call(*arguments)
    assert SECRET not in str(caught.value)
    return caught.value.reason


def test_what_is_put_is_read_at_once_and_replaced(objects: S3Objects) -> None:
    objects.put("tile/0/000.p/5", b"first")
    assert objects.get("tile/0/000.p/5") == b"first"
    for number in range(20):
        objects.put("tile/0/000.p/5", b"%d" % number)
    assert objects.get("tile/0/000.p/5") == b"19"
    objects.put("tile/0/001", b"")
    assert objects.get("tile/0/001") == b""
    objects.delete("tile/0/000.p/5")
    objects.delete("tile/0/000.p/5")
    assert _reason(objects.get, "tile/0/000.p/5") == "missing"


def test_another_process_reads_what_is_durable(objects: S3Objects, bucket: str) -> None:
    for number in range(40):
        objects.put(f"tile/0/{number:03d}", bytes([number]) * 8192)
    objects.sync()
    other = S3Objects(bucket + "/log")
    assert [other.get(f"tile/0/{n:03d}")[0] for n in range(40)] == list(range(40))
    assert list(other.list("tile/")) == [f"tile/0/{n:03d}" for n in range(40)]
    assert list(other.list("")) == list(other.list("tile/"))
    assert list(other.list("manifests/")) == []
    other.close()
    beside = S3Objects(bucket)
    assert list(beside.list("")) == [f"log/tile/0/{n:03d}" for n in range(40)]
    beside.close()


def test_paths_are_listed_in_order(objects: S3Objects) -> None:
    paths = [
        "anchors/00000000000000000010/note",
        "checkpoint2",
        "manifests/ab",
        "tile/0/000",
        "tile/0/x001/000",
        "tile/entries/000",
    ]
    for path in reversed(paths):
        objects.put(path, b"x")
    assert list(objects.list("")) == paths


def test_create_writes_once(objects: S3Objects) -> None:
    objects.create("staging/a", b"one")
    objects.create("staging/a", b"one")
    assert _reason(objects.create, "staging/a", b"two") == "conflict"
    assert objects.get("staging/a") == b"one"


def test_of_two_who_create_one_wins(objects: S3Objects, bucket: str) -> None:
    other = S3Objects(bucket + "/log")
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def race(which: S3Objects, data: bytes) -> None:
        start.wait()
        try:
            which.create("staging/race", data)
            outcomes.append("won")
        except RegisterError as error:
            outcomes.append(error.reason)

    threads = [
        threading.Thread(target=race, args=pair) for pair in ((objects, b"a" * 100_000), (other, b"b" * 100_000))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "won"]
    assert len(set(objects.get("staging/race"))) == 1
    other.close()


def test_a_checkpoint_never_goes_back(objects: S3Objects, bucket: str) -> None:
    other = S3Objects(bucket + "/log")
    objects.put("checkpoint", checkpoint(5))
    other.put("checkpoint", checkpoint(8))
    assert _reason(objects.put, "checkpoint", checkpoint(7)) == "conflict"
    assert other.get("checkpoint") == checkpoint(8)
    objects.put("checkpoint", checkpoint(8, b"\1" * 32))  # of the same size: more cosignatures, say
    objects.put("checkpoint", checkpoint(9))
    assert objects.get("checkpoint") == checkpoint(9)
    objects.delete("checkpoint")
    objects.create("checkpoint", b"damaged")
    objects.put("checkpoint", checkpoint(3))
    assert objects.get("checkpoint") == checkpoint(3)
    other.close()


def test_a_checkpoint_that_another_swapped_in_between_is_not_overwritten(
    objects: S3Objects,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = S3Objects(bucket + "/log")
    objects.put("checkpoint", checkpoint(5))
    real = size_of

    def overtaken(note: bytes) -> int:
        if note == checkpoint(6):
            other.put("checkpoint", checkpoint(7))
        return real(note)

    monkeypatch.setattr(s3, "size_of", overtaken)
    assert _reason(objects.put, "checkpoint", checkpoint(6)) == "conflict"
    assert objects.get("checkpoint") == checkpoint(7)
    other.close()


def test_a_large_object_is_written_and_read_whole(objects: S3Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 40_000
    objects.put("manifests/large", data)
    assert objects.get("manifests/large") == data
    monkeypatch.setattr(s3, "MAX_OBJECT", len(data) - 1)
    assert _reason(objects.get, "manifests/large") == "too_large"


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/../b", "a b", ".hidden", "a/", "ä"])
def test_a_path_that_is_none_is_refused(objects: S3Objects, path: str) -> None:
    assert _reason(objects.get, path) == _reason(objects.put, path, b"") == _reason(objects.create, path, b"")
    assert _reason(objects.delete, path) == "malformed"


@pytest.mark.parametrize("url", ["s3://", "s3://Bucket", "http://x/y", "s3://bucket/../x", "s3://a:b@bucket", "bucket"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert _reason(S3Objects, url) == "unsupported"


def test_nothing_shows_the_credentials(objects: S3Objects) -> None:
    assert SECRET not in repr(objects) + repr(objects._store) + repr(vars(objects))


def test_wrong_credentials_are_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-" + SECRET[:5])
    with pytest.raises(RegisterError, match="refuses the credentials") as caught:
        S3Objects(bucket)
    assert caught.value.reason == "unwritable"
    assert "wrong-" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_said(bucket: str) -> None:
    with pytest.raises(RegisterError, match="no such bucket") as caught:
        S3Objects("s3://nobody-made-this-one")
    assert caught.value.reason == "unwritable"


def test_no_store_is_unreachable(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert _reason(S3Objects, bucket, 0.5) == "unreachable"


def test_without_leave_nothing_is_sent_in_clear(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(RegisterError, match="AWS_ALLOW_HTTP"):
        S3Objects(bucket)


class _Answers(http.server.BaseHTTPRequestHandler):
    """A store that answers every write as told, and lists nothing."""

    status = 507
    code = "InsufficientStorage"

    def do_GET(self) -> None:
        self._say(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._say(self.status, b"<Error><Code>%s</Code></Error>" % self.code.encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (507, "InsufficientStorage", "full"),
        (403, "QuotaExceeded", "full"),
        (403, "AccessDenied", "unwritable"),
        (500, "InternalError", "unreachable"),
    ],
)
def test_what_a_store_says_to_a_write_comes_out_with_the_next_call(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, reason: str
) -> None:
    handler = type("Told", (_Answers,), {"status": status, "code": code})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}"), ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", "us-east-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    objects = S3Objects("s3://bucket", timeout=0.5)
    objects.put("tile/0/000", b"x")
    assert _reason(objects.sync) == reason
    objects.sync()  # told once
    objects.put("tile/0/000", b"x")
    assert _reason(objects.put, "checkpoint", checkpoint(1)) == reason
    assert _reason(objects.create, "staging/x", b"x") == reason
    objects.close()
    server.shutdown()
    server.server_close()


def test_a_store_that_went_away_is_said_and_written_to_when_it_is_back(
    seaweed: Seaweed,
    bucket: str,
) -> None:
    objects = S3Objects(bucket, timeout=1.0)
    objects.put("tile/0/000", b"before")
    objects.sync()
    seaweed.stop()
    objects.put("tile/0/001", b"during")
    assert _reason(objects.sync) == "unreachable"
    assert _reason(objects.get, "tile/0/000") == "unreachable"
    seaweed.start()
    assert objects.get("tile/0/000") == b"before"
    objects.put("tile/0/001", b"after")
    objects.sync()
    assert objects.get("tile/0/001") == b"after"
    objects.close()
