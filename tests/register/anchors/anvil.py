"""Anvil, a real EVM node, for tests: from PATH, or where tools/dev.py puts it (npm, ``.venv/anvil``)."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first account of Anvil's public test mnemonic: worth nothing anywhere."""
_PLACE = Path(sys.prefix) / "anvil" / "node_modules" / ".bin" / "anvil"


def find_anvil() -> str:
    """Skips the test where there is none."""
    found = shutil.which("anvil") or (str(_PLACE) if _PLACE.exists() else None)
    if not found:
        pytest.skip(f"missing: anvil (npm install --prefix {_PLACE.parents[2].name} @foundry-rs/anvil)")
    return found


@contextlib.contextmanager
def running(*options: str) -> Iterator[str]:
    """The URL of a node; blocks are final two blocks later, and one is made for each transaction."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [find_anvil(), "--port", str(port), "--silent", "--slots-in-an-epoch", "1", "--chain-id", "31338"]
    node = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.HTTPError):
                call(url, "eth_chainId")
                break
            assert node.poll() is None, "anvil ended"
            time.sleep(0.05)
        yield url
    finally:
        node.terminate()
        node.wait(20)


def call(url: str, method: str, *params: object) -> object:
    """One call of its JSON-RPC."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer = httpx.post(url, json=body, timeout=20).json()
    assert "error" not in answer, answer
    return answer["result"]


def mine(url: str, blocks: int = 3) -> None:
    """Make empty blocks."""
    call(url, "anvil_mine", hex(blocks))
