"""Who signs: from files, by name, from a callback; and everything that can be wrong with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.provenance.pki import pki

from assay.errors import ProvenanceError
from assay.provenance.certificates import create, development_files, write_folder
from assay.provenance.config import config_folder
from assay.provenance.identity import (
    find,
    from_callback,
    from_files,
    from_pem,
    identities,
    load,
    passphrase_of_environment,
)
from assay.provenance.keys import signed_by


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("ASSAY_PASSPHRASE", raising=False)
    return tmp_path


def folder_with(path: Path, text: str, key: bytes | None = None) -> Path:
    path.mkdir(parents=True)
    (path / "chain.pem").write_bytes(pki().chain_pem)
    (path / "key.pem").write_bytes(key or pki().key_pem)
    (path / "key.pem").chmod(0o600)
    (path / "identity.toml").write_text(text)
    return path


GOOD = 'name = "Desk"\ncertificate = "chain.pem"\nkey = "key.pem"\ntsa = "http://tsa.example/"\n'


def test_from_pem_signs_with_the_key_of_the_certificate() -> None:
    who = from_pem(pki().chain_pem, pki().key_pem)
    assert (who.name, who.algorithm, who.tsa, who.warnings) == ("Test Signer", "es256", None, ())
    assert signed_by(pki().leaf, "es256", who.sign(b"data"), b"data")


def test_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(from_pem(pki().chain_pem, pki().key_pem))
    assert "BEGIN" not in repr(from_pem(pki().chain_pem, pki().key_pem))


def test_loads_the_folder_that_certificates_create_writes(home: Path) -> None:
    write_folder(home / "desk", development_files(create("The Desk", organisation="Daily Planet")))
    by_folder, by_file = load(str(home / "desk")), load(str(home / "desk" / "identity.toml"))
    assert by_folder.name == by_file.name == "The Desk"
    assert by_folder.warnings == ()


def test_finds_an_identity_by_name_and_names_those_that_exist(home: Path) -> None:
    assert config_folder() == home / "config"
    with pytest.raises(ProvenanceError, match="make one with: assay certificates create"):
        load("desk")
    for name in ("desk", "archive"):
        folder_with(home / "config" / "identities" / name, GOOD)
    (home / "config" / "identities" / "empty").mkdir()
    assert identities() == ["archive", "desk"]
    assert load("desk").tsa == "http://tsa.example/"
    with pytest.raises(ProvenanceError, match=r"no identity dask; there are: archive, desk") as caught:
        load("dask")
    assert caught.value.reason == "missing"


def test_a_name_goes_before_a_folder_of_that_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(home / "config" / "identities" / "desk", GOOD)
    folder_with(home / "desk", GOOD)
    monkeypatch.chdir(home)
    assert find("desk") == home / "config" / "identities" / "desk" / "identity.toml"
    assert find("./desk").resolve() == home / "desk" / "identity.toml"


BAD = {
    "no TOML": ("name = ", "cannot be read as TOML"),
    "unknown entry": (GOOD + 'pasphrase = "x"\n', "unknown entry 'pasphrase'"),
    "a number": (GOOD.replace('"Desk"', "7"), "a text in quotes"),
    "no key": ('certificate = "chain.pem"\n', "either a key or a pkcs11 URI"),
    "both": (GOOD + 'pkcs11 = "pkcs11:token=a;object=b"\n', "either a key or a pkcs11 URI"),
    "no certificate": ('key = "key.pem"\n', "must name a certificate"),
    "no module": ('certificate = "chain.pem"\npkcs11 = "pkcs11:token=a;object=b"\n', "must name the module"),
    "a PIN": (
        'certificate = "chain.pem"\nmodule = "m"\npkcs11 = "pkcs11:token=a;object=b;pin-value=1"\n',
        "A PIN does not belong",
    ),
    "no such certificate": (GOOD.replace("chain.pem", "absent.pem"), "no certificate file"),
    "no such key": (GOOD.replace("key.pem", "absent.pem"), "no key file"),
    "no URL": (GOOD.replace("http://tsa.example/", "tsa.example"), "must be a URL"),
}


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_says_what_is_wrong_with_the_file(home: Path, text: str, says: str) -> None:
    folder = folder_with(home / "bad", text)
    with pytest.raises(ProvenanceError, match=says):
        load(str(folder))


def test_a_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(ProvenanceError, match="not that of the certificate of Test Signer") as caught:
        from_pem(pki().chain_pem, pki().issue().key_pem)
    assert caught.value.reason == "key"


@pytest.mark.parametrize("key", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_an_unreadable_key_is_refused(key: bytes) -> None:
    with pytest.raises(ProvenanceError) as caught:
        from_pem(pki().chain_pem, key)
    assert caught.value.reason == "key"


def test_a_passphrase_is_asked_for_only_where_the_key_is_encrypted() -> None:
    issued = pki().issue("Locked", passphrase="correct horse")
    asked = []

    def ask() -> bytes:
        asked.append(1)
        return b"correct horse"

    from_pem(pki().chain_pem, pki().key_pem, passphrase=ask)
    assert not asked
    assert from_pem(issued.chain_pem, issued.key_pem, passphrase=ask).name == "Locked"
    assert asked


@pytest.mark.parametrize("given", [None, b"battery staple"])
def test_a_missing_or_wrong_passphrase_is_one_sentence_and_not_repeated(given: bytes | None) -> None:
    issued = pki().issue("Locked", passphrase="correct horse")
    with pytest.raises(ProvenanceError, match="passphrase") as caught:
        from_pem(issued.chain_pem, issued.key_pem, passphrase=lambda: given)
    assert caught.value.reason == "passphrase"
    assert "battery" not in str(caught.value)


def test_takes_the_passphrase_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passphrase_of_environment() is None
    monkeypatch.setenv("ASSAY_PASSPHRASE", "correct horse")
    issued = pki().issue("Locked", passphrase="correct horse")
    assert from_pem(issued.chain_pem, issued.key_pem).name == "Locked"


def test_an_expired_certificate_is_refused_with_its_day() -> None:
    issued = pki().expired(days_ago=10)
    with pytest.raises(ProvenanceError, match=r"expired on 20\d\d-\d\d-\d\d: ask for a new one") as caught:
        from_pem(issued.chain_pem, issued.key_pem)
    assert caught.value.reason == "expired"


def test_a_certificate_of_the_future_is_refused() -> None:
    issued = pki().issue(not_before=datetime.now(UTC) + timedelta(days=3))
    with pytest.raises(ProvenanceError, match=r"valid only from .*: wait, or check this machine's clock") as caught:
        from_pem(issued.chain_pem, issued.key_pem)
    assert caught.value.reason == "expired"


def test_an_unsuitable_certificate_is_refused_with_the_rule_it_breaks() -> None:
    issued = pki().issue(purposes=[ExtendedKeyUsageOID.SERVER_AUTH])
    with pytest.raises(ProvenanceError, match=r"serverAuth.*assay certificates lint") as caught:
        from_pem(issued.chain_pem, issued.key_pem)
    assert caught.value.reason == "certificate"


@pytest.mark.parametrize("chain", [b"", b"nonsense"])
def test_a_chain_without_certificates_is_refused(chain: bytes) -> None:
    with pytest.raises(ProvenanceError, match="no certificate in the chain"):
        from_pem(chain, pki().key_pem)


def test_warns_of_a_key_that_others_can_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "open", GOOD)
    assert from_files(folder / "chain.pem", folder / "key.pem").warnings == ()
    (folder / "key.pem").chmod(0o644)
    (warning,) = from_files(folder / "chain.pem", folder / "key.pem").warnings
    assert "chmod 600" in warning


def test_from_callback_takes_the_algorithm_of_the_certificate_only() -> None:
    who = from_callback(pki().chain_pem, "es256", lambda data: data, name="Cloud", tsa="https://tsa.example")
    assert (who.name, who.tsa, who.sign(b"x")) == ("Cloud", "https://tsa.example", b"x")
    with pytest.raises(ProvenanceError, match="is for es256, not for ps256"):
        from_callback(pki().chain_pem, "ps256", lambda data: data)
    with pytest.raises(ProvenanceError, match="no algorithm 'rs256'"):
        from_callback(pki().chain_pem, "rs256", lambda data: data)
