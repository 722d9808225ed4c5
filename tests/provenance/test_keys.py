"""What signs with a key: in software, in COSE's form, and on a token (SoftHSM)."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.provenance.pki import Issued, pki
from tests.provenance.samples import sample

from assay.errors import ProvenanceError
from assay.provenance import tokens
from assay.provenance.certificates import ALGORITHMS, generate, load_key
from assay.provenance.identity import from_pkcs11
from assay.provenance.keys import algorithm_of, certificates_of, same_key, signed_by, signing_with
from assay.provenance.sign import Options, sign

MODULES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")]
PIN = "918273"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_has_the_form_of_cose_and_is_of_the_key(algorithm: str) -> None:
    issued = pki().issue(algorithm=algorithm)
    key = load_key(issued.key_pem)
    signature = signing_with(key, algorithm)(b"to be signed")
    lengths = {"es256": 64, "es384": 96, "es512": 132, "ed25519": 64, "ps256": 384}
    assert len(signature) == lengths[algorithm]
    assert algorithm_of(key.public_key()) == algorithm
    assert same_key(key, issued.leaf)
    assert signed_by(issued.leaf, algorithm, signature, b"to be signed")
    assert not signed_by(issued.leaf, algorithm, signature, b"to be sighed")
    assert not signed_by(pki().issue(algorithm=algorithm).leaf, algorithm, signature, b"to be signed")


def test_keys_and_chains_of_other_kinds_are_refused_in_a_sentence() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    with pytest.raises(ProvenanceError, match="another kind") as caught:
        algorithm_of(ec.generate_private_key(ec.SECP256K1()).public_key())
    assert caught.value.reason == "certificate"
    assert not same_key(generate("es256"), pki().leaf)
    for chain in (b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ProvenanceError, match="no certificate in the chain"):
            certificates_of(chain)


class Token(NamedTuple):
    module: Path
    ec: Issued
    rsa: Issued

    def uri(self, name: str = "ec-key", token: str = "desk") -> str:
        return f"pkcs11:token={token};object={name}"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    module = next((path for path in MODULES if path.is_file()), None)
    tool = shutil.which("softhsm2-util")
    if module is None or tool is None:
        pytest.skip("missing: softhsm2")
    pytest.importorskip("pkcs11", reason="missing: python-pkcs11")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))

        def run(*arguments: str) -> None:
            subprocess.run([tool, *arguments], check=True, capture_output=True)

        run("--init-token", "--free", "--label", "desk", "--pin", PIN, "--so-pin", "123456")
        made = {"ec-key": pki().issue("On a token"), "rsa-key": pki().issue("RSA on a token", algorithm="ps256")}
        for number, (name, issued) in enumerate(made.items(), 1):
            (folder / name).write_bytes(issued.key_pem)
            run("--import", str(folder / name), "--token", "desk", "--label", name, "--id", f"A{number}", "--pin", PIN)
            (folder / name).unlink()
        yield Token(module, made["ec-key"], made["rsa-key"])


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_signs_with_a_key_that_never_leaves_its_token(token: Token, kind: str) -> None:
    issued: Issued = getattr(token, kind)
    who = from_pkcs11(issued.chain_pem, token.uri(f"{kind}-key"), token.module, pin=PIN.encode)
    made = sign(sample("image/png"), who, Options(source_type="digitalCapture"))
    assert made.state == "Trusted"
    assert who.algorithm == {"ec": "es256", "rsa": "ps256"}[kind]


def test_a_key_can_be_named_by_its_id(token: Token) -> None:
    who = from_pkcs11(token.ec.chain_pem, "pkcs11:token=desk;id=%A1", token.module, pin=PIN.encode)
    assert signed_by(token.ec.leaf, "es256", who.sign(b"x"), b"x")


CASES = {
    "wrong PIN": ({"pin": b"000000"}, "does not take this PIN", "passphrase"),
    "no PIN": ({"pin": None}, "wants a PIN: set ASSAY_PIN", "passphrase"),
    "no such token": ({"uri": "pkcs11:token=elsewhere;object=ec-key"}, 'no token "elsewhere"', "missing"),
    "no such key": ({"uri": "pkcs11:token=desk;object=nothing"}, 'no private key "nothing"', "missing"),
    "no module": ({"module": Path("/nowhere/lib.so")}, "no PKCS #11 module", "missing"),
    "no library": ({"module": Path(sys.executable)}, "cannot be used", "key"),
    "another's key": ({"chain": "rsa"}, "cannot sign with ps256|not that of the certificate", "key"),
}


@pytest.mark.parametrize(("change", "says", "reason"), CASES.values(), ids=CASES)
def test_what_is_wrong_with_a_token_is_one_sentence_and_shows_no_pin(
    token: Token, change: dict[str, object], says: str, reason: str
) -> None:
    pin = change.get("pin", PIN.encode())
    chain = token.rsa.chain_pem if "chain" in change else token.ec.chain_pem
    with pytest.raises(ProvenanceError, match=says) as caught:
        from_pkcs11(
            chain, str(change.get("uri", token.uri())), Path(str(change.get("module", token.module))),
            pin=lambda: pin,  # type: ignore[arg-type,return-value]
        )  # fmt: skip
    assert caught.value.reason == reason
    assert PIN not in str(caught.value)
    assert "000000" not in str(caught.value)


def test_says_what_to_install_where_the_library_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ProvenanceError, match=r"pip install assay\[pkcs11\]") as caught:
        tokens.signing_on(tokens.place("pkcs11:token=a;object=b"), Path("/x.so"), "es256", None)
    assert caught.value.reason == "missing"


def test_reads_uris_as_rfc_7512_has_them() -> None:
    found = tokens.place("pkcs11:token=The%20Desk;object=sign;id=%01%02?module-name=x")
    assert (found.token, found.object, found.id) == ("The Desk", "sign", b"\x01\x02")
    assert tokens.place("pkcs11:serial=77;id=%FF").words == "with the id ff"
    for uri in ("file:x", "pkcs11:", "pkcs11:token=a", "pkcs11:object=a"):
        with pytest.raises(ProvenanceError, match=r"pkcs11:token=LABEL;object=LABEL"):
            tokens.place(uri)


@pytest.mark.parametrize(("name", "separator"), [*itertools.product(["pin-value", "pin-source"], ";?")])
def test_a_pin_in_a_uri_is_refused_and_not_repeated(name: str, separator: str) -> None:
    with pytest.raises(ProvenanceError, match="A PIN does not belong") as caught:
        tokens.place(f"pkcs11:token=a;object=b{separator}{name}=424242")
    assert "424242" not in str(caught.value)
