"""A public-key infrastructure for tests, made with the project's own code: nothing of it is kept on disk.

``pki()`` gives one for the whole run. ``Pki.issue`` makes variants: out of date, badly made, of another kind of key.
``authority(pki)`` runs a time-stamping authority on this machine.
"""

import contextlib
import functools
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from assay.errors import ProvenanceError
from assay.provenance.certificates import Development, create, create_timestamp_authority, encode_key, generate
from assay.provenance.certificates.issue import (
    CLAIM_PURPOSES,
    Extension,
    Issuer,
    issue,
    leaf_extensions,
    pem,
    subject,
)
from assay.timestamps import Authority, Identity, Server
from assay.timestamps.authority import find_openssl

ORGANISATION = "Test Organisation"


@dataclass(frozen=True)
class Issued:
    """A leaf, with what a signer needs. ``algorithm`` is C2PA's name."""

    chain_pem: bytes
    key_pem: bytes
    leaf: x509.Certificate
    algorithm: str


@dataclass(frozen=True)
class Pki:
    """``chain_pem`` is the leaf, then the intermediate; ``key_pem`` the leaf's key, not encrypted."""

    root_pem: bytes
    chain_pem: bytes
    key_pem: bytes
    leaf: x509.Certificate
    root: Issuer
    intermediate: Issuer
    tsa: Development
    algorithm: str = "es256"

    @property
    def tsa_root_pem(self) -> bytes:
        """The root of the time-stamping authority that :func:`authority` runs."""
        return self.tsa.root_pem

    def issue(
        self,
        name: str = "Variant",
        *,
        algorithm: str = "es256",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        purposes: Sequence[x509.ObjectIdentifier] = CLAIM_PURPOSES,
        drop: Sequence[type[x509.ExtensionType]] = (),
        instead: Sequence[Extension] = (),
        organisation: str | None = ORGANISATION,
        issuer: Issuer | None = None,
        intermediate: bool = True,
        passphrase: str | None = None,
    ) -> Issued:
        """Another leaf under the same intermediate; every argument makes it differ from a sound one.

        ``drop`` leaves extensions out by type; ``instead`` are put in place of those of their type. ``intermediate``
        says whether the chain carries it. ``purposes`` are extended key usages.
        """
        key = generate(algorithm)
        by = issuer or self.intermediate
        start = not_before or datetime.now(UTC) - timedelta(minutes=5)
        who = subject(name, organisation or ORGANISATION)
        if organisation is None:
            who = x509.Name([a for a in who if a.oid != x509.NameOID.ORGANIZATION_NAME])
        leaf = issue(
            who, key.public_key(), by, leaf_extensions(purposes) if purposes else leaf_extensions(CLAIM_PURPOSES),
            not_before=start, not_after=not_after or start + timedelta(days=365),
        )  # fmt: skip
        drop = [*drop, *([] if purposes else [x509.ExtendedKeyUsage])]
        if drop or instead:
            leaf = remade(leaf, by, drop=drop, instead=instead)
        chain = pem(leaf) + (by.pem if intermediate else b"")
        return Issued(chain, encode_key(key, passphrase), leaf, algorithm)

    def expired(self, *, days_ago: int = 10, algorithm: str = "es256") -> Issued:
        """A leaf that was sound until so many days ago."""
        end = datetime.now(UTC) - timedelta(days=days_ago)
        return self.issue("Expired", algorithm=algorithm, not_before=end - timedelta(days=100), not_after=end)

    def ocsp_response(self, leaf: x509.Certificate, *, revoked: bool, at: datetime | None = None) -> bytes:
        """What the intermediate says of a leaf (OCSP response, DER), as of ``at`` (now when none)."""
        when = at or datetime.now(UTC) - timedelta(minutes=1)
        issuer = self.intermediate
        return (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=leaf,
                issuer=issuer.certificate,
                algorithm=hashes.SHA1(),
                cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=when,
                next_update=when + timedelta(days=7),
                revocation_time=when - timedelta(days=1) if revoked else None,
                revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
            .sign(issuer.key, hashes.SHA384())
            .public_bytes(serialization.Encoding.DER)
        )


def remade(
    certificate: x509.Certificate,
    issuer: Issuer,
    *,
    drop: Sequence[type[x509.ExtensionType]] = (),
    instead: Sequence[Extension] = (),
) -> x509.Certificate:
    """A certificate signed again with other extensions."""
    gone = (*drop, *(type(extension) for extension, _ in instead))
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    kept = [(e.value, e.critical) for e in certificate.extensions if not isinstance(e.value, gone)]
    for extension, critical in [*kept, *instead]:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA384())


@functools.cache
def pki() -> Pki:
    """The one of this run."""
    made = create("Test Signer", organisation=ORGANISATION, country="NL", days=365)
    leaf, intermediate = x509.load_pem_x509_certificates(made.chain_pem)
    keys = [serialization.load_pem_private_key(k, None) for k in (made.root_key_pem, made.intermediate_key_pem)]
    return Pki(
        root_pem=made.root_pem,
        chain_pem=made.chain_pem,
        key_pem=made.key_pem,
        leaf=leaf,
        root=Issuer(x509.load_pem_x509_certificate(made.root_pem), keys[0]),  # type: ignore[arg-type]
        intermediate=Issuer(intermediate, keys[1]),  # type: ignore[arg-type]
        tsa=create_timestamp_authority("Test Time", organisation=ORGANISATION, country="NL", algorithm="es256"),
    )


@contextlib.contextmanager
def authority(pki: Pki) -> Iterator[str]:
    """The URL of a time-stamping authority that runs as long as the block. Skips the test where openssl is missing."""
    try:
        find_openssl()
    except ProvenanceError as error:
        pytest.skip(f"missing: {error}")
    with tempfile.TemporaryDirectory() as folder:
        identity = Identity("Test Time", pki.tsa.chain_pem, pki.tsa.key_pem)
        with serving(Authority(identity, Path(folder) / "serials.sqlite3")) as server:
            yield server.url


@contextlib.contextmanager
def serving(authority: Authority, log: list[str] | None = None) -> Iterator[Server]:
    """A server in a thread, on a free port of this machine."""
    server = Server(authority, "127.0.0.1", 0, (log if log is not None else []).append)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
