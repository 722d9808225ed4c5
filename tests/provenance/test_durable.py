"""Durable credentials: marked, written, signed twice, kept, and no history dropped."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.provenance.durables import copied, identity, jpeg, kept, picture, pixels, stripped, trust

from assay import fingerprint
from assay.errors import MediaError, ProvenanceError
from assay.media import Media
from assay.provenance import watermark
from assay.provenance.definition import Options
from assay.provenance.durable import binding_of, make_durable, orient_back, psnr
from assay.provenance.model import State
from assay.provenance.sign import sign
from assay.provenance.softbindings import contents
from assay.provenance.store import ManifestStore
from assay.provenance.verify import verify


class TestWhatIsMade:
    def test_the_file_verifies_and_the_mark_is_in_it(self) -> None:
        found = verify(kept().data, trust=trust())
        assert (found.state, found.chain) == (State.TRUSTED, State.TRUSTED)
        mark = watermark.detect(pixels(kept().data))
        assert mark is not None
        assert mark.payload == kept().durable.identifier
        assert kept().durable.psnr > 40

    def test_both_manifests_name_the_mark_and_the_fingerprint(self) -> None:
        made = kept().durable
        assert made.identifier is not None
        for manifest in (made.signed.manifest, made.stored):
            declared = dict(contents(manifest).bindings)
            assert declared[watermark.ALGORITHM] == made.identifier.to_bytes(8, "big")
            assert fingerprint.compare(declared[fingerprint.ALGORITHM], pixels(kept().data)).same
        actions = [a.action for a in verify(kept().data, trust=trust()).manifests[0].actions]
        assert actions == ["c2pa.created", "c2pa.watermarked.bound"]

    def test_what_was_embedded_does_not_validate_once_stripped_and_what_was_kept_does(self) -> None:
        """Pitfall 2 of the library: a manifest that was made to be embedded is bound to where it stood."""
        bare = stripped(kept().data)
        assert verify(bare, trust=trust()).state is State.NONE
        assert verify(bare, trust=trust(), sidecar=kept().durable.signed.manifest).state is State.BROKEN
        assert verify(bare, trust=trust(), sidecar=kept().durable.stored).state is State.TRUSTED

    def test_the_store_finds_it_by_both(self) -> None:
        made = kept().durable
        with ManifestStore.open(kept().folder) as store:
            for binding in made.bindings:
                found = store.by_binding(binding.algorithm, base64.b64decode(binding.value))
                assert [(m.manifest_id, m.claimed) for m in found] == [(made.stored_id, False)]
            assert store.get(made.stored_id) == made.stored

    def test_identifiers_are_drawn_anew(self) -> None:
        """The value in the file is 8 bytes, big-endian."""
        assert base64.b64decode(binding_of(258).value) == b"\0\0\0\0\0\0\1\2"
        assert kept().durable.identifier not in {0, None}


class TestAgain:
    def test_a_marked_picture_keeps_its_mark_and_says_so(self, tmp_path: object) -> None:
        from pathlib import Path

        with ManifestStore.open(copied(Path(str(tmp_path)) / "store")) as store:
            made = make_durable(kept().data, identity(), Options(title="Later"), store=store)
            assert made.identifier == kept().durable.identifier
            assert made.reused
            assert made.psnr == float("inf")
            assert any("carries a watermark already" in r for r in made.remarks)
            assert any("leads to one other manifest" in r for r in made.remarks)
            mark = made.bindings[0]
            assert len(store.by_binding(mark.algorithm, base64.b64decode(mark.value))) == 2
        assert made.signed.data is not None
        found = verify(made.signed.data, trust=trust())
        assert found.state is State.TRUSTED
        assert [m.title for m in found.manifests] == ["Later", "Meadow"]
        bare = stripped(made.signed.data)
        again = verify(bare, trust=trust(), sidecar=made.stored)
        assert again.state is State.TRUSTED
        assert [m.title for m in again.manifests] == ["Later", "Meadow"]

    def test_a_signed_picture_becomes_the_parent(self) -> None:
        """Pitfall 3: signing anew without an ingredient drops the history without a word."""
        first = sign(jpeg(picture(3)[:400, :600]), identity(), Options(source_type="digitalCapture", title="First"))
        assert first.data is not None
        made = make_durable(first.data, identity(), Options(title="Second"))
        assert not made.reused
        assert made.signed.data is not None
        found = verify(made.signed.data, trust=trust())
        assert found.chain is State.TRUSTED
        assert [m.title for m in found.manifests] == ["Second", "First"]
        assert found.manifests[0].ingredients[0].relationship == "parentOf"
        # The kept manifest has the history too.
        assert len(contents(made.stored).labels) == 2
        with pytest.raises(ProvenanceError, match="--source") as caught:
            make_durable(first.data, identity(), Options(source_type="digitalCapture"))
        assert caught.value.reason == "history"

    def test_without_a_mark_the_pixels_stay(self) -> None:
        data = jpeg(picture(4)[:300, :400])
        made = make_durable(data, identity(), Options(source_type="digitalCapture"), mark=False)
        assert made.identifier is None
        assert made.psnr == float("inf")
        assert made.signed.data is not None
        assert stripped(made.signed.data) == data
        assert [b.algorithm for b in made.bindings] == [fingerprint.ALGORITHM]
        assert "c2pa.watermarked.bound" not in [
            a.action for a in verify(made.signed.data, trust=trust()).manifests[0].actions
        ]


class TestFormats:
    @pytest.mark.parametrize(("format_", "orientation"), [("PNG", 6), ("WEBP", 1)])
    def test_stay_what_they_are(self, format_: str, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        options = {"lossless": True} if format_ == "WEBP" else {}
        Image.fromarray(picture(5)[:400, :560]).save(stream, format_, exif=exif.tobytes(), **options)
        made = make_durable(stream.getvalue(), identity(), Options(source_type="digitalCapture"))
        assert made.signed.data is not None
        media = Media.open(made.signed.data)
        assert media.format == format_.lower()
        assert media.orientation == orientation
        assert verify(made.signed.data, trust=trust()).state is State.TRUSTED
        mark = watermark.detect(np.ascontiguousarray(media.upright(media.rgb), dtype=np.uint8))
        assert mark is not None
        assert mark.payload == made.identifier
        assert abs(mark.rotation) < 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_turning_back_undoes_turning(self, orientation: int) -> None:
        from assay.media.pixels import orient

        stored = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
        upright = np.ascontiguousarray(orient(stored, orientation), dtype=np.uint8)
        assert np.array_equal(orient_back(upright, orientation), stored)


class TestRefusals:
    def test_too_small_and_too_flat(self) -> None:
        for pixels_ in (picture()[:60, :60], np.full((400, 500, 3), 255, np.uint8)):
            with pytest.raises(ProvenanceError) as caught:
                make_durable(jpeg(pixels_), identity(), Options(source_type="digitalCapture"), name="my.jpg")
            assert caught.value.reason == "unsupported"
            assert str(caught.value).startswith("my.jpg: ")

    def test_what_cannot_be_kept_in_its_format(self) -> None:
        stream = io.BytesIO()
        frames = [Image.fromarray(picture(s)[:200, :300]) for s in (1, 2)]
        frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
        with pytest.raises((MediaError, ProvenanceError)) as caught:
            make_durable(stream.getvalue(), identity(), Options(source_type="digitalCapture"), name="my.gif")
        assert "my.gif" in str(caught.value)
        bmp = io.BytesIO()
        frames[0].save(bmp, "BMP")
        with pytest.raises(ProvenanceError, match="credentials"):
            make_durable(bmp.getvalue(), identity(), Options(source_type="digitalCapture"))

    def test_a_mark_that_cannot_be_read_back_stops_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept()  # made with the real one
        # The embedder leaves no mark, as if the picture had swallowed it.
        monkeypatch.setattr(watermark, "embed", lambda rgb, payload: rgb)
        with pytest.raises(ProvenanceError, match="read back") as caught:
            make_durable(jpeg(picture(6)[:300, :400]), identity(), Options(source_type="digitalCapture"))
        assert caught.value.reason == "unsupported"


def test_psnr() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr(a, a) == float("inf")
    assert psnr(a, a + 1) == pytest.approx(48.13, abs=0.01)


def test_the_options_of_the_caller_are_kept() -> None:
    made = kept().durable
    manifest = verify(kept().data, trust=trust()).manifests[0]
    assert manifest.title == "Meadow"
    assert replace(made.signed, data=None).mime == "image/jpeg"
