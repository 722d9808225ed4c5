"""The eight pitfalls of the C2PA library that were found before this was written, each held by a test."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paError, C2paSignerInfo, Context, Reader, Signer
from cryptography.hazmat.primitives import serialization
from tests.provenance.pki import pki
from tests.provenance.samples import sample
from tests.provenance.signed import edited, laundered, mine, plain, sign, store, tampered

from assay.provenance import engine
from assay.provenance.model import State
from assay.provenance.trust import default_store
from assay.provenance.verify import verify


def library(data: bytes, sidecar: bytes | None = None, settings: dict[str, Any] | None = None) -> str:
    """The library's own verdict, in a word."""
    context = Context.from_dict(settings) if settings else engine.context(store().anchors())
    with Reader("image/jpeg", io.BytesIO(data), sidecar, context=context) as reader:
        return str(reader.get_validation_state())


class TestPitfall1Laundering:
    def test_the_library_trusts_an_edit_over_a_tampered_parent_and_we_do_not(self) -> None:
        assert library(laundered()) == "Trusted"
        found = verify(laundered(), trust=store())
        assert (found.state, found.chain, found.laundered) == (State.TRUSTED, State.BROKEN, True)

    def test_an_update_over_a_tampered_source_is_broken_outright(self) -> None:
        source = tampered(plain())
        try:
            data, _ = sign(source, update=True, parent=source)
        except C2paError:
            return  # refused at signing: as good
        assert library(data) == "Invalid"
        assert verify(data, trust=store()).state is State.BROKEN


class TestPitfall2Recovery:
    def strip(self, data: bytes) -> bytes:
        """Without its APP11 segments, in which the manifest lies."""
        kept, at = data[:2], 2
        while data[at + 1] != 0xDA:
            size = int.from_bytes(data[at + 2 : at + 4], "big") + 2
            kept += b"" if data[at + 1] == 0xEB else data[at : at + size]
            at += size
        return kept + data[at:]

    def test_the_manifest_of_an_embedded_signing_does_not_fit_the_stripped_file(self) -> None:
        data, manifest = sign()
        stripped = self.strip(data)
        assert verify(stripped, trust=store()).state is State.NONE
        assert verify(stripped, trust=store(), sidecar=manifest).state is State.BROKEN

    def test_a_manifest_that_was_never_embedded_does(self) -> None:
        data, manifest = sign(embed=False)
        assert verify(self.strip(data), trust=store(), sidecar=manifest).state is State.TRUSTED


def test_pitfall_3_signing_again_without_an_ingredient_drops_the_history() -> None:
    again, _ = sign(edited())
    assert [len(verify(d, trust=store()).manifests) for d in (edited(), again)] == [2, 1]


class TestPitfall4Settings:
    """A misspelt key is ignored without a word: each one that we set is held by what it does."""

    def changed(self, *path: str, value: Any, data: bytes | None = None, sidecar: bytes | None = None) -> str:
        made = engine.settings(store().anchors())
        inner = made
        for key in path[:-1]:
            assert key in inner, f"{key} is not among the settings"
            inner = inner[key]
        assert path[-1] in inner, f"{path[-1]} is not among the settings"
        inner[path[-1]] = value
        return library(data or plain(), sidecar, made)

    def test_misspelt_is_ignored(self) -> None:
        made = engine.settings(store().anchors())
        made["trust"]["anchers"] = made["trust"].pop("anchors")
        assert library(plain(), settings=made) == "Valid"

    def test_anchors(self) -> None:
        assert self.changed("trust", "anchors", value=[]) == "Valid"

    @pytest.mark.parametrize(
        ("key", "value", "state"),
        [("trust_anchors", "", "Valid"), ("trust_anchors", pki().tsa_root_pem.decode(), "Valid")],
    )  # fmt: skip
    def test_what_a_list_holds(self, key: str, value: str, state: str) -> None:
        made = engine.settings(store().anchors())
        assert key in made["trust"]["anchors"][0]
        made["trust"]["anchors"][0][key] = value
        assert library(plain(), settings=made) == state

    def test_purposes_of_certificates(self) -> None:
        """Ours count as they are named in ``trust_config``, and only there; cameras have the C2PA one alone."""
        from cryptography import x509

        for purpose in engine.EKU:
            data, _ = sign(by=pki().issue(purposes=[x509.ObjectIdentifier(purpose)]))
            assert verify(data, trust=store()).state is State.TRUSTED
            without = self.changed("trust", "trust_config", value="1.2.3\n", data=data)
            assert (without == "Trusted") is (purpose == engine.EMAIL_PROTECTION)

    def test_the_name_of_a_list_comes_back(self) -> None:
        with Reader("image/jpeg", io.BytesIO(plain()), context=engine.context(store().anchors())) as reader:
            assert reader.get_validation_results()["trustListUri"] == store().lists[0].uri

    def test_allowed_list_works_within_anchors(self) -> None:
        leaf = pki().leaf.public_bytes(serialization.Encoding.PEM)
        trust = store(mine(leaf))
        assert trust.lists[0].allowed
        made = engine.settings(trust.anchors())
        assert library(plain(), settings=made) == "Trusted"
        made["trust"]["anchors"][0].pop("allowed_list")
        assert library(plain(), settings=made) == "Valid"

    def test_trust_is_looked_at(self) -> None:
        assert self.changed("verify", "verify_trust", value=False) == "Valid"

    def test_nothing_is_fetched(self) -> None:
        """The library fetches by default; so a file whose credentials are elsewhere tells whether the key works."""
        data, _ = sign(embed=False, remote="http://127.0.0.1:9/x.c2pa")
        with pytest.raises(C2paError, match="must fetch"):
            library(data)
        with pytest.raises(C2paError, match="could not fetch"):
            self.changed("verify", "remote_manifest_fetch", value=True, data=data)

    def test_revocation_is_not_asked(self) -> None:
        codes = {r.code for r in verify(plain(), trust=store()).manifests[0].reasons}
        assert "signingCredential.ocsp.skipped" in codes


def test_pitfall_5_identities_are_shown_by_their_codes_and_never_taken_for_the_signer() -> None:
    """The wrapper cannot sign CAWG identities; a statement that calls itself one is only a statement."""
    identity = {"label": "cawg.identity", "data": {"signer_payload": {"sig_type": "cawg.x509.cose"}, "signature": "no"}}
    try:
        data, _ = sign(definition={"assertions": [identity]})
    except C2paError:
        return  # refused at signing
    found = verify(data, trust=store())
    assert found.signer is not None
    assert found.signer.name == "Test Signer"
    assert any(label.startswith("cawg.identity") for label in found.manifests[0].assertions)


class TestPitfall6Actions:
    def test_a_redaction_is_told(self) -> None:
        gps = {"label": "org.test.place", "data": {"latitude": "52.1"}}
        parent, _ = sign(definition={"assertions": [gps]})
        label = verify(parent, trust=store()).manifests[0].label
        uri = f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.test.place"
        action = {"action": "c2pa.redacted", "reason": "c2pa.PII.present", "parameters": {"redacted": uri}}
        data, _ = sign(parent, parent=parent, definition={"redactions": [uri]}, actions=[action])
        found = verify(data, trust=store())
        assert (found.state, found.chain) == (State.TRUSTED, State.TRUSTED)
        assert found.manifests[0].redacted == (uri,)
        assert b"52.1" not in data

    def test_created_needs_a_source(self) -> None:
        builder = Builder(json.dumps({"claim_generator_info": [{"name": "Test"}]}), context=engine.context())
        builder.add_action({"action": "c2pa.created"})
        info = C2paSignerInfo(b"es256", pki().chain_pem, pki().key_pem, None)
        out = io.BytesIO()
        try:
            builder.sign(Signer.from_info(info), "image/jpeg", io.BytesIO(sample("image/jpeg")), out)
        except C2paError:
            return
        assert verify(out.getvalue(), trust=store()).state is State.BROKEN


def test_pitfall_7_thumbnails_are_off_unless_asked_for() -> None:
    small, _ = sign()
    large, _ = sign(thumbnail=True)
    by_default = Context.from_dict({"version": 1})
    builder = Builder(json.dumps({"claim_generator_info": [{"name": "Test"}]}), context=by_default)
    builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
    out = io.BytesIO()
    info = C2paSignerInfo(b"es256", pki().chain_pem, pki().key_pem, None)
    builder.sign(Signer.from_info(info), "image/jpeg", io.BytesIO(sample("image/jpeg")), out)

    def has(data: bytes) -> bool:
        return any("thumbnail" in label for label in verify(data, trust=store()).manifests[0].assertions)

    assert [has(d) for d in (small, large, out.getvalue())] == [False, True, True]


class TestPitfall8LeftOutHeader:
    @pytest.mark.shared_data
    def test_truepics_old_files(self, shared_data: Path) -> None:
        for path in sorted((shared_data / "c2pa").rglob("truepic-*.jpg")):
            found = verify(path, trust=default_store())
            assert (found.state, found.reasons[0].code) == (State.BROKEN, "assay.exclusion.covers_header")
            assert "All the rest is as it was" in found.says

    @pytest.mark.shared_data
    def test_a_change_elsewhere_in_them_is_a_change(self, shared_data: Path) -> None:
        path = sorted((shared_data / "c2pa").rglob("truepic-*.jpg"))[0]
        found = verify(tampered(path.read_bytes()), trust=default_store())
        assert (found.state, found.reasons[0].code) == (State.BROKEN, "assertion.dataHash.mismatch")

    def test_an_ordinary_change_is_not_mistaken_for_it(self) -> None:
        assert verify(tampered(plain()), trust=store()).reasons[0].code == "assertion.dataHash.mismatch"
