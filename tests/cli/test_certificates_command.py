"""``assay certificates`` as a person runs it: what it prints, what it writes, its exit code."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as P
from tests.provenance.pki import pki
from typer.testing import CliRunner

from assay.cli import certificates, tsa
from assay.errors import AssayError
from assay.provenance.certificates import lint, load_key
from assay.provenance.identity import load

APP = typer.Typer(rich_markup_mode="rich")
APP.callback()(lambda: None)
certificates.register(APP)
tsa.register(APP)


@dataclass(frozen=True)
class Done:
    """What a call came to, with errors told as ``assay.cli.main`` tells them."""

    returncode: int
    stdout: str
    stderr: str


def assay(*arguments: str | Path, columns: int = 100, environment: dict[str, str] | None = None) -> Done:
    """Call the command in this process."""
    kept = dict.fromkeys((name for name in os.environ if name.startswith("ASSAY_")), None)
    settings = {**kept, "COLUMNS": str(columns), "NO_COLOR": "1", **(environment or {})}
    result = CliRunner().invoke(APP, [str(a) for a in arguments], env=settings)
    if isinstance(result.exception, AssayError):
        return Done(2, result.stdout, f"{result.stderr}assay: {result.exception}\n")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def flat(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.fixture(scope="module")
def planet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "planet"
    done = assay("certificates", "create", "Daily Planet", "-o", folder, "-C", "nl", "--days", "30")
    assert done.returncode == 0, done.stderr
    says = flat(done.stdout)
    assert "Nobody trusts this certificate but those who add its root.pem" in says
    assert f"assay sign PICTURE -o OUT --identity {folder}" in done.stdout
    assert f"assay verify OUT --trust {folder}/root.pem" in done.stdout
    return folder


class TestCreate:
    def test_makes_an_identity_that_signs(self, planet: Path) -> None:
        assert load(str(planet)).name == "Daily Planet"
        chain = (planet / "chain.pem").read_bytes()
        leaf = x509.load_pem_x509_certificates(chain)[0]
        assert leaf.subject.rfc4514_string() == "CN=Daily Planet,O=Daily Planet,C=NL"
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 30
        key = (planet / "key.pem").read_bytes()
        assert lint(chain, roots=(planet / "root.pem").read_bytes(), key_pem=key) == ()

    def test_does_not_overwrite(self, planet: Path) -> None:
        before = (planet / "key.pem").read_bytes()
        done = assay("certificates", "create", "Other", "-o", planet)
        assert done.returncode == 2
        assert "--force" in done.stderr
        assert (planet / "key.pem").read_bytes() == before

    def test_encrypts_with_a_passphrase_that_shows_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("open sesame\n")
        given = ("--passphrase-file", str(tmp_path / "secret"))
        variable = {"ASSAY_PASSPHRASE": "open sesame"}
        for name in ("file", "variable"):
            options, environment = (given, {}) if name == "file" else ((), variable)
            done = assay("certificates", "create", "X", "-o", tmp_path / name, *options, environment=environment)
            assert done.returncode == 0
            assert "sesame" not in done.stdout + done.stderr
            assert "secret, encrypted" in done.stdout
            for key in ("key.pem", "ca/root-key.pem", "ca/intermediate-key.pem"):
                assert load_key((tmp_path / name / key).read_bytes(), "open sesame")

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
    def test_a_passphrase_file_without_one_makes_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "secret").write_bytes(content)
        done = assay("certificates", "create", "X", "-o", tmp_path / "x", "--passphrase-file", tmp_path / "secret")
        assert done.returncode == 2
        assert "holds no passphrase" in done.stderr
        assert not (tmp_path / "x").exists()

    def test_what_cannot_be_made_leaves_nothing(self, tmp_path: Path) -> None:
        for options in (["-a", "rs256"], ["-C", "Holland"], ["--days", "0"]):
            done = assay("certificates", "create", "X", "-o", tmp_path / "x", *options)
            assert done.returncode == 2
            assert done.stderr.startswith("assay: ")
            assert len(done.stderr.splitlines()) == 1
        assert list(tmp_path.iterdir()) == []


class TestRequest:
    def test_then_the_answer_then_lint(self, tmp_path: Path) -> None:
        folder = tmp_path / "desk"
        done = assay("certificates", "request", "Photo desk", "-o", folder, "-O", "Daily Planet")
        assert done.returncode == 0
        assert "never send it to anyone" in done.stdout
        waiting = assay("certificates", "lint", folder)
        assert waiting.returncode == 2
        assert "waits for the authority's answer" in waiting.stderr

        csr = x509.load_pem_x509_csr((folder / "request.csr").read_bytes())
        answer = answer_to(csr)
        (folder / "chain.pem").write_bytes(answer)
        done = assay("certificates", "lint", folder / "chain.pem", "--key", folder / "key.pem")
        assert (done.returncode, done.stderr) == (0, "")
        assert load(str(folder)).algorithm == "es256"


def answer_to(csr: x509.CertificateSigningRequest) -> bytes:
    """What an authority does with a request: its extensions are copied."""
    from assay.provenance.certificates.issue import issue, pem

    p = pki()
    leaf = issue(
        csr.subject, csr.public_key(), p.intermediate, [(e.value, e.critical) for e in csr.extensions],
        not_before=p.leaf.not_valid_before_utc, not_after=p.leaf.not_valid_after_utc,
    )  # fmt: skip
    return pem(leaf) + p.intermediate.pem


class TestLint:
    def test_a_good_chain_is_one_line(self, planet: Path) -> None:
        done = assay("certificates", "lint", planet)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{planet}/chain.pem  fits the C2PA profile\n"

    @pytest.fixture
    def bad(self, tmp_path: Path) -> Path:
        folder = tmp_path / "bad"
        folder.mkdir()
        made = pki().issue(
            "Ev\u202eil [red]x[/red]\x9b31m", purposes=(P.SERVER_AUTH,), drop=[x509.AuthorityKeyIdentifier],
            organisation=None,
        )  # fmt: skip
        (folder / "chain.pem").write_bytes(made.chain_pem)
        (folder / "root.pem").write_bytes(pki().root_pem)
        (folder / "other.pem").write_bytes(pki().key_pem)
        return folder

    @pytest.mark.parametrize("columns", [80, 120])
    def test_a_bad_one_names_rules_and_remedies(self, bad: Path, columns: int) -> None:
        done = assay("certificates", "lint", bad / "chain.pem", "--root", bad / "root.pem", columns=columns)
        assert done.returncode == 1
        says = flat(done.stdout)
        assert "does not fit the C2PA profile (2 errors, 2 warnings)" in says
        for rule in ("authority-key-identifier", "no-claim-purpose", "organisation", "server-purpose"):
            assert f"{rule}: C2PA" in says
        assert says.count("Do: ") == 4
        assert "the C2PA library refuses to sign" in says
        assert max(map(len, done.stdout.splitlines()[2:])) <= columns

    def test_a_stranger_s_name_is_shown_and_does_nothing(self, bad: Path) -> None:
        done = assay("certificates", "lint", bad / "chain.pem", "--root", bad / "root.pem")
        assert r"Certificate 1: Ev\u202eil [red]x[/red]\x9b31m" in done.stdout
        assert "\u202e" not in done.stdout
        assert "\x9b" not in done.stdout

    def test_json(self, bad: Path, tmp_path: Path) -> None:
        done = assay("certificates", "lint", bad, "--json", "-", "--at", "2027-01-02")
        record = json.loads(done.stdout)
        assert done.returncode == 1
        assert (record["schema"], record["fits"], record["purpose"]) == ("assay/certificate-lint/1", False, "claim")
        assert record["at"] == "2027-01-02T00:00:00+00:00"
        assert {f["rule"] for f in record["faults"]} >= {"authority-key-identifier", "no-claim-purpose"}
        assert set(record["faults"][0]) == {
            "rule", "severity", "says", "fix", "where", "enforced_by_library", "certificate", "subject",
        }  # fmt: skip
        written = assay("certificates", "lint", bad, "--json", tmp_path / "out.json", "--at", "2027-01-02")
        assert json.loads((tmp_path / "out.json").read_bytes()) == record
        assert "does not fit" in written.stdout

    def test_warnings_alone_exit_with_0(self, tmp_path: Path) -> None:
        (tmp_path / "alone.pem").write_bytes(pki().issue(intermediate=False).chain_pem)
        done = assay("certificates", "lint", tmp_path / "alone.pem")
        assert done.returncode == 0
        assert "fits the C2PA profile  (1 warning)" in done.stdout

    def test_for_another_time_and_purpose(self, planet: Path) -> None:
        done = assay("certificates", "lint", planet, "--at", "2040-01-01T00:00Z", "--purpose", "timestamp")
        assert done.returncode == 1
        assert "no-timestamp-purpose" in done.stdout
        assert "expired" in done.stdout
        assert "OpenSSL refuses" in flat(done.stdout)
        assert "library" not in done.stdout, "what that does with timestamps was not measured"

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["nowhere.pem"], "Cannot read"),
            (["{chain}", "--at", "noon"], "is not a time"),
            (["{chain}", "--purpose", "magic"], "no purpose"),
            (["{chain}", "--key", "{chain}"], "not a private key"),
            (["{chain}", "--root", "nowhere"], "Cannot read"),
        ],
    )
    def test_what_makes_no_sense(self, planet: Path, arguments: list[str], word: str) -> None:
        done = assay("certificates", "lint", *(a.format(chain=planet / "chain.pem") for a in arguments))
        assert done.returncode == 2
        assert word in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_an_encrypted_key_without_passphrase_does_not_wait_for_one(self, planet: Path, tmp_path: Path) -> None:
        (tmp_path / "key.pem").write_bytes(pki().issue(passphrase="x").key_pem)
        arguments = ("certificates", "lint", planet, "--key", tmp_path / "key.pem")
        assert "give its passphrase" in assay(*arguments).stderr
        assert "does not open" in assay(*arguments, environment={"ASSAY_PASSPHRASE": "hunter2"}).stderr
        right = assay(*arguments, environment={"ASSAY_PASSPHRASE": "x"})
        assert (right.returncode, "key-mismatch" in right.stdout) == (1, True)


def test_help_teaches(planet: Path) -> None:
    for arguments in ((), ("create",), ("request",), ("lint",)):
        done = assay("certificates", *arguments, "--help", columns=80)
        assert done.returncode == 0
        assert "assay certificates" in done.stdout.split("Usage:")[1].split("\n", 1)[1], "an example"
