"""The verdict over everything that went into a file."""

import copy
import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from c2pa import C2paError, Reader
from tests.provenance.pki import pki
from tests.provenance.samples import sample
from tests.provenance.signed import edited, laundered, mine, plain, sign, store, tampered

from assay.errors import MediaError
from assay.provenance import chain as chains
from assay.provenance import engine
from assay.provenance.chain import walk
from assay.provenance.claims import Raw
from assay.provenance.judge import Court
from assay.provenance.model import Kind, State
from assay.provenance.tell import first_reasons, sentence
from assay.provenance.trust import TrustStore, default_store
from assay.provenance.verify import verify


def raws(data: bytes, mime: str = "image/jpeg") -> list[Raw]:
    """What the library says of each manifest."""
    with Reader(mime, io.BytesIO(data), context=engine.context(store().anchors())) as reader:
        found: list[Raw] = json.loads(reader.crjson())["manifests"]
        return found


def court(trust: TrustStore | None = None) -> Court:
    trust = trust or store()
    return Court(trust, engine.context(trust.anchors()), datetime.now(UTC), None, lambda: None)


class TestLaundering:
    def test_a_trusted_edit_of_a_broken_parent_is_reported(self) -> None:
        found = verify(laundered(), trust=store())
        assert (found.state, found.chain) == (State.TRUSTED, State.BROKEN)
        assert found.laundered
        assert "the file it was made from, “the parent”, was broken when it went in" in found.says
        assert found.reasons[0].code == "assertion.dataHash.mismatch"
        assert found.reasons[0].manifest == found.manifests[1].label
        assert [m.state for m in found.manifests] == [State.TRUSTED, State.BROKEN]

    def test_it_stays_reported_however_often_it_is_signed_over(self) -> None:
        data = laundered()
        for depth in (2, 3, 4):
            data, _ = sign(data, parent=data)
            found = verify(data, trust=store())
            assert (found.state, found.chain) == (State.TRUSTED, State.BROKEN)
            assert max(m.depth for m in found.manifests) == depth

    def test_a_part_that_was_put_in(self) -> None:
        data, _ = sign(parts=[("sky", tampered(plain())), ("sea", plain())])
        found = verify(data, trust=store())
        assert (found.state, found.chain) == (State.TRUSTED, State.BROKEN)
        assert "a file that was put into it, “sky”" in found.says
        assert {i.title: i.state for i in found.manifests[0].ingredients} == {
            "sky": State.BROKEN, "sea": State.TRUSTED,
        }  # fmt: skip

    def test_a_sound_history_is_sound(self) -> None:
        data, _ = sign(edited(), parent=edited(), parts=[("bare", sample("image/jpeg")), ("sea", plain())])
        found = verify(data, trust=store())
        assert (found.state, found.chain) == (State.TRUSTED, State.TRUSTED)
        assert {m.state for m in found.manifests} == {State.TRUSTED}
        bare = next(i for i in found.manifests[0].ingredients if i.title == "bare")
        assert (bare.state, bare.manifest) == (State.NONE, None)

    def test_a_video_of_a_broken_picture(self) -> None:
        data, _ = sign(mime="video/mp4", parts=[("still", tampered(plain()))])
        assert verify(data, trust=store()).laundered


class TestTrustOfIngredients:
    def test_a_parent_that_only_the_signers_own_list_knows_is_not_trusted(self) -> None:
        """The signing tool recorded "trusted" for the parent, by a list of its own."""
        stranger = pki().issue("Stranger", issuer=_other_root(), intermediate=False)
        theirs = mine(_other_root().pem, name="theirs")
        parent, _ = sign(by=stranger, lists=store(theirs))
        data, _ = sign(parent, parent=parent, lists=store(mine(), theirs))
        assert verify(data, trust=store(mine(), theirs)).chain is State.TRUSTED
        found = verify(data, trust=store())
        assert (found.state, found.chain) == (State.TRUSTED, State.VALID)
        assert found.manifests[1].list is None
        assert "no list in use knows who signed" in found.says

    def test_a_parent_that_the_signing_tool_did_not_know_is_trusted_by_ours(self) -> None:
        parent = plain()
        data, _ = sign(parent, parent=parent, lists=default_store())
        found = verify(data, trust=store())
        assert [m.list for m in found.manifests] == ["mine", "mine"]
        assert found.chain is State.TRUSTED

    def test_a_retired_list_below_a_current_one(self) -> None:
        stranger = pki().issue("Stranger", issuer=_other_root(), intermediate=False)
        parent, _ = sign(by=stranger)
        data, _ = sign(parent, parent=parent)
        old = mine(_other_root().pem, name="old", status="retired")
        found = verify(data, trust=store(mine(), old))
        assert (found.state, found.chain) == (State.TRUSTED, State.TRUSTED_RETIRED)


def _other_root() -> Any:
    from functools import cache

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    from assay.provenance.certificates import create
    from assay.provenance.certificates.issue import Issuer

    @cache
    def made() -> Any:
        them = create("Other", organisation="Elsewhere", country="NL", days=365)
        key = serialization.load_pem_private_key(them.root_key_pem, None)
        return Issuer(x509.load_pem_x509_certificate(them.root_pem), key)  # type: ignore[arg-type]

    global _root  # noqa: PLW0603
    _root = _root or made()
    return _root


_root: Any = None


class TestStranges:
    """What a store may hold that no decent tool writes."""

    @pytest.mark.parametrize("where", ["success", "informational"])
    def test_a_failure_that_was_written_down_elsewhere(self, where: str) -> None:
        first, second = raws(laundered())
        told = _ingredient(first)["validationResults"]["activeManifest"]
        told[where], told["failure"] = told["failure"], []
        found = walk([first, second], court(), "x")
        assert found.state is State.BROKEN
        assert found.broken[0].failures[0].code == "assertion.dataHash.mismatch"

    def test_a_part_that_no_signature_covers_is_told(self) -> None:
        first = raws(plain())
        assert "not covered" not in sentence(walk(first, court(), "x"), None)
        code = "assertion.dataHash.additionalExclusionsPresent"
        first[0]["validationResults"]["informational"].append({"code": code})
        found = walk(first, court(), "x")
        assert "A part of the file is not covered by the signature" in sentence(found, None)
        assert code in {r.code for r in first_reasons(found)}

    def test_a_link_without_its_first_slash(self) -> None:
        first, second = raws(laundered())
        reference = _ingredient(first)["activeManifest"]
        reference["url"] = reference["url"].replace("=/c2pa/", "=c2pa/")
        found = walk([first, second], court(), "x")
        assert [m.depth for m in found.manifests] == [0, 1]

    def test_credentials_of_an_ingredient_that_are_gone(self) -> None:
        found = walk(raws(edited())[:1], court(), "x")
        assert found.state is State.BROKEN
        assert found.broken[0].failures[0].code == "ingredient.manifest.missing"

    def test_a_circle(self) -> None:
        first, second = raws(edited())
        label = next(k for k in first["assertions"] if k.startswith("c2pa.ingredient"))
        back = copy.deepcopy(first["assertions"][label])
        back["activeManifest"]["url"] = f"self#jumbf=/c2pa/{first['label']}"
        second["assertions"]["c2pa.ingredient.v3"] = back
        found = walk([first, second], court(), "x")
        assert len(found.manifests) == 2

    def test_itself(self) -> None:
        (only,) = raws(plain())
        only["assertions"]["c2pa.ingredient.v3"] = {"activeManifest": {"url": f"self#jumbf=/c2pa/{only['label']}"}}
        assert len(walk([only], court(), "x").manifests) == 1

    def test_credentials_that_nothing_refers_to(self) -> None:
        found = walk([*raws(plain()), {**raws(edited())[0], "label": "loose"}], court(), "x")
        assert "assay.manifest.unreferenced" in {r.code for r in found.manifests[0].reasons}
        assert len(found.manifests) == 1

    def test_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chains, "MAX_MANIFESTS", 50)
        many = [_raw(n, n + 1) for n in range(60)]
        with pytest.raises(MediaError) as caught:
            walk(many, court(), "photo.jpg")
        assert caught.value.reason == "too_deep"

    def test_thousands_deep_are_walked_without_recursion(self) -> None:
        deep = [_raw(n, n + 1) for n in range(3000)] + [_raw(3000)]
        begun = time.monotonic()
        found = walk(deep, court(), "x")
        assert len(found.manifests) == 3001
        assert found.manifests[-1].depth == 3000
        assert time.monotonic() - begun < 20
        deep[-1]["validationResults"]["failure"] = [{"code": "claimSignature.mismatch"}]
        assert walk(deep, court(), "x").state is State.BROKEN

    def test_thousands_wide(self) -> None:
        wide = [_raw(0, *range(1, 3001)), *(_raw(n) for n in range(1, 3001))]
        assert len(walk(wide, court(), "x").manifests) == 3001

    @pytest.mark.parametrize("nonsense", [None, 7, "x", [], {}, [[]], {"x": None}, -1.5, True])
    def test_values_of_any_type_anywhere(self, nonsense: Any) -> None:
        whole = raws(edited())
        for path in _paths(whole[0]):
            changed = copy.deepcopy(whole)
            if path == ("label",):
                continue
            _put(changed[0], path, nonsense)
            found = walk(changed, court(), "x")
            assert msgspec.json.encode(found.manifests)


def _ingredient(raw: Raw) -> Any:
    return next(content for label, content in raw["assertions"].items() if label.startswith("c2pa.ingredient"))


def _raw(number: int, *below: int) -> Raw:
    """A manifest as the library tells it, with ingredients."""
    return {
        "label": f"m{number}",
        "assertions": {
            f"c2pa.ingredient.v3__{n}": {"activeManifest": {"url": f"self#jumbf=/c2pa/m{n}"}, "dc:title": f"m{n}"}
            for n in below
        },
        "claim.v2": {"dc:title": f"m{number}"},
        "validationResults": {"success": [], "failure": [], "informational": []},
    }


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [above] if above else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*above, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            found += _paths(inner, (*above, index))
    return found


def _put(value: Any, path: tuple[Any, ...], what: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = what


class TestLarge:
    @pytest.fixture(scope="class")
    @staticmethod
    def crowded() -> bytes:
        """1,000 files put into one, a hundred of them with credentials, one of those broken."""
        bare = sample("image/gif")
        parts = [(f"part {n}", plain() if n % 10 == 0 else bare) for n in range(1000)]
        return sign(parts=parts)[0]

    def test_a_thousand_ingredients(self, crowded: bytes) -> None:
        begun = time.monotonic()
        found = verify(crowded, trust=store())
        assert time.monotonic() - begun < 20
        assert (found.state, found.chain) == (State.TRUSTED, State.TRUSTED)
        assert len(found.manifests[0].ingredients) == 1000

    def test_a_long_line_of_edits(self) -> None:
        data = plain()
        for _ in range(25):
            data, _ = sign(data, parent=data)
        found = verify(data, trust=store())
        assert found.chain is State.TRUSTED
        assert max(m.depth for m in found.manifests) == 25

    def test_a_manifest_of_a_hundred_megabytes(self) -> None:
        body = b"\0" * (100 * 1024 * 1024)
        box = (len(body) + 8).to_bytes(4, "big") + b"jumb" + body
        found = verify(sample("image/jpeg"), trust=store(), sidecar=box)
        assert found.state is State.BROKEN
        assert found.reasons[0].code == "assay.sidecar.unreadable"


EXPECTED_BROKEN_CHAIN = {"CIE-sig-CA", "E-uri-CIE-sig-CA", "E-clm-CAICAI", "E-dat-CA", "E-sig-CA", "E-uri-CA"}


@pytest.mark.shared_data
def test_every_public_file_as_the_library_judges_it_and_its_history_besides(shared_data: Path) -> None:
    folder = shared_data / "c2pa"
    files = [
        p for p in sorted(folder.rglob("*"))
        if p.is_file() and "manifests" not in p.parts and p.suffix in {".jpg", ".jpeg", ".pdf", ".ttf"}
    ]  # fmt: skip
    assert len(files) >= 28
    trust = default_store()
    context = engine.context(trust.anchors())
    seen = set()
    for path in files:
        mime = {".pdf": "application/pdf", ".ttf": "font/sfnt"}.get(path.suffix, "image/jpeg")
        try:
            with Reader(mime, io.BytesIO(path.read_bytes()), context=context) as reader:
                library = reader.get_validation_state()
        except C2paError as error:
            library = type(error).__name__
        if path.suffix == ".ttf":
            with pytest.raises(MediaError, match="cannot be read"):
                verify(path, trust=trust)
            continue
        found = verify(path, trust=trust)
        expected = {
            "Invalid": {State.BROKEN}, "Valid": {State.VALID}, "_C2paManifestNotFound": {State.NONE},
            "Trusted": {State.TRUSTED, State.TRUSTED_RETIRED},
        }[library or ""]  # fmt: skip
        assert found.state in expected, path.name
        name = path.stem.removeprefix("adobe-20220124-")
        if name in EXPECTED_BROKEN_CHAIN:
            seen.add(name)
            assert found.chain is State.BROKEN, path.name
        elif found.state is State.VALID:
            assert found.chain is State.VALID, path.name
        assert all(r.says and r.code for m in found.manifests for r in m.reasons)
        unknown = [r.code for m in found.manifests for r in m.reasons if "does not know" in r.says]
        assert unknown == []
    assert seen == EXPECTED_BROKEN_CHAIN


@pytest.mark.shared_data
def test_a_real_file_of_2023_is_known_to_the_retired_list_only(shared_data: Path) -> None:
    """Its certificates have expired; its timestamps are of the older form, by an authority on the retired list."""
    (path,) = (shared_data / "c2pa").rglob("*.pdf")
    found = verify(path, trust=default_store())
    assert (found.state, found.chain, found.list) == (State.TRUSTED_RETIRED, State.TRUSTED_RETIRED, "c2pa-interim")
    assert found.signed_at is not None
    assert found.signed_at.startswith("2023-11-27")
    assert {m.state for m in found.manifests} == {State.TRUSTED_RETIRED}
    without = TrustStore(tuple(x for x in default_store().lists if x.kind != "tsa"))
    lone = verify(path, trust=without)
    assert (lone.state, lone.signed_at) == (State.VALID, None)
    assert {"assay.legacy_timestamp", "assay.expired_since"} <= {r.code for r in lone.reasons}


@pytest.mark.shared_data
def test_truepics_three_files_say_why(shared_data: Path) -> None:
    files = sorted((shared_data / "c2pa").rglob("truepic-*.jpg"))
    assert len(files) == 3
    for path in files:
        found = verify(path, trust=default_store())
        assert found.state is State.BROKEN
        assert next(r.code for r in found.reasons if r.kind is Kind.FAILURE) == "assay.exclusion.covers_header"
