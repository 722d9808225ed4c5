"""How fast credentials are signed and verified, and whether others come to the same verdict: ``python -m
bench.provenance``.
"""
