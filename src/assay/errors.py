"""What can go wrong, told to a person.

Every error that Assay raises on purpose is an :class:`AssayError`. Its text is one sentence that says what is
wrong and, where there is something to do about it, what to do.
"""


class AssayError(Exception):
    """The root of the errors that Assay raises on purpose. ``str(error)`` is fit to show to a person."""


class UsageError(AssayError):
    """The request itself makes no sense: an unknown method, a path that does not exist."""


class MediaError(AssayError):
    """A file that cannot be examined.

    ``reason`` is one word for programs to branch on: ``missing``, ``empty``, ``unreadable``, ``unsupported``,
    ``truncated``, ``malformed``, ``too_large``, ``too_deep``, ``timeout``, ``crashed``, ``out_of_memory``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle with both arguments, so that the error crosses process borders whole."""
        return type(self), (str(self), self.reason)


class ProvenanceError(AssayError):
    """Credentials that cannot be made, kept or asked for.

    ``reason`` is one word for programs to branch on: ``key`` (unreadable, or it does not fit the certificate),
    ``passphrase``, ``certificate`` (unsuitable), ``expired``, ``authority`` (a timestamp authority or another service
    that cannot be reached or answers nonsense), ``unsupported``, ``history`` (signing would drop it), ``unwritable``,
    ``full`` (no space left), ``conflict`` (other content is kept under that name), ``too_large``, ``missing``,
    ``rejected`` (what was made does not verify).
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle with both arguments, so that the error crosses process borders whole."""
        return type(self), (str(self), self.reason)


class RegisterError(AssayError):
    """Something about a register: a log, a witness, a mirror, a receipt.

    ``reason`` is one word for programs to branch on: ``malformed`` (not in the one form that the specification
    allows), ``unsupported`` (a version, kind or algorithm that Assay does not know), ``signature`` (does not verify),
    ``proof`` (does not lead to the root), ``key`` (unreadable, unknown or not allowed), ``missing``, ``mismatch`` (the
    file is not the one of the receipt, or a tombstone is for another log), ``quorum`` (too few witnesses),
    ``conflict`` (another writer, or another size than was said), ``fork`` (two histories), ``busy`` (come again
    later), ``quota``, ``too_large``, ``forgotten``, ``unreachable``, ``unwritable``, ``full`` (no space left),
    ``damaged`` (storage holds other bytes than were written).
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle with both arguments, so that the error crosses process borders whole."""
        return type(self), (str(self), self.reason)
