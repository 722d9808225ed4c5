"""What all tests share."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

MISSING = "missing: "
"""Begins the reason of a skip because something is not installed; in CI such a skip fails."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the project; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no development data at {SHARED}")
    return SHARED


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
