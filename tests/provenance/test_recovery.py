"""Recovery: what was only stripped, what was changed, what was put there to deceive, and what a store may hold."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import httpx
import msgspec
import numpy as np
import pytest
from tests.provenance.durables import Picture, copied, identity, jpeg, kept, picture, pixels, stripped, trust

from assay import fingerprint
from assay.errors import ProvenanceError
from assay.fingerprint import Comparison
from assay.media import Media
from assay.provenance import watermark
from assay.provenance.definition import Options
from assay.provenance.durable import binding_of
from assay.provenance.model import SoftBinding, State, Verification
from assay.provenance.recovery import FoundBy, Recovered, Recovery, Verdict, find, recover
from assay.provenance.recovery.changes import changes, place
from assay.provenance.recovery.many import Ask, each_recovered
from assay.provenance.resolution.client import ResolutionClient
from assay.provenance.sign import sign
from assay.provenance.store import ManifestStore, Match
from assay.provenance.trust import TrustStore
from assay.web.resolution import create_app
from assay.web.service import Settings


@pytest.fixture
def store(tmp_path: Path) -> ManifestStore:
    """The store with the one manifest, to write to."""
    return ManifestStore.open(copied(tmp_path / "store"))


def look(data: bytes, source: find.Source, *, send: bool = False, known: TrustStore | None = None) -> Recovered:
    return recover(Media.open(data, name="x.jpg"), source, trust=known or trust(), store="the store", send=send)


def no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the watermark had been washed out: looking for one that is not there takes seconds."""
    kept()  # made with the real one
    monkeypatch.setattr(watermark, "detect", lambda rgb: None)


def prints(data: Picture) -> SoftBinding:
    value = base64.b64encode(fingerprint.compute(data)).decode()
    return SoftBinding(algorithm=fingerprint.ALGORITHM, value=value)


def signed(data: bytes, *bindings: SoftBinding, title: str = "Other") -> bytes:
    """A no-embed manifest that declares these bindings."""
    options = Options(source_type="digitalCapture", title=title, embed=False, soft_bindings=bindings)
    return sign(data, identity(), options).manifest


class TestWhatWasKept:
    def test_stripped_is_exact(self, store: ManifestStore) -> None:
        found = look(stripped(kept().data), store)
        record = found.record
        assert (record.verdict, record.found_by) == (Verdict.EXACT, FoundBy.WATERMARK)
        assert record.manifest_id == kept().durable.stored_id
        assert found.manifest == kept().durable.stored
        assert record.verification is not None
        assert record.verification.state is State.TRUSTED
        assert record.candidates[0].list == "test"
        assert record.changes[0] == "Its credentials were taken out of the file."
        assert record.warnings == ()
        assert msgspec.json.decode(msgspec.json.encode(record), type=Recovery) == record

    def test_saved_again_cropped_and_mirrored_is_the_same_picture(self, store: ManifestStore) -> None:
        part = pixels(kept().data)[60:600, 90:900][:, ::-1]
        found = look(jpeg(cv2.resize(part, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), 60), store)  # type: ignore[arg-type]
        record = found.record
        assert (record.verdict, record.found_by) == (Verdict.SAME_PICTURE, FoundBy.WATERMARK)
        text = " ".join(record.changes)
        assert "cropped: it shows about 71 %" in text
        assert "mirrored" in text
        assert "reduced to about 80 %" in text
        assert "saved anew" in text
        assert record.likeness is not None
        assert record.likeness.region == pytest.approx((90 / 960, 60 / 640, 810 / 960, 540 / 640), abs=0.015)
        assert record.verification is not None
        assert record.verification.state is State.BROKEN
        assert record.candidates[0].sound
        assert "genuine" not in str(msgspec.to_builtins(record))

    def test_a_part_replaced_is_told_and_placed(self, store: ManifestStore) -> None:
        data = pixels(kept().data).copy()
        data[220:440, 320:620] = picture(2)[220:440, 320:620]
        record = look(jpeg(data, 85), store).record
        assert record.verdict is Verdict.EDITED
        assert record.changes[0].startswith("One place does not show what was signed: in the middle")
        assert not record.verdict.confirmed

    def test_the_file_s_own_credentials_go_first(self, store: ManifestStore) -> None:
        record = look(kept().data, store).record
        assert record.verdict is Verdict.SAME_PICTURE
        assert record.own is not None
        assert record.own.state is State.TRUSTED
        assert any("still carries credentials" in w for w in record.warnings)
        assert record.changes == ()

    def test_a_signer_whom_no_list_knows_is_said_aloud(self, store: ManifestStore) -> None:
        record = look(stripped(kept().data), store, known=TrustStore()).record
        assert record.verdict is Verdict.EXACT
        assert record.candidates[0].list is None
        assert any("anybody could have made it" in w for w in record.warnings)


class TestFingerprintAlone:
    def test_finds_what_lost_its_mark(self, store: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
        no_mark(monkeypatch)
        small = cv2.resize(picture(), (320, 213), interpolation=cv2.INTER_AREA)
        record = look(jpeg(small, 50), store).record  # type: ignore[arg-type]
        assert (record.verdict, record.found_by) == (Verdict.SAME_PICTURE, FoundBy.FINGERPRINT)
        assert record.watermark is None

    def test_finds_nothing_for_a_stranger(self, store: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
        no_mark(monkeypatch)
        record = look(jpeg(picture(7)), store).record
        assert record.verdict is Verdict.NOT_FOUND
        assert (record.candidates, record.manifest_id, record.verification) == ((), None, None)
        assert "no fingerprint there is of this picture" in record.says

    def test_lists_every_rival(self, store: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
        no_mark(monkeypatch)
        store.put(signed(jpeg(picture(), 80), prints(picture()), title="Rival"))
        record = look(jpeg(picture(), 70), store).record
        assert [c.verdict for c in record.candidates] == [Verdict.SAME_PICTURE] * 2
        assert {c.title for c in record.candidates} == {"Meadow", "Rival"}


class TestTransplant:
    def test_a_mark_moved_to_another_picture(self, store: ManifestStore) -> None:
        identifier = kept().durable.identifier
        assert identifier is not None
        record = look(jpeg(watermark.embed(picture(2), identifier), 90), store).record
        assert record.verdict is Verdict.TRANSPLANTED
        assert record.found_by is FoundBy.WATERMARK
        assert "belongs to another picture" in record.says
        assert record.likeness is not None
        assert record.likeness.same is False
        assert record.changes == ()

    def test_is_said_even_where_the_picture_has_a_manifest_of_its_own(self, store: ManifestStore) -> None:
        identifier = kept().durable.identifier
        assert identifier is not None
        own = store.put(signed(jpeg(picture(2)), prints(picture(2)), title="Really this"))
        record = look(jpeg(watermark.embed(picture(2), identifier), 90), store).record
        assert record.verdict is Verdict.TRANSPLANTED
        assert "under another manifest" in record.says
        assert [c.verdict for c in record.candidates] == [Verdict.SAME_PICTURE, Verdict.TRANSPLANTED]
        assert record.manifest_id == own

    def test_a_manifest_that_was_bound_to_somebody_else_s_mark_takes_nothing_away(self, store: ManifestStore) -> None:
        """A stranger binds the victim's watermark to a manifest of another picture: the victim's still counts."""
        identifier = kept().durable.identifier
        assert identifier is not None
        store.put(signed(jpeg(picture(3)), prints(picture(3))), [binding_of(identifier)])
        record = look(stripped(kept().data), store).record
        assert record.verdict is Verdict.EXACT
        assert [c.verdict for c in record.candidates] == [Verdict.EXACT, Verdict.TRANSPLANTED]
        assert [c.claimed for c in record.candidates] == [False, True]

    def test_without_a_fingerprint_nothing_is_confirmed(self, store: ManifestStore) -> None:
        identifier = kept().durable.identifier
        assert identifier is not None
        store.delete(kept().durable.stored_id)
        store.put(signed(jpeg(picture(3)), binding_of(identifier)))
        record = look(jpeg(pixels(kept().data), 70), store).record
        assert record.verdict is Verdict.UNCONFIRMED
        assert "no fingerprint" in record.says


class Liar:
    """A source that says what it is told to."""

    def __init__(
        self, ids: Sequence[str], answers: dict[str, bytes | None], fails: str = "", endpoint: str | None = None
    ) -> None:
        self.ids, self.answers, self.fails, self.endpoint, self.sent = ids, answers, fails, endpoint, 0

    def by_binding(self, algorithm: str, value: bytes, limit: int = 10) -> list[Match]:
        if self.fails:
            raise ProvenanceError("The service at x cannot be asked.", self.fails)
        return [Match(i, algorithm, 100, self.endpoint) for i in self.ids]

    def get(self, manifest_id: str) -> bytes | None:
        return self.answers.get(manifest_id)

    def by_content(self, data: bytes, limit: int = 10, *, mime: str = "", algorithm: str = "") -> list[Match]:
        self.sent += 1
        return [Match(i, "", 50) for i in self.ids]


class TestHostileSources:
    @pytest.fixture(autouse=True)
    def a_mark(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept()  # made with the real one
        mark = watermark.Mark(7, 0.9, -40.0, (1.0, 1.0), 0.0, mirrored=False)
        monkeypatch.setattr(watermark, "detect", lambda rgb: mark)

    @pytest.mark.parametrize(
        ("answer", "word"),
        [
            (None, "does not have it"),
            (b"", "cannot be read"),
            (b"\0\0\0\x10jumbgarbage!!!!", "cannot be read"),
            (b"%PDF-1.7 nothing of the kind", "cannot be read"),
            (bytes(17 * 1024**2), "cannot be read"),
        ],
    )
    def test_what_is_no_manifest_ends_in_a_sentence(self, answer: bytes | None, word: str) -> None:
        record = look(jpeg(picture(8)[:300, :400]), Liar(["urn:c2pa:x"], {"urn:c2pa:x": answer})).record
        assert record.verdict is Verdict.UNCONFIRMED
        assert word in record.says
        assert record.verification is None

    def test_a_manifest_cut_short_or_changed_is_broken(self) -> None:
        good = kept().durable.stored
        changed = good.replace(b"Meadow", b"Shadow")
        assert changed != good
        record = look(jpeg(pixels(kept().data), 80), Liar(["a", "b"], {"a": changed, "b": good[:-20]})).record
        assert {c.verdict for c in record.candidates} == {Verdict.UNCONFIRMED}
        assert not any(c.sound for c in record.candidates)
        assert "broken" in record.candidates[0].says

    def test_rubbish_bound_to_the_mark_does_not_hide_a_transplant(self) -> None:
        """And what a service says that another has is passed on, not fetched."""
        other = signed(jpeg(picture(3)), prints(picture(3)))
        liar = Liar(["rubbish", "elsewhere", "other"], {"rubbish": b"x" * 99, "other": other}, endpoint="https://y/v1")
        record = look(jpeg(picture(8)), liar).record
        assert record.verdict is Verdict.TRANSPLANTED
        assert record.manifest_id == "other"
        assert [c.verdict for c in record.candidates[1:]] == [Verdict.UNCONFIRMED] * 2
        assert "https://y/v1 has it" in record.candidates[2].says

    def test_a_fingerprint_that_is_none_is_not_compared(self) -> None:
        odd = SoftBinding(algorithm=fingerprint.ALGORITHM, value=base64.b64encode(b"\1" * 40).decode())
        manifest = signed(jpeg(picture(8)[:300, :400]), odd)
        record = look(jpeg(picture(8)[:300, :400], 60), Liar(["a"], {"a": manifest})).record
        assert record.verdict is Verdict.UNCONFIRMED
        assert "not one that this version of Assay understands" in record.says

    def test_more_matches_than_are_looked_at(self) -> None:
        liar = Liar([f"urn:c2pa:{n}" for n in range(500)], {})
        assert len(look(jpeg(picture(8)[:300, :400]), liar).record.candidates) == find.MAX_CANDIDATES

    def test_a_service_that_fails_is_an_error(self) -> None:
        with pytest.raises(ProvenanceError, match="cannot be asked"):
            look(jpeg(picture(8)[:300, :400]), Liar([], {}, fails="authority"))


def test_a_service_is_sent_the_picture_only_where_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    no_mark(monkeypatch)
    liar = Liar(["a"], {"a": kept().durable.stored})
    data = jpeg(picture(), 80)
    found = look(data, liar).record
    assert liar.sent == 0
    assert found.verdict is Verdict.NOT_FOUND
    assert "--send" in found.says
    found = look(data, liar, send=True).record
    assert liar.sent == 1
    assert (found.verdict, found.found_by) == (Verdict.SAME_PICTURE, FoundBy.CONTENT)


class TestMany:
    def test_each_file_in_a_worker_of_its_own(self, tmp_path: Path) -> None:
        folder = copied(tmp_path / "store")
        good, bad = tmp_path / "a.jpg", tmp_path / "b.jpg"
        good.write_bytes(stripped(kept().data))
        bad.write_bytes(b"\xff\xd8\xff nonsense")
        ask = Ask(source=str(folder), trust=trust(), show=True)
        answers = [a for _, a in each_recovered([str(good), str(bad), str(tmp_path / "c.jpg")], ask)]
        assert isinstance(answers[0].record, Recovery)
        assert answers[0].record.verdict is Verdict.EXACT
        assert answers[0].picture is not None
        assert answers[0].picture.shape == (640, 960, 3)
        assert [getattr(a.record, "reason", None) for a in answers[1:]] == ["malformed", "missing"]

    def test_a_store_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProvenanceError, match="no manifest store"):
            list(each_recovered(["a.jpg"], Ask(source=str(tmp_path / "nowhere"), trust=trust())))


class TestWords:
    def test_places(self) -> None:
        assert place((0.0, 0.0, 0.2, 0.2)) == "at the upper left, about 4 % of the original"
        assert place((0.4, 0.4, 0.2, 0.2)) == "in the middle, about 4 % of the original"
        assert place((0.4, 0.8, 0.2, 0.04)) == "at the bottom, less than 1 % of the original"

    def test_turns_frames_and_stretches(self) -> None:
        own = look_none()
        c = Comparison(
            True, 9.0, "", (0, 0, 1, 1), (-0.2, -0.1, 1.4, 1.2), 0.6, mirrored=False, turn=-90.0, scale=(0.9, 1.0)
        )
        text = " ".join(changes(Verdict.SAME_PICTURE, own, own, c, (100, 80)))
        assert "the original takes up about 60 % of the picture" in text
        assert "turned by 90° to the right" in text
        assert "stretched" in text
        c = Comparison(True, 9.0, "", turn=4.8)
        assert "turned by about 5° to the left" in " ".join(changes(Verdict.SAME_PICTURE, own, own, c, (9, 9)))
        c = Comparison(True, 9.0, "", turn=180.0)
        assert "upside down" in " ".join(changes(Verdict.SAME_PICTURE, own, own, c, (9, 9)))


def look_none() -> Verification:
    return Verification(
        path="x", state=State.NONE, chain=State.NONE, says="", signer=None, list=None, reasons=(), manifests=(),
        format="image/jpeg", sha256="", at="", online=False,
    )  # fmt: skip


def test_verdicts_are_ranked_from_the_best() -> None:
    assert [v for v in Verdict if v.confirmed] == [Verdict.EXACT, Verdict.SAME_PICTURE]
    assert Verdict.EXACT.rank < Verdict.SAME_PICTURE.rank < Verdict.EDITED.rank < Verdict.TRANSPLANTED.rank
    assert np.argmax([v.rank for v in Verdict]) == list(Verdict).index(Verdict.NOT_FOUND)


def test_over_a_service(store: ManifestStore) -> None:
    """The real client asks the real service, without a network between them."""
    settings = Settings(watermarks=(watermark.ALGORITHM,), fingerprints=(fingerprint.ALGORITHM,))
    app = create_app(store, settings=settings)
    client = ResolutionClient("http://localhost", transport=httpx.ASGITransport(app))  # type: ignore[arg-type]
    record = look(stripped(kept().data), client).record
    assert (record.verdict, record.found_by) == (Verdict.EXACT, FoundBy.WATERMARK)
    assert record.manifest_id == kept().durable.stored_id
