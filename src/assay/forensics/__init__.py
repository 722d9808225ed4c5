"""The analyses: one file a method, grouped by what it looks at."""

from assay.analysis import Analysis
from assay.forensics.compression import (
    blocking,
    dct_histograms,
    double_compression_aligned,
    double_compression_nonaligned,
    ghosts,
    grid,
    quantisation,
)
from assay.forensics.lenses import (
    bit_planes,
    colour_channels,
    error_level,
    level_sweep,
    luminance_gradient,
    noise_residual,
    wavelet,
)
from assay.forensics.structure import container, metadata, thumbnail

ANALYSES: tuple[Analysis, ...] = (
    metadata.ANALYSIS,
    container.ANALYSIS,
    thumbnail.ANALYSIS,
    quantisation.ANALYSIS,
    grid.ANALYSIS,
    ghosts.ANALYSIS,
    blocking.ANALYSIS,
    double_compression_aligned.ANALYSIS,
    double_compression_nonaligned.ANALYSIS,
    dct_histograms.ANALYSIS,
    # Lenses, which only show, come after every method that judges.
    error_level.ANALYSIS,
    luminance_gradient.ANALYSIS,
    noise_residual.ANALYSIS,
    bit_planes.ANALYSIS,
    wavelet.ANALYSIS,
    colour_channels.ANALYSIS,
    level_sweep.ANALYSIS,
)
"""Every method, in the order in which a report shows them."""
