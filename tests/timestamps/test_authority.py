"""The authority: what it answers, over HTTP and without, to the honest, the hostile and the many."""

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rfc3161_client as tsp
from cryptography import x509
from tests.provenance.pki import pki, serving

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import create_timestamp_authority
from assay.timestamps import Authority, Identity, Server, authority, server
from assay.timestamps.serials import Serials

QUERY = {"Content-Type": "application/timestamp-query"}


def request(message: bytes = b"hello", digest: tsp.HashAlgorithm = tsp.HashAlgorithm.SHA256) -> tsp.TimeStampRequest:
    return tsp.TimestampRequestBuilder().data(message).hash_algorithm(digest).build()


def made(tmp_path: Path, *, policy: str = authority.POLICY, **options: object) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("missing: openssl")
    tsa = pki().tsa
    return Authority(Identity("Clock", tsa.chain_pem, tsa.key_pem, policy, **options), tmp_path / "s")  # type: ignore[arg-type]


@pytest.fixture
def clock(tmp_path: Path) -> Authority:
    return made(tmp_path)


@pytest.fixture
def running(clock: Authority) -> Iterator[Server]:
    with serving(clock) as listening:
        yield listening


def verified(reply: bytes, asked: tsp.TimeStampRequest, message: bytes, roots: bytes) -> tsp.TimeStampResponse:
    decoded = tsp.decode_timestamp_response(reply)
    builder = tsp.VerifierBuilder.from_request(asked).add_root_certificate(x509.load_pem_x509_certificate(roots))
    assert builder.build().verify_message(decoded, message)
    return decoded


class TestReply:
    @pytest.mark.parametrize("algorithm", ["ps256", "es256", "es384"])
    def test_strict_readers_verify_it(self, algorithm: str, tmp_path: Path, clock: Authority) -> None:
        tsa = create_timestamp_authority("Clock", organisation="Org", algorithm=algorithm)
        own = Authority(Identity("Clock", tsa.chain_pem, tsa.key_pem, "1.2.3.4"), tmp_path / algorithm)
        asked = request()
        reply = verified(own.reply(asked.as_bytes()), asked, b"hello", tsa.root_pem)
        assert reply.tst_info.policy.dotted_string == "1.2.3.4"
        assert abs(reply.tst_info.gen_time - datetime.now(UTC)) < timedelta(seconds=20)
        assert len(reply.signed_data.certificates) == 1, "more than one is written in an order that is not DER"

    def test_sha512_too(self, clock: Authority) -> None:
        asked = request(digest=tsp.HashAlgorithm.SHA512)
        verified(clock.reply(asked.as_bytes()), asked, b"hello", pki().tsa_root_pem)

    def test_other_digests_are_refused(self, clock: Authority) -> None:
        """SHA-256's object identifier in the request is made SHA-224's."""
        body = bytearray(request().as_bytes())
        sha256 = bytes.fromhex("608648016503040201")
        body[body.find(sha256) + 8] = 4
        assert tsp.decode_timestamp_response(clock.reply(bytes(body))).status == tsp.PKIStatus.REJECTION

    @pytest.mark.parametrize("garbage", [b"", b"\0", b"\x30\x82\xff\xff", b"x" * 5000])
    def test_garbage_is_refused_in_the_protocol(self, clock: Authority, garbage: bytes) -> None:
        assert tsp.decode_timestamp_response(clock.reply(garbage)).status == tsp.PKIStatus.REJECTION

    def test_an_encrypted_key_opens_with_its_passphrase_alone(self, tmp_path: Path, clock: Authority) -> None:
        tsa = create_timestamp_authority("Clock", organisation="Org", algorithm="es256", passphrase="open sesame")
        asked = request()
        good = Authority(Identity("Clock", tsa.chain_pem, tsa.key_pem, passphrase="open sesame"), tmp_path / "a")
        verified(good.reply(asked.as_bytes()), asked, b"hello", tsa.root_pem)
        bad = Authority(Identity("Clock", tsa.chain_pem, tsa.key_pem, passphrase="sesame"), tmp_path / "b")
        with pytest.raises(ProvenanceError) as caught:
            bad.reply(asked.as_bytes())
        assert caught.value.reason == "authority"
        assert "sesame" not in repr(bad.identity) + str(caught.value)

    def test_nothing_is_left_behind(self, clock: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        work = tmp_path / "work"
        work.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(work))
        clock.reply(request().as_bytes())
        assert list(work.iterdir()) == []


class TestRefusesToBegin:
    def test_without_openssl(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ProvenanceError, match="apt install openssl") as caught:
            Authority(Identity("Clock", pki().tsa.chain_pem, pki().tsa.key_pem), tmp_path / "s")
        assert caught.value.reason == "missing"

    @pytest.mark.parametrize("policy", ["", "abc", "1", "9.1", "1.2.3\nsigner_key = x", "1..2", "1.02"])
    def test_with_a_policy_that_is_none(self, policy: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="object identifier"):
            made(tmp_path, policy=policy)

    def test_where_serial_numbers_cannot_be_kept(self, tmp_path: Path) -> None:
        (tmp_path / "s").mkdir()
        with pytest.raises(ProvenanceError) as caught:
            made(tmp_path)
        assert caught.value.reason == "unwritable"


class TestSerials:
    def test_many_at_once_never_get_the_same(self, clock: Authority) -> None:
        asked = [request(f"message {n}".encode()) for n in range(16)]
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda one: clock.reply(one.as_bytes()), asked))
        numbers = [tsp.decode_timestamp_response(reply).tst_info.serial_number for reply in replies]
        assert len(set(numbers)) == 16
        assert max(numbers) - min(numbers) == 15

    def test_two_counters_on_one_file_share_it(self, tmp_path: Path) -> None:
        both = [Serials(tmp_path / "s"), Serials(tmp_path / "s")]
        with ThreadPoolExecutor(8) as threads:
            taken = list(threads.map(lambda n: both[n % 2].take(), range(60)))
        assert len(set(taken)) == 60

    def test_a_lost_file_does_not_begin_at_the_beginning(self, tmp_path: Path) -> None:
        begun = {Serials(tmp_path / str(n)).take() for n in range(8)}
        assert len(begun) == 8
        assert min(begun) > 1000

    def test_the_number_is_the_one_that_was_taken(self, clock: Authority) -> None:
        before = clock._serials.take()
        reply = tsp.decode_timestamp_response(clock.reply(request().as_bytes()))
        assert reply.tst_info.serial_number == before + 1


class TestFails:
    def script(self, clock: Authority, tmp_path: Path, text: str) -> None:
        path = tmp_path / "openssl"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        clock.openssl = str(path)

    def test_openssl_that_hangs_is_stopped(
        self, clock: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(authority, "SECONDS", 0.3)
        self.script(clock, tmp_path, "exec sleep 30")
        with pytest.raises(ProvenanceError, match="too long"):
            clock.reply(request().as_bytes())

    @pytest.mark.parametrize("text", ["echo /secret/key.pem >&2; exit 1", "exit 0"])
    def test_openssl_that_fails_says_nothing_of_this_machine(self, clock: Authority, tmp_path: Path, text: str) -> None:
        self.script(clock, tmp_path, text)
        with pytest.raises(ProvenanceError) as caught:
            clock.reply(request().as_bytes())
        assert str(caught.value) == "OpenSSL could not make an answer"

    def test_a_certificate_out_of_date(self, tmp_path: Path, clock: Authority) -> None:
        old = create_timestamp_authority(
            "Old", organisation="Org", algorithm="es256", days=10, not_before=datetime(2024, 1, 1, tzinfo=UTC)
        )
        expired = Authority(Identity("Old", old.chain_pem, old.key_pem), tmp_path / "old")
        with pytest.raises(ProvenanceError, match="out of date"):
            expired.reply(request().as_bytes())
        with serving(expired) as listening:
            assert call(listening, "GET", "/health")[0] == 503
            assert call(listening, "POST", "/", request().as_bytes(), QUERY)[0] == 500

    def test_too_many_at_once_are_told_to_come_again(
        self, clock: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(authority, "SECONDS", 0.05)
        clock._slots = threading.BoundedSemaphore(1)
        clock._slots.acquire()
        with serving(clock) as listening:
            status, _, body = call(listening, "POST", "/", request().as_bytes(), QUERY)
        assert (status, "again" in body.decode()) == (503, True)


def call(
    to: Server, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", to.server_port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.msg, response.read()
    finally:
        connection.close()


class TestOverHttp:
    def test_a_timestamp(self, running: Server) -> None:
        asked = request()
        status, headers, body = call(running, "POST", "/", asked.as_bytes(), QUERY)
        assert (status, headers["Content-Type"]) == (200, "application/timestamp-reply")
        verified(body, asked, b"hello", pki().tsa_root_pem)

    def test_health(self, running: Server) -> None:
        status, headers, body = call(running, "GET", "/health")
        state = json.loads(body)
        assert (status, headers["Content-Type"], state["status"]) == (200, "application/json", "ok")
        assert state["policy"] == authority.POLICY

    @pytest.mark.parametrize(
        ("method", "path", "headers", "body", "status"),
        [
            ("GET", "/", {}, None, 405),
            ("DELETE", "/", {}, None, 405),
            ("BREW", "/", {}, None, 405),
            ("POST", "/", {"Content-Type": "text/html"}, b"x", 415),
            ("POST", "/", {}, b"x", 415),
            ("POST", "/elsewhere", QUERY, b"x", 404),
            ("POST", "/", QUERY, b"x" * (server.MAX_QUERY + 1), 413),
            ("POST", "/", {**QUERY, "Content-Length": "99999999999999999999"}, b"", 413),
            ("POST", "/", {**QUERY, "Content-Length": "-5"}, b"", 411),
            ("POST", "/", {**QUERY, "Content-Length": "\xb2"}, b"", 411),
            ("POST", "/", {**QUERY, "Transfer-Encoding": "chunked"}, b"1\r\nx\r\n0\r\n\r\n", 411),
        ],
    )
    def test_refuses_with_a_sentence(  # noqa: PLR0917
        self, running: Server, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
    ) -> None:
        found, answered, text = call(running, method, path, body, headers)
        assert (found, answered["Content-Type"]) == (status, "text/plain; charset=utf-8")
        assert text.decode().endswith(".\n")
        assert answered["Connection"] == "close"
        assert b"<" not in text

    def test_the_log_names_nobody(self, clock: Authority) -> None:
        lines: list[str] = []
        with serving(clock, lines) as listening:
            call(listening, "POST", "/?token=secret", request(b"a secret").as_bytes(), {**QUERY, "User-Agent": "me"})
            call(listening, "GET", "/private/path")
            call(listening, "EVIL", "/")
        assert lines == ["POST 200", "GET 405", "? 405"]

    def test_a_client_that_dawdles_is_let_go(self, running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server.Handler, "timeout", 0.3)
        with socket.create_connection(("127.0.0.1", running.server_port), timeout=10) as slow:
            slow.sendall(
                b"POST / HTTP/1.1\r\nContent-Type: application/timestamp-query\r\nContent-Length: 50\r\n\r\nabc"
            )
            assert slow.recv(1000) == b""
        assert call(running, "GET", "/health")[0] == 200

    def test_a_client_that_sends_byte_by_byte_is_let_go_too(
        self, running: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server.Handler, "timeout", 0.5)
        with socket.create_connection(("127.0.0.1", running.server_port), timeout=0.1) as slow:
            slow.sendall(b"GET /health HTTP/1.1\r\nX: ")
            begun, answer = time.monotonic(), b""
            while not answer and time.monotonic() - begun < 10:
                try:
                    slow.sendall(b"a")
                    answer = slow.recv(1000) or b"closed"
                except TimeoutError:
                    continue
                except OSError:
                    answer = b"closed"
        assert time.monotonic() - begun < 5

    def test_more_clients_than_there_is_room_for(self, running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "CLIENTS", 0)
        with pytest.raises((http.client.HTTPException, OSError)):
            call(running, "GET", "/health")
        monkeypatch.undo()
        assert call(running, "GET", "/health")[0] == 200

    def test_no_request_at_all(self, running: Server) -> None:
        with socket.create_connection(("127.0.0.1", running.server_port), timeout=10) as other:
            other.sendall(b"\x16\x03\x01 not http\r\n\r\n")
            assert other.recv(1000) == b"This is not an HTTP request that can be answered.\n"

    def test_it_ends_though_clients_hang_on(self, clock: Authority) -> None:
        with serving(clock) as listening, socket.create_connection(("127.0.0.1", listening.server_port)) as idle:
            assert call(listening, "GET", "/health")[0] == 200
            begun = time.monotonic()
            listening.shutdown()
            listening.server_close()
            assert time.monotonic() - begun < 2
            assert idle.recv(10) == b""

    def test_an_answer_under_way_goes_out_before_the_end(
        self, clock: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, entered = clock.reply, threading.Event()

        def slow(query: bytes) -> bytes:
            entered.set()
            time.sleep(0.3)
            return real(query)

        monkeypatch.setattr(clock, "reply", slow)
        asked = request()
        with ThreadPoolExecutor(1) as thread, serving(clock) as listening:
            answer = thread.submit(call, listening, "POST", "/", asked.as_bytes(), QUERY)
            assert entered.wait(5)
            listening.shutdown()
            listening.server_close()
            verified(answer.result()[2], asked, b"hello", pki().tsa_root_pem)

    def test_it_listens_on_this_machine_alone(self, running: Server) -> None:
        assert running.server_address[0] == "127.0.0.1"
        assert running.url == f"http://127.0.0.1:{running.server_port}/"

    def test_an_address_that_is_taken(self, running: Server, clock: Authority) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(OSError, match="in use"):
                Server(clock, "127.0.0.1", taken.getsockname()[1], print)
