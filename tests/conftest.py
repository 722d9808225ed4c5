"""What all tests share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

MISSING = "missing: "
"""Begins the reason of a skip because something is not installed; in CI such a skip fails."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the project; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no development data at {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, steered by playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="missing: playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"missing: Chromium at {CHROMIUM}; set CHROMIUM to its path")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a test that skips because something is missing has failed."""
    report = yield
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: in CI nothing may be missing: {report.longrepr[2]}"
    return report
