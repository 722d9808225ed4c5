"""A short coverage-guided run over every parser; longer ones are run by hand with the same harness."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("harness.py")


def test_twenty_thousand_runs(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("missing: atheris")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    options = ["-runs=20000", "-seed=7", "-max_len=2048", f"-artifact_prefix={tmp_path}/", "-rss_limit_mb=1024"]
    done = subprocess.run(
        [sys.executable, HARNESS, corpus, *options], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 20000 runs" in done.stderr, done.stderr[-4000:]
