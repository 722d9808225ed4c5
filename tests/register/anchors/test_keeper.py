"""The keeper: an hour's checkpoint to all, whoever is down, whatever is lost, round by round."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from tests.provenance.pki import authority, pki
from tests.register.anchors.anvil import KEY, mine, running
from tests.register.anchors.chains import EASE, Bitcoin, Calendar, serving
from tests.register.anchors.memory import MemoryObjects

from assay.errors import RegisterError
from assay.register import settings as log_settings
from assay.register.anchors import Anchor, Trust, check, evm, node, opentimestamps
from assay.register.anchors.headers import Headers
from assay.register.anchors.keeper import MAX_WAIT, AnchorStatus, Keeper, anchored
from assay.register.anchors.services import services_of
from assay.register.anchors.settings import AnchorSettings, EvmSettings
from assay.register.checkpoint import Checkpoint
from assay.register.keys import KeyType, SignerKey
from assay.register.note import Note
from assay.register.objects import FolderObjects

HOUR = 3600
LOG = SignerKey("log.example/one", KeyType.ED25519, b"\1" * 32)


def note(size: int) -> Note:
    text = Checkpoint("log.example/one", size, bytes([size]) * 32 if size else hashlib.sha256(b"").digest()).text
    return Note(text, (LOG.sign(text),))


class Someone:
    """An authority in memory: its proofs are finished after ``upgrades`` upgrades."""

    kind = "rfc3161"

    def __init__(self, name: str = "rfc3161-00000000", upgrades: int = 0) -> None:
        self.name = name
        self.where = "tsa.example"
        self.fails: Exception | None = None
        self.upgrades = upgrades
        self.calls: list[str] = []

    def stamp(self, text: str) -> bytes:
        self.calls.append(f"stamp {Checkpoint.parse(text).size}")
        if self.fails:
            raise self.fails
        return b"0"

    def upgrade(self, proof: bytes) -> bytes:
        self.calls.append("upgrade")
        if self.fails:
            raise self.fails
        return b"%d" % (int(proof) + 1)

    def finished(self, proof: bytes) -> bool:
        if not proof.isdigit():
            raise RegisterError("no proof", "malformed")
        return int(proof) >= self.upgrades


class Log:
    """A log that grows, and its keeper."""

    def __init__(self, *services: Someone, interval: int = HOUR) -> None:
        self.objects = MemoryObjects()
        self.services = services
        self.keeper = Keeper(self.objects, AnchorSettings(interval=interval), services)

    def at(self, now: float, size: int | None = None) -> list[AnchorStatus]:
        if size is not None:
            self.objects.put("checkpoint", note(size).encode())
        return self.keeper.round(now)

    def sizes(self) -> list[int]:
        return [n for (n,) in struct.iter_unpack(">Q", self.objects.kept.get("anchors/sizes", b""))]


class TestIntervals:
    def test_one_checkpoint_in_each_aligned_hour(self) -> None:
        log = Log(Someone())
        for now, size, sizes in (
            (HOUR * 10 + 3599, 5, [5]),
            (HOUR * 11, 6, [5, 6]),
            (HOUR * 11 + 60, 7, [5, 6]),
            (HOUR * 11 + 3599, 8, [5, 6]),
            (HOUR * 12, 8, [5, 6, 8]),
            (HOUR * 13, 8, [5, 6, 8]),
        ):
            log.at(now, size)
            assert log.sizes() == sizes
        assert log.services[0].calls == ["stamp 5", "stamp 6", "stamp 8"]
        assert log.objects.kept["anchors/00000000000000000006/note"] == note(6).encode()
        assert log.objects.kept["anchors/00000000000000000006/rfc3161-00000000"] == b"0"

    def test_an_empty_log_and_none(self) -> None:
        log = Log(Someone())
        log.at(0)
        log.at(0, 0)
        assert (log.sizes(), log.services[0].calls) == ([], [])
        log.at(60, 1)
        assert log.sizes() == [1], "the first entry needs not wait for the next hour"

    def test_nobody_is_asked_unless_named(self) -> None:
        log = Log()
        assert log.at(0, 5) == []
        assert list(log.objects.kept) == ["checkpoint"]
        assert services_of(AnchorSettings()) == ()

    def test_a_clock_that_goes_back_stops_nothing(self) -> None:
        log = Log(Someone())
        log.at(HOUR * 100, 5)
        log.at(HOUR * 2, 6)
        assert log.sizes() == [5, 6]

    def test_a_log_that_went_back_is_told(self) -> None:
        log = Log(Someone())
        log.at(0, 5)
        with pytest.raises(RegisterError, match="went back") as caught:
            log.at(HOUR, 4)
        assert caught.value.reason == "damaged"


class TestTrouble:
    def test_one_that_is_down_stops_no_other_and_is_let_alone_longer_and_longer(self) -> None:
        down, well = Someone("rfc3161-down"), Someone("rfc3161-well")
        down.fails = RegisterError("The authority is down.", "unreachable")
        log = Log(down, well)
        asked = []
        for minute in range(40):
            status = log.at(minute * 60, 5)[0]
            asked.append(len(down.calls))
        assert [n for n in range(1, 40) if asked[n] > asked[n - 1]] == [2, 5, 10, 19, 36]
        assert well.calls == ["stamp 5"]
        assert (status.failures, status.error, status.waiting, status.size) == (6, "The authority is down.", 1, 0)
        down.fails = None
        for minute in range(40, 40 + MAX_WAIT):
            status = log.at(minute * 60)[0]
        assert (status.failures, status.error, status.waiting, status.size) == (0, None, 0, 5)

    def test_what_a_library_raises_is_caught_and_not_shown(self) -> None:
        bad = Someone()
        bad.fails = ZeroDivisionError("secret")
        assert Log(bad).at(0, 5)[0].error == "ZeroDivisionError"

    def test_after_an_outage_only_the_newest_is_stamped(self) -> None:
        """A proof made now of an old checkpoint says no more than that of the newest, which covers it."""
        down = Someone()
        down.fails = RegisterError("down", "unreachable")
        log = Log(down)
        for hour in range(5):
            log.at(hour * HOUR, 10 + hour)
        down.fails, down.calls = None, []
        for n in range(MAX_WAIT):
            status = log.at(4 * HOUR + n)[0]
        assert down.calls == ["stamp 14"]
        assert (status.waiting, status.size) == (0, 14)

    def test_what_waits_is_asked_about_ever_more_rarely_and_finished(self) -> None:
        slow = Someone(upgrades=5)
        log = Log(slow)
        rounds = 0
        while log.at(rounds, 5)[0].waiting:
            rounds += 1
            assert rounds < 100
        assert slow.calls == ["stamp 5", *["upgrade"] * 5]
        assert rounds == 36, "asked in the rounds 2, 5, 10, 19 and 36"

    def test_a_transaction_that_was_lost_is_sent_again(self) -> None:
        chain = Someone(upgrades=1)
        log = Log(chain)
        log.at(0, 5)
        chain.fails = RegisterError("not known", "missing")
        for n in range(2):
            log.at(n)
        chain.fails = None
        for n in range(10):
            log.at(n)
        assert chain.calls.count("stamp 5") == 2


class TestStorage:
    def test_a_full_disk_is_told_and_made_up_for(self) -> None:
        log = Log(Someone())
        log.objects.put("checkpoint", note(5).encode())
        log.objects.full = True
        with pytest.raises(RegisterError) as caught:
            log.at(0)
        assert caught.value.reason == "full"
        log.objects.full = False
        assert log.at(0)[0].size == 5

    @pytest.mark.parametrize("gone", ["anchors/state", "anchors/sizes"])
    def test_a_crash_between_any_two_writes(self, gone: str) -> None:
        log = Log(Someone())
        log.at(0, 5)
        for path in [p for p in log.objects.kept if p.startswith("anchors/")]:
            if path == gone or path.endswith("rfc3161-00000000"):
                log.objects.delete(path)
        for n in range(2):
            log.at(HOUR * (1 + n))
        assert log.sizes() == [5]
        found = anchored(log.objects, 1)
        assert found == (note(5).encode(), (Anchor(kind="rfc3161", proof=b"0"),))

    def test_a_state_that_is_damaged_is_begun_anew(self) -> None:
        log = Log(Someone(upgrades=3))
        log.at(0, 5)
        log.objects.kept["anchors/state"] = b'{"slot": "x'
        assert log.at(1)[0].waiting == 1

    def test_a_proof_that_is_damaged_is_made_anew(self) -> None:
        log = Log(Someone(upgrades=1))
        log.at(0, 5)
        log.objects.kept["anchors/00000000000000000005/rfc3161-00000000"] = b"rubbish"
        for n in range(8):
            log.at(n)
        assert log.objects.kept["anchors/00000000000000000005/rfc3161-00000000"] == b"1"


class TestAnchored:
    def test_the_smallest_that_covers(self) -> None:
        log = Log(Someone())
        assert anchored(log.objects, 1) is None
        for hour, size in enumerate((3, 7, 20)):
            log.at(hour * HOUR, size)
        for size, covers in ((1, 3), (3, 3), (4, 7), (7, 7), (8, 20), (20, 20)):
            found = anchored(log.objects, size)
            assert found is not None
            assert Checkpoint.parse(Note.parse(found[0]).text).size == covers
        assert anchored(log.objects, 21) is None

    def test_a_finished_proof_before_one_that_waits(self) -> None:
        objects = MemoryObjects()
        waiting = evm.Pending(1, b"\0" * 32).encode()
        for size, proof in ((3, waiting), (5, b""), (7, evm.Proof(1, b"", 0, ()).encode())):
            objects.put(f"anchors/{size:020}/note", note(size).encode())
            if proof:
                objects.put(f"anchors/{size:020}/evm-1", proof)
        objects.put("anchors/sizes", struct.pack(">2Q", 3, 5))
        assert anchored(objects, 1) == (note(3).encode(), (Anchor(kind="evm", proof=waiting),))
        assert anchored(objects, 4) is None
        objects.put("anchors/sizes", struct.pack(">3Q", 3, 5, 7))
        found = anchored(objects, 1)
        assert found is not None
        assert found[0] == note(7).encode()

    def test_a_list_that_is_cut_off(self) -> None:
        objects = MemoryObjects()
        objects.put("anchors/sizes", b"\0" * 9)
        with pytest.raises(RegisterError) as caught:
            anchored(objects, 1)
        assert caught.value.reason == "damaged"


class TestReal:
    @pytest.fixture
    def calendars(self) -> Iterator[list[Calendar]]:
        bitcoin = Bitcoin()
        with serving(Calendar(bitcoin)) as a, serving(Calendar(bitcoin)) as b:
            yield [a, b]

    def test_all_three_kinds_in_a_folder(self, calendars: list[Calendar], tmp_path: Path) -> None:
        """Two calendars, our own time-stamping authority and one that is down, and an EVM node."""
        objects = FolderObjects(tmp_path / "objects")
        objects.put("checkpoint", note(5).encode())
        key = tmp_path / "key"
        key.write_text(KEY, encoding="ascii")
        with authority(pki()) as url, running() as chain:
            _, contract = node.deploy(chain, KEY)
            keeper = Keeper(
                objects,
                AnchorSettings(
                    calendars=tuple(one.url for one in calendars), authorities=(url, "http://127.0.0.1:9/tsa"),
                    evm=EvmSettings(node=chain, contract=contract, key_file=str(key)),
                ),
            )  # fmt: skip
            first = keeper.round(0)
            assert [(s.kind, s.waiting, s.failures) for s in first] == [
                ("opentimestamps", 1, 0), ("rfc3161", 0, 0), ("rfc3161", 1, 1), ("evm", 1, 0),
            ]  # fmt: skip
            for one in calendars:
                one.mine()
            mine(chain)
            for now in range(1, 6):
                last = keeper.round(now)
            assert [s.size for s in last] == [5, 5, 0, 5]
            found = anchored(objects, 2)
            assert found is not None
            block = node.ask(chain, [a.proof for a in found[1] if a.kind == "evm"])
        text = Note.parse(found[0]).text
        trust = Trust(
            headers=Headers(calendars[0].bitcoin.by_height(), difficulty=EASE),
            authorities=(x509.load_pem_x509_certificate(pki().tsa_root_pem),),
            chains=(block,),
        )
        bounds = {a.kind: check(a, text, trust) for a in found[1]}
        assert {kind: bound.status for kind, bound in bounds.items()} == dict.fromkeys(
            ("opentimestamps", "rfc3161", "evm"), "proven"
        )
        assert opentimestamps.finished(next(a.proof for a in found[1] if a.kind == "opentimestamps"))
        again = Keeper(objects, AnchorSettings(calendars=("http://127.0.0.1:9",), calendars_needed=1)).round(10)
        assert again[0].failures == 0, "what is finished is not asked for again"


class TestSettings:
    @pytest.mark.parametrize(
        "text",
        [
            "interval = 0",
            'calendars = ["https://a"]',
            'calendars = ["https://a"]\ncalendars_needed = 0',
            "calender = []",
        ],
    )
    def test_refused(self, text: str) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.toml.decode(text, type=AnchorSettings)

    def test_read(self) -> None:
        text = (
            'calendars = ["https://a", "https://b", "https://c"]\nauthorities = ["https://tsa.example"]\n'
            '[evm]\nnode = "https://node.example/hunter2"\ncontract = "0x00"\n'
        )
        found = msgspec.toml.decode(text, type=AnchorSettings)
        assert [service.where for service in services_of(found)] == ["a, b, c", "tsa.example", "node.example"]
        assert "hunter2" not in repr(found) + repr(services_of(found))
        assert len({service.name for service in services_of(found)}) == 3

    def test_as_a_section_of_a_log(self) -> None:
        """The example in the template, its comment signs taken off, is read."""
        text = log_settings.render(log_settings.Settings(origin="log.example/one"))
        assert log_settings.parse(text.encode()).anchors == AnchorSettings()
        before, mark, after = text.partition("# [anchors]")
        section = (mark + after).replace("# ", "")
        found = log_settings.parse((before + section).encode()).anchors
        assert [service.kind for service in services_of(found)] == ["opentimestamps", "rfc3161"]
        with pytest.raises(RegisterError, match="calendars_needed is at least 1") as caught:
            log_settings.parse((before + section.replace("calendars_needed = 2", "calendars_needed = 3")).encode())
        assert caught.value.reason == "malformed"
