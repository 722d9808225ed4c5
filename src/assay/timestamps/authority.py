"""A small RFC 3161 time-stamping authority around ``openssl ts -reply``: for tests, and to host oneself."""

import contextlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from assay.errors import ProvenanceError, UsageError
from assay.timestamps.serials import Serials

POLICY = "1.3.6.1.4.1.32473.1"
"""What a timestamp says it was made under, unless told otherwise: a number set aside for examples (RFC 5612)."""

DIGESTS = ("sha256", "sha384", "sha512")
SECONDS = 10
"""How long OpenSSL may take over one answer."""

AT_ONCE = 8
"""How many answers are made at the same time; others wait."""

_CONFIGURATION = """\
[tsa]
signer_cert = {folder}/leaf.pem
signer_key = {folder}/key.pem
serial = {folder}/serial
default_policy = {policy}
digests = {digests}
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
"""
# No "certs =": with the authority's certificate in the answer OpenSSL writes a set in an order that is not DER, and
# strict readers refuse it. The leaf stands directly under its root, so nothing is missing.


class BusyError(ProvenanceError):
    """Too many requests at once."""


@dataclass(frozen=True)
class Identity:
    """What an authority signs with. ``passphrase`` opens ``key_pem`` where that is encrypted."""

    name: str
    leaf_pem: bytes
    key_pem: bytes
    policy: str = POLICY
    passphrase: str | None = None

    def __repr__(self) -> str:
        """Without the key."""
        return f"Identity(name={self.name!r}, policy={self.policy!r})"


class Authority:
    """Answers timestamp requests. Safe to use from many threads, and many processes may share ``serials``.

    Raises ProvenanceError (``missing``) where there is no ``openssl``, UsageError where the policy is not an OID.
    """

    def __init__(self, identity: Identity, serials: Path) -> None:
        self.identity = identity
        self.openssl = find_openssl()
        if not re.fullmatch(r"[0-2](\.(0|[1-9]\d{0,9})){1,20}", identity.policy):
            raise UsageError(f"A policy is an object identifier such as {POLICY}; {identity.policy!r} is not")
        self.certificate = x509.load_pem_x509_certificate(identity.leaf_pem)
        self._serials = Serials(serials)
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def reply(self, query: bytes) -> bytes:
        """The answer to a ``TimeStampReq`` (DER): a ``TimeStampResp`` (DER), which may be a refusal.

        Raises BusyError where no slot frees itself in time, ProvenanceError (``authority``) where OpenSSL fails, takes
        too long or the authority's certificate is out of date.
        """
        if not self.in_date():
            raise ProvenanceError("The certificate of this authority is out of date", "authority")
        if not self._slots.acquire(timeout=SECONDS):
            raise BusyError("Too many requests at once; try again shortly", "authority")
        try:
            with self._folder() as folder:
                return self._run(folder, query)
        finally:
            self._slots.release()

    def in_date(self) -> bool:
        """Whether the authority's certificate is valid now."""
        return self.certificate.not_valid_before_utc <= datetime.now(UTC) <= self.certificate.not_valid_after_utc

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """What OpenSSL reads, in a folder of this one request: it counts the serial number up itself, in a file that
        no other request sees, from one below the number that was taken.
        """
        number = self._serials.take() - 1
        with tempfile.TemporaryDirectory(prefix="assay-tsa-") as name:
            folder = Path(name)
            digits = f"{number:X}"
            (folder / "serial").write_text(digits.zfill(len(digits) + len(digits) % 2), encoding="ascii")
            (folder / "leaf.pem").write_bytes(self.identity.leaf_pem)
            (folder / "key.pem").touch(mode=0o600)
            (folder / "key.pem").write_bytes(self.identity.key_pem)
            (folder / "tsa.cnf").write_text(
                _CONFIGURATION.format(folder=folder, policy=self.identity.policy, digests=", ".join(DIGESTS)),
                encoding="utf-8",
            )
            yield folder

    def _run(self, folder: Path, query: bytes) -> bytes:
        question, answer = folder / "query.tsq", folder / "reply.tsr"
        question.write_bytes(query)
        command: list[str | Path] = [
            self.openssl, "ts", "-reply", "-config", folder / "tsa.cnf", "-section", "tsa", "-queryfile", question,
            "-out", answer, "-passin", "stdin",
        ]  # fmt: skip
        secret = f"{self.identity.passphrase or ''}\n".encode()
        try:
            subprocess.run(command, input=secret, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603
            return answer.read_bytes()
        except subprocess.TimeoutExpired:
            raise ProvenanceError("OpenSSL took too long over the answer", "authority") from None
        except (subprocess.CalledProcessError, OSError):
            # What OpenSSL says names files of this machine; it helps nobody who asks for a timestamp.
            raise ProvenanceError("OpenSSL could not make an answer", "authority") from None


def find_openssl() -> str:
    """The path of the ``openssl`` program. Raises ProvenanceError (``missing``)."""
    found = shutil.which("openssl")
    if not found:
        raise ProvenanceError(
            "The openssl program is not installed: a time-stamping authority needs it (Debian: apt install openssl)",
            "missing",
        )
    return found


__all__ = ["DIGESTS", "POLICY", "Authority", "BusyError", "Identity", "find_openssl"]
