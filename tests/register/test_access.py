"""A register by its folder or its address."""

from pathlib import Path

import pytest

from assay.errors import RegisterError
from assay.register.access import open_register
from assay.register.local import LocalRegister
from assay.register.log import init
from assay.register.remote import RemoteRegister


def test_a_folder_and_an_address(tmp_path: Path) -> None:
    init(tmp_path / "log", "example.org/log").close()
    here = open_register(str(tmp_path / "log"))
    assert isinstance(here, LocalRegister)
    assert here.verifier.name == "example.org/log"
    here.close()
    there = open_register("https://example.org/log/")
    assert isinstance(there, RemoteRegister)
    assert there.url == "https://example.org/log"
    there.close()


@pytest.mark.parametrize(
    ("target", "reason", "says"),
    [
        ("", "missing", "neither a folder nor an address"),
        ("/nowhere/at/all", "missing", "neither a folder nor an address"),
        ("ftp://example.org", "malformed", "https://"),
        ("https://", "malformed", "no address"),
        ("https://example.org/?q=1", "malformed", "no address"),
    ],
)
def test_what_is_neither(target: str, reason: str, says: str) -> None:
    with pytest.raises(RegisterError, match=says) as error:
        open_register(target)
    assert error.value.reason == reason


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="assay register init") as error:
        open_register(str(tmp_path))
    assert error.value.reason == "missing"
