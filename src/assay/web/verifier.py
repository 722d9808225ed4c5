"""The page that verifies receipts in a browser, as one file: it needs no server, and can reach no network."""

import base64
import hashlib
import re
from importlib.resources import files

_PARTS = ("notes.js", "policy.js", "verify.js", "page.js")
"""The modules, each after those that it imports. Their names at the top level differ from one another."""
_IMPORT = re.compile(r"^import [^;]+ from '\./[a-z]+\.js';\n", re.MULTILINE)


def verifier_page() -> str:
    """The page in HTML, with styles and modules inside. Its own policy (CSP) allows those, by their hashes, and no
    connection at all, so that it may be saved, mailed and opened from a disk.
    """
    style = _read("page.css")
    script = "\n".join(_IMPORT.sub("", _read(name)) for name in _PARTS)
    csp = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    page = _read("page.html")
    for old, new in (
        (
            '<meta charset="utf-8">',
            f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{csp}">',
        ),
        ('<link rel="stylesheet" href="page.css">', f"<style>{style}</style>"),
        ('<script type="module" src="page.js"></script>', f'<script type="module">{script}</script>'),
    ):
        page = page.replace(old, new)
    return page


def _read(name: str) -> str:
    return files("assay.web").joinpath("static", "register", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


__all__ = ["verifier_page"]
