"""Checkpoints in their one form."""

import pytest

from assay.errors import RegisterError
from assay.register.checkpoint import MAX_TEXT, Checkpoint
from assay.register.merkle import EMPTY

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


def test_the_example_of_the_specification() -> None:
    text = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
    checkpoint = Checkpoint.parse(text)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20852163
    assert len(checkpoint.root) == 32
    assert checkpoint.extensions == ()
    assert checkpoint.text == text


def test_extensions_are_kept() -> None:
    text = f"o\n1\n{ROOT}\nfirst\n second \n"
    assert Checkpoint.parse(text).extensions == ("first", " second ")
    assert Checkpoint.parse(text).text == text


def test_an_empty_tree_has_one_root() -> None:
    assert Checkpoint.parse(Checkpoint("o", 0, EMPTY).text).size == 0
    with pytest.raises(RegisterError, match="empty tree"):
        Checkpoint.parse(f"o\n0\n{ROOT}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n1\n",
        f"o\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n1 \n{ROOT}\n",
        f"o\n1\r\n{ROOT}\n",
        f"o\n1\n{ROOT} \n",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\n\nx\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-5]}=\n",
        "o\n1\nAAAA\n",
        f"o\n1\n{ROOT[:-2]}J=\n",
        f"o\n9223372036854775808\n{ROOT}\n",
        f"o\0\n1\n{ROOT}\n",
        f"o\x1b[2J\n1\n{ROOT}\n",
        f"o\n1\n{ROOT}\n{'x' * MAX_TEXT}\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(RegisterError) as caught:
        Checkpoint.parse(text)
    assert caught.value.reason == "malformed"
