"""The analyses: one file a method, grouped by what it looks at."""

from assay.analysis import Analysis

ANALYSES: tuple[Analysis, ...] = ()
"""Every method, in the order in which a report shows them."""
