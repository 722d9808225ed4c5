"""``python -m bench.register``: measure the register, part by part, and write docs/figures/register.json and .md.

A part that is not asked for keeps the figures of its last run. Each part is a module of its own, which prints.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.examine.figures import machine

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"


class Part(NamedTuple):
    """What is measured: the arguments of Python, and what the figures mean."""

    command: tuple[str, ...]
    title: str
    says: str


PARTS = {
    "core": Part(
        ("-m", "bench.register.core", "--seconds", "5"),
        "The core: batches, proofs",
        "Entries found new, made durable, written into tiles and published, one process. Beside them, in the same run, "
        "a bare loop that appends as many bytes and makes them durable, and a PostgreSQL that takes the same leaves by "
        "COPY under a unique hash. Checking submitters' signatures and filling the searchable index are not in it: see "
        "HTTP.",
    ),
    "scale": Part(
        ("-m", "bench.register.core", "--only-scale", "--entries", "10000000"),
        "Ten million entries",
        "A log is grown and opened again in a new process. Memory is the peak of that process; its files are in the "
        "system's cache.",
    ),
    "http": Part(
        ("-m", "bench.register.http", "--seconds", "10"),
        "Over HTTP",
        "The whole server, one process: each post is signed and checked, durable and published before it is answered. "
        "The program that makes the load runs on the same two cores. Beside it, a server on the same library that "
        "answers the same requests and does nothing.",
    ),
    "soak": Part(
        ("-m", "bench.register.soak", "--clients", "200", "--minutes", "5"),
        "Soak",
        "Clients add, alone and in batches, read, search and verify, all at once. Afterwards every receipt is verified "
        "again, and the store is proved whole.",
    ),
}


def measure(part: Part) -> dict[str, str]:
    """What a part printed. Raises SystemExit where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        command, environment = [sys.executable, *part.command], os.environ | {"TMPDIR": folder}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(done.stderr)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"on": today, "machine": machine(), "output": done.stdout.rstrip()}


def page(figures: dict[str, dict[str, str]]) -> str:
    """The figures as a page."""
    lines = ["# The register, measured", "", "Written by `python -m bench.register`.", ""]
    for name, part in PARTS.items():
        if found := figures.get(name):
            how = f"{found['on']}, {found['machine']}: `python {' '.join(part.command)}`"
            lines += [f"## {part.title}", "", part.says, "", how, "", "```text", found["output"], "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.register", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this (default: all)")
    kept = FIGURES / "register.json"
    figures: dict[str, dict[str, str]] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for name in parser.parse_args().part or PARTS:
        figures[name] = measure(PARTS[name])
        kept.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
        (FIGURES / "register.md").write_text(page(figures), "utf-8")


if __name__ == "__main__":
    main()
