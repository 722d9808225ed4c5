"""The command line as a whole: every command can be called, is listed and is documented."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.cli.app import COMMANDS, load

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "command-line.md"


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command, or those of a group, under their full names."""
    if hasattr(command, "commands"):
        for inner, sub in command.commands.items():
            yield from leaves(f"{name} {inner}", sub)
    else:
        yield name, command


ALL = [pair for name in COMMANDS for pair in leaves(name, load(name))]


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_and_option_is_documented(name: str, command: Any) -> None:
    page = PAGE.read_text(encoding="utf-8")
    part = re.search(rf"^## assay {name}$\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert part, f"no section ## assay {name}"
    assert f"assay {name}" in page.split("\n## ")[0], "the list at the top names it"
    for parameter in command.params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert f"`{option}" in part.group(1) or option in {"--help", "-h"}, f"{option} of assay {name}"
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{parameter.name} of assay {name} has no help"


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from assay.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'cv2', 'c2pa', 'numba', 'litestar') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", done.stdout)
    assert done.stdout.strip().endswith("[]")


def test_a_misspelt_command_gets_the_nearest() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli", "examin"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "examine" in done.stderr
