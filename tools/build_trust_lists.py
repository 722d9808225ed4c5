r"""Write the trust lists that Assay ships: python tools/build_trust_lists.py --help.

A maintainer fetches the published files, looks at them, and gives their paths here. Every certificate is parsed, its
self-signature checked where it is its own issuer, and the files are written beside ``lists.toml``, which says where
they come from, of what day they are, and what their SHA-256 is. Nothing is fetched.

    python tools/build_trust_lists.py c2pa C2PA-TRUST-LIST.pem --kind claim --status current \
        --title "C2PA trust list" --issued 2026-08-05 --pinned 2026-11-24 \
        --source https://github.com/c2pa-org/conformance-public --licence "CC BY 4.0"
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

FOLDER = Path(__file__).resolve().parents[1] / "src" / "assay" / "provenance" / "data" / "trust"
FIELDS = ("id", "title", "kind", "status", "issued", "pinned", "source", "licence", "file", "sha256", "count", "note")


def certificates(text: str) -> str:
    """A PEM file with each certificate once, under a line that names it. Exits where one is faulty."""
    found: dict[str, str] = {}
    for certificate in x509.load_pem_x509_certificates(text.encode()):
        name = certificate.subject.rfc4514_string()
        if certificate.subject == certificate.issuer:
            try:
                certificate.verify_directly_issued_by(certificate)
            except (InvalidSignature, ValueError, TypeError) as error:
                sys.exit(f"{name}: not signed by the key that it names ({error!r})")
        fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        found.setdefault(fingerprint, f"# {name}\n{certificate.public_bytes(Encoding.PEM).decode()}")
    return "".join(found.values())


def hashes(text: str) -> str:
    """A list of base64 SHA-256 hashes, one a line, each under its comment. Exits where one is faulty."""
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            try:
                if len(base64.b64decode(line.strip(), validate=True)) != 32:
                    raise ValueError("not 32 bytes")
            except (binascii.Error, ValueError) as error:
                sys.exit(f"{line}: no SHA-256 in base64 ({error})")
        if line.strip():
            lines.append(line.strip())
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write one list and its entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("id")
    parser.add_argument("file", type=Path, help="PEM certificates, or with --kind allowed base64 SHA-256 hashes")
    parser.add_argument("--kind", choices=["claim", "tsa", "allowed"], required=True)
    parser.add_argument("--status", choices=["current", "retired"], required=True)
    for name in ("title", "issued", "pinned", "source", "licence"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--note", default="")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    text = given.file.read_text(encoding="utf-8")
    content = hashes(text) if given.kind == "allowed" else certificates(text)
    name = f"{given.id}.{'txt' if given.kind == 'allowed' else 'pem'}"
    count = (
        sum(1 for line in content.splitlines() if not line.startswith("#"))
        if given.kind == "allowed"
        else content.count("BEGIN CERTIFICATE")
    )
    entry = {
        **{field: getattr(given, field) for field in FIELDS if hasattr(given, field)},
        "file": name, "sha256": hashlib.sha256(content.encode()).hexdigest(), "count": count,
    }  # fmt: skip
    given.folder.mkdir(parents=True, exist_ok=True)
    index = given.folder / "lists.toml"
    before = tomllib.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    entries = [e for e in before.get("list", []) if e["id"] != given.id] + [entry]
    (given.folder / name).write_text(content, encoding="utf-8")
    parts = [f"[[list]]\n{_table(e)}" for e in sorted(entries, key=lambda e: str(e["id"]))]
    index.write_text("# Written by tools/build_trust_lists.py.\n\n" + "\n".join(parts), encoding="utf-8")
    print(f"{given.id}: {count} in {given.folder / name}")


def _table(entry: dict[str, Any]) -> str:
    return "".join(f"{field} = {json.dumps(entry[field], ensure_ascii=False)}\n" for field in FIELDS)


if __name__ == "__main__":
    main()
