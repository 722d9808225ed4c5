"""How Sphinx builds these pages: `sphinx-build -W -n docs docs/_build/html`."""

from importlib.metadata import version as installed

project = "Assay"
author = "the Assay contributors"
copyright = "the Assay contributors, Apache-2.0"
release = version = installed("assay")

extensions = ["myst_parser"]
exclude_patterns = ["_build", "methods/_template.md"]
# So that a link to a heading of another page is checked like a link to the page.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Assay {release}"
html_copy_source = False
html_show_sphinx = False
