"""A folder in which commands are really run, and what they printed kept for a page."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASSAY = [sys.executable, "-m", "assay.cli"]
WIDTH = 100
SECONDS = 300


class Desk:
    """Runs ``assay`` in a folder of its own, with a configuration of its own, and writes down what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """A paragraph between the commands."""
        self.lines += ["", text, ""]

    def run(self, command: str, *, code: int = 0, shown: bool = True, head: int | None = None) -> str:
        """Run ``assay …`` and check its exit code; ``head`` shows only so many lines of what it printed."""
        name, *arguments = shlex.split(command)
        if name != "assay":
            raise ValueError(f"only assay is run here, not {name}")
        done = subprocess.run(
            [*ASSAY, *arguments], cwd=self.folder, env=self._environment(), timeout=SECONDS,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="utf-8",
        )  # fmt: skip
        if done.returncode != code:
            raise AssertionError(f"{command}: exit code {done.returncode} and not {code}\n{done.stdout}")
        if shown:
            self._show(command, done.stdout, code, head)
        return done.stdout

    def show(self, command: str, printed: str) -> None:
        """Write down a command that was run in another way."""
        self._show(command, printed, 0, None)

    @contextmanager
    def serving(self, command: str) -> Iterator[str]:
        """Run a service as long as the block, on a free port; gives its address."""
        process = subprocess.Popen(
            [*ASSAY, *shlex.split(command)[1:], "--port", "0"], cwd=self.folder,
            env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.wait(10)

    def _environment(self) -> dict[str, str]:
        own = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path.cwd())}
        return {**os.environ, **own, "ASSAY_CONFIG_DIR": str(self.folder / ".config")}

    def _show(self, command: str, printed: str, code: int, head: int | None) -> None:
        lines = [line.rstrip() for line in printed.replace(f"{self.folder}/", "").strip("\n").splitlines()]
        if head is not None and len(lines) > head:
            lines = [*lines[:head], "…"]
        told = [] if code == 0 else [f"(exit code {code})"]
        self.lines += ["```text", f"$ {command}", *lines, *told, "```", ""]


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        found = re.search(r"http://[\d.:]+/?", line)
        if found:
            return found.group(0)
    raise AssertionError("the service did not start")


@contextmanager
def desk() -> Iterator[Desk]:
    """A desk in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(Path(folder).resolve())


__all__ = ["Desk", "desk"]
