"""What a file may cost before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds checked before the work they bound is begun.

    ``max_bytes``: size of the file. ``max_pixels``: width times height, as the header declares it.
    ``max_decoded_bytes``: memory for decoding at its peak, the file's own bytes included, estimated from the header;
    the default keeps a process below 1 GiB. ``max_parts``: segments, chunks or boxes in a container.
    ``max_depth``: boxes within boxes, directories within directories. ``max_metadata_bytes``: one metadata block
    after decompression. ``max_frames``: frames or pages counted. ``max_seconds``: for one file, from opening to
    report; whoever runs the analyses keeps this one, by ending the process that does the work.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_decoded_bytes: int = 850_000_000
    max_parts: int = 20_000
    max_depth: int = 16
    max_metadata_bytes: int = 16 * 1024 * 1024
    max_frames: int = 10_000
    max_seconds: float = 120.0
