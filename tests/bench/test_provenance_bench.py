"""The bench of provenance measures what it says: it refuses figures that would not mean anything."""

from pathlib import Path

import pytest
from bench.provenance import files, formats, others, speed, tables
from bench.provenance.cases import CASES
from bench.provenance.desk import desk
from bench.provenance.figures import FIGURES, File, Speed, Stamp, Store, load
from tests.provenance.pki import authority, pki
from tests.provenance.samples import sample
from tests.provenance.signed import edited, plain, store, tampered

from assay.provenance import engine
from assay.provenance.identity import from_pem

JPEG = "image/jpeg"
STAMP = Stamp(date="2026-11-24", assay="0", machine="none")


class TestOthers:
    @pytest.mark.parametrize(
        ("data", "verdict"),
        [(sample(JPEG), others.NONE), (plain(), others.INTACT), (edited(), others.INTACT),
         (tampered(plain()), others.BROKEN)],
        ids=["none", "sound", "edited", "changed"],
    )  # fmt: skip
    def test_both_tell_what_can_be_compared(self, data: bytes, verdict: str) -> None:
        trust = store()
        assert others.bare(data, JPEG, engine.context(trust.anchors()))[1] == verdict
        assert others.encypher(data, JPEG, trust)[1] == verdict

    def test_codes_stand_beside_the_word(self) -> None:
        word, _ = others.bare(tampered(plain()), JPEG, engine.context(store().anchors()))
        assert word == "Invalid: assertion.dataHash.mismatch"

    def test_a_kind_that_is_not_supported_is_no_verdict(self) -> None:
        assert others.bare(b"\0\1\0\0" + bytes(100), "font/ttf", engine.context())[1] == others.UNSUPPORTED


class TestSpeed:
    def test_each_goes_first_every_other_turn(self) -> None:
        calls: list[str] = []
        row = speed.duel("job", "size", lambda: calls.append("ours"), lambda: calls.append("bare"), rounds=4)
        assert calls[:6] == ["ours", "bare"] * 3, "warming up"
        assert calls[6:] == ["bare", "ours", "ours", "bare"] * 2
        assert row.rounds == 4
        assert row.low <= row.ratio_cpu <= row.high

    def test_what_fails_fast_is_not_timed(self) -> None:
        with pytest.raises(AssertionError, match="must succeed"):
            speed._valid("Invalid")

    def test_both_do_the_same_work(self) -> None:
        for ours, bare in speed.contests(sample(JPEG)).values():
            assert {str(ours()).lower(), str(bare()).lower()} == {"trusted"}


class TestFormats:
    def test_a_kind_is_trusted_by_three_and_broken_when_changed(self) -> None:
        certificates = pki()
        identity = from_pem(certificates.chain_pem, certificates.key_pem)
        with authority(certificates) as url:
            row = formats.one(JPEG, identity, formats.trusted(certificates), url)
        assert (row.ours, row.library, row.encypher, row.tampered) == ("trusted", "Trusted", "Trusted", "broken")
        assert row.bytes > 2000

    def test_one_bit_is_changed_in_the_content(self) -> None:
        data = sample(JPEG)
        changed = formats.tampered(plain(), data)
        assert sum(bin(a ^ b).count("1") for a, b in zip(changed, plain(), strict=True)) == 1


class TestFiles:
    @pytest.mark.shared_data
    def test_every_difference_is_explained_and_nothing_else(self, shared_data: Path) -> None:
        rows = files.measure(shared_data)
        assert len(rows) >= 28
        assert all(bool(row.why) == row.differs for row in rows)

    @pytest.mark.shared_data
    def test_a_difference_without_an_explanation_stops_the_bench(
        self, shared_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        why = files.explanations()
        gone = why.pop("adobe-20220124-CIE-sig-CA.jpg")
        monkeypatch.setattr(files, "explanations", lambda: {**why, "adobe-20220124-CA.jpg": gone})
        with pytest.raises(AssertionError, match=r"not explained: \['adobe-20220124-CIE-sig-CA.jpg'\]; .*-CA.jpg"):
            files.measure(shared_data)


class TestDesk:
    def test_an_unexpected_end_of_a_command_is_an_error(self) -> None:
        with desk() as one, pytest.raises(AssertionError, match="exit code 2 and not 0"):
            one.run("assay no-such-command")
        with desk() as one, pytest.raises(ValueError, match="only assay"):
            one.run("rm -rf /")

    def test_what_was_printed_stands_under_the_command_without_the_folder(self) -> None:
        with desk() as one:
            (one.folder / "photo.jpg").write_bytes(sample(JPEG))
            one.run(f"assay verify {one.folder}/photo.jpg", code=4, head=2)
            shown = "\n".join(one.lines)
        assert "photo.jpg  JPEG" in shown
        assert "(exit code 4)" in shown
        assert str(one.folder) not in shown.split("\n", 2)[2]

    def test_no_two_cases_have_the_same_heading(self) -> None:
        assert len({case.title for case in CASES}) == len(CASES)


class TestTables:
    def test_files_that_differ_share_an_explanation(self) -> None:
        rows = [
            File(name=f"{n}.jpg", ours="broken", chain="broken", list="", bare="Valid", encypher="Valid", shipped="–",
                 differs=n < 2, why="They are old." if n < 2 else "")
            for n in range(3)
        ]  # fmt: skip
        page = tables.text(Store(files=rows, stamps={"files": STAMP}))
        assert "On **2 of 3**" in page
        assert "- **0.jpg, 1.jpg**: They are old." in page
        assert "| 2.jpg | broken" in page

    def test_speed_shows_the_ratio_with_its_spread(self) -> None:
        row = Speed(job="sign", size="2 MP", ours_wall=11, bare_wall=10, ours_cpu=11, bare_cpu=10, ratio_wall=1.1,
                    ratio_cpu=1.1, low=1.05, high=1.15, rounds=9)  # fmt: skip
        assert "1.10 (1.05–1.15)" in tables.text(Store(speed=[row], stamps={"speed": STAMP}))

    def test_the_page_is_the_one_that_the_figures_make(self) -> None:
        assert (FIGURES / "provenance.md").read_text(encoding="utf-8") == tables.text(load())
