"""The verifier in Chromium: it agrees with Python's on every receipt, and its page shows what came of it."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.register.receipt_vectors import Vector, vectors
from tests.register.receipts import ORIGIN, PICTURE, scene

from assay.errors import RegisterError
from assay.register.keys import KeyType, SignerKey
from assay.register.policy import Policy
from assay.register.receipt import Receipt, issue
from assay.register.verify import judge, verify
from assay.web.verifier import verifier_page

pytestmark = pytest.mark.chromium

MODULES = Path(__file__).parents[2] / "src" / "assay" / "web" / "static" / "register"

CHECK = """async (vectors) => {
  const { parseReceipt, verify, judge } = await import('/verify.js');
  const { Policy } = await import('/policy.js');
  const { RegisterError } = await import('/notes.js');
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const found = [];
  for (const { receipt, digest, policy } of vectors) {
    try {
      const read = await parseReceipt(bytes(receipt));
      const trusted = policy === null ? null : await Policy.parse(policy);
      const verification = await verify(read, digest === null ? null : hex(digest));
      const { state, says, reason } = await judge(verification, trusted);
      found.push({ steps: verification.steps, sound: verification.sound, state, says, reason });
    } catch (error) {
      if (!(error instanceof RegisterError)) throw error;
      found.push(error.reason);
    }
  }
  return found;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        pass


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Any]:
    """A page that can import the modules as they are."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(MODULES)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
    yield page
    page.close()
    server.shutdown()
    server.server_close()


def of_python(vector: Vector) -> dict[str, object] | str:
    try:
        receipt = Receipt.parse(vector.receipt)
        policy = None if vector.policy is None else Policy.parse(vector.policy)
    except RegisterError as error:
        return error.reason
    found = verify(receipt, None if vector.digest is None else bytes.fromhex(vector.digest))
    verdict = judge(found, policy)
    steps = [{"name": s.name, "ok": s.ok, "says": s.says, "reason": s.reason} for s in found.steps]
    return {
        "steps": steps, "sound": found.sound, "state": verdict.state, "says": verdict.says, "reason": verdict.reason
    }  # fmt: skip


def asked(vector: Vector) -> dict[str, str | None]:
    return {
        "receipt": base64.b64encode(vector.receipt).decode(), "digest": vector.digest, "policy": vector.policy
    }  # fmt: skip


def compared(browsers: Any, pythons: Any) -> tuple[Any, Any]:
    """Without the words on anchors: a browser checks none."""
    for found in (browsers, pythons):
        if not isinstance(found, str):
            assert found["steps"][-1]["name"] == "anchors"
            assert found["steps"].pop()["ok"] is None
    return browsers, pythons


def test_both_verifiers_agree_on_every_receipt_word_for_word(modules: Any) -> None:
    cases = vectors()
    for vector, found in zip(cases, modules.evaluate(CHECK, [asked(vector) for vector in cases]), strict=True):
        browsers, pythons = compared(found, of_python(vector))
        assert browsers == pythons, vector.name
        assert (found if isinstance(found, str) else found["state"]) == (vector.parse or vector.state), vector.name


def test_both_verifiers_agree_on_receipts_with_one_byte_changed(modules: Any) -> None:
    receipt, policy = made((KeyType.COSIGNATURE,))
    cases = [
        Vector(name=f"byte {at} ^ {bit}", receipt=changed, policy=policy.decode())
        for bit in (1, 32, 128)
        for at in range(0, len(receipt), 2)
        for changed in [receipt[:at] + bytes((receipt[at] ^ bit,)) + receipt[at + 1 :]]
    ]
    for vector, found in zip(cases, modules.evaluate(CHECK, [asked(vector) for vector in cases]), strict=True):
        browsers, pythons = compared(found, of_python(vector))
        assert browsers == pythons, vector.name


def test_a_browser_without_ml_dsa_does_not_count_those_witnesses(modules: Any) -> None:
    made = scene([KeyType.COSIGNATURE, KeyType.MLDSA44])
    issued = issue(made.register, made.index, made.opening)
    receipt = issued.encode()
    quantum = SignerKey(ORIGIN, KeyType.MLDSA44, b"\x08" * 32)
    note = issued.proof.note.with_signatures((quantum.sign(issued.proof.note.text),))
    twice = replace(issued, proof=replace(issued.proof, note=note)).encode()
    without = """() => {
      const { subtle } = crypto, importKey = subtle.importKey.bind(subtle);
      subtle.importKey = (format, key, algorithm, ...rest) => algorithm === 'ML-DSA-44'
        ? Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
        : importKey(format, key, algorithm, ...rest);
    }"""
    both, one = made.policy, made.policy.replace("group q 2", "group q 1")
    cases = [asked(Vector(name="", receipt=receipt, policy=text)) for text in (both, one)]
    new = f"log {quantum.verifier}\n"
    cases += [asked(Vector(name="", receipt=twice, policy=text)) for text in (new + one, new + "quorum none\n")]
    modules.evaluate(without)
    try:
        refused, trusted, rotated, untold = modules.evaluate(CHECK, cases)
    finally:
        modules.reload()
    assert (refused["state"], refused["reason"]) == ("refused", "quorum")
    assert "This browser cannot check the ML-DSA-44 signatures of 'w2'." in refused["says"]
    assert trusted["state"] == rotated["state"] == "trusted"
    assert (untold["state"], untold["reason"]) == ("refused", "unsupported")


class Opened:
    """The page as one file, from a disk, and all that it complained of or asked for."""

    def __init__(self, browser: Any, folder: Path, width: int = 1280, **options: Any) -> None:
        file = folder / "verify.html"
        file.write_text(verifier_page(), "utf-8")
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-ready]")

    def give(self, slot: str, name: str, data: bytes) -> None:
        self.page.set_input_files(f"#{slot}", {"name": name, "mimeType": "", "buffer": data})

    def state(self) -> str:
        self.page.wait_for_selector("#result:not([hidden])")
        return str(self.page.get_attribute("#verdict", "data-state"))


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(browser, tmp_path)
    yield opened
    opened.context.close()


def made(kinds: tuple[KeyType, ...] = (KeyType.COSIGNATURE, KeyType.MLDSA44)) -> tuple[bytes, bytes]:
    found = scene(kinds, batch=3)
    return issue(found.register, found.index, found.opening).encode(), found.policy.encode()


def test_the_page_goes_from_receipt_to_verdict_and_asks_the_network_nothing(opened: Opened) -> None:
    receipt, policy = made()
    opened.give("receipt", "a.tlog-proof", receipt)
    assert opened.state() == "unvouched"
    opened.give("file", "a.jpg", PICTURE)
    opened.page.wait_for_selector("[data-step=file].ok")
    opened.give("policy", "policy", policy)
    opened.page.wait_for_selector("#verdict[data-state=trusted]")
    says = opened.page.inner_text("#says")
    assert "claimed this file" in says
    assert "no proof that what the file shows is true" in says
    assert opened.page.locator("#steps li").count() == 7
    assert opened.page.locator("#witnesses li").count() == 2
    opened.give("file", "b.jpg", PICTURE + b".")
    opened.page.wait_for_selector("#verdict[data-state=unsound]")
    assert "This is another file" in opened.page.inner_text("#says")
    assert opened.complaints == []
    assert [url for url in opened.asked if not url.startswith("file:")] == []
    assert len(opened.asked) == 1


def test_the_page_cannot_reach_a_network_if_it_wanted_to(opened: Opened) -> None:
    blocked = (
        "async () => { try { await fetch('https://example.com/'); return 'sent' } catch (e) { return 'blocked' } }"
    )
    assert opened.page.evaluate(blocked) == "blocked"
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


def test_what_cannot_be_read_is_told_beside_it(opened: Opened) -> None:
    receipt, _ = made(())
    for slot, data, words in (
        ("receipt", receipt[:-5], "no signatures"),
        ("receipt", b"\xff\xd8\xff\xe0", "not a tlog-proof"),
        ("receipt", bytes(300_000), "too large"),
        ("policy", b"trust me\n", "Line 1 of the policy"),
        ("policy", b"\xff", "UTF-8"),
    ):
        opened.give("receipt", "a.tlog-proof", receipt)
        opened.give(slot, "x", data)
        hint = opened.page.locator(f"[data-slot={slot}].wrong .hint")
        hint.filter(has_text=words).wait_for()
        assert opened.page.is_hidden("#result")
    assert opened.complaints == []


def test_a_hostile_receipt_shows_as_text(opened: Opened) -> None:
    from tests.register.receipts import ALICE, MemoryRegister, record

    from assay.register.keys import SignerKey

    name = "<img/src=x/onerror=alert(1)>\u202e" + "W" * 300
    register = MemoryRegister(signer=SignerKey.generate(name))
    submission, openings = ALICE.claims([(record(PICTURE), None)])
    register.submit(submission)
    opened.give("receipt", "<b>\u202e.tlog-proof", issue(register, 0, openings[0]).encode())
    assert opened.state() == "unvouched"
    text = opened.page.inner_text("main")
    assert "<img/src=x/onerror=alert(1)>\\u{202e}WWW" in text
    assert "\u202e" not in text
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(browser: Any, tmp_path: Path, width: int) -> None:
    opened = Opened(browser, tmp_path, width)
    receipt, policy = made()
    for slot, data in (("policy", policy), ("file", PICTURE), ("receipt", receipt)):
        opened.give(slot, f"{slot}-{'long' * 40}", data)
    assert opened.state() == "trusted"
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.context.close()


def test_each_module_is_in_the_page_whole() -> None:
    page = verifier_page()
    assert "import " not in "".join(line for line in page.splitlines() if line.startswith("import "))
    for name in ("notes.js", "policy.js", "verify.js", "page.js"):
        body = (MODULES / name).read_text("utf-8")
        assert body[body.rindex("\n}\n") - 200 :] in page
    assert "src=" not in page.replace("src=x", "")
    assert 'href="page.css"' not in page
