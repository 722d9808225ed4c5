"""How well and how fast the methods of :func:`assay.examine.examine` work: ``python -m bench.examine``."""
