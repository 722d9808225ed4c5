"""``assay register`` as a person runs it: files, exit codes, and what is printed, over a log in a folder."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest
from tests.provenance.signed import sign
from tests.register.anchors.chains import Bitcoin, Calendar, exploring, serving
from tests.register.servers import Served as Serving
from tests.web.register.serving import served
from typer.testing import CliRunner

from assay.cli.register import app
from assay.errors import AssayError
from assay.provenance.embedded import embedded
from assay.register.anchors import opentimestamps
from assay.register.cose import check_cose_receipt
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.model import Anchor
from assay.register.receipt import Receipt
from assay.register.record import Record
from assay.register.submission import Submitter
from assay.testing import scene
from assay.web.verifier import verifier_page


@dataclass(frozen=True)
class Desk:
    """A folder to work in, with settings of its own."""

    folder: Path

    def assay(self, *arguments: str | Path, who: str = "config") -> "Done":
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            env = {"ASSAY_CONFIG_DIR": str(self.folder / who), "COLUMNS": "200", "NO_COLOR": "1"}
            result = CliRunner().invoke(app, [str(a) for a in arguments], env=env)
        finally:
            os.chdir(before)
        if isinstance(result.exception, AssayError):
            return Done(2, result.stdout, result.stderr + str(result.exception))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, " ".join(result.stderr.split()))

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def words(self) -> str:
        return " ".join(self.out.split())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    made = desk.assay("init", "log", "--origin", "test.example/log")
    assert made.code == 0, made.err
    (tmp_path / "note.txt").write_text("a text of mine")
    return desk


def picture(path: Path, seed: int = 1, *, side: int = 320, quality: int = 90) -> Path:
    rgb = cv2.resize(scene(seed, 480, 320), (side, side * 2 // 3), interpolation=cv2.INTER_AREA)
    path.write_bytes(cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return path


def receipt_of(path: Path) -> Receipt:
    return Receipt.parse(path.read_bytes())


class TestInit:
    def test_prints_the_verifier_key_on_a_line_of_its_own(self, tmp_path: Path) -> None:
        made = Desk(tmp_path).assay("init", "log", "--origin", "test.example/log")
        key = VerifierKey.parse(made.out.removesuffix("\n"))
        assert (key.name, key.kind) == ("test.example/log", KeyType.ED25519)
        assert "log.key" in made.err
        assert stat.S_IMODE((tmp_path / "log" / "log.key").stat().st_mode) == 0o600

    def test_json_is_one_clean_line(self, tmp_path: Path) -> None:
        made = Desk(tmp_path).assay("init", "log", "--json", "-")
        assert VerifierKey.parse(made.record["log"]).name == made.record["origin"]

    def test_a_folder_with_something_in_it_is_refused(self, desk: Desk) -> None:
        again = desk.assay("init", "log")
        assert (again.code, again.out) == (2, "")
        assert "is there already" in again.err


class TestAdd:
    def test_a_private_claim_leaves_a_receipt_that_verifies(self, desk: Desk) -> None:
        done = desk.assay("add", "note.txt", "--log", "log")
        assert done.code == 0, done.err
        assert "registered, entry 0 of test.example/log" in done.words
        assert "private" in done.words
        assert "Made a key for you" in done.err
        kept = desk.path("note.txt.tlog-proof")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600, "it opens a private claim"
        checked = desk.assay("verify", "note.txt.tlog-proof", "note.txt", "--policy", "log/policy")
        assert checked.code == 0, checked.out
        assert "your policy accepts it" in checked.words
        assert "is no proof that what the file shows is true" in checked.words
        hidden = desk.assay("find", "note.txt", "--log", "log")
        assert (hidden.code, "found by nobody" in hidden.words) == (4, True)

    def test_many_files_go_on_where_they_stopped(self, desk: Desk) -> None:
        (desk.folder / "in").mkdir()
        for n in range(3):
            desk.path(f"in/{n}.bin").write_bytes(bytes([n]) * 100)
        desk.path("in/twin.bin").write_bytes(bytes(100))
        first = desk.assay("add", "in", "gone.bin", "--log", "log", "--receipt", "proofs", "--json", "-")
        assert first.code == 3
        told = {record["path"]: record for record in first.records}
        assert told["gone.bin"]["reason"] == "missing"
        assert told["in/0.bin"]["index"] == told["in/twin.bin"]["index"], "the same bytes are one claim"
        assert sorted(path.name for path in desk.path("proofs").iterdir()) == [
            "0.bin.tlog-proof", "1.bin.tlog-proof", "2.bin.tlog-proof", "twin.bin.tlog-proof",
        ]  # fmt: skip
        desk.path("proofs/1.bin.tlog-proof").unlink()
        again = desk.assay("add", "in", "--log", "log", "--receipt", "proofs", "--json", "-")
        assert again.code == 0
        states = {record["path"]: (record["state"], record["index"]) for record in again.records}
        assert states == {
            "in/0.bin": ("kept", 0), "in/1.bin": ("duplicate", told["in/1.bin"]["index"]),
            "in/2.bin": ("kept", told["in/2.bin"]["index"]), "in/twin.bin": ("kept", 0),
        }  # fmt: skip

    def test_a_receipt_of_something_else_is_never_written_over(self, desk: Desk) -> None:
        desk.path("note.txt.tlog-proof").write_text("mine")
        assert desk.assay("add", "note.txt", "--log", "log").code == 0
        assert desk.path("note.txt.tlog-proof").read_text() == "mine"
        assert receipt_of(desk.path("note.txt.2.tlog-proof")).proof.index == 0

    def test_public_and_private_are_claims_apart_each_with_its_receipt(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        public = desk.assay("add", "note.txt", "--log", "log", "--public", "--json", "-").record
        assert (public["state"], public["index"]) == ("registered", 1)
        assert public["receipt"] == "note.txt.2.tlog-proof"
        for flags, index in (((), 0), (("--public",), 1)):
            again = desk.assay("add", "note.txt", "--log", "log", *flags, "--json", "-").record
            assert (again["state"], again["index"]) == ("kept", index)
        desk.path("note.txt.2.tlog-proof").unlink()
        desk.path("note.txt.tlog-proof").unlink()
        desk.assay("forget", "0", "--log", "log", "--yes")
        again = desk.assay("add", "note.txt", "--log", "log", "--json", "-").record
        assert (again["state"], again["index"]) == ("forgotten", 0)

    def test_an_answer_below_the_quorum_leaves_no_receipt(self, desk: Desk) -> None:
        log = desk.path("log/policy").read_text().splitlines()[0]
        witness = SignerKey.generate("witness.example", KeyType.COSIGNATURE).verifier
        desk.path("strict.policy").write_text(f"{log}\nwitness w {witness}\nquorum w\n")
        done = desk.assay("add", "note.txt", "--log", "log", "--policy", "strict.policy")
        assert done.code == 2
        assert "'w' is missing" in done.err
        assert not desk.path("note.txt.tlog-proof").exists()
        desk.assay("add", "note.txt", "--log", "log")
        refused = desk.assay("verify", "note.txt.tlog-proof", "note.txt", "--policy", "strict.policy", "--json", "-")
        assert (refused.code, refused.record["verdict"]["reason"]) == (1, "quorum")


class TestVerify:
    def test_another_file_a_broken_receipt_and_no_policy(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        desk.path("other.txt").write_text("another text")
        other = desk.assay("verify", "note.txt.tlog-proof", "other.txt", "--policy", "log/policy", "--json", "-")
        assert (other.code, other.record["verdict"]["state"], other.record["verdict"]["reason"]) == (
            1, "unsound", "mismatch",
        )  # fmt: skip
        loose = desk.assay("verify", "note.txt.tlog-proof", "note.txt")
        assert (loose.code, "nobody vouches for the log" in loose.words) == (0, True)
        assert desk.assay("verify", "note.txt.tlog-proof", "other.txt").code == 1, "unsound, policy or not"
        alone = desk.assay("verify", "note.txt.tlog-proof", "--json", "-").record
        assert alone["verdict"]["state"] == "unvouched"
        whole = desk.path("note.txt.tlog-proof").read_bytes()
        desk.path("cut.tlog-proof").write_bytes(whole[:-40])
        cut = desk.assay("verify", "cut.tlog-proof", "note.txt", "--policy", "log/policy")
        assert (cut.code, cut.out) == (1, "")
        assert "cut.tlog-proof" in cut.err
        assert desk.assay("verify", "gone.tlog-proof", "note.txt").code == 3
        assert desk.assay("verify", "note.txt.tlog-proof", "gone.txt").code == 3

    def test_a_register_in_the_settings_brings_its_policy(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        desk.path("config/registers.toml").write_text('[mine]\nat = "../log"\npolicy = "../log/policy"\n')
        assert desk.assay("verify", "note.txt.tlog-proof", "note.txt").code == 0
        assert desk.assay("find", "note.txt").code == 4, "the only one named is asked"

    def test_an_explorer_is_asked_for_the_blocks_of_the_anchors_and_only_where_told_to(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        plain = receipt_of(desk.path("note.txt.tlog-proof"))
        bitcoin = Bitcoin()
        bitcoin.mine()
        with serving(Calendar(bitcoin)) as calendar:
            proof = opentimestamps.stamp(plain.proof.note.text, [calendar.url], 1)
            height = calendar.mine()
            proof = opentimestamps.upgrade(proof, [calendar.url], 1)
        anchors = tuple(Anchor(kind="opentimestamps", proof=data) for data in (proof, b"no proof"))
        desk.path("anchored.tlog-proof").write_bytes(replace(plain, anchors=anchors).encode())
        check = ("verify", "anchored.tlog-proof", "note.txt", "--policy", "log/policy", "--json", "-")
        block = ("--block", f"{height}:{bitcoin.name(height).hex()}")

        def statuses(*options: str) -> list[str]:
            done = desk.assay(*check, *options)
            assert done.code == 0, done.err
            return [bound["status"] for bound in done.record["verification"]["bounds"]]

        assert statuses() == ["unchecked", "invalid"]
        with exploring(bitcoin) as url:
            assert statuses("--headers-from", url, *block) == ["proven", "invalid"]
            assert statuses("--headers-from", url) == ["unchecked", "invalid"], "the work of a test chain is little"
            other = desk.assay(*check, "--headers-from", url, "--block", f"{height}:{'00' * 32}")
            assert (other.code, "trusted block" in other.err) == (2, True)
            assert desk.assay(*check, "--headers-from", url, "--headers", "file").code == 2
        with exploring(Bitcoin()) as url:
            assert statuses("--headers-from", url) == ["unchecked", "invalid"], "it does not know the block"
        nobody = desk.assay(*check, "--headers-from", url)
        assert (nobody.code, "trusted" in nobody.out) == (2, False)
        bare = desk.assay("verify", "note.txt.tlog-proof", "note.txt", "--headers-from", url)
        assert bare.code == 0, "there is nothing to ask for"

    def test_the_verifying_path_loads_no_storage_and_opens_no_connection(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        code = (
            "import sys, socket\n"
            "def no(*a, **k): raise AssertionError('a connection')\n"
            "socket.socket.connect = no\n"
            "from assay.cli.app import app\n"
            "try: app(sys.argv[1:])\n"
            "except SystemExit as end: code = end.code\n"
            "heavy = [m for m in ('sqlalchemy', 'obstore', 'litestar', 'web3', 'cv2') if m in sys.modules]\n"
            "print('heavy', heavy, code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "register", "verify", "note.txt.tlog-proof", "note.txt", "--policy",
             "log/policy", "--quiet"],
            cwd=desk.folder, env={**os.environ, "ASSAY_CONFIG_DIR": str(desk.path("config"))}, capture_output=True,
            text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "heavy [] 0"


class TestFindAndForget:
    def test_rivals_are_shown_alike_and_what_is_taken_back_is_gone(self, desk: Desk) -> None:
        picture(desk.path("a.jpg"))
        picture(desk.path("smaller.jpg"), side=240, quality=60)
        picture(desk.path("other.jpg"), 2)
        assert desk.assay("add", "a.jpg", "other.jpg", "--log", "log", "--public").code == 0
        assert desk.assay("add", "smaller.jpg", "a.jpg", "--log", "log", "--public", who="rival").code == 0
        found = desk.assay("find", "a.jpg", "--log", "log", "--json", "-").record
        assert [(claim["index"], claim["how"]) for claim in found["claims"]] == [
            (0, "digest"), (2, "fingerprint"), (3, "digest"),
        ]  # fmt: skip
        assert len({claim["key"] for claim in found["claims"]}) == 2
        assert {claim["proof"]["state"] for claim in found["claims"]} == {"trusted"}
        exact = desk.assay("find", "--digest", found["sha256"], "--log", "log")
        assert exact.code == 0
        assert "An earlier claim is not a truer one" in exact.words
        mine = Submitter.load(desk.path("config/register.key"))
        by_me = desk.assay("find", "--signer", mine.public.hex(), "--log", "log", "--json", "-").record
        assert [claim["index"] for claim in by_me["claims"]] == [0, 1]

        stranger = desk.assay("forget", "a.jpg.tlog-proof", "--log", "log", "--yes", who="rival")
        assert stranger.code == 2
        assert "another key than yours" in stranger.err
        gone = desk.assay("forget", "a.jpg.tlog-proof", "--log", "log", "--yes", "--json", "-").record
        assert (gone["index"], gone["tombstone"], gone["erased"]) == (0, 4, True)
        left = desk.assay("find", "a.jpg", "--log", "log", "--json", "-").record
        assert [claim["index"] for claim in left["claims"]] == [2, 3]
        sha256 = bytes.fromhex(found["sha256"])
        assert Record.parse(receipt_of(desk.path("a.jpg.tlog-proof")).opening.record).digest == sha256  # type: ignore[union-attr]
        fsck = desk.assay("fsck", "log")
        assert (fsck.code, fsck.words) == (0, "test.example/log: whole, 5 entries.")

    def test_the_operator_forgets_for_others(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log", "--public", who="rival")
        public = desk.assay("key").out.strip()
        refused = desk.assay("forget", "0", "--log", "log", "--yes", "--operator", "--json", "-")
        assert refused.code != 0, "log.toml names no operator yet"
        assert desk.assay("find", "note.txt", "--log", "log").code == 0
        settings = desk.path("log/log.toml")
        settings.write_text(settings.read_text().replace('operator = ""', f'operator = "{public}"'))
        desk.path("more.txt").write_text("more")
        added = desk.assay("add", "more.txt", "--log", "log", "--public", "--json", "-", who="rival").record
        done = desk.assay("forget", str(added["index"]), "--log", "log", "--yes", "--operator", "--json", "-")
        assert (done.code, done.record["erased"]) == (0, True)
        assert desk.assay("find", "more.txt", "--log", "log").code == 4

    def test_forget_asks_first(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        assert desk.assay("forget", "0", "--log", "log").code == 1, "there is nobody to answer"
        assert desk.assay("forget", "7", "--log", "log", "--yes").code == 2
        assert desk.assay("fsck", "log", "--json", "-").record["entries"] == 1

    def test_watch_tells_once_what_others_claim(self, desk: Desk) -> None:
        picture(desk.path("a.jpg"))
        desk.assay("add", "a.jpg", "--log", "log", "--public")
        watch = ("watch", "a.jpg", "--log", "log", "--once", "--state", "seen.json")
        assert desk.assay(*watch).code == 0, "one's own claim is no news"
        desk.assay("add", "a.jpg", "--log", "log", "--public", who="rival")
        told = desk.assay(*watch, "--json", "-")
        assert (told.code, [claim["index"] for claim in told.record["claims"]]) == (1, [1])
        assert desk.assay(*watch).code == 0
        thief = desk.assay("watch", "--signer", "mine", "--log", "log", "--json", "-")
        assert (thief.code, [claim["index"] for claim in thief.record["claims"]]) == (1, [0])

    def test_nonsense_is_refused(self, desk: Desk) -> None:
        assert "What is to be found" in desk.assay("find", "--log", "log").err
        assert "64 hexadecimal" in desk.assay("find", "--digest", "abc", "--log", "log").err
        assert "Which register" in desk.assay("find", "note.txt").err
        assert desk.assay("find", "note.txt", "--log", "nowhere").code == 2


class TestProve:
    def test_a_lost_receipt_is_made_anew_with_the_key(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        first = desk.path("note.txt.tlog-proof").read_bytes()
        desk.path("note.txt.tlog-proof").unlink()
        found = desk.assay("prove", "note.txt", "--log", "log", "--json", "-").record
        assert found["index"] == 0
        assert desk.path("note.txt.tlog-proof").read_bytes() == first
        desk.path("more.txt").write_text("more")
        assert desk.assay("prove", "more.txt", "--log", "log").code == 2
        desk.assay("add", "more.txt", "--log", "log")
        newer = desk.assay("prove", "note.txt.tlog-proof", "--log", "log", "--json", "-").record
        assert (newer["size"], newer["changed"]) == (2, True)

    def test_a_cose_receipt_of_the_entry(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        done = desk.assay("prove", "note.txt.tlog-proof", "--log", "log", "--cose", "note.cose", "--json", "-")
        assert (done.code, done.record["cose"]) == (0, "note.cose")
        receipt = receipt_of(desk.path("note.txt.tlog-proof"))
        stated = check_cose_receipt(desk.path("note.cose").read_bytes(), receipt.leaf.encode(), receipt.log)
        assert (stated.index, stated.root) == (0, receipt.checkpoint.root)
        over = desk.assay("prove", "note.txt.tlog-proof", "--log", "log", "--cose", "note.txt.tlog-proof")
        assert (over.code, "would be written over" in over.err) == (2, True)

    def test_a_cose_receipt_over_http_is_checked_before_it_is_written(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        desk.path("other.txt").write_text("another text")
        desk.assay("add", "other.txt", "--log", "log")
        with served(desk.path("log")) as made:

            async def swapped(scope: Any, receive: Any, send: Any) -> None:
                if scope.get("path") == "/api/v1/entries/0/cose":
                    scope = {**scope, "path": "/api/v1/entries/1/cose", "raw_path": b"/api/v1/entries/1/cose"}
                await made.app(scope, receive, send)

            for app in (swapped, made.app):
                with Serving(app) as server:
                    log = ("--log", server.url, "--policy", "log/policy")
                    done = desk.assay("prove", "note.txt.tlog-proof", *log, "--cose", "note.cose")
                if app is swapped:
                    assert (done.code, "no COSE receipt that holds" in done.err) == (2, True)
                    assert not desk.path("note.cose").exists()
                else:
                    assert done.code == 0, done.err
        receipt = receipt_of(desk.path("note.txt.tlog-proof"))
        check_cose_receipt(desk.path("note.cose").read_bytes(), receipt.leaf.encode(), receipt.log)

    def test_another_history_is_told_on(self, desk: Desk) -> None:
        """The log is put back to before the claim, and grows on another way."""
        before = {p.relative_to(desk.folder): p.read_bytes() for p in desk.path("log").rglob("*") if p.is_file()}
        desk.assay("add", "note.txt", "--log", "log")
        for path in sorted(desk.path("log").rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(desk.folder) not in before:
                path.unlink()
        for name, data in before.items():
            desk.path(str(name)).write_bytes(data)
        desk.path("rival.txt").write_text("rival")
        desk.assay("add", "rival.txt", "--log", "log", who="rival")
        forked = desk.assay("prove", "note.txt.tlog-proof", "--log", "log")
        assert forked.code == 1
        assert "evidence against the log" in forked.err


class TestManifest:
    @pytest.fixture
    def store(self, desk: Desk) -> bytes:
        """The manifest store of a picture that is registered privately (entry 0) and publicly (entry 1)."""
        desk.path("photo.jpg").write_bytes(sign()[0])
        for flags in ((), ("--public",)):
            assert desk.assay("add", "photo.jpg", "--log", "log", "--manifest", "--json", "-", *flags).record[
                "manifest"
            ]
        store = embedded(desk.path("photo.jpg"))
        assert store is not None
        return store

    def test_a_private_one_is_opened_by_its_receipt_alone(self, desk: Desk, store: bytes) -> None:
        done = desk.assay("manifest", "photo.jpg.tlog-proof", "--log", "log", "-o", "photo.c2pa", "--json", "-")
        assert (done.code, done.record["index"], done.record["bytes"]) == (0, 0, len(store))
        assert desk.path("photo.c2pa").read_bytes() == store
        hidden = desk.assay("manifest", "0", "--log", "log", "-o", "other.c2pa")
        assert (hidden.code, "is private" in hidden.err) == (2, True)
        assert not desk.path("other.c2pa").exists()

    def test_a_public_one_by_anybody_until_it_is_taken_back(self, desk: Desk, store: bytes) -> None:
        with served(desk.path("log")) as made, Serving(made.app) as server:
            assert desk.assay("manifest", "1", "--log", server.url, "-o", "photo.c2pa", who="rival").code == 0
        assert desk.path("photo.c2pa").read_bytes() == store
        assert desk.assay("forget", "1", "--log", "log", "--yes").code == 0
        for what in ("1", "photo.jpg.2.tlog-proof"):
            gone = desk.assay("manifest", what, "--log", "log", "-o", "gone.c2pa")
            assert (gone.code, "taken back" in gone.err) == (2, True), what

    def test_nothing_is_written_over_and_nothing_damaged_is_written(self, desk: Desk, store: bytes) -> None:
        desk.path("photo.c2pa").write_text("mine")
        get = ("manifest", "photo.jpg.tlog-proof", "--log", "log", "-o", "photo.c2pa")
        refused = desk.assay(*get)
        assert (refused.code, desk.path("photo.c2pa").read_text()) == (2, "mine")
        assert desk.assay("manifest", "1", "--log", "log", "-o", "photo.jpg.tlog-proof").code == 2
        assert desk.assay("manifest", "9", "--log", "log", "-o", "no.c2pa").code == 2
        assert desk.assay(*get, "--force").code == 0
        assert desk.path("photo.c2pa").read_bytes() == store
        for kept in desk.path("log/objects/manifests").rglob("*"):
            if kept.is_file():
                kept.write_bytes(kept.read_bytes()[:-1] + b"?")
        assert desk.assay(*get, "--force").code == 2
        assert desk.path("photo.c2pa").read_bytes() == store

    def test_a_claim_without_one(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        done = desk.assay("manifest", "note.txt.tlog-proof", "--log", "log", "-o", "note.c2pa")
        assert (done.code, "Nothing was handed in" in done.err) == (2, True)


def test_the_verifier_for_browsers_is_one_file_to_keep(desk: Desk) -> None:
    assert desk.assay("page", "-o", "verify.html").code == 0
    assert desk.path("verify.html").read_text() == verifier_page()
    desk.path("verify.html").write_text("mine")
    assert desk.assay("page", "-o", "verify.html").code == 2
    assert desk.path("verify.html").read_text() == "mine"
    assert desk.assay("page", "-o", "verify.html", "--force").code == 0


class TestOperate:
    def test_keys_names_and_rules(self, desk: Desk) -> None:
        public = desk.assay("key").out.strip()
        assert Submitter.load(desk.path("config/register.key")).public.hex() == public
        assert desk.assay("submitter", "log", public, "--name", "Daily Planet", "--allow", "--quota", "5").code == 0
        rules = desk.assay("submitters", "log", "--only-listed", "--quota", "9", "--json", "-").record
        assert (rules["only_listed"], rules["quota"]) == (True, 9)
        assert [(row["name"], row["standing"], row["quota"]) for row in rules["submitters"]] == [
            ("Daily Planet", "allowed", 5)
        ]
        assert desk.assay("submitter", "log", "xyz").code == 2
        assert desk.assay("submitter", "log", public, "--allow", "--block").code == 2

    def test_fsck_names_what_is_damaged(self, desk: Desk) -> None:
        desk.assay("add", "note.txt", "--log", "log")
        tile = next(desk.path("log/objects/tile/0").rglob("*.p/1"))
        tile.write_bytes(bytes(32))
        done = desk.assay("fsck", "log")
        assert done.code == 1
        assert "damaged" in done.words
        assert "not whole" in done.words
        report = desk.assay("fsck", "log", "--repair", "--json", "-")
        assert report.code == 0
        assert all(damage["repaired"] for damage in report.record["damages"])
        assert desk.assay("fsck", "nowhere").code == 2


def test_names_of_others_cannot_fool_a_terminal(desk: Desk) -> None:
    picture(desk.path("a.jpg"))
    desk.assay("add", "a.jpg", "--log", "log", "--public")
    public = desk.assay("key").out.strip()
    assert desk.assay("submitter", "log", public, "--name", "Planet\u202eyliaD").code == 0
    shown = desk.assay("find", "a.jpg", "--log", "log")
    assert r"\u202e" in shown.out
    assert "\u202e" not in shown.out
    record = desk.assay("find", "a.jpg", "--log", "log", "--json", "-").out
    assert msgspec.json.decode(record)["claims"][0]["name"] == "Planet\u202eyliaD"
