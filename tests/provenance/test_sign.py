"""Signing: what is made verifies, for every kind of file; claims say what was asked; no history is dropped."""

import base64
import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import av
import encypher_c2pa
import numpy as np
import pytest
from c2pa import Reader
from PIL import Image
from tests.provenance.pki import authority, pki
from tests.provenance.samples import FILMS, MIMES, PICTURES, SOUNDS, landscape, picture, sample
from tests.provenance.signed import clocks, mine, store

from assay.errors import MediaError, ProvenanceError, UsageError
from assay.provenance import engine
from assay.provenance.certificates import load_key
from assay.provenance.definition import ACTIONS, BY_ITSELF, NO_TRAINING, SOURCE_TYPES, claims
from assay.provenance.identity import Identity, from_callback, from_pem
from assay.provenance.keys import signing_with
from assay.provenance.model import SoftBinding, State, Verification
from assay.provenance.sign import Edit, Options, Part, sign
from assay.provenance.softbindings import contents
from assay.provenance.verify import verify

JPEG = "image/jpeg"
CREATED = Options(source_type="digitalCapture")


@pytest.fixture(scope="module")
def who() -> Identity:
    return from_pem(pki().chain_pem, pki().key_pem)


@pytest.fixture(scope="module")
def created(who: Identity) -> bytes:
    return data_of(sign(sample(JPEG), who, CREATED).data)


def data_of(data: bytes | None) -> bytes:
    assert data is not None
    return data


def seen(data: bytes, sidecar: bytes | None = None) -> Verification:
    return verify(data, trust=store(), sidecar=sidecar)


def assertions(data: bytes, mime: str = JPEG, sidecar: bytes | None = None) -> dict[str, Any]:
    """The assertions of the active manifest, by label."""
    with Reader(mime, io.BytesIO(data), sidecar, context=engine.context(store().anchors())) as reader:
        found = json.loads(reader.detailed_json())
        held: dict[str, Any] = found["manifests"][found["active_manifest"]]["assertion_store"]
    return held


def actions(data: bytes, mime: str = JPEG) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = assertions(data, mime)["c2pa.actions.v2"]["actions"]
    return listed


def content(data: bytes, mime: str) -> Any:
    """What a person sees or hears of a file."""
    if mime in PICTURES:
        if mime == "image/heic":
            import pillow_heif

            pillow_heif.register_heif_opener()
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if mime in FILMS or mime in SOUNDS:
        with av.open(io.BytesIO(data), "r") as opened:
            return np.concatenate([np.asarray(frame.to_ndarray()).ravel() for frame in opened.decode(0)])
    if mime == "application/pdf":
        import pypdf

        return np.asarray([page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages])
    return np.asarray([b"<circle" in data, b"<rect" in data])


class TestEveryKind:
    @pytest.mark.parametrize("mime", MIMES)
    def test_signed_and_verified_with_the_content_as_it_was(self, who: Identity, mime: str) -> None:
        made = sign(sample(mime), who, CREATED)
        found = seen(data_of(made.data))
        assert (found.state, found.chain, found.format) == (State.TRUSTED, State.TRUSTED, mime)
        assert found.manifests[0].label == made.label
        assert np.array_equal(content(data_of(made.data), mime), content(sample(mime), mime))

    @pytest.mark.parametrize("mime", MIMES)
    def test_signed_again_keeps_what_was_there(self, who: Identity, mime: str) -> None:
        first = sign(sample(mime), who, CREATED)
        second = sign(data_of(first.data), who, Options(actions=(Edit("c2pa.edited"),)))
        found = seen(data_of(second.data))
        assert found.chain is State.TRUSTED
        assert [m.label for m in found.manifests] == [second.label, first.label]
        assert second.parent_label == first.label

    @pytest.mark.parametrize("mime", MIMES)
    def test_beside_the_file(self, who: Identity, mime: str) -> None:
        made = sign(sample(mime), who, Options(source_type="digitalCapture", embed=False))
        bytes_it_holds_for = sample(mime) if made.data is None else made.data
        assert (made.data is None) == (mime not in {"audio/mpeg", "audio/flac", "application/pdf"})
        assert seen(bytes_it_holds_for).state is State.NONE
        assert seen(bytes_it_holds_for, made.manifest).state is State.TRUSTED

    @pytest.mark.parametrize("mime", [JPEG, "image/png", "video/mp4", "audio/wav"])
    def test_an_independent_verifier_agrees(self, who: Identity, mime: str) -> None:
        made = sign(sample(mime), who, Options(source_type="digitalCapture", training=False))
        found = encypher_c2pa.verify(
            data_of(made.data),
            mime,
            trust_pem=pki().root_pem.decode(),
            no_default_trust=True,
            telemetry=False,
            online=False,
        )
        assert found["validation_state"] == "Trusted"


class TestWhoSigns:
    @pytest.mark.parametrize("algorithm", ["es384", "es512", "ps256", "ed25519"])
    def test_every_algorithm(self, algorithm: str) -> None:
        issued = pki().issue(algorithm=algorithm)
        made = sign(sample(JPEG), from_pem(issued.chain_pem, issued.key_pem), CREATED)
        assert seen(data_of(made.data)).state is State.TRUSTED

    def test_a_callback(self) -> None:
        asked = []
        inner = signing_with(load_key(pki().key_pem), "es256")

        def call(data: bytes) -> bytes:
            asked.append(data)
            return inner(data)

        made = sign(sample(JPEG), from_callback(pki().chain_pem, "es256", call), CREATED)
        assert seen(data_of(made.data)).state is State.TRUSTED
        assert asked

    def test_a_callback_that_fails_is_told_without_what_it_said(self) -> None:
        def call(data: bytes) -> bytes:
            raise RuntimeError("secret token 12345")

        with pytest.raises(ProvenanceError, match="Signing with the key of Cloud failed") as caught:
            sign(sample(JPEG), from_callback(pki().chain_pem, "es256", call, name="Cloud"), CREATED)
        assert caught.value.reason == "key"
        assert "12345" not in str(caught.value)

    def test_a_callback_that_signs_with_another_key_gives_nothing(self) -> None:
        other = signing_with(load_key(pki().issue().key_pem), "es256")
        with pytest.raises(ProvenanceError) as caught:
            sign(sample(JPEG), from_callback(pki().chain_pem, "es256", other), CREATED)
        assert caught.value.reason == "rejected"

    def test_signs_in_several_threads(self, who: Identity) -> None:
        states: list[str] = []
        threads = [
            threading.Thread(target=lambda: states.append(sign(sample(JPEG), who, CREATED).state)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert states == ["Trusted"] * 4


class TestClaims:
    @pytest.mark.parametrize("name", SOURCE_TYPES)
    def test_created_comes_first_with_its_source_type(self, who: Identity, name: str) -> None:
        first = actions(data_of(sign(sample(JPEG), who, Options(source_type=name)).data))[0]
        assert first["action"] == "c2pa.created"
        assert first["digitalSourceType"].rpartition("/")[2] == name

    def test_without_a_source_the_file_was_opened_and_is_the_parent(self, who: Identity) -> None:
        made = sign(sample(JPEG), who, Options(opened="from-the-wire.jpg"))
        (action,) = actions(data_of(made.data))
        (parent,) = seen(data_of(made.data)).manifests[0].ingredients
        assert action["action"] == "c2pa.opened"
        assert (parent.title, parent.relationship, parent.manifest) == ("from-the-wire.jpg", "parentOf", None)
        assert made.parent_label is None

    def test_a_parent_and_parts(self, who: Identity, created: bytes) -> None:
        options = Options(
            parent=Part("original.jpg", created), actions=(Edit("c2pa.cropped", "left edge"),),
            ingredients=(Part("logo.png", sample("image/png")), Part("sound.wav", sample("audio/wav"))),
        )  # fmt: skip
        made = sign(picture(JPEG, landscape(100, 80)), who, options)
        found = seen(data_of(made.data))
        said = actions(data_of(made.data))
        assert [(i.title, i.relationship) for i in found.manifests[0].ingredients] == [
            ("original.jpg", "parentOf"), ("logo.png", "componentOf"), ("sound.wav", "componentOf"),
        ]  # fmt: skip
        assert [a["action"] for a in said] == ["c2pa.opened", "c2pa.placed", "c2pa.placed", "c2pa.cropped"]
        assert said[3]["description"] == "left edge"
        assert all(a["parameters"]["ingredients"] for a in said[:3]), "an action names the ingredient it is about"
        assert (found.chain, len(found.manifests)) == (State.TRUSTED, 2)

    def test_parts_of_a_new_work(self, who: Identity, created: bytes) -> None:
        made = sign(sample("image/png"), who, Options(source_type="composite", ingredients=(Part("a.jpg", created),)))
        said = actions(data_of(made.data), "image/png")
        assert [a["action"] for a in said] == ["c2pa.created", "c2pa.placed"]
        assert seen(data_of(made.data)).chain is State.TRUSTED

    @pytest.mark.parametrize("name", ACTIONS)
    def test_every_action_that_can_be_claimed_passes_the_rules(self, who: Identity, name: str) -> None:
        made = sign(sample(JPEG), who, Options(source_type="digitalCapture", actions=(Edit(name),)))
        assert seen(data_of(made.data)).state is State.TRUSTED

    def test_training_is_not_allowed(self, who: Identity) -> None:
        made = sign(sample(JPEG), who, Options(source_type="digitalCapture", training=False))
        entries = assertions(data_of(made.data))["cawg.training-mining"]["entries"]
        assert {name: entry["use"] for name, entry in entries.items()} == dict.fromkeys(NO_TRAINING, "notAllowed")
        assert set(seen(data_of(made.data)).manifests[0].training) == set(NO_TRAINING)
        assert "cawg.training-mining" not in assertions(data_of(sign(sample(JPEG), who, CREATED).data))

    def test_thumbnails_only_when_asked(self, who: Identity) -> None:
        def with_thumbnail(options: Options) -> bool:
            return any("thumbnail" in label for label in assertions(data_of(sign(sample(JPEG), who, options).data)))

        assert not with_thumbnail(CREATED)
        assert with_thumbnail(Options(source_type="digitalCapture", thumbnail=True))

    def test_a_record_is_small_and_leaves_no_room_for_a_timestamp_that_is_not_asked_for(self, who: Identity) -> None:
        assert len(sign(sample(JPEG), who, CREATED).manifest) < 5000

    def test_title_and_label(self, who: Identity) -> None:
        label = "urn:c2pa:0f3a2b1c-1111-4222-8333-444455556666"
        made = sign(sample(JPEG), who, Options(source_type="print", title="A “title”", label=label))
        manifest = seen(data_of(made.data)).manifests[0]
        assert (manifest.title, manifest.label, made.label) == ("A “title”", label, label)
        assert manifest.generator.startswith("Assay")

    def test_soft_bindings_come_back_as_bytes(self, who: Identity) -> None:
        value = bytes(range(64))
        bindings = tuple(
            SoftBinding(algorithm=name, value=base64.b64encode(value).decode())
            for name in ("assay.watermark.1", "assay.structure.1")
        )
        made = sign(sample(JPEG), who, Options(source_type="digitalCapture", soft_bindings=bindings, embed=False))
        assert made.data is None
        assert contents(made.manifest).bindings == (("assay.watermark.1", value), ("assay.structure.1", value))
        embedded = sign(sample(JPEG), who, Options(source_type="digitalCapture", soft_bindings=bindings))
        assert actions(data_of(embedded.data))[-1]["action"] == "c2pa.watermarked.bound"
        assert set(seen(data_of(embedded.data)).manifests[0].soft_bindings) == set(bindings)
        alone = sign(sample(JPEG), who, Options(source_type="digitalCapture", soft_bindings=bindings[1:]))
        assert len(actions(data_of(alone.data))) == 1, "a fingerprint is no watermark"

    def test_says_in_words_what_is_claimed(self) -> None:
        options = Options(
            source_type="digitalCapture", actions=(Edit("c2pa.cropped", "left"),), training=False, redact=("GPS",),
            ingredients=(Part("logo.png", b""),),
        )  # fmt: skip
        assert claims(options) == [
            "the file was captured by a digital camera or recorder from real life",
            "logo.png was put into it",
            "parts were cropped away (“left”)",
            "where there was such metadata, it was removed: GPS",
            "training and data mining are not allowed",
        ]
        assert "not claimed" in claims(Options())[0]


REFUSED: dict[str, tuple[Options, str]] = {
    "a source type misspelt": (Options(source_type="digitalcaptur"), "Did you mean digitalCapture"),
    "a source type unlike any": (Options(source_type="zzzz"), "Choose one of: algorithmicMedia"),
    "an action misspelt": (Options(actions=(Edit("c2pa.croped"),)), r"Did you mean c2pa\.cropped"),
    "source and parent": (Options(source_type="print", parent=Part("a", b"")), "give either --source or --parent"),
    "an authority that is no URL": (Options(tsa="tsa.example"), "begins with http://"),
    "an endless title": (Options(title="x" * 2000), "1000 characters"),
    "an empty soft binding": (Options(soft_bindings=(SoftBinding(algorithm="a.b", value=""),)), "is empty"),
    **{name: (Options(actions=(Edit(name),)), "cannot be claimed") for name in BY_ITSELF},
}


@pytest.mark.parametrize(("options", "says"), REFUSED.values(), ids=REFUSED)
def test_claims_that_cannot_be_made_are_refused(who: Identity, options: Options, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        sign(sample(JPEG), who, options)


class TestHistory:
    def test_a_file_with_credentials_did_not_begin_here(self, who: Identity, created: bytes) -> None:
        with pytest.raises(ProvenanceError, match="Leave --source out") as caught:
            sign(created, who, CREATED)
        assert caught.value.reason == "history"

    def test_a_file_with_credentials_has_its_own_parent(self, who: Identity, created: bytes) -> None:
        with pytest.raises(ProvenanceError, match="Leave --parent out") as caught:
            sign(created, who, Options(parent=Part("other.jpg", sample(JPEG))))
        assert caught.value.reason == "history"

    def test_tampered_credentials_are_not_laundered(self, who: Identity, created: bytes) -> None:
        broken = bytearray(created)
        broken[-40] ^= 1
        for source, options in (
            (bytes(broken), Options()),
            (sample(JPEG), Options(parent=Part("p.jpg", bytes(broken)))),
            (sample(JPEG), Options(ingredients=(Part("p.jpg", bytes(broken)),))),
        ):
            with pytest.raises(ProvenanceError, match=r"broken credentials.*--over-broken") as caught:
                sign(source, who, options)
            assert caught.value.reason == "history"

    def test_nor_what_was_broken_further_back(self, who: Identity, created: bytes) -> None:
        broken = bytearray(created)
        broken[-40] ^= 1
        laundered = sign(bytes(broken), who, Options(over_broken=True))
        with pytest.raises(ProvenanceError, match="broken credentials"):
            sign(data_of(laundered.data), who, Options())

    def test_over_broken_signs_and_the_record_shows_it(self, who: Identity, created: bytes) -> None:
        broken = bytearray(created)
        broken[-40] ^= 1
        made = sign(bytes(broken), who, Options(over_broken=True))
        found = seen(data_of(made.data))
        assert (found.state, found.chain, found.laundered) == (State.TRUSTED, State.BROKEN, True)
        assert "the record shows it" in made.remarks[0]

    def test_credentials_kept_elsewhere_are_not_left_behind(self, who: Identity) -> None:
        url = "https://manifests.example/1"
        remote = sign(sample(JPEG), who, Options(source_type="print", embed=False, remote_url=url))
        assert remote.data is not None, "the address is in the file"
        assert seen(remote.data).remote == url
        with pytest.raises(ProvenanceError, match="kept elsewhere, and nothing is fetched") as caught:
            sign(remote.data, who, Options())
        assert caught.value.reason == "history"
        assert sign(remote.data, who, Options(over_broken=True)).remarks

    def test_a_sidecar_for_a_file_with_credentials_keeps_them_in_its_own(self, who: Identity, created: bytes) -> None:
        made = sign(created, who, Options(embed=False))
        assert seen(data_of(made.data)).state is State.NONE
        assert len(seen(data_of(made.data), made.manifest).manifests) == 2

    @pytest.mark.parametrize("shape", ["baseline", "progressive", "with a long header"])
    def test_is_seen_in_jpegs_of_every_shape(self, who: Identity, shape: str) -> None:
        plain = picture(JPEG, landscape(), progressive=shape == "progressive")
        if shape == "with a long header":
            plain = plain[:2] + 3 * (b"\xff\xe2\xff\xff" + bytes(65533)) + plain[2:]
        first = sign(plain, who, CREATED)
        second = sign(data_of(first.data), who, Options())
        assert second.parent_label == first.label

    def test_over_an_untrusted_signer_is_no_break(self, who: Identity) -> None:
        from tests.provenance.signed import sign as by_hand

        elsewhere, _ = by_hand(by=pki().issue("Unknown", intermediate=False))
        made = sign(elsewhere, who, Options())
        assert seen(data_of(made.data)).state is State.TRUSTED


class _Nonsense(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(500 if self.path == "/500" else 200)
        self.send_header("content-type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write(b"nonsense" * 10)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def nonsense() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Nonsense)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class TestTimestamps:
    def test_an_authority_is_asked_and_its_time_is_in_the_record(self, who: Identity) -> None:
        with authority(pki()) as url:
            made = sign(sample(JPEG), who, Options(source_type="digitalCapture", tsa=url))
        found = verify(data_of(made.data), trust=store(mine(), clocks()))
        assert found.state is State.TRUSTED
        assert found.signed_at

    def test_the_identity_may_name_one(self) -> None:
        with authority(pki()) as url:
            made = sign(sample(JPEG), from_pem(pki().chain_pem, pki().key_pem, tsa=url), CREATED)
        assert verify(data_of(made.data), trust=store(mine(), clocks())).signed_at

    @pytest.mark.parametrize(
        ("path", "says"), [("/", "is not a timestamp"), ("/500", "answered with an error"), (None, "cannot be reached")]
    )
    def test_what_an_authority_does_wrong_is_one_sentence(
        self, who: Identity, nonsense: str, path: str | None, says: str
    ) -> None:
        url = f"{nonsense}{path}" if path else "http://127.0.0.1:9/"
        with pytest.raises(ProvenanceError, match=says) as caught:
            sign(sample(JPEG), who, Options(source_type="digitalCapture", tsa=url))
        assert caught.value.reason == "authority"


class TestBadFiles:
    @pytest.mark.parametrize(("data", "says"), [(b"", "is empty"), (b"plain text", "cannot carry"), (b"BM", "These")])
    def test_kinds_that_cannot_be_signed(self, who: Identity, data: bytes, says: str) -> None:
        with pytest.raises(ProvenanceError, match=says) as caught:
            sign(data, who, CREATED)
        assert caught.value.reason == "unsupported"

    @pytest.mark.parametrize("mime", [m for m in MIMES if m not in {"image/svg+xml", "audio/mpeg"}])
    def test_a_file_cut_short_is_a_sentence_or_signed_as_it_is(self, who: Identity, mime: str) -> None:
        cut = sample(mime)[: len(sample(mime)) // 5]
        caught: Exception | None = None
        try:
            made = sign(cut, who, CREATED)
        except (MediaError, ProvenanceError) as error:
            caught = error
        assert str(caught).isprintable() if caught else seen(data_of(made.data)).state is State.TRUSTED

    def test_a_part_that_is_not_there(self, who: Identity, tmp_path: Any) -> None:
        with pytest.raises(MediaError, match="cannot be read"):
            sign(sample(JPEG), who, Options(parent=Part("p", tmp_path / "absent.jpg")))
