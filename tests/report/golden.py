"""Comparison with the files in ``golden/``. ``ASSAY_UPDATE_GOLDEN=1 pytest tests/report`` writes them anew: look at
what changed before committing it.
"""

import os
from html.parser import HTMLParser
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("ASSAY_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


class _Words(HTMLParser):
    """The words of a page as a person reads them, a line an element."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._mute += tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        self._mute -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self._mute and data.strip():
            self.lines.append(" ".join(data.split()))


def words_of(page: str) -> str:
    reader = _Words()
    reader.feed(page)
    return "\n".join(reader.lines) + "\n"
