"""The client against authorities that are sound, down, slow, lying or no authorities at all; and the check."""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import rfc3161_client as tsp
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.provenance.pki import authority, pki, serving

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import create_timestamp_authority, load_key
from assay.provenance.certificates.issue import TIMESTAMP_PURPOSES, Issuer, issue, leaf_extensions, pem, subject
from assay.timestamps import Authority, Identity, check, stamp

REPLY = "application/timestamp-reply"
ROOTS = [x509.load_pem_x509_certificate(pki().tsa_root_pem)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with authority(pki()) as url:
        yield url


@contextlib.contextmanager
def simulated(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that does to each POST what ``answer`` does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def says(body: bytes, kind: str = REPLY, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def failure(url: str, **options: float) -> str:
    with pytest.raises(ProvenanceError) as caught:
        stamp(b"message", url, **options)
    assert caught.value.reason == "authority"
    return str(caught.value)


def reply_to(message: bytes, url: str, *, nonce: bool) -> bytes:
    """What the real authority answers to a request of our own making."""
    import httpx

    asked = (
        tsp.TimestampRequestBuilder().data(message).hash_algorithm(tsp.HashAlgorithm.SHA256).nonce(nonce=nonce).build()
    )
    return httpx.post(url, content=asked.as_bytes(), headers={"Content-Type": "application/timestamp-query"}).content


class TestStamp:
    def test_round_trip(self, url: str) -> None:
        token = stamp(b"message", url)
        when = check(token, b"message", ROOTS)
        assert when.tzinfo is not None
        assert abs(when.timestamp() - time.time()) < 20

    def test_only_a_digest_is_sent(self) -> None:
        seen: list[bytes] = []

        def answer(handler: BaseHTTPRequestHandler) -> None:
            seen.append(handler.rfile.read(int(handler.headers["Content-Length"])))
            handler.send_error(500)

        with simulated(answer) as url, pytest.raises(ProvenanceError):
            stamp(b"a secret message", url)
        assert b"secret" not in seen[0]
        assert len(seen[0]) < 100

    def test_down(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        assert f"http://127.0.0.1:{port}/ cannot be reached" in failure(f"http://127.0.0.1:{port}/")

    def test_slow(self) -> None:
        with simulated(lambda _: time.sleep(1)) as url:
            assert "within 0.3 s" in failure(url, timeout=0.3)

    def test_drop_by_drop(self) -> None:
        """Each byte comes in time; all of them together do not."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for letter in b"X-Slow: " + b"x" * 30:
                handler.wfile.write(bytes([letter]))
                time.sleep(0.1)

        with simulated(answer) as url:
            start = time.monotonic()
            assert "did not answer" in failure(url, timeout=0.4)
            assert time.monotonic() - start < 2

    def test_a_web_page(self) -> None:
        with simulated(says(b"<html>", "text/html; charset=utf-8")) as url:
            assert "is not a time-stamping authority: it answered with text/html" in failure(url)

    def test_garbage_of_the_right_type(self) -> None:
        for body in (b"", b"\x30\x03\x02\x01\x00", b"nonsense", b"\x30\x05\x30\x03\x02\x01\x00"):
            with simulated(says(body)) as url:
                assert "cannot be read as a timestamp" in failure(url)

    def test_without_end(self) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n")
            for _ in range(10_000):
                handler.wfile.write(b"\x30" * 10_000)

        with simulated(answer) as url:
            assert "longer than any timestamp" in failure(url)

    def test_an_error_and_a_move(self) -> None:
        with simulated(says(b"", status=500)) as url:
            assert "error 500" in failure(url)
        with simulated(says(b"", status=302, Location="http://127.0.0.1:1/")) as url:
            assert "has moved" in failure(url)

    def test_an_answer_to_another_request(self, url: str) -> None:
        """Recorded and played again: its nonce is another's."""
        with simulated(says(reply_to(b"message", url, nonce=True))) as replayed:
            assert "nonce" in failure(replayed)

    def test_an_answer_without_nonce(self, url: str) -> None:
        with simulated(says(reply_to(b"message", url, nonce=False))) as replayed:
            assert "nonce" in failure(replayed)

    def test_a_refusal(self) -> None:
        refused = bytes.fromhex("300d300b0201023006") + b"\x0c\x04a\x1b[m"
        with simulated(says(refused)) as url:
            assert failure(url).endswith("refused: a?[m")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://a/",
            "file:///etc/passwd",
            "http://",
            "//a",
            "http://[::1",
            "http://a:x/",
            "http://a\x01/",
            "http://xn--\xff/",
        ],
    )
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(UsageError, match="http://"):
            stamp(b"message", url)

    def test_secrets_of_the_address_are_not_shown(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        said = failure(f"http://user:hunter2@127.0.0.1:{port}/tsr?token=hunter2")
        assert "hunter2" not in said
        assert f"http://127.0.0.1:{port}/tsr" in said


def rejected(token: bytes, message: bytes, roots: list[x509.Certificate]) -> str:
    with pytest.raises(ProvenanceError) as caught:
        check(token, message, roots)
    assert caught.value.reason == "rejected"
    return str(caught.value)


class TestCheck:
    def test_another_message(self, url: str) -> None:
        rejected(stamp(b"message", url), b"massage", ROOTS)

    def test_an_authority_that_nobody_trusts(self, url: str) -> None:
        token = stamp(b"message", url)
        rejected(token, b"message", [x509.load_pem_x509_certificate(pki().root_pem)])
        assert "No time-stamping authority" in rejected(token, b"message", [])
        assert check(token, b"message", [*ROOTS, *ROOTS, x509.load_pem_x509_certificate(pki().root_pem)])

    def test_a_namesake_of_the_authority(self, url: str) -> None:
        """Same names, other keys."""
        twin = create_timestamp_authority("Test Time", organisation="Test Organisation", country="NL")
        rejected(stamp(b"message", url), b"message", [x509.load_pem_x509_certificate(twin.root_pem)])

    @settings(max_examples=80, deadline=None)
    @given(data=st.data())
    def test_no_damage_changes_what_it_says(self, url: str, data: st.DataObject) -> None:
        """What CMS does not sign (version numbers, the name of the algorithm) may change, and changes nothing."""
        token = bytearray(_token(url))
        place = data.draw(st.integers(0, len(token) - 1))
        token[place] ^= data.draw(st.integers(1, 255))
        with contextlib.suppress(ProvenanceError):
            assert check(bytes(token), b"message", ROOTS) == check(_token(url), b"message", ROOTS)
        rejected(bytes(token), b"massage", ROOTS)

    def test_a_changed_time_or_digest_is_refused(self, url: str) -> None:
        token = _token(url)
        for part in (tsp_time(token), hashlib.sha256(b"message").digest()):
            place = token.find(part)
            assert place > 0
            changed = bytearray(token)
            changed[place + len(part) - 2] ^= 1
            rejected(bytes(changed), b"message", ROOTS)

    @settings(max_examples=60, deadline=None)
    @given(garbage=st.binary(max_size=300))
    def test_garbage_is_no_timestamp(self, garbage: bytes) -> None:
        rejected(garbage, b"message", ROOTS)

    def test_the_certificate_may_have_ended_since(self, tmp_path: Path) -> None:
        """Judged at the time of the timestamp, not now: that is what timestamps are for."""
        key = load_key(pki().tsa.root_key_pem)
        root = Issuer(ROOTS[0], key)
        now = datetime.now(UTC)
        ends = now.replace(microsecond=0) + timedelta(seconds=2)
        leaf = issue(
            subject("Short", "Org"), load_key(pki().tsa.key_pem).public_key(), root,
            leaf_extensions(TIMESTAMP_PURPOSES, critical=True), not_before=now - timedelta(hours=1), not_after=ends,
        )  # fmt: skip
        try:
            clock = Authority(Identity("Short", pem(leaf), pki().tsa.key_pem), tmp_path / "s")
        except ProvenanceError as error:
            pytest.skip(f"missing: {error}")
        with serving(clock) as server:
            token = stamp(b"message", server.url)
        while clock.in_date():
            time.sleep(0.1)
        assert check(token, b"message", ROOTS) <= ends


def tsp_time(token: bytes) -> bytes:
    """The GeneralizedTime of a token as it is written."""
    return f"{check(token, b'message', ROOTS):%Y%m%d%H%M%SZ}".encode()


_TOKENS: dict[str, bytes] = {}


def _token(url: str) -> bytes:
    if url not in _TOKENS:
        _TOKENS[url] = stamp(b"message", url)
    return _TOKENS[url]
