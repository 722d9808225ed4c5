"""OpenTimestamps: a real proof, calendars over real HTTP, and proofs and answers by people who wish us ill."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentimestamps.core.notary import (
    BitcoinBlockHeaderAttestation,
    LitecoinBlockHeaderAttestation,
    PendingAttestation,
)
from opentimestamps.core.op import OpAppend, OpHexlify, OpSHA1, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from tests.register.anchors.chains import EASE, Bitcoin, Calendar, serving
from tests.register.anchors.real import HASH, HEADER, HEIGHT, PROOF, TEXT

from assay.errors import RegisterError
from assay.register.anchors import Anchor, Bound, Trust, check
from assay.register.anchors import opentimestamps as ots
from assay.register.anchors.bound import MAX_PROOF, digest_of
from assay.register.anchors.headers import Evidence, Headers
from assay.register.http import Http

NOTE = "log.example/one\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


def checked(proof: bytes, text: str = NOTE, headers: Headers | None = None) -> Bound:
    return check(Anchor(kind="opentimestamps", proof=proof), text, Trust(headers=headers))


def written_out(timestamp: Timestamp, op: object = None) -> bytes:
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256() if op is None else op, timestamp).serialize(context)
    return bytes(context.getbytes())


@pytest.fixture
def calendars() -> Iterator[list[Calendar]]:
    bitcoin = Bitcoin()
    with serving(Calendar(bitcoin)) as a, serving(Calendar(bitcoin)) as b, serving(Calendar(bitcoin)) as c:
        yield [a, b, c]


def urls(calendars: list[Calendar]) -> list[str]:
    return [calendar.url for calendar in calendars]


class TestReal:
    def test_by_a_trusted_block(self) -> None:
        found = checked(PROOF, TEXT, Headers({HEIGHT: HEADER}, trusted=(HEIGHT, HASH)))
        assert (found.status, found.who) == ("proven", "block 358391 of the Bitcoin chain")
        assert found.says == (
            "Block 358391 of the Bitcoin chain has it, so it was there not later than about 28 May 2015, 17:42 UTC: "
            "the time in the block is 2015-05-28 15:41:18 UTC, and such times are right to about two hours."
        )
        assert found.not_after is not None
        assert found.not_after.isoformat() == "2015-05-28T17:41:18+00:00"
        assert "It leads, hash by hash, to the block that is trusted." in found.steps

    def test_by_its_own_work(self) -> None:
        found = checked(PROOF, TEXT, Headers({HEIGHT: HEADER}, difficulty=4e10))
        assert found.status == "proven"
        assert "That header has its proof of work: about 2.1e+20 hashes at difficulty 4.88e+10." in found.steps

    def test_too_little_work_for_what_is_asked(self) -> None:
        """Two weeks of one machine of 2025 make a block of 2015: it proves nothing by itself."""
        found = checked(PROOF, TEXT, Headers({HEIGHT: HEADER}))
        assert (found.status, found.not_after) == ("unchecked", None)
        assert "difficulty" in found.says

    def test_without_headers(self) -> None:
        assert "block headers are needed" in checked(PROOF, TEXT).says
        assert "not among those given" in checked(PROOF, TEXT, Headers({})).says

    def test_another_text(self) -> None:
        found = checked(PROOF, TEXT + "\n", Headers({HEIGHT: HEADER}, difficulty=1))
        assert (found.status, found.not_after) == ("invalid", None)

    @pytest.mark.filterwarnings("ignore:OpReverse:PendingDeprecationWarning")
    @settings(max_examples=150, deadline=None)
    @given(at=st.integers(0, len(PROOF) - 1), flip=st.integers(1, 255))
    def test_no_damage_proves_anything(self, at: int, flip: int) -> None:
        damaged = bytearray(PROOF)
        damaged[at] ^= flip
        assert checked(bytes(damaged), TEXT, Headers({HEIGHT: HEADER}, difficulty=1)).status != "proven"

    def test_cut_off_or_lengthened(self) -> None:
        for proof in (*(PROOF[:n] for n in range(0, len(PROOF), 37)), PROOF + b"\0"):
            assert checked(proof, TEXT).status == "invalid"


class TestCalendars:
    def test_from_stamp_to_proof(self, calendars: list[Calendar]) -> None:
        proof = ots.stamp(NOTE, urls(calendars), 2)
        found = checked(proof)
        assert (found.status, found.not_after) == ("pending", None)
        assert "promised" in found.says
        assert ots.upgrade(proof, urls(calendars), 2) == proof, "no block yet: the same bytes"
        for calendar in calendars:
            calendar.mine()
        done = ots.upgrade(proof, urls(calendars), 2)
        assert ots.finished(done)
        assert ots.blocks(done) == 3
        bitcoin = calendars[0].bitcoin
        found = checked(done, headers=Headers(bitcoin.by_height(), difficulty=EASE))
        assert (found.status, found.who) == ("proven", f"block {bitcoin.start} of the Bitcoin chain")
        assert "Of the headers given, 2 build on it." in found.steps
        assert ots.upgrade(done, urls(calendars), 2) == done

    def test_only_a_salted_digest_goes_out(self, calendars: list[Calendar]) -> None:
        ots.stamp(NOTE, urls(calendars), 1)
        ots.stamp(NOTE, urls(calendars), 1)
        assert len(calendars[0].kept) == 2, "a nonce makes each its own"
        assert digest_of(NOTE) not in calendars[0].kept

    def test_enough_of_them(self, calendars: list[Calendar]) -> None:
        calendars[0].mood = "down"
        assert ots.stamp(NOTE, urls(calendars), 2)
        calendars[1].mood = "nonsense"
        with pytest.raises(RegisterError, match="1 of 3 calendars answered; 2 must") as caught:
            ots.stamp(NOTE, urls(calendars), 2)
        assert caught.value.reason == "unreachable"
        assert ots.stamp(NOTE, urls(calendars), 1)

    @pytest.mark.parametrize("mood", ["down", "nonsense", "other"])
    def test_one_that_fails_stops_nothing(self, calendars: list[Calendar], mood: str) -> None:
        proof = ots.stamp(NOTE, urls(calendars), 2)
        calendars[0].mine()
        calendars[1].mine()
        calendars[0].mood = mood
        half = ots.upgrade(proof, urls(calendars), 2)
        assert (ots.blocks(half), ots.finished(half)) == (1, False)
        headers = Headers(calendars[0].bitcoin.by_height(), difficulty=EASE)
        assert checked(half, headers=headers).status == "proven", "one block is enough to check"
        calendars[0].mood = "well"
        assert ots.finished(ots.upgrade(half, urls(calendars), 2))

    def test_one_that_lies_costs_nothing(self, calendars: list[Calendar]) -> None:
        proof = ots.stamp(NOTE, urls(calendars), 2)
        bitcoin = calendars[0].bitcoin
        bitcoin.mine()
        for digest in calendars[0].kept:
            calendars[0].kept[digest] = bitcoin.start
        calendars[1].mine()
        done = ots.upgrade(proof, urls(calendars), 2)
        found = checked(done, headers=Headers(bitcoin.by_height(), difficulty=EASE))
        assert (found.status, found.who) == ("proven", f"block {bitcoin.start + 1} of the Bitcoin chain")
        lie = ots.upgrade(ots.stamp(NOTE, urls(calendars[:1]), 1), urls(calendars), 1)
        assert checked(lie, headers=Headers({}, difficulty=EASE)).status == "pending"

    def test_a_lie_alone_is_invalid(self, calendars: list[Calendar]) -> None:
        proof = ots.stamp(NOTE, urls(calendars[:1]), 1)
        bitcoin = calendars[0].bitcoin
        bitcoin.mine()
        for digest in calendars[0].kept:
            calendars[0].kept[digest] = bitcoin.start
        found = checked(ots.upgrade(proof, urls(calendars), 1), headers=Headers(bitcoin.by_height(), difficulty=EASE))
        assert found.status == "invalid"
        assert "does not lead to the Merkle root" in found.says

    def test_headers_that_do_not_hold_prove_nothing(self, calendars: list[Calendar]) -> None:
        proof = ots.stamp(NOTE, urls(calendars[:1]), 1)
        height = calendars[0].mine()
        calendars[0].bitcoin.mine()
        done = ots.upgrade(proof, urls(calendars), 1)
        headers = calendars[0].bitcoin.by_height()
        headers[height + 1] = headers[height]
        found = checked(done, headers=Headers(headers, difficulty=EASE))
        assert found.status == "unchecked"
        assert "do not hold together" in found.says


@pytest.mark.filterwarnings("ignore:OpReverse:PendingDeprecationWarning")
class TestHostile:
    def test_a_proof_sends_us_nowhere(self) -> None:
        """Only to the calendars of the settings and those that are known."""
        asked: list[str] = []

        def connect(url: str) -> Http:
            asked.append(url)
            raise RegisterError("down", "unreachable")

        timestamp = Timestamp(digest_of(NOTE))
        names = (
            "http://127.0.0.1:22", "https://evil.example", "http://alice.btc.calendar.opentimestamps.org",
            "https://alice.btc.calendar.opentimestamps.org", "https://calendar.opentimestamps.org.evil.example",
            "https://evil.example:443/x.calendar.opentimestamps.org", "http://mine.example/",
        )  # fmt: skip
        for number, name in enumerate(names):
            timestamp.ops.add(OpAppend(bytes([number]))).attestations.add(PendingAttestation(name))
        proof = written_out(timestamp)
        assert ots.upgrade(proof, ["http://mine.example"], 1, connect) == proof
        assert sorted(asked) == ["http://mine.example/", "https://alice.btc.calendar.opentimestamps.org"]

    def test_an_answer_that_would_make_the_proof_too_large_is_dropped(self, calendars: list[Calendar]) -> None:
        proof = ots.stamp(NOTE, urls(calendars), 2)
        for calendar in calendars:
            calendar.mine()
        calendars[0].fat = calendars[1].fat = 2
        done = ots.upgrade(proof, urls(calendars), 3)
        assert len(done) <= MAX_PROOF
        assert ots.blocks(done) == 1, "the third calendar alone"
        height = calendars[2].bitcoin.start + 2
        headers = Headers({height: calendars[2].bitcoin.headers[2]}, difficulty=EASE)
        assert checked(done, headers=headers).status == "proven"

    def test_deep_and_wide(self) -> None:
        for body in (b"\xf3" * 3000, b"\x08" * 5000, b"\xff" * 5000, (b"\xff" + b"\xf2") * 4000, b"\xf0\xff" * 400):
            found = checked(PROOF[:65] + body, TEXT)
            assert found.status == "invalid"
        assert checked(PROOF[:65] + b"\x08" * MAX_PROOF, TEXT).status == "invalid"

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_garbage_never_raises(self, garbage: bytes) -> None:
        assert checked(garbage).status == "invalid"
        assert checked(PROOF[:65] + garbage, TEXT, Headers({HEIGHT: HEADER}, difficulty=1)).status != "proven"

    def test_heights_that_cannot_be(self) -> None:
        timestamp = Timestamp(digest_of(NOTE))
        timestamp.attestations.add(BitcoinBlockHeaderAttestation(2**200))
        assert checked(written_out(timestamp), headers=Headers({})).status == "unchecked"

    def test_a_height_too_long_to_be_written(self) -> None:
        """Python writes no whole number of more than 4300 digits; the library reads heights of 8192 bytes."""
        timestamp = Timestamp(digest_of(NOTE))
        timestamp.attestations.add(BitcoinBlockHeaderAttestation(1 << 50_000))
        proof = written_out(timestamp)
        for headers in (None, Headers({})):
            assert checked(proof, headers=headers).status == "unchecked"
        assert (ots.blocks(proof), ots.heights(proof), ots.finished(proof)) == (0, set(), False)

    def test_blocks_of_another_root_cost_no_walk_along_the_chain(self) -> None:
        """A thousand heights fit in a proof, and a chain has a million headers: only roots that fit are followed."""

        class Counted(Headers):
            walks = 0

            def evidence(self, height: int) -> Evidence | None:
                self.walks += 1
                return super().evidence(height)

        bitcoin = Bitcoin()
        bitcoin.mine()
        timestamp = Timestamp(digest_of(NOTE))
        for height in range(bitcoin.start, bitcoin.start + 50):
            timestamp.attestations.add(BitcoinBlockHeaderAttestation(height))
        headers = Counted(dict.fromkeys(range(bitcoin.start, bitcoin.start + 50), bitcoin.headers[0]))
        assert checked(written_out(timestamp), headers=headers).status == "invalid"
        assert headers.walks == 0

    def test_another_digest_or_chain(self) -> None:
        sha1 = Timestamp(digest_of(NOTE)[:20])
        sha1.attestations.add(PendingAttestation("https://a.example"))
        assert checked(written_out(sha1, OpSHA1())).status == "invalid"
        other = Timestamp(digest_of(NOTE))
        other.attestations.add(LitecoinBlockHeaderAttestation(5))
        assert checked(written_out(other)).status == "unchecked"

    def test_a_root_of_another_length(self) -> None:
        timestamp = Timestamp(digest_of(NOTE))
        timestamp.ops.add(OpHexlify()).attestations.add(BitcoinBlockHeaderAttestation(HEIGHT))
        assert checked(written_out(timestamp), headers=Headers({HEIGHT: HEADER}, difficulty=1)).status == "invalid"
