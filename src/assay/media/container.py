"""What a file is made of, part by part, in the order of its bytes."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """One segment, chunk, box or block. ``offset`` and ``length`` are in bytes and include the part's own header.

    ``name`` is the format's own name for it: ``APP1``, ``IDAT``, ``ftyp``. ``note`` says in a few words what it
    holds: ``Exif``, ``XMP``, ``ICC profile``. ``depth`` is 0 for the outermost.
    """

    name: str
    offset: int
    length: int
    note: str = ""
    depth: int = 0


@dataclass(frozen=True)
class Embedded:
    """A picture within the file. ``kind`` is ``thumbnail`` (EXIF IFD1, JFIF), ``preview``, ``mpf`` (a further
    picture of a Multi-Picture file) or ``auxiliary`` (depth or gain map). ``data`` are its bytes, JPEG as a rule.
    """

    kind: str
    offset: int
    data: bytes
    note: str = ""


@dataclass(frozen=True)
class Container:
    """``end`` is the offset just past the last byte that the format gives meaning to; what follows is ``trailing``.

    ``remarks`` are departures from the format's specification that a parser noticed and lived with.
    """

    parts: tuple[Part, ...]
    end: int
    size: int
    embedded: tuple[Embedded, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @property
    def trailing(self) -> int:
        """Bytes after the end of the picture."""
        return max(0, self.size - self.end)
