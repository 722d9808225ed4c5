"""The pages say what the code does: each method, field, reason and decision has its place; links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

import assay.evidence
from assay.analysis import Analysis, MemoryMaps
from assay.errors import MediaError
from assay.evidence import Abstention, Direction, Finding, MapKind, Reason, Strength
from assay.examine import ANALYSES
from assay.media import Media

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
ROOT_PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
RECORDS = [
    value
    for value in vars(assay.evidence).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and not value.__name__.startswith("_")
]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def headings(page: str, level: int = 2) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", page, flags=re.MULTILINE)


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$\n(.*?)(?=^#{{1,2}} |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found.group(2)


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda analysis: analysis.id)
class TestMethodPages:
    def test_has_a_page_with_the_headings_of_the_template(self, analysis: Analysis) -> None:
        page = text(DOCS / "methods" / f"{analysis.id}.md")
        assert headings(page) == headings(text(DOCS / "methods" / "_template.md"))
        for heading in headings(page):
            assert section(page, heading).strip(), f"{heading} is empty"

    def test_names_itself_as_its_card_does(self, analysis: Analysis) -> None:
        card = analysis.card
        lines = [line for line in text(DOCS / "methods" / f"{card.id}.md").splitlines() if line.strip()]
        assert lines[0] == f"# {card.title}"
        assert re.sub(r"version ", "", lines[1]) == f"`{card.id}` · {card.group} · {card.version}"

    def test_has_a_test_file_that_mentions_it(self, analysis: Analysis) -> None:
        group = analysis.card.group
        room = group if group in {"provenance", "register"} else "forensics"
        tests = (ROOT / "tests" / room).rglob("test_*.py")
        assert any(re.search(rf"\b{analysis.id}\b", text(path)) for path in tests)

    def test_card_is_filled_in(self, analysis: Analysis) -> None:
        card = analysis.card
        for name in ("title", "group", "looks_at", "fooled_by", "ignore", "source", "version"):
            assert getattr(card, name).strip(), name


def test_every_page_of_methods_is_of_a_method() -> None:
    pages = {path.stem for path in (DOCS / "methods").glob("*.md")} - {"_template", "index"}
    assert pages <= {analysis.id for analysis in ANALYSES}


def test_decisions_are_numbered_listed_and_complete() -> None:
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))
    index = text(DOCS / "adr" / "index.md")
    for path in ADRS:
        page = text(path)
        assert f"\n{path.stem}\n" in index, f"{path.name} is not listed"
        assert page.startswith(f"# {int(path.name[:4])}. ")
        assert re.search(r"^Status: (proposed|accepted|replaced by .+), \d{4}-\d{2}-\d{2}$", page, re.MULTILINE)
        assert headings(page) == ["Context", "Decision", "Consequences", "What it replaces"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_field_of_a_record_is_documented(record: type[msgspec.Struct]) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section(text(DOCS / "reference" / "json.md"), record.__name__), re.MULTILINE)
    assert rows == [field.encode_name for field in msgspec.structs.fields(record)]


@pytest.mark.parametrize(
    ("heading", "words"), [("strength", Strength), ("direction", Direction), ("kind", MapKind), ("reason", Reason)]
)
def test_every_word_of_a_record_is_documented(heading: str, words: Any) -> None:
    part = section(text(DOCS / "reference" / "json.md"), heading).split("\n### ")[0]
    assert [word for word in words if f"`{word.value}`" not in part] == []


def test_every_reason_of_a_failure_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section(text(DOCS / "reference" / "exit-codes.md"), "Reasons"), re.MULTILINE)
    promised = re.findall(r"``(\w+)``", MediaError.__doc__ or "")
    assert len(promised) >= 11
    used = {
        word
        for path in (ROOT / "src" / "assay").rglob("*.py")
        for word in re.findall(r'(?:MediaError|_failure)\((?:[^()]|\([^()]*\))*?, "(\w+)"\s*,?\s*\)', text(path))
    }
    assert "malformed" in used, "the search itself has to find something"
    assert set(promised) - {"reason"} | used <= set(rows)


@pytest.mark.parametrize("page", [*PAGES, *ROOT_PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", text(page))
    local = [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:", t) and not t.startswith("#")]
    assert [t for t in local if not (page.parent / t).exists()] == []


def test_pages_of_the_documentation_link_only_within_it() -> None:
    """On the site there is nothing else."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", text(page)):
            assert (page.parent / target).resolve().is_relative_to(DOCS), f"{page.name}: {target}"


def test_the_example_method_of_the_guide_runs() -> None:
    source = re.findall(r"^```python\n(.*?)^```", text(DOCS / "guide" / "contributing-a-method.md"), re.M | re.S)[0]
    module: dict[str, Any] = {}
    exec(compile(source, "contributing-a-method.md", "exec"), module)
    analysis = module["ANALYSIS"]
    assert isinstance(analysis, Analysis)
    picture = np.random.default_rng(1).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    picture[:7], picture[-4:] = 10, 200
    outcome = analysis.run(Media.open(cv2.imencode(".png", picture)[1].tobytes()), MemoryMaps())
    assert isinstance(outcome, Finding)
    assert outcome.details == {"top": 7, "bottom": 4}
    assert [(box.y, box.height) for box in outcome.regions] == [(0, 7), (56, 4)]
    small = Media.open(cv2.imencode(".png", picture[:20])[1].tobytes())
    assert isinstance(analysis.run(small, MemoryMaps()), Abstention)


def test_changelog_fragments_are_of_a_known_type_and_say_something() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        if path.name not in {"README.md", ".gitignore"}:
            assert re.fullmatch(r"(\+[\w-]+|\d+)\.(added|changed|fixed)\.md", path.name), path.name
            assert text(path).strip()


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for name in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install --group docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html", "-d", str(tmp_path / "trees"), str(DOCS),
         str(tmp_path / "site")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "Your first picture" in page
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?:[^\"]+)", page)
    assert loaded == [], "the site loads nothing from elsewhere"
