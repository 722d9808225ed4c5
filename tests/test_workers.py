"""What crosses between a caller and its workers: results, errors of every kind, and a beginning that fails."""

import threading

import pytest

from assay.errors import ProvenanceError
from assay.workers import each


class Stubborn(Exception):  # noqa: N818 (an error of some library)
    """Cannot be made again from what it keeps, as many libraries' errors."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Locked(Exception):  # noqa: N818
    """Cannot be packed at all."""

    def __init__(self) -> None:
        super().__init__("held")
        self.lock = threading.Lock()


def fails(kind: str) -> str:
    if kind == "stubborn":
        raise Stubborn("this", "that")
    if kind == "locked":
        raise Locked
    if kind == "ours":
        raise ProvenanceError("The key is gone.", "key")
    return kind


def refuses(says: str) -> None:
    raise ProvenanceError(says, "passphrase")


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("stubborn", RuntimeError, "Stubborn: this and that"),
        ("locked", RuntimeError, "Locked: held"),
        ("ours", ProvenanceError, "The key is gone."),
    ],
)
def test_an_error_arrives_whether_it_can_be_packed_or_not(kind: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        list(each(fails, [kind], seconds=30))


def test_a_beginning_that_fails_says_why() -> None:
    with pytest.raises(ProvenanceError, match="does not take this PIN") as caught:
        list(each(fails, ["good"], seconds=30, begin=refuses, shared=("The token does not take this PIN.",)))
    assert caught.value.reason == "passphrase"
