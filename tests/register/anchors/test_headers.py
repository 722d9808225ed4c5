"""Block headers: real ones, and what a forger or a bad disk would make of them."""

import json
from pathlib import Path

import pytest
from tests.register.anchors.chains import BEGAN, EASE, EASY, Bitcoin, double, exploring, mined
from tests.register.anchors.real import GENESIS, HASH, HEADER, HEIGHT, PROOF, TEXT

from assay.errors import RegisterError
from assay.register.anchors.headers import DAY, Header, Headers, fetch
from assay.register.anchors.opentimestamps import check as opentimestamps_check
from assay.register.anchors.opentimestamps import heights


def chain(length: int = 20, start: int = 900_000) -> Bitcoin:
    made = Bitcoin(start)
    for _ in range(length):
        made.mine()
    return made


def refused(headers: dict[int, bytes], height: int, reason: str = "proof", **options: object) -> str:
    with pytest.raises(RegisterError) as caught:
        Headers(headers, **options).evidence(height)  # type: ignore[arg-type]
    assert caught.value.reason == reason
    return str(caught.value)


def test_real_headers() -> None:
    first = Header.parse(GENESIS)
    assert first.hash[::-1].hex() == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert (first.difficulty, first.time) == (1.0, 1_231_006_505)
    later = Header.parse(HEADER)
    assert later.hash[::-1] == HASH
    assert later.difficulty == pytest.approx(48_807_487_244.68)
    assert later.time == 1_432_827_678


@pytest.mark.parametrize("at", [0, 10, 40, 68, 76])
def test_any_change_of_a_real_header_undoes_its_work(at: int) -> None:
    changed = bytearray(HEADER)
    changed[at] ^= 1
    refused({HEIGHT: bytes(changed)}, HEIGHT)


@pytest.mark.parametrize("bits", ["ffff7f21", "ffffff20", "00000020", "00000003", "01000001", "ffff7fff"])
def test_a_target_that_is_none(bits: str) -> None:
    """Negative, zero, or beyond 256 bits: such a one would be met by any hash."""
    with pytest.raises(RegisterError) as caught:
        Header.parse(GENESIS[:72] + bytes.fromhex(bits) + GENESIS[76:])
    assert caught.value.reason == "malformed"


def test_a_row_in_a_file(tmp_path: Path) -> None:
    made = chain()
    (tmp_path / "headers").write_bytes(b"".join(made.headers))
    headers = Headers.read(tmp_path / "headers", start=made.start)
    found = headers.evidence(made.start + 5)
    assert found is not None
    assert (found.header.hash, found.after, found.linked) == (double(made.headers[5]), 14, False)
    assert headers.evidence(made.start + 20) is None
    assert headers.evidence(made.start - 1) is None
    assert not headers.believed(found), "a test chain's difficulty is far below that of Bitcoin"
    assert Headers.read(tmp_path / "headers", start=made.start, difficulty=EASE).believed(found)


def test_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "headers.jsonl"
    path.write_text(json.dumps({"height": HEIGHT, "header": HEADER.hex()}) + "\n\n", encoding="ascii")
    found = Headers.read(path, trusted=(HEIGHT, HASH)).evidence(HEIGHT)
    assert found is not None
    assert (found.linked, found.after) == (True, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "malformed"),
        (b"x" * 79, "malformed"),
        (b"x" * 81, "malformed"),
        (b'{"height": 1}', "malformed"),
        (b'{"height": -1, "header": ""}', "malformed"),
        (b'{"height": 99999999999, "header": ""}', "malformed"),
        (b'{"height": 1, "header": "zz"}', "malformed"),
        (b'{"height": 1, "header": "00"}\n{"height": 1, "header": "01"}', "malformed"),
        (b'{"height": 1, "header": "00", "more": 1}', "malformed"),
        (b"{\xff}", "malformed"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "headers"
    path.write_bytes(text)
    with pytest.raises(RegisterError) as caught:
        Headers.read(path)
    assert caught.value.reason == reason


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="cannot be read") as caught:
        Headers.read(tmp_path / "none")
    assert caught.value.reason == "missing"


def test_a_header_that_is_cut_off_in_a_line() -> None:
    refused({5: HEADER[:79]}, 5, "malformed")


class TestTrusted:
    @pytest.mark.parametrize("at", [5, 6, 19])
    def test_linked_upwards(self, at: int) -> None:
        made = chain()
        headers = Headers(made.by_height(), trusted=(made.start + at, made.name(made.start + at)))
        found = headers.evidence(made.start + 5)
        assert found is not None
        assert found.linked
        assert headers.believed(found), "no difficulty is asked of what leads to a trusted block"

    @pytest.mark.parametrize("at", [0, 4])
    def test_what_builds_on_a_trusted_block_needs_its_own_work(self, at: int) -> None:
        """The first block is the one that everybody knows, and a chain upon it costs nothing: its difficulty is 1."""
        made = chain()
        trusted = (made.start + at, made.name(made.start + at))
        found = Headers(made.by_height(), trusted=trusted).evidence(made.start + 5)
        assert found is not None
        assert not found.linked
        assert not Headers(made.by_height(), trusted=trusted).believed(found)
        assert Headers(made.by_height(), trusted=trusted, difficulty=EASE).believed(found)

    def test_not_across_a_gap(self) -> None:
        made = chain()
        there = made.by_height()
        del there[made.start + 8]
        headers = Headers(there, trusted=(made.start + 12, made.name(made.start + 12)))
        found = headers.evidence(made.start + 2)
        assert found is not None
        assert not found.linked
        assert not headers.believed(found)

    def test_a_trusted_block_that_is_not_here_links_nothing(self) -> None:
        made = chain()
        found = Headers(made.by_height(), trusted=(5, HASH)).evidence(made.start + 5)
        assert found is not None
        assert not found.linked

    def test_another_block_at_the_trusted_height(self) -> None:
        made = chain()
        assert "trusted" in refused(made.by_height(), made.start, trusted=(made.start + 4, HASH))


class TestRefused:
    def test_a_chain_that_is_none(self) -> None:
        made = chain()
        made.headers[7] = mined(b"\7" * 32, b"\0" * 32, BEGAN + 4200)
        assert "does not follow" in refused(made.by_height(), made.start + 7)
        assert "does not follow" in refused(made.by_height(), made.start + 3), "and it is seen from below"

    def test_an_easier_target_within_a_period(self) -> None:
        made = chain(12, start=2016 * 400 + 1)
        made.mine(bits=0x2000FFFF)
        assert "target" in refused(made.by_height(), made.start + 12)

    @pytest.mark.parametrize(("bits", "holds"), [(0x203FFFFF, True), (0x201FFFFF, True), (0x200FFFFF, False)])
    def test_at_a_2016th_block_fourfold_at_most(self, bits: int, holds: bool) -> None:
        made = chain(12, start=2016 * 400 - 12)
        height = made.mine(bits=bits)
        assert height % 2016 == 0
        if holds:
            assert Headers(made.by_height()).evidence(height) is not None
        else:
            refused(made.by_height(), height)

    def test_a_time_before_the_median_of_eleven(self) -> None:
        made = chain(11)
        median = BEGAN + 600 * 5
        for time, holds in ((median, False), (median + 1, True)):
            headers = [*made.headers, mined(b"\0" * 32, double(made.headers[-1]), time)]
            there = {made.start + n: header for n, header in enumerate(headers)}
            if holds:
                assert Headers(there).evidence(made.start + 11) is not None
            else:
                assert "median" in refused(there, made.start + 11)


def test_only_a_day_is_walked_without_a_trusted_block() -> None:
    made = chain(DAY + 30)
    there = made.by_height()
    there[made.start + DAY + 10] = HEADER
    found = Headers(there).evidence(made.start)
    assert found is not None
    assert found.after == DAY


def test_easy_blocks_are_easy() -> None:
    assert 1e-10 < Header.parse(mined(b"\0" * 32, b"\0" * 32, 1, EASY)).difficulty < 1e-9


class TestExplorer:
    def test_headers_to_keep(self) -> None:
        made = chain(5)
        with exploring(made) as url:
            kept = fetch([made.start + 3, made.start + 4], url)
        headers = Headers.parse(kept, difficulty=EASE)
        found = headers.evidence(made.start + 3)
        assert found is not None
        assert (found.header.hash, found.after) == (double(made.headers[3]), 1)

    def test_a_block_that_is_not_there(self) -> None:
        with exploring(chain(1)) as url, pytest.raises(RegisterError) as caught:
            fetch([5], url)
        assert caught.value.reason == "missing"

    @pytest.mark.parametrize(
        ("name", "header", "reason"),
        [
            (b"../../admin", HEADER.hex().encode(), "malformed"),
            (b"<html>", b"", "malformed"),
            (b"\xff\xfe", b"", "malformed"),
            (b"x" * 65, b"", "too_large"),
            (HASH.hex().encode(), GENESIS.hex().encode(), "proof"),
            (HASH.hex().encode(), b"zz", "malformed"),
            (HASH.hex().encode(), HEADER.hex().encode()[:100], "malformed"),
            (HASH.hex().encode(), b"0" * 200, "too_large"),
        ],
    )
    def test_one_that_answers_nonsense(self, name: bytes, header: bytes, reason: str) -> None:
        answers = {f"/block-height/{HEIGHT}": name, f"/block/{HASH.hex()}/header": header}
        with exploring(Bitcoin(), answers) as url, pytest.raises(RegisterError) as caught:
            fetch([HEIGHT], url)
        assert caught.value.reason == reason

    def test_the_real_block(self) -> None:
        answers = {f"/block-height/{HEIGHT}": HASH.hex().encode(), f"/block/{HASH.hex()}/header": HEADER.hex().encode()}
        with exploring(Bitcoin(), answers) as url:
            kept = fetch(heights(PROOF), url)
        assert opentimestamps_check(PROOF, TEXT, Headers.parse(kept, difficulty=4e10)).status == "proven"
