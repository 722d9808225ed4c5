"""A report in its four forms: JSON (canonical), terminal, HTML, PDF; and the map files beside it.

Import from the modules: some need the decoders and some only words, and who verifies a file should not wait for the
former.
"""
