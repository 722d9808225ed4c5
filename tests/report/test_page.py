"""The page in a browser."""

from pathlib import Path
from typing import Any

import pytest
from tests.report.hostile import hostile

from assay.evidence import Report
from assay.report.html import render_html
from assay.report.index import render_index

pytestmark = pytest.mark.chromium


class Watched:
    """A page, and all that it complained of or asked for."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(file.as_uri())

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append("dialog")
        dialog.dismiss()

    def layer(self, name: str) -> str | None:
        value: str | None = self.page.get_attribute("#layer", name)
        return value


def saved(folder: Path, name: str, page: str) -> Path:
    path = folder / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def file(report: Report, exhibit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("page"), "report", render_html(report, exhibit))


@pytest.fixture(scope="module")
def wide_words(report: Report, exhibit: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pages with words of 300 letters."""
    folder, evil = tmp_path_factory.mktemp("wide"), hostile(report, "W" * 300)
    index = render_index([(report, "a"), (evil, "b")])
    return [saved(folder, "report", render_html(evil, exhibit)), saved(folder, "index", index)]


def test_it_opens_in_peace_and_asks_the_network_nothing(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    assert seen.complaints == []
    assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in seen.asked if url.startswith("file:")]) == 1


def test_it_opens_on_the_map_of_the_strongest_finding(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    assert seen.page.locator("#choose option:checked").text_content() == "Double compression, part by part: probability"
    assert seen.page.locator("#ramp").is_visible()
    assert seen.page.locator("#unknown").is_visible()
    assert "Flat sky" in seen.page.locator("#ignore").text_content()


def test_opacity(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    before = seen.page.locator("#pane-a svg").screenshot()
    seen.page.locator("#opacity").fill("0")
    assert seen.layer("opacity") == "0"
    clear = seen.page.locator("#pane-a svg").screenshot()
    assert clear != before
    seen.page.select_option("#choose", "")
    assert not seen.page.locator("#regions").is_visible()
    assert seen.page.locator("#opacity").is_disabled()


def test_side_by_side(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    seen.page.get_by_label("Side by side").check()
    left, right = (seen.page.locator(f"#pane-{p} svg").bounding_box() for p in "ab")
    assert right["x"] > left["x"] + left["width"] - 1
    assert abs(right["y"] - left["y"]) < 2
    assert seen.layer("href") == "#nothing"
    seen.page.locator("#zoom-in").click()
    boxes = [seen.page.get_attribute(f"#pane-{p} svg", "viewBox") for p in "ab"]
    assert boxes[0] == boxes[1] != "0 0 768 512"


def test_blink(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    seen.page.get_by_label("Blink").check()
    seen.page.wait_for_selector("#layer[visibility=hidden]", state="attached", timeout=3000)
    seen.page.wait_for_selector("#layer[visibility=visible]", state="attached", timeout=3000)
    seen.page.get_by_label("Overlay").check()
    assert seen.layer("visibility") is None


def test_blink_waits_for_the_person_who_wants_no_motion(browser: Any, file: Path) -> None:
    seen = Watched(browser, file, reduced_motion="reduce")
    seen.page.get_by_label("Blink").check()
    seen.page.wait_for_timeout(900)
    assert seen.layer("visibility") is None
    seen.page.get_by_role("button", name="Swap").click()
    assert seen.layer("visibility") == "hidden"


def test_a_region_comes_into_focus(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    seen.page.select_option("#choose", "")
    seen.page.get_by_role("button", name="Show region 1 in the picture").click()
    x, y, w, h = (float(n) for n in seen.page.get_attribute("#pane-a svg", "viewBox").split())
    assert x <= 368
    assert y <= 224
    assert x + w >= 488
    assert y + h >= 312
    assert w < 768
    assert seen.page.locator("#pane-a .boxes .here").get_attribute("data-region") == "1"
    assert seen.layer("href") == "#map-2-0"
    assert "current" in seen.page.get_attribute("#f-double_jpeg", "class")
    seen.page.locator("#regions").uncheck()
    assert seen.page.locator("#pane-a .boxes:visible").count() == 0


def test_the_keyboard_is_enough(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    seen.page.locator("#pane-a svg").focus()
    seen.page.keyboard.press("+")
    zoomed = seen.page.get_attribute("#pane-a svg", "viewBox")
    assert zoomed != "0 0 768 512"
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.get_attribute("#pane-a svg", "viewBox") != zoomed
    seen.page.keyboard.press("0")
    assert seen.page.get_attribute("#pane-a svg", "viewBox") == "0 0 768 512"
    seen.page.keyboard.press("]")
    assert seen.layer("href") == "#map-4-0"
    seen.page.keyboard.press("s")
    assert seen.page.locator("#pane-b").is_visible()
    for control in ("#choose", "#zoom-in", ".thumb", ".places button", "summary"):
        seen.page.locator(control).first.focus()
        assert seen.page.evaluate("document.activeElement !== document.body"), control


def test_dragging_moves_and_double_clicking_zooms(browser: Any, file: Path) -> None:
    seen = Watched(browser, file)
    seen.page.locator("#pane-a svg").scroll_into_view_if_needed()
    box = seen.page.locator("#pane-a svg").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seen.page.mouse.dblclick(x, y)
    before = seen.page.get_attribute("#pane-a svg", "viewBox")
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x - 80, y - 20, steps=4)
    seen.page.mouse.up()
    after = seen.page.get_attribute("#pane-a svg", "viewBox")
    assert float(after.split()[0]) > float(before.split()[0])


def test_nothing_runs_off_the_side(browser: Any, file: Path, wide_words: list[Path]) -> None:
    for path in (file, *wide_words):
        seen = Watched(browser, path)
        seen.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        for width in (1280, 768, 390, 320):
            seen.page.set_viewport_size({"width": width, "height": 844})
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, (path.stem, width)


def test_hostile_text_runs_nothing(browser: Any, report: Report, exhibit: Path, tmp_path: Path) -> None:
    seen = Watched(browser, saved(tmp_path, "evil", render_html(hostile(report), exhibit)))
    seen.page.wait_for_timeout(100)
    assert seen.complaints == []
    assert seen.page.locator("h1").text_content().endswith(".jpg")


def test_the_policy_forbids_other_scripts_and_the_network(browser: Any, file: Path, tmp_path: Path) -> None:
    injected = "<script>window.owned = 1</script><img src='https://example.invalid/x.png'></main>"
    page = file.read_text(encoding="utf-8").replace("</main>", injected)
    seen = Watched(browser, saved(tmp_path, "injected", page))
    assert seen.page.evaluate("window.owned") is None
    assert len([c for c in seen.complaints if "Content Security Policy" in c]) == 2


def test_paper_shows_all_words_and_no_controls(browser: Any, file: Path) -> None:
    import io

    from pypdf import PdfReader

    seen = Watched(browser, file)
    seen.page.get_by_role("button", name="Show region 1 in the picture").click()
    pages = PdfReader(io.BytesIO(seen.page.pdf(prefer_css_page_size=True))).pages
    text = " ".join(" ".join(p.extract_text() for p in pages).split())
    assert 4 <= len(pages) <= 9
    assert "position far from time zone" in text
    assert "How much each block looks compressed once" in text
    assert "Opacity" not in text
    assert "Side by side" not in text
    assert seen.page.get_attribute("#pane-a svg", "viewBox") != "0 0 768 512"


def test_dark_mode(browser: Any, file: Path) -> None:
    seen = Watched(browser, file, color_scheme="dark")
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(n) for n in ground[4:-1].split(",")) < 60
