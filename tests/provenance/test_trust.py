"""The lists: as shipped, as the user has them, as one run wants them; and the way from a signer to one."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.provenance.pki import pki
from tests.provenance.signed import mine, store

from assay.errors import ProvenanceError, UsageError
from assay.provenance import path as paths
from assay.provenance import trust
from assay.provenance.path import listed, within
from assay.provenance.trust import Shelf, TrustStore, chosen, default_store, read_pem, shipped

NOW = datetime.now(UTC)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path))
    return Shelf()


class TestShipped:
    def test_the_official_lists(self) -> None:
        lists = {x.id: x for x in shipped()}
        assert [(lists[i].count, lists[i].kind, lists[i].issued) for i in ("c2pa", "c2pa-tsa")] == [
            (30, "claim", "2026-08-05"), (22, "tsa", "2026-08-05"),
        ]  # fmt: skip
        assert all(x.source and x.licence and x.pinned and x.sha256 for x in shipped())

    def test_every_certificate_is_an_authority_and_in_force_when_pinned(self) -> None:
        for one in shipped():
            for certificate in paths.anchors(one.pem):
                assert trust.is_authority(certificate), certificate.subject
                if not one.retired:
                    assert certificate.not_valid_after_utc > datetime(2026, 11, 24, tzinfo=UTC)

    def test_each_self_signed_one_is_signed_by_its_own_key(self) -> None:
        checked = 0
        for certificate in paths.anchors(next(x.pem for x in shipped() if x.id == "c2pa")):
            if certificate.subject == certificate.issuer:
                certificate.verify_directly_issued_by(certificate)
                checked += 1
        assert checked >= 15

    def test_files_are_as_pinned(self) -> None:
        folder = resources.files("assay.provenance") / "data" / "trust"
        for one in shipped():
            name = next(p.name for p in folder.iterdir() if p.name.startswith(f"{one.id}."))
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == one.sha256

    def test_a_retired_list_stands_apart(self) -> None:
        assert [x.retired for x in shipped()] == sorted(x.retired for x in shipped())
        assert all(x.note for x in shipped())
        lists = {x.id: x for x in shipped()}
        assert [(lists[i].count, lists[i].kind) for i in lists if i.startswith("c2pa-interim")] == [
            (19, "claim"), (114, "claim"), (4, "tsa"),
        ]  # fmt: skip
        assert all(x.retired for i, x in lists.items() if i.startswith("c2pa-interim"))


class TestShelf:
    def test_empty(self, shelf: Shelf) -> None:
        assert shelf.own() == ()
        assert default_store().lists == shipped()

    def test_add_use_remove(self, shelf: Shelf) -> None:
        shelf.add("newsroom", pki().root_pem.decode())
        assert [x.id for x in default_store().lists][-1] == "newsroom"
        shelf.add("clock", pki().tsa_root_pem.decode(), kind="tsa")
        assert {x.id: x.kind for x in shelf.own()} == {"newsroom": "claim", "clock": "tsa"}
        assert shelf.remove("newsroom")
        assert not shelf.remove("newsroom")
        assert [x.id for x in shelf.own()] == ["clock"]

    def test_adding_under_the_same_name_replaces(self, shelf: Shelf) -> None:
        shelf.add("x", pki().root_pem.decode())
        shelf.add("x", pki().tsa_root_pem.decode(), kind="tsa")
        assert [(x.id, x.kind) for x in shelf.own()] == [("x", "tsa")]

    def test_a_shipped_list_is_switched_off_and_on(self, shelf: Shelf) -> None:
        assert shelf.remove("c2pa")
        assert not shelf.remove("c2pa")
        assert "c2pa" not in {x.id for x in default_store().lists}
        assert shelf.enable("c2pa")
        assert default_store().lists == shipped()

    @pytest.mark.parametrize("name", ["c2pa", "none", "../up", "", "A", "x" * 65, "x.tsa", "a/b"])
    def test_names_that_cannot_be(self, shelf: Shelf, name: str) -> None:
        with pytest.raises(UsageError, match="cannot be called"):
            shelf.add(name, pki().root_pem.decode())
        assert not shelf.folder.exists()

    @pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    def test_what_is_no_certificate(self, shelf: Shelf, text: str) -> None:
        with pytest.raises(ProvenanceError) as caught:
            shelf.add("x", text)
        assert caught.value.reason == "certificate"
        assert not shelf.folder.exists()

    def test_a_damaged_folder_is_said(self, shelf: Shelf) -> None:
        shelf.remove("c2pa")
        (shelf.folder / "disabled.json").write_text("7")
        with pytest.raises(ProvenanceError, match="damaged"):
            default_store()
        (shelf.folder / "disabled.json").unlink()
        (shelf.folder / "odd.pem").write_bytes(b"\xff\xfe\0")
        with pytest.raises(ProvenanceError, match=r"odd\.pem"):
            default_store()

    def test_files_are_whole(self, shelf: Shelf) -> None:
        shelf.remove("c2pa")
        assert json.loads((shelf.folder / "disabled.json").read_text()) == ["c2pa"]
        assert [p.name for p in shelf.folder.iterdir()] == ["disabled.json"]


class TestChosen:
    def test_given_lists_are_added(self, shelf: Shelf, tmp_path: Path) -> None:
        path = tmp_path / "Our Root.pem"
        path.write_bytes(pki().root_pem)
        ids = [x.id for x in chosen([str(path)]).lists]
        assert ids == [*(x.id for x in shipped()), "given-1"]
        assert chosen([str(path)]).lists[-1].title == "Our Root.pem"

    def test_none_starts_from_nothing(self, shelf: Shelf, tmp_path: Path) -> None:
        path = tmp_path / "a.pem"
        path.write_bytes(pki().root_pem)
        assert [x.id for x in chosen(["none", str(path)]).lists] == ["a.pem"]
        assert chosen(["none"]).lists == ()
        assert [x.id for x in chosen(["none", "c2pa"]).lists] == ["c2pa"]

    def test_no_file_passes_for_a_list_that_is_there(self, shelf: Shelf, tmp_path: Path) -> None:
        path = tmp_path / "c2pa"
        path.write_bytes(pki().root_pem)
        twice = chosen(["none", str(path), str(path)])
        assert [x.id for x in twice.lists] == ["given-1", "given-2"]

    def test_a_list_that_is_off_can_be_named(self, shelf: Shelf) -> None:
        shelf.remove("c2pa")
        assert "c2pa" in {x.id for x in chosen(["c2pa"]).lists}

    def test_neither_file_nor_list(self, shelf: Shelf) -> None:
        with pytest.raises(UsageError, match="neither a PEM file nor one of the lists c2pa"):
            chosen(["nonsense"])

    def test_too_large(self, shelf: Shelf, tmp_path: Path) -> None:
        path = tmp_path / "large.pem"
        path.write_bytes(b"x" * (trust.MAX_PEM + 1))
        with pytest.raises(ProvenanceError) as caught:
            chosen([str(path)])
        assert caught.value.reason == "too_large"


class TestPath:
    def chain(self) -> tuple[bytes, ...]:
        return tuple(c.public_bytes(DER) for c in x509.load_pem_x509_certificates(pki().chain_pem))

    def test_to_the_root_through_the_intermediate(self) -> None:
        found = listed(self.chain(), store(), NOW)
        assert found is not None
        assert found.id == "mine"

    def test_not_without_the_intermediate(self) -> None:
        assert listed(self.chain()[:1], store(), NOW) is None

    def test_not_before_or_after(self) -> None:
        for days in (-1000, 400, 10_000):
            assert listed(self.chain(), store(), NOW + timedelta(days=days)) is None

    def test_not_to_a_list_of_clocks(self) -> None:
        assert listed(self.chain(), store(mine(kind="tsa")), NOW) is None

    def test_a_leaf_is_no_authority(self) -> None:
        """A signer who certifies another: nobody vouches for that one."""
        from assay.provenance.certificates.issue import Issuer

        middle = pki().issue("Middle")
        key = serialization.load_pem_private_key(middle.key_pem, None)
        below = pki().issue("Below", issuer=Issuer(middle.leaf, key), intermediate=False)  # type: ignore[arg-type]
        assert listed((below.leaf.public_bytes(DER), *self._ders(middle.chain_pem)), store(), NOW) is None

    def test_a_root_of_the_same_name_and_another_key(self) -> None:
        from assay.provenance.certificates import create

        impostor = create("Test Signer", organisation="Test Organisation", country="NL", days=365).root_pem
        assert listed(self.chain(), store(mine(impostor)), NOW) is None

    def test_rubbish(self) -> None:
        assert listed((), store(), NOW) is None
        assert listed((b"", b"\x30\x00"), store(), NOW) is None
        assert not within(b"rubbish", NOW)

    def _ders(self, pem: bytes) -> tuple[bytes, ...]:
        return tuple(c.public_bytes(DER) for c in x509.load_pem_x509_certificates(pem))


def test_a_list_of_clocks_takes_authorities_only() -> None:
    leaf = pki().leaf.public_bytes(PEM).decode()
    with pytest.raises(ProvenanceError, match="CA certificates only"):
        read_pem(leaf, id="x", title="x", kind="tsa")


def test_a_store_is_known_by_what_is_in_it() -> None:
    assert store().key == store().key
    assert store().key != TrustStore().key
    assert store().key != store(mine(status="retired")).key
