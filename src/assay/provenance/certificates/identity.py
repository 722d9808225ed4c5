"""A folder that holds an identity: certificates, key, and a file that says what is what."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates.issue import Development

SECRET, PUBLIC = 0o600, 0o644

KNOWN = frozenset([
    "root.pem", "chain.pem", "key.pem", "identity.toml", "tsa.toml", "request.csr", "serials.sqlite3",
    "ca/root-key.pem", "ca/intermediate.pem", "ca/intermediate-key.pem",
])  # fmt: skip
"""What such a folder may hold: nothing else is ever replaced."""

Files = Mapping[str, tuple[bytes, int]]
"""By name in the folder: content and permissions."""


def development_files(made: Development) -> Files:
    """The files of a development authority and of the leaf that signs claims."""
    return {
        "root.pem": (made.root_pem, PUBLIC),
        "chain.pem": (made.chain_pem, PUBLIC),
        "key.pem": (made.key_pem, SECRET),
        "identity.toml": (_describe(made.name, pkcs11=True, tsa=True), PUBLIC),
        "ca/root-key.pem": (made.root_key_pem, SECRET),
        "ca/intermediate.pem": (made.intermediate_pem, PUBLIC),
        "ca/intermediate-key.pem": (made.intermediate_key_pem, SECRET),
    }


def timestamp_files(made: Development, policy: str) -> Files:
    """The files of a time-stamping authority. ``policy`` is an object identifier."""
    about = _describe(made.name) + f'policy = "{policy}"\n'.encode()
    return {
        "root.pem": (made.root_pem, PUBLIC),
        "chain.pem": (made.chain_pem, PUBLIC),
        "key.pem": (made.key_pem, SECRET),
        "tsa.toml": (about, PUBLIC),
        "ca/root-key.pem": (made.root_key_pem, SECRET),
    }


def request_files(name: str, csr: bytes, key: bytes) -> Files:
    """The files of someone who has asked for a certificate and waits for it."""
    return {
        "request.csr": (csr, PUBLIC),
        "key.pem": (key, SECRET),
        "identity.toml": (_describe(name, pkcs11=True, tsa=True), PUBLIC),
    }


def _describe(name: str, *, pkcs11: bool = False, tsa: bool = False) -> bytes:
    """What is what. A JSON string is a TOML string too, as control characters were refused before."""
    lines = [
        f"name = {json.dumps(name, ensure_ascii=False)}",
        'certificate = "chain.pem"  # leaf first; paths are relative to this file',
        'key = "key.pem"',
    ]
    if pkcs11:
        lines.append(
            '# instead of key, a key on a token: pkcs11 = "pkcs11:token=…;object=…" and module = "/path/to.so"'
        )
    if tsa:
        lines.append('# tsa = "http://…"  # a time-stamping authority to ask at each signature')
    return "\n".join([*lines, ""]).encode()


def write_folder(folder: Path, files: Files, *, force: bool = False) -> None:
    """Write a folder whole or not at all.

    Raises UsageError where it is there already, unless ``force`` and it holds nothing but what such a folder holds;
    ProvenanceError (``full``, ``unwritable``) where it cannot be written.
    """
    target = folder.resolve()
    _check(folder, target, force=force)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))  # (0700)
        try:
            for name, (content, mode) in files.items():
                _write(fresh / name, content, mode)
            _replace(fresh, target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "no space is left" if full else (error.strerror or "it cannot be written")
        raise ProvenanceError(f"Cannot write {folder}: {why}", "full" if full else "unwritable") from error


def _check(folder: Path, target: Path, *, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if not target.is_dir():
        raise UsageError(f"{folder} is a file; name a folder that is not there yet")
    inside = [p.relative_to(target).as_posix() for p in target.rglob("*") if not p.is_dir() or p.is_symlink()]
    strangers = sorted(set(inside) - KNOWN)
    if strangers:
        raise UsageError(f"{folder} holds other files ({strangers[0]}); name a folder that is not there yet")
    if inside and not force:
        raise UsageError(f"{folder} holds an identity already; --force replaces it, and its key is then lost")


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(fresh: Path, target: Path) -> None:
    """Put the new folder in the old one's place; the old one is back in place if that fails."""
    fresh.chmod(0o755)  # the keys inside are closed by themselves
    if not target.exists():
        fresh.rename(target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


__all__ = ["Files", "development_files", "request_files", "timestamp_files", "write_folder"]
