"""Who signs: a certificate chain and something that signs with its key, from files, a token or a callback."""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from assay.errors import ProvenanceError
from assay.provenance import tokens
from assay.provenance.certificates import ALGORITHMS, encode_key, lint, load_key
from assay.provenance.config import config_folder
from assay.provenance.keys import Sign, algorithm_of, certificates_of, same_key, signed_by, signing_with

FILE = "identity.toml"
_KEYS = {"name", "certificate", "key", "pkcs11", "module", "tsa"}

Secret = Callable[[], bytes | None]
"""Gives a passphrase or a PIN when it is needed, or none where there is none."""


def passphrase_of_environment() -> bytes | None:
    """``ASSAY_PASSPHRASE``."""
    return _secret("ASSAY_PASSPHRASE")


def pin_of_environment() -> bytes | None:
    """``ASSAY_PIN``."""
    return _secret("ASSAY_PIN")


def _secret(name: str) -> bytes | None:
    value = os.environ.get(name)
    return os.fsencode(value) if value else None


@dataclass(frozen=True, eq=False)
class Identity:
    """Who signs. ``chain`` is PEM, leaf first; ``algorithm`` one of ``es256 es384 es512 ps256 ed25519``; ``tsa`` the
    URL of a timestamp authority or none; ``sign`` gives the raw COSE signature of bytes: r‖s for ECDSA.
    ``warnings`` are sentences for the person who uses it. ``key`` is the private key (PEM, not encrypted) where it is
    at hand: the library makes smaller records with it than through ``sign``. It stays in its process.
    """

    name: str
    chain: bytes = field(repr=False)
    algorithm: str
    tsa: str | None
    sign: Sign = field(repr=False)
    warnings: tuple[str, ...] = ()
    key: bytes | None = field(default=None, repr=False)


def from_pem(
    chain: bytes,
    key: bytes,
    *,
    name: str | None = None,
    tsa: str | None = None,
    passphrase: Secret = passphrase_of_environment,
) -> Identity:
    """From a PEM chain, leaf first, and a PEM private key; ``passphrase`` is asked only if the key is encrypted.

    Raises ProvenanceError: ``key``, ``passphrase``, ``certificate``, ``expired``, ``unsupported``.
    """
    secret = passphrase() if b"ENCRYPTED" in key else None
    private = load_key(key, secret.decode("utf-8", "surrogateescape") if secret else None)
    algorithm, called, leaf = _checked(chain, name)
    if not same_key(private, leaf):
        raise ProvenanceError(f"The private key is not that of the certificate of {called}.", "key")
    return Identity(called, chain, algorithm, _url(tsa), signing_with(private, algorithm), key=encode_key(private))


def from_callback(
    chain: bytes, algorithm: str, sign: Sign, *, name: str | None = None, tsa: str | None = None
) -> Identity:
    """From a PEM chain and a function that signs, as of a key management service.

    Raises ProvenanceError: ``certificate``, ``expired``, ``key`` where the algorithm is not that of the certificate.
    """
    if algorithm not in ALGORITHMS:
        raise ProvenanceError(f"There is no algorithm {algorithm!r}; choose one of {', '.join(ALGORITHMS)}.", "key")
    found, called, _ = _checked(chain, name)
    if found != algorithm:
        raise ProvenanceError(f"The certificate of {called} is for {found}, not for {algorithm}.", "key")
    return Identity(called, chain, algorithm, _url(tsa), sign)


def from_pkcs11(
    chain: bytes,
    uri: str,
    module: Path,
    *,
    name: str | None = None,
    tsa: str | None = None,
    pin: Secret = pin_of_environment,
) -> Identity:
    """From a PEM chain and a key on a token: ``uri`` as in RFC 7512, ``module`` the maker's library.

    Raises ProvenanceError: ``certificate``, ``expired``, ``missing``, ``passphrase``, ``key``.
    """
    where = tokens.place(uri)
    algorithm, called, leaf = _checked(chain, name)
    sign = tokens.signing_on(where, module, algorithm, pin())
    challenge = b"assay: is this the key of the certificate?"
    try:
        fits = signed_by(leaf, algorithm, sign(challenge), challenge)
    except Exception as error:  # whatever a maker's library raises for a key of another kind
        raise ProvenanceError(
            f"The key {where.words} on the token cannot sign with {algorithm} ({type(error).__name__}).", "key"
        ) from None
    if not fits:
        raise ProvenanceError(f"The key {where.words} on the token is not that of the certificate of {called}.", "key")
    return Identity(called, chain, algorithm, _url(tsa), sign)


def load(
    name_or_path: str, *, passphrase: Secret = passphrase_of_environment, pin: Secret = pin_of_environment
) -> Identity:
    """The identity of this name among :func:`identities`, or in this folder or ``identity.toml``.

    Raises ProvenanceError as the others do, and ``missing`` where there is none.
    """
    path = find(name_or_path)
    entries = _entries(path)
    chain = _read(path.parent / entries["certificate"], "certificate")
    name, tsa = entries.get("name"), entries.get("tsa")
    if "pkcs11" in entries:
        return from_pkcs11(chain, entries["pkcs11"], Path(entries["module"]), name=name, tsa=tsa, pin=pin)
    return from_files(path.parent / entries["certificate"], path.parent / entries["key"], name=name, tsa=tsa,
                      passphrase=passphrase)  # fmt: skip


def from_files(
    certificate: Path,
    key: Path,
    *,
    name: str | None = None,
    tsa: str | None = None,
    passphrase: Secret = passphrase_of_environment,
) -> Identity:
    """As :func:`from_pem`, from files; warns of a key that others on the machine can read."""
    made = from_pem(_read(certificate, "certificate"), _read(key, "key"), name=name, tsa=tsa, passphrase=passphrase)
    warnings: tuple[str, ...] = ()
    if os.name == "posix" and key.stat().st_mode & 0o044:
        warnings = (f"Others on this machine can read the private key {key}: chmod 600 it.",)
    return replace(made, warnings=warnings)


def identities() -> list[str]:
    """Names of the identities that ``--identity`` knows, sorted."""
    folder = config_folder() / "identities"
    return sorted(p.name for p in folder.iterdir() if (p / FILE).is_file()) if folder.is_dir() else []


def find(name_or_path: str) -> Path:
    """The ``identity.toml`` meant. A name goes before a path. Raises ProvenanceError (``missing``)."""
    known = identities()
    if name_or_path in known:
        return config_folder() / "identities" / name_or_path / FILE
    path = Path(name_or_path)
    for candidate in (path / FILE, path):
        if candidate.is_file():
            return candidate
    listed = f"there are: {', '.join(known)}" if known else "make one with: assay certificates create"
    raise ProvenanceError(f"There is no identity {name_or_path}; {listed}.", "missing")


def _entries(path: Path) -> dict[str, str]:
    try:
        read: dict[str, Any] = tomllib.loads(_read(path, "identity").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ProvenanceError(f"{path} is not an identity: it cannot be read as TOML.", "key") from None
    if unknown := sorted(set(read) - _KEYS):
        raise ProvenanceError(f"{path} has an unknown entry {unknown[0]!r}; it may have {_listed(_KEYS)}.", "key")
    if not all(isinstance(value, str) and value for value in read.values()):
        raise ProvenanceError(f"Every entry of {path} must be a text in quotes.", "key")
    if "certificate" not in read or ("key" in read) == ("pkcs11" in read):
        raise ProvenanceError(f"{path} must name a certificate, and either a key or a pkcs11 URI.", "key")
    if "pkcs11" in read and "module" not in read:
        raise ProvenanceError(f"{path} must name the module (the .so) beside the pkcs11 URI.", "key")
    return read


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(1024**2)
    except FileNotFoundError:
        raise ProvenanceError(f"There is no {what} file {path}.", "missing") from None
    except OSError as error:
        raise ProvenanceError(f"The {what} file {path} cannot be read: {error.strerror}.", "key") from None


def _url(tsa: str | None) -> str | None:
    if tsa is not None and not tsa.startswith(("http://", "https://")):
        raise ProvenanceError(
            "The timestamp authority must be a URL that begins with http:// or https://.", "authority"
        )
    return tsa


def _checked(chain: bytes, name: str | None) -> tuple[str, str, x509.Certificate]:
    """Algorithm, name and leaf of a chain that may sign now."""
    certificates = certificates_of(chain)
    leaf = certificates[0]
    algorithm = algorithm_of(leaf.public_key())
    called = name or _name(leaf)
    now = datetime.now(UTC)
    for certificate in certificates:
        whose = f"of {called}" if certificate is leaf else f"of {_name(certificate)} in the chain of {called}"
        if certificate.not_valid_after_utc < now:
            day = certificate.not_valid_after_utc.date()
            raise ProvenanceError(
                f"The certificate {whose} expired on {day}: ask for a new one (assay certificates request).", "expired"
            )
        if certificate.not_valid_before_utc > now:
            day = certificate.not_valid_before_utc.date()
            raise ProvenanceError(
                f"The certificate {whose} is valid only from {day}: wait, or check this machine's clock.", "expired"
            )
    fault = next((f for f in lint(chain) if f.severity == "error"), None)
    if fault:
        raise ProvenanceError(
            f"The certificate of {called} may not sign Content Credentials: {fault.says} "
            "(assay certificates lint tells more).",
            "certificate",
        )
    return algorithm, called, leaf


def _name(certificate: x509.Certificate) -> str:
    for oid in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            return str(attribute.value)
    return certificate.subject.rfc4514_string() or "an unnamed certificate"


__all__ = [
    "FILE",
    "Identity",
    "Secret",
    "find",
    "from_callback",
    "from_files",
    "from_pem",
    "from_pkcs11",
    "identities",
    "load",
    "passphrase_of_environment",
    "pin_of_environment",
]
