"""A report in its four forms: JSON (canonical), terminal, HTML, PDF; and the map files beside it."""

from assay.report.exhibit import save_picture
from assay.report.html import render_html
from assay.report.index import render_index
from assay.report.maps import FolderMaps
from assay.report.pdf import render_pdf
from assay.report.record import decode, encode, schema
from assay.report.terminal import render_cards, render_table

__all__ = [
    "FolderMaps",
    "decode",
    "encode",
    "render_cards",
    "render_html",
    "render_index",
    "render_pdf",
    "render_table",
    "save_picture",
    "schema",
]
