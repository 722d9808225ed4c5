"""Every file of the public C2PA sets: what Assay says, what two others say, and what the files came with."""

import json
import sys
import tomllib
from pathlib import Path

from assay.errors import MediaError
from assay.provenance import engine
from assay.provenance.formats import mime_of
from assay.provenance.model import State
from assay.provenance.trust import TrustStore, default_store
from assay.provenance.verify import verify
from bench.provenance.figures import File
from bench.provenance.others import BROKEN, INTACT, NONE, UNSUPPORTED, bare, encypher

PART = "files"
KINDS = {".jpg", ".jpeg", ".png", ".webp", ".pdf", ".ttf", ".otf", ".mp4", ".avif", ".heic", ".tif"}
WHY = Path(__file__).with_name("why.toml")
"""Why the verdicts on a file differ, found out by looking. Holds the files on which they differ, and no others."""


def explanations() -> dict[str, str]:
    """The text of WHY, by file name."""
    entries = tomllib.loads(WHY.read_text(encoding="utf-8"))["file"]
    return {name: " ".join(entry["why"].split()) for entry in entries for name in entry["names"]}


def measure(data: Path) -> list[File]:
    """All files of the set at ``data``/c2pa. Raises AssertionError where the explanations are not of the files that
    differ.
    """
    root, trust, why = data / "c2pa", default_store(), explanations()
    found = sorted(p for p in root.rglob("*") if p.suffix.lower() in KINDS and "manifests" not in p.parts)
    rows = [one(path, trust, why) for path in found]
    differing = {row.name for row in rows if row.differs}
    missing, idle = sorted(differing - set(why)), sorted(set(why) - differing)
    if missing or idle:
        raise AssertionError(f"not explained: {missing}; explained, but they agree: {idle}")
    print(f"{PART}: {len(rows)} files, {len(differing)} on which somebody differs", file=sys.stderr)
    return rows


def one(path: Path, trust: TrustStore, why: dict[str, str]) -> File:
    """One file, by all four."""
    content = path.read_bytes()
    mime = "font/ttf" if path.suffix == ".ttf" else mime_of(content[:4096]) or "application/octet-stream"
    said = [_ours(path, trust), bare(content, mime, engine.context(trust.anchors())), encypher(content, mime, trust)]
    (ours, chain, known), ours_is = said[0][:3], said[0][3]
    shipped, shipped_is = _shipped(path)
    verdicts = {ours_is, said[1][1], said[2][1], *([shipped_is] if shipped_is else [])}
    differs = len(verdicts) > 1
    return File(
        name=path.name, ours=ours, chain=chain, list=known, bare=said[1][0], encypher=said[2][0], shipped=shipped,
        differs=differs, why=why.get(path.name, "") if differs else "",
    )  # fmt: skip


def _ours(path: Path, trust: TrustStore) -> tuple[str, str, str, str]:
    try:
        found = verify(path, trust=trust)
    except MediaError as error:
        return error.reason, "–", "", UNSUPPORTED if error.reason == "unsupported" else BROKEN
    state, chain = found.state.words, found.chain.words
    if found.state is State.NONE:
        return state, "–", "", NONE
    return state, chain, found.list or "", BROKEN if found.chain is State.BROKEN else INTACT


def _shipped(path: Path) -> tuple[str, str | None]:
    """What the set's own report says of the file: its active manifest, as it was judged when the file was new."""
    report = path.parent / "manifests" / path.stem / "manifest_store.json"
    if not report.exists():
        return "–", None
    codes = [entry["code"] for entry in json.loads(report.read_bytes()).get("validation_status") or ()]
    return (", ".join(dict.fromkeys(codes)), BROKEN) if codes else (INTACT, INTACT)


__all__ = ["PART", "explanations", "measure"]
