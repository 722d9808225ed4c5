"""Set up and run everything, on a machine that has only Python: python3 tools/dev.py TASK.

Standard library only. Makes .venv beside this folder, installs what the task needs into it, and runs the task.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
DEMO = ROOT / "demo-report"
ANVIL = "@foundry-rs/anvil@1"


def say(text: str) -> None:
    """Tell the person what is happening."""
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text, flush=True)


def call(*command: str | Path, check: bool = True, **variables: str) -> int:
    """Run a command from the project's root; stop with its exit code when it fails."""
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env={**os.environ, **variables}, check=False)
    if check and done.returncode:
        sys.exit(done.returncode)
    return done.returncode


def debian(*packages: str) -> bool:
    """Install Debian packages where this user may; whether it worked."""
    if not shutil.which("apt-get"):
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and (not shutil.which("sudo") or subprocess.call([*prefix, "true"], stderr=subprocess.DEVNULL)):
        return False
    say(f"Installing {' '.join(packages)} from Debian")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq"]
    subprocess.call([*apt, "update"], stdout=subprocess.DEVNULL)
    return not subprocess.call([*apt, "install", *packages], stdout=subprocess.DEVNULL)


def make_venv() -> None:
    """Make .venv; on a Debian without python3-venv, install that first."""
    if (BIN / "python").exists():
        return
    if sys.version_info < (3, 11):  # noqa: UP036 (this runs before anything is installed)
        sys.exit(f"Assay needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    say("Making a virtual environment in .venv")
    try:
        import ensurepip  # noqa: F401, PLC0415
    except ImportError:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not debian(version) and not debian("python3-venv"):
            sys.exit(f"This Python cannot make virtual environments: apt-get install {version}")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    venv.create(VENV, with_pip=True)


def setup(group: str | None) -> None:
    """Install the package, and a dependency group, unless this was done for the same pyproject.toml."""
    make_venv()
    stamp = VENV / f".installed-{group or 'run'}"
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    say(f"Installing Assay{f' and its {group} tools' if group else ''} (a few minutes the first time)")
    pip: list[str | Path] = [BIN / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    call(*pip, "--upgrade", "pip>=25.1")
    call(*pip, "--editable", ".", *(["--group", group] if group else []))
    stamp.write_text(digest, encoding="ascii")


def demo() -> None:
    """Make a forged sample and examine it; sign another, strip it, find its credentials again, and register it."""
    setup(None)
    say("Making a sample: a landscape, drawn by code, with a forged part")
    call(BIN / "python", "-m", "assay.testing", DEMO)
    say("Examining it")
    code = call(
        BIN / "assay", "examine", "demo-report/splice.jpg", "--html", "demo-report/report.html",
        "--pdf", "demo-report/report.pdf", "--json", "demo-report/report.json", "--fresh", check=False,
    )  # fmt: skip
    if code != 1:
        sys.exit(f"The forged sample should have given exit code 1 (a claim of alteration); it gave {code}")
    credentials()
    claims()
    say("Open demo-report/report.html in a browser: the forged part is in demo-report/splice.mask.png.")
    say("And demo-report/found.html: the picture that had lost its credentials, laid over the one that was signed.")


def credentials() -> None:
    """The other half of the demonstration: sign a sample, strip it as a network would, find its credentials again."""
    assay, root = BIN / "assay", "demo-report/desk/root.pem"
    say("Signing the authentic sample with a certificate of its own, and a watermark that survives")
    call(assay, "certificates", "create", "Demonstration desk", "-o", "demo-report/desk", "--force")
    call(
        assay, "sign", "demo-report/authentic.jpg", "-o", "demo-report/signed.jpg", "--identity", "demo-report/desk",
        "--source", "digitalCreation", "--durable", "demo-report/manifests", "--force",
    )  # fmt: skip
    call(assay, "verify", "demo-report/signed.jpg", "--trust", root)
    say("Stripping its metadata, cropping it and saving it anew, as a network would; then looking for its credentials")
    call(BIN / "python", "-m", "assay.testing", DEMO, "--strip", "signed.jpg")
    call(
        assay, "recover", "demo-report/stripped.jpg", "--from", "demo-report/manifests", "--trust", root,
        "--html", "demo-report/found.html",
    )  # fmt: skip


def claims() -> None:
    """The register: claim the signed sample in a log of one's own, find the claim, and prove it offline."""
    say("Registering the signed sample in a log of its own; finding the claim, and proving it from its receipt alone")
    log, picture = "demo-report/log", "demo-report/signed.jpg"
    for path in (log, "demo-report/receipts"):
        shutil.rmtree(ROOT / path, ignore_errors=True)
    for command in (
        ("init", log, "--origin", "demo.example/log"),
        ("add", picture, "--log", log, "--public", "--manifest", "--receipt", "demo-report/receipts"),
        ("find", picture, "--log", log),
        ("verify", "demo-report/receipts/signed.jpg.tlog-proof", picture, "--policy", f"{log}/policy"),
        ("fsck", log),
    ):
        call(BIN / "assay", "register", *command, ASSAY_CONFIG_DIR="demo-report/settings")


def lint() -> None:
    """Style, types, import directions."""
    setup("dev")
    call(BIN / "ruff", "check", ".")
    call(BIN / "ruff", "format", "--check", ".")
    call(BIN / "mypy")
    call(BIN / "lint-imports")


def docs() -> None:
    """Build the documentation; a broken link inside it is an error."""
    setup("dev")
    call(BIN / "sphinx-build", "-W", "-n", "-q", "-b", "html", "docs", "docs/_build/html")


def anvil() -> None:
    """Install an EVM node, to which the tests anchor a log; what is missing is told by the tests."""
    folder = VENV / "anvil"
    npm = shutil.which("npm")
    if npm and not (folder / "node_modules" / ".bin" / "anvil").exists():
        say("Installing an EVM node (Anvil) from npm")
        call(npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, ANVIL, check=False)


def test() -> None:
    """All that CI runs: lint, documentation, tests."""
    setup("dev")
    needed = {
        "chromium": any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")),
        "openssl": shutil.which("openssl"),
        "softhsm2": shutil.which("softhsm2-util"),
        "golang-golang-x-mod-dev": Path("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir(),
        "npm": shutil.which("npm"),
    }
    missing = [package for package, found in needed.items() if not found]
    if missing:
        debian(*missing)
    anvil()
    lint()
    docs()
    workers = str(min(4, os.cpu_count() or 1))
    call(BIN / "pytest", "-n", workers, "--dist", "loadfile", "--cov", "--cov-report", "term:skip-covered")


def bench() -> None:
    """Measure speed and error rates into docs/figures."""
    setup("dev")
    call(BIN / "python", "-m", "bench.examine")


def main() -> None:
    """Read the command line."""
    tasks = {"demo": demo, "test": test, "lint": lint, "docs": docs, "bench": bench}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=tasks, help="; ".join(f"{n}: {t.__doc__}" for n, t in tasks.items()))
    tasks[parser.parse_args().task]()


if __name__ == "__main__":
    main()
