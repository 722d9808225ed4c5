"""The page of a recovery: what it shows, that nothing in it runs, and that a stranger's words stay words."""

import re

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from assay.fingerprint import Comparison
from assay.provenance.model import Action, Ingredient, Kind, Manifest, Reason, Signer, State, Verification
from assay.provenance.recovery import Candidate, FoundBy, Likeness, Recovery, Seen, Verdict
from assay.report.recovery import headline
from assay.report.recovery_page import heat, render_recovery

EVIL = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7 * 7 }}</style>\u202e\x1b[31m"
PICTURE = np.full((60, 80, 3), (90, 140, 60), np.uint8)


def agreement(low: tuple[slice, slice] | None = None) -> npt.NDArray[np.float32]:
    found = np.ones((64, 64), np.float32)
    if low:
        found[low] = -0.5
    return found


def compared(**changes: object) -> Comparison:
    fields: dict[str, object] = {
        "region": (0.1, 0.0, 0.8, 1.0), "placed": (0.1, 0.0, 0.8, 1.0), "mirrored": True,
        "differing": ((0.4, 0.4, 0.2, 0.2),), "agreement": agreement((slice(26, 38), slice(26, 38))),
    }  # fmt: skip
    return Comparison(True, 9.0, "This is the same picture.", **{**fields, **changes})  # type: ignore[arg-type]


def record(text: str = "words", verdict: Verdict = Verdict.EDITED, known: str | None = "test") -> Recovery:
    manifest = Manifest(
        label=text, depth=0, state=State.BROKEN, list=known, title=text, format="image/jpeg", generator=text,
        signer=Signer(name=text, organisation=text, issuer=text, algorithm="es256", serial="1"), signed_at=None,
        claimed_at=text, actions=(Action(action=text, says=text),), training={text: text},
        ingredients=(Ingredient(title=text, relationship="parentOf"),),
        reasons=(Reason(code="assertion.dataHash.mismatch", kind=Kind.FAILURE, says=text),),
    )  # fmt: skip
    found = Verification(
        path=text, state=State.BROKEN, chain=State.BROKEN, says=text, signer=manifest.signer, list=known,
        reasons=(*manifest.reasons, Reason(code=text, kind=Kind.INFORMATION, says=text)),
        manifests=(manifest, msgspec.structs.replace(manifest, depth=1)), format="image/jpeg", sha256="0" * 64, at="",
        online=False,
    )  # fmt: skip
    likeness = Likeness(
        same=True, score=9, says=text, region=(0, 0, 1, 1), covers=1, mirrored=False, turn=0, scale=(1, 1)
    )
    candidate = Candidate(
        manifest_id=text, found_by=FoundBy.WATERMARK, verdict=verdict, says=text, sound=True, signer=text, list=known,
        title=text, likeness=likeness,
    )  # fmt: skip
    return Recovery(
        path=text, sha256="0" * 64, format="jpeg", width=80, height=60, verdict=verdict, says=text, store=text,
        found_by=FoundBy.WATERMARK, manifest_id=text, changes=(text,), warnings=(text,), likeness=likeness,
        watermark=Seen(algorithm="assay.watermark.1", identifier="0" * 16, confidence=0.9, log10_false_alarm=-60.2),
        candidates=(candidate, candidate), verification=found,
    )  # fmt: skip


class TestSafety:
    def test_a_stranger_s_words_stay_words(self) -> None:
        page = render_recovery(record(EVIL), PICTURE, compared())
        assert "<script" not in page
        assert "onerror='" not in page
        assert "49" not in re.findall(r"\{\{|49(?= )", page)
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert page.count("&lt;script&gt;") > 10

    def test_nothing_is_fetched_and_nothing_runs(self) -> None:
        page = render_recovery(record(), PICTURE, compared())
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
        assert policy
        assert policy[1].startswith("default-src &#39;none&#39;; img-src data:;")
        assert "script-src" not in policy[1]
        assert " style=" not in page
        assert re.findall(r'(?:href|src)="(?!data:|#)[^"]*"', page) == []


class TestWhatItShows:
    def test_the_picture_in_the_frame_of_the_original(self) -> None:
        page = render_recovery(record(), PICTURE, compared())
        # 80 x 60 pixels span 0.8 of the width and all of the height: the original is 100 x 60.
        assert 'x="0.0" y="0.0" width="1000.0" height="600.0"' in page
        assert 'x="100.0" y="0.0" width="800.0" height="600.0"' in page
        assert '<rect class="box" x="400.0" y="240.0" width="200.0" height="120.0"/>' in page
        assert "part of it that this file does not show" in page
        assert "turned or mirrored back" in page

    def test_a_whole_picture_in_a_frame(self) -> None:
        whole = compared(region=(0, 0, 1, 1), placed=(-0.5, -0.5, 2, 2), mirrored=False, differing=(), turn=0.0)
        page = render_recovery(record(verdict=Verdict.SAME_PICTURE), PICTURE, whole)
        # The original is 40 x 30, drawn 1000 wide, with half as much again on every side, and a little room.
        assert 'viewBox="-514.0 -389.0 2028.0 1528.0"' in page
        assert "part of it that this file does not show" not in page
        assert 'class="box"' not in page
        assert "turned or mirrored back" not in page

    def test_another_picture_is_not_laid_over_anything(self) -> None:
        other = Comparison(False, 2.0, "This is another picture.")
        page = render_recovery(record(verdict=Verdict.TRANSPLANTED), PICTURE, other)
        assert "<svg" not in page
        assert 'alt="The picture"' in page
        assert "Borrowed credentials" in page
        assert "of that other picture" in page

    def test_nothing_found(self) -> None:
        bare = Recovery(
            path="x.jpg", sha256="0" * 64, format="jpeg", width=4, height=3, verdict=Verdict.NOT_FOUND, says="Nothing.",
            store="s",
        )  # fmt: skip
        page = render_recovery(bare, PICTURE, None)
        assert "No credentials were found" in page
        assert "not suspicious for that" in page

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_never_says_genuine(self, verdict: Verdict) -> None:
        page = render_recovery(record(verdict=verdict), PICTURE, compared())
        assert "genuine" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)

    def test_an_unknown_signer_is_in_the_headline(self) -> None:
        assert headline(record(verdict=Verdict.EXACT)).endswith("these very bytes")
        assert headline(record(verdict=Verdict.EXACT, known=None)).endswith("signer unknown")

    def test_rivals_are_all_there(self) -> None:
        assert "All 2 manifests that were found" in render_recovery(record(), PICTURE, compared())


def test_the_map_is_clear_where_all_agrees_and_red_where_nothing_does() -> None:
    shown = heat(agreement((slice(0, 32), slice(None))))
    assert shown.shape == (256, 256, 4)
    assert shown[200:, :, 3].max() == 0
    assert shown[:100, :, 3].min() > 100
    assert heat(np.full((64, 64), np.nan, np.float32))[..., 3].max() == 0
